//! The traces of a run's nodes, parsed once for all who judge by them.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use super::trace::{self, Said};
use crate::history::order::Names;

/// `trace/NODE.jsonl` by node, as bytes.
#[derive(Clone, Debug, Default)]
pub struct TraceFiles {
    files: BTreeMap<String, Vec<u8>>,
    /// What each says, or why it cannot be read.
    said: OnceLock<BTreeMap<String, Result<Vec<Said>, String>>>,
}

impl TraceFiles {
    /// What each node's trace says, or why it cannot be read.
    pub(crate) fn said(&self) -> &BTreeMap<String, Result<Vec<Said>, String>> {
        self.said.get_or_init(|| {
            let mut names = Names::default();
            let mut parse = |node: &str, bytes: &[u8]| trace::parse(node, bytes, &mut names);
            self.files.iter().map(|(node, bytes)| (node.clone(), parse(node, bytes))).collect()
        })
    }

    /// The same, where all can be read.
    pub(crate) fn all_said(&self) -> Result<BTreeMap<&str, &[Said]>, String> {
        let mut all = BTreeMap::new();
        for (node, said) in self.said() {
            all.insert(node.as_str(), said.as_ref().map_err(String::clone)?.as_slice());
        }
        Ok(all)
    }
}

impl FromIterator<(String, Vec<u8>)> for TraceFiles {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        TraceFiles { files: files.into_iter().collect(), said: OnceLock::new() }
    }
}

impl<const N: usize> From<[(String, Vec<u8>); N]> for TraceFiles {
    fn from(files: [(String, Vec<u8>); N]) -> Self {
        files.into_iter().collect()
    }
}

impl DerefMut for TraceFiles {
    /// What was read of them is forgotten.
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.said = OnceLock::new();
        &mut self.files
    }
}

impl Deref for TraceFiles {
    type Target = BTreeMap<String, Vec<u8>>;

    fn deref(&self) -> &Self::Target {
        &self.files
    }
}
