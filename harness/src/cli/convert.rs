//! `schism check FILE --to FORMAT`: a history in another format, on stdout.
//! It never judges, but for the one format that shows a judgement, and never drops an event.

use std::io::{self, BufWriter, ErrorKind, Write};

use schism_verify::history::History;
use schism_verify::history::formats::write;
use schism_verify::{CheckError, CheckOptions, porcupine};

use crate::judge::EXIT_VALID;

pub struct Target {
    /// Its name, as in `--to`.
    pub name: &'static str,
    write: fn(&History, &CheckOptions, &mut dyn Write) -> Result<(), ConvertError>,
}

pub const TARGETS: &[Target] = &[
    Target { name: "jsonl", write: |history, _, mut out| Ok(write::jsonl(history, &mut out)?) },
    Target { name: "edn", write: |history, _, mut out| Ok(write::edn(history, &mut out)?) },
    Target {
        name: "porcupine-json",
        write: |history, options, out| {
            writeln!(out, "{}", porcupine::json(history, options)?)?;
            Ok(())
        },
    },
];

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("stdout cannot be written: {0}")]
    Write(#[from] io::Error),
    /// It has to be judged first and cannot be.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// Writes the history to stdout in the format of this name.
pub fn convert(to: &str, history: &History, options: &CheckOptions) -> Result<u8, ConvertError> {
    let target = TARGETS.iter().find(|target| target.name == to);
    let target = target.expect("the command line knows only the formats of the table");
    let mut out = BufWriter::new(io::stdout().lock());
    let written = (target.write)(history, options, &mut out);
    match written.and_then(|()| Ok(out.flush()?)) {
        // Whoever read it has seen enough.
        Err(ConvertError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(EXIT_VALID),
        written => written.map(|()| EXIT_VALID),
    }
}
