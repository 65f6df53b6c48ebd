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
//! use schism_verify::history::Value;
//! use schism_verify::{Call, CheckOptions, History, Spec, check_model};
//!
//! /// Remembers the greatest number it was ever given.
//! #[derive(Clone)]
//! struct Maximum;
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! enum Op {
//!     Offer(i64),
//!     Read(i64),
//! }
//!
//! impl Spec for Maximum {
//!     type State = i64;
//!     type Op = Op;
//!
//!     fn initial(&self) -> i64 {
//!         0
//!     }
//!
//!     fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
//!         match (call.f(), call.argument(), call.answer()) {
//!             // An offer that failed never happened.
//!             ("offer", _, _) if call.failed() => Ok(None),
//!             ("offer", Some(Value::Int(number)), _) => Ok(Some(Op::Offer(*number))),
//!             ("read", _, Some(Value::Int(number))) => Ok(Some(Op::Read(*number))),
//!             ("read", _, None) => Ok(None), // a read without an answer says nothing
//!             _ => call.stranger(&["offer", "read"]),
//!         }
//!     }
//!
//!     fn step(&self, state: &i64, op: &Op) -> Option<i64> {
//!         match op {
//!             Op::Offer(number) => Some(*state.max(number)),
//!             Op::Read(number) => (number == state).then_some(*state),
//!         }
//!     }
//!
//!     fn only_reads(&self, op: &Op) -> bool {
//!         matches!(op, Op::Read(_))
//!     }
//!
//!     fn show(&self, state: &i64) -> String {
//!         state.to_string()
//!     }
//! }
//!
//! let mut record = History::builder();
//! record.invoke(0, "offer").value = Some(3.into());
//! record.ok(0);
//! record.invoke(1, "read");
//! record.ok(1).value = Some(0.into());
//! let history = record.finish().unwrap();
//!
//! let result = check_model(&Maximum, &history, &CheckOptions::default()).unwrap();
//! assert_eq!(result.verdict.word(), "violated");
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
pub mod porcupine;
pub mod progress;
pub mod recovery;
mod stopwatch;
pub mod verdict;

pub use budget::Budget;
pub use checkers::linearizable::{
    CheckError, CheckOptions, FailedCas, check, check_model, monitor,
};
pub use checkers::{CheckResult, CommitQuorum, Monitor, Traces};
pub use evidence::{Acks, Evidence, Settings};
pub use history::History;
pub use judge::{doubts, judge, overall};
pub use models::spec::{Call, Spec};
