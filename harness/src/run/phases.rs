//! The phases, one after the other. Read [`run`] first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{Healed, Phase, Reason, Remark};
use schism_verify::models::Ending;

use super::context::Context;
use super::crew::Crew;
use super::nemesis::{Nemesis, ensure_someone_leads, heal_all, heal_enough};
use super::probe::Probe;
use super::recorder::Recorder;
use super::statuses::Readiness;
use super::worker::{Manner, Schedule, Worker};
use super::{Finished, RunError, Setup, ending, progress, statuses, watch};
use crate::action::{ClientId, NodeId};
use crate::clock::{Local, Nanos, Signal, nanos, within};
use crate::generate;
use crate::systems::Network;
use crate::workload::Workload;
use crate::worlds::WorldError;

/// After a violation everything else is done within this.
const AFTER_VIOLATION: Duration = Duration::from_secs(5);

/// How often a condition without a signal of its own is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Beyond `recovery`, so that a verdict about it rests on a full wait.
const BEYOND_RECOVERY: Duration = Duration::from_millis(500);

/// Carries out the plan and returns once the cluster has been stopped.
pub async fn run(setup: Setup) -> Result<Finished, RunError> {
    let model = setup.workload.model();
    let recorder = Recorder::new(setup.world.clock(), model, setup.history, setup.monitor);
    let context = Rc::new(Context::new(
        recorder,
        setup.world,
        setup.system,
        model,
        (setup.workload.nodes, setup.workload.clients),
    ));
    let bypass_checks = Rc::new(Cell::new(0));
    let readiness = statuses::watch(&context);
    let clock = Rc::clone(&context.clock);
    clock.spawn(Box::pin(watch::flush(Rc::clone(&context))));
    clock.spawn(Box::pin(watch::machine(Rc::clone(&context))));
    clock.spawn(Box::pin(watch::world(Rc::clone(&context))));
    if let Some(viewer) = setup.progress {
        clock.spawn(Box::pin(progress::show(Rc::clone(&context), viewer)));
    }
    let mut script = Script {
        context: Rc::clone(&context),
        workload: setup.workload,
        plan: setup.plan,
        interrupt: setup.interrupt,
        keep_going: setup.keep_going,
        crew: Crew::default(),
        probe: Rc::default(),
        phases: Vec::new(),
        hurry: None,
        bypass_checks,
    };
    let played = script.play(&readiness, setup.ready).await;
    context.clients_stop.set();
    context.over.set();
    let stopping = context.clock.now();
    if let Err(error) = context.world.stop().await {
        context.trouble(error.to_string());
    }
    script.phases.push(("stop".to_string(), stopping, context.clock.now()));
    context.recorder.close();
    if let Some(error) = context.recorder.take_error() {
        return Err(RunError::History(error));
    }
    let end = played?;
    // Events that come at once are a nanosecond apart, so a phase may begin that much after now.
    let lasted = |from: Nanos, to: Nanos| to.saturating_sub(from) as f64 / 1e6;
    let phases_ms = script.phases.into_iter();
    Ok(Finished {
        end,
        phases_ms: phases_ms.map(|(name, from, to)| (name, lasted(from, to))).collect(),
        from_due: context.recorder.take_from_due(),
    })
}

struct Script {
    context: Rc<Context>,
    workload: Workload,
    plan: crate::plan::Plan,
    interrupt: Rc<Signal>,
    keep_going: bool,
    /// The clients and the probe.
    crew: Crew,
    /// The probe, once it has stopped.
    probe: Rc<RefCell<Option<Probe>>>,
    /// Name, start and end of each phase so far.
    phases: Vec<(String, Nanos, Nanos)>,
    /// After a violation: when everything must be over.
    hurry: Option<Nanos>,
    bypass_checks: Rc<Cell<u64>>,
}

impl Script {
    async fn play(
        &mut self,
        readiness: &Readiness,
        announce: Box<dyn FnOnce()>,
    ) -> Result<Reason, RunError> {
        let context = Rc::clone(&self.context);
        self.ready(readiness).await?;
        announce();
        self.phase_ends("start", 0);
        let mut nemesis = Nemesis::new(Rc::clone(&context), &self.plan);
        let prepared = nemesis.prepare().await;
        let unprepared = self.or_trouble(prepared.map(|()| None), Some(Reason::Trouble));

        let from = context.enter(Phase::WarmUp);
        self.start_clients(from);
        // Where nothing stands between nodes, nothing can be passed by.
        let direct = context.system.network() == Network::None;
        if !direct {
            let bypasses = watch::bypasses(Rc::clone(&context), Rc::clone(&self.bypass_checks));
            context.clock.spawn(Box::pin(bypasses));
        }
        let warm = from + nanos(self.plan.warm_up);
        let mut end = if unprepared.is_some() { unprepared } else { self.until(warm).await };
        if end.is_none() {
            end = self.first_ok().await?;
        }
        self.phase_ends("warm-up", from);

        if end.is_none() {
            let from = context.enter(Phase::Disturbance);
            context.note_progress(true);
            let disturbed = self.disturb(&mut nemesis, from).await;
            end = self.or_trouble(disturbed, Some(Reason::Trouble));
            self.phase_ends("disturbance", from);
        }
        let end = end.unwrap_or(Reason::Done);
        if end == Reason::Violation {
            self.hurry = Some(context.clock.now() + nanos(AFTER_VIOLATION));
        }

        let from = context.enter(Phase::Recovery);
        let recovered = self.recover(end).await;
        self.or_trouble(recovered, ());
        self.phase_ends("recovery", from);

        if context.first_trouble().is_none() && end != Reason::Interrupted && !self.broken() {
            tokio::select! {
                biased;
                () = context.broken.wait() => {}
                () = self.ask_everyone() => {}
            }
        }
        context.note_deaths();
        context.note_troubles();
        if !direct {
            context.remark(Remark::BypassCheck { checks: self.bypass_checks.get() });
        }
        let why = context.first_trouble();
        let reason = if why.is_some() { Reason::Trouble } else { end };
        context.remark(Remark::End { reason, why });
        Ok(end)
    }

    /// Every node has answered `status`.
    async fn ready(&self, readiness: &Readiness) -> Result<(), RunError> {
        let limit = self.context.system.ready();
        let mut deadline = self.context.clock.now() + nanos(limit);
        loop {
            if let Some(death) = self.context.world.deaths().into_iter().next() {
                let (node, how, last_lines) = (death.node, death.how, death.last_lines);
                return Err(RunError::Died { node, how, last_lines });
            }
            let waiting = self.context.world.not_started();
            let mut silent = readiness.missing(self.context.nodes);
            silent.retain(|node| !waiting.contains(node));
            if silent.is_empty() {
                if !self.or_interrupted(self.context.world.start_next()).await? {
                    return self.or_interrupted(self.context.world.once()).await;
                }
                deadline = self.context.clock.now() + nanos(limit);
                continue;
            }
            if self.interrupt.is_set() {
                return Err(RunError::Interrupted);
            }
            if let Some(why) = self.context.first_trouble() {
                return Err(RunError::Broken(why));
            }
            if self.context.clock.now() >= deadline {
                let nonsense = readiness.nonsense();
                return Err(RunError::NotReady { silent, limit, nonsense });
            }
            self.context.clock.sleep(LOOK).await;
        }
    }

    /// What the world does to bring nodes up, unless somebody wants the run to end first.
    async fn or_interrupted<T>(
        &self,
        work: Local<'_, Result<T, WorldError>>,
    ) -> Result<T, RunError> {
        tokio::select! {
            biased;
            () = self.interrupt.wait() => Err(RunError::Interrupted),
            done = work => done.map_err(|error| RunError::Unprepared(error.to_string())),
        }
    }

    /// Prolongs the warm-up until something was ok, so that what never worked is not called broken
    /// by a fault. Not where something is in force already, nor where nothing is owed.
    async fn first_ok(&self) -> Result<Option<Reason>, RunError> {
        let context = Rc::clone(&self.context);
        let limit = context.system.ready();
        let deadline = context.clock.now() + nanos(limit);
        let owed =
            || context.active.borrow().is_empty() && context.system.can_progress(&context.view());
        while context.recorder.counts().ok == 0 && owed() {
            if context.clock.now() >= deadline {
                let why = "no operation was ever ok".to_owned();
                context.remark(Remark::End { reason: Reason::Trouble, why: Some(why) });
                return Err(RunError::NeverWorked {
                    limit: self.plan.warm_up + limit,
                    refusals: context.recorder.refusals(),
                    words: NodeId::all(context.nodes)
                        .map(|node| (node, context.world.last_lines(node)))
                        .collect(),
                });
            }
            let next = deadline.min(context.clock.now() + nanos(LOOK));
            if let Some(end) = self.until(next).await {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn start_clients(&self, start: Nanos) {
        let schedule = self.workload.rate.map(|rate| Rc::new(Schedule::new(start, rate)));
        let manner =
            Manner { timeout: self.workload.timeout, retry: self.workload.retry, schedule };
        let generator = generate::generators(self.context.model, &self.workload.mix());
        for number in 0..self.workload.clients {
            let id = ClientId(number);
            let worker = Worker::new(
                Rc::clone(&self.context),
                id,
                self.context.world.client(id),
                generator(),
                self.plan.rng(&format!("client-{number}")),
                manner.clone(),
            );
            self.crew.spawn(&*self.context.clock, worker.work());
        }
        let mut probe = Probe::new(Rc::clone(&self.context), generator());
        let done = Rc::clone(&self.probe);
        self.crew.spawn(&*self.context.clock, async move {
            probe.work().await;
            done.borrow_mut().replace(probe);
        });
    }

    /// What every node holds at the end, as the model's row says.
    async fn ask_everyone(&mut self) {
        let context = Rc::clone(&self.context);
        let mut from = context.clock.now();
        match context.model.ending {
            Ending::ReadEveryNode => {
                let hurry = self.hurry.map(|at| at - nanos(AFTER_VIOLATION) / 2);
                let probe = self.probe.borrow_mut().take();
                ending::settle(&context, probe, hurry).await;
                self.phase_ends("settle", from);
                from = context.enter(Phase::FinalReads);
                ending::read_every_node(&context, self.hurry).await;
            }
            Ending::AskEveryKey => {
                context.enter(Phase::FinalReads);
                let Workload { value_bytes, recovery, .. } = self.workload;
                ending::ask_every_key(&context, value_bytes, recovery, self.hurry).await;
            }
            Ending::ReadEveryKey(f) => {
                context.enter(Phase::FinalReads);
                ending::read_every_key(&context, f, self.workload.timeout, self.hurry).await;
            }
            Ending::Drain(f) => {
                context.enter(Phase::FinalReads);
                ending::drain(&context, f, self.workload.recovery, self.hurry).await;
            }
            Ending::None => {
                context.enter(Phase::FinalReads);
            }
        }
        self.phase_ends("final-reads", from);
    }

    async fn disturb(
        &mut self,
        nemesis: &mut Nemesis,
        from: Nanos,
    ) -> Result<Option<Reason>, WorldError> {
        let until = from + nanos(self.plan.disturbance);
        nemesis.begin(from);
        loop {
            let next = nemesis.next_at().filter(|&at| at < until);
            if let Some(end) = self.until(next.unwrap_or(until)).await {
                return Ok(Some(end));
            }
            if next.is_none() {
                return Ok(None);
            }
            nemesis.act().await?;
        }
    }

    /// Heals just enough and demands progress, then heals the rest and stops the clients.
    async fn recover(&mut self, end: Reason) -> Result<(), WorldError> {
        let context = Rc::clone(&self.context);
        if end == Reason::Done {
            heal_enough(&context, &mut self.plan.rng("heal")).await?;
            if ensure_someone_leads(&context).await {
                let healed = context.remark(Remark::Healed { what: Healed::Enough });
                self.await_progress(healed).await;
            }
        }
        heal_all(&context).await?;
        context.remark(Remark::Healed { what: Healed::All });
        if end == Reason::Done {
            self.everyone_is_back().await;
            ensure_someone_leads(&context).await;
        }
        context.clients_stop.set();
        let wait = self.crew.done();
        let longest = context.clock.now() + nanos(self.workload.timeout + BEYOND_RECOVERY);
        let deadline =
            self.hurry.map_or(longest, |at| longest.min(at - nanos(AFTER_VIOLATION) / 5 * 4));
        tokio::select! {
            biased;
            () = context.broken.wait() => {}
            _ = within(&*context.clock, deadline, wait) => {}
        }
        Ok(())
    }

    /// Until all nodes run again but those that died: what some do before may take as long as they
    /// may take to be ready.
    async fn everyone_is_back(&self) {
        let context = Rc::clone(&self.context);
        let limit = context.clock.now() + nanos(context.system.ready());
        let is_back = || {
            let (nodes, dead) = (context.world.view().nodes, context.dead.borrow());
            let mut all = NodeId::all(context.nodes).zip(&nodes);
            all.all(|(node, seen)| seen.running || dead.contains_key(&node))
        };
        while !is_back() && context.clock.now() < limit {
            if self.until(context.clock.now() + nanos(LOOK)).await.is_some() {
                return;
            }
        }
    }

    /// Until an append that was asked after `healed` has happened, and what else went unanswered at
    /// last was answered again, or it is certain that this did not happen within `recovery`.
    async fn await_progress(&mut self, healed: Nanos) {
        let context = Rc::clone(&self.context);
        let limit = healed + nanos(self.workload.recovery + BEYOND_RECOVERY);
        let owed = || {
            let serving = context.system.serving(&context.view());
            context.recorder.last_ok_asked().is_none_or(|asked| asked <= healed)
                || context.answered.owes(&serving, context.nodes, healed)
        };
        while owed() {
            let next = limit.min(context.clock.now() + nanos(LOOK));
            if self.until(next).await.is_some() || context.clock.now() >= limit {
                return;
            }
            // Whoever was taken for the leader may have heard only now that he was replaced.
            ensure_someone_leads(&context).await;
        }
    }

    /// Waits, unless something ends the disturbance first.
    async fn until(&self, at: Nanos) -> Option<Reason> {
        let recorder = &self.context.recorder;
        tokio::select! {
            biased;
            () = self.interrupt.wait() => Some(Reason::Interrupted),
            () = self.context.broken.wait() => Some(Reason::Trouble),
            () = recorder.failed.wait() => Some(Reason::Interrupted),
            () = recorder.violated.wait(), if !self.keep_going => Some(Reason::Violation),
            () = self.context.clock.sleep_until(at) => None,
        }
    }

    /// The result, or this instead and a remark of what could not be done.
    fn or_trouble<T>(&self, result: Result<T, WorldError>, instead: T) -> T {
        result.unwrap_or_else(|error| {
            self.context.trouble(error.to_string());
            instead
        })
    }

    fn broken(&self) -> bool {
        self.interrupt.is_set() || self.context.recorder.failed.is_set()
    }

    fn phase_ends(&mut self, name: &str, from: Nanos) {
        self.phases.push((name.to_string(), from, self.context.clock.now()));
    }
}
