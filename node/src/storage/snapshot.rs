//! The snapshot's file: `magic | crc32c u32 | zero u32 | postcard`. It is replaced as a whole, by a
//! rename; it is never written in place.

use schism_protocol::{NodeId, Snapshot};
use serde::{Deserialize, Serialize};

use super::files::Folder;
use super::{Fault, refused};

pub const NAME: &str = "snapshot";
/// Its name until it is whole and durable.
pub const NAME_UNFINISHED: &str = "snapshot.tmp";

const MAGIC: [u8; 8] = *b"schismS1";
const PREFIX_BYTES: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub node: u8,
    /// The first file of the log that is still needed with it. Older ones may be gone.
    pub first_segment: u64,
    pub snapshot: Snapshot,
}

/// The kept snapshot, if there is one.
pub fn read(folder: &dyn Folder, node: NodeId) -> Result<Option<Kept>, Fault> {
    let Some(bytes) = folder.read(NAME).map_err(refused("read", NAME))? else { return Ok(None) };
    let corrupt =
        |what: &str| Fault::Corrupt { file: NAME.to_owned(), at: 0, what: what.to_owned() };
    let kept = decode(&bytes).ok_or_else(|| corrupt("the snapshot is damaged"))?;
    if kept.node != node.0 {
        return Err(corrupt(&format!("this is the snapshot of n{}, not of {node}", kept.node)));
    }
    Ok(Some(kept))
}

/// Puts a snapshot in the place of the one before: whole and durable when this returns.
pub fn write(folder: &dyn Folder, kept: &Kept) -> Result<(), Fault> {
    let bytes = encode(kept);
    let mut file = folder.open(NAME_UNFINISHED).map_err(refused("create", NAME_UNFINISHED))?;
    file.set_len(0).map_err(refused("cut", NAME_UNFINISHED))?;
    file.write_at(0, &bytes).map_err(refused("write", NAME_UNFINISHED))?;
    file.sync_all().map_err(refused("sync", NAME_UNFINISHED))?;
    folder.rename(NAME_UNFINISHED, NAME).map_err(refused("rename", NAME_UNFINISHED))?;
    folder.sync().map_err(refused("sync the folder of", NAME))
}

fn encode(kept: &Kept) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.resize(PREFIX_BYTES, 0);
    let mut bytes =
        postcard::to_extend(kept, bytes).expect("a snapshot of plain data always has an encoding");
    let crc = crc32c::crc32c(&bytes[PREFIX_BYTES..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Kept> {
    let body = bytes.get(PREFIX_BYTES..)?;
    let crc = crc32c::crc32c(body).to_le_bytes();
    (bytes[..8] == MAGIC && bytes[8..12] == crc && bytes[12..16] == [0; 4])
        .then(|| postcard::from_bytes(body).ok())
        .flatten()
}
