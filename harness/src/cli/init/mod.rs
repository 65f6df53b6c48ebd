//! `schism init`: the files with which a user tests a system of his own. They are written once;
//! what is there already stays.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::screen;
use crate::judge::EXIT_VALID;

/// Write the files to test a system of your own: how it is started, what is broken, a client
#[derive(clap::Args)]
#[command(after_help = "Example: schism init --client python my-test\n\n\
    Exit codes: 0 written, 2 a file is there already, or cannot be written.")]
pub struct Args {
    /// Where to; it is made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The language of the client
    #[arg(long, value_enum, default_value_t = Language::Python)]
    client: Language,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Python,
    Go,
    Shell,
}

impl Language {
    /// The client's name, and what is in it.
    fn client(self) -> (&'static str, &'static str) {
        match self {
            Language::Python => ("client.py", include_str!("../../../examples/client.py")),
            Language::Go => ("client.go", include_str!("../../../examples/client.go")),
            Language::Shell => ("client.sh", include_str!("../../../examples/client.sh")),
        }
    }

    /// The command that starts it, as `system.yaml` has it, and what must be done before.
    fn command(self) -> (&'static str, Option<&'static str>) {
        match self {
            Language::Python => ("python3, ./client.py", None),
            Language::Go => ("./client", Some("go build -o client client.go")),
            Language::Shell => ("bash, ./client.sh", None),
        }
    }
}

pub fn main(args: &Args) -> anyhow::Result<u8> {
    let (command, before) = args.client.command();
    let (client, text) = args.client.client();
    let system = include_str!("system.yaml").replace("{CLIENT}", command);
    let files = [
        ("system.yaml", system.as_str()),
        ("faults.yaml", include_str!("faults.yaml")),
        (client, text),
    ];
    let folder = &args.folder;
    // All or none: who has one of them has begun already.
    if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        bail!("{} is there already; name another folder", folder.join(name).display());
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for (name, text) in files {
        write_new(&folder.join(name), text)?;
    }
    let of = |name: &str| folder.join(name).display().to_string();
    let before = before.map(|command| format!("(cd {} && {command}) && ", folder.display()));
    screen::show(&format!(
        "{}  how a node is started: put your command there\n\
         {}  what is asked and broken\n\
         {}  carries one operation to a node: put your driver in the place of `ask`\n\n\
         next: {}schism run {}\n",
        of("system.yaml"),
        of("faults.yaml"),
        of(client),
        before.unwrap_or_default(),
        of("faults.yaml")
    ));
    Ok(EXIT_VALID)
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!("{} is there already", path.display()),
        _ => anyhow::anyhow!("{} cannot be written: {error}", path.display()),
    })
}
