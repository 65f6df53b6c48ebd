//! A protocol for tests: one node, whose disk is the log. It is no protocol to learn from: it
//! knows no peers, and a value "hold" is taken and never answered.

use bytes::Bytes;
use schism_protocol::wire::WireError;
use schism_protocol::{
    Answer, Boot, BootError, Chain, ClientId, Command, Delivery, Epoch, Index, Input, LogEntry,
    Machine, Mark, NodeId, Offset, Output, Outputs, Record, Refusal, Reply, Request, Role, Session,
    Status, Ticket, Time, TraceEvent, chain_value,
};

pub struct Toy {
    id: NodeId,
    log: Vec<(Bytes, Option<Session>)>,
    mark: u64,
    durable: u64,
    /// Answers that wait for the disk.
    held: Vec<(u64, Ticket, Reply)>,
    delivered: usize,
    chain: Chain,
}

pub fn build(boot: Boot, out: &mut Outputs<Bytes>) -> Result<Box<dyn Machine>, BootError> {
    if let Some(option) = boot.options.keys().next() {
        return Err(BootError::Option(format!("the toy has no option {option:?}")));
    }
    let log = boot.log.into_iter().map(|entry| match entry.command {
        Command::Append { value, session, .. } => Ok((value, session)),
        other => Err(BootError::Disk(format!("the toy never wrote {other:?}"))),
    });
    let log = log.collect::<Result<Vec<_>, _>>()?;
    let (id, held) = (boot.id, Vec::new());
    let mut toy = Toy { id, log, mark: 0, durable: 0, held, delivered: 0, chain: Chain(0) };
    toy.deliver(toy.log.len(), out);
    Ok(Box::new(toy))
}

impl Toy {
    fn deliver(&mut self, upto: usize, out: &mut Outputs<Bytes>) {
        for at in self.delivered..upto {
            let (value, session) = self.log[at].clone();
            self.chain = chain_value(self.chain, &value);
            let (offset, epoch) = (Offset(at as u64), Epoch(1));
            out.push(Output::Deliver(Delivery { offset, value, session, epoch }));
        }
        self.delivered = upto;
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Outputs<Bytes>) {
        let tail = Offset(self.log.len() as u64);
        let reply = match request {
            Request::Open => Reply::Ok(Answer::Opened(ClientId(3))),
            Request::Tail { .. } => Reply::Ok(Answer::Tail(tail)),
            Request::Read { from, limit, .. } => {
                let limit = limit.map_or(usize::MAX, |limit| limit as usize);
                let from = self.log.iter().skip(from.0 as usize).take(limit);
                let values = from.map(|(value, _)| value.clone()).collect();
                Reply::Ok(Answer::Read { values, tail })
            }
            Request::Append { expect: Some(expect), .. } if expect != tail => {
                Reply::Fail(Refusal::Conflict(tail))
            }
            Request::Append { value, .. } if value == "\"hold\"" => return,
            Request::Append { value, session, expect } => {
                return self.append(ticket, value, session, expect, out);
            }
            Request::Propose { .. } | Request::Promote => {
                Reply::Fail(Refusal::not_served(&request))
            }
        };
        self.held.push((self.mark, ticket, reply));
    }

    fn append(
        &mut self,
        ticket: Ticket,
        value: Bytes,
        session: Option<Session>,
        expect: Option<Offset>,
        out: &mut Outputs<Bytes>,
    ) {
        let offset = Offset(self.log.len() as u64);
        self.log.push((value.clone(), session));
        self.mark += 1;
        let (index, epoch, mark) = (Index(offset.0 + 1), Epoch(1), Mark(self.mark));
        let entry = LogEntry { index, epoch, command: Command::Append { value, session, expect } };
        out.push(Output::Trace(TraceEvent::Append { i: index, epoch, chain: self.chain }));
        out.push(Output::Persist { mark, record: Record::Append(entry) });
        let reply = Reply::Ok(Answer::Appended { offset, duplicate: false });
        self.held.push((self.mark, ticket, reply));
    }
}

impl Machine for Toy {
    fn step(
        &mut self,
        _: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError> {
        match input {
            Input::Request { ticket, request } => self.request(ticket, request, out),
            Input::Durable(mark) => {
                self.durable = mark.0;
                let fresh = self.log.len() - (self.mark - mark.0) as usize;
                self.deliver(fresh, out);
            }
            Input::Receive { .. } => return Err(WireError("the toy has no messages".to_owned())),
            Input::Tick => {}
        }
        let free = self.held.extract_if(.., |(mark, ..)| *mark <= self.durable);
        out.extend(free.map(|(_, ticket, reply)| Output::Reply { ticket, reply }));
        Ok(())
    }

    fn status(&self) -> Status {
        let last = Index(self.log.len() as u64);
        Status {
            role: Role::Leader,
            epoch: Epoch(1),
            leader: Some(self.id),
            delivered: Offset(self.delivered as u64),
            chain: self.chain,
            commit: Index(self.delivered as u64),
            last,
        }
    }
}
