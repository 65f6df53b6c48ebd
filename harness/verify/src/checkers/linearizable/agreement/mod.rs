//! The search, each fast path and brute force agree on random small histories of every model, and
//! the search and each fast path on larger ones.

mod beside;
mod small;
mod whole;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::fast::Certificate;
use super::judged::Judged;
use crate::budget::{Budget, Meter};
use crate::checkers::linearizable::own;
use crate::checkers::linearizable::search::brute::{Drawer, draw, linearizable, pick, tie};
use crate::checkers::linearizable::search::{Ended, Way};
use crate::history::Value;
use crate::models::spec::{Spec, Timed};

/// So many histories of each kind: all of them together take seconds.
const HISTORIES: u64 = 100_000;

/// Eight operations have up to 40,320 orders, tried one by one.
const OPS_MAX: usize = 8;

/// So many larger histories, of so many operations at most: brute force cannot follow.
const LARGE: (u64, usize) = (3_000, 60);

/// Where the search needs more, the fast path is alone. A limit of time would make it chance.
const LARGE_MEMORY_BYTES: u64 = 1 << 20;

/// Returns how many of the small histories the fast path judged, in percent. Half of them have
/// events at equal times; what it cannot tell then, it must not say.
fn agree<S: Spec>(name: &str, judged: &Judged<S>, drawer: &Drawer<S>) -> u64 {
    let meter = Meter::start(Budget::of_memory(u64::MAX));
    let (mut valid, mut fast, mut fast_valid) = (0, 0, 0);
    let (mut touching, mut undecided) = (0, 0);
    for seed in 0..HISTORIES {
        let mut ops = draw(&judged.spec, drawer, seed, OPS_MAX, 2 + seed as usize % 4);
        mutate(&mut ops, drawer, seed);
        // One of the orders that the times allow.
        let in_file = ops.clone();
        tie(&mut ops, [1, 1, 2, 4][seed as usize / 4 % 4]);
        let touches = own::touches(&ops);
        touching += u64::from(touches);
        let truth = linearizable(&judged.spec, &ops);
        valid += u64::from(truth);
        assert_eq!(searched(judged, &ops, &meter), Some(truth), "{name}, {seed}\n{ops:#?}");
        if let Some(found) = judged.fast(&ops) {
            fast += 1;
            let shown = |found: &_| format!("{name}, seed {seed}, fast: {found:?}\n{ops:#?}");
            let in_file = judged.fast(&in_file);
            assert!(truth || in_file != Some(Ok(())), "{}", shown(&in_file));
            if touches && found.is_ok() && in_file != Some(Ok(())) {
                undecided += 1;
                continue;
            }
            fast_valid += u64::from(truth);
            let shown = shown(&Some(found.clone()));
            assert_eq!(found.is_ok(), truth, "{shown}");
            if let Err(certificate) = found {
                certificate_holds(name, seed, judged, &ops, &certificate);
            }
        }
    }
    let share = valid * 100 / HISTORIES;
    assert!((10..=95).contains(&share), "{name}: {share} % are valid: the drawing shows nothing");
    assert!(touching > HISTORIES / 10, "{name}: {touching} touch");
    assert!(undecided < HISTORIES / 4, "{name}: {undecided} are left to the search");
    if let Some(share) = (fast_valid * 100_u64).checked_div(fast - undecided) {
        assert!((10..=97).contains(&share), "{name}: {share} % of the fast ones are valid");
    }
    fast * 100 / HISTORIES
}

/// Returns how many of the larger histories the fast path judged, in percent.
fn agree_when_large<S: Spec>(name: &str, judged: &Judged<S>, drawer: &Drawer<S>) -> u64 {
    let meter = Meter::start(Budget::of_memory(LARGE_MEMORY_BYTES));
    let (mut valid, mut fast, mut both) = (0, 0, 0);
    for seed in 0..LARGE.0 {
        let mut ops = draw(&judged.spec, drawer, seed, LARGE.1, 2 + seed as usize % 5);
        mutate(&mut ops, drawer, seed);
        let Some(found) = judged.fast(&ops) else { continue };
        fast += 1;
        let Some(truth) = searched(judged, &ops, &meter) else { continue };
        both += 1;
        valid += u64::from(truth);
        assert_eq!(found.is_ok(), truth, "{name}, seed {seed}, fast: {found:?}\n{ops:#?}");
        if let Err(certificate) = found {
            let explained = searched(judged, &weakened(judged, &ops, &certificate), &meter);
            let holds = explained != Some(true);
            assert!(holds, "{name}, seed {seed}: {certificate:?} proves nothing\n{ops:#?}");
        }
    }
    assert!(both * 3 >= fast * 2, "{name}: the search judged {both} of {fast}");
    assert!((both / 10..both).contains(&valid), "{name}: {valid} of {both} are valid");
    fast * 100 / LARGE.0
}

/// None: it gave up.
fn searched<S: Spec>(judged: &Judged<S>, ops: &[Timed<S::Op>], meter: &Meter) -> Option<bool> {
    match judged.search(ops, Way::Turns, meter).ended {
        Ended::Explained => Some(true),
        Ended::Stuck { .. } => Some(false),
        Ended::Spent { .. } => None,
    }
}

/// Changes what happened, in some histories: answers exchanged or lost, events out of order.
fn mutate<S: Spec>(ops: &mut [Timed<S::Op>], drawer: &Drawer<S>, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let rng = &mut rng;
    let some = |rng: &mut ChaCha8Rng| pick(rng, ops.len() as u64) as usize;
    match pick(rng, 6) {
        0 => {
            let (one, other) = (some(rng), some(rng));
            if !ops[one].is_lost() && !ops[other].is_lost() {
                let kept = ops[one].op.clone();
                ops[one].op = std::mem::replace(&mut ops[other].op, kept);
            }
        }
        1 => {
            let at = some(rng);
            ops[at].ret = u32::MAX;
            ops[at].op = (drawer.lost)(&ops[at].op);
        }
        2 => {
            let (at, other) = (some(rng), some(rng));
            if !ops[at].is_lost() && !ops[other].is_lost() {
                ops[at].op = ops[other].op.clone();
            }
        }
        3 | 4 => {
            // A return moves to before the event before it.
            let at = some(rng);
            let ranks = ops.iter().flat_map(|op| [op.invoke, op.ret]);
            let before = ranks.filter(|rank| *rank < ops[at].ret).max();
            let before = before.expect("its own invocation at least");
            if ops[at].is_lost() || before == ops[at].invoke {
                return;
            }
            let ret = std::mem::replace(&mut ops[at].ret, before);
            for (_, op) in ops.iter_mut().enumerate().filter(|(place, _)| *place != at) {
                for rank in [&mut op.invoke, &mut op.ret] {
                    if *rank == before {
                        *rank = ret;
                    }
                }
            }
            ops.sort_by_key(|op| op.invoke);
        }
        _ => {}
    }
}

/// What is asked of the named operations alone cannot be explained, even if nothing is asked of
/// the others but not to come too early.
fn certificate_holds<S: Spec>(
    name: &str,
    seed: u64,
    judged: &Judged<S>,
    ops: &[Timed<S::Op>],
    certificate: &Certificate,
) {
    let weak = weakened(judged, ops, certificate);
    assert!(
        !linearizable(&judged.spec, &weak),
        "{name}, {seed}: {certificate:?} proves nothing\n{ops:#?}"
    );
    let named = |at: usize| certificate.why.contains(&format!("{{{at}}}"));
    assert!(!named(certificate.ops.len()), "{name}, {seed}: {certificate:?}");
}

fn weakened<S: Spec>(
    judged: &Judged<S>,
    ops: &[Timed<S::Op>],
    certificate: &Certificate,
) -> Vec<Timed<S::Op>> {
    let named = |op: &Timed<S::Op>| certificate.ops.contains(&op.id);
    let first = ops.iter().filter(|op| named(op)).map(|op| op.invoke).min().unwrap_or(0);
    let mut weak = ops.to_vec();
    for op in &mut weak {
        // What was over before is part of what a mutex's certificate starts from.
        let settled = judged.fast_path().is_some_and(|(name, _)| name == "turns") && op.ret < first;
        if !named(op) && !settled {
            op.ret = u32::MAX;
        }
    }
    weak.retain(|op| !(op.is_lost() && judged.spec.only_reads(&op.op)));
    weak
}

fn int(number: u64) -> Value {
    Value::Int(number.cast_signed())
}

fn word(prefix: &str, number: u64) -> Value {
    Value::Str(format!("{prefix}{number};").into())
}
