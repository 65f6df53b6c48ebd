//! What a person sees: a block of text, one page of HTML, and what machines of a CI read.
//! Renderers return strings. They write no file, read no clock and ask no terminal.
//!
//! ```text
//! schism report runs/latest
//! ```
//!
//! # Layout, in reading order
//!
//! * [`facts`]: what the events say, once for all renderers: operations, strikes, leaders.
//! * [`pictures`]: the drawings, one file each, with their table.
//! * [`terminal`]: the summary when a run has ended.
//! * [`html`]: the page; [`compare`]: several systems on one.
//! * [`junit`], [`markdown`]: for machines.
//! * [`refusals`]: why operations were refused or unanswered.
//! * [`words`]: sentences all renderers share.

pub mod compare;
pub mod facts;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod pictures;
pub mod refusals;
#[cfg(test)]
mod sample;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod words;

use std::collections::BTreeMap;

use schism_verify::history::Event;

use crate::plan::Plan;
use crate::store::verdict_file::VerdictFile;
use crate::workload::Workload;

/// Everything a renderer may look at.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub verdict: &'a VerdictFile,
    /// The history, in its order; `Anomaly::events` are their indices.
    pub events: &'a [Event],
    /// What was asked for. None: a history judged without its run.
    pub workload: Option<&'a Workload>,
    pub plan: Option<&'a Plan>,
    /// environment.json. `clock_origin_ns`, when there, is the machine's monotonic clock at time 0
    /// of the history; it places traces exactly. Without it their first line is taken for time 0.
    pub environment: &'a serde_json::Value,
    /// `trace/NODE.jsonl` as bytes by node, for those that wrote one.
    pub traces: &'a BTreeMap<String, Vec<u8>>,
    /// The run directory as a person would type it, without a slash at the end.
    pub directory: &'a str,
}
