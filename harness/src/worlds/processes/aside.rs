//! Work that takes long, on a thread of its own.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

/// Does it beside this thread; where no thread can be had, here and now: this thread then serves
/// nobody else meanwhile.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, done) = oneshot::channel();
    let job = Arc::new(Mutex::new(Some(move || {
        let _ = send.send(work());
    })));
    let run = |job: &Mutex<Option<_>>| job.lock().expect("a job is only taken").take();
    let theirs = Arc::clone(&job);
    let thread = std::thread::Builder::new().name("aside".into()).spawn(move || {
        if let Some(job) = run(&theirs) {
            job();
        }
    });
    if thread.is_err()
        && let Some(job) = run(&job)
    {
        job();
    }
    match (done.await, thread) {
        (Ok(made), _) => made,
        // It panicked, and has said so.
        (Err(_), Ok(thread)) => resume_unwind(thread.join().err().unwrap_or(Box::new("no result"))),
        (Err(_), Err(_)) => unreachable!("what was done here has a result"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_beside_and_its_result_comes_back() {
        let here = std::thread::current().id();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let there = runtime.block_on(aside(|| std::thread::current().id()));
        assert_ne!(here, there);
    }
}
