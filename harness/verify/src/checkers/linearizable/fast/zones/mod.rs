//! Registers whose values are written once, with cas and lost answers, in O(n log n)
//! (docs/internals/checkers.md; zones are those of Gibbons and Korach, "Testing Shared Memories",
//! 1997).
//! It never looks at values: `register` and `kv` number them and say who wrote which.
//!
//! # Why it is exact
//!
//! A value that is written once is there during one stretch of time. If its writer is a cas, that
//! stretch begins where the stretch of the value it found ends. So values that cas join form a
//! chain v1, v2, ..., vm, and nothing else happens between its first write and its end: a block.
//!
//! * Inside a block the writer of vk takes effect at t(k), t(1) < t(2) < ... It was invoked
//!   before t(k) and returned after, every read of v(k-1) was invoked before t(k), and every read
//!   of vk returned after t(k). So t(k) lies between `lo(k)`, the latest of those invocations, and
//!   `hi(k)`, the earliest of those returns. Such instants exist if and only if
//!   max(lo(1), ..., lo(k)) < hi(k) for each k.
//! * A block has to have begun by f, its earliest `hi`, and it has to last until s, the latest
//!   `lo` and invocation of a read of vm. If f < s, it holds the register from f to s (a forward
//!   zone). Else it can happen within any instant between s and f (a backward zone).
//! * Two forward zones that intersect contradict each other, and so does a backward zone inside a
//!   forward one. If there are no such two, order the blocks by their forward zones, put each
//!   backward zone at an instant of its own outside all of them, and every operation finds its
//!   place.
//!
//! A lost writer of a value that nobody needs to have been there is left out: it may never have
//! happened. A value that nobody reads may be written often: each write is a block of its own.

mod blocks;
mod kv;
mod overlap;
mod register;

pub use kv::judge as judge_kv;
pub use register::judge as judge_register;

use super::{NEVER, Span};
use crate::checkers::linearizable::fast::Certificate;

/// One value that was there, or nobody can be right.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The one operation that wrote it.
    writer: Span,
    /// The value that the writer found, where that is known; `NONE`: any.
    from: u32,
    /// An acknowledged operation that shows that the writer took effect on `from`; `NONE`: the
    /// writer shows it itself.
    shown_by: u32,
    /// The read of it that returned first, and the one that was invoked last.
    first_read: Option<(i64, u32)>,
    last_read: Option<(i64, u32)>,
}

/// No node, or no operation.
const NONE: u32 = u32::MAX;

impl Node {
    fn new(writer: Span, from: u32, shown_by: u32) -> Node {
        Node { writer, from, shown_by, first_read: None, last_read: None }
    }

    /// What is there before anything happens.
    fn start() -> Node {
        Node::new(Span { id: None, invoke: -2, ret: -1 }, NONE, NONE)
    }

    fn read_by(&mut self, read: Span) {
        let id = read.id.expect("a read is an operation");
        if self.first_read.is_none_or(|(ret, _)| read.ret < ret) {
            self.first_read = Some((read.ret, id));
        }
        if self.last_read.is_none_or(|(invoke, _)| read.invoke > invoke) {
            self.last_read = Some((read.invoke, id));
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    rank: i64,
    /// The value that it wrote or read.
    node: u32,
    /// The operation. None: the start.
    id: Option<u32>,
    is_read: bool,
}

/// Judges values of which each but the first, which is there at the start, has its writer.
fn judge(nodes: &[Node]) -> Result<(), Certificate> {
    let zones = blocks::zones(nodes)?;
    overlap::compare(nodes, zones)
}

/// Gathers the operations of a certificate, and says who shows that the lost ones happened.
struct Proof {
    ids: Vec<Option<u32>>,
    shown: String,
}

impl Proof {
    /// The first `certain` of the marks need somebody who shows that they happened.
    fn of(nodes: &[Node], marks: &[Mark], certain: usize) -> Proof {
        let ids = marks.iter().map(|mark| mark.id).collect();
        let mut proof = Proof { ids, shown: String::new() };
        for (at, mark) in marks.iter().enumerate().take(certain) {
            let shown_by = nodes[mark.node as usize].shown_by;
            if !mark.is_read && shown_by != NONE && !proof.ids.contains(&Some(shown_by)) {
                let by = proof.ids.len();
                proof.ids.push(Some(shown_by));
                let more = format!("; {{{by}}} shows that {{{at}}} took effect");
                proof.shown.push_str(&more);
            }
        }
        proof
    }

    fn because(self, why: &str) -> Certificate {
        super::certificate(&self.ids, "the start", &format!("{why}{}", self.shown))
    }

    fn writer(nodes: &[Node], node: u32) -> Mark {
        let writer = nodes[node as usize].writer;
        Mark { rank: writer.invoke, node, id: writer.id, is_read: false }
    }
}
