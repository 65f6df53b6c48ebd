//! What was put into queues and what was received, message by message, and what of it is lost. The
//! queue that keeps its order and the one that does not are counted alike.

mod monitor;
pub(crate) mod total_queue;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::told::Told;
use crate::evidence::{Settings, is_run, last_reads};
use crate::history::nemesis::final_reads_at;
use crate::history::{Event, History, Type, Value};
use crate::models::spec::Call;
use crate::models::total_queue as model;
use crate::verdict::{Anomaly, Kind};

pub(crate) use monitor::MessageMonitor;

/// All queues of a history.
pub(crate) struct Tally<'a> {
    pub queues: BTreeMap<Option<&'a Value>, Queue<'a>>,
}

/// One queue.
#[derive(Default)]
pub(crate) struct Queue<'a> {
    /// Every message that was put in or received, by the order in which it was first heard of.
    pub messages: Vec<Message<'a>>,
    places: HashMap<&'a Value, usize, FixedState>,
    /// Dequeues of which nobody knows whether they took a message, and which.
    unknown: u64,
    /// A drain of which nobody knows what it took.
    unknown_drain: Option<&'a Event>,
    /// What was acknowledged before this place was there when the queue was drained.
    drained_at: usize,
    /// Why it is not known that the queue was drained.
    undrained: Vec<String>,
}

/// What became of one message. Values may repeat; then these are counts.
pub(crate) struct Message<'a> {
    pub value: &'a Value,
    /// Where it was first asked for to be put in, whatever became of that.
    first_asked: Option<usize>,
    /// Enqueues that may have happened, and those that certainly did not.
    pub asked: u64,
    pub refused: u64,
    /// The acknowledged ones, and where each returned.
    acknowledged: Vec<(&'a Event, &'a Event, usize)>,
    /// Received and confirmed: question and answer.
    pub taken: Vec<(&'a Event, &'a Event)>,
    /// Received, and not confirmed: it may come again.
    pub unconfirmed: u64,
    /// The first that received it, and where.
    first_received: Option<(&'a Event, &'a Event, usize)>,
}

/// What is lost of all queues.
#[derive(Default)]
pub(crate) struct Losses {
    pub acknowledged: u64,
    pub lost: u64,
    pub notes: Vec<String>,
    pub doubts: Vec<String>,
}

impl<'a> Tally<'a> {
    /// In a run the queues are drained at its end, else by the operation `drain`.
    pub fn of(history: &'a History, settings: &Settings) -> Self {
        let mut queues: BTreeMap<_, Queue<'_>> = BTreeMap::new();
        for op in history.operations() {
            let (invoke, ret) = (history.invoke(op), history.ret(op));
            let answered = ret.filter(|ret| matches!(ret.kind, Type::Ok | Type::Fail));
            let call = Call { asked: invoke, answered };
            let Ok(did) = model::asked(&call) else { continue };
            let queue = queues.entry(invoke.key()).or_default();
            if let model::Did::Enqueue(value) = did {
                queue.put(value, &call, (op.invoke(), op.ret()));
                continue;
            }
            match (ret, op.ret()) {
                (Some(ret), Some(at)) if ret.kind == Type::Ok => {
                    for value in model::taken(&call).unwrap_or(&[]) {
                        queue.receive(value, (invoke, ret, at), true);
                    }
                    if did == model::Did::Drain {
                        queue.drained_at = queue.drained_at.max(op.invoke());
                    }
                }
                (Some(ret), _) if ret.kind == Type::Fail => {}
                (ret, at) => match (did, ret.and_then(|ret| ret.value.as_ref())) {
                    (model::Did::Dequeue, Some(value)) if *value != Value::Null => {
                        let (ret, at) = (ret.unwrap_or(invoke), at.unwrap_or(usize::MAX));
                        queue.receive(value, (invoke, ret, at), false);
                    }
                    (model::Did::Dequeue, _) => queue.unknown += 1,
                    _ => queue.unknown_drain = Some(invoke),
                },
            }
        }
        let end = final_reads_at(history);
        let undrained =
            if is_run(history) { last_reads::unread(history, settings) } else { Vec::new() };
        for queue in queues.values_mut() {
            match end {
                Some(at) if undrained.is_empty() => queue.drained_at = queue.drained_at.max(at),
                _ => queue.undrained.clone_from(&undrained),
            }
        }
        Tally { queues }
    }

    /// What was acknowledged and received by nobody. A dequeue that was never answered may have
    /// taken any one message, so only what is beyond those is lost for certain.
    pub fn losses(&self, told: &mut Told) -> Losses {
        let mut losses = Losses::default();
        for (key, queue) in &self.queues {
            let of = key.map(|key| format!(" of the queue {key}")).unwrap_or_default();
            let mut missing: Vec<(&Message<'_>, u64)> = Vec::new();
            let mut late = 0;
            for message in &queue.messages {
                losses.acknowledged += message.acknowledged.len() as u64;
                let was_in = |(_, _, at): &&(_, _, usize)| *at < queue.drained_at;
                let was_in = message.acknowledged.iter().filter(was_in).count() as u64;
                let received = message.taken.len() as u64 + message.unconfirmed;
                late += (message.acknowledged.len() as u64 - was_in)
                    .saturating_sub(received.saturating_sub(was_in));
                if let Some(count) = was_in.checked_sub(received).filter(|count| *count > 0) {
                    missing.push((message, count));
                }
            }
            let all: u64 = missing.iter().map(|(_, count)| count).sum();
            if late > 0 {
                losses.doubts.extend(queue.undrained.iter().take(1).cloned());
                losses.doubts.push(format!(
                    "{late} acknowledged messages{of} may still be in: nothing drained it after them"
                ));
            }
            if let Some(drain) = queue.unknown_drain.filter(|_| all > 0) {
                losses.doubts.push(format!(
                    "{all} messages{of} are missing, and nobody knows what the drain at event {} \
                     took",
                    drain.index
                ));
                continue;
            }
            let lost = all.saturating_sub(queue.unknown);
            losses.lost += lost;
            if lost == 0 && all > 0 {
                losses.notes.push(format!(
                    "{all} messages{of} were never received, and {} dequeues that were never \
                     answered may have taken them",
                    queue.unknown
                ));
            }
            let beyond = match queue.unknown {
                _ if lost == 0 => continue,
                0 => String::new(),
                unknown => format!(
                    " ({all} are missing, and the {unknown} dequeues that were never answered can \
                     have taken no more than as many)"
                ),
            };
            for (message, _) in missing {
                told.add(message.lost(&of, &beyond));
            }
        }
        losses
    }
}

impl<'a> Queue<'a> {
    fn message(&mut self, value: &'a Value) -> &mut Message<'a> {
        let fresh = self.messages.len();
        let place = *self.places.entry(value).or_insert(fresh);
        if place == fresh {
            self.messages.push(Message {
                value,
                first_asked: None,
                asked: 0,
                refused: 0,
                acknowledged: Vec::new(),
                taken: Vec::new(),
                unconfirmed: 0,
                first_received: None,
            });
        }
        &mut self.messages[place]
    }

    fn put(&mut self, value: &'a Value, call: &Call<'a>, (from, to): (usize, Option<usize>)) {
        let message = self.message(value);
        message.first_asked.get_or_insert(from);
        if call.did_not_happen() {
            message.refused += 1;
            return;
        }
        message.asked += 1;
        if let (Some(ret), Some(to)) = (call.answered, to) {
            message.acknowledged.push((call.asked, ret, to));
        }
    }

    fn receive(
        &mut self,
        value: &'a Value,
        (invoke, ret, at): (&'a Event, &'a Event, usize),
        confirmed: bool,
    ) {
        let message = self.message(value);
        if confirmed {
            message.taken.push((invoke, ret));
        } else {
            message.unconfirmed += 1;
        }
        if message.first_received.is_none_or(|(_, _, first)| at < first) {
            message.first_received = Some((invoke, ret, at));
        }
    }
}

impl Message<'_> {
    /// That it was received though it was never put in, or only later.
    pub fn unexpected(&self) -> Option<Anomaly> {
        let (invoke, ret, at) = self.first_received?;
        let why = match self.first_asked {
            None => "which nobody ever put in",
            Some(_) if self.asked == 0 => "whose every enqueue was refused for certain",
            Some(first) if at < first => "which was put in only later",
            Some(_) => return None,
        };
        let by = ret.node.as_ref().map(|node| format!(" from {node}")).unwrap_or_default();
        let explanation = format!("{} received {}{by}, {why}", invoke.process(), self.value);
        let events = vec![invoke.index, ret.index];
        let (kind, time_ns) = (Kind::UnexpectedMessage, ret.time());
        Some(Anomaly { kind, explanation, events, time_ns })
    }

    /// That it was received, and confirmed, more often than it was put in.
    pub fn duplicated(&self) -> Option<Anomaly> {
        if self.asked == 0 || self.taken.len() as u64 <= self.asked {
            return None;
        }
        let times = if self.asked == 1 { "once".into() } else { format!("{} times", self.asked) };
        let explanation = format!(
            "{} was put in {times} and received {} times, each confirmed",
            self.value,
            self.taken.len()
        );
        let put = self.acknowledged.first().map(|(invoke, ret, _)| [invoke.index, ret.index]);
        let taken = self.taken.iter().flat_map(|(invoke, ret)| [invoke.index, ret.index]);
        let events: Vec<u64> = put.into_iter().flatten().chain(taken).collect();
        let time_ns = self.taken.last().and_then(|(_, ret)| ret.time());
        Some(Anomaly { kind: Kind::DuplicatedMessage, explanation, events, time_ns })
    }

    /// Acknowledged, and received by nobody.
    fn lost(&self, of: &str, beyond: &str) -> Anomaly {
        let (invoke, ret, _) = self.acknowledged[0];
        let by = ret.node.as_ref().map(|node| format!(" by {node}")).unwrap_or_default();
        let explanation = format!(
            "the enqueue of {} by {} was acknowledged{by}, and nobody received it, though the \
             queue{} was drained{beyond}",
            self.value,
            invoke.process(),
            of.strip_prefix(" of the queue").unwrap_or(of),
        );
        let (kind, events) = (Kind::LostMessage, vec![invoke.index, ret.index]);
        Anomaly { kind, explanation, events, time_ns: ret.time() }
    }

    /// Nobody knew that it was put in, and it came all the same.
    pub fn is_recovered(&self) -> bool {
        self.asked > 0 && self.acknowledged.is_empty() && self.first_received.is_some()
    }
}
