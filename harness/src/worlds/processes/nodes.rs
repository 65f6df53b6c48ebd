//! The nodes' processes as the harness knows them: orders to the guard, and what it reported.
//! It never decides what should run: the overlays do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, Notify};
use tokio::task::{spawn_blocking, spawn_local};
use tokio::time::{Instant, timeout};

use super::messages::{NodeSignal, Order, Report, Spawn};
use super::procfs;
use crate::action::NodeId;
use crate::worlds::WorldError;

/// The guard answers within milliseconds; a machine that takes longer than this is stuck.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A stopped process is stopped as soon as it leaves the kernel; this is for a disk that is slow.
const STOP_MAX: Duration = Duration::from_secs(2);
/// Between looks whether all threads have stopped.
const STOP_PAUSE: Duration = Duration::from_millis(1);
/// The guard gives up on what will not die after 10 s; it needs a moment more to say so.
const END_MAX: Duration = Duration::from_secs(15);

/// How whoever we killed has ended.
const KILLED: &str = "signal 9";

/// Each running node's process, shared with the watch; it leads the node's group.
pub(super) type Pids = Arc<StdMutex<BTreeMap<NodeId, i32>>>;

/// The guard and what it spawned.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) guard: i32,
    pub(super) pids: Pids,
    child: RefCell<Option<Child>>,
    /// None: the guard has been told to end.
    orders: Mutex<Option<ChildStdin>>,
    known: Rc<Known>,
}

/// A node that ended though nobody had ordered it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    pub(super) node: NodeId,
    pub(super) how: String,
}

#[derive(Debug, Default)]
struct Known {
    table: RefCell<Table>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Nodes that were told to die.
    doomed: BTreeMap<NodeId, i32>,
    ended: Vec<Ended>,
    /// Answers to orders that nobody has taken yet.
    answers: Vec<Report>,
    left: Vec<i32>,
    /// The guard's output has ended.
    silent: bool,
}

impl Nodes {
    /// Starts the guard.
    pub(super) fn start(program: &Path) -> Result<Nodes, WorldError> {
        let spawned =
            Command::new(program).arg("guard").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| {
            let program = program.display();
            WorldError(format!(
                "the guard `{program} guard` cannot be started: {error}; is it the schism binary?"
            ))
        })?;
        let pid = child.id().expect("it has not been waited for").cast_signed();
        let orders = child.stdin.take().expect("its input is a pipe");
        let reports = child.stdout.take().expect("its output is a pipe");
        let known = Rc::<Known>::default();
        let pids = Pids::default();
        spawn_local(listen(reports, known.clone(), pids.clone()));
        Ok(Nodes {
            guard: pid,
            pids,
            child: RefCell::new(Some(child)),
            orders: Mutex::new(Some(orders)),
            known,
        })
    }

    /// The node's process, if it runs.
    pub(super) fn pid(&self, node: NodeId) -> Option<i32> {
        self.pids.lock().expect("no panic while looking").get(&node).copied()
    }

    /// Nodes that ended unordered, since last asked.
    pub(super) fn ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.known.table.borrow_mut().ended)
    }

    /// Spawns a node that does not run.
    pub(super) async fn spawn(&self, spawn: Spawn) -> Result<(), WorldError> {
        let node = spawn.node;
        let program = spawn.argv.first().cloned().unwrap_or_default();
        self.send(&Order::Spawn(spawn)).await?;
        let answer = self.answer(|report| {
            matches!(report, Report::Spawned { node: of, .. } | Report::Failed { node: of, .. } if *of == node)
        });
        match answer.await? {
            Report::Failed { error, .. } => Err(WorldError(format!(
                "{node} cannot be started: `{program}`: {error}; check the path and that it is \
                 executable"
            ))),
            _ => Ok(()),
        }
    }

    /// Kills nodes and waits until they have been reaped: how many there were.
    pub(super) async fn kill(&self, nodes: &[NodeId]) -> Result<u64, WorldError> {
        let killed = self.running(nodes);
        self.known.table.borrow_mut().doomed.extend(&killed);
        self.signal(nodes, NodeSignal::Kill).await?;
        for (&node, &pid) in &killed {
            let reaped = self.wait_until(|_| self.pid(node) != Some(pid));
            if !reaped.await {
                return Err(WorldError(format!(
                    "{node} (process {pid}) was killed and has not ended within {ANSWER_MAX:?}; \
                     look at /proc/{pid}/stack for what the kernel waits for"
                )));
            }
        }
        Ok(killed.len() as u64)
    }

    /// Stops nodes and waits until every thread of theirs has been seen stopped: how many.
    pub(super) async fn stop(&self, nodes: &[NodeId]) -> Result<u64, WorldError> {
        let start = Instant::now();
        loop {
            // Again each time: what was forked meanwhile has to hear it too.
            self.signal(nodes, NodeSignal::Stop).await?;
            let (guard, groups) = (self.guard, self.running(nodes));
            let count = groups.len() as u64;
            let look = move || first_not_stopped(guard, &groups);
            let Some(node) = spawn_blocking(look).await.expect("looking does not panic") else {
                return Ok(count);
            };
            // A node that has died meanwhile is not waited for.
            if start.elapsed() > STOP_MAX && self.pid(node).is_some() {
                return Err(WorldError(format!(
                    "{node} was sent SIGSTOP and still runs after {STOP_MAX:?}; look at \
                     /proc/PID/task/*/stat of its processes"
                )));
            }
            tokio::time::sleep(STOP_PAUSE).await;
        }
    }

    /// Lets stopped nodes go on.
    pub(super) async fn resume(&self, nodes: &[NodeId]) -> Result<(), WorldError> {
        self.signal(nodes, NodeSignal::Continue).await.map(drop)
    }

    /// The processes of those of these nodes that run.
    fn running(&self, nodes: &[NodeId]) -> BTreeMap<NodeId, i32> {
        nodes.iter().filter_map(|&node| Some((node, self.pid(node)?))).collect()
    }

    /// Ends every node and the guard itself.
    pub(super) async fn end(&self) -> Result<(), WorldError> {
        for (&node, &pid) in self.pids.lock().expect("no panic while looking").iter() {
            self.known.table.borrow_mut().doomed.insert(node, pid);
        }
        drop(self.orders.lock().await.take());
        let Some(mut guard) = self.child.borrow_mut().take() else { return Ok(()) };
        let ended = timeout(END_MAX, guard.wait()).await;
        if ended.is_ok_and(|status| status.is_ok_and(|status| status.success())) {
            return Ok(());
        }
        self.wait_until(|table| table.silent).await;
        let left = &self.known.table.borrow().left;
        Err(WorldError(format!(
            "the guard (process {}) did not end every node; still there: {left:?}; end them by \
                hand",
            self.guard
        )))
    }

    /// One order at a time: whoever changes processes holds `Processes::changing`.
    async fn signal(&self, nodes: &[NodeId], signal: NodeSignal) -> Result<(), WorldError> {
        self.send(&Order::Signal { nodes: nodes.to_vec(), signal }).await?;
        self.answer(|report| matches!(report, Report::Signalled { .. })).await.map(drop)
    }

    async fn send(&self, order: &Order) -> Result<(), WorldError> {
        let mut line = serde_json::to_vec(order).expect("an order is plain data");
        line.push(b'\n');
        let mut orders = self.orders.lock().await;
        let Some(pipe) = orders.as_mut() else {
            return Err(WorldError("the world has been stopped; start another".into()));
        };
        pipe.write_all(&line).await.map_err(|error| self.gone(&error.to_string()))
    }

    /// The first report of this kind that nobody has taken.
    async fn answer(&self, wanted: impl Fn(&Report) -> bool) -> Result<Report, WorldError> {
        let found = |table: &Table| table.answers.iter().position(&wanted);
        self.wait_until(|table| found(table).is_some() || table.silent).await;
        let mut table = self.known.table.borrow_mut();
        match found(&table) {
            Some(at) => Ok(table.answers.remove(at)),
            None => Err(self.gone("it does not answer")),
        }
    }

    /// Whether it came true in time.
    async fn wait_until(&self, holds: impl Fn(&Table) -> bool) -> bool {
        let waiting = async {
            loop {
                let changed = self.known.changed.notified();
                if holds(&self.known.table.borrow()) {
                    return;
                }
                changed.await;
            }
        };
        timeout(ANSWER_MAX, waiting).await.is_ok()
    }

    fn gone(&self, why: &str) -> WorldError {
        let guard = self.guard;
        WorldError(format!(
            "the guard (process {guard}) is gone: {why}; its nodes died with it, so run again"
        ))
    }
}

/// A node of which some thread runs. One that has no process at all is not stopped: it is gone,
/// and its end will be reported.
fn first_not_stopped(guard: i32, groups: &BTreeMap<NodeId, i32>) -> Option<NodeId> {
    let processes = procfs::of_nodes(guard, groups);
    groups.keys().copied().find(|&node| {
        let mut own = processes.iter().filter(|&&(of, _)| of == node).peekable();
        own.peek().is_none() || !own.all(|(_, process)| procfs::is_stopped(process.pid))
    })
}

/// Takes down what the guard reports, until it is gone.
async fn listen(reports: ChildStdout, known: Rc<Known>, pids: Pids) {
    let mut lines = BufReader::new(reports).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(report) = serde_json::from_str(&line) else { continue };
        let mut table = known.table.borrow_mut();
        let mut pids = pids.lock().expect("no panic while looking");
        match report {
            Report::Exited { node, pid, how } => {
                pids.remove(&node);
                // One that died of something else a moment before the kill died by itself.
                let ordered = table.doomed.remove(&node) == Some(pid) && how == KILLED;
                if !ordered {
                    table.ended.push(Ended { node, how });
                }
            }
            Report::Left { pids } => table.left = pids,
            Report::Spawned { node, pid } => {
                pids.insert(node, pid);
                table.answers.push(Report::Spawned { node, pid });
            }
            answer => table.answers.push(answer),
        }
        drop((table, pids));
        known.changed.notify_waiters();
    }
    known.table.borrow_mut().silent = true;
    known.changed.notify_waiters();
}
