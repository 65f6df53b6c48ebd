//! Why operations of clients were no ok: by operation, error and node.
//! It never decides what that means for the verdict.

use std::collections::BTreeMap;

use schism_verify::History;
use schism_verify::history::Type;
use schism_verify::models::{MALFORMED, UNREADABLE};

use crate::store::verdict_file::RefusalFile;
use crate::systems::clients::{DEFINITE, INDEFINITE};

/// Nobody reads more. Errors are the nodes' own words, so there may be any number of them.
const ROWS_MAX: usize = 100;

/// An operation that was asked and whose answer the history does not have.
const NO_RETURN: &str = "no-answer";

/// Operations that failed for certain, and those of which nobody knows; the most frequent first.
pub(super) fn of(history: &History) -> (Vec<RefusalFile>, Vec<RefusalFile>) {
    let (mut refused, mut unanswered) = (Rows::default(), Rows::default());
    for operation in history.operations() {
        let (invoke, ret) = (history.invoke(operation), history.ret(operation));
        let rows = match history.outcome(operation) {
            Type::Ok => continue,
            Type::Fail => &mut refused,
            Type::Info | Type::Invoke => &mut unanswered,
        };
        let error = ret.map_or(NO_RETURN, |ret| ret.error().unwrap_or_default());
        let node = ret.and_then(|ret| ret.node.as_deref()).or(invoke.node.as_deref());
        rows.add(&invoke.f, error, node);
    }
    (refused.into_files(), unanswered.into_files())
}

/// Words of nodes that the client protocol does not have: said once, with those that it has, since
/// whoever wrote the node may have meant a definite no.
pub(super) fn unlisted(unanswered: &[RefusalFile]) -> Option<String> {
    let ours = |word: &str| {
        let harness = [NO_RETURN, MALFORMED, UNREADABLE, ""];
        [DEFINITE, INDEFINITE, &harness].iter().any(|words| words.contains(&word))
    };
    let mut words: Vec<&str> = unanswered.iter().map(|row| &*row.error).collect();
    words.retain(|word| !ours(word));
    words.sort_unstable();
    words.dedup();
    let count: u64 =
        unanswered.iter().filter(|row| words.contains(&&*row.error)).map(|row| row.count).sum();
    (count > 0).then(|| {
        format!(
            "{count} operations were answered with an error that the client protocol does not have \
             (`{}`), so nobody knows what became of them, also under `fail`; a definite no is one of \
             {}",
            words.join("`, `"),
            DEFINITE.join(", ")
        )
    })
}

#[derive(Default)]
struct Rows<'a>(BTreeMap<(&'a str, &'a str, Option<&'a str>), (u64, &'a str)>);

impl<'a> Rows<'a> {
    /// An error begins with its word; what follows is about this one operation.
    fn add(&mut self, operation: &'a str, error: &'a str, node: Option<&'a str>) {
        let word = error.split(": ").next().unwrap_or(error);
        self.0.entry((operation, word, node)).or_insert((0, error)).0 += 1;
    }

    fn into_files(self) -> Vec<RefusalFile> {
        let file = |((operation, word, node), (count, first)): ((&str, &str, Option<&str>), _)| {
            RefusalFile {
                operation: operation.into(),
                error: word.into(),
                node: node.map(str::to_owned),
                count,
                first: Some(first).filter(|first: &&str| *first != word).map(str::to_owned),
            }
        };
        let mut files: Vec<RefusalFile> = self.0.into_iter().map(file).collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.count));
        files.truncate(ROWS_MAX);
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_was_no_ok_is_counted_where_it_belongs() {
        let mut lines = Vec::new();
        let mut say = |process: u32, f: &str, ret: &str| {
            let event = |rest: &str| format!("{{\"process\":{process},\"f\":\"{f}\",{rest}}}\n");
            lines.push(event(r#""type":"invoke","node":"n1""#));
            lines.extend((!ret.is_empty()).then(|| event(ret)));
        };
        say(1, "tail", r#""type":"ok","tail":0"#);
        say(1, "tail", r#""type":"fail","error":"overloaded","node":"n2""#);
        say(1, "read", r#""type":"fail","error":"overloaded","node":"n2""#);
        say(1, "read", r#""type":"info","error":"odd: it is no JSON: <a>","node":"n1""#);
        say(2, "read", r#""type":"info","error":"odd: it is no JSON: <b>","node":"n1""#);
        say(3, "read", r#""type":"info""#);
        say(4, "read", "");
        let (history, _) = History::parse(lines.concat().as_bytes()).unwrap();
        let shown = |files: Vec<RefusalFile>| {
            let line = |file: RefusalFile| {
                let RefusalFile { operation, error, node, count, first } = file;
                let (node, first) = (node.unwrap_or_default(), first.unwrap_or_default());
                format!("{count} {operation} {error} {node} {first}").trim_end().to_owned()
            };
            files.into_iter().map(line).collect::<Vec<_>>()
        };
        let (refused, unanswered) = of(&history);
        let told = unlisted(&unanswered).unwrap();
        assert!(told.starts_with("2 operations were answered with an error"), "{told}");
        assert!(told.contains("(`odd`)") && told.contains("one of not-leader, "), "{told}");
        assert_eq!(unlisted(&refused), None);
        assert_eq!(shown(refused), ["1 read overloaded n2", "1 tail overloaded n2"]);
        assert_eq!(
            shown(unanswered),
            ["2 read odd n1 odd: it is no JSON: <a>", "1 read  n1", "1 read no-answer n1"]
        );
    }
}
