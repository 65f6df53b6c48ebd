//! How runs of keys and of queues end, in virtual time: every key is read at every node until the
//! nodes agree, and queues are emptied.

use std::collections::BTreeSet;

use schism_facts::remark::{FinalRead, Remark, Settled};
use schism_verify::history::{Event, Level, Type, Value};

use super::fake_log::Lie;
use super::fake_store::StoreLie;
use super::{Left, run};

const KEYS: &str = "
system: store
nodes: 3
clients: 4
duration: 5s
rate: 200/s
keys: {count: 3, operations: 40}
faults:
  - pause: {target: one, every: 2s, for: 500ms}
";

const QUEUE: &str = "
system: store
model: queue
nodes: 3
clients: 4
duration: 5s
rate: 200/s
recovery: 2s
";

fn final_reads(left: &Left) -> Vec<FinalRead> {
    left.said(|remark| if let Remark::FinalRead(read) = remark { Some(read) } else { None })
}

fn settled(left: &Left) -> Vec<Settled> {
    left.said(|remark| if let Remark::Settled(settled) = remark { Some(settled) } else { None })
}

fn keys<'a>(events: impl Iterator<Item = &'a Event>) -> BTreeSet<Option<Value>> {
    events.filter(|event| event.is_client()).map(|event| event.key().cloned()).collect()
}

#[test]
fn every_key_that_was_asked_about_is_read_at_every_node_and_the_nodes_agree() {
    let left = run(KEYS, 7, Lie::Honest, |_, _| ());
    assert!(left.verdict().starts_with("valid "), "{}", left.verdict());
    let settled = settled(&left);
    assert!(settled.len() == 1 && settled[0].converged, "{settled:?}");
    let history = left.parsed();
    let asked = keys(history.events().iter());
    assert!(asked.len() > 15, "keys are replaced: {asked:?}");
    for (node, read) in ["n1", "n2", "n3"].into_iter().zip(final_reads(&left)) {
        assert_eq!((read.complete, read.length), (true, Some(asked.len() as u64)));
        let local = |event: &&Event| {
            event.level() == Some(Level::Local) && event.node.as_deref() == Some(node)
        };
        let ok = history.events().iter().filter(|event| event.kind == Type::Ok).filter(local);
        assert_eq!(keys(ok), asked, "{node} was read in full");
    }
}

#[test]
fn a_node_that_answers_no_local_reads_is_read_as_clients_read() {
    let left = run(KEYS, 7, Lie::Store(StoreLie::RefuseLocal), |_, _| ());
    assert!(left.verdict().starts_with("valid "), "{}", left.verdict());
    assert!(settled(&left)[0].converged && final_reads(&left).iter().all(|read| read.complete));
}

#[test]
fn nodes_that_never_agree_have_not_converged_and_each_says_what_it_holds() {
    let left = run(KEYS, 7, Lie::Store(StoreLie::Differ), |_, _| ());
    let settled = settled(&left);
    assert!(!settled[0].converged && settled[0].waited_ms >= 30_000, "{settled:?}");
    assert!(left.verdict().starts_with("violated "), "{}", left.verdict());
    let found = left.anomalies();
    let told = found.iter().find(|told| told.contains("not-converged")).expect("it is told");
    assert!(told.contains("n1 holds") && told.contains("n2 holds"), "{told}");
    assert!(found.iter().all(|told| told.contains("not-converged")), "nothing is lost: {found:?}");
}

/// After a violation there is little time; what was read in it stands.
#[test]
fn nodes_that_differ_when_the_time_is_over_were_read_to_the_end_all_the_same() {
    for seed in 1..=20 {
        let left = run(KEYS, seed, Lie::Store(StoreLie::Stale), |_, _| ());
        assert!(left.verdict().starts_with("violated "), "{}", left.verdict());
        assert!(settled(&left).is_empty(), "whether they would agree is open");
        let reads = final_reads(&left);
        assert!(reads.iter().all(|read| read.complete), "seed {seed}: {reads:?}");
    }
}

/// A reader that saw all agree must not be the first to go.
#[test]
fn a_write_that_happens_while_nodes_are_read_is_read_at_all_of_them() {
    let left = run(KEYS, 7, Lie::Store(StoreLie::Late), |_, _| ());
    assert!(left.log.store.is_late.get(), "no node was read a second time");
    let settled = settled(&left);
    assert!(settled[0].converged && settled[0].waited_ms < 1_000, "{settled:?}");
    let history = left.parsed();
    let last = history.events().iter().filter(|event| event.value == Some(Value::Int(-1)));
    let nodes: BTreeSet<_> = last.filter_map(|event| event.node.clone()).collect();
    assert_eq!(nodes.len(), 3, "{nodes:?}");
}

#[test]
fn queues_are_emptied_and_every_message_is_received() {
    let left = run(QUEUE, 7, Lie::Honest, |_, _| ());
    assert!(left.verdict().starts_with("valid "), "{}", left.verdict());
    assert!(left.log.store.queue.borrow().is_empty());
    assert!(final_reads(&left).iter().all(|read| read.complete));
    let more = QUEUE.to_owned() + "operations: {enqueue: 3, dequeue: 1}\n";
    let left = run(&more, 7, Lie::Honest, |_, _| ());
    assert!(left.verdict().starts_with("valid "), "{}", left.verdict());
    let taken: u64 = final_reads(&left).iter().filter_map(|read| read.length).sum();
    assert!(taken > 200, "{taken} of about 500 were left for the end");
}

#[test]
fn a_drain_that_is_cut_short_is_unknown() {
    let left = run(QUEUE, 7, Lie::Store(StoreLie::Stuck), |_, _| ());
    let verdict = left.verdict();
    assert!(
        verdict.starts_with("unknown ") && verdict.contains("drain was cut short"),
        "{verdict}"
    );
    let read: Vec<bool> = final_reads(&left).iter().map(|read| read.complete).collect();
    assert!(read.contains(&false), "{read:?}");
}
