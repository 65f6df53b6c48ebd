//! One client: draws operations, asks nodes, and records what it was told. It never decides that
//! something happened: the completion is the client's, and a time-out means that nobody knows.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Name, Type};

use super::context::{Context, PAUSE};
use super::processes::Processes;
use super::route::Route;
use crate::action::{ClientId, NodeId};
use crate::clock::{Nanos, nanos, within};
use crate::generate::Generator;
use crate::systems::{Client, Completion, Refusal};

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
pub struct Worker {
    context: Rc<Context>,
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

impl Worker {
    /// Client `id`, which asks through `client`.
    pub fn new(
        context: Rc<Context>,
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
        if self.context.clock.now() < at {
            tokio::select! {
                biased;
                () = self.context.clients_stop.wait() => return false,
                () = self.context.clock.sleep_until(at) => {}
            }
        }
        !self.context.clients_stop.is_set()
    }

    /// One operation from its draw to its return; if it was not ok, when it returned.
    async fn operation(&mut self, due: Option<Nanos>) -> Result<(), Nanos> {
        let context = Rc::clone(&self.context);
        let mut asked = self.generator.next(self.process, &mut self.rng);
        let leads = context.goes_to_leader(&asked);
        let repeat = self.manner.retry && context.row(&asked).in_session();
        if repeat && !self.join_session(&mut asked).await {
            return Err(context.clock.now());
        }
        let invoked = context.invoke(&mut asked, self.route.first(leads));
        self.generator.observe(&asked);

        let deadline = invoked + nanos(self.manner.timeout);
        let (node, completion) = if repeat {
            self.ask_until(&asked, leads, deadline).await
        } else {
            self.ask(&asked, leads, deadline).await
        };

        let mut event = completion.event;
        let returned = context.complete(&mut event, node, invoked);
        self.close(&event);
        self.generator.observe(&event);
        if event.kind != Type::Ok {
            return Err(returned);
        }
        let latency = returned - due.unwrap_or(invoked).min(returned);
        context.recorder.note_latency(latency, due.is_some());
        Ok(())
    }

    /// Gives an operation its session and number, opening a session first if there is none. False:
    /// there is none to be had yet, and nothing was asked of the model.
    async fn join_session(&mut self, asked: &mut Event) -> bool {
        if self.session.is_none() {
            let (clock, client) = (&self.context.clock, &mut self.client);
            let deadline = clock.now() + nanos(self.manner.timeout);
            let open = async |node| {
                let answer = within(&**clock, deadline, client.open(node)).await;
                answer.unwrap_or_else(|| Err(Refusal::timeout()))
            };
            let (_, Ok(client)) = self.route.ask(true, open).await else { return false };
            self.session = Some(Session { client, seq: 1 });
        }
        asked.set_session(self.session.as_ref().map(|own| (own.client.clone(), own.seq)));
        true
    }

    /// Asks once, following hints.
    async fn ask(&mut self, asked: &Event, leads: bool, deadline: Nanos) -> (NodeId, Completion) {
        let (clock, client) = (&self.context.clock, &mut self.client);
        let ask = async |node| {
            let answer = within(&**clock, deadline, client.invoke(node, asked)).await;
            answer.unwrap_or_else(|| Completion::refused(asked.clone(), Refusal::timeout()))
        };
        self.route.ask(leads, ask).await
    }

    /// Asks again with the same session and number until there is an answer that settles it. A
    /// definite no settles only itself: an earlier try that nobody answered may still happen.
    async fn ask_until(
        &mut self,
        asked: &Event,
        leads: bool,
        deadline: Nanos,
    ) -> (NodeId, Completion) {
        let one_try = nanos(self.manner.timeout / TRIES);
        let mut in_doubt = false;
        loop {
            let limit = deadline.min(self.context.clock.now() + one_try);
            let (node, completion) = self.ask(asked, leads, limit).await;
            match completion.event.kind {
                Type::Ok => return (node, completion),
                Type::Fail if !in_doubt => return (node, completion),
                _ => in_doubt = true,
            }
            let again = self.context.clock.now() + nanos(PAUSE);
            if again >= deadline {
                return (node, Completion::refused(asked.clone(), Refusal::timeout()));
            }
            self.context.clock.sleep_until(again).await;
        }
    }

    /// What a return does to the session and to the process's number.
    fn close(&mut self, event: &Event) {
        // A session that expired has ended its process: one session, one number.
        let retired = event.kind == Type::Info || event.error() == Some("session-expired");
        if retired {
            self.process = self.numbers.after(self.process);
            self.session = None;
        } else if let (Some(_), Some(own)) = (event.session(), &mut self.session) {
            let consumed = event.kind == Type::Ok || event.error() == Some("conflict");
            own.seq += u64::from(consumed);
        }
    }
}
