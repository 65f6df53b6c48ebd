//! An object that is judged beside a run is judged as it is afterwards: what is called broken there
//! is, and at the end everything that is broken was called so, unless the object was given up.

use rand_chacha::ChaCha8Rng;

use super::small::{ask_counter, ask_kv, ask_mutex, ask_set, plain, register_starting};
use super::{int, mutate, searched};
use crate::budget::{Budget, Meter};
use crate::checkers::linearizable::judged::{self, Judged};
use crate::checkers::linearizable::search::Told;
use crate::checkers::linearizable::search::brute::{Drawer, draw, pick};
use crate::checkers::linearizable::watch::Watch;
use crate::history::Value;
use crate::models::spec::{Spec, Timed};
use crate::models::{counter, kv, mutex, register, set};

/// So many histories of each model, of so many operations at most: the algorithm is asked on the
/// way, and again at the end. More would be too much for the search, which in tests never gives up.
const HISTORIES: (u64, usize) = (300, 28);

/// Where the search needs more, nothing is compared.
const MEMORY_BYTES: u64 = 1 << 20;

/// Fed event by event: what is told first, or else at the end.
fn beside<S: Spec>(
    judged: &Judged<S>,
    drawer: &Drawer<S>,
    ops: &[Timed<S::Op>],
    meter: &Meter,
) -> Told {
    let mut events: Vec<(u32, &Timed<S::Op>)> = Vec::new();
    for op in ops {
        events.push((op.invoke, op));
        events.extend((!op.is_lost()).then_some((op.ret, op)));
    }
    events.sort_by_key(|event| event.0);
    let mut watch = Watch::new(judged);
    for (rank, op) in events {
        let ticket = u64::from(op.id);
        let told = if op.invoke == rank {
            let lost = (drawer.lost)(&op.op);
            // Of a read nothing is known before it is answered.
            let lost = Some(lost).filter(|lost| !judged.spec.only_reads(lost));
            watch.invoke(ticket, rank, lost);
            if op.is_lost() { watch.lose(ticket, meter) } else { Told::Fine }
        } else {
            watch.ret(ticket, rank, Some(op.op.clone()), (judged, meter))
        };
        if told != Told::Fine {
            return told;
        }
    }
    watch.finish(judged, meter)
}

fn agree<S: Spec>(name: &str, judged: &Judged<S>, drawer: &Drawer<S>) {
    let meter = Meter::start(Budget::of_memory(MEMORY_BYTES));
    let (mut valid, mut decided) = (0, 0);
    for seed in 0..HISTORIES.0 {
        let clients = 2 + seed as usize % 4;
        let mut ops = draw(&judged.spec, drawer, seed, HISTORIES.1, clients);
        mutate(&mut ops, drawer, seed);
        // Tickets ascend in the order of invocation.
        for (id, op) in (0..).zip(ops.iter_mut()) {
            op.id = id;
        }
        let known = |op: &Timed<S::Op>| !(op.is_lost() && judged.spec.only_reads(&op.op));
        let judgeable: Vec<_> = ops.iter().filter(|op| known(op)).cloned().collect();
        let Some(truth) = searched(judged, &judgeable, &meter) else { continue };
        let told = beside(judged, drawer, &ops, &meter);
        if told == Told::GaveUp {
            continue;
        }
        decided += 1;
        valid += u64::from(truth);
        assert_eq!(told == Told::Fine, truth, "{name}, seed {seed}: {told:?}\n{ops:#?}");
    }
    assert!(decided * 10 > HISTORIES.0 * 9, "{name}: {decided} are decided");
    assert!((decided / 10..decided).contains(&valid), "{name}: {valid} of {decided} are valid");
}

#[test]
fn registers() {
    use register::Op;
    let judged = judged::register(register_starting(Value::Null));
    let many: fn(&mut ChaCha8Rng, &Value) -> Op = |rng, state| match pick(rng, 4) {
        0 => Op::Write(int(pick(rng, 100_000))),
        1 => Op::Cas(state.clone(), int(100_000 + pick(rng, 100_000))),
        _ => Op::Read(state.clone()),
    };
    agree("register", &judged, &plain(many));
    let few: fn(&mut ChaCha8Rng, &Value) -> Op = |rng, state| match pick(rng, 3) {
        0 => Op::Write(int(pick(rng, 3))),
        _ => Op::Read(state.clone()),
    };
    agree("register of few values", &judged, &plain(few));
}

#[test]
fn keys_sets_counters_and_locks() {
    let spec = kv::Kv { initial: Value::Null, failed_cas_constrains: true };
    agree("kv", &judged::kv(spec), &plain(ask_kv));
    let judged = judged::set(set::Set { initial: [].into() });
    agree("set that grows", &judged, &plain(|rng, state| ask_set(rng, state, 5, 0)));
    agree("set", &judged, &plain(|rng, state| ask_set(rng, state, 5, 2)));
    let judged = judged::counter(counter::Counter { initial: 0 });
    agree("counter", &judged, &plain(|rng, state| ask_counter(rng, *state, 1)));
    let judged = judged::mutex(mutex::Mutex { held: false });
    agree("mutex", &judged, &plain(|_, held| ask_mutex(*held)));
}
