//! What the frames on links between nodes show: how far each node has moved.

use std::collections::BTreeMap;

use schism_facts::{FramePart, FrameRow};
use tokio::sync::watch;

use super::Header;
use crate::action::{Endpoint, Link, NodeId};

/// The greatest epoch that each node has been seen to have moved to, for all links together.
pub struct Readings {
    kinds: &'static [FrameRow],
    moved: BTreeMap<NodeId, watch::Sender<u64>>,
}

/// The same as one direction of a link needs it.
#[derive(Clone, Debug)]
pub struct Reading {
    kinds: &'static [FrameRow],
    source: watch::Sender<u64>,
    sink: watch::Receiver<u64>,
}

impl Readings {
    /// No node has moved. Without kinds, nobody may look at frames.
    pub fn new(kinds: &'static [FrameRow]) -> Readings {
        Readings { kinds, moved: BTreeMap::new() }
    }

    /// Both directions of a link, if somebody may look at its frames.
    pub fn of(&mut self, link: Link) -> Option<[Reading; 2]> {
        let Endpoint::Node(from) = link.from else { return None };
        if self.kinds.is_empty() {
            return None;
        }
        let mut node = |node| self.moved.entry(node).or_default().clone();
        let (dials, accepts) = (node(from), node(link.to));
        let reading = |source: &watch::Sender<u64>, sink: &watch::Sender<u64>| Reading {
            kinds: self.kinds,
            source: source.clone(),
            sink: sink.subscribe(),
        };
        Some([reading(&dials, &accepts), reading(&accepts, &dials)])
    }
}

impl Reading {
    /// A frame has left its sender: whether its kind is known, and if so, what it shows is noted.
    pub fn note(&self, header: Header) -> bool {
        let Some(row) = self.kinds.iter().find(|row| row.kind == header.kind) else { return false };
        if row.part != FramePart::Asks {
            self.source.send_if_modified(|moved| {
                let further = header.epoch > *moved;
                *moved = header.epoch.max(*moved);
                further
            });
        }
        true
    }

    /// Whether the receiver has been seen to have moved beyond this epoch.
    pub fn is_beyond(&self, epoch: u64) -> bool {
        *self.sink.borrow() > epoch
    }

    pub async fn beyond(mut self, epoch: u64) {
        let moved = self.sink.wait_for(|moved| *moved > epoch).await;
        drop(moved.expect("the other direction of the link holds the sender"));
    }
}
