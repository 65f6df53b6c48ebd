//! What Fischer, Lynch and Paterson (1985) allow: while an adversary holds all that would decide
//! until it no longer can, nothing is decided; once it lets go, something soon is. Judged where a
//! run had such an adversary. Against the theorem it is relaxed: clocks are real, a run ends, and
//! the adversary knows the protocol's messages by their kind and epoch only.
//! A decision under the adversary is no fault of the system: then the run has shown nothing.

use crate::checkers::time::{Span, Stalls, ms};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::trace::{Milestone, milestones};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis::{Said, Strike};
use crate::history::{Event, History, Level, Type};
use crate::recovery::Acknowledged;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "adversary",
    about: "while an adversary holds every message that would decide, nothing is decided; then all is",
    sees: Sees::Outside,
    applies: |evidence, _| {
        Said::of(evidence.history.events()).strikes.iter().any(|strike| strike.start.is_adaptive())
    },
    run,
};

/// Fewer epochs do not show that it could go on for ever (docs/internals/protocols.md).
const EPOCHS_MIN: u64 = 20;
/// A wait longer than this many T is no delay any more.
const HOLD_TIMEOUTS: u64 = 10;
/// Once it lets go, all must be decided within this many T.
const DECIDED_TIMEOUTS: u64 = 40;

/// How it let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lifted {
    /// When it began to.
    at_ns: u64,
    epochs: u64,
    longest_hold_ms: u64,
}

impl Lifted {
    /// None: it never did.
    fn of(strike: &Strike<'_>) -> Option<Lifted> {
        let (event, heal) = strike.healed.as_ref()?;
        Some(Lifted {
            at_ns: heal.lifted_ns.or(event.time())?,
            epochs: heal.effect.count("held-epochs"),
            longest_hold_ms: heal.effect.count("longest-hold-ms"),
        })
    }
}

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let mut found = Found::default();
    let mut epochs = 0;
    let milestones = match on_the_history_clock(evidence) {
        Ok(milestones) => milestones,
        Err(error) => return CheckResult::unknown(0, error),
    };
    let said = Said::of(evidence.history.events());
    for strike in said.strikes.iter().filter(|strike| strike.start.is_adaptive()) {
        let Some(started) = strike.started.time() else { continue };
        let Some(lifted) = Lifted::of(strike) else {
            found.doubts.push("the adversary never let go".into());
            continue;
        };
        epochs += lifted.epochs;
        was_fair(lifted, settings, &mut found);
        withheld(evidence, &milestones, started, lifted.at_ns, &mut found);
        decided_after(evidence, &said, &milestones, lifted.at_ns, settings, &mut found);
    }
    let mut finding = CheckResult::weigh(epochs, found.anomalies, found.doubts);
    finding.notes = found.notes;
    finding.notes.push(
        "relaxed against the theorem: real clocks, a finite run, and an adversary that knows \
         messages by kind and epoch"
            .into(),
    );
    finding
}

#[derive(Default)]
struct Found {
    anomalies: Vec<Anomaly>,
    doubts: Vec<String>,
    notes: Vec<String>,
}

/// Enough epochs, and no wait so long that it would be a loss.
fn was_fair(lifted: Lifted, settings: &Settings, found: &mut Found) {
    let Lifted { epochs, longest_hold_ms, .. } = lifted;
    if epochs < EPOCHS_MIN {
        found.doubts.push(format!(
            "the adversary saw {epochs} epochs only; {EPOCHS_MIN} show that it could go on"
        ));
    }
    let most = ms(HOLD_TIMEOUTS * settings.timeout_ns);
    if longest_hold_ms > most {
        found.doubts.push(format!(
            "the adversary held a message for {longest_hold_ms} ms; {most} ms are its limit"
        ));
    }
    found.notes.push(format!(
        "{epochs} epochs under the adversary, the longest hold {longest_hold_ms} ms"
    ));
}

/// Nothing was decided from `from` to `to`. An epoch whose leader was there before the adversary
/// may have had a decision on its way.
fn withheld(
    evidence: &Evidence,
    milestones: &[(String, Milestone)],
    from: u64,
    to: u64,
    found: &mut Found,
) {
    let history = &evidence.history;
    let within = |time: u64| from < time && time < to;
    let ok = history.operations().iter().find(|op| {
        let ret = history.ret(op).and_then(Event::time);
        history.outcome(op) == Type::Ok
            && history.invoke(op).level().is_none_or(|level| level != Level::Local)
            && history.invoke(op).time().is_some_and(|time| time >= from)
            && ret.is_some_and(within)
    });
    if let Some(ret) = ok.and_then(|op| history.ret(op)) {
        let at = ms(ret.time().unwrap_or(0));
        found.doubts.push(format!(
            "an operation was acknowledged at {at} ms, under the adversary: it shows nothing"
        ));
    }
    let early = milestones.iter().filter_map(|(_, milestone)| match milestone {
        Milestone::Leads { at, epoch, .. } if *at <= from => Some(*epoch),
        _ => None,
    });
    let before = early.max().unwrap_or(0);
    let decided = milestones.iter().find(
        |(_, milestone)| matches!(milestone, Milestone::Decides { at, epoch } if *epoch > before && within(*at)),
    );
    if let Some((node, milestone)) = decided {
        let at = ms(milestone.at());
        found.doubts.push(format!(
            "{node} decided at {at} ms, under the adversary: it shows nothing of it"
        ));
    }
}

/// Soon after `lifted` a client is answered, and every node decides, or answers what is decided:
/// who only learns of a decision leaves no trace of one.
fn decided_after(
    evidence: &Evidence,
    said: &Said<'_>,
    milestones: &[(String, Milestone)],
    lifted: u64,
    settings: &Settings,
    found: &mut Found,
) {
    let history = &evidence.history;
    let limit = DECIDED_TIMEOUTS * settings.timeout_ns;
    let deadline = lifted.saturating_add(limit);
    let first = Acknowledged::of(history, settings.model_of(history)).first_invoked_after(lifted);
    let mut late = Vec::new();
    match first {
        Some(time) if time <= deadline => {
            let after = ms(time - lifted);
            found.notes.push(format!("a client was answered {after} ms after it let go"));
        }
        _ => late.push((Kind::NoProgress, "no client was answered".to_owned())),
    }
    let mut last = 0;
    for node in &settings.nodes {
        let decides = milestones.iter().find_map(|(one, milestone)| match milestone {
            Milestone::Decides { at, .. } if one == node && *at >= lifted => Some(*at),
            _ => None,
        });
        let answers = answered_proposals(history)
            .find_map(|(one, at)| (one == node && at >= lifted).then_some(at));
        match decides.into_iter().chain(answers).min() {
            Some(at) if at <= deadline => last = last.max(at - lifted),
            _ => late.push((Kind::NotConverged, format!("{node} decided nothing"))),
        }
    }
    if late.is_empty() {
        found.notes.push(format!("every node had decided {} ms after it let go", ms(last)));
    }
    let stalled = Stalls::of(said).within(Span { from: lifted, to: deadline }, limit / 10);
    let end = history.events().last().and_then(Event::time).unwrap_or(0);
    // Traces may end before the history does.
    let cut_off = evidence.cut_off(settings);
    for (kind, what) in late {
        let told = format!("{what} within {} ms after the adversary let go", ms(limit));
        if end < deadline {
            found.doubts.push(format!("{told}; but the run ended before"));
        } else if let Some(why) = cut_off.filter(|_| kind == Kind::NotConverged) {
            found.doubts.push(format!("{told}; but {why}"));
        } else if let Some(why) = &stalled {
            found.doubts.push(format!("{told}; but {why}"));
        } else {
            let (events, time_ns) = (Vec::new(), Some(deadline));
            found.anomalies.push(Anomaly { kind, explanation: told, events, time_ns });
        }
    }
}

/// Who answered a proposal with what is decided, and when, by time.
fn answered_proposals(history: &History) -> impl Iterator<Item = (&str, u64)> {
    history.events().iter().filter_map(|event| {
        let answers = event.kind == Type::Ok && &*event.f == "propose";
        answers.then_some((event.node.as_deref()?, event.time()?))
    })
}

/// Who led and who decided, by time of the history.
fn on_the_history_clock(evidence: &Evidence) -> Result<Vec<(String, Milestone)>, String> {
    let Some(origin) = evidence.clock_origin_ns else {
        return Err(
            "nobody said when the history's time began, so traces have no place in it".into()
        );
    };
    let mut all = milestones(evidence)?;
    for (_, milestone) in &mut all {
        let at = milestone.at_mut();
        *at = at.saturating_sub(origin);
    }
    all.sort_by_key(|(_, milestone)| milestone.at());
    Ok(all)
}

#[cfg(test)]
mod tests;
