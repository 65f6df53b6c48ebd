//! The pictures of a report, one file each. This is their table.

pub mod axis;
pub mod elastic;
pub mod latency;
pub mod leaders;
pub mod text;
pub mod throughput;
pub mod timeline;

use schism_verify::verdict::Anomaly;

use super::facts::Facts;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The whole run; the anomaly given to it is None.
    Run,
    /// The moments round one anomaly.
    Anomaly,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Drawing {
    /// The `<svg>` element.
    pub svg: String,
    /// What a reader must know to trust it: what was left out, where the scale changes.
    pub note: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Its name, also its id on the page.
    pub name: &'static str,
    pub title: &'static str,
    pub place: Place,
    /// What its colours mean: class of the swatch, words.
    pub legend: &'static [(&'static str, &'static str)],
    /// Draws it; None when the run has nothing to show in it.
    pub draw: fn(&Facts<'_>, Option<&Anomaly>) -> Option<Drawing>,
}

/// Every picture, in the order of the page.
pub const PICTURES: &[Picture] = &[
    Picture {
        name: "timeline",
        title: "The operations that prove it",
        place: Place::Anomaly,
        legend: PROOF,
        draw: timeline::draw,
    },
    Picture {
        name: "moment",
        title: "Who led around it",
        place: Place::Anomaly,
        legend: LANES,
        draw: leaders::draw_around,
    },
    Picture {
        name: "leaders",
        title: "Leaders and faults",
        place: Place::Run,
        legend: LANES,
        draw: leaders::draw,
    },
    Picture {
        name: "throughput",
        title: "Throughput",
        place: Place::Run,
        legend: OUTCOMES,
        draw: throughput::draw,
    },
    Picture {
        name: "latency",
        title: "Latency",
        place: Place::Run,
        legend: LATENCIES,
        draw: latency::draw,
    },
];

const PROOF: &[(&str, &str)] = &[
    ("offender", "where it shows"),
    ("witness", "what proves it"),
    ("neighbour", "others at the time"),
];

const LANES: &[(&str, &str)] = &[
    ("leadership", "leader, a colour per epoch"),
    ("seeks", "candidate"),
    ("down", "down"),
    ("paused", "paused"),
    ("apart", "cut off"),
    ("idle", "a fault without effect"),
    ("stall", "the machine itself stood still"),
];

const OUTCOMES: &[(&str, &str)] =
    &[("ok", "ok"), ("fail", "fail: it did not happen"), ("info", "info: nobody knows")];

const LATENCIES: &[(&str, &str)] = &[
    ("ok", "ok"),
    ("fail", "fail"),
    ("info", "info"),
    ("quantile p50", "p50 of ok"),
    ("quantile p99", "p99 of ok"),
];
