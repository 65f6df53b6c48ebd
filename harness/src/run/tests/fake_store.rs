//! Keys and a queue without nodes, behind as many names as wanted: what the fake log answers where
//! it is asked for them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schism_verify::history::{Event, Field, Level, Value};

use crate::action::NodeId;
use crate::systems::Refusal;

/// How it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreLie {
    /// n2 keeps the first value of each key as its own, for ever.
    Differ,
    /// The same, and clients are told it, too.
    Stale,
    /// No lie: a write that nobody answered happens once a node is read for the second time.
    Late,
    /// No lie: n3 knows no local reads.
    RefuseLocal,
    /// n2 refuses every dequeue.
    Stuck,
}

#[derive(Default)]
pub struct Store {
    held: RefCell<BTreeMap<Value, Value>>,
    first: RefCell<BTreeMap<Value, Value>>,
    /// Which node was asked locally for which key.
    asked: RefCell<BTreeSet<(NodeId, Value)>>,
    /// Whether the late write has happened.
    pub is_late: Cell<bool>,
    pub queue: RefCell<VecDeque<Value>>,
}

/// Whether n2 answers with the first value of a key.
fn told(lie: Option<StoreLie>, is_local: bool) -> bool {
    lie == Some(StoreLie::Stale) || is_local && lie == Some(StoreLie::Differ)
}

/// What a node answers.
type Said = Result<Vec<(Field, Value)>, Refusal>;

impl Store {
    pub fn answer(&self, node: NodeId, asked: &Event, lie: Option<StoreLie>) -> Said {
        let key = asked.key().cloned().unwrap_or_default();
        let value = asked.value.clone().unwrap_or_default();
        let held = self.held.borrow().get(&key).cloned().unwrap_or_default();
        let put = |value: Value| {
            self.first.borrow_mut().entry(key.clone()).or_insert_with(|| value.clone());
            self.held.borrow_mut().insert(key.clone(), value);
            Ok(Vec::new())
        };
        let is_local = asked.level() == Some(Level::Local);
        if is_local
            && lie == Some(StoreLie::Late)
            && !self.asked.borrow_mut().insert((node, key.clone()))
            && !self.is_late.replace(true)
        {
            put(Value::Int(-1))?;
            return Ok(vec![(Field::Value, Value::Int(-1))]);
        }
        match &*asked.f {
            "get" if is_local && lie == Some(StoreLie::RefuseLocal) && node == NodeId(3) => {
                Err(Refusal::certain("refused"))
            }
            "get" if node == NodeId(2) && told(lie, is_local) => {
                let first = self.first.borrow().get(&key).cloned().unwrap_or_default();
                Ok(vec![(Field::Value, first)])
            }
            "get" => Ok(vec![(Field::Value, held)]),
            "put" => put(value),
            "delete" if held == Value::Null => Err(Refusal::certain("absent")),
            "delete" => put(Value::Null),
            "cas" => match value {
                Value::List(pair) if pair[0] == held => put(pair[1].clone()),
                _ => Err(Refusal::certain("conflict")),
            },
            "enqueue" => {
                self.queue.borrow_mut().push_back(value);
                Ok(Vec::new())
            }
            "dequeue" if lie == Some(StoreLie::Stuck) && node == NodeId(2) => {
                Err(Refusal::certain("overloaded"))
            }
            "dequeue" => {
                let message = self.queue.borrow_mut().pop_front();
                message.map_or_else(
                    || Err(Refusal::certain("empty")),
                    |message| Ok(vec![(Field::Value, message)]),
                )
            }
            other => panic!("{other} is asked of nobody"),
        }
    }
}
