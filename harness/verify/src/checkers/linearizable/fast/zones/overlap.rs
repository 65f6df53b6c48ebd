//! Zones against each other: at one moment a register holds one value. It never looks inside a
//! block.

use super::blocks::Zone;
use super::{Node, Proof};
use crate::checkers::linearizable::fast::Certificate;

impl Zone {
    /// It holds the register from `first` to `last`.
    fn is_forward(&self) -> bool {
        self.first.rank < self.last.rank
    }
}

/// Whether all zones can be one after the other.
pub(super) fn compare(nodes: &[Node], zones: Vec<Zone>) -> Result<(), Certificate> {
    let (mut forward, backward): (Vec<Zone>, Vec<Zone>) =
        zones.into_iter().partition(Zone::is_forward);
    forward.sort_unstable_by_key(|zone| zone.first.rank);
    // With none before intersecting, the last one to begin is the last one to end.
    for pair in forward.windows(2) {
        if pair[1].first.rank < pair[0].last.rank {
            let marks = [pair[0].first, pair[0].last, pair[1].first, pair[1].last];
            let why = "from {0} until {1} it held one value all the time, or what cas made of it, \
                       and from {2} until {3} another, but these times overlap";
            return Err(Proof::of(nodes, &marks, 4).because(why));
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
            let why = format!(
                "from {{0}} until {{1}} it held one value all the time, or what cas made of it, \
                 but {why}, and needs another value"
            );
            let mut marks = vec![around.first, around.last, zone.last];
            marks.extend(second);
            return Err(Proof::of(nodes, &marks, 4).because(&why));
        }
    }
    Ok(())
}
