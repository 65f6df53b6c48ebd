//! A play made into a story: what each node did in words, which of the nine steps it was, which
//! messages are worth an arrow.
//! It never asks a node anything: it reads what was written down.

use super::marks::Marks;
use super::states::{States, Taken};
use super::steps::INITIALISATION;
use super::{Message, Note, Story, What, describe};
use crate::worlds::simulated::{self, Happened, Play, Scene, Sent};

/// Has a system perform the script and tells it. An error says what there is, or what did not
/// happen in time.
pub fn tell(system: &str, nodes: u8, seed: u64) -> Result<Story, String> {
    let play = simulated::play(system, nodes, seed)?;
    let mut teller = Teller {
        story: Story {
            system: play.row.facts.name.to_string(),
            about: play.row.facts.about.to_string(),
            nodes,
            seed,
            chapters: play.chapters.clone(),
            states: States::of(&play.row.states),
            end_ns: play.end_ns,
            ..Story::default()
        },
        marks: Marks::new(play.row.facts.leaderless),
        going: None,
    };
    for scene in &play.scenes {
        teller.tell(&play, scene);
    }
    Ok(teller.story)
}

struct Teller {
    story: Story,
    marks: Marks,
    /// The last arrow taken, as long as nothing said which step that was.
    going: Option<usize>,
}

impl Teller {
    fn tell(&mut self, play: &Play, scene: &Scene) {
        let (node, at_ns, leads) = (scene.node, scene.at_ns, scene.leads);
        let (what, step) = match &scene.what {
            Happened::Starts => (What::Starts, Some(INITIALISATION)),
            Happened::Crashes => (What::Crashes, None),
            Happened::Asked(request) => {
                (What::Asked(describe::request(request)), self.marks.of_request(leads))
            }
            Happened::Replies(reply) => (What::Answers(describe::reply(reply)), None),
            Happened::Says(event) => {
                let step = self.marks.of_trace(node, event, leads);
                let Some(what) = describe::trace(event) else { return };
                (what, step)
            }
            Happened::Goes(arrow) => return self.go(*arrow, node, at_ns),
            Happened::Sends(sent) => return self.send(play, node, at_ns, sent),
        };
        let note = Note { at_ns, node, what, step };
        if let Some(taken) = self.going.map(|going| &mut self.story.states.taken[going])
            && is_move(&note, taken.node, taken.at_ns)
            && step.is_some()
        {
            taken.step = step;
            self.going = None;
        }
        self.story.notes.push(note);
    }

    /// What a node says of its role, or that it starts, tells in which step it goes along an arrow.
    fn go(&mut self, arrow: usize, node: u8, at_ns: u64) {
        let started = self.story.notes.last().filter(|note| is_move(note, node, at_ns));
        let step = started.and_then(|note| note.step);
        self.going = step.is_none().then_some(self.story.states.taken.len());
        self.story.states.taken.push(Taken { arrow, node, at_ns, step });
    }

    fn send(&mut self, play: &Play, from: u8, sent_ns: u64, sent: &Sent) {
        let Sent { to, kind, epoch, arrives_ns, to_leader, news } = *sent;
        let row = play.row.facts.frames.iter().find(|row| row.kind == kind);
        let name = row.map_or_else(|| format!("kind {kind}"), |row| row.name.to_string());
        if !news {
            *self.story.undrawn.entry(name).or_default() += 1;
            return;
        }
        let step = row.and_then(|row| self.marks.of_message(row.part, to, epoch, to_leader));
        self.story.messages.push(Message { from, to, name, epoch, sent_ns, arrives_ns, step });
    }
}

fn is_move(note: &Note, node: u8, at_ns: u64) -> bool {
    (note.node, note.at_ns) == (node, at_ns) && matches!(note.what, What::Starts | What::Role(..))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schism_protocol::PROTOCOLS;

    use super::*;

    #[test]
    fn every_system_is_told_to_its_end_whatever_the_seed() {
        for row in PROTOCOLS {
            for (nodes, seed) in (1..=30).map(|seed| ([3, 5, 7][seed as usize % 3], seed)) {
                let told = tell(row.facts.name, nodes, seed);
                let story =
                    told.unwrap_or_else(|why| panic!("{}, seed {seed}: {why}", row.facts.name));
                let starts = |node: u8| {
                    let states = &story.states;
                    let mut own = states.taken.iter().filter(|taken| taken.node == node);
                    own.next().is_some_and(|taken| states.arrows[taken.arrow].from.is_none())
                };
                let all = (1..=nodes).all(starts);
                assert!(all, "{}, seed {seed}: a node came from nowhere", row.facts.name);
            }
        }
    }

    #[test]
    fn messages_on_a_link_arrive_in_the_order_in_which_they_were_sent() {
        // Two is enough: the links are the same for all.
        for system in ["raft", "zab"] {
            for seed in 0..5 {
                let story = tell(system, 3, seed).unwrap();
                let mut latest: BTreeMap<(u8, u8), u64> = BTreeMap::new();
                for message in &story.messages {
                    let Some(arrives) = message.arrives_ns else { continue };
                    let before = latest.insert((message.from, message.to), arrives);
                    assert!(before.is_none_or(|before| before < arrives), "{system}, seed {seed}");
                }
                assert!(!latest.is_empty(), "{system}, seed {seed}: nothing was said");
            }
        }
    }
}
