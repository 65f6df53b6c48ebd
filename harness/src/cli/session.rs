//! One run in the real world, from a workload to the files of its run directory.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use schism_facts::Catalogue;
use schism_facts::remark::Reason;
use schism_verify::checkers::Answers;
use schism_verify::checkers::log::LogMonitor;
use schism_verify::{Budget, CheckOptions, Monitor};

use super::interrupt::watch_signals;
use super::reports::{pretty, summary, write_pages};
use super::screen;
use super::status::StatusBlock;
use crate::action::NodeId;
use crate::clock::{Clock, Signal};
use crate::faults;
use crate::judge::{self, EXIT_INTERRUPTED};
use crate::plan;
use crate::run::{self, Finished, Setup};
use crate::store::live::{Announced, Live};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, RunDirectory, Saved, environment};
use crate::systems::{self, System};
use crate::workload::Workload;
use crate::worlds::{self, Place, Start, World};

pub struct Request<'a> {
    pub workload: &'a Workload,
    pub seed: u64,
    pub out: &'a Path,
    pub catalogue: &'a Catalogue,
    /// A violation does not end the disturbance.
    pub keep_going: bool,
    pub quiet: bool,
}

/// A run that was carried out and judged.
pub struct Ended {
    pub directory: PathBuf,
    /// What was found; `exit` is 130 for one that was interrupted.
    pub verdict: VerdictFile,
    pub summary: String,
}

/// Runs, saves, judges, reports. An error means that it could not be run; what it left on disk
/// stays there, and nothing of it is left running.
pub fn carry_out(request: &Request<'_>) -> Result<Ended> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let workload = plan::settle(request.workload, request.seed);
    let (spec, bug) = (&workload.system, workload.bug.as_deref());
    let system: Rc<dyn System> = systems::system(request.catalogue, spec, bug, &program).into();
    if let Some(why) = worlds::refuses(system.network()) {
        bail!(why);
    }
    system.find().map_err(anyhow::Error::msg)?;
    let version = system.version().map(|command| worlds::first_line(&command)).transpose();
    let version = version.unwrap_or_else(|why| {
        screen::remark(&format!("its version is not known: {why}"));
        None
    });
    let plan = plan::draw(&workload, request.seed);
    if let Some(why) = plan.is_in_vain() {
        bail!(why);
    }
    if let Some(late) = plan.left_out() {
        screen::remark(&format!("{} seed {}: {late}", workload.name, request.seed));
    }
    for told in worlds::clean_up(request.out) {
        screen::remark(&told);
    }
    let place = worlds::claim()?;

    let started = jiff::ZonedDateTime::now();
    let stamp = started.strftime("%Y%m%d-%H%M%S").to_string();
    let directory = RunDirectory::create(request.out, &stamp, &workload.name, request.seed)?;
    directory.write(store::WORKLOAD, workload.to_yaml().as_bytes())?;
    directory.write(store::PLAN, &pretty(&plan))?;
    if let Err(error) = directory.point_latest() {
        screen::remark(&error.to_string());
    }
    if !request.quiet {
        let (name, seed) = (&workload.name, request.seed);
        screen::remark(&format!("{name} seed {seed}: {}", directory.path().display()));
    }

    let launch =
        Launching { request, workload: &workload, plan, directory: &directory, place, version };
    let finished = launch.run(Rc::clone(&system), &started.timestamp().to_string())?;
    judge_and_report(&directory, &workload, request, &finished, &*system)
}

struct Launching<'a> {
    request: &'a Request<'a>,
    workload: &'a Workload,
    plan: plan::Plan,
    directory: &'a RunDirectory,
    place: Box<dyn Place>,
    version: Option<String>,
}

impl Launching<'_> {
    fn run(self, system: Rc<dyn System>, started: &str) -> Result<Finished> {
        let mut environment = environment::describe(self.place.origin_ns(), started);
        if let Some(version) = &self.version {
            environment[environment::SYSTEM_VERSION] = version.clone().into();
        }
        self.directory.write(store::ENVIRONMENT, &pretty(&environment))?;
        let kinds = self.workload.faults.iter().filter_map(|spec| faults::find(&spec.kind));
        let nodes = NodeId::all(self.workload.nodes);
        let start = Start {
            system: Rc::clone(&system),
            model: self.workload.model(),
            clients: self.workload.clients,
            directory: std::path::absolute(self.directory.path())?,
            seed: self.plan.seed,
            node_seeds: nodes.map(|node| self.plan.node_seed(node)).collect(),
            reads_frames: kinds.into_iter().any(|fault| fault.reads_frames),
        };
        let mut monitor = monitor(self.workload, &*system)?;
        let mut answers = system.own_protocol().then(Answers::default);
        let history = Box::new(self.directory.history()?);
        let progress = self.progress();
        let finished = Rc::new(RefCell::new(None));
        let (result, plan, directory) = (Rc::clone(&finished), self.plan, self.directory.clone());
        let (workload, keep_going) = (self.workload.clone(), self.request.keep_going);
        let story = async move |world: Rc<dyn World>| {
            let announced = Rc::new(RefCell::new(None));
            let interrupt = Rc::new(Signal::default());
            pass_on_signals(&*world.clock(), Rc::clone(&interrupt));
            let setup = Setup {
                workload,
                plan,
                system,
                history,
                monitor: Box::new(move |event| {
                    let broken = monitor.observe(event);
                    broken.or_else(|| answers.as_mut()?.observe(event))
                }),
                ready: announce(directory, world.addresses(), Rc::clone(&announced)),
                interrupt,
                keep_going,
                progress,
                world,
            };
            *result.borrow_mut() = Some(run::run(setup).await);
            drop(announced.take());
        };
        self.place.live(start, Box::new(move |world| Box::pin(story(world))))?;
        let finished = finished.take();
        Ok(finished.expect("a world is left when its story has ended")?)
    }

    fn progress(&self) -> Option<run::Viewer> {
        if self.request.quiet {
            return None;
        }
        let workload = self.workload;
        let mut block = StatusBlock::new(&workload.name, self.request.seed, workload.duration);
        Some(Box::new(move |progress| block.update(progress)))
    }
}

/// Says where the nodes are, for as long as what it puts there lives.
fn announce(
    directory: RunDirectory,
    addresses: Vec<SocketAddr>,
    announced: Rc<RefCell<Option<Announced>>>,
) -> Box<dyn FnOnce()> {
    let nodes = (1..).map(|number| NodeId(number).to_string());
    let live = Live { nodes: nodes.zip(addresses).collect() };
    Box::new(move || match live.announce(&directory) {
        Ok(live) => drop(announced.replace(Some(live))),
        Err(error) => screen::remark(&format!("`schism promote` will not work: {error}")),
    })
}

/// What a monitor may hold beside a run: little against what the nodes need.
const MONITOR_BYTES_MAX: u64 = 256 << 20;

/// The monitor of the model whose operations the workload has.
fn monitor(workload: &Workload, system: &dyn System) -> Result<Box<dyn Monitor>> {
    let model = workload.model();
    if model.name == "log" {
        return Ok(Box::new(LogMonitor::promising(system.acks())));
    }
    let budget = Budget { memory_bytes: MONITOR_BYTES_MAX, ..Budget::default() };
    Ok(schism_verify::monitor(model, &CheckOptions { budget, ..CheckOptions::default() })?)
}

fn pass_on_signals(clock: &dyn Clock, interrupt: Rc<Signal>) {
    let mut signals = watch_signals();
    clock.spawn(Box::pin(async move {
        if signals.wait_for(|&interrupted| interrupted).await.is_ok() {
            interrupt.set();
        }
    }));
}

/// The history is on disk; everything from here on can be done again from there.
fn judge_and_report(
    directory: &RunDirectory,
    workload: &Workload,
    request: &Request<'_>,
    finished: &Finished,
    system: &dyn System,
) -> Result<Ended> {
    let saved = Saved::read(directory.path(), request.catalogue)?;
    let shown = directory.path().display().to_string();
    let began = std::time::Instant::now();
    let mut verdict = judge::judge_run(&saved.evidence, workload, system, request.seed, &shown);
    verdict.system_version = saved.system_version();
    verdict.phases_ms.clone_from(&finished.phases_ms);
    verdict.phases_ms.push(("judge".to_string(), began.elapsed().as_secs_f64() * 1e3));
    if workload.rate.is_some() {
        judge::set_latencies(&mut verdict.operations, &finished.from_due);
    }
    if finished.end == Reason::Interrupted {
        verdict.exit = EXIT_INTERRUPTED;
    }
    // Whatever becomes of files, the verdict is known, and counts.
    let written = directory.write(store::VERDICT, &pretty(&verdict)).err();
    for error in written.into_iter().chain(write_pages(&saved, &verdict)) {
        screen::complain(&error.to_string());
    }
    let summary = summary(&saved, &verdict);
    Ok(Ended { directory: directory.path().to_path_buf(), verdict, summary })
}
