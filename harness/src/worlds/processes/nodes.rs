//! The nodes' processes as the harness knows them: orders to the guard, and what it reported.
//! It never decides what should run: the overlays do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, Notify, OnceCell};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::alarm::Alarm;
use super::aside::aside;
use super::held::Held;
use super::messages::{Named, NodeSignal, Order, Orphans, Program, Report, Spawn, Who};
use super::procfs::{self, Process};
use super::sweep;
use crate::action::NodeId;
use crate::limits;
use crate::worlds::WorldError;

/// The guard gives up on what will not die after 30 s; a machine that takes longer than this is
/// stuck.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How whoever we killed has ended.
pub(super) const KILLED: &str = "signal 9";

/// What lives of the nodes, shared with the watch.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// The processes of running nodes that were spawned, each by its place.
    pub(super) pids: BTreeMap<(NodeId, u8), i32>,
    /// Whose descendants belong to which node.
    pub(super) keepers: BTreeMap<i32, NodeId>,
    /// The keepers of client programs, and what these are called.
    pub(super) programs: BTreeMap<i32, String>,
    /// Who is above the keepers, and how to call it.
    pub(super) chain: BTreeMap<i32, &'static str>,
}

pub(super) type Shared = Arc<StdMutex<Lives>>;

/// The guard and what it spawned.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) lives: Shared,
    pub(super) alarm: Alarm,
    /// What the harness started: everything else is below it.
    watcher: Process,
    /// The run's.
    directory: PathBuf,
    child: Mutex<Child>,
    /// Says that somebody holds the nodes.
    held: RefCell<Option<Held>>,
    /// None: the guard has been told to end.
    orders: Mutex<Option<ChildStdin>>,
    known: Rc<Known>,
    /// What became of everybody once the alarm was raised.
    swept: OnceCell<Swept>,
    /// Somebody was told of it.
    told: Cell<bool>,
}

/// A node that ended though nobody had ordered it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    pub(super) node: NodeId,
    /// The place of its process.
    pub(super) process: u8,
    pub(super) how: String,
}

#[derive(Clone, Debug)]
struct Swept {
    sentence: String,
    left: Vec<Named>,
}

#[derive(Debug, Default)]
struct Known {
    table: RefCell<Table>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Nodes that were told to die.
    doomed: BTreeMap<(NodeId, u8), i32>,
    ended: Vec<Ended>,
    /// How steps have ended that nobody has asked for yet.
    steps: BTreeMap<u64, String>,
    /// Answers to orders that nobody has taken yet.
    answers: Vec<Report>,
    orphans: Vec<Orphans>,
    /// The guard was told to end.
    ending: bool,
    /// The reports have ended.
    silent: bool,
}

impl Nodes {
    /// Starts the guard.
    pub(super) fn start(program: &Path, directory: &Path) -> Result<Nodes, WorldError> {
        let arguments = ["guard".to_owned(), limits::soft_descriptors().to_string()];
        let spawned = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| {
            let program = program.display();
            WorldError(format!(
                "the guard `{program} guard` cannot be started: {error}; is it the schism binary?"
            ))
        })?;
        let pid = child.id().expect("it has not been waited for").cast_signed();
        let watcher = procfs::process(pid).unwrap_or(Process { pid, started: 0 });
        let held = Held::mark(directory, watcher).map_err(|error| {
            let place = directory.display();
            WorldError(format!("the nodes' files cannot be written below {place}: {error}"))
        })?;
        let orders = child.stdin.take().expect("its input is a pipe");
        let reports = child.stdout.take().expect("its output is a pipe");
        let (known, alarm) = (Rc::<Known>::default(), Alarm::new());
        let chain = BTreeMap::from([(pid, "the watcher")]);
        let lives = Arc::new(StdMutex::new(Lives { chain, ..Lives::default() }));
        let listener = Listener {
            watcher: pid,
            known: known.clone(),
            lives: lives.clone(),
            alarm: alarm.clone(),
        };
        spawn_local(listener.listen(reports));
        Ok(Nodes {
            lives,
            alarm,
            watcher,
            directory: directory.to_path_buf(),
            child: Mutex::new(child),
            held: RefCell::new(Some(held)),
            orders: Mutex::new(Some(orders)),
            known,
            swept: OnceCell::new(),
            told: Cell::new(false),
        })
    }

    /// The process at this place of the node, if it runs.
    pub(super) fn pid(&self, node: NodeId, place: u8) -> Option<i32> {
        self.lives.lock().expect("no panic while looking").pids.get(&(node, place)).copied()
    }

    /// Whether the process at this place of the node runs.
    pub(super) fn runs(&self, node: NodeId, place: u8) -> bool {
        self.pid(node, place).is_some()
    }

    /// Nodes that ended unordered, since last asked.
    pub(super) fn ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.known.table.borrow_mut().ended)
    }

    /// Spawns a process that does not run, or a step: its keeper.
    pub(super) async fn spawn(&self, spawn: Spawn) -> Result<i32, WorldError> {
        let node = spawn.node;
        let program = spawn.argv.first().cloned().unwrap_or_default();
        let who = spawn.user.as_ref().map_or("it is executable", |_| "`user` may execute it");
        self.send(&Order::Spawn(spawn)).await?;
        let answer = self.answer(|report| {
            matches!(report, Report::Spawned { node: of, .. } | Report::Failed { node: of, .. } if *of == node)
        });
        match answer.await? {
            Report::Spawned { keeper, .. } => Ok(keeper),
            Report::Failed { error, .. } => Err(WorldError(format!(
                "{node} cannot be started: `{program}`: {error}; check the path and that {who}"
            ))),
            _ => unreachable!("it was asked for"),
        }
    }

    /// How a step has ended, once it has.
    pub(super) async fn step_ends(&self, step: u64) -> Result<String, WorldError> {
        tokio::select! {
            biased;
            () = self.wait(|table| table.steps.contains_key(&step) || table.ending) => {}
            error = self.broken() => return Err(error),
        }
        self.known.table.borrow_mut().steps.remove(&step).ok_or_else(stopped)
    }

    /// Ends everything below a keeper.
    pub(super) async fn end_below(&self, keeper: i32) -> Result<(), WorldError> {
        self.send(&Order::End { keeper }).await?;
        self.answer(|report| matches!(report, Report::Signalled { .. })).await.map(drop)
    }

    /// Starts a client program; why it did not start.
    pub(super) async fn begin(&self, program: Program) -> Result<(), WorldError> {
        let (name, path) =
            (program.name.clone(), program.argv.first().cloned().unwrap_or_default());
        self.send(&Order::Program(program)).await?;
        let answer = self.answer(|report| {
            matches!(report, Report::Began { name: of, .. } | Report::NotBegun { name: of, .. } if *of == name)
        });
        match answer.await? {
            Report::NotBegun { error, .. } => Err(WorldError(format!("`{path}`: {error}"))),
            _ => Ok(()),
        }
    }

    /// Ends a client program, wherever it is.
    pub(super) async fn end_program(&self, name: String) {
        // If the world has been stopped, it has ended.
        let _ = self.send(&Order::EndProgram { name }).await;
    }

    /// How the process of this client program ended.
    pub(super) async fn program_end(&self, name: &str) -> Result<String, WorldError> {
        let is_end = |report: &Report| matches!(report, Report::ProgramExited { name: of, .. } if of == name);
        match self.answer(is_end).await? {
            Report::ProgramExited { how, .. } => Ok(how),
            _ => unreachable!("it was asked for"),
        }
    }

    /// Kills every process of these nodes: how many are confirmed to be gone.
    pub(super) async fn kill(&self, nodes: &[NodeId]) -> Result<u64, WorldError> {
        {
            let lives = self.lives.lock().expect("no panic while looking");
            let theirs = lives.pids.iter().filter(|((node, _), _)| nodes.contains(node));
            self.known.table.borrow_mut().doomed.extend(theirs);
        }
        let what = "was killed and has not ended; look at /proc/PID/stack for what it waits for";
        self.signal(nodes, NodeSignal::Kill, what).await
    }

    /// Stops every process of these nodes: how many were seen stopped in every thread.
    pub(super) async fn stop(&self, nodes: &[NodeId]) -> Result<u64, WorldError> {
        let what = "was sent SIGSTOP and still runs; look at /proc/PID/task/*/stat";
        self.signal(nodes, NodeSignal::Stop, what).await
    }

    /// Lets stopped nodes go on.
    pub(super) async fn resume(&self, nodes: &[NodeId]) -> Result<(), WorldError> {
        self.signal(nodes, NodeSignal::Continue, "").await.map(drop)
    }

    /// Ends every node and the guard itself.
    pub(super) async fn end(&self) -> Result<(), WorldError> {
        self.let_end().await;
        let mut child = self.child.lock().await;
        let well = tokio::select! {
            status = timeout(ANSWER_MAX, child.wait()) => {
                status.is_ok_and(|status| status.is_ok_and(|status| status.success()))
            }
            _ = self.alarm.raised() => false,
        };
        drop(child);
        if well {
            drop(self.held.take());
            return Ok(());
        }
        self.alarm.raise("the guard did not end every node");
        let told = self.told.replace(true);
        let Swept { sentence, left } = self.swept().await;
        if left.is_empty() {
            drop(self.held.take());
        }
        if told && left.is_empty() { Ok(()) } else { Err(WorldError(sentence.clone())) }
    }

    /// Ends when the nodes cannot be held any more, whatever was asked: why, and what became of
    /// those that were left.
    pub(super) async fn broken(&self) -> WorldError {
        self.alarm.raised().await;
        self.told.set(true);
        WorldError(self.swept().await.sentence.clone())
    }

    /// Ends everybody by descent, as the guard cannot be relied upon.
    async fn swept(&self) -> &Swept {
        self.swept.get_or_init(|| self.sweep()).await
    }

    async fn sweep(&self) -> Swept {
        let why = self.alarm.why().unwrap_or_default();
        let (watcher, directory) = (self.watcher, self.directory.clone());
        let mut below = aside(move || sweep::below(watcher.pid)).await;
        self.let_end().await;
        let mut child = self.child.lock().await;
        // It may be gone already.
        let _ = child.start_kill();
        let _ = timeout(ANSWER_MAX, child.wait()).await;
        // All between us and the nodes may have been killed at once.
        let strays = aside(move || sweep::of_run(&directory, watcher)).await;
        below.killed.extend(strays.killed);
        below.left.extend(strays.left);
        let silent = self.wait(|table| table.silent);
        // Whoever has said what it killed has said so by then.
        let _ = timeout(ANSWER_MAX, silent).await;
        let mut more = 0;
        for orphans in &self.known.table.borrow().orphans {
            below.killed.extend(orphans.killed.iter().cloned());
            below.left.extend(orphans.left.iter().cloned());
            more += orphans.more;
        }
        let lives = self.lives.lock().expect("no panic while looking");
        let ours = |one: &Named| {
            let keeps =
                lives.keepers.contains_key(&one.pid) || lives.programs.contains_key(&one.pid);
            keeps || lives.chain.contains_key(&one.pid)
        };
        below.killed.retain(|one| !ours(one));
        below.left.retain(|one| sweep::lives(one.pid));
        let mut sentence = below.say(&why);
        if more > 0 {
            sentence = format!("{sentence}; {more} more were killed");
        }
        Swept { sentence, left: below.left.into_iter().collect() }
    }

    /// Tells the guard to end, and takes whatever ends now for ordered.
    async fn let_end(&self) {
        {
            let mut table = self.known.table.borrow_mut();
            table.ending = true;
            table.doomed.extend(&self.lives.lock().expect("no panic while looking").pids);
        }
        drop(self.orders.lock().await.take());
    }

    /// One order at a time: whoever changes processes holds `Processes::changing`. An error that
    /// says what a process did, if one is not confirmed to have obeyed.
    async fn signal(
        &self,
        nodes: &[NodeId],
        signal: NodeSignal,
        what: &str,
    ) -> Result<u64, WorldError> {
        self.send(&Order::Signal { nodes: nodes.to_vec(), signal }).await?;
        let answer = self.answer(|report| matches!(report, Report::Signalled { .. })).await?;
        let Report::Signalled { processes, unconfirmed } = answer else {
            unreachable!("it was asked for")
        };
        let Some(pid) = unconfirmed.first() else { return Ok(processes) };
        let nodes = nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ");
        Err(WorldError(format!("process {pid} of {nodes} {what}").replace("PID", &pid.to_string())))
    }

    async fn send(&self, order: &Order) -> Result<(), WorldError> {
        let mut line = serde_json::to_vec(order).expect("an order is plain data");
        line.push(b'\n');
        let mut orders = self.orders.lock().await;
        let Some(pipe) = orders.as_mut() else { return Err(stopped()) };
        // A pipe that nobody reads is full one day.
        tokio::select! {
            written = pipe.write_all(&line) => if written.is_ok() { return Ok(()) },
            _ = self.alarm.raised() => {}
        }
        drop(orders);
        Err(self.broken().await)
    }

    /// The first report of this kind that nobody has taken.
    async fn answer(&self, wanted: impl Fn(&Report) -> bool) -> Result<Report, WorldError> {
        let found = |table: &Table| table.answers.iter().position(&wanted);
        tokio::select! {
            biased;
            () = self.wait(|table| found(table).is_some() || table.ending) => {}
            error = self.broken() => return Err(error),
            () = sleep(ANSWER_MAX) => self.alarm.raise("the guard does not answer"),
        }
        let place = found(&self.known.table.borrow());
        match place {
            Some(at) => Ok(self.known.table.borrow_mut().answers.remove(at)),
            None if self.alarm.why().is_some() => Err(self.broken().await),
            None => Err(stopped()),
        }
    }

    async fn wait(&self, holds: impl Fn(&Table) -> bool) {
        loop {
            let changed = self.known.changed.notified();
            if holds(&self.known.table.borrow()) {
                return;
            }
            changed.await;
        }
    }
}

fn stopped() -> WorldError {
    WorldError("the world has been stopped; start another".into())
}

/// Takes down what is reported, until everybody is gone who could.
struct Listener {
    watcher: i32,
    known: Rc<Known>,
    lives: Shared,
    alarm: Alarm,
}

impl Listener {
    async fn listen(self, reports: ChildStdout) {
        let mut lines = BufReader::new(reports).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(report) = serde_json::from_str(&line) else { continue };
            self.hear(report);
            self.known.changed.notify_waiters();
        }
        let mut table = self.known.table.borrow_mut();
        table.silent = true;
        if !table.ending {
            self.alarm.raise(&format!("the watcher (process {}) is gone", self.watcher));
        }
        drop(table);
        self.known.changed.notify_waiters();
    }

    fn hear(&self, report: Report) {
        let mut table = self.known.table.borrow_mut();
        let mut lives = self.lives.lock().expect("no panic while looking");
        match report {
            Report::Guard { pid } => drop(lives.chain.insert(pid, "the guard")),
            Report::Exited { who: Who::Step(step), how, .. } => {
                table.steps.insert(step, how);
            }
            Report::Exited { node, who: Who::Process(process), pid, how, left } => {
                let at = (node, process);
                if lives.pids.get(&at) == Some(&pid) {
                    lives.pids.remove(&at);
                }
                // One that died of something else a moment before the kill died by itself.
                let doomed = table.doomed.get(&at) == Some(&pid);
                if doomed {
                    table.doomed.remove(&at);
                }
                let ordered = doomed && how == KILLED;
                // Whatever dies after the alarm dies of that.
                let follows = self.alarm.why().is_some();
                if !ordered && !follows {
                    let how = if how == "exit 0" && left > 0 { in_background(left) } else { how };
                    table.ended.push(Ended { node, process, how });
                }
            }
            Report::Spawned { node, who, pid, keeper } => {
                if let Who::Process(place) = who {
                    lives.pids.insert((node, place), pid);
                }
                lives.keepers.insert(keeper, node);
                table.answers.push(Report::Spawned { node, who, pid, keeper });
            }
            Report::Kept { keeper } => {
                lives.keepers.remove(&keeper);
                lives.programs.remove(&keeper);
            }
            Report::Began { name, keeper } => {
                lives.programs.insert(keeper, name.clone());
                table.answers.push(Report::Began { name, keeper });
            }
            Report::Orphans(orphans) => {
                if let Some(gone) = &orphans.gone
                    && !table.ending
                {
                    self.alarm.raise(gone);
                }
                table.orphans.push(orphans);
            }
            answer => table.answers.push(answer),
        }
    }
}

fn in_background(left: u64) -> String {
    let live = if left == 1 { "a process".into() } else { format!("{left} processes") };
    format!(
        "exit 0, while {live} that it started went on: it went into the background; start it with \
         the option that keeps it in the foreground"
    )
}
