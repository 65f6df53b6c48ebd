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
    /// Whether it shows a judgement, so that it matters how the history is judged.
    is_judged: bool,
    write: fn(&History, &CheckOptions, &mut dyn Write) -> Result<(), ConvertError>,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "jsonl",
        is_judged: false,
        write: |history, options, mut out| Ok(write::jsonl(history, &options.meaning(), &mut out)?),
    },
    Target {
        name: "edn",
        is_judged: false,
        write: |history, options, mut out| Ok(write::edn(history, &options.meaning(), &mut out)?),
    },
    Target {
        name: "porcupine-json",
        is_judged: true,
        write: |history, options, out| {
            writeln!(out, "{}", porcupine::json(history, options)?)?;
            Ok(())
        },
    },
];

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("stdout cannot be written: {0}; free some space, or send the output elsewhere")]
    Write(#[from] io::Error),
    /// It has to be judged first and cannot be.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// Whether the format of this name shows a judgement.
pub fn is_judged(to: &str) -> bool {
    target(to).is_judged
}

fn target(to: &str) -> &'static Target {
    let target = TARGETS.iter().find(|target| target.name == to);
    target.expect("the command line knows only the formats of the table")
}

/// Writes the history to stdout in the format of this name.
pub fn convert(to: &str, history: &History, options: &CheckOptions) -> Result<u8, ConvertError> {
    let target = target(to);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = (target.write)(history, options, &mut out);
    match written.and_then(|()| Ok(out.flush()?)) {
        // Whoever read it has seen enough.
        Err(ConvertError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(EXIT_VALID),
        written => written.map(|()| EXIT_VALID),
    }
}
