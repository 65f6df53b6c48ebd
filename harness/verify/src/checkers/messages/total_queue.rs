//! The queue that keeps no order (Jepsen's total-queue): nothing is lost, nothing comes that nobody
//! put in, and nothing comes more often than it was put in.
//!
//! Messages are counted, by value. A dequeue is ok only where its acknowledgement was confirmed, so
//! the queue may not give that message again; what was received without that is info with the
//! message, and may come again.
//!
//! * **Unexpected.** A message that is received was put in before it was. So it is one of those
//!   whose enqueue was asked before the answer came; if there is no such enqueue, or each is known
//!   to have failed, the queue made it up.
//! * **Duplicated.** Each enqueue puts a message in once, answered or not. So there are at most as
//!   many confirmed receipts as enqueues that are not known to have failed.
//! * **Lost.** A message whose enqueue was acknowledged stays until it is received. Once everything
//!   was taken out, after it was acknowledged, somebody has received it: with an answer, or by a
//!   dequeue that was never answered. Each of those takes one message at most. So if more are
//!   missing than there are such dequeues, the rest is lost. Where nothing shows that the queue was
//!   emptied (the end of a run was cut short, or nothing drained), what is missing may be in it,
//!   and nobody knows.
//! * **Recovered.** An enqueue that was never answered may have happened: that its message comes is
//!   told, and is right.

use super::super::told::Told;
use super::super::{CheckResult, Checker, Sees};
use super::Tally;
use crate::evidence::Settings;
use crate::history::History;

/// The model's name, and the check's.
pub(crate) const NAME: &str = "total-queue";

/// The algorithm's.
pub(crate) const ALGORITHM: &str = "counting";

pub(crate) const CHECKER: Checker = Checker {
    name: NAME,
    about: "every acknowledged message is received once, and nothing that nobody put in",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        let history = &evidence.history;
        let model = settings.model_of(history);
        model.is_some_and(|model| model.name == NAME) && !history.operations().is_empty()
    },
    run: |evidence, settings| find(&evidence.history, settings),
};

/// Judges the messages of a history.
pub(crate) fn find(history: &History, settings: &Settings) -> CheckResult {
    let tally = Tally::of(history, settings);
    let mut told = Told::default();
    for message in tally.queues.values().flat_map(|queue| &queue.messages) {
        for found in message.unexpected().into_iter().chain(message.duplicated()) {
            told.add(found);
        }
    }
    let losses = tally.losses(&mut told);
    let messages = || tally.queues.values().flat_map(|queue| &queue.messages);
    let received: usize = messages().map(|message| message.taken.len()).sum();
    let recovered = messages().filter(|message| message.is_recovered()).count();
    let unconfirmed: u64 = messages().map(|message| message.unconfirmed).sum();
    let mut notes = vec![format!(
        "{} messages were acknowledged and {received} received; lost {}, recovered (received, \
         though nobody knew that they were put in) {recovered}, unconfirmed {unconfirmed}",
        losses.acknowledged, losses.lost
    )];
    notes.extend(losses.notes);
    let count = history.operations().len() as u64;
    let found = CheckResult::weigh(count, told.into_anomalies(), losses.doubts);
    let (model, algorithm, lost) = (Some(NAME), Some(ALGORITHM), Some(losses.lost));
    CheckResult { model, algorithm, notes, lost, ..found }
}

#[cfg(test)]
mod tests {
    use super::super::MessageMonitor;
    use super::*;
    use crate::checkers::Monitor as _;
    use crate::history::formats;

    /// Jepsen's own form: `0 invoke enqueue 1`, one event a line.
    fn history(lines: &[&str]) -> History {
        let event = |line: &&str| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [process, kind, f, value] = words[..] else { panic!("{line}") };
            format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
        };
        let text: String = lines.iter().map(event).collect();
        formats::parse(text.as_bytes()).unwrap().1
    }

    /// The verdict, how many are lost, and what the monitor said first.
    fn judged(lines: &[&str]) -> (String, Option<u64>, Option<&'static str>) {
        let history = history(lines);
        let found = find(&history, &Settings::default());
        let mut monitor = MessageMonitor::default();
        let first = history.events().iter().find_map(|event| monitor.observe(event));
        (found.verdict.in_short(), found.lost, first.map(|anomaly| anomaly.kind.name()))
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &str, lost: u64, online: Option<&str>) {
        let (found, count, first) = judged(lines);
        let as_told = found == expected || found.starts_with("unknown") && found.contains(expected);
        assert!(as_told && !expected.is_empty(), "{found}, not {expected}: {lines:?}");
        assert_eq!((count, first), (Some(lost), online), "{lines:?}");
    }

    const PUT: [&str; 4] =
        ["0 invoke enqueue 1", "0 ok enqueue 1", "0 invoke enqueue 2", "0 ok enqueue 2"];
    const TAKEN: [&str; 2] = ["1 invoke dequeue nil", "1 ok dequeue 1"];
    const DRAINED: [&str; 2] = ["2 invoke drain nil", "2 ok drain [2]"];

    fn all(parts: &[&[&'static str]]) -> Vec<&'static str> {
        parts.concat()
    }

    #[test]
    fn every_acknowledged_message_is_received_once() {
        check(&all(&[&PUT, &TAKEN, &DRAINED]), "valid", 0, None);
        check(&all(&[&PUT, &DRAINED]), "lost-message", 1, None);
        check(
            &all(&[&PUT, &["2 invoke drain nil", "2 ok drain []"]]),
            "lost-message lost-message",
            2,
            None,
        );
        let twice = all(&[&PUT, &TAKEN, &TAKEN, &DRAINED]);
        check(&twice, "duplicated-message", 0, Some("duplicated-message"));
        let strange = all(&[&PUT, &TAKEN, &["3 invoke dequeue nil", "3 ok dequeue 9"], &DRAINED]);
        check(&strange, "unexpected-message", 0, Some("unexpected-message"));
        let early = all(&[&TAKEN, &PUT, &DRAINED]);
        check(&early, "unexpected-message", 0, Some("unexpected-message"));
        let refused = ["0 invoke enqueue 1", "0 fail enqueue 1"];
        let refused = all(&[&refused, &TAKEN]);
        check(&refused, "unexpected-message", 0, Some("unexpected-message"));
    }

    #[test]
    fn what_nobody_answered_may_have_happened() {
        // An enqueue: its message may come, and may not.
        let maybe = ["0 invoke enqueue 1", "0 info enqueue 1"];
        check(&all(&[&maybe, &TAKEN]), "valid", 0, None);
        check(&all(&[&maybe, &["2 invoke drain nil", "2 ok drain []"]]), "valid", 0, None);
        // A dequeue: it may have taken one message, and no more than one.
        let lost = ["1 invoke dequeue nil", "1 info dequeue nil"];
        check(&all(&[&PUT, &lost, &DRAINED]), "valid", 0, None);
        let none = ["2 invoke drain nil", "2 ok drain []"];
        check(&all(&[&PUT, &lost, &none]), "lost-message lost-message", 1, None);
        // Received and not confirmed: perhaps taken, and it may come again.
        let unconfirmed = ["1 invoke dequeue nil", "1 info dequeue 1"];
        check(&all(&[&PUT, &unconfirmed, &DRAINED]), "valid", 0, None);
        check(
            &all(&[&PUT, &unconfirmed, &["3 invoke dequeue nil", "3 ok dequeue 1"], &DRAINED]),
            "valid",
            0,
            None,
        );
        let strange = ["1 invoke dequeue nil", "1 info dequeue 7"];
        check(&all(&[&PUT, &strange]), "unexpected-message", 0, Some("unexpected-message"));
    }

    #[test]
    fn what_was_never_drained_may_still_be_in() {
        check(&all(&[&PUT, &TAKEN]), "1 acknowledged messages may still be in", 0, None);
        check(&all(&[&DRAINED[..1], &["2 ok drain []"], &PUT]), "may still be in", 0, None);
        let open = all(&[&PUT, &DRAINED[..1]]);
        check(&open, "may still be in", 0, None);
        let crashed = all(&[
            &PUT,
            &DRAINED[..1],
            &["2 info drain nil", "3 invoke drain nil", "3 ok drain []"],
        ]);
        check(&crashed, "nobody knows what the drain at event 4 took", 0, None);
    }

    #[test]
    fn messages_need_not_be_unique() {
        let twice = ["0 invoke enqueue 1", "0 ok enqueue 1"];
        let drained = ["2 invoke drain nil", "2 ok drain [1 1]"];
        check(&all(&[&twice, &twice, &drained]), "valid", 0, None);
        check(
            &all(&[&twice, &twice, &["2 invoke drain nil", "2 ok drain [1]"]]),
            "lost-message",
            1,
            None,
        );
        check(&all(&[&twice, &drained]), "duplicated-message", 0, Some("duplicated-message"));
    }
}
