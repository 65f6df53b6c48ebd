//! The messages between nodes, as far as they can be told apart, and what can be done to them.

use schism_facts::{FramePart, FrameRow};
use serde::{Deserialize, Serialize};

use super::Delay;

/// What is done to which frames.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Meddling {
    /// The name of a kind of frame of the system, `decides` (all that carry what would decide), or
    /// `any`.
    pub kind: String,
    /// The share of these frames that is met.
    pub probability: f64,
    /// What becomes of them.
    pub what: FrameFate,
}

/// What becomes of a frame.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameFate {
    /// It vanishes; those behind it go on. Outside TCP's promises.
    Drop,
    /// It comes twice. Outside TCP's promises.
    Duplicate,
    /// It lets a few of those behind it pass. Outside TCP's promises.
    Reorder,
    /// It waits, and all behind it on its flow with it.
    Hold(Until),
}

/// How long a held frame waits. At the heal every wait ends.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Until the heal.
    Heal,
    /// Until its receiver has sent a frame of a greater epoch that it has itself moved to, on
    /// whichever flow: then the held one decides nothing any more.
    Moved,
    /// For a time drawn from this.
    Delay(Delay),
}

impl Meddling {
    /// Whether no progress may be demanded of a system that meets this.
    pub fn withholds(&self) -> bool {
        matches!(self.what, FrameFate::Drop | FrameFate::Hold(Until::Heal | Until::Moved))
    }

    /// The kinds that it meets; None for a name that is none of theirs.
    pub fn met<'a>(&self, kinds: &'a [FrameRow]) -> Option<Vec<&'a FrameRow>> {
        frames_called(&self.kind, kinds)
    }
}

/// Of these kinds those that a word means: a name, `decides` or `any`. None: it means none.
pub fn frames_called<'a>(word: &str, kinds: &'a [FrameRow]) -> Option<Vec<&'a FrameRow>> {
    let called = kinds.iter().filter(|row| match word {
        "any" => true,
        "decides" => row.part == FramePart::Decides,
        name => row.name == name,
    });
    let called: Vec<_> = called.collect();
    (!called.is_empty()).then_some(called)
}
