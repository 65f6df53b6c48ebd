//! The fold: what the active overlays together make of each flow and node.
//! It never acts: a world compares what this says with what is.

use std::collections::BTreeMap;

use crate::action::{
    Endpoint, Flow, Link, LinkOverlay, NodeId, NodeShape, NodeView, Overlay, OverlayId, View,
};
use crate::proxy::{FlowShape, LinkShape};

/// The active overlays.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overlays {
    active: BTreeMap<OverlayId, Overlay>,
    next: u64,
}

/// An overlay that is not active: never was, or was healed before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("overlay {} is not active: it was never put on, or has been healed before", .0.0)]
pub struct UnknownOverlay(pub OverlayId);

impl Overlays {
    /// Puts one on.
    pub fn add(&mut self, overlay: Overlay) -> OverlayId {
        let id = self.name();
        let before = self.active.insert(id, overlay);
        assert!(before.is_none(), "an overlay's id is never used twice");
        id
    }

    /// A name for something that happens once, so puts nothing on.
    pub fn name(&mut self) -> OverlayId {
        let id = OverlayId(self.next);
        self.next += 1;
        id
    }

    /// Takes exactly this one off.
    pub fn remove(&mut self, id: OverlayId) -> Result<Overlay, UnknownOverlay> {
        self.active.remove(&id).ok_or(UnknownOverlay(id))
    }

    /// The active ones, by age.
    pub fn active(&self) -> impl Iterator<Item = (OverlayId, &Overlay)> {
        self.active.iter().map(|(&id, overlay)| (id, overlay))
    }

    fn on_links(&self) -> impl Iterator<Item = (OverlayId, &LinkOverlay)> {
        self.active().filter_map(|(id, overlay)| match overlay {
            Overlay::Links(overlay) => Some((id, overlay)),
            Overlay::Nodes(_) => None,
        })
    }

    /// What they make of one direction.
    pub fn flow(&self, flow: Flow) -> FlowShape {
        let mut shape = FlowShape::default();
        for (id, overlay) in self.on_links().filter(|(_, one)| one.flows().contains(&flow)) {
            match overlay {
                LinkOverlay::Block { style, .. } => shape.blocks.push((id, *style)),
                LinkOverlay::Delay { delay, .. } => shape.delays.push((id, *delay)),
                LinkOverlay::Frames { meddling, .. } => shape.frames.push((id, meddling.clone())),
            }
        }
        shape
    }

    /// What they make of a link.
    pub fn link(&self, link: Link) -> LinkShape {
        let (from, to) = (link.from, Endpoint::Node(link.to));
        LinkShape {
            forward: self.flow(Flow { from, to }),
            backward: self.flow(Flow { from: to, to: from }),
        }
    }

    /// What they make of a node.
    pub fn node(&self, node: NodeId) -> NodeShape {
        let mut shape = NodeShape::default();
        for (_, overlay) in self.active() {
            if let Overlay::Nodes(overlay) = overlay
                && overlay.nodes().contains(&node)
            {
                let NodeShape { paused, down } = overlay.shape();
                shape = NodeShape { paused: shape.paused || paused, down: shape.down || down };
            }
        }
        shape
    }

    /// The cluster under them; `lives` says of a node whether it has a process. What only the
    /// system can tell (who leads) is left out.
    ///
    /// Blocked is every blocked direction, whatever the style: where new connections are refused,
    /// the next broken one stays broken.
    pub fn view(&self, nodes: u8, lives: impl Fn(NodeId) -> bool) -> View {
        let node = |node: NodeId| {
            let shape = self.node(node);
            NodeView { running: !shape.down && lives(node), paused: shape.paused }
        };
        let blocks = self.on_links().filter(|(_, overlay)| overlay.blocks());
        View {
            nodes: NodeId::all(nodes).map(node).collect(),
            blocked: blocks.flat_map(|(_, overlay)| overlay.flows().iter().copied()).collect(),
            touched: self.on_links().flat_map(|(_, one)| one.flows().iter().copied()).collect(),
            withheld: self.on_links().any(|(_, overlay)| overlay.withholds()),
            ..View::default()
        }
    }
}

/// The links a flow runs over: forwards over one, backwards over the other. A client is never
/// dialled, so its flows have one.
pub fn links_of(flow: Flow) -> impl Iterator<Item = Link> {
    let over = |from, to| match to {
        Endpoint::Node(to) if from != Endpoint::Node(to) => Some(Link { from, to }),
        _ => None,
    };
    [over(flow.from, flow.to), over(flow.to, flow.from)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::action::{
        ClientId, Delay, Distribution, Effect, FrameFate, Meddling, NodeOverlay, Style, Until,
    };
    use crate::proxy::{Arrival, Passage, all_links};

    const NODES: u8 = 3;
    const CLIENTS: u16 = 1;

    fn flows() -> impl Strategy<Value = BTreeSet<Flow>> {
        let end = (0..=NODES).prop_map(|number| match number {
            0 => Endpoint::Client(ClientId(0)),
            node => Endpoint::Node(NodeId(node)),
        });
        let flow = (end.clone(), end).prop_map(|(from, to)| Flow { from, to });
        prop::collection::btree_set(flow, 0..6)
    }

    fn frames(flows: BTreeSet<Flow>) -> Overlay {
        let what = FrameFate::Hold(Until::Moved);
        let meddling = Meddling { kind: "any".into(), probability: 1.0, what };
        Overlay::Links(LinkOverlay::Frames { flows, meddling })
    }

    fn block(flows: BTreeSet<Flow>, style: Style) -> Overlay {
        Overlay::Links(LinkOverlay::Block { flows, style })
    }

    fn pause(nodes: BTreeSet<NodeId>) -> Overlay {
        Overlay::Nodes(NodeOverlay::Pause { nodes })
    }

    fn down(nodes: BTreeSet<NodeId>) -> Overlay {
        Overlay::Nodes(NodeOverlay::Down { nodes })
    }

    fn overlay() -> impl Strategy<Value = Overlay> {
        let style =
            prop::sample::select(vec![Style::Hold, Style::Reset, Style::Refuse, Style::Blackhole]);
        let delay = Delay {
            delay: Duration::from_millis(5),
            jitter: Duration::ZERO,
            distribution: Distribution::Fixed,
        };
        let nodes = || prop::collection::btree_set((1..=NODES).prop_map(NodeId), 1..3);
        prop_oneof![
            (flows(), style).prop_map(|(flows, style)| block(flows, style)),
            flows().prop_map(move |flows| Overlay::Links(LinkOverlay::Delay { flows, delay })),
            flows().prop_map(frames),
            nodes().prop_map(pause),
            nodes().prop_map(down),
            nodes().prop_map(|nodes| {
                Overlay::Nodes(NodeOverlay::Nothing { nodes, effect: Effect::default() })
            }),
        ]
    }

    /// All that can be seen of a fold.
    fn seen(overlays: &Overlays) -> (Vec<LinkShape>, View) {
        let links = all_links(NODES, CLIENTS).into_iter().map(|link| overlays.link(link));
        (links.collect(), overlays.view(NODES, |_| true))
    }

    /// How it must look without one overlay, said without the fold: nothing of it is left, and
    /// nothing else has changed.
    fn without(shape: FlowShape, id: OverlayId) -> FlowShape {
        let FlowShape { mut blocks, mut delays, mut frames } = shape;
        blocks.retain(|&(one, _)| one != id);
        delays.retain(|&(one, _)| one != id);
        frames.retain(|(one, _)| *one != id);
        FlowShape { blocks, delays, frames }
    }

    proptest! {
        #[test]
        fn composed_in_any_order_and_healed_in_any_order_all_ends_clean(
            (all, order) in prop::collection::vec(overlay(), 0..8)
                .prop_flat_map(|all| {
                    let order = Just((0..all.len()).collect::<Vec<_>>()).prop_shuffle();
                    (Just(all), order)
                }),
        ) {
            let mut overlays = Overlays::default();
            let clean = seen(&overlays);
            let ids: Vec<OverlayId> = all.into_iter().map(|one| overlays.add(one)).collect();
            for at in order {
                let id = ids[at];
                let (links, _) = seen(&overlays);
                let expected: Vec<LinkShape> = links
                    .into_iter()
                    .map(|link| LinkShape {
                        forward: without(link.forward, id),
                        backward: without(link.backward, id),
                    })
                    .collect();
                prop_assert!(overlays.remove(id).is_ok());
                prop_assert_eq!(seen(&overlays).0, expected);
                prop_assert_eq!(overlays.remove(id), Err(UnknownOverlay(id)));
            }
            prop_assert_eq!(seen(&overlays), clean);
        }

        #[test]
        fn overlapping_partitions_never_heal_each_other(one in flows(), two in flows()) {
            let mut overlays = Overlays::default();
            let blocked = |overlays: &Overlays| overlays.view(NODES, |_| true).blocked;
            let first = overlays.add(block(one.clone(), Style::Hold));
            let second = overlays.add(block(two.clone(), Style::Hold));
            prop_assert_eq!(blocked(&overlays), one.union(&two).copied().collect());
            overlays.remove(first).unwrap();
            prop_assert_eq!(blocked(&overlays), two.clone());
            for flow in two {
                prop_assert_eq!(overlays.flow(flow).passage(), Passage::Hold);
            }
            overlays.remove(second).unwrap();
            prop_assert_eq!(blocked(&overlays), BTreeSet::new());
        }

        #[test]
        fn every_flow_runs_over_the_links_that_show_it(flow in flows()) {
            for flow in flow {
                let mut overlays = Overlays::default();
                overlays.add(block(BTreeSet::from([flow]), Style::Reset));
                let shown: BTreeSet<Link> = all_links(NODES, CLIENTS)
                    .into_iter()
                    .filter(|&link| overlays.link(link).arrival() == Arrival::Refuse)
                    .collect();
                prop_assert_eq!(shown, links_of(flow).collect());
            }
        }
    }

    #[test]
    fn a_node_runs_when_no_overlay_pauses_it_and_none_keeps_it_down() {
        let mut overlays = Overlays::default();
        let nodes = BTreeSet::from([NodeId(1)]);
        let paused = overlays.add(pause(nodes.clone()));
        let downed = overlays.add(down(nodes.clone()));
        let again = overlays.add(pause(nodes));
        let check = |overlays: &Overlays, paused, down| {
            assert_eq!(overlays.node(NodeId(1)), NodeShape { paused, down });
            assert_eq!(overlays.node(NodeId(2)), NodeShape::default());
        };
        check(&overlays, true, true);
        overlays.remove(paused).unwrap();
        check(&overlays, true, true);
        overlays.remove(downed).unwrap();
        check(&overlays, true, false);
        overlays.remove(again).unwrap();
        check(&overlays, false, false);
    }
}
