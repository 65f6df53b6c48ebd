//! System files as `schism list systems` shows them: what is installed here, with its version, and
//! what is not, with the command that would install it.

use schism_facts::Catalogue;
use serde_json::{Value, json};

use crate::systems::{FileSystem, System};
use crate::workload::{self, SystemFile};
use crate::worlds;

/// A system file and what of it is here.
pub struct Installed {
    /// What workloads say.
    pub name: String,
    /// One line for people.
    pub line: String,
    /// The same for programs.
    pub json: Value,
}

/// Every system file that has a name.
pub fn systems(catalogue: &Catalogue) -> Vec<Installed> {
    let one = |known: workload::Known| match known.file {
        Ok(file) => described(known.name, file, catalogue),
        Err(why) => {
            let json = json!({"name": known.name, "about": why, "installed": false});
            Installed { name: known.name, line: format!("cannot be read: {why}"), json }
        }
    };
    workload::system_files(catalogue).into_iter().map(one).collect()
}

fn described(name: String, file: SystemFile, catalogue: &Catalogue) -> Installed {
    let missing_client = file.missing_client(catalogue).map(str::to_owned);
    let SystemFile { about, serves, network, install, .. } = file.clone();
    let system = FileSystem::new(file);
    let found = system.find();
    let version = found.is_ok().then(|| system.version()).flatten();
    let version = version.and_then(|command| worlds::first_line(&command).ok());
    let here = match (&found, &version, &install) {
        (Ok(()), Some(version), _) => format!("here: {version}"),
        (Ok(()), None, _) => "here".to_owned(),
        (Err(_), _, Some(install)) => format!("not here: {install}"),
        (Err(why), _, None) => why.clone(),
    };
    let client = missing_client.as_ref();
    let client = client.map(|name| format!("; no client here speaks `{name}` yet"));
    let line = format!(
        "{about} (serves {}; network {}; {here}{})",
        serves.join(", "),
        network.word(),
        client.unwrap_or_default()
    );
    let json = json!({
        "name": name,
        "about": about,
        "serves": serves,
        "network": network.word(),
        "installed": found.is_ok(),
        "version": version,
        "install": install,
        "missing": found.err(),
        "missing_client": missing_client,
    });
    Installed { name, line, json }
}
