//! The same where an acknowledgement may come to nothing: such an append may take effect at any
//! later moment or never, at its offset; a refusal says nothing but that it was one.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_facts::Acks;

use super::{explainable_by, honest, show, tamper};
use crate::checkers::Monitor;
use crate::checkers::linearizable::log::LogMonitor;
use crate::history::{History, Process, Type};
use crate::verdict::Verdict;

#[test]
fn agrees_where_acknowledgements_may_be_lost() {
    const HISTORIES: u64 = 150_000;
    let mut valid = 0;
    for seed in 0..HISTORIES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut events = honest(&mut rng);
        (0..rng.random_range(0..5)).for_each(|_| tamper(&mut events, &mut rng));
        let history = History::from_events(events).unwrap();
        let mut monitor = Box::new(LogMonitor::promising(Acks::UntilFailover));
        history.events().iter().for_each(|event| drop(monitor.observe(event)));
        let found = monitor.finish();
        let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
        let early = early(&history);
        let expected = early.is_some_and(|early| explainable_by(&early, &processes));
        let seen = format!("seed {seed}: {expected}, but {found:?}\n{}", show(&history));
        assert_eq!(found == Verdict::Valid, expected, "{seen}");
        assert!(!matches!(found, Verdict::Unknown { .. }), "{seen}");
        valid += u64::from(expected);
    }
    assert!((HISTORIES / 3..HISTORIES * 4 / 5).contains(&valid), "a fair mix: {valid} are valid");
}

/// The history as it then reads. None: an answer contradicts its own question.
fn early(history: &History) -> Option<History> {
    let mut events = history.events().to_vec();
    for op in history.operations() {
        let Some(ret) = op.ret() else { continue };
        let expect = events[op.invoke()].expect();
        let (offset, tail) = (events[ret].offset(), events[ret].tail());
        if let Some(offset) = offset.filter(|_| events[ret].kind == Type::Ok) {
            if expect.is_some_and(|expect| expect != offset) {
                return None;
            }
            for at in [op.invoke(), ret] {
                events[at].f = "append-if".into();
                events[at].set_expect(Some(offset));
            }
            events[ret].kind = Type::Info;
            events[ret].set_offset(None);
        } else if expect.is_some() && events[ret].error() == Some("conflict") {
            if tail == expect {
                return None;
            }
            events[ret].set_tail(None);
        }
    }
    // Who asks on is somebody else: nobody may go on after an answer that never came.
    for (fresh, op) in (100..).zip(history.operations()) {
        for at in std::iter::once(op.invoke()).chain(op.ret()) {
            events[at].set_process(Process::Client(fresh));
        }
    }
    Some(History::from_events(events).unwrap())
}
