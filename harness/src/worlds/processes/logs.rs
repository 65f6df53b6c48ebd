//! What nodes write to stdout and stderr, kept to its two ends: where it began, and what came last.
//! A node that never stops talking fills no disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};

/// What is kept of each end.
pub(super) const END_BYTES: u64 = 4 << 20;
/// Holes are made in whole pieces: less often, and aligned to every filesystem's blocks.
const PIECE_BYTES: u64 = 1 << 20;

/// The files of one run.
#[derive(Clone, Debug)]
pub(super) struct Logs(pub(super) Vec<PathBuf>);

impl Logs {
    /// Gives the disk back what stands between the ends, while nodes go on writing. Where the
    /// filesystem cannot, the files are cut at the end of the run.
    pub(super) fn thin(&self) {
        for path in &self.0 {
            // A file that is not there yet, or no filesystem for holes: nothing is lost.
            let _ = thin(path);
        }
    }

    /// Leaves the two ends, and a line between them. Nobody may write any more.
    pub(super) fn cut(&self) {
        for path in &self.0 {
            // The file stays as it is.
            let _ = cut(path);
        }
    }
}

/// How long a file is that is too long.
fn excess(path: &Path) -> io::Result<Option<u64>> {
    let about = fs::symlink_metadata(path)?;
    let length = about.len();
    Ok((about.is_file() && length >= 2 * END_BYTES + PIECE_BYTES).then_some(length))
}

fn thin(path: &Path) -> io::Result<()> {
    let Some(length) = excess(path)? else { return Ok(()) };
    let end = (length - END_BYTES) / PIECE_BYTES * PIECE_BYTES;
    let file = OpenOptions::new().write(true).open(path)?;
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(&file, hole, END_BYTES.cast_signed(), (end - END_BYTES).cast_signed())?)
}

fn cut(path: &Path) -> io::Result<()> {
    let Some(length) = excess(path)? else { return Ok(()) };
    let mut whole = File::open(path)?;
    let fresh = path.with_extension("log.cut");
    let mut out = OpenOptions::new().write(true).create_new(true).open(&fresh)?;
    let written = (|| {
        io::copy(&mut (&mut whole).take(END_BYTES), &mut out)?;
        let left_out = length - 2 * END_BYTES;
        write!(out, "\n\n... schism left out {left_out} bytes here ...\n\n")?;
        whole.seek(SeekFrom::Start(length - END_BYTES))?;
        io::copy(&mut (&mut whole).take(END_BYTES), &mut out)?;
        fs::rename(&fresh, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_that_grows_for_ever_keeps_its_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        let logs = Logs(vec![path.clone(), folder.path().join("missing.log")]);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writeln!(file, "the first line").unwrap();
        let line = vec![b'x'; 1 << 20];
        for number in 0..40 {
            file.write_all(&line).unwrap();
            writeln!(file, "\nline {number}").unwrap();
            logs.thin();
            logs.thin();
        }
        let about = fs::metadata(&path).unwrap();
        assert!(about.len() > 40 << 20, "whoever appends goes on");
        let kept = about.blocks() * 512;
        assert!(kept < 2 * END_BYTES + 4 * PIECE_BYTES, "{kept} bytes on the disk");
        drop(file);
        logs.cut();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("the first line\n") && text.ends_with("\nline 39\n"));
        assert!(text.contains("schism left out ") && !text.contains('\0'));
        assert!(text.len() as u64 <= 2 * END_BYTES + 100);
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "no helper file is left");
    }

    #[test]
    fn a_short_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        fs::write(&path, "short\n").unwrap();
        let logs = Logs(vec![path.clone()]);
        logs.thin();
        logs.cut();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
    }
}
