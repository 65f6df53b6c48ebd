//! The picture of a replica by its status (paper, section 4): normal, view-change, recovering.
//! It never decides anything.

use super::state::Status;
use crate::machine::Role;
use crate::states::{Arrow, StateRow, States, When};

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

/// A replica's states where the disk keeps its log.
pub(super) const DURABLE: States = States {
    boxes: &[
        StateRow { name: VIEW_CHANGE, about: "gathers the logs for the next view" },
        StateRow { name: NORMAL, about: "orders, or acknowledges" },
    ],
    arrows: &[
        Arrow { from: None, to: NORMAL, on: "starts up or recovers", when: When::Any },
        Arrow {
            from: None,
            to: VIEW_CHANGE,
            on: "recovers as primary, or between views",
            when: When::Any,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: NORMAL,
            on: "primary: has the logs of a quorum",
            when: When::As(Role::Leader),
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: NORMAL,
            on: "the primary has begun the view",
            when: When::Any,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: VIEW_CHANGE,
            on: "view change times out",
            when: When::Timeout,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: VIEW_CHANGE,
            on: "hears of a later view",
            when: When::LaterEpoch,
        },
        Arrow {
            from: Some(NORMAL),
            to: VIEW_CHANGE,
            on: "suspects primary failure",
            when: When::Timeout,
        },
        Arrow {
            from: Some(NORMAL),
            to: VIEW_CHANGE,
            on: "others change the view",
            when: When::Any,
        },
        Arrow {
            from: Some(NORMAL),
            to: NORMAL,
            on: "learns that a later view has begun",
            when: When::LaterEpoch,
        },
    ],
};

/// A replica's states where a crash takes everything.
pub(super) const IN_MEMORY: States = States {
    boxes: &[
        StateRow { name: RECOVERING, about: "asks the others what it knew" },
        StateRow { name: VIEW_CHANGE, about: "gathers the logs for the next view" },
        StateRow { name: NORMAL, about: "orders, or acknowledges" },
    ],
    arrows: &[
        Arrow { from: None, to: RECOVERING, on: "starts up or recovers", when: When::Any },
        Arrow {
            from: Some(RECOVERING),
            to: NORMAL,
            on: "a quorum has answered, its primary too",
            when: When::Any,
        },
        Arrow {
            from: Some(RECOVERING),
            to: VIEW_CHANGE,
            on: "hears of a view that is to begin",
            when: When::Any,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: NORMAL,
            on: "primary: has the logs of a quorum",
            when: When::As(Role::Leader),
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: NORMAL,
            on: "the primary has begun the view",
            when: When::Any,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: VIEW_CHANGE,
            on: "view change times out",
            when: When::Timeout,
        },
        Arrow {
            from: Some(VIEW_CHANGE),
            to: VIEW_CHANGE,
            on: "hears of a later view",
            when: When::LaterEpoch,
        },
        Arrow {
            from: Some(NORMAL),
            to: VIEW_CHANGE,
            on: "suspects primary failure",
            when: When::Timeout,
        },
        Arrow {
            from: Some(NORMAL),
            to: VIEW_CHANGE,
            on: "others change the view",
            when: When::Any,
        },
        Arrow {
            from: Some(NORMAL),
            to: NORMAL,
            on: "learns that a later view has begun",
            when: When::LaterEpoch,
        },
    ],
};
