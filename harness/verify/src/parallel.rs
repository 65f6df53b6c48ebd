//! Several threads where they can be had, one where they cannot: a judge on a machine that is full
//! is slower, and judges the same.

use std::error::Error;
use std::sync::OnceLock;
use std::thread::{self, Scope};

/// Whether rayon has its threads.
pub(crate) fn has_pool() -> bool {
    static POOL: OnceLock<bool> = OnceLock::new();
    *POOL.get_or_init(|| match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // Without a cause, somebody else has started it before.
        Err(error) => error.source().is_none(),
    })
}

/// Does each on a thread of its own, or here if there is none to be had; the results in order. An
/// error is what it panicked with.
pub(crate) fn each<T: Copy + Send, R: Send>(
    all: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<thread::Result<R>> {
    let work = &work;
    let guarded = |one: T| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(one)));
    thread::scope(|scope: &Scope<'_, '_>| {
        let start = |one: T| (one, thread::Builder::new().spawn_scoped(scope, move || work(one)));
        let running: Vec<_> = all.into_iter().map(start).collect();
        let end = |(one, running): (T, Result<thread::ScopedJoinHandle<'_, R>, _>)| match running {
            Ok(thread) => thread.join(),
            Err(_) => guarded(one),
        };
        running.into_iter().map(end).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_panic_is_one_of_them() {
        let found = each(0..5, |number: u32| {
            assert_ne!(number, 3, "one that breaks down");
            number * 10
        });
        let found: Vec<Option<u32>> = found.into_iter().map(Result::ok).collect();
        assert_eq!(found, [Some(0), Some(10), Some(20), None, Some(40)]);
        assert!(has_pool(), "this machine has threads");
    }
}
