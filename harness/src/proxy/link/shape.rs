//! What a link does to what travels over it: the overlays on each of its two directions.

use crate::action::{Delay, Meddling, OverlayId, Style};

#[derive(Clone, PartialEq, Debug, Default)]
pub struct FlowShape {
    pub blocks: Vec<(OverlayId, Style)>,
    /// The delays on it: they add.
    pub delays: Vec<(OverlayId, Delay)>,
    /// What is done to frames on it, one after the other.
    pub frames: Vec<(OverlayId, Meddling)>,
}

/// Both directions of a link, for all connections over it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LinkShape {
    /// From who dials to who accepts.
    pub forward: FlowShape,
    /// The answers.
    pub backward: FlowShape,
}

/// What becomes of bytes on connections that exist. The later one wins where several blocks meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Passage {
    /// They travel on, after their delay.
    Pass,
    Hold,
    /// They vanish, and the connection is reset once the block is gone.
    Swallow,
    /// There are none: connections are reset.
    Reset,
}

/// What becomes of a new connection. The later one wins where several blocks meet: whoever is
/// refused learns it, whatever else is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Arrival {
    /// It is joined to the node.
    Accept,
    /// It is accepted; bytes in a blackholed direction vanish.
    Swallow,
    /// The kernel leaves its SYN unanswered.
    Hang,
    Refuse,
}

impl FlowShape {
    pub fn passage(&self) -> Passage {
        let one = |&(_, style): &(OverlayId, Style)| match style {
            Style::Refuse => Passage::Pass,
            Style::Hold => Passage::Hold,
            Style::Blackhole => Passage::Swallow,
            Style::Reset => Passage::Reset,
        };
        self.blocks.iter().map(one).max().unwrap_or(Passage::Pass)
    }

    fn arrival(&self) -> Arrival {
        let one = |&(_, style): &(OverlayId, Style)| match style {
            Style::Blackhole => Arrival::Swallow,
            Style::Hold => Arrival::Hang,
            Style::Refuse | Style::Reset => Arrival::Refuse,
        };
        self.blocks.iter().map(one).max().unwrap_or(Arrival::Accept)
    }
}

impl LinkShape {
    /// What becomes of a new connection: it needs both directions.
    pub fn arrival(&self) -> Arrival {
        self.forward.arrival().max(self.backward.arrival())
    }

    /// Whether existing connections are reset: an RST ends both directions.
    pub fn resets(&self) -> bool {
        self.forward.passage().max(self.backward.passage()) == Passage::Reset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Style::{Blackhole, Hold, Refuse, Reset};

    fn blocked(styles: &[Style]) -> FlowShape {
        let blocks = styles.iter().map(|&style| (OverlayId(0), style)).collect();
        FlowShape { blocks, ..FlowShape::default() }
    }

    #[test]
    fn the_stronger_block_wins_for_bytes_and_for_new_connections_each() {
        let cases: [(&[Style], Passage, Arrival); 7] = [
            (&[], Passage::Pass, Arrival::Accept),
            (&[Refuse], Passage::Pass, Arrival::Refuse),
            (&[Hold], Passage::Hold, Arrival::Hang),
            (&[Blackhole], Passage::Swallow, Arrival::Swallow),
            (&[Hold, Blackhole], Passage::Swallow, Arrival::Hang),
            (&[Refuse, Hold], Passage::Hold, Arrival::Refuse),
            (&[Reset, Blackhole, Hold, Refuse], Passage::Reset, Arrival::Refuse),
        ];
        for (styles, passage, arrival) in cases {
            let backward = blocked(styles);
            assert_eq!(backward.passage(), passage, "{styles:?}");
            let link = LinkShape { forward: FlowShape::default(), backward };
            assert_eq!(link.arrival(), arrival, "one direction suffices: {styles:?}");
            assert_eq!(link.resets(), passage == Passage::Reset);
        }
    }
}
