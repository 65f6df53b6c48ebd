//! What the strings that were read say about the appends: an append whose token stands in one of
//! them happened exactly after what stands before it, and one that stands in none was never seen.
//! It never draws a conclusion from a string that could have been put together in two ways.

use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::FixedState;

use super::Op;
use crate::history::Value;
use crate::models::spec::Timed;

type Tokens<'a> = HashMap<&'a str, u32, FixedState>;

/// How strings come about: from a base, by appends.
#[derive(Default)]
pub(crate) struct Grammar<'a> {
    /// What an append of the first token finds: absent, or the empty string. None: either.
    pub(crate) empty: Option<Value>,
    /// A string can begin with an append.
    starts_empty: bool,
    bases: Tokens<'a>,
    base_lengths: BTreeSet<usize>,
    /// Each token with the number of operations that append it.
    appends: Tokens<'a>,
    append_lengths: BTreeSet<usize>,
    /// Somebody appends the empty string.
    appends_nothing: bool,
    /// There are bases that are neither absent nor strings.
    other_bases: bool,
}

/// The ways to put a string together.
pub(crate) enum Ways {
    None,
    /// Where each token of this string starts, and the end. The first cut is the end of the base:
    /// 0 where it began with an append.
    One(Vec<usize>),
    Many,
}

/// Replaces appends by what they certainly did. Exact: every order that explains the operations
/// before explains them after, and the other way round.
pub(super) fn refine(initial: &Value, ops: &mut Vec<Timed<Op>>) {
    // Every value that an operation names, and whether the key certainly held it.
    let mut shown: HashMap<Value, bool, FixedState> = HashMap::default();
    for timed in ops.iter() {
        if let Op::Get(value) | Op::Not(value) | Op::Cas(value, _) = &timed.op {
            let held = !timed.is_lost() && !matches!(timed.op, Op::Not(_));
            *shown.entry(value.clone()).or_default() |= held;
        }
    }
    // Per append's token, what stood before it; per base or token, whether it may have been seen.
    let mut before: HashMap<String, Option<Value>, FixedState> = HashMap::default();
    let mut seen_bases: HashSet<String, FixedState> = HashSet::default();
    let mut seen_tokens: HashSet<String, FixedState> = HashSet::default();
    {
        let grammar = Grammar::new(initial, ops);
        if grammar.can_refuse() {
            return; // an append may have had to come where there was a string
        }
        for (value, &held) in &shown {
            let Value::Str(text) = value else { continue };
            let Ways::One(cuts) = grammar.ways(text) else {
                // Ambiguous: everything that occurs anywhere may have been seen.
                let occurs = |token: &&&str| text.contains(**token);
                seen_bases.extend(grammar.bases.keys().filter(occurs).map(ToString::to_string));
                seen_tokens.extend(grammar.appends.keys().filter(occurs).map(ToString::to_string));
                continue;
            };
            let first = cuts.first().copied().unwrap_or(0);
            if first > 0 {
                seen_bases.insert(text[..first].to_owned());
            }
            for pair in cuts.windows(2) {
                let token = &text[pair[0]..pair[1]];
                seen_tokens.insert(token.to_owned());
                if grammar.appends[token] > 1 || !held {
                    continue; // which of them it was, or whether it was, is not known
                }
                let found = match pair[0] {
                    0 => grammar.empty.clone(),
                    at => Some(Value::Str(text[..at].into())),
                };
                before.entry(token.to_owned()).or_insert(found);
            }
        }
    }
    let unseen_base = |value: &Value| match value {
        Value::Str(text) if text.is_empty() => false,
        Value::Str(text) => !seen_bases.contains(&**text),
        Value::Null => false,
        other => !shown.contains_key(other),
    };
    for timed in ops.iter_mut() {
        let better = match &timed.op {
            Op::Append(Value::Str(token)) if token.is_empty() => None,
            Op::Append(Value::Str(token)) if !seen_tokens.contains(&**token) => Some(Op::Spoil),
            Op::Append(value @ Value::Str(token)) => match before.get(&**token) {
                Some(Some(found)) => {
                    super::joined(found, value).map(|after| Op::Cas(found.clone(), after))
                }
                _ => None,
            },
            Op::Put(value) if unseen_base(value) => Some(Op::Spoil),
            _ => None,
        };
        if let Some(better) = better {
            timed.op = better;
        }
    }
    // What nobody saw and nobody waited for explains nothing, but for a cas that found another
    // value than its own.
    if !ops.iter().any(|timed| matches!(timed.op, Op::Not(_))) {
        ops.retain(|timed| !(timed.is_lost() && timed.op == Op::Spoil));
    }
}

impl<'a> Grammar<'a> {
    /// What the initial value and the operations, seen or not, can put together.
    pub(crate) fn new(initial: &'a Value, ops: &'a [Timed<Op>]) -> Self {
        let mut grammar = Grammar::default();
        let mut empties: Vec<&Value> = Vec::new();
        grammar.base(initial, &mut empties);
        for timed in ops {
            match &timed.op {
                Op::Put(value) | Op::Cas(_, value) => grammar.base(value, &mut empties),
                Op::Append(Value::Str(token)) if token.is_empty() => grammar.appends_nothing = true,
                Op::Append(Value::Str(token)) => {
                    *grammar.appends.entry(token).or_default() += 1;
                    grammar.append_lengths.insert(token.len());
                }
                _ => {}
            }
        }
        grammar.starts_empty = !empties.is_empty();
        // An append of nothing turns absent into empty, so nothing is known then.
        grammar.empty = match &empties[..] {
            [only] if !grammar.appends_nothing => Some((*only).clone()),
            _ => None,
        };
        grammar
    }

    fn base(&mut self, value: &'a Value, empties: &mut Vec<&'a Value>) {
        match value {
            Value::Str(text) if !text.is_empty() => {
                self.bases.insert(text, 1);
                self.base_lengths.insert(text.len());
            }
            Value::Str(_) | Value::Null if !empties.contains(&value) => empties.push(value),
            Value::Str(_) | Value::Null => {}
            _ => self.other_bases = true,
        }
    }

    /// Whether the key may hold what nobody can append to, and somebody appends.
    pub(crate) fn can_refuse(&self) -> bool {
        self.other_bases && (self.appends_nothing || !self.appends.is_empty())
    }

    /// How this string can have been put together.
    pub(crate) fn ways(&self, text: &str) -> Ways {
        const MANY: u8 = 2; // more than one way is all that matters
        let mut ways = vec![0u8; text.len() + 1];
        // Where the token that ends here starts; `NONE` for a base.
        let mut from = vec![NONE; text.len() + 1];
        ways[0] = u8::from(self.starts_empty);
        for &length in self.base_lengths.range(..=text.len()) {
            if text.get(..length).is_some_and(|token| self.bases.contains_key(token)) {
                ways[length] = MANY.min(ways[length] + 1);
            }
        }
        for at in 0..text.len() {
            if ways[at] == 0 {
                continue;
            }
            for &length in self.append_lengths.range(..=text.len() - at) {
                let token = text.get(at..at + length);
                if token.is_some_and(|token| self.appends.contains_key(token)) {
                    from[at + length] = at;
                    ways[at + length] = MANY.min(ways[at + length] + ways[at]);
                }
            }
        }
        match ways[text.len()] {
            0 => return Ways::None,
            1 => {}
            _ => return Ways::Many,
        }
        let mut cuts = vec![text.len()];
        while from[*cuts.last().expect("never empty")] != NONE {
            cuts.push(from[*cuts.last().expect("never empty")]);
        }
        cuts.reverse();
        Ways::One(cuts)
    }
}

const NONE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn str(text: &str) -> Value {
        Value::Str(text.into())
    }

    fn refined(initial: Value, ops: &[Op]) -> Vec<Op> {
        let timed = |(id, op): (usize, &Op)| {
            let id = id as u32;
            let (invoke, ret, process) = (2 * id, 2 * id + 1, id);
            Timed { op: op.clone(), id, invoke, ret, process }
        };
        let mut timed: Vec<_> = ops.iter().enumerate().map(timed).collect();
        refine(&initial, &mut timed);
        timed.into_iter().map(|timed| timed.op).collect()
    }

    #[test]
    fn a_token_stands_after_what_is_before_it() {
        let a = Op::Append(str("a"));
        let b = Op::Append(str("b"));
        let got = Op::Get(str("ab"));
        let ops = refined(Value::Null, &[a.clone(), b.clone(), got.clone()]);
        let first = Op::Cas(Value::Null, str("a"));
        let second = Op::Cas(str("a"), str("ab"));
        assert_eq!(ops, [first, second, got.clone()]);
        // Who can tell whether it was absent or empty?
        let ops = refined(Value::Null, &[Op::Put(str("")), a.clone(), b, got]);
        assert_eq!(ops[1], a);
    }

    #[test]
    fn what_could_be_put_together_in_two_ways_says_nothing() {
        let ops = ["a", "b", "ab"].map(|token| Op::Append(str(token)));
        let mut ops = ops.to_vec();
        ops.push(Op::Get(str("ab")));
        assert_eq!(refined(Value::Null, &ops), ops);
    }

    #[test]
    fn what_no_answer_shows_is_all_alike() {
        let ops = [Op::Append(str("a")), Op::Put(str("p")), Op::Get(str("b"))];
        // `b` cannot come about at all, and neither `a` nor `p` occurs in it.
        assert_eq!(refined(Value::Null, &ops)[..2], [Op::Spoil, Op::Spoil]);
        let ops = [Op::Append(str("a")), Op::Put(str("p")), Op::Get(str("pa"))];
        let after = [Op::Cas(str("p"), str("pa")), Op::Put(str("p")), Op::Get(str("pa"))];
        assert_eq!(refined(Value::Null, &ops), after);
    }
}
