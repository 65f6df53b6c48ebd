//! V06 old-view-message. Messages of older views are obeyed.

use super::{Bug, BugRow};
use crate::machine::Epoch;
use crate::vsr::{Mode, Rules, State, start};

struct OldViewMessage;

impl Rules for OldViewMessage {
    fn is_stale(&self, _state: &State, _view: Epoch) -> bool {
        false
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V06",
        name: "old-view-message",
        system: "vsr",
        about: "messages of older views are obeyed",
        stands_for: "openraft a80579ef (a deposed leader's late progress counted) and every protocol \
            that forgot to compare epochs",
        sees: "one index with two histories; nodes that deliver different logs",
        woken_by: "messages of an old primary that arrive after its successor began: pause, held links",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Durable, boot, &OldViewMessage, out),
};
