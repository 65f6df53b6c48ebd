//! What must hold of every reader, whatever bytes it is given: it never panics, an error says where
//! and what, and what was understood reads back the same after it was written.
//!
//! One function each. The fuzzers of `fuzz_targets` call them on nightly; `tests/quick/fuzz.rs` calls the
//! same functions on every test run. They never read files.
//!
//! ```text
//! cargo install cargo-fuzz && cargo +nightly fuzz run jsonl
//! cargo test -p schism --test quick fuzz
//! ```

use bytes::Bytes;
use schism::workload::{Overrides, from_text};
use schism_facts::{BugRow, Catalogue, SystemRow};
use schism_protocol::raft::message::Message;
use schism_protocol::wire::Wire;
use schism_verify::History;
use schism_verify::history::formats::{self, Format, write};

/// Takes any bytes; panics where something that must hold does not.
type Target = fn(&[u8]);

/// Every reader, by the name of its folder in `corpus/`.
#[allow(dead_code)] // the fuzzers name theirs
pub const TARGETS: &[(&str, Target)] = &[
    ("jsonl", jsonl),
    ("edn", edn),
    ("json_array", json_array),
    ("porcupine_register", porcupine_register),
    ("porcupine_kv", porcupine_kv),
    ("workload", workload),
    ("wire", wire),
];

/// Our own JSON lines.
pub fn jsonl(bytes: &[u8]) {
    if let Some(history) = parsed(Format::Jsonl, bytes) {
        let (_, read, _) = formats::read(bytes, Some(Format::Jsonl)).expect("it was just parsed");
        assert_eq!(read, history, "a stream says what its bytes say");
    }
}

/// Jepsen's EDN.
pub fn edn(bytes: &[u8]) {
    if let Some(history) = parsed(Format::Edn, bytes) {
        let mut text = Vec::new();
        write::edn(&history, &mut text).expect("memory takes everything");
        let (again, _) = formats::edn::parse(&text).expect("what we write can be read");
        assert_eq!(again.operations(), history.operations(), "no operation is lost or changed");
    }
}

/// A JSON array.
pub fn json_array(bytes: &[u8]) {
    parsed(Format::JsonArray, bytes);
}

/// Porcupine's log of a register.
pub fn porcupine_register(bytes: &[u8]) {
    parsed(Format::PorcupineRegister, bytes);
}

/// Porcupine's log of a key-value store.
pub fn porcupine_kv(bytes: &[u8]) {
    parsed(Format::PorcupineKv, bytes);
}

/// A workload file.
pub fn workload(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let bug = BugRow { id: "raft-vote-twice", system: "raft", ..BugRow::default() };
    let catalogue = Catalogue { systems: vec![SystemRow::new("raft", "")], bugs: vec![bug] };
    if let Err(error) = from_text("w.yaml", text, &Overrides::default(), &catalogue) {
        assert!(!error.to_string().is_empty(), "an error says something");
    }
}

/// A frame between two nodes.
pub fn wire(bytes: &[u8]) {
    if let Ok(message) = Message::decode(Bytes::copy_from_slice(bytes)) {
        let again = Message::decode(message.encode()).expect("what we write can be read");
        assert_eq!(again, message, "a message says the same after it travelled");
    }
}

/// The history, which must read back the same from JSON lines; None: it is none, and the error
/// names a line that is there.
fn parsed(format: Format, bytes: &[u8]) -> Option<History> {
    let history = match (format.row().parse)(bytes) {
        Ok((history, _)) => history,
        Err(error) => {
            let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            assert!(!error.message.is_empty(), "an error says something");
            return None;
        }
    };
    let mut text = Vec::new();
    write::jsonl(&history, &mut text).expect("memory takes everything");
    let (again, _) = History::parse(&text).expect("what we write can be read");
    assert_eq!(again, history, "a history reads back the same");
    Some(history)
}
