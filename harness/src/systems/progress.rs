//! When progress may be demanded of a system, as its row says it.
//! It never asks the system: whoever is tested is not asked whether it should be able to. Only
//! where a stopped node forgets everything is it believed that it is recovering, until it says
//! otherwise; a node that nobody stopped is not.

use std::collections::BTreeSet;

use schism_facts::Progress;

use crate::action::{Endpoint, Flow, NodeId, View};

/// Whether progress may be demanded in this world.
pub fn can(progress: Progress, view: &View) -> bool {
    let majority = view.nodes.len() / 2 + 1;
    match progress {
        Progress::Majority | Progress::MajorityInMemory => {
            has_clique(&remembering(progress, view), None, majority)
        }
        Progress::FirstNode => has_clique(view, Some(NodeId(1)), 1),
        Progress::Any => has_clique(view, None, 1),
        Progress::Promoted { majority: needed } => view.leader.is_some_and(|leader| {
            has_clique(view, Some(leader), if needed { majority } else { 1 })
        }),
    }
}

/// Whether somebody leads who reaches no majority, and is heard by others all the same: where
/// neither he steps down nor they vote while they hear him, nobody else is elected.
pub fn is_kept_from_electing(view: &View) -> bool {
    let blocked = |from, to| {
        view.blocked.contains(&Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) })
    };
    let Some(leader) = view.leader.filter(|leader| able(view).any(|node| node == *leader)) else {
        return false;
    };
    let others = || able(view).filter(|node| *node != leader);
    let reached = others().filter(|&node| !blocked(leader, node) && !blocked(node, leader));
    let is_heard = others().any(|node| !blocked(leader, node));
    is_heard && reached.count() + 1 < view.nodes.len() / 2 + 1
}

/// Of which nodes it may be demanded, besides, that they answer what the system says they serve:
/// they run, and no fault, not even a slow link, is on the way to their clients or to a node that
/// may take part in a decision. Nobody, where such a fault is between those.
pub fn serving(progress: Progress, view: &View) -> BTreeSet<NodeId> {
    let view = &remembering(progress, view);
    let majority = view.nodes.len() / 2 + 1;
    let deciders: Vec<NodeId> = match progress {
        Progress::Majority | Progress::MajorityInMemory => {
            able(view).filter(|node| has_clique(view, Some(*node), majority)).collect()
        }
        Progress::FirstNode => vec![NodeId(1)],
        Progress::Any => Vec::new(),
        Progress::Promoted { .. } => view.leader.into_iter().collect(),
    };
    let free = |from: Endpoint, to: Endpoint| {
        !view.touched.contains(&Flow { from, to })
            && !view.touched.contains(&Flow { from: to, to: from })
    };
    let near = |node: NodeId| {
        let node = Endpoint::Node(node);
        deciders
            .iter()
            .map(|other| Endpoint::Node(*other))
            .all(|other| other == node || free(node, other))
    };
    let known = |node: NodeId| {
        let node = Endpoint::Node(node);
        let mut ends =
            view.touched.iter().flat_map(|flow| [(flow.from, flow.to), (flow.to, flow.from)]);
        !ends.any(|(end, other)| end == node && matches!(other, Endpoint::Client(_)))
    };
    let needed = match progress {
        Progress::Promoted { majority: true } => majority,
        _ => 1,
    };
    let near: BTreeSet<NodeId> = able(view).filter(|node| near(*node)).collect();
    let owed = can(progress, view)
        && !view.withheld
        && deciders.iter().all(|decider| near.contains(decider))
        && near.len() >= needed;
    near.into_iter().filter(|node| owed && known(*node)).collect()
}

/// The same world without those who have forgotten everything, where that keeps them out.
fn remembering(progress: Progress, view: &View) -> View {
    let mut view = view.clone();
    if progress == Progress::MajorityInMemory {
        for node in std::mem::take(&mut view.forgot) {
            view.nodes[usize::from(node.0) - 1].running = false;
        }
    }
    view
}

/// Nodes that run and are not stopped.
fn able(view: &View) -> impl Iterator<Item = NodeId> {
    NodeId::all(view.nodes.len() as u8)
        .zip(&view.nodes)
        .filter(|(_, node)| node.running && !node.paused)
        .map(|(id, _)| id)
}

/// Why progress can never be demanded again, whatever is healed: so many have forgotten what
/// they knew that no majority is left to tell them. None: it can.
pub fn memory_lost(progress: Progress, view: &View) -> Option<String> {
    let nodes = view.nodes.len();
    let forgot =
        |node: &NodeId| !view.nodes[usize::from(node.0) - 1].running || view.forgot.contains(node);
    let names: Vec<String> =
        NodeId::all(nodes as u8).filter(forgot).map(|node| node.to_string()).collect();
    let (know, majority) = (nodes - names.len(), nodes / 2 + 1);
    let lost = progress == Progress::MajorityInMemory && know < majority;
    lost.then(|| {
        format!(
            "nodes that were stopped have forgotten everything ({}); that leaves {know} of \
             {nodes}, and it takes {majority} to tell the others",
            names.join(", ")
        )
    })
}

/// In words: `progress while a majority is up and connected`.
pub fn in_words(progress: Progress) -> &'static str {
    match progress {
        Progress::Majority => "progress while a majority is up and connected",
        Progress::MajorityInMemory => {
            "progress while a majority is up, connected and not recovering"
        }
        Progress::FirstNode => "progress while n1 is up",
        Progress::Any => "progress while any node is up",
        Progress::Promoted { majority: true } => {
            "progress while the promoted node is up and connected with a majority"
        }
        Progress::Promoted { majority: false } => "progress while the promoted node is up",
    }
}

/// Whether so many nodes (`with` among them) run, are not stopped, and reach each other in both
/// directions. Stars and rings do not count: progress may happen there, but nobody promised it.
fn has_clique(view: &View, with: Option<NodeId>, size: usize) -> bool {
    let able: Vec<NodeId> = able(view).collect();
    let blocked = |from, to| {
        view.blocked.contains(&Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) })
    };
    let joined = |a, b| !blocked(a, b) && !blocked(b, a);
    let Some(first) = with else { return clique(&able, size, &joined) };
    let others: Vec<NodeId> =
        able.iter().copied().filter(|&other| other != first && joined(first, other)).collect();
    able.contains(&first) && clique(&others, size - 1, &joined)
}

/// Whether `size` of the candidates are all joined with each other.
fn clique(candidates: &[NodeId], size: usize, joined: &impl Fn(NodeId, NodeId) -> bool) -> bool {
    if size == 0 {
        return true;
    }
    candidates.iter().enumerate().any(|(place, &first)| {
        if candidates.len() - place < size {
            return false;
        }
        let rest: Vec<NodeId> =
            candidates[place + 1..].iter().copied().filter(|&other| joined(first, other)).collect();
        clique(&rest, size - 1, joined)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{ClientId, NodeView};

    fn view(nodes: u8, down: &[u8], cut: &[(u8, u8)], leader: Option<u8>) -> View {
        let mut view = View { leader: leader.map(NodeId), ..View::default() };
        for node in 1..=nodes {
            view.nodes.push(NodeView { running: !down.contains(&node), paused: false });
        }
        for &(from, to) in cut {
            let (from, to) = (Endpoint::Node(NodeId(from)), Endpoint::Node(NodeId(to)));
            view.blocked.insert(Flow { from, to });
        }
        view
    }

    #[test]
    fn progress_needs_a_majority_that_is_mutually_connected() {
        let check = |nodes: u8, down: &[u8], cut: &[(u8, u8)], expected: bool| {
            let can = can(Progress::Majority, &view(nodes, down, cut, None));
            assert_eq!(can, expected, "{down:?} {cut:?}");
        };
        check(5, &[], &[], true);
        check(5, &[1, 2], &[], true);
        check(5, &[1, 2, 3], &[], false);
        check(5, &[1, 2], &[(3, 4)], false);
        check(3, &[], &[(1, 2)], true);
        check(3, &[], &[(1, 2), (2, 3)], true);
        check(3, &[], &[(1, 2), (2, 3), (3, 1)], false);
        check(1, &[], &[], true);
        check(4, &[4], &[(1, 2)], false);
    }

    #[test]
    fn a_leader_without_a_majority_that_is_heard_keeps_others_from_electing() {
        let check = |down: &[u8], cut: &[(u8, u8)], leader: Option<u8>, expected: bool| {
            let kept = is_kept_from_electing(&view(5, down, cut, leader));
            assert_eq!(kept, expected, "{down:?} {cut:?} {leader:?}");
        };
        // n4 is the bridge between n2 and n3, and n5; n1 is down. Those three could elect n4.
        let bridge = [(2, 5), (5, 2), (3, 5), (5, 3)];
        check(&[1], &bridge, Some(5), true);
        check(&[1], &bridge, Some(4), false);
        check(&[1], &bridge, None, false);
        check(&[], &bridge, Some(5), false);
        check(&[1, 5], &bridge, Some(5), false);
        // Who is heard by nobody keeps nobody.
        let alone = [(5, 1), (5, 2), (5, 3), (5, 4)];
        check(&[], &alone, Some(5), false);
        // One that is heard and hears nobody does.
        let deaf = [(1, 5), (2, 5), (3, 5), (4, 5)];
        check(&[], &deaf, Some(5), true);
        check(&[], &[], Some(5), false);
    }

    #[test]
    fn in_memory_only_those_count_who_remember() {
        let check = |nodes: u8, down: &[u8], forgot: &[u8], cut: &[(u8, u8)], owed: bool| {
            let forgot = forgot.iter().copied().map(NodeId).collect();
            let view = View { forgot, ..view(nodes, down, cut, None) };
            assert_eq!(can(Progress::MajorityInMemory, &view), owed, "{view:?}");
            assert!(can(Progress::Majority, &View { forgot: BTreeSet::new(), ..view }) || !owed);
        };
        check(3, &[], &[], &[], true);
        check(3, &[], &[1], &[], true);
        check(3, &[], &[1, 2], &[], false);
        check(3, &[1], &[1], &[], true);
        check(3, &[1], &[2], &[], false);
        check(3, &[], &[1], &[(2, 3)], false);
        check(5, &[1], &[1, 2], &[], true);
        check(5, &[1], &[1, 2, 3], &[], false);
        check(5, &[], &[1, 2, 3, 4, 5], &[], false);
        check(1, &[], &[1], &[], false);
    }

    #[test]
    fn what_no_majority_remembers_is_lost() {
        let lost = |progress: Progress, nodes: u8, down: &[u8], forgot: &[u8]| {
            let forgot = forgot.iter().copied().map(NodeId).collect();
            memory_lost(progress, &View { forgot, ..view(nodes, down, &[], None) })
        };
        let memory = |nodes, down: &[u8], forgot: &[u8]| {
            lost(Progress::MajorityInMemory, nodes, down, forgot)
        };
        assert_eq!(memory(3, &[], &[]), None);
        assert_eq!(memory(3, &[1], &[]), None);
        assert_eq!(memory(5, &[2], &[1, 2]), None);
        let why = memory(3, &[3], &[1]).expect("one of three is no majority");
        assert!(why.contains("(n1, n3); that leaves 1 of 3, and it takes 2"), "{why}");
        // An even number needs more than half.
        assert!(memory(4, &[], &[1]).is_none() && memory(4, &[], &[1, 2]).is_some());
        assert_eq!(lost(Progress::Majority, 3, &[1, 2, 3], &[]), None, "disks remember");
    }

    #[test]
    fn any_node_will_do_where_the_system_says_so() {
        let can = |down: &[u8]| can(Progress::Any, &view(3, down, &[(1, 2), (2, 1)], None));
        assert!(can(&[]) && can(&[1, 2]) && !can(&[1, 2, 3]));
    }

    #[test]
    fn the_first_node_needs_nobody() {
        let can = |view: &View| can(Progress::FirstNode, view);
        assert!(can(&view(3, &[2, 3], &[(1, 2), (3, 1)], None)));
        assert!(!can(&view(3, &[1], &[], Some(2))));
        let mut stopped = view(3, &[], &[], Some(1));
        stopped.nodes[0].paused = true;
        assert!(!can(&stopped));
    }

    #[test]
    fn a_promoted_node_owes_progress_with_whom_it_needs() {
        let check = |down: &[u8], cut: &[(u8, u8)], leader: Option<u8>, both: bool, alone: bool| {
            let view = view(5, down, cut, leader);
            let can = |majority| super::can(Progress::Promoted { majority }, &view);
            assert_eq!((can(true), can(false)), (both, alone), "{down:?} {cut:?} {leader:?}");
        };
        check(&[], &[], None, false, false);
        check(&[], &[], Some(2), true, true);
        check(&[2], &[], Some(2), false, false);
        check(&[1, 3, 4], &[], Some(2), false, true);
        check(&[1, 3], &[], Some(2), true, true);
        check(&[1, 3], &[(4, 2)], Some(2), false, true);
        // A majority without it is nothing to it.
        check(&[], &[(2, 1), (2, 3), (2, 4)], Some(2), false, true);
    }

    #[test]
    fn who_must_answer_has_no_fault_on_its_way() {
        let touch = |view: &mut View, from: Endpoint, to: Endpoint| {
            view.touched.insert(Flow { from, to });
        };
        let node = |number: u8| Endpoint::Node(NodeId(number));
        let check = |progress: Progress, view: &View, expected: &[u8]| {
            let expected: BTreeSet<NodeId> = expected.iter().copied().map(NodeId).collect();
            assert_eq!(serving(progress, view), expected, "{progress:?} {view:?}");
        };
        let majority = Progress::Majority;
        check(majority, &view(3, &[], &[], None), &[1, 2, 3]);
        check(majority, &view(3, &[2], &[], None), &[1, 3]);
        check(majority, &view(3, &[2, 3], &[], None), &[]);
        // A minority that is cut off may not answer; in a bridge, nobody knows who leads.
        let mut cut = view(3, &[], &[(1, 3), (2, 3)], None);
        cut.touched.clone_from(&cut.blocked);
        check(majority, &cut, &[1, 2]);
        let mut bridge = view(3, &[], &[(1, 3)], None);
        bridge.touched.clone_from(&bridge.blocked);
        check(majority, &bridge, &[]);
        // A slow link between those who decide makes all slow.
        let mut slow = view(3, &[], &[], None);
        touch(&mut slow, node(1), node(2));
        check(majority, &slow, &[]);
        let mut far = view(3, &[], &[], None);
        touch(&mut far, Endpoint::Client(ClientId(0)), node(2));
        check(majority, &far, &[1, 3]);
        check(majority, &View { withheld: true, ..view(3, &[], &[], None) }, &[]);
        let forgot = View { forgot: [NodeId(2)].into(), ..view(3, &[], &[], None) };
        check(Progress::MajorityInMemory, &forgot, &[1, 3]);
        check(majority, &forgot, &[1, 2, 3]);
        // One who leads needs no more than itself, or a majority near it.
        check(Progress::FirstNode, &view(3, &[3], &[], None), &[1, 2]);
        check(Progress::FirstNode, &view(3, &[1], &[], None), &[]);
        check(Progress::FirstNode, &slow, &[1, 3]);
        let promoted = |majority| Progress::Promoted { majority };
        check(promoted(true), &view(3, &[], &[], None), &[]);
        check(promoted(true), &view(3, &[], &[], Some(2)), &[1, 2, 3]);
        let mut slow = view(3, &[], &[], Some(1));
        touch(&mut slow, node(1), node(2));
        check(promoted(true), &slow, &[1, 3]);
        touch(&mut slow, node(3), node(1));
        check(promoted(true), &slow, &[]);
        check(promoted(false), &slow, &[1]);
    }
}
