//! The end of a run of objects with keys: every key that was ever asked about is read at every
//! node, again and again until the nodes agree on it. A node is asked for what it holds itself; one
//! that answers no such reads is asked as clients ask. It never says that nodes agree which did not
//! answer alike.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{Remark, Settled};
use schism_verify::history::{Event, Level, Type, Value};

use super::super::context::{Context, PAUSE};
use super::asker::Asker;
use super::{each_node, running};
use crate::action::NodeId;
use crate::clock::{Nanos, nanos};

/// Between two rounds over the keys that nodes do not agree on yet.
const ROUND_EVERY: Duration = Duration::from_millis(50);

/// Nodes that still differ so long after each was read once have not converged.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// One read may be tried again for so many of the workload's timeouts, and at least for so long.
const TRIES: u32 = 5;
const RETRY_MIN: Duration = Duration::from_secs(5);

type Key = Option<Value>;

/// What each node answered last, and which keys are open.
struct Table {
    keys: Vec<Key>,
    held: RefCell<BTreeMap<Key, BTreeMap<NodeId, Value>>>,
    /// The nodes that are read; one that does not answer leaves.
    readers: RefCell<BTreeSet<NodeId>>,
    /// Those whose reader saw all agree. What the others are still reading may change that: a write
    /// that nobody answered may happen as late as that.
    content: RefCell<BTreeSet<NodeId>>,
    /// Since when every reader has read every key once.
    since: Cell<Option<Nanos>>,
}

impl Table {
    fn note(&self, node: NodeId, key: &Key, value: Value) {
        self.held.borrow_mut().entry(key.clone()).or_default().insert(node, value);
    }

    /// Keys on which those who are read do not agree, or that one of them was not asked for.
    fn open(&self) -> Vec<Key> {
        let (held, readers) = (self.held.borrow(), self.readers.borrow());
        let agree = |key: &&Key| {
            let Some(answers) = held.get(*key) else { return false };
            let mut values = readers.iter().map(|node| answers.get(node));
            let first = values.next().flatten();
            first.is_some() && values.all(|value| value == first)
        };
        self.keys.iter().filter(|key| !agree(key)).cloned().collect()
    }

    /// Whether every reader has read every key.
    fn is_whole(&self) -> bool {
        let (held, readers) = (self.held.borrow(), self.readers.borrow());
        let is_read =
            |key: &Key| held.get(key).is_some_and(|of| readers.iter().all(|n| of.contains_key(n)));
        self.keys.iter().all(is_read)
    }

    /// Whether nobody reads any more, as all agree.
    fn is_agreed(&self, node: NodeId, open: &[Key]) -> bool {
        let mut content = self.content.borrow_mut();
        if open.is_empty() {
            content.insert(node);
        } else {
            content.remove(&node);
        }
        self.readers.borrow().is_subset(&content)
    }

    fn leave(&self, node: NodeId) {
        self.readers.borrow_mut().remove(&node);
    }
}

/// Reads with this operation, all nodes at once, and records whether the nodes came to agree; not
/// if `hurry` cut that short.
pub async fn read_every_key(
    context: &Rc<Context>,
    f: &'static str,
    timeout: Duration,
    hurry: Option<Nanos>,
) {
    let keys: Vec<Key> = context.keys.borrow().iter().cloned().collect();
    let table = Rc::new(Table {
        keys,
        held: RefCell::default(),
        readers: RefCell::new(running(context).into_iter().collect()),
        content: RefCell::default(),
        since: Cell::new(None),
    });
    let shared = Rc::clone(&table);
    each_node(context, async move |context, node| {
        let asker = Asker::new(&context, node);
        let mut reader = Reader { context: &context, node, asker, f, timeout, local: true };
        let read = reader.read(&shared, hurry).await;
        if read.is_err() {
            shared.leave(node);
        }
        read
    })
    .await;
    let now = context.clock.now();
    let waited = table.since.get().map_or(0, |since| now - since);
    let converged = table.open().is_empty() && !table.readers.borrow().is_empty();
    if converged || waited >= nanos(SETTLE_MAX) {
        let (delivered, barrier) = (BTreeMap::new(), None);
        let waited_ms = waited / 1_000_000;
        context.remark(Remark::Settled(Settled { converged, waited_ms, delivered, barrier }));
    }
}

/// One node's reader.
struct Reader<'a> {
    context: &'a Rc<Context>,
    node: NodeId,
    asker: Asker,
    f: &'static str,
    timeout: Duration,
    /// The node is asked for what it holds itself.
    local: bool,
}

impl Reader<'_> {
    /// How many keys were read, or how many and why no more.
    async fn read(&mut self, table: &Table, hurry: Option<Nanos>) -> Result<u64, (u64, String)> {
        if !running(self.context).contains(&self.node) {
            return Err((0, format!("{} is not running", self.node)));
        }
        let context = self.context;
        let clock = &context.clock;
        let all = table.keys.len() as u64;
        let mut open = table.keys.clone();
        let mut done = 0;
        let hurries = || hurry.is_some_and(|hurry| clock.now() >= hurry);
        loop {
            for key in &open {
                let value = match self.read_one(key, hurry).await {
                    // Each was read before; whether the nodes agree is open.
                    Err(_) if done == all && hurries() => return Ok(all),
                    value => value.map_err(|why| (done, named(key, &why)))?,
                };
                let row = context.model.operation(self.f).expect("its model's row names it");
                table.note(self.node, key, row.said(&value));
                done = all.min(done + 1);
            }
            if table.since.get().is_none() && table.is_whole() {
                table.since.set(Some(clock.now()));
            }
            open = table.open();
            let is_over = |since| clock.now() >= since + nanos(SETTLE_MAX);
            if table.is_agreed(self.node, &open) || table.since.get().is_some_and(is_over) {
                return Ok(all);
            }
            if hurries() {
                return Ok(all); // each was read; whether they agree is open
            }
            clock.sleep(ROUND_EVERY).await;
        }
    }

    async fn read_one(&mut self, key: &Key, hurry: Option<Nanos>) -> Result<Value, String> {
        let context = self.context;
        let clock = &context.clock;
        let give_up = clock.now() + nanos((self.timeout * TRIES).max(RETRY_MIN));
        let limit = give_up.min(hurry.unwrap_or(give_up));
        loop {
            let level = self.local.then_some(Level::Local);
            let (answer, why) =
                self.asker.ask(self.f, key.clone(), level, self.timeout, limit).await;
            if answer.kind == Type::Ok {
                return Ok(answer.value.unwrap_or(Value::Null));
            }
            if self.local && says_never(&answer) {
                self.local = false;
                continue;
            }
            if clock.now() >= limit {
                return Err(why);
            }
            clock.sleep(PAUSE).await;
        }
    }
}

/// Whether the node does not know such reads at all.
fn says_never(answer: &Event) -> bool {
    let never = ["refused", "malformed"];
    answer.kind == Type::Fail && answer.error().is_some_and(|error| never.contains(&error))
}

fn named(key: &Key, why: &str) -> String {
    key.as_ref().map_or_else(|| why.to_owned(), |key| format!("{key}: {why}"))
}
