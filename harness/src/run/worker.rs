//! One client: draws operations, asks nodes, and records what it was told. It never decides that
//! something happened: the outcome is the client's, and a time-out means that nobody knows.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Name, Process, Type, Value};

use super::context::Context;
use super::processes::Processes;
use super::route::Route;
use super::rt::{Nanos, Rt, nanos, within};
use crate::action::{ClientId, NodeId};
use crate::generate::Generator;
use crate::systems::{Answer, Client, Failure, Op, Outcome};

/// After fail or info a process waits, so that a refusing cluster is not asked in a busy loop.
pub const PAUSE: Duration = Duration::from_millis(20);

/// With `retry`, one try may take this part of the operation's time: enough tries to come past a
/// change of leader within one operation.
const TRIES: u32 = 4;

/// When operations are due in an open loop: evenly, from the start on. Whoever is free takes the
/// next, so one that is due while all are busy waits.
pub struct Schedule {
    start: Nanos,
    rate: f64,
    taken: Cell<u64>,
}

impl Schedule {
    /// `rate` operations a second from `start` on.
    pub fn new(start: Nanos, rate: f64) -> Self {
        assert!(rate > 0.0, "a rate is above zero");
        Schedule { start, rate, taken: Cell::new(0) }
    }

    fn take(&self) -> Nanos {
        let number = self.taken.replace(self.taken.get() + 1);
        self.start + (number as f64 / self.rate * 1e9) as Nanos
    }
}

/// How a worker behaves.
#[derive(Clone)]
pub struct Manner {
    /// Of one operation.
    pub timeout: Duration,
    /// Whether unanswered appends are repeated within a session.
    pub retry: bool,
    /// In an open loop: when operations are due.
    pub schedule: Option<Rc<Schedule>>,
}

/// One thread of clients' logic.
pub struct Worker<R> {
    context: Rc<Context<R>>,
    numbers: Processes,
    process: u64,
    client: Box<dyn Client>,
    generator: Box<dyn Generator>,
    rng: ChaCha8Rng,
    route: Route,
    session: Option<Session>,
    manner: Manner,
}

struct Session {
    client: Name,
    /// The number the next append takes.
    seq: u64,
}

/// What became of an operation, and who was asked last.
struct Asked {
    node: NodeId,
    outcome: Outcome,
}

impl<R: Rt> Worker<R> {
    /// Client `id`, which asks through `client`.
    pub fn new(
        context: Rc<Context<R>>,
        id: ClientId,
        client: Box<dyn Client>,
        generator: Box<dyn Generator>,
        rng: ChaCha8Rng,
        manner: Manner,
    ) -> Self {
        let numbers = context.processes();
        let route = Route::new(context.nodes, id.home(context.nodes));
        let process = numbers.client(id);
        Worker { context, numbers, process, client, generator, rng, route, session: None, manner }
    }

    /// Works until the clients are stopped; the operation under way is brought to its end.
    pub async fn work(mut self) {
        let context = Rc::clone(&self.context);
        while !context.clients_stop.is_set() {
            let mut due = None;
            if let Some(schedule) = &self.manner.schedule {
                let at = schedule.take();
                due = Some(at);
                if !self.idle_until(at).await {
                    return;
                }
            }
            if let Err(failed) = self.operation(due).await
                && !self.idle_until(failed + nanos(PAUSE)).await
            {
                return;
            }
        }
    }

    /// False: the clients were stopped meanwhile.
    async fn idle_until(&self, at: Nanos) -> bool {
        if self.context.rt.now() < at {
            tokio::select! {
                biased;
                () = self.context.clients_stop.wait() => return false,
                () = self.context.rt.sleep_until(at) => {}
            }
        }
        !self.context.clients_stop.is_set()
    }

    /// One operation from its draw to its return; if it was not ok, when it returned.
    async fn operation(&mut self, due: Option<Nanos>) -> Result<(), Nanos> {
        let mut op = self.generator.next(self.process, &mut self.rng);
        if self.manner.retry && !self.join_session(&mut op).await {
            return Err(self.context.rt.now());
        }
        let mut event = invocation(self.process, &op);
        event.node = Some(self.context.name(self.route.first(&op)));
        let invoked = self.context.recorder.record(&mut event);
        self.context.decisions.note_asked(&op);
        self.generator.observe(&event);

        let deadline = invoked + nanos(self.manner.timeout);
        let asked = if self.manner.retry && matches!(op, Op::Append { .. }) {
            self.ask_until(&op, deadline).await
        } else {
            self.ask(&op, deadline).await
        };

        self.close(&op, &asked.outcome);
        let went_well = matches!(asked.outcome, Outcome::Ok(_));
        fill_return(&mut event, asked.outcome);
        event.node = Some(self.context.name(asked.node));
        let returned = self.context.recorder.record(&mut event);
        self.generator.observe(&event);
        if went_well {
            self.context.note_ok(&op, invoked);
            let latency = returned - due.unwrap_or(invoked).min(returned);
            self.context.recorder.note_latency(latency, due.is_some());
        }
        if went_well { Ok(()) } else { Err(returned) }
    }

    /// Gives an append its session and number, opening a session first if there is none. False:
    /// there is none to be had yet, and nothing was asked of the log.
    async fn join_session(&mut self, op: &mut Op) -> bool {
        if !matches!(op, Op::Append { .. }) {
            return true;
        }
        if self.session.is_none() {
            let deadline = self.context.rt.now() + nanos(self.manner.timeout);
            let asked = self.ask(&Op::Open, deadline).await;
            let Outcome::Ok(Answer::Opened(client)) = asked.outcome else { return false };
            self.session = Some(Session { client, seq: 1 });
        }
        if let (Op::Append { session, .. }, Some(own)) = (op, &self.session) {
            *session = Some((own.client.clone(), own.seq));
        }
        true
    }

    /// Asks once, following hints.
    async fn ask(&mut self, op: &Op, deadline: Nanos) -> Asked {
        let mut node = self.route.first(op);
        let mut hops = 0;
        let outcome = loop {
            let answer = within(&self.context.rt, deadline, self.client.invoke(node, op)).await;
            let outcome = answer.unwrap_or_else(|| Outcome::Info("timeout".into()));
            match self.route.hop(op, &outcome, hops) {
                Some(next) => node = next,
                None => break outcome,
            }
            hops += 1;
        };
        self.route.learn(op, node, &outcome);
        Asked { node, outcome }
    }

    /// Asks again with the same session and number until there is an answer that settles it. A
    /// definite no settles only itself: an earlier try that nobody answered may still happen.
    async fn ask_until(&mut self, op: &Op, deadline: Nanos) -> Asked {
        let one_try = nanos(self.manner.timeout / TRIES);
        let mut in_doubt = false;
        loop {
            let asked = self.ask(op, deadline.min(self.context.rt.now() + one_try)).await;
            match &asked.outcome {
                Outcome::Ok(_) => return asked,
                Outcome::Fail(_) if !in_doubt => return asked,
                Outcome::Fail(_) => {}
                Outcome::Info(_) => in_doubt = true,
            }
            let again = self.context.rt.now() + nanos(PAUSE);
            if again >= deadline {
                return Asked { node: asked.node, outcome: Outcome::Info("timeout".into()) };
            }
            self.context.rt.sleep_until(again).await;
        }
    }

    /// What an outcome does to the session and to the process's number.
    fn close(&mut self, op: &Op, outcome: &Outcome) {
        let error = match outcome {
            Outcome::Fail(failure) => failure.error.as_deref(),
            Outcome::Ok(_) | Outcome::Info(_) => None,
        };
        // A session that expired has ended its process: one session, one number.
        let retired = matches!(outcome, Outcome::Info(_)) || error == Some("session-expired");
        if retired {
            self.process = self.numbers.after(self.process);
            self.session = None;
        } else if let (Op::Append { session: Some(_), .. }, Some(own)) = (op, &mut self.session) {
            let consumed = matches!(outcome, Outcome::Ok(_)) || error == Some("conflict");
            own.seq += u64::from(consumed);
        }
    }
}

/// The names of operations, made once: an event only counts one up.
static NAMES: LazyLock<[Name; 8]> = LazyLock::new(|| {
    ["append", "append-if", "read", "tail", "open", "status", "propose", "promote"].map(Name::from)
});

/// The invocation as the history says it.
pub(super) fn invocation(process: u64, op: &Op) -> Event {
    let name = match op {
        Op::Append { expect: None, .. } => 0,
        Op::Append { .. } => 1,
        Op::Read { .. } => 2,
        Op::Tail => 3,
        Op::Open => 4,
        Op::Status => 5,
        Op::Propose { .. } => 6,
        Op::Promote => 7,
    };
    let mut event = Event::new(Process::Client(process), Type::Invoke, NAMES[name].clone());
    match op {
        Op::Append { value, session, expect } => {
            event.value = Some(value.clone());
            event.set_session(session.clone());
            event.set_expect(*expect);
        }
        Op::Read { from, limit, level } => {
            event.set_from(Some(*from));
            event.set_limit(*limit);
            event.set_level((*level == Level::Local).then_some(Level::Local));
        }
        Op::Propose { key, value } => {
            event.set_key(Some(key.clone()));
            event.value = Some(value.clone());
        }
        Op::Tail | Op::Open | Op::Promote | Op::Status => {}
    }
    event
}

/// Turns an invocation into its return.
pub(super) fn fill_return(event: &mut Event, outcome: Outcome) {
    match outcome {
        Outcome::Ok(answer) => {
            event.kind = Type::Ok;
            match answer {
                Answer::Appended { offset, .. } => event.set_offset(Some(offset)),
                Answer::Read { values, tail } => {
                    event.value = Some(Value::List(values.into()));
                    event.set_tail(tail);
                }
                Answer::Tail(tail) => event.set_tail(Some(tail)),
                Answer::Decided(value) => event.value = Some(value),
                Answer::Opened(_) | Answer::Promoted(_) | Answer::Status(_) => {}
            }
        }
        Outcome::Fail(Failure { error, tail, .. }) => {
            event.kind = Type::Fail;
            event.set_error(error);
            event.set_tail(tail);
        }
        Outcome::Info(error) => {
            event.kind = Type::Info;
            event.set_error(Some(error));
        }
    }
}
