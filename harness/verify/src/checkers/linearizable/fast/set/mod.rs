//! A set that only grows, with reads of all (`grow`), or one whose elements come and go once each
//! and are asked for one by one (`lives`). It never judges what comes and goes again and again, nor
//! reads of all beside removals.

mod grow;
mod lives;

use std::collections::BTreeSet;

use super::{NEVER, Span};
use crate::checkers::linearizable::fast::Certificate;
use crate::history::Value;
use crate::models::set::Op;
use crate::models::spec::Timed;

/// Judges a set. None: this cannot.
pub fn judge(initial: &BTreeSet<Value>, ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    let removes = ops.iter().any(|timed| matches!(timed.op, Op::Remove(_)));
    let reads_all = |timed: &Timed<Op>| !timed.is_lost() && matches!(timed.op, Op::Read(_));
    if !removes {
        Some(grow::judge(initial, ops))
    } else if !ops.iter().any(reads_all) {
        lives::judge(initial, ops)
    } else {
        None
    }
}
