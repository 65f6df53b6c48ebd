//! Queues that keep their order: every acknowledged message was received once the queue was
//! drained. That it was received in its order is for `linearizable` to say.

use super::note;
use crate::checkers::CheckResult;
use crate::checkers::messages::Tally;
use crate::checkers::told::Told;
use crate::evidence::{Evidence, Settings};

pub(super) fn find(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let tally = Tally::of(&evidence.history, settings);
    let mut told = Told::default();
    let losses = tally.losses(&mut told);
    let mut notes = note(losses.lost, losses.acknowledged, "messages");
    notes.extend(losses.notes);
    let found = CheckResult::weigh(losses.acknowledged, told.into_anomalies(), losses.doubts);
    CheckResult { lost: Some(losses.lost), notes, ..found }
}
