//! What the binary lists is described in `docs/reference`, so that the documents stay complete.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::{Bench, json};

#[test]
fn every_name_that_is_listed_is_described() {
    let listed = json(&Bench::new().schism(&["list", "--json"]).exits(0).stdout);
    let documents = [
        ("anomalies", include_str!("../../docs/reference/verdict.md")),
        ("faults", include_str!("../../docs/reference/workload.md")),
        ("models", include_str!("../../docs/reference/history.md")),
        (
            "systems",
            concat!(
                include_str!("../../docs/internals/protocols.md"),
                include_str!("../../docs/reference/system-file.md")
            ),
        ),
    ];
    for (what, document) in documents {
        let names =
            listed[what].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
        let missing: Vec<&str> =
            names.filter(|name| !document.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{what} without a description: {missing:?}");
    }
}
