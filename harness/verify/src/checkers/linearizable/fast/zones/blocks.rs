//! The chains of values that cas join, and the order inside each. It never compares two chains.

use super::{Mark, NEVER, NONE, Node, Proof};
use crate::checkers::linearizable::fast::Certificate;

/// When a block has to hold the register: it has begun before `first`, and lasts until `last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone {
    /// The earliest return of an operation that needs one of its values.
    pub first: Mark,
    /// The latest invocation of an operation that needs one of its values.
    pub last: Mark,
}

/// The zone of each block.
pub(super) fn zones(nodes: &[Node]) -> Result<Vec<Zone>, Certificate> {
    let next = successors(nodes)?;
    let mut zones = Vec::new();
    let mut walked = 0;
    for (start, node) in nodes.iter().enumerate() {
        if node.from == NONE {
            zones.push(walk(nodes, &next, start as u32, &mut walked)?);
        }
    }
    if walked < nodes.len() { Err(round(nodes, &next)) } else { Ok(zones) }
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
        let why = "{0} returned before {1} was invoked, but needs what only {1} writes";
        return Proof::of(nodes, &[high, low], 1).because(why);
    }
    let by = Proof::writer(nodes, next[low.node as usize]);
    if by.id == high.id {
        let why = "{0} replaced the value that {1} found, and returned before {1} was invoked; \
                   nobody wrote it again";
        return Proof::of(nodes, &[high, low], 1).because(why);
    }
    let why = "{0} needs what {2} wrote in place of the value that {1} found, and returned before \
               {1} was invoked; nobody wrote it again";
    Proof::of(nodes, &[high, low, by], 1).because(why)
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
    let why = "{0} needs what {1} writes, and that in turn what {0} writes: round in a circle, and \
               nobody else writes either";
    Proof::of(nodes, &[one, other], 2).because(why)
}
