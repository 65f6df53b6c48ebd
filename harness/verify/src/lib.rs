//! Judging histories of replicated objects: pure functions from evidence to verdict.
//!
//! It never reads a clock (but for the time budget it is given), opens a socket or starts a
//! process. Everything that decides truth is here, and nothing else is.
//!
//! # A history of your own
//!
//! Read it from text in any format of [`history::formats`] ([`History::parse`], or
//! [`History::read`] for a file of any size), or make it in memory:
//!
//! ```
//! use schism_verify::verdict::Verdict;
//! use schism_verify::{CheckOptions, History, check};
//!
//! let mut record = History::builder();
//! record.invoke(0, "append").value = Some("a".into());
//! record.ok(0).set_offset(Some(0));
//! record.invoke(1, "read"); // asked after the append was acknowledged
//! record.ok(1).value = Some(schism_verify::history::Value::List([].into()));
//! let history = record.finish().unwrap();
//!
//! let result = check(&history, &CheckOptions::default()).unwrap();
//! assert_eq!(result.model, Some("log")); // recognised by its operations
//! let Verdict::Violated(anomalies) = &result.verdict else { panic!("it must be") };
//! assert_eq!(anomalies[0].kind.name(), "stale-read");
//! assert!(anomalies[0].explanation.contains("was told of length 0"));
//! let proof: Vec<_> =
//!     anomalies[0].events.iter().filter_map(|&index| history.position(index)).collect();
//! assert_eq!(proof, [0, 1, 2, 3]); // places in history.events()
//!
//! // The same as JSON lines.
//! let text = r#"{"process":0,"type":"invoke","f":"append","value":"a"}
//! {"process":0,"type":"ok","f":"append","offset":0}
//! {"process":1,"type":"invoke","f":"read"}
//! {"process":1,"type":"ok","f":"read","value":[]}"#;
//! let (parsed, notes) = History::parse(text.as_bytes()).unwrap();
//! assert_eq!((parsed, notes.len()), (history, 0));
//! ```
//!
//! # A model of your own
//!
//! Say what operations mean by implementing [`Spec`], and judge with [`check_model`]:
//!
//! ```
#![doc = include_str!("../examples/own_model.rs")]
//! ```
//!
//! # Layout, in reading order
//!
//! * [`history`]: what clients and the nemesis did: events, and reading them from files.
//! * [`models`]: what operations mean: typed operations from events.
//! * [`checkers`]: one promise each: what it asks of the evidence, and the table of all.
//! * [`evidence`]: what there is to judge, what is asked of it, and reading what nodes wrote.
//! * [`mod@judge`]: evidence and settings in, findings out.
//! * [`budget`]: what a check may spend; `minimize`: how it makes a proof small.
//! * [`progress`]: how far a check is, for whoever watches.
//! * [`recovery`]: how long the system took to come back, for reports.
//! * [`notation`]: histories as text, and operations drawn for people.
//! * [`porcupine`]: a judged history for another tool's page.
//! * [`verdict`]: what a judge may say.

// Names say what most fields and variants are; what needs a sentence has one.
#![allow(missing_docs)]

pub mod budget;
pub mod checkers;
pub mod evidence;
pub mod history;
pub mod judge;
mod minimize;
pub mod models;
pub mod notation;
mod parallel;
pub mod porcupine;
pub mod progress;
pub mod recovery;
pub mod verdict;

pub use budget::Budget;
pub use checkers::linearizable::{
    CheckError, CheckOptions, FailedCas, check, check_model, monitor,
};
pub use checkers::{CheckResult, Monitor};
pub use evidence::{Evidence, Settings};
pub use history::History;
pub use judge::{doubts, judge, overall};
pub use models::spec::{Call, Spec};
pub use schism_facts::{Acks, CommitQuorum, Traces};
