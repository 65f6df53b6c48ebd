//! The values of a key's history, numbered: an append that was seen is a cas from what stands
//! before its token. It never judges a history of which a string that somebody saw can have been
//! put together in two ways, or in which a failed cas says something.
//!
//! A string that was seen and that can come about in one way only (see `models::kv::tokens`)
//! shows the order of its appends. So its last token stands for the whole string, and no string is
//! ever put together here. An append that was not seen is a write of something unseen.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{NONE, Node, Span};
use crate::checkers::linearizable::fast::Certificate;
use crate::checkers::linearizable::fast::certificate;
use crate::history::Value;
use crate::models::kv::{Grammar, Op, Ways};
use crate::models::spec::Timed;

/// A base (what is put, or there at the start), or the token of an append.
#[derive(Clone, Copy)]
struct Fact {
    /// The place of the first operation that writes it; `NONE`: the start.
    writer: u32,
    /// How many write it; the start counts.
    writers: u32,
    /// An acknowledged operation that shows it; `NONE`: none.
    needed_by: u32,
    /// What stands before this token; `NONE`: it is a base.
    before: u32,
    node: u32,
}

/// Why there is no graph to judge.
enum Stop {
    Unfit,
    Violated(Certificate),
}

struct Facts<'a> {
    ops: &'a [Timed<Op>],
    grammar: Grammar<'a>,
    known: Vec<Fact>,
    bases: HashMap<&'a Value, u32, FixedState>,
    /// The same for those that are strings.
    words: HashMap<&'a str, u32, FixedState>,
    tokens: HashMap<&'a str, u32, FixedState>,
    /// What stands for each value that somebody saw.
    seen: HashMap<&'a Value, u32, FixedState>,
}

/// Judges one key. None: this cannot.
pub fn judge(initial: &Value, ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    let strange = |op: &Op| match op {
        Op::Not(_) | Op::Spoil => true,
        Op::Append(token) => *token == Value::Str("".into()),
        _ => false,
    };
    if ops.iter().any(|timed| strange(&timed.op)) {
        return None;
    }
    let mut facts = Facts::new(initial, ops);
    match facts.close() {
        Ok(()) => Some(super::judge(&facts.nodes())),
        Err(Stop::Unfit) => None,
        Err(Stop::Violated(certificate)) => Some(Err(certificate)),
    }
}

impl<'a> Facts<'a> {
    fn new(initial: &'a Value, ops: &'a [Timed<Op>]) -> Self {
        let mut facts = Facts {
            ops,
            grammar: Grammar::new(initial, ops),
            known: Vec::new(),
            bases: HashMap::default(),
            words: HashMap::default(),
            tokens: HashMap::default(),
            seen: HashMap::default(),
        };
        facts.base(initial, NONE);
        for (at, timed) in ops.iter().enumerate() {
            match &timed.op {
                Op::Put(value) | Op::Cas(_, value) => facts.base(value, at as u32),
                Op::Append(Value::Str(token)) => {
                    let number = *facts.tokens.entry(token).or_insert(facts.known.len() as u32);
                    facts.written(number, at as u32);
                }
                _ => {}
            }
        }
        facts
    }

    fn base(&mut self, value: &'a Value, writer: u32) {
        let number = *self.bases.entry(value).or_insert(self.known.len() as u32);
        if let Value::Str(word) = value {
            self.words.insert(word, number);
        }
        self.written(number, writer);
    }

    fn written(&mut self, number: u32, writer: u32) {
        if number as usize == self.known.len() {
            let fact = Fact { writer, writers: 0, needed_by: NONE, before: NONE, node: NONE };
            self.known.push(fact);
        }
        self.known[number as usize].writers += 1;
    }

    /// Finds what every value that somebody saw says, also what a lost cas must have found.
    fn close(&mut self) -> Result<(), Stop> {
        if self.grammar.can_refuse() {
            return Err(Stop::Unfit);
        }
        let mut todo: Vec<(&'a Value, u32)> = Vec::new();
        let acknowledged = self.ops.iter().filter(|timed| !timed.is_lost());
        todo.extend(acknowledged.filter_map(|timed| match &timed.op {
            Op::Get(value) | Op::Cas(value, _) => Some((value, timed.id)),
            _ => None,
        }));
        todo.reverse(); // so that the first to see a value is asked first
        while let Some((value, by)) = todo.pop() {
            if self.seen.contains_key(value) {
                continue;
            }
            let number = self.learn(value, by, &mut todo)?;
            self.seen.insert(value, number);
        }
        Ok(())
    }

    /// What stands for this value.
    fn learn(
        &mut self,
        value: &Value,
        by: u32,
        todo: &mut Vec<(&'a Value, u32)>,
    ) -> Result<u32, Stop> {
        let nobody = || {
            let why = "{0}, but nothing that was ever written makes that value";
            Stop::Violated(certificate(&[Some(by)], "the start", why).unasked("{0}"))
        };
        let (text, cuts) = match value {
            Value::Str(text) if !text.is_empty() => match self.grammar.ways(text) {
                Ways::None => return Err(nobody()),
                Ways::One(cuts) => (&**text, cuts),
                Ways::Many => return Err(Stop::Unfit),
            },
            _ => {
                let base = *self.bases.get(value).ok_or_else(nobody)?;
                self.need_base(base, by, todo)?;
                return Ok(base);
            }
        };
        let mut before = match cuts[0] {
            0 => self.bases[self.grammar.empty.as_ref().ok_or(Stop::Unfit)?],
            end => self.words[&text[..end]],
        };
        self.need_base(before, by, todo)?;
        for cut in cuts.windows(2) {
            let token = self.tokens[&text[cut[0]..cut[1]]];
            let fact = &mut self.known[token as usize];
            if fact.writers > 1 {
                return Err(Stop::Unfit);
            }
            if fact.needed_by == NONE {
                fact.needed_by = by;
                fact.before = before;
            } else if fact.before != before {
                let writer = self.ops[fact.writer as usize].id;
                let ids = [fact.needed_by, by, writer].map(Some);
                let why = "{0} and {1} show {2} after two different values, but it was asked once";
                return Err(Stop::Violated(certificate(&ids, "the start", why)));
            }
            before = token;
        }
        Ok(before)
    }

    fn need_base(
        &mut self,
        base: u32,
        by: u32,
        todo: &mut Vec<(&'a Value, u32)>,
    ) -> Result<(), Stop> {
        let fact = &mut self.known[base as usize];
        if fact.writers > 1 {
            return Err(Stop::Unfit);
        }
        if fact.needed_by == NONE {
            fact.needed_by = by;
            let writer = self.ops.get(fact.writer as usize).map(|timed| &timed.op);
            if let Some(Op::Cas(found, _)) = writer {
                todo.push((found, by));
            }
        }
        Ok(())
    }

    fn nodes(&mut self) -> Vec<Node> {
        const INITIAL: usize = 0; // the first base
        let mut nodes = vec![Node::start()];
        self.known[INITIAL].node = 0;
        for fact in self.known.iter_mut().skip(1).filter(|fact| fact.needed_by != NONE) {
            fact.node = nodes.len() as u32;
            nodes.push(Node::start());
        }
        for timed in self.ops {
            let span = Span::of(timed);
            let (number, is_token) = match &timed.op {
                Op::Put(value) | Op::Cas(_, value) => (self.bases[value], false),
                Op::Append(Value::Str(token)) => (self.tokens[&**token], true),
                Op::Get(value) if !timed.is_lost() => {
                    nodes[self.node_of(value) as usize].read_by(span);
                    continue;
                }
                _ => continue,
            };
            let fact = self.known[number as usize];
            let needed = fact.needed_by != NONE;
            if timed.is_lost() && !needed {
                continue; // it may never have happened
            }
            let from = match &timed.op {
                Op::Cas(found, _) => self.node_of(found),
                _ if fact.before == NONE => NONE,
                _ => self.known[fact.before as usize].node,
            };
            if needed {
                let shown_by = if timed.is_lost() || is_token { fact.needed_by } else { NONE };
                let node = &mut nodes[fact.node as usize];
                *node = Node { writer: span, from, shown_by, ..*node };
            } else {
                nodes.push(Node::new(span, from, NONE));
            }
        }
        nodes
    }

    fn node_of(&self, seen: &Value) -> u32 {
        self.known[self.seen[seen] as usize].node
    }
}
