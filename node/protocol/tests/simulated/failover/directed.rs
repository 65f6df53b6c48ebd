//! Manual failover's own code in the one situation that matters: node 1 and nobody else, told
//! exactly what it needs.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::failover::message::{Body, Message};
use schism_protocol::failover::{Failover, Fenced, HardState, Standing};
use schism_protocol::{
    Answer, Command, EntryId, Epoch, Index, LogEntry, NodeId, Offset, Output, Record, Reply,
    Request, Role, TraceEvent,
};

use crate::world::lone as world;
use crate::world::lone::{N1, N2, N3, noop, noops, persisted_with_sum, sum_of};

type Lone = world::Lone<Failover>;

/// Node 1 of three, which led epoch 1 until someone promised it epoch 2 for `candidate`.
fn deposed(candidate: NodeId, epochs: &[u64]) -> Lone {
    let hard = HardState { promised: Epoch(2), candidate, synced: Epoch(1), opened: Epoch(1) };
    Lone::start(world::boot(3, hard.encode(), noops(1, epochs), &[]), &Fenced, ())
}

/// Node 1 of three, leader of epoch 1, in asynchronous mode.
fn asynchronous() -> Lone {
    let boot = world::boot(3, Bytes::new(), Vec::new(), &[("mode", "async")]);
    let mut n1 = Lone::start(boot, &Fenced, ());
    n1.durable().hears(N2, 1, matched(0)).durable();
    assert_eq!(n1.status().role, Role::Leader);
    n1
}

fn matched(index: u64) -> Body {
    Body::Matched { matched: Index(index), whole: true, round: 0 }
}

impl Lone {
    fn hears(&mut self, from: NodeId, epoch: u64, body: Body) -> &mut Self {
        self.receives(from, Message { epoch: Epoch(epoch), body })
    }

    /// The leader of epoch 2, n2, opened it with one entry and sends what follows it.
    fn follows(&mut self, prev: (u64, u64), epochs: &[u64]) -> &mut Self {
        let prev = EntryId { index: Index(prev.0), epoch: Epoch(prev.1) };
        let entries = noops(prev.index.0 + 1, epochs);
        let (commit, open) = (Index(0), Index(1));
        self.hears(N2, 2, Body::Append { prev, commit, open, round: 0, entries })
    }

    /// What clients hear, and what the trace says of it before.
    fn told(&self) -> Vec<String> {
        let told = self.said.iter().filter_map(|output| match output {
            Output::Trace(TraceEvent::AckSent { kind, i, epoch, offset: Some(offset), .. }) => {
                Some(format!("{kind}: entry {} of epoch {} at {}", i.0, epoch.0, offset.0))
            }
            Output::Reply { reply: Reply::Ok(Answer::Appended { offset, .. }), .. } => {
                Some(format!("appended at {}", offset.0))
            }
            Output::Reply { reply, .. } => Some(format!("{reply:?}")),
            _ => None,
        });
        told.collect()
    }

    fn sent(&self) -> Vec<&Body> {
        self.messages().map(|(_, message)| &message.body).collect()
    }
}

fn standing(synced: u64, last: u64) -> Body {
    Body::Promised { standing: Standing { synced: Epoch(synced), last: Index(last) } }
}

#[test]
fn what_a_log_held_beyond_the_opening_makes_it_no_longer_in_that_epoch() {
    // How n1's log stands in epoch 2 once it is whole there.
    let check = |epochs: &[u64], prev: (u64, u64), sent: &[u64], last: u64| {
        let mut n1 = deposed(N2, epochs);
        n1.follows(prev, sent).durable();
        n1.hears(N3, 3, Body::Fence).durable();
        assert_eq!(n1.sent(), [&standing(2, last)], "{epochs:?}, sent {sent:?} after {prev:?}");
    };
    check(&[1], (1, 1), &[], 1);
    // Entries 2 and 3 are its own of epoch 1, which n2 opened without.
    check(&[1, 1, 1], (1, 1), &[], 1);
    check(&[1, 1, 1], (1, 1), &[2], 2);
    // What it has of epoch 2 already stays, though the message shows less.
    check(&[1, 2, 2], (1, 1), &[], 3);
    check(&[1, 2, 2], (1, 1), &[2], 3);
}

#[test]
fn a_promoted_node_prefers_what_a_majority_may_have_to_what_it_had_before() {
    let mut n1 = deposed(N2, &[1, 1, 1]);
    n1.follows((1, 1), &[]).durable();
    n1.asks(Request::Promote).durable();
    // n3 has an entry of epoch 2, which n2 and n3 may have committed.
    n1.hears(N3, 3, standing(2, 2));
    assert!(matches!(n1.sent()[..], [Body::Pull { .. }]), "{:?}", n1.said);
    assert_eq!(n1.status().role, Role::Candidate);
}

#[test]
fn what_goes_goes_from_the_disk_before_the_log_is_said_to_be_whole() {
    let mut n1 = deposed(N2, &[1, 1, 1]);
    n1.follows((1, 1), &[]);
    let written: Vec<&str> = n1
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Persist { record: Record::Truncate { from }, .. } if *from == Index(2) => {
                Some("truncate")
            }
            Output::Persist { record: Record::State(_), .. } => Some("state"),
            _ => None,
        })
        .collect();
    assert_eq!(written, ["truncate", "state"]);
}

/// Logs that a snapshot up to entry 3 of epoch 2 parts from: shorter, as long, and longer.
const OTHERS: [&[u64]; 4] = [&[1], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1]];

/// Such a snapshot, which does not yet make a log whole.
fn summed_up() -> Body {
    let (snapshot, open, from) = (sum_of(3, 2), Index(9), Offset(0));
    Body::Values { snapshot, open, round: 0, from, values: Vec::new() }
}

#[test]
fn a_snapshot_over_another_log_is_acknowledged_when_it_is_on_the_disk() {
    let matched = |index| Body::Matched { matched: Index(index), whole: false, round: 0 };
    for epochs in OTHERS {
        let mut n1 = deposed(N2, epochs);
        n1.hears(N2, 2, summed_up());
        assert!(n1.sent().is_empty(), "{epochs:?}: {:?}", n1.sent());
        n1.hears(N2, 2, summed_up());
        assert!(n1.sent().is_empty(), "{epochs:?}, once more: {:?}", n1.sent());
        let prev = EntryId { index: Index(3), epoch: Epoch(2) };
        let (commit, open, entries) = (Index(3), Index(9), Vec::new());
        n1.hears(N2, 2, Body::Append { prev, commit, open, round: 0, entries });
        assert_eq!(n1.sent(), [&matched(0)], "{epochs:?}: a heartbeat says what is durable");
        assert_eq!(n1.durable().sent().last(), Some(&&matched(3)), "{epochs:?}");
    }
}

#[test]
fn the_trace_says_what_the_disk_holds_and_not_what_a_snapshot_will_make_of_it() {
    for epochs in OTHERS {
        let mut n1 = deposed(N2, epochs);
        n1.hears(N2, 3, Body::Fence).hears(N2, 3, summed_up());
        let [before, after] = n1.durable_in_two();
        assert_eq!(persisted_with_sum(&before), [0; 0], "{epochs:?}");
        assert_eq!(persisted_with_sum(&after), [3], "{epochs:?}");
    }
}

fn append(value: &'static str) -> Request {
    Request::Append { value: Bytes::from_static(value.as_bytes()), session: None, expect: None }
}

#[test]
fn asynchronous_mode_acknowledges_what_its_own_disk_holds_and_says_so_first() {
    let mut n1 = asynchronous();
    assert!(n1.asks(append("7")).told().is_empty(), "not yet on its disk");
    let told = ["client: entry 1 of epoch 1 at 0", "appended at 0"];
    assert_eq!(n1.durable().told(), told);
    assert_eq!(n1.status().delivered, Offset(0), "nobody else has it");
    assert!(n1.hears(N2, 1, matched(1)).told().is_empty(), "it was said already");
    assert_eq!(n1.status().delivered, Offset(1));
}

#[test]
fn asynchronous_mode_opens_no_session_before_a_majority_has_it() {
    // A later leader could give the same name to somebody else.
    let mut n1 = asynchronous();
    n1.asks(Request::Open);
    assert!(n1.durable().told().is_empty(), "{:?}", n1.said);
    assert_eq!(n1.hears(N2, 1, matched(1)).told(), ["Ok(Opened(ClientId(1)))"]);
}

#[test]
fn asynchronous_mode_says_with_what_length_it_opened() {
    let opened = |mode: &str, epochs: &[u64]| {
        let hard = HardState { synced: Epoch(1), ..HardState::initial(N1) };
        let value = |index: u64, epoch: u64| LogEntry {
            command: Command::Append {
                value: Bytes::from_static(b"7"),
                session: None,
                expect: (index == 2).then_some(Offset(9)),
            },
            ..noop(index, epoch)
        };
        let log = epochs.iter().zip(1..).map(|(epoch, index)| value(index, *epoch)).collect();
        let boot = world::boot(3, hard.encode(), log, &[("mode", mode)]);
        let mut n1 = Lone::start(boot, &Fenced, ());
        n1.durable().hears(N2, 1, matched(epochs.len() as u64)).durable();
        n1.said.iter().find_map(|output| match output {
            Output::Trace(TraceEvent::Role { role: Role::Leader, last, length, .. }) => {
                Some((*last, *length))
            }
            _ => None,
        })
    };
    // The second entry was refused, so it takes no offset.
    assert_eq!(opened("async", &[1, 1, 1]), Some((Index(3), Some(Offset(2)))));
    assert_eq!(opened("async", &[]), Some((Index(0), Some(Offset(0)))));
    assert_eq!(opened("sync", &[1, 1, 1]), Some((Index(3), None)));
}
