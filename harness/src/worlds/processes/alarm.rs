//! What ends a run whatever is asked of it: the processes that hold the nodes are gone or stopped.
//! It is heard by everybody, raised from any thread, and never taken back.

use std::sync::Arc;

use tokio::sync::watch;

/// The first reason counts.
#[derive(Clone, Debug)]
pub(super) struct Alarm(Arc<watch::Sender<Option<String>>>);

impl Alarm {
    pub(super) fn new() -> Alarm {
        Alarm(Arc::new(watch::Sender::new(None)))
    }

    pub(super) fn raise(&self, why: &str) {
        self.0.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(why.to_owned());
            }
            first
        });
    }

    pub(super) fn why(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Ends once it is raised: why.
    pub(super) async fn raised(&self) -> String {
        let mut heard = self.0.subscribe();
        let why = heard.wait_for(Option::is_some).await.expect("this alarm is there itself");
        why.clone().expect("it was waited for")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts_and_is_heard_also_by_who_comes_late() {
        let alarm = Alarm::new();
        assert_eq!(alarm.why(), None);
        let other = alarm.clone();
        std::thread::spawn(move || other.raise("first")).join().unwrap();
        alarm.raise("second");
        assert_eq!(alarm.why().as_deref(), Some("first"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(alarm.raised()), "first");
    }
}
