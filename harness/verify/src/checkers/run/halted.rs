//! Who answers while it is down or stopped was not hit as a whole: what that strike claims is not
//! so. That is trouble of the harness, not of the system.

use crate::history::nemesis::{Said, Strike};
use crate::history::{Event, History, Operation, Type};
use crate::models::is_no_answer;

/// Each strike whose target answered while it held, in a sentence. What was asked before it held
/// may have been answered before it too, and come late.
pub(crate) fn answers(history: &History, said: &Said<'_>) -> Vec<String> {
    let halts: Vec<Halt> = said.strikes.iter().filter_map(Halt::of).collect();
    let told = |halt: &Halt<'_>| {
        let asked_in_time = halt.from_ns..halt.to_ns;
        let mut answers = history.operations().iter().filter_map(|op| {
            let answer = halt.answer(history, op)?;
            asked_in_time.contains(&history.invoke(op).time()?).then_some(answer)
        });
        let first = answers.next()?;
        let (fault, node) = (halt.strike.fault, first.node.as_deref().unwrap_or("a node"));
        let count = 1 + answers.count();
        let times = if count == 1 { "once".into() } else { format!("{count} times") };
        Some(format!(
            "{node} answered {times} while `{fault}` held it (\"{}\", event {}; the first answer is \
             event {}): it was not all of the node that was hit",
            halt.strike.start.describe, halt.strike.started.index, first.index
        ))
    };
    halts.iter().filter_map(told).collect()
}

/// A strike that lets its targets run no code.
struct Halt<'a> {
    strike: &'a Strike<'a>,
    targets: Vec<String>,
    /// When it was confirmed.
    from_ns: u64,
    /// When its heal began.
    to_ns: u64,
}

impl<'a> Halt<'a> {
    fn of(strike: &'a Strike<'a>) -> Option<Self> {
        if !strike.start.halts {
            return None;
        }
        let to_ns = match &strike.healed {
            Some((healed, heal)) => heal.lifted_ns.or(healed.time())?,
            None => u64::MAX,
        };
        let targets = strike.start.targets.iter().map(ToString::to_string).collect();
        Some(Halt { strike, targets, from_ns: strike.started.time()?, to_ns })
    }

    /// The answer that one of the targets gave before the heal.
    fn answer(&self, history: &'a History, op: &Operation) -> Option<&'a Event> {
        let ret = history.ret(op)?;
        let node = ret.node.as_deref()?;
        let answered =
            ret.kind == Type::Ok || ret.error().is_some_and(|error| !is_no_answer(error));
        let hit = self.targets.iter().any(|target| target == node);
        (answered && hit && ret.time()? < self.to_ns).then_some(ret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::NO_ANSWER;

    /// What is found where n1 is down from 100 to 200, but for what is asked and answered here, at
    /// these times.
    fn found(halts: bool, asked: u64, answered: u64, answer: &str) -> Vec<String> {
        let lines = [
            format!(
                r#"{{"process":"nemesis","type":"info","f":"crash","time":100,"value":{{"phase":"start","overlay":4,"targets":["n1"],"describe":"crash n1","halts":{halts}}}}}"#
            ),
            format!(r#"{{"process":1,"type":"invoke","f":"tail","time":{asked},"node":"n1"}}"#),
            format!(r#"{{"process":1,"f":"tail","time":{answered},{answer}}}"#),
            r#"{"process":"nemesis","type":"info","f":"crash","time":210,"value":{"phase":"heal","overlay":4,"effect":{"killed":1},"lifted_ns":200}}"#.to_owned(),
        ];
        let mut lines: Vec<(u64, &String)> =
            [100, asked, answered, 210].into_iter().zip(&lines).collect();
        lines.sort_by_key(|(time, _)| *time);
        let text: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        let history = History::parse(text.join("\n").as_bytes()).unwrap().0;
        answers(&history, &Said::of(history.events()))
    }

    const OK: &str = r#""type":"ok","tail":0,"node":"n1""#;

    #[test]
    fn an_answer_by_who_runs_no_code_is_told() {
        let told = found(true, 110, 120, OK);
        assert_eq!(told.len(), 1);
        let said = r#"n1 answered once while `crash` held it ("crash n1", event 0; the first answer is event 2)"#;
        assert!(told[0].contains(said), "{told:?}");
        for no in ["not-leader", "overloaded"] {
            let answer = format!(r#""type":"fail","error":"{no}","node":"n1""#);
            assert_eq!(found(true, 110, 120, &answer).len(), 1, "a no is an answer");
        }
    }

    #[test]
    fn what_may_be_an_answer_from_before_or_after_or_is_none_is_not() {
        let none: [String; 0] = [];
        assert_eq!(found(true, 90, 120, OK), none, "asked before, answered before, late");
        assert_eq!(found(true, 110, 205, OK), none, "after the heal began");
        assert_eq!(found(true, 110, 120, &OK.replace("n1", "n2")), none, "another node");
        assert_eq!(found(false, 110, 120, OK), none, "a fault that halts nobody");
        for silence in NO_ANSWER {
            let kind = if silence == "unreachable" { "fail" } else { "info" };
            let answer = format!(r#""type":"{kind}","error":"{silence}","node":"n1""#);
            assert_eq!(found(true, 110, 120, &answer), none, "{silence}");
        }
    }
}
