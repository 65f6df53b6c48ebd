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

mod kv;
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
    let next = successors(nodes)?;
    compare(nodes, &next, zones(nodes, &next)?)
}

/// So many operations that join values are named and drawn; of more, the first and the last.
const JOINED_MAX: usize = 6;

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
            proof.show(nodes, mark, at);
        }
        proof
    }

    /// Says who shows that the writer at this place took effect, if that needs saying.
    fn show(&mut self, nodes: &[Node], mark: &Mark, at: usize) {
        let shown_by = nodes[mark.node as usize].shown_by;
        if !mark.is_read && shown_by != NONE && !self.ids.contains(&Some(shown_by)) {
            let by = self.ids.len();
            self.ids.push(Some(shown_by));
            let more = format!("; {{{by}}} shows that {{{at}}} took effect");
            self.shown.push_str(&more);
        }
    }

    /// Adds the operations that made the value of the second mark of that of the first, and names
    /// them; the second mark's own is named already. None: it is the same value.
    fn joined(&mut self, nodes: &[Node], next: &[u32], from: &Mark, to: &Mark) -> Option<String> {
        let mut links = Vec::new();
        let mut at = from.node;
        while at != to.node {
            at = next[at as usize];
            links.push(Proof::writer(nodes, at));
        }
        links.retain(|link| link.id != to.id);
        let all = links.len();
        if all > JOINED_MAX {
            links.drain(JOINED_MAX / 2..all - JOINED_MAX / 2);
        }
        let mut names = Vec::new();
        for link in &links {
            let at = self.ids.len();
            self.ids.push(link.id);
            self.show(nodes, link, at);
            names.push(format!("{{{at}}}"));
        }
        let last = names.pop()?;
        let more = if all > JOINED_MAX { format!(", of {all} in all") } else { String::new() };
        let first = names.join(", ");
        Some(if first.is_empty() { last } else { format!("{first} and {last}{more}") })
    }

    fn because(self, why: &str) -> Certificate {
        super::certificate(&self.ids, "the start", &format!("{why}{}", self.shown))
    }

    fn writer(nodes: &[Node], node: u32) -> Mark {
        let writer = nodes[node as usize].writer;
        Mark { rank: writer.invoke, node, id: writer.id, is_read: false }
    }
}

/// When a block has to hold the register: it has begun before `first`, and lasts until `last`.
#[derive(Clone, Copy, Debug)]
struct Zone {
    /// The earliest return of an operation that needs one of its values.
    first: Mark,
    /// The latest invocation of an operation that needs one of its values.
    last: Mark,
}

impl Zone {
    /// It holds the register from `first` to `last`.
    fn is_forward(&self) -> bool {
        self.first.rank < self.last.rank
    }
}

fn zones(nodes: &[Node], next: &[u32]) -> Result<Vec<Zone>, Certificate> {
    let mut zones = Vec::new();
    let mut walked = 0;
    for (start, node) in nodes.iter().enumerate() {
        if node.from == NONE {
            zones.push(walk(nodes, next, start as u32, &mut walked)?);
        }
    }
    if walked < nodes.len() { Err(round(nodes, next)) } else { Ok(zones) }
}

/// The value that each was replaced by through a cas.
fn successors(nodes: &[Node]) -> Result<Vec<u32>, Certificate> {
    let mut next = vec![NONE; nodes.len()];
    for (to, node) in nodes.iter().enumerate().filter(|(_, node)| node.from != NONE) {
        let other = std::mem::replace(&mut next[node.from as usize], to as u32);
        if other != NONE {
            let both = [other, to as u32].map(|to| Proof::writer(nodes, to));
            let why = "{0} and {1} both replaced one value, which was written only once";
            return Err(Proof::of(nodes, &both, 2).because(why));
        }
    }
    Ok(next)
}

/// Walks through one block, from its first value.
fn walk(nodes: &[Node], next: &[u32], from: u32, walked: &mut usize) -> Result<Zone, Certificate> {
    let mut last: Option<Mark> = None;
    let mut first: Option<Mark> = None;
    let mut reads: Option<Mark> = None; // of the value before
    let mut at = from;
    while at != NONE {
        *walked += 1;
        let node = &nodes[at as usize];
        last = later(later(last, reads), Some(Proof::writer(nodes, at)));
        let low = last.expect("the writer at least");
        if let Some(high) = earliest(node, at) {
            if low.rank >= high.rank {
                return Err(backwards(nodes, next, high, low));
            }
            if first.is_none_or(|first| high.rank < first.rank) {
                first = Some(high);
            }
        }
        reads =
            node.last_read.map(|(rank, id)| Mark { rank, node: at, id: Some(id), is_read: true });
        at = next[at as usize];
    }
    let last = later(last, reads).expect("a block has a writer");
    // Lost writers alone are no block: something acknowledged needs their value.
    Ok(Zone { first: first.expect("something shows that each value was there"), last })
}

/// The first return of an operation that needs this value to have been written.
fn earliest(node: &Node, at: u32) -> Option<Mark> {
    let writer = Mark { rank: node.writer.ret, node: at, id: node.writer.id, is_read: false };
    match node.first_read {
        Some((rank, id)) if rank < writer.rank => {
            Some(Mark { rank, node: at, id: Some(id), is_read: true })
        }
        _ => (writer.rank != NEVER).then_some(writer),
    }
}

fn later(one: Option<Mark>, other: Option<Mark>) -> Option<Mark> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.rank > one.rank { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// `high` returned before `low` was invoked, though it comes later in the block.
fn backwards(nodes: &[Node], next: &[u32], high: Mark, low: Mark) -> Certificate {
    if !low.is_read {
        let mut proof = Proof::of(nodes, &[high, low], 1);
        let why = match proof.joined(nodes, next, &low, &high) {
            None => "{0} returned before {1} was invoked, but needs what only {1} writes".into(),
            Some(made) => format!(
                "{{0}} returned before {{1}} was invoked, but needs what {made} made of what only \
                 {{1}} writes"
            ),
        };
        return proof.because(&why);
    }
    let mut proof = Proof::of(nodes, &[high, low], 1);
    let why = match proof.joined(nodes, next, &low, &high) {
        None => "{0} replaced the value that {1} found, and returned before {1} was invoked; \
                 nobody wrote it again"
            .into(),
        Some(made) => format!(
            "{{0}} needs what {made} made of the value that {{1}} found, and returned before \
             {{1}} was invoked; nobody wrote it again"
        ),
    };
    proof.because(&why)
}

/// Values of which each was made from another, and none was there first.
fn round(nodes: &[Node], next: &[u32]) -> Certificate {
    let mut walked = vec![false; nodes.len()];
    for start in (0..nodes.len()).filter(|&at| nodes[at].from == NONE) {
        let mut at = start as u32;
        while at != NONE {
            walked[at as usize] = true;
            at = next[at as usize];
        }
    }
    let inside = walked.iter().position(|walked| !walked).expect("not all were walked through");
    let one = Proof::writer(nodes, inside as u32);
    let other = Proof::writer(nodes, nodes[inside].from);
    let mut proof = Proof::of(nodes, &[one, other], 2);
    let why = match proof.joined(nodes, next, &one, &other) {
        None => "{0} needs what {1} writes, and that in turn what {0} writes: round in a circle, \
                 and nobody else writes either"
            .into(),
        Some(made) => format!(
            "{{0}} needs what {{1}} writes, and that in turn what {made} made of what {{0}} \
             writes: round in a circle, and nobody else writes either"
        ),
    };
    proof.because(&why)
}

/// Whether all zones can be one after the other.
fn compare(nodes: &[Node], next: &[u32], zones: Vec<Zone>) -> Result<(), Certificate> {
    let (mut forward, backward): (Vec<Zone>, Vec<Zone>) =
        zones.into_iter().partition(Zone::is_forward);
    forward.sort_unstable_by_key(|zone| zone.first.rank);
    // With none before intersecting, the last one to begin is the last one to end.
    for pair in forward.windows(2) {
        if pair[1].first.rank < pair[0].last.rank {
            let marks = [pair[0].first, pair[0].last, pair[1].first, pair[1].last];
            let mut proof = Proof::of(nodes, &marks, 4);
            let one = held(proof.joined(nodes, next, &marks[0], &marks[1]).as_deref());
            let another = match proof.joined(nodes, next, &marks[2], &marks[3]) {
                None => "another".into(),
                Some(made) => format!("another and then what {made} made of it"),
            };
            let why = format!(
                "from {{0}} until {{1}} it held {one}, and from {{2}} until {{3}} {another}, but \
                 these times overlap"
            );
            return Err(proof.because(&why));
        }
    }
    for zone in backward {
        let after = forward.partition_point(|forward| forward.first.rank < zone.last.rank);
        let Some(around) = after.checked_sub(1).map(|at| forward[at]) else { continue };
        if zone.first.rank < around.last.rank {
            let (why, second) = if zone.first.id == zone.last.id {
                ("{2} was invoked and returned in between", None)
            } else {
                ("{2} was invoked and {3} returned in between", Some(zone.first))
            };
            let mut marks = vec![around.first, around.last, zone.last];
            marks.extend(second);
            let mut proof = Proof::of(nodes, &marks, 4);
            let one = held(proof.joined(nodes, next, &around.first, &around.last).as_deref());
            // Both are of one block, so what joins them is part of the proof.
            let ends = second.map(|first| {
                let (from, to) = in_order(next, zone.last, first);
                proof.joined(nodes, next, &from, &to)
            });
            let other = match (ends.flatten(), second) {
                (None, None) => "needs another value".into(),
                (None, Some(_)) => "they need another value".into(),
                (Some(made), _) => format!("they need other values, which {made} joins"),
            };
            let why = format!("from {{0}} until {{1}} it held {one}, but {why}, and {other}");
            return Err(proof.because(&why));
        }
    }
    Ok(())
}

/// What it held: one value, and what was made of it.
fn held(made: Option<&str>) -> String {
    match made {
        None => "one value all the time".into(),
        Some(made) => format!("one value, and then what {made} made of it"),
    }
}

/// Two marks of one block, the one whose value came first before the other.
fn in_order(next: &[u32], one: Mark, other: Mark) -> (Mark, Mark) {
    let mut at = one.node;
    while at != NONE {
        if at == other.node {
            return (one, other);
        }
        at = next[at as usize];
    }
    (other, one)
}
