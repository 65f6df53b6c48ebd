//! Every key that was ever asked for, where of each key only the first answer proves progress.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use schism_verify::history::{Event, Value};

/// The keys, and whether each one's decision is known.
#[derive(Default)]
pub struct Decisions {
    keys: RefCell<BTreeMap<Value, bool>>,
    /// How many of them are not.
    undecided: Cell<usize>,
}

impl Decisions {
    /// This is about to be asked.
    pub fn note_asked(&self, asked: &Event) {
        let key = asked.key().cloned().unwrap_or_default();
        let mut keys = self.keys.borrow_mut();
        if let std::collections::btree_map::Entry::Vacant(new) = keys.entry(key) {
            new.insert(false);
            self.undecided.set(self.undecided.get() + 1);
        }
    }

    /// This was answered. Whether that proves progress: it was the first answer for its key, or
    /// nothing is left to decide.
    pub fn note_decided(&self, answered: &Event) -> bool {
        let mut keys = self.keys.borrow_mut();
        let key = answered.key().unwrap_or(&Value::Null);
        let decided = keys.get_mut(key).expect("a key was noted when it was asked for");
        let first = !std::mem::replace(decided, true);
        if first {
            self.undecided.set(self.undecided.get() - 1);
        }
        first || self.undecided.get() == 0
    }

    /// Every key that was asked for.
    pub fn keys(&self) -> Vec<Value> {
        self.keys.borrow().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use schism_verify::history::{Process, Type};

    use super::*;

    #[test]
    fn a_known_decision_proves_progress_only_where_nothing_is_left_to_decide() {
        let decisions = Decisions::default();
        let proposal = |key: &str| {
            let mut event = Event::new(Process::Client(1), Type::Invoke, "propose");
            event.set_key(Some(key.into()));
            event
        };
        let decided = |key| decisions.note_decided(&proposal(key));
        decisions.note_asked(&proposal("a"));
        assert!(decided("a") && decided("a"));
        decisions.note_asked(&proposal("b"));
        decisions.note_asked(&proposal("b"));
        assert!(!decided("a"), "somebody waits for b");
        assert!(decided("b") && decided("a"));
        assert_eq!(decisions.keys(), ["a".into(), "b".into()]);
    }
}
