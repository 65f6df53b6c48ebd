//! A process's own order where ranks do not tell it: it asked again at the very time at which it
//! was answered, so its operations overlap, and yet the first comes before the second.
//!
//! This is an edge between two operations and no rank: if `a` and `b` of one process touch at the
//! time at which `c` and `d` of another do, then neither is `a` before `d` nor `c` before `b`, and
//! no order of ranks says just that.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::models::spec::Timed;

const NONE: u32 = u32::MAX;

/// For each operation the place of the one of its process that comes before it although they
/// overlap; `u32::MAX`: there is none. Operations are in the order of invocation. Whoever has no
/// return, or has lost its answer, comes before nobody.
pub(super) fn before<Op>(ops: &[Timed<Op>]) -> Vec<u32> {
    places(ops.iter().map(|op| (op.process, op.invoke, op.ret)))
}

/// The same of processes, invocations and returns.
pub(super) fn places(ops: impl ExactSizeIterator<Item = (u32, u32, u32)>) -> Vec<u32> {
    let mut last: HashMap<u32, (u32, u32), FixedState> = HashMap::default();
    let mut places = vec![NONE; ops.len()];
    for (at, (process, invoke, ret)) in ops.enumerate() {
        if process == Timed::<()>::NOBODY {
            continue;
        }
        if let Some(&(place, _)) = last.get(&process).filter(|(_, ret)| *ret > invoke) {
            places[at] = place;
        }
        if ret != u32::MAX {
            last.insert(process, (at as u32, ret));
        }
    }
    places
}

/// Whether two operations of some process overlap.
pub(super) fn touches<Op>(ops: &[Timed<Op>]) -> bool {
    before(ops).iter().any(|place| *place != NONE)
}

/// The same operations with these ranks instead of theirs, in the order of invocation.
pub(super) fn ranked<Op: Clone>(ops: &[Timed<Op>], ranks: &[u32]) -> Vec<Timed<Op>> {
    let rank = |rank: u32| ranks.get(rank as usize).copied().unwrap_or(u32::MAX);
    let ranked = |op: &Timed<Op>| {
        let (invoke, ret) = (rank(op.invoke), rank(op.ret));
        Timed { invoke, ret, ..op.clone() }
    };
    let mut ops: Vec<Timed<Op>> = ops.iter().map(ranked).collect();
    ops.sort_by_key(|op| op.invoke);
    ops
}
