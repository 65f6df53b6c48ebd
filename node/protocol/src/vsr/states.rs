//! The picture of a replica by its status (paper, section 4): normal, view-change, recovering.
//! It never decides anything.

use super::state::Status;
use crate::machine::Role;
use crate::states::{Arrow, States, When, arrow, start, state};

const NORMAL: &str = "normal";
const VIEW_CHANGE: &str = "view-change";
const RECOVERING: &str = "recovering";

/// The word for a status.
pub(super) fn of(status: Status) -> &'static str {
    match status {
        Status::Normal => NORMAL,
        Status::ViewChange => VIEW_CHANGE,
        Status::Recovering => RECOVERING,
    }
}

/// What a view change is, wherever the log is kept.
const CHANGES: [Arrow; 7] = [
    arrow(VIEW_CHANGE, NORMAL, "primary: has the logs of a quorum").when(When::As(Role::Leader)),
    arrow(VIEW_CHANGE, NORMAL, "the primary has begun the view"),
    arrow(VIEW_CHANGE, VIEW_CHANGE, "view change times out").when(When::Timeout),
    arrow(VIEW_CHANGE, VIEW_CHANGE, "hears of a later view").when(When::LaterEpoch),
    arrow(NORMAL, VIEW_CHANGE, "suspects primary failure").when(When::Timeout),
    arrow(NORMAL, VIEW_CHANGE, "others change the view"),
    arrow(NORMAL, NORMAL, "learns that a later view has begun").when(When::LaterEpoch),
];

/// A replica's states where the disk keeps its log.
pub(super) const DURABLE: States = States {
    boxes: &[
        state(VIEW_CHANGE, "gathers the logs for the next view"),
        state(NORMAL, "orders, or acknowledges"),
    ],
    arrows: &[
        start(NORMAL, "starts up or recovers"),
        start(VIEW_CHANGE, "starts as primary, or between views"),
        CHANGES[0],
        CHANGES[1],
        CHANGES[2],
        CHANGES[3],
        CHANGES[4],
        CHANGES[5],
        CHANGES[6],
    ],
};

/// A replica's states where a crash takes everything.
pub(super) const IN_MEMORY: States = States {
    boxes: &[
        state(RECOVERING, "asks the others what it knew"),
        state(VIEW_CHANGE, "gathers the logs for the next view"),
        state(NORMAL, "orders, or acknowledges"),
    ],
    arrows: &[
        start(RECOVERING, "starts up or recovers"),
        arrow(RECOVERING, NORMAL, "a quorum has answered, its primary too"),
        arrow(RECOVERING, VIEW_CHANGE, "hears of a view that is to begin"),
        CHANGES[0],
        CHANGES[1],
        CHANGES[2],
        CHANGES[3],
        CHANGES[4],
        CHANGES[5],
        CHANGES[6],
    ],
};
