//! Which appends that are gone somebody had been shown: a node delivered them, or a reader read
//! them. A majority held those, whatever their acknowledgement was worth.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use crate::evidence::Evidence;
use crate::evidence::delivered::{self, Step};
use crate::history::{History, Operation, Type, Value};
use crate::models::log::{self, Acked, Answered, Asked};
use crate::verdict::Kind;

/// Who showed what, of some appends.
pub(super) struct Shown(HashMap<(u64, Value), Option<Witness>, FixedState>);

/// Who was the first to show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Witness {
    Delivered(String),
    /// Someone read it; as a sentence.
    Read(String),
}

impl Shown {
    /// Looks for these in all that was delivered and read.
    pub fn of<'a>(evidence: &Evidence, appends: impl Iterator<Item = &'a Acked<'a>>) -> Self {
        let key = |append: &Acked<'_>| (append.offset, append.value.clone());
        let mut shown = Shown(appends.map(|append| (key(append), None)).collect());
        for (node, bytes) in &evidence.delivered {
            // A file that cannot be read is a doubt of `total-order`.
            let steps = delivered::parse(node, bytes).map(|file| file.steps).unwrap_or_default();
            for step in steps {
                if let Step::Deliver { entry, .. } = step {
                    shown.note((entry.offset, entry.value), || Witness::Delivered(node.clone()));
                }
            }
        }
        for op in evidence.history.operations() {
            shown.read(&evidence.history, op);
        }
        shown
    }

    pub fn get(&self, append: &Acked<'_>) -> Option<&Witness> {
        self.0.get(&(append.offset, append.value.clone()))?.as_ref()
    }

    fn read(&mut self, history: &History, op: &Operation) {
        let (invoke, Some(ret)) = (history.invoke(op), history.ret(op)) else { return };
        let Ok(Asked::Read { from, limit, .. }) = log::asked(invoke) else { return };
        if ret.kind != Type::Ok {
            return;
        }
        let local = log::is_local(&Asked::Read { from, limit, local: false }, ret);
        let question = Asked::Read { from, limit, local };
        let Ok(Answered::Read(values, _)) = log::answered(&question, ret) else { return };
        for (offset, value) in (from..).zip(values.iter()) {
            self.note((offset, value.clone()), || {
                let by = ret.node.as_ref().map(|node| format!(" from {node}")).unwrap_or_default();
                Witness::Read(format!("{} had read it{by}", invoke.process()))
            });
        }
    }

    fn note(&mut self, key: (u64, Value), witness: impl FnOnce() -> Witness) {
        if let Some(known) = self.0.get_mut(&key) {
            known.get_or_insert_with(witness);
        }
    }
}

impl Witness {
    /// What it is that `node` lacks it.
    pub fn kind(&self, node: &str) -> Kind {
        match self {
            Witness::Delivered(by) if by == node => Kind::LostAfterCrash,
            _ => Kind::LostAppend,
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Witness::Delivered(node) => write!(f, "{node} had delivered it"),
            Witness::Read(sentence) => f.write_str(sentence),
        }
    }
}
