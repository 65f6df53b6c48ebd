//! The names a workload may use, gathered from the tables.

use crate::systems::Catalogue;
use crate::workload::{Registry, SystemRow};

/// Systems, bugs and checks by name.
pub fn registry(catalogue: &Catalogue) -> Registry {
    let systems = catalogue.systems.iter().map(|row| SystemRow {
        name: row.name.clone(),
        options: row.options.clone(),
        serves: row.serves,
        frames: row.frames.clone(),
        epochs: row.epochs,
        refuses: Vec::new(),
    });
    Registry {
        systems: systems.collect(),
        bugs: catalogue.bugs.iter().map(|bug| (bug.id.clone(), bug.system.clone())).collect(),
        checks: schism_verify::checkers::CHECKERS.iter().map(|c| c.name.to_string()).collect(),
    }
}
