//! When a fault strikes, and what never comes because the command line cut the run short.
//! It never draws a time: that is the plan's.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{Mistake, Place};
use super::section::{Section, duration, list, positive};
use super::tree::Tree;
use super::{FaultSpec, When, Workload, disturbance, least_duration};
use crate::units::format_duration;

/// How often a fault strikes when the file does not say.
const EVERY: Duration = Duration::from_secs(5);

/// A plan with more strikes than this is a slip of the unit, not a wish.
const STRIKES_MAX: u128 = 100_000;

/// The end of the disturbance, after which nothing strikes any more.
pub(super) struct End<'a> {
    at: Duration,
    /// Where it would be if the command line had not moved it.
    own: Duration,
    /// The flag that moved it.
    flag: Option<&'a str>,
    /// What the file has behind the end, by kind.
    late: BTreeMap<String, Vec<Duration>>,
}

impl<'a> End<'a> {
    /// `own_duration`: the file's; `place`: where the duration that holds was written.
    pub(super) fn new(
        workload: &Workload,
        own_duration: Duration,
        place: Option<&'a Place>,
    ) -> Self {
        let flag = match place {
            Some(Place::Flag(flag)) => Some(&**flag),
            _ => None,
        };
        let (at, own) = (workload.disturbance(), disturbance(own_duration));
        End { at, own, flag, late: BTreeMap::new() }
    }

    /// When a fault of this kind strikes, and where that is written. Times that the file has before
    /// its own end, but that the command line put behind it, are left out.
    pub(super) fn when<'s>(
        &mut self,
        section: &Section<'s>,
        kind: &str,
    ) -> Result<(When, Option<&'s Place>), Mistake> {
        let (at, every, after) = (section.get("at"), section.get("every"), section.get("after"));
        if let (Some(at), Some(_)) = (at, every) {
            return Err(at.at.mistake("`at` beside `every`; a fault has one of them"));
        }
        if let (Some(after), Some(word)) = (after, at.and(Some("at")).or(every.and(Some("every"))))
        {
            let both = format!("`after` beside `{word}`; a fault has one of them");
            return Err(after.at.mistake(both));
        }
        let when = match (at, after, every) {
            (Some(node), ..) if matches!(&node.tree, Tree::Scalar { text, .. } if text == "start") => {
                When::Start
            }
            (Some(node), ..) => {
                let mut times = Vec::new();
                for item in list(node) {
                    let time = duration(item)?;
                    let own = time < self.own && matches!(item.at, Place::Text { .. });
                    if time < self.at {
                        times.push(time);
                    } else if own && self.flag.is_some() {
                        self.late.entry(kind.to_owned()).or_default().push(time);
                    } else {
                        let end = format_duration(self.at);
                        return Err(item.at.mistake(format!(
                            "{} is after the disturbance, which lasts {end}",
                            item.found()
                        )));
                    }
                }
                times.sort_unstable();
                When::At(times)
            }
            (None, Some(node), _) => When::After(duration(node)?),
            (None, None, Some(node)) => {
                let every = positive(node)?;
                if self.at.as_nanos() / every.as_nanos() > STRIKES_MAX {
                    let found = node.found();
                    return Err(node.at.mistake(format!("{found} is too often for this duration")));
                }
                When::Every(every)
            }
            (None, None, None) => When::Every(EVERY),
        };
        Ok((when, at.or(after).or(every).map(|node| &node.at)))
    }

    /// Refuses faults of which a kind would never strike: the run would prove nothing of it.
    pub(super) fn every_kind_strikes(&self, specs: &[(FaultSpec, Place)]) -> Result<(), Mistake> {
        let firsts = self.firsts(specs);
        for (spec, place) in specs {
            match firsts.get(&spec.kind) {
                Some(first) if *first < self.at => {}
                Some(first) => return Err(self.too_late(&spec.kind, place, *first, &firsts)),
                None if matches!(spec.when, When::After(_)) => {
                    return Err(place.mistake("there is no other fault that it could come after"));
                }
                None => return Err(place.mistake("no time is listed")),
            }
        }
        Ok(())
    }

    /// When each kind comes first, what is left out included; of what is drawn, the earliest.
    fn firsts(&self, specs: &[(FaultSpec, Place)]) -> BTreeMap<String, Duration> {
        let own = specs.iter().flat_map(|(spec, _)| {
            let times = match &spec.when {
                When::Every(_) | When::Start => vec![Duration::ZERO],
                When::At(times) => times.clone(),
                When::After(_) => Vec::new(),
            };
            times.into_iter().map(|at| (&spec.kind, at))
        });
        let late =
            self.late.iter().flat_map(|(kind, times)| times.iter().map(move |at| (kind, *at)));
        let mut times: Vec<(&String, Duration)> = own.chain(late).collect();
        if let Some(others) = times.iter().map(|(_, at)| *at).min() {
            times.extend(specs.iter().filter_map(|(spec, _)| match spec.when {
                When::After(delay) => Some((&spec.kind, others + delay)),
                _ => None,
            }));
        }
        let mut firsts: BTreeMap<String, Duration> = BTreeMap::new();
        for (kind, at) in times {
            let first = firsts.entry(kind.clone()).or_insert(at);
            *first = at.min(*first);
        }
        firsts
    }

    fn too_late(
        &self,
        kind: &str,
        place: &Place,
        first: Duration,
        firsts: &BTreeMap<String, Duration>,
    ) -> Mistake {
        let (first, end) = (format_duration(first), format_duration(self.at));
        let Some(flag) = self.flag else {
            return place.mistake(format!(
                "`{kind}` would first come at {first}, after the disturbance, which lasts {end}"
            ));
        };
        // Long enough for every kind, so that one correction is enough.
        let latest = firsts.values().max().copied().unwrap_or_default();
        let least = format_duration(least_duration(latest));
        Place::Flag(flag.into()).mistake(format!(
            "no `{kind}` would be left: the first comes at {first}, and the disturbance would last \
             {end}; --duration at least {least}"
        ))
    }

    /// What is left out, in words.
    pub(super) fn left_out(&self) -> Option<String> {
        let flag = self.flag.filter(|_| !self.late.is_empty())?;
        let kinds = self.late.iter().map(|(kind, times)| {
            let times: Vec<String> = times.iter().copied().map(format_duration).collect();
            format!("{kind} at {}", times.join(", "))
        });
        let (kinds, end) = (kinds.collect::<Vec<_>>().join("; "), format_duration(self.at));
        Some(format!("{flag} ends the disturbance at {end} and leaves out {kinds}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::catalogue;
    use super::super::{Loaded, Overrides, WorkloadError, builtin::Source, from_text, parse};
    use super::*;

    /// Reads these faults of a run of 30 s (28 s of disturbance) with these `--set`.
    fn read(faults: &str, set: &[&str]) -> Result<Loaded, WorkloadError> {
        let system = if faults.contains("promote") { "by-hand" } else { "raft" };
        let text = format!("system: {system}\nfaults:\n{faults}\n");
        let set = set.iter().map(|text| (*text).to_owned()).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        parse::parse(&Source::named("w.yaml", text), &overrides, &catalogue())
    }

    #[test]
    fn what_comes_after_the_end_is_a_mistake_where_it_is_written() {
        let check = |faults: &str, set: &[&str], error: &str| {
            let found = read(faults, set).unwrap_err().to_string();
            assert!(found.starts_with(error), "{faults:?} {set:?} gave\n  {found}\n  {error}");
        };
        let late = "`40s` is after the disturbance, which lasts 28s";
        check("  - crash: {at: [1s, 40s]}", &[], &format!("w.yaml:3:22: {late}"));
        check("  - crash: {at: 28s}", &[], "w.yaml:3:17: `28s` is after");
        check("  - crash", &["faults.crash.at=40s"], &format!("--set faults.crash.at=40s: {late}"));
        check("  - crash: {at: 40s}", &["duration=35s"], "w.yaml:3:17: `40s` is after");
        check(
            "  - crash: {at: 20s}\n  - crash: {at: 31s}",
            &["duration=20s"],
            "w.yaml:4:17: `31s`",
        );
        check(
            "  - crash\n  - promote: {after: 28s}",
            &[],
            "w.yaml:4:22: `promote` would first come",
        );
        check("  - promote: {after: 1s}", &[], "w.yaml:3:22: there is no other fault");
        check("  - crash: {at: []}", &[], "w.yaml:3:17: no time is listed");
    }

    #[test]
    fn what_the_command_line_cuts_off_is_left_out_and_told() {
        let check = |faults: &str, set: &str, told: &[&str], left: &[&[u64]]| {
            let loaded = read(faults, &[set]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(loaded.remarks, told, "{faults:?}");
            let times = loaded.workload.faults.iter().map(|spec| match &spec.when {
                When::At(times) => times.iter().map(Duration::as_secs).collect(),
                _ => Vec::new(),
            });
            let times: Vec<Vec<u64>> = times.collect();
            assert_eq!(times, left, "{faults:?}");
            let text = loaded.workload.to_yaml();
            let again = from_text("again.yaml", &text, &Overrides::default(), &catalogue());
            assert_eq!(again, Ok(loaded.workload), "what is saved is a workload");
        };
        let crashes = "  - crash: {at: [3s, 11s, 19s]}";
        check(crashes, "duration=25s", &[], &[&[3, 11, 19]]);
        let told =
            "--set duration=6s ends the disturbance at 5400ms and leaves out crash at 11s, 19s";
        check(crashes, "duration=6s", &[told], &[&[3]]);
        // The second is silent, and keeps its place, so that nobody's random stream shifts.
        let two = "  - crash: {at: 3s}\n  - crash: {at: 11s}\n  - pause: {at: [4s, 20s]}";
        let told = "--set duration=6s ends the disturbance at 5400ms and leaves out crash at 11s; \
                    pause at 20s";
        check(two, "duration=6s", &[told], &[&[3], &[], &[4]]);
    }

    #[test]
    fn a_cut_that_leaves_nothing_of_a_kind_is_refused_with_the_duration_it_takes() {
        let check = |faults: &str, error: &str| {
            let found = read(faults, &["duration=6s"]).unwrap_err();
            assert_eq!(found.to_string(), format!("--set duration=6s: {error}"));
        };
        check(
            "  - pause: {at: 1s}\n  - crash: {at: [11s, 19s]}",
            "no `crash` would be left: the first comes at 11s, and the disturbance would last \
             5400ms; --duration at least 13s",
        );
        check(
            "  - crash: {at: 3s}\n  - promote: {after: 3s}",
            "no `promote` would be left: the first comes at 6s, and the disturbance would last \
             5400ms; --duration at least 7s",
        );
        // The duration named is enough for all of them.
        check(
            "  - crash: {at: 10s}\n  - pause: {at: 20s}",
            "no `crash` would be left: the first comes at 10s, and the disturbance would last \
             5400ms; --duration at least 23s",
        );
    }

    #[test]
    fn the_least_duration_is_the_least() {
        for ms in (0..60_000).step_by(700) {
            let at = Duration::from_millis(ms);
            let least = least_duration(at);
            assert!(disturbance(least) > at);
            let shorter = least.saturating_sub(Duration::from_secs(1));
            assert!(disturbance(shorter) <= at, "{least:?} for {at:?}");
        }
    }
}
