//! One node and nobody else, of any protocol: it is told exactly what a situation needs, and its
//! words are kept.

use bytes::Bytes;
use schism_protocol::{
    Boot, Chain, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record,
    Reply, Request, Snapshot, Status, Ticket, Time, TraceEvent,
};

pub const N1: NodeId = NodeId(1);
pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);

/// Node 1, its clock, what it last said, and what else its tests keep of it.
pub struct Lone<P: Protocol, X = ()> {
    pub node: P,
    pub now: Time,
    pub said: Vec<Output<P::Message>>,
    /// The last record it wanted on its disk.
    pub mark: Mark,
    pub own: X,
}

/// Node 1 of so many, with this hard state, log and options.
pub fn boot(members: u8, state: Bytes, log: Vec<LogEntry>, options: &[(&str, &str)]) -> Boot {
    Boot {
        id: N1,
        members: (1..=members).map(NodeId).collect(),
        state,
        log,
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Boot::default()
    }
}

pub fn noop(index: u64, epoch: u64) -> LogEntry {
    LogEntry { index: Index(index), epoch: Epoch(epoch), command: Command::Noop }
}

/// Entries of these epochs, from `first` on.
pub fn noops(first: u64, epochs: &[u64]) -> Vec<LogEntry> {
    epochs.iter().zip(first..).map(|(epoch, index)| noop(index, *epoch)).collect()
}

/// A snapshot of a log whose entry at `index` is of this epoch, and nothing was delivered. No node
/// has computed its chain.
pub fn sum_of(index: u64, epoch: u64) -> Snapshot {
    let (index, epoch) = (Index(index), Epoch(epoch));
    Snapshot { index, epoch, chain: Chain(77), ..Snapshot::default() }
}

/// How far the trace says that the disk holds the log with such a snapshot.
pub fn persisted_with_sum<M>(said: &[Output<M>]) -> Vec<u64> {
    let persisted = said.iter().filter_map(|output| match output {
        Output::Trace(TraceEvent::Persist { upto, chain: Chain(77), .. }) => Some(upto.0),
        _ => None,
    });
    persisted.collect()
}

pub fn value(text: &'static str) -> Request {
    let value = Bytes::from_static(text.as_bytes());
    Request::Append { value, session: None, expect: None }
}

impl<P: Protocol, X> Lone<P, X> {
    pub fn start(boot: Boot, rules: &'static P::Rules, own: X) -> Self {
        Self::of(|said| P::recover(boot, rules, said).expect("a sound disk"), own)
    }

    /// A node that is started in some other way.
    pub fn of(start: impl FnOnce(&mut Vec<Output<P::Message>>) -> P, own: X) -> Self {
        let mut said = Vec::new();
        let node = start(&mut said);
        let mut lone = Lone { node, now: Time(0), said, mark: Mark(0), own };
        lone.note_mark();
        lone
    }

    fn note_mark(&mut self) {
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
    }

    pub fn input(&mut self, input: Input<P::Message>) -> &mut Self {
        self.said.clear();
        self.node.step(self.now, input, &mut self.said);
        self.note_mark();
        self
    }

    pub fn receives(&mut self, from: NodeId, message: P::Message) -> &mut Self {
        self.input(Input::Receive { from, message })
    }

    pub fn asks(&mut self, request: Request) -> &mut Self {
        self.input(Input::Request { ticket: Ticket(1), request })
    }

    pub fn durable(&mut self) -> &mut Self {
        self.input(Input::Durable(self.mark))
    }

    /// It installed a snapshot just now. Its disk is done with all that it was asked for before,
    /// and then with the snapshot too: what each of the two let out.
    pub fn durable_in_two(&mut self) -> [Vec<Output<P::Message>>; 2]
    where
        P::Message: Clone,
    {
        let snapshot = self.said.iter().find_map(|output| match output {
            Output::Persist { mark, record: Record::Snapshot { .. } } => Some(*mark),
            _ => None,
        });
        let Mark(mark) = snapshot.expect("a snapshot was installed");
        let before = self.input(Input::Durable(Mark(mark - 1))).said.clone();
        [before, self.durable().said.clone()]
    }

    pub fn waits(&mut self, ms: u64) -> &mut Self {
        self.now.0 += ms * 1_000_000;
        self.input(Input::Tick)
    }

    pub fn status(&self) -> Status {
        self.node.status()
    }

    pub fn messages(&self) -> impl Iterator<Item = (NodeId, &P::Message)> {
        self.said.iter().filter_map(|output| match output {
            Output::Send { to, message } => Some((*to, message)),
            _ => None,
        })
    }

    pub fn replies(&self) -> Vec<Reply> {
        let replies = self.said.iter().filter_map(|output| match output {
            Output::Reply { reply, .. } => Some(reply.clone()),
            _ => None,
        });
        replies.collect()
    }

    pub fn records(&self) -> Vec<Record> {
        let records = self.said.iter().filter_map(|output| match output {
            Output::Persist { record, .. } => Some(record.clone()),
            _ => None,
        });
        records.collect()
    }

    pub fn traced(&self) -> impl Iterator<Item = &TraceEvent> {
        self.said.iter().filter_map(|output| match output {
            Output::Trace(event) => Some(event),
            _ => None,
        })
    }
}
