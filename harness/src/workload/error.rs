//! Why a workload cannot be run: the place, what was found, what was meant.
//! It never wraps the first line; `FILE:LINE:COL: message` is for editors to jump to.

/// A mistake in a workload or in what the command line changed in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct WorkloadError {
    /// `FILE:LINE:COL`, the flag (`--set nodes=five`), or the file's name.
    pub place: String,
    /// What was found, and what was meant.
    pub message: String,
    /// The line with a marker under the mistake; empty where there is none.
    pub snippet: String,
}
