//! Operations drawn for people: one line each, time from left to right.
//!
//! ```text
//! p7 n1   |--append 93 -> 43--|
//! p4 n2                           |--read from 0 -> length 41--|
//! ```

use crate::history::{Event, History, Operation, Type, Value};

/// Draws the operations that these events belong to, in the order of invocation. Columns are ranks
/// of events, not their times: what matters is what came before what.
pub fn draw(history: &History, events: &[u64]) -> String {
    let mut operations: Vec<&Operation> =
        events.iter().filter_map(|&index| history.operation_of(index)).collect();
    operations.sort_by_key(|op| op.invoke());
    operations.dedup();
    let labels: Vec<String> = operations.iter().map(|op| label(history, op)).collect();
    let names: Vec<String> = operations.iter().map(|op| name(history, op)).collect();
    let margin = names.iter().map(String::len).max().unwrap_or(0) + 3;

    // Every event gets the first column that leaves room for the labels that end there.
    let mut moments: Vec<usize> =
        operations.iter().flat_map(|op| [Some(op.invoke()), op.ret()]).flatten().collect();
    moments.sort_unstable();
    let mut columns: Vec<usize> = Vec::new();
    for (at, moment) in moments.iter().enumerate() {
        let mut column = columns.last().map_or(0, |last| last + STEP);
        for (op, label) in operations.iter().zip(&labels) {
            if op.ret() == Some(*moment) {
                let from = moments[..at].iter().position(|m| *m == op.invoke());
                let from = columns[from.expect("an operation is invoked before it returns")];
                column = column.max(from + label.chars().count() + 5);
            }
        }
        columns.push(column);
    }
    let column = |moment: usize| columns[moments.binary_search(&moment).expect("it was listed")];

    let mut out = String::new();
    for ((op, label), name) in operations.iter().zip(&labels).zip(&names) {
        let from = column(op.invoke());
        out.push_str(
            &[format!("{name:margin$}"), " ".repeat(from), format!("|--{label}")].concat(),
        );
        match op.ret() {
            Some(ret) => {
                let fill = column(ret) - from - label.chars().count() - 3;
                out.push_str(&"-".repeat(fill));
                out.push('|');
            }
            None => out.push_str("--..."),
        }
        out.push('\n');
    }
    out
}

/// The least distance between two events in columns: enough to see which came first.
const STEP: usize = 3;

/// So many entries of a read are shown; its end says how many there were.
const ENTRIES_MAX: usize = 4;

fn name(history: &History, op: &Operation) -> String {
    let node = history.ret(op).and_then(|event| event.node.as_ref());
    let node = node.or(history.invoke(op).node.as_ref());
    node.map_or_else(|| format!("p{}", op.process), |node| format!("p{} {node}", op.process))
}

pub(crate) fn label(history: &History, op: &Operation) -> String {
    let invoke = history.invoke(op);
    let asked = question(invoke);
    match history.ret(op) {
        None => format!("{asked} -> no answer"),
        Some(ret) => format!("{asked} -> {}", answer(ret)),
    }
}

fn question(event: &Event) -> String {
    let value = event.value.as_ref().filter(|value| **value != Value::Null);
    let number = |word: &str, number: Option<u64>| number.map(|number| format!("{word} {number}"));
    let parts = [
        Some(event.f.to_string()),
        event.key().map(short),
        event.element().or(value).map(short),
        number("if length is", event.expect()),
        number("from", event.from()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn answer(event: &Event) -> String {
    let error = event.error();
    match event.kind {
        Type::Fail => {
            let tail = event.tail().map(|tail| format!(" (length {tail})")).unwrap_or_default();
            format!("fail {}{tail}", error.unwrap_or("")).trim_end().to_owned()
        }
        Type::Info => format!("nobody knows {}", error.unwrap_or("")).trim_end().to_owned(),
        _ => {
            let list = matches!(event.value, Some(Value::List(_)));
            let value = event.value.as_ref().filter(|_| list || event.offset().is_none());
            let value = value.map(short);
            let offset = event.offset().map(|offset| format!("offset {offset}"));
            let tail = event.tail().map(|tail| format!("length {tail}"));
            let parts: Vec<String> = [value, offset, tail].into_iter().flatten().collect();
            parts.join(", ")
        }
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::List(values) if values.len() > ENTRIES_MAX => {
            let last = &values[values.len() - 2..];
            format!("[{}, ... {}, {}]", values[0], last[0], last[1])
        }
        other => {
            let text = other.to_string();
            if text.chars().count() <= 32 {
                return text; // a line of a drawing should fit a terminal
            }
            format!("{}...", text.chars().take(29).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::notation::read;

    fn check(text: &str, events: &[u64], drawing: &str) {
        let drawn = draw(&read(text).unwrap(), events);
        assert_eq!(drawn.trim_end(), drawing.trim_matches('\n').trim_end(), "\n{drawn}");
    }

    #[test]
    fn operations_one_after_the_other() {
        check(
            "a: append 93 @n1 -> 43  b: tail @n2 -> 41",
            &[1, 3],
            "
p0 n1   |--append 93 -> offset 43--|
p1 n2                                 |--tail -> length 41--|",
        );
    }

    #[test]
    fn operations_that_overlap_and_one_without_an_answer() {
        check(
            "a> append 1  b> read 2  c: append 9 -> 0  b< [1 2 3 4 5]  a< fail overloaded  b> tail",
            &[0, 1, 6],
            "
p0   |--append 1 -> fail overloaded---------|
p1      |--read from 2 -> [1, ... 4, 5]--|
p1                                             |--tail -> no answer--...",
        );
    }

    #[test]
    fn events_that_are_not_operations_draw_nothing() {
        check("a: tail -> 0", &[17], "");
    }
}
