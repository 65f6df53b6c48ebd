//! YAML to Workload, errors with file, line and column.

use super::builtin::Source;
use super::{Overrides, Registry, Workload, WorkloadError};

pub(super) fn parse(
    source: &Source,
    overrides: &Overrides,
    registry: &Registry,
) -> Result<Workload, WorkloadError> {
    let _ = (&source.text, &source.name, overrides, registry);
    Err(WorkloadError {
        place: source.file.clone(),
        message: "not readable yet".to_owned(),
        snippet: String::new(),
    })
}

impl Workload {
    /// The workload in the form of its file, every default written out.
    pub fn to_yaml(&self) -> String {
        format!("about: {}\n", self.about)
    }
}
