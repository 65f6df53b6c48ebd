//! Anomalies told one by one, but only so many of a kind: a broken run repeats itself by the
//! thousand, and nobody reads more. It never drops a kind.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::verdict::{Anomaly, Kind};

/// So many of one kind are told; the last of them says how many more there were.
const TOLD_MAX: u64 = 10;

#[derive(Default)]
pub(crate) struct Told {
    anomalies: Vec<Anomaly>,
    /// Places of those that may yet get a finer kind: they count once their kind is sure.
    open: Vec<usize>,
    counts: BTreeMap<Kind, u64>,
}

impl Told {
    /// One more. Returns its place if it is told.
    pub fn add(&mut self, anomaly: Anomaly) -> Option<usize> {
        let count = self.counts.entry(anomaly.kind).or_default();
        *count += 1;
        if *count > TOLD_MAX {
            return None;
        }
        self.anomalies.push(anomaly);
        Some(self.anomalies.len() - 1)
    }

    /// One more that no single event of the history shows.
    pub fn say(&mut self, kind: Kind, explanation: String) {
        self.add(Anomaly { kind, explanation, events: Vec::new(), time_ns: None });
    }

    /// One more that may yet get a finer kind, by [`Told::refine`] at its place. None: enough such
    /// are told; it has to be added once its kind is sure, after [`Told::settle`].
    pub fn add_open(&mut self, anomaly: Anomaly) -> Option<usize> {
        if self.open.len() as u64 >= TOLD_MAX {
            return None;
        }
        self.open.push(self.anomalies.len());
        self.anomalies.push(anomaly);
        self.open.last().copied()
    }

    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// A finer kind for one that was told open, and why.
    pub fn refine(&mut self, at: usize, kind: Kind, why: &str) {
        assert!(self.open.contains(&at), "what was counted keeps its kind");
        let anomaly = &mut self.anomalies[at];
        anomaly.kind = kind;
        anomaly.explanation.push_str(why);
    }

    /// From now on everything told keeps its kind.
    pub fn settle(&mut self) {
        for at in std::mem::take(&mut self.open) {
            *self.counts.entry(self.anomalies[at].kind).or_default() += 1;
        }
    }

    /// Everything told; the last of a kind says how many more there were.
    pub fn into_anomalies(mut self) -> Vec<Anomaly> {
        self.settle();
        for (kind, count) in self.counts {
            let told = self.anomalies.iter().filter(|anomaly| anomaly.kind == kind).count() as u64;
            if count > told {
                let last = self.anomalies.iter_mut().rfind(|anomaly| anomaly.kind == kind);
                let last = last.expect("the first of each kind is told and keeps its kind");
                let more = write!(last.explanation, " (and {} more like it)", count - told);
                more.expect("writing to memory does not fail");
            }
        }
        self.anomalies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: Kind) -> Anomaly {
        Anomaly { kind, explanation: "it".into(), events: vec![1], time_ns: None }
    }

    /// So many are first told open as one kind; of these, this share gets another; and so many of
    /// both kinds come before and after. Whoever is not told is handed in at the end.
    fn told(open: usize, refined: usize, before: usize, after: usize) -> (u64, u64) {
        const KINDS: [Kind; 2] = [Kind::Phantom, Kind::FutureRead];
        let mut told = Told::default();
        let all = |told: &mut Told, count: usize| {
            for kind in KINDS {
                (0..count).for_each(|_| assert!(told.add(one(kind)).is_none_or(|at| at < 99)));
            }
        };
        all(&mut told, before);
        let places: Vec<_> = (0..open).map(|_| told.add_open(one(KINDS[0]))).collect();
        all(&mut told, after);
        for at in places.iter().take(refined).flatten() {
            told.refine(*at, KINDS[1], ", later");
        }
        told.settle();
        for (number, place) in places.iter().enumerate() {
            if place.is_none() {
                told.add(one(KINDS[usize::from(number < refined)]));
            }
        }
        let anomalies = told.into_anomalies();
        let counted = |kind: Kind| {
            let of_kind: Vec<_> = anomalies.iter().filter(|one| one.kind == kind).collect();
            assert!(of_kind.len() <= 2 * TOLD_MAX as usize);
            let more = of_kind.last().map_or(0, |last| {
                let more = last.explanation.split_once("(and ").map(|(_, more)| more);
                more.map_or(0, |more| more.split_once(' ').unwrap().0.parse().unwrap())
            });
            of_kind.len() as u64 + more
        };
        (counted(KINDS[0]), counted(KINDS[1]))
    }

    #[test]
    fn every_one_is_told_or_counted_whatever_gets_another_kind() {
        for (open, before, after) in [(3, 0, 0), (10, 0, 1), (11, 0, 0), (25, 9, 3), (12, 30, 30)] {
            for refined in 0..=open {
                let beside = before + after;
                let expected = (open - refined + beside, refined + beside);
                let (coarse, fine) = told(open, refined, before, after);
                assert_eq!((coarse as usize, fine as usize), expected, "{open} {refined}");
            }
        }
    }
}
