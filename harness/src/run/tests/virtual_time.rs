//! A clock that a test winds: a FIFO of ready tasks and a heap of timers on one thread. Time moves
//! only when nobody has anything to do, so a run of minutes takes milliseconds and repeats exactly.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::clock::Local;
use crate::clock::{Clock, Nanos};

/// Virtual time, from zero.
#[derive(Clone, Default)]
pub struct Virtual {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    now: Cell<Nanos>,
    timers: RefCell<BTreeMap<(Nanos, u64), Waker>>,
    timers_made: Cell<u64>,
    tasks: RefCell<Vec<Option<Local<'static, ()>>>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

struct TaskWaker {
    task: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().push_back(self.task);
    }
}

impl Virtual {
    /// Runs this and everything it spawns until it ends.
    pub fn block_on<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        self.spawn(Box::pin(async move { *slot.borrow_mut() = Some(work.await) }));
        loop {
            let next = self.inner.ready.lock().unwrap().pop_front();
            match next {
                Some(task) => self.poll(task),
                None => self.wind(),
            }
            if let Some(result) = result.borrow_mut().take() {
                return result;
            }
        }
    }

    fn poll(&self, task: usize) {
        // Woken twice, or ended meanwhile: nothing to poll.
        let Some(mut work) = self.inner.tasks.borrow_mut()[task].take() else { return };
        let waker = Waker::from(Arc::new(TaskWaker { task, ready: self.inner.ready.clone() }));
        if work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.inner.tasks.borrow_mut()[task] = Some(work);
        }
    }

    fn wind(&self) {
        let first = self.inner.timers.borrow_mut().pop_first();
        let ((at, _), waker) = first.expect("somebody is waiting for something that can happen");
        self.inner.now.set(self.inner.now.get().max(at));
        waker.wake();
    }
}

impl Clock for Virtual {
    fn now(&self) -> Nanos {
        self.inner.now.get()
    }

    fn sleep_until(&self, at: Nanos) -> Local<'static, ()> {
        Box::pin(Sleep { inner: Rc::clone(&self.inner), at, key: None })
    }

    fn spawn(&self, task: Local<'static, ()>) {
        let mut tasks = self.inner.tasks.borrow_mut();
        tasks.push(Some(task));
        self.inner.ready.lock().unwrap().push_back(tasks.len() - 1);
    }
}

struct Sleep {
    inner: Rc<Inner>,
    at: Nanos,
    key: Option<(Nanos, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.inner.now.get() >= self.at {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            let number = self.inner.timers_made.get();
            self.inner.timers_made.set(number + 1);
            (self.at, number)
        });
        self.inner.timers.borrow_mut().insert(key, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.inner.timers.borrow_mut().remove(&key);
        }
    }
}
