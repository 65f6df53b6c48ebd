//! The thread that writes: it takes everything queued, commits it with one fdatasync, and says how
//! far things are durable. While one fsync runs, the next group collects.
//! It never tries again what failed, and never says more than is durable.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use schism_protocol::Mark;

use crate::storage::{Fault, Job};

/// Values alone wake the thread only in such numbers: nobody waits for them.
const VALUES_QUEUED_MAX: usize = 1024;

/// The queue's end that the server holds.
pub struct Disk {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    durable: AtomicU64,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    /// The mark of the last job that has one.
    mark: u64,
    ready: bool,
    stop: bool,
    fault: Option<Fault>,
}

impl Disk {
    /// Starts the thread. `commit` makes a group durable; `wake` is called after each group.
    pub fn start(
        mut commit: impl FnMut(&mut Vec<Job>) -> Result<(), Fault> + Send + 'static,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            durable: AtomicU64::new(0),
            wake: Box::new(wake),
        });
        let its = Arc::clone(&shared);
        let work = move || its.work(&mut commit);
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(work);
        let thread = Some(thread.expect("a process may have a second thread"));
        Self { shared, thread }
    }

    /// Queues these jobs, in order. `mark` is that of the last record among them, if there is one.
    pub fn submit(&self, jobs: &mut Vec<Job>, mark: Option<Mark>) {
        if jobs.is_empty() {
            return;
        }
        let mut queue = self.shared.lock();
        if queue.jobs.is_empty() {
            std::mem::swap(&mut queue.jobs, jobs);
        } else {
            queue.jobs.append(jobs);
        }
        if let Some(Mark(mark)) = mark {
            assert!(mark > queue.mark, "marks grow with every record");
            queue.mark = mark;
            queue.ready = true;
        }
        queue.ready |= queue.jobs.len() >= VALUES_QUEUED_MAX;
        if queue.ready {
            self.shared.filled.notify_one();
        }
    }

    /// Everything up to this mark is on disk.
    pub fn durable(&self) -> Mark {
        Mark(self.shared.durable.load(Ordering::Acquire))
    }

    /// Why the disk is of no more use, if so. Said once.
    pub fn fault(&self) -> Option<Fault> {
        self.shared.lock().fault.take()
    }
}

impl Drop for Disk {
    /// Waits for the fsync under way; what is queued behind it is dropped, as in a crash.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics while holding the queue")
    }

    fn work(&self, commit: &mut dyn FnMut(&mut Vec<Job>) -> Result<(), Fault>) {
        let mut jobs = Vec::new();
        loop {
            let mut queue = self.lock();
            while !queue.ready && !queue.stop {
                queue = self.filled.wait(queue).expect("nobody panics while holding the queue");
            }
            if queue.stop {
                return;
            }
            std::mem::swap(&mut queue.jobs, &mut jobs);
            queue.ready = false;
            let mark = queue.mark;
            drop(queue);
            let done = commit(&mut jobs);
            jobs.clear();
            let go_on = done.is_ok();
            match done {
                Ok(()) => self.durable.store(mark, Ordering::Release),
                Err(fault) => self.lock().fault = Some(fault),
            }
            (self.wake)();
            if !go_on {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_protocol::{Index, Record};
    use std::sync::mpsc;

    fn job(from: u64) -> Job {
        Job::Persist(Record::Truncate { from: Index(from) })
    }

    fn froms(jobs: &[Job]) -> Vec<u64> {
        let from = |job: &Job| match job {
            Job::Persist(Record::Truncate { from }) => from.0,
            other => panic!("not one of ours: {other:?}"),
        };
        jobs.iter().map(from).collect()
    }

    struct Bench {
        /// The groups as the thread took them.
        groups: mpsc::Receiver<Vec<u64>>,
        /// One answer lets one group end. Gone before the disk is, which waits for its thread.
        answers: mpsc::Sender<Result<(), Fault>>,
        woken: mpsc::Receiver<()>,
        disk: Disk,
    }

    fn bench() -> Bench {
        let (send_group, groups) = mpsc::channel();
        let (answers, next_answer) = mpsc::channel();
        let (wake, woken) = mpsc::channel();
        let disk = Disk::start(
            move |jobs| {
                send_group.send(froms(jobs)).unwrap();
                next_answer.recv().unwrap_or(Ok(()))
            },
            move || {
                let _ = wake.send(());
            },
        );
        Bench { groups, answers, woken, disk }
    }

    #[test]
    fn while_one_fsync_runs_the_next_group_collects() {
        let bench = bench();
        bench.disk.submit(&mut vec![job(1)], Some(Mark(1)));
        assert_eq!(bench.groups.recv().unwrap(), [1]);
        bench.disk.submit(&mut vec![job(2), job(3)], Some(Mark(3)));
        bench.disk.submit(&mut vec![job(4)], Some(Mark(4)));
        assert_eq!(bench.disk.durable(), Mark(0), "nothing is durable before its fsync ended");
        bench.answers.send(Ok(())).unwrap();
        bench.woken.recv().unwrap();
        assert_eq!(bench.disk.durable(), Mark(1), "and nothing that came during it");
        assert_eq!(bench.groups.recv().unwrap(), [2, 3, 4]);
        bench.answers.send(Ok(())).unwrap();
        bench.woken.recv().unwrap();
        assert_eq!(bench.disk.durable(), Mark(4));
    }

    #[test]
    fn a_failed_fsync_is_told_and_nothing_is_tried_after_it() {
        let bench = bench();
        bench.disk.submit(&mut vec![job(1)], Some(Mark(1)));
        assert_eq!(bench.groups.recv().unwrap(), [1]);
        bench.disk.submit(&mut vec![job(2)], Some(Mark(2)));
        let error = std::io::Error::from_raw_os_error(nix::libc::EIO);
        let fault = Fault::Refused { what: "sync log".to_owned(), error };
        bench.answers.send(Err(fault)).unwrap();
        bench.woken.recv().unwrap();
        let told = bench.disk.fault().unwrap().to_string();
        assert!(told.starts_with("the disk refused to sync log: Input/output error"), "{told}");
        assert_eq!(bench.disk.durable(), Mark(0));
        assert!(bench.groups.recv().is_err(), "the thread has ended without another try");
    }
}
