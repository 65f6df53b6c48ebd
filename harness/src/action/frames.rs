//! The messages between nodes, as far as they can be told apart, and what can be done to them.

use serde::{Deserialize, Serialize};

use super::Delay;

/// A kind of frame on the links between the nodes of a system. A frame is a length (u32, little
/// endian), its kind (u8), its epoch (u64, little endian) and a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameKind {
    /// Its first byte.
    pub kind: u8,
    /// What people call it: `append-entries`.
    pub name: String,
    /// What it can do to a decision.
    pub part: FramePart,
}

/// What the epoch in a frame's header counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Epochs {
    /// All of the cluster's: a node that moved beyond an epoch left it for good.
    #[default]
    OfAll,
    /// Those of one decision: headers compare only where there is one decision.
    OfEachDecision,
}

/// What a frame can do to a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramePart {
    /// It carries what would decide, in its epoch.
    Decides,
    /// It shows that its sender has moved to its epoch.
    Moves,
    /// Its epoch is only asked about: it shows nothing.
    Asks,
}

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
    pub fn met<'a>(&self, kinds: &'a [FrameKind]) -> Option<Vec<&'a FrameKind>> {
        frames_called(&self.kind, kinds)
    }
}

/// Of these kinds those that a word means: a name, `decides` or `any`. None: it means none.
pub fn frames_called<'a>(word: &str, kinds: &'a [FrameKind]) -> Option<Vec<&'a FrameKind>> {
    let called = kinds.iter().filter(|row| match word {
        "any" => true,
        "decides" => row.part == FramePart::Decides,
        name => row.name == name,
    });
    let called: Vec<_> = called.collect();
    (!called.is_empty()).then_some(called)
}
