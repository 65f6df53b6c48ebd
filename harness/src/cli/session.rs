//! One run in the real world, from a workload to the files of its run directory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use schism_verify::checkers::log::LogMonitor;
use schism_verify::{Budget, CheckOptions, Monitor};
use tokio::runtime::{Builder, LocalOptions};

use super::interrupt::watch_signals;
use super::real_time::{RealTime, monotonic_ns};
use super::registry::registry;
use super::screen::{self, StatusBlock};
use crate::action::NodeId;
use crate::faults::{self, Fault};
use crate::judge::{self, EXIT_INTERRUPTED};
use crate::plan;
use crate::proxy::RunNet;
use crate::report::{Report, html, junit, markdown};
use crate::run::rt::Signal;
use crate::run::{self, End, Finished, Setup, Stall};
use crate::store::live::{Announced, Live};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, RunDirectory, Saved, environment};
use crate::systems::{self, Catalogue, Launch, System};
use crate::workload::Workload;
use crate::worlds::processes::{Processes, ProcessesConfig, layouts};

/// One run, as asked for.
pub struct Request<'a> {
    /// What to run.
    pub workload: &'a Workload,
    /// With which seed.
    pub seed: u64,
    /// Where run directories go.
    pub out: &'a Path,
    /// What there is to be tested.
    pub catalogue: &'a Catalogue,
    /// A violation does not end the disturbance.
    pub keep_going: bool,
    /// Show nothing while it runs.
    pub quiet: bool,
}

/// A run that was carried out and judged.
pub struct Ended {
    /// Where it is.
    pub directory: PathBuf,
    /// What was found; `exit` is 130 for one that was interrupted.
    pub verdict: VerdictFile,
    /// The whole finding as text.
    pub summary: String,
}

/// Runs, saves, judges, reports. An error means that it could not be run; what it left on disk
/// stays there, and nothing of it is left running.
pub fn carry_out(request: &Request<'_>) -> Result<Ended> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let mut workload = request.workload.clone();
    workload.seed = Some(request.seed);
    let (spec, bug) = (&workload.system, workload.bug.as_deref());
    let system: Rc<dyn System> = systems::system(request.catalogue, spec, bug, &program).into();
    let plan = plan::draw(&workload, request.seed);
    if let Some(why) = plan.is_in_vain() {
        bail!(why);
    }
    if let Some(late) = plan.left_out() {
        screen::remark(&format!("{} seed {}: {late}", workload.name, request.seed));
    }
    let net = RunNet::claim().context("no address range on loopback is free for this run")?;

    let started = jiff::ZonedDateTime::now();
    let stamp = started.strftime("%Y%m%d-%H%M%S").to_string();
    let directory = RunDirectory::create(request.out, &stamp, &workload.name, request.seed)?;
    directory.write(store::WORKLOAD, workload.to_yaml().as_bytes())?;
    directory.write(store::PLAN, &pretty(&plan))?;
    let _ = directory.point_latest();
    if !request.quiet {
        let (name, seed) = (&workload.name, request.seed);
        screen::remark(&format!("{name} seed {seed}: {}", directory.path().display()));
    }

    let launch =
        Launching { request, workload: &workload, plan, net, directory: &directory, program };
    let finished = launch.run(Rc::clone(&system), &started.timestamp().to_string())?;
    judge_and_report(&directory, &workload, request, &finished, &*system)
}

struct Launching<'a> {
    request: &'a Request<'a>,
    workload: &'a Workload,
    plan: plan::Plan,
    net: RunNet,
    directory: &'a RunDirectory,
    program: PathBuf,
}

impl Launching<'_> {
    fn run(self, system: Rc<dyn System>, started: &str) -> Result<Finished> {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let runtime = runtime.context("no runtime")?;
        runtime.block_on(self.start(system, started))
    }

    async fn start(self, system: Rc<dyn System>, started: &str) -> Result<Finished> {
        let launches = self.launches(&*system)?;
        let progress = self.progress();
        let history = self.directory.history()?;
        let (rt, origin) = (RealTime::new(), monotonic_ns());
        let environment = environment::describe(origin, started);
        self.directory.write(store::ENVIRONMENT, &pretty(&environment))?;
        let kinds = self.workload.faults.iter().filter_map(|spec| faults::find(&spec.kind));
        let looked_at = kinds.into_iter().any(Fault::reads_frames);
        let processes = Processes::start(ProcessesConfig {
            net: self.net,
            client: {
                let (system, model) = (Rc::clone(&system), self.workload.model());
                Box::new(move |dial| system.client(model, dial))
            },
            launches,
            clients: self.workload.clients,
            directory: self.directory.path().to_path_buf(),
            guard: self.program,
            seed: self.plan.seed,
            frames: if looked_at { system.frames() } else { Vec::new() },
        });
        let processes = Rc::new(processes.await?);
        let mut monitor = monitor(self.workload, &*system)?;
        let announced = Rc::new(RefCell::new(None));
        let interrupt = Rc::new(Signal::default());
        pass_on_signals(Rc::clone(&interrupt));
        let setup = Setup {
            rt,
            workload: self.workload.clone(),
            history: Box::new(history),
            monitor: Box::new(move |event| monitor.observe(event)),
            stalls: stalls(&processes, rt),
            ready: announce(self.directory, &processes, Rc::clone(&announced)),
            interrupt,
            keep_going: self.request.keep_going,
            progress,
            cluster: processes,
            system,
            plan: self.plan,
        };
        let finished = run::run(setup).await;
        drop(announced.take());
        Ok(finished?)
    }

    fn launches(&self, system: &dyn System) -> Result<BTreeMap<NodeId, Launch>> {
        let root = std::path::absolute(self.directory.path())?;
        let plan = &self.plan;
        let seed = |node: NodeId| {
            use rand_chacha::rand_core::Rng;
            plan.rng(&format!("node-{node}")).next_u64()
        };
        let layouts = layouts(&self.net, &root, self.workload.nodes, seed)
            .context("the nodes' folders cannot be laid out")?;
        let launch = |(node, layout)| (node, system.launch(node, &layout));
        Ok(layouts.into_iter().map(launch).collect())
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
    directory: &RunDirectory,
    processes: &Processes,
    announced: Rc<RefCell<Option<Announced>>>,
) -> Box<dyn FnOnce()> {
    let nodes = (1..).map(|number| NodeId(number).to_string());
    let live = Live { nodes: nodes.zip(processes.direct_addresses()).collect() };
    let directory = directory.clone();
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

fn pass_on_signals(interrupt: Rc<Signal>) {
    let mut signals = watch_signals();
    tokio::task::spawn_local(async move {
        if signals.wait_for(|&interrupted| interrupted).await.is_ok() {
            interrupt.set();
        }
    });
}

fn stalls(processes: &Rc<Processes>, rt: RealTime) -> Box<dyn FnMut() -> Vec<Stall>> {
    let processes = Rc::clone(processes);
    Box::new(move || {
        let stalls = processes.stalls().into_iter();
        stalls.map(|s| Stall { from: rt.at(s.from), to: rt.at(s.to), what: s.what }).collect()
    })
}

/// The history is on disk; everything from here on can be done again from there.
fn judge_and_report(
    directory: &RunDirectory,
    workload: &Workload,
    request: &Request<'_>,
    finished: &Finished,
    system: &dyn System,
) -> Result<Ended> {
    let saved = Saved::read(directory.path(), &registry(request.catalogue))?;
    let shown = directory.path().display().to_string();
    let began = std::time::Instant::now();
    let mut verdict = judge::judge_run(&saved.evidence, workload, system, request.seed, &shown);
    verdict.phases_ms.clone_from(&finished.phases_ms);
    verdict.phases_ms.push(("judge".to_string(), began.elapsed().as_secs_f64() * 1e3));
    if workload.rate.is_some() {
        judge::set_latencies(&mut verdict.operations, &finished.from_due);
    }
    if let Some(trouble) = &finished.trouble {
        judge::doubt(&mut verdict, trouble);
    }
    if finished.end == End::Interrupted {
        verdict.exit = EXIT_INTERRUPTED;
    }
    directory.write(store::VERDICT, &pretty(&verdict))?;
    let summary = write_reports(&saved, &verdict)?;
    Ok(Ended { directory: directory.path().to_path_buf(), verdict, summary })
}

/// What a renderer makes of a saved run.
pub fn with_report<T>(
    saved: &Saved,
    verdict: &VerdictFile,
    render: impl FnOnce(&Report<'_>) -> T,
) -> T {
    let shown = saved.directory.path().display().to_string();
    let traces: Vec<_> = saved
        .evidence
        .traces
        .iter()
        .map(|(node, bytes)| (node.as_str().into(), bytes.clone()))
        .collect();
    let report = Report {
        verdict,
        events: saved.evidence.history.events(),
        workload: Some(&saved.workload),
        plan: Some(&saved.plan),
        environment: &saved.environment,
        traces: &traces,
        directory: &shown,
    };
    render(&report)
}

/// Writes report.html, summary.md and junit.xml, and says the same for the terminal.
pub fn write_reports(saved: &Saved, verdict: &VerdictFile) -> Result<String> {
    with_report(saved, verdict, |report| {
        saved.directory.write(store::REPORT, html::page(report).as_bytes())?;
        saved.directory.write(store::SUMMARY, markdown::summary(report).as_bytes())?;
        saved.directory.write(store::JUNIT, junit::xml(report).as_bytes())?;
        Ok(crate::report::terminal::summary(report, screen::width(), screen::colour()))
    })
}

/// JSON for people too.
pub fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("our own types are JSON");
    text.push(b'\n');
    text
}
