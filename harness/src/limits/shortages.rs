//! What ran out in the middle of a run. It is noted from any thread, by whoever met it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

/// Sentences, each once.
#[derive(Clone, Debug, Default)]
pub struct Shortages(Arc<Mutex<BTreeSet<String>>>);

impl Shortages {
    /// Notes an error if it says that something of ours ran out; whether it does.
    pub fn note(&self, what: &str, error: &io::Error) -> bool {
        let own = is_own(error);
        if own {
            self.add(format!("{what}: {error}; {}", advice(error)));
        }
        own
    }

    /// Notes trouble of ours in words.
    pub fn add(&self, sentence: String) {
        self.0.lock().expect("no panic while noting").insert(sentence);
    }

    /// What was noted since last asked.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic while noting")).into_iter().collect()
    }
}

/// Whether the error says that something of this process or of the machine ran out, so that it says
/// nothing of who was asked.
pub fn is_own(error: &io::Error) -> bool {
    let own = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM, Errno::EADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|number| own.contains(&Errno::from_raw(number)))
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => "raise the hard limit (`ulimit -Hn`), or take fewer clients",
        Some(Errno::EADDRNOTAVAIL) => "too many connections were opened and closed; lower the rate",
        _ => "end other programs, or take fewer nodes and clients",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_out_of_ours_is_noted_once_and_what_others_did_is_not() {
        let shortages = Shortages::default();
        let error = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        assert!(!shortages.note("a client dialled n1", &error(Errno::ECONNREFUSED)));
        assert!(!shortages.note("a client dialled n1", &io::Error::other("odd")));
        assert_eq!(shortages.take(), [""; 0]);
        for _ in 0..2 {
            assert!(shortages.clone().note("a client dialled n1", &error(Errno::EMFILE)));
        }
        let said = shortages.take();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("dialled n1") && said[0].contains("ulimit -Hn"), "{said:?}");
        assert_eq!(shortages.take(), [""; 0], "it was told");
    }
}
