//! One replica and nobody else: it is told exactly what a situation needs, and its words are kept.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::vsr::message::{Body, Message, Suffix};
use schism_protocol::vsr::{HardState, Mode, Sound, Vsr};
use schism_protocol::{
    Boot, Command, EntryId, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record,
    Reply, Request, Status, Ticket, Time, TraceEvent,
};

pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);

/// Node 1 of three: primary of views 3, 6, ...; n2 of 1, 4, ...; n3 of 2, 5, ...
pub struct Lone<const MODE: u8> {
    pub replica: Vsr,
    pub now: Time,
    pub said: Vec<Output<Message>>,
    pub mark: Mark,
}

pub type Durable = Lone<{ Mode::Durable as u8 }>;
pub type Memory = Lone<{ Mode::Memory as u8 }>;

pub fn noop(index: u64, birth: u64) -> LogEntry {
    LogEntry { index: Index(index), birth: Epoch(birth), command: Command::Noop }
}

/// The entries after the one at `prev`, which was born in `prev_birth`, by their births.
pub fn suffix(prev: u64, prev_birth: u64, births: &[u64], last: u64) -> Suffix {
    let prev = EntryId { birth: Epoch(prev_birth), index: Index(prev) };
    let entries = births.iter().zip(prev.index.0 + 1..).map(|(b, i)| noop(i, *b)).collect();
    Suffix { prev, entries, last: Index(last) }
}

pub fn change(normal: u64, commit: u64, suffix: Suffix) -> Body {
    Body::DoViewChange { normal: Epoch(normal), commit: Index(commit), suffix }
}

pub fn new_state(commit: u64, suffix: Suffix) -> Body {
    Body::NewState { commit: Index(commit), suffix, more: false }
}

impl<const MODE: u8> Lone<MODE> {
    /// Booted with this view, last normal view and log.
    pub fn new(hard: Option<(u64, u64)>, births: &[u64]) -> Self {
        Self::with(hard, births, &[])
    }

    /// The same with these options.
    pub fn with(hard: Option<(u64, u64)>, births: &[u64], options: &[(&str, &str)]) -> Self {
        let hard =
            hard.map(|(view, normal)| HardState { view: Epoch(view), normal: Epoch(normal) });
        let boot = Boot {
            id: NodeId(1),
            members: (1..=3).map(NodeId).collect(),
            state: hard.map(|hard| hard.encode()).unwrap_or_default(),
            log: births.iter().zip(1..).map(|(birth, index)| noop(index, *birth)).collect(),
            options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            ..Boot::default()
        };
        let mut said = Vec::new();
        let modes = [Mode::Durable, Mode::Memory, Mode::Paper];
        let replica = Vsr::boot(modes[MODE as usize], boot, &Sound, &mut said);
        let replica = replica.expect("a sound disk");
        let mut lone = Lone { replica, now: Time(0), said, mark: Mark(0) };
        lone.note_marks();
        lone
    }

    fn note_marks(&mut self) {
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
    }

    pub fn input(&mut self, input: Input<Message>) -> &mut Self {
        self.said.clear();
        self.replica.step(self.now, input, &mut self.said);
        self.note_marks();
        self
    }

    pub fn hears(&mut self, from: NodeId, view: u64, body: Body) -> &mut Self {
        self.input(Input::Receive { from, message: Message { view: Epoch(view), body } })
    }

    pub fn prepare(&mut self, from: NodeId, view: u64, prev: u64, births: &[u64]) -> &mut Self {
        let entries = births.iter().zip(prev + 1..).map(|(b, i)| noop(i, *b)).collect();
        self.hears(
            from,
            view,
            Body::Prepare { prev: Index(prev), commit: Index(0), round: 0, entries },
        )
    }

    pub fn wants(&mut self, from: NodeId, view: u64, wanted: u64) -> &mut Self {
        self.hears(from, view, Body::StartViewChange { wanted: Epoch(wanted) })
    }

    pub fn asks(&mut self, request: Request) -> &mut Self {
        self.input(Input::Request { ticket: Ticket(1), request })
    }

    pub fn durable(&mut self) -> &mut Self {
        self.input(Input::Durable(self.mark))
    }

    pub fn waits(&mut self, ms: u64) -> &mut Self {
        self.now.0 += ms * 1_000_000;
        self.input(Input::Tick)
    }

    pub fn status(&self) -> Status {
        self.replica.status()
    }

    pub fn view(&self) -> u64 {
        self.status().epoch.0
    }

    pub fn last(&self) -> u64 {
        self.status().last.0
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { to, message, .. } => Some((*to, message.view.0, message.body.clone())),
            _ => None,
        });
        sent.collect()
    }

    /// The kinds of what was sent, each once.
    pub fn kinds(&self) -> Vec<u8> {
        use schism_protocol::wire::Wire;
        let message = |(_, view, body)| Message { view: Epoch(view), body };
        let mut kinds: Vec<u8> =
            self.sent().into_iter().map(|sent| message(sent).encode()[0]).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    pub fn acknowledged(&self) -> Vec<u64> {
        let acknowledged = self.sent().into_iter().filter_map(|(_, _, body)| match body {
            Body::PrepareOk { upto, .. } => Some(upto.0),
            _ => None,
        });
        acknowledged.collect()
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

    pub fn traced(&self, wanted: impl Fn(&TraceEvent) -> bool) -> Option<usize> {
        self.said.iter().position(|output| matches!(output, Output::Trace(event) if wanted(event)))
    }
}

pub fn value(text: &'static str) -> Request {
    let value = Bytes::from_static(text.as_bytes());
    Request::Append { value, session: None, expect: None }
}
