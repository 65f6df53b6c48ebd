//! What PATH of `schism check PATH` is: a run, a store directory of Jepsen's, or a history file.
//! It never guesses from a file's name what is in it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use schism_verify::history::formats::{self, Format};
use schism_verify::history::{History, Note, ReadError};

use crate::store::HISTORY;

/// The history of a test in Jepsen's store directory, the best first.
const OF_JEPSEN: [&str; 2] = ["history.edn", "history.txt"];

/// What else Jepsen may have written there: proof that it is such a directory.
const SIGNS_OF_JEPSEN: [&str; 3] = ["test.jepsen", "test.fressian", "jepsen.log"];

pub enum Input {
    /// A directory with a run's history.
    Run,
    /// A file, or - for stdin.
    History(PathBuf),
}

/// Finds out. An error says what there is and what to do.
pub fn of(path: &Path) -> Result<Input> {
    if !path.is_dir() {
        return Ok(Input::History(path.to_path_buf()));
    }
    let has = |name: &&&str| path.join(name).exists();
    if let Some(name) = OF_JEPSEN.iter().find(has)
        && !path.join(HISTORY).exists()
    {
        let file = path.join(name);
        if !file.is_file() {
            bail!("{}: it is no regular file; name the file that is to be read", file.display());
        }
        return Ok(Input::History(file));
    }
    if let Some(sign) = SIGNS_OF_JEPSEN.iter().find(has) {
        bail!(
            "{}: there is Jepsen's {sign}, which is not read, but no history.edn; Jepsen writes \
             that one where it saves the results of a test",
            path.display()
        );
    }
    Ok(Input::Run)
}

/// Reads a file or stdin in blocks, in the format named or the one it looks like.
pub fn read(path: &Path, format: Option<Format>) -> Result<(Format, History, Vec<Note>)> {
    let read = if path.as_os_str() == "-" {
        formats::read(std::io::stdin().lock(), format)
    } else {
        File::open(path).map_err(ReadError::Io).and_then(|file| formats::read(file, format))
    };
    let shown = path.display();
    read.map_err(|error| match error {
        ReadError::Parse(error) => anyhow::anyhow!("{shown}:{error}"),
        ReadError::Refused(message) => anyhow::anyhow!("{shown}: {message}"),
        ReadError::Io(error) if shown.to_string() == "-" => {
            anyhow::Error::new(error).context("stdin cannot be read")
        }
        ReadError::Io(error) => {
            let what = "cannot be read; give a run directory or a history file";
            anyhow::Error::new(error).context(format!("{shown} {what}"))
        }
    })
}
