//! The names a workload may use, gathered from the tables.

use crate::faults::FAULTS;
use crate::systems::{self, Catalogue, Progress};
use crate::workload::{Registry, SystemRow};

pub fn registry(catalogue: &Catalogue) -> Registry {
    let promoted = |row: &&systems::SystemRow| matches!(row.progress, Progress::Promoted { .. });
    let promoted: Vec<&str> =
        catalogue.systems.iter().filter(promoted).map(|row| row.name.as_str()).collect();
    let by_hand = format!(
        "no operator chooses who leads it; choose {}, or take the promotions out",
        promoted.join(" or ")
    );
    let systems = catalogue.systems.iter().map(|row| SystemRow {
        name: row.name.clone(),
        options: row.options.clone(),
        models: row.models,
        frames: row.frames.clone(),
        epochs: row.epochs,
        moves_on: matches!(row.progress, Progress::Majority | Progress::MajorityInMemory),
        refuses: if matches!(row.progress, Progress::Promoted { .. }) {
            Vec::new()
        } else {
            let faults = FAULTS.iter().filter(|fault| fault.by_hand);
            faults.map(|fault| (fault.name.to_owned(), by_hand.clone())).collect()
        },
    });
    Registry {
        systems: systems.collect(),
        bugs: catalogue.bugs.iter().map(|bug| (bug.id.clone(), bug.system.clone())).collect(),
        checks: schism_verify::checkers::CHECKERS.iter().map(|c| c.name.to_string()).collect(),
    }
}
