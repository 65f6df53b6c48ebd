//! Toys that hold what a row promises, or break it in one way: they judge the world itself. Node n1
//! alone decides, keeps its decisions on its disk, and in some rows must be promoted first.
//! They send no messages and order nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use schism_protocol::wire::WireError;
use schism_protocol::{
    Answer, Boot, BootError, Chain, CommitQuorum, Epoch, Index, Input, Machine, Mark, NodeId,
    Offset, Output, Outputs, Progress, ProtocolRow, Record, Refusal, Reply, Request, Role, States,
    Status, SystemRow, Ticket, Time, TraceEvent, Traces,
};

use super::Strike::{CrashLeader, CrashOne, PauseLeader, Promote, PromoteWhileLeaderLives};
use super::profile::Profile;
use super::trial::{Subject, trial};

// What a toy does in its own way.
const RIGHT: u8 = 0;
const FORGETS: u8 = 1;
const INVENTS: u8 = 2;
const REFUSES_AND_DECIDES: u8 = 3;
const SILENT_AFTER_RESTART: u8 = 4;
const NEEDS_PROMOTION: u8 = 5;

struct Toy<const WAY: u8> {
    id: NodeId,
    leads: bool,
    restarted: bool,
    decided: BTreeMap<Bytes, Bytes>,
    mark: Mark,
    durable: Mark,
    /// Answers that wait for the disk.
    held: Vec<(Mark, Ticket, Reply)>,
}

#[allow(clippy::unnecessary_wraps)] // it is a `Build`
fn build<const WAY: u8>(
    boot: Boot,
    out: &mut Outputs<Bytes>,
) -> Result<Box<dyn Machine>, BootError> {
    let text = String::from_utf8(boot.state.to_vec()).expect("it wrote text");
    let pair = |line: &str| {
        let (key, value) = line.split_once(' ').expect("it wrote pairs");
        (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()))
    };
    let mut toy = Toy::<WAY> {
        id: boot.id,
        leads: false,
        restarted: !boot.state.is_empty(),
        decided: text.lines().map(pair).collect(),
        mark: Mark(0),
        durable: Mark(0),
        held: Vec::new(),
    };
    if boot.id == NodeId(1) && WAY != NEEDS_PROMOTION {
        toy.lead(out);
    }
    Ok(Box::new(toy))
}

impl<const WAY: u8> Toy<WAY> {
    fn lead(&mut self, out: &mut Outputs<Bytes>) {
        self.leads = true;
        let (epoch, last, chain) = (Epoch(1), Index(0), Chain(0));
        out.push(Output::Trace(TraceEvent::Role {
            role: Role::Leader,
            epoch,
            last,
            chain,
            length: None,
        }));
    }

    fn answer(&mut self, request: Request, out: &mut Outputs<Bytes>) -> Reply {
        match request {
            Request::Promote if self.id == NodeId(1) => {
                self.lead(out);
                Reply::Ok(Answer::Promoted(Epoch(1)))
            }
            Request::Propose { key, value } if self.leads => {
                let fresh = !self.decided.contains_key(&key);
                let value = if WAY == INVENTS { Bytes::from_static(b"-1") } else { value };
                let value = self.decided.entry(key).or_insert(value).clone();
                if WAY != FORGETS {
                    let line =
                        |(key, value): (&Bytes, &Bytes)| [key, &b" "[..], value, b"\n"].concat();
                    let text: Vec<u8> = self.decided.iter().flat_map(line).collect();
                    self.mark = Mark(self.mark.0 + 1);
                    let record = Record::State(text.into());
                    out.push(Output::Persist { mark: self.mark, record });
                }
                if WAY == REFUSES_AND_DECIDES && fresh {
                    return Reply::Fail(Refusal::Overloaded);
                }
                Reply::Ok(Answer::Decided(value))
            }
            _ => Reply::Fail(Refusal::NotLeader(Some(NodeId(1)))),
        }
    }
}

impl<const WAY: u8> Machine for Toy<WAY> {
    fn step(
        &mut self,
        _now: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError> {
        match input {
            Input::Request { .. } if WAY == SILENT_AFTER_RESTART && self.restarted => {}
            Input::Request { ticket, request } => {
                let reply = self.answer(request, out);
                self.held.push((self.mark, ticket, reply));
            }
            Input::Durable(mark) => self.durable = mark,
            Input::Tick | Input::Receive { .. } => {}
        }
        let free = self.held.extract_if(.., |(mark, ..)| *mark <= self.durable);
        out.extend(free.map(|(_, ticket, reply)| Output::Reply { ticket, reply }));
        Ok(())
    }

    fn status(&self) -> Status {
        Status {
            role: if self.leads { Role::Leader } else { Role::Follower },
            epoch: Epoch(1),
            leader: Some(NodeId(1)),
            delivered: Offset(0),
            chain: Chain(0),
            commit: Index(0),
            last: Index(0),
        }
    }
}

const FIRST: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        models: &["consensus"],
        progress: Progress::FirstNode,
        // n1 leads its one epoch in every incarnation.
        traces: Traces { without: &[1], commit_quorum: CommitQuorum::Acceptors, ..Traces::ALL },
        ..SystemRow::new("toy", "n1 decides")
    },
    build: build::<RIGHT>,
    states: States::NONE,
};

const PROMOTED: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        name: "promoted-toy",
        progress: Progress::Promoted { majority: false },
        ..FIRST.facts
    },
    build: build::<NEEDS_PROMOTION>,
    ..FIRST
};

#[test]
fn consensus_and_progress_are_judged() {
    let check = |subject: Subject, expected: &[&str]| {
        let found = (0..20).find_map(|seed| trial(&subject, seed, false).err());
        match found {
            None => {
                assert!(expected.is_empty(), "{}: {expected:?} was missed", subject.row.facts.name);
            }
            Some((name, why)) => assert!(expected.contains(&name), "{name}: {why}"),
        }
    };
    let crashes = || Profile::under(3, &[CrashOne, CrashLeader, PauseLeader]);
    let first = |build| Subject { build, ..Subject::of(&FIRST, crashes()) };
    check(first(build::<RIGHT>), &[]);
    check(first(build::<FORGETS>), &["agreement"]);
    check(first(build::<INVENTS>), &["validity"]);
    check(first(build::<REFUSES_AND_DECIDES>), &["validity", "failed-yet-visible"]);
    check(first(build::<SILENT_AFTER_RESTART>), &["progress"]);
    let strikes = [Promote, PromoteWhileLeaderLives, CrashLeader];
    check(Subject::of(&PROMOTED, Profile::under(3, &strikes)), &[]);
    // Without an operator, a node that must be promoted serves nobody.
    check(Subject { build: build::<NEEDS_PROMOTION>, ..first(build::<RIGHT>) }, &["progress"]);
}
