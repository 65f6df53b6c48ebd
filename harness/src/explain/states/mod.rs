//! A node as a state machine, and which of its arrows were taken in this run. The boxes and arrows
//! are data from the system's row; the story says who went where, and when.

mod layout;
pub mod picture;
pub mod text;

use schism_protocol as theirs;
pub use theirs::StateRow;

use super::millis;
use super::steps::Step;

#[derive(Clone, PartialEq, Debug, Default)]
pub struct States {
    /// The boxes, from left to right.
    pub boxes: Vec<StateRow>,
    pub arrows: Vec<Arrow>,
    /// Every arrow that a node went along, by time.
    pub taken: Vec<Taken>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrow {
    /// From which box; None: from the start of the process.
    pub from: Option<usize>,
    pub to: usize,
    pub on: &'static str,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    pub arrow: usize,
    /// Who: 1 is n1.
    pub node: u8,
    pub at_ns: u64,
    /// In which of the nine steps, if in one.
    pub step: Option<Step>,
}

/// What an arrow that was taken says of the run.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mark {
    /// `n1 at 173.9 ms, 3×`: who took it first, and how often it was taken.
    when: String,
    /// The step of the first time.
    step: Option<Step>,
}

impl States {
    /// A row's picture of a node, no arrow taken.
    pub fn of(row: &theirs::States) -> States {
        let place = |name: &str| {
            let place = row.boxes.iter().position(|state| state.name == name);
            place.expect("an arrow is between boxes of its picture")
        };
        let arrow = |arrow: &theirs::Arrow| Arrow {
            from: arrow.from.map(place),
            to: place(arrow.to),
            on: arrow.on,
        };
        let arrows = row.arrows.iter().map(arrow).collect();
        States { boxes: row.boxes.to_vec(), arrows, taken: Vec::new() }
    }

    /// None: nobody took it.
    fn mark(&self, arrow: usize) -> Option<Mark> {
        let mut taken = self.taken.iter().filter(|taken| taken.arrow == arrow);
        let first = taken.next()?;
        let times = match taken.count() {
            0 => String::new(),
            more => format!(", {}×", more + 1),
        };
        let when = format!("n{} at {} ms{times}", first.node, millis(first.at_ns));
        Some(Mark { when, step: first.step })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::steps::INITIALISATION;
    use super::*;

    /// So many boxes, and arrows between them.
    pub(crate) fn machine(boxes: usize, arrows: &[(usize, usize)]) -> States {
        let arrow = |&(from, to): &(usize, usize)| Arrow { from: Some(from), to, on: "it" };
        States {
            boxes: vec![StateRow { name: "", about: "" }; boxes],
            arrows: arrows.iter().map(arrow).collect(),
            taken: Vec::new(),
        }
    }

    /// Idle and busy; nobody was bored.
    pub(crate) fn toy() -> States {
        let state = |name, about| StateRow { name, about };
        let arrow = |from, to, on| Arrow { from, to, on };
        let taken = |arrow, node, at_ns, step| Taken { arrow, node, at_ns, step };
        States {
            boxes: vec![state("idle", "is idle"), state("busy", "is busy")],
            arrows: vec![
                arrow(None, 0, "wakes up"),
                arrow(Some(0), 1, "is asked"),
                arrow(Some(1), 0, "is bored"),
            ],
            taken: vec![
                taken(0, 2, 1_500_000, Some(INITIALISATION)),
                taken(0, 1, 2_000_000, None),
                taken(0, 3, 3_000_000, None),
                taken(1, 1, 7_000_000, None),
            ],
        }
    }
}
