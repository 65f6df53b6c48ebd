//! The proof of an anomaly in letters, for a terminal and a log.
//! It never draws wider than it is told: what does not fit becomes a list.

use super::super::facts::Facts;
use super::super::facts::evidence::Evidence;
use super::super::facts::operations::{Operation, cut};

/// Lines without line breaks, none wider than `width`:
///
/// ```text
/// p7 n1   |--append 93 -> 43--|
/// p4 n2                          |--read -> tail 41--|
///                             ^ 44 entries were visible here, 3 are missing in the later answer
/// ```
pub fn draw(facts: &Facts<'_>, proof: &Evidence<'_, '_>, width: usize) -> Vec<String> {
    let longest = proof.operations.iter().map(|op| op.process.to_string().len()).max().unwrap_or(0);
    let name = |op: &&Operation<'_>| {
        format!("{:width$} {}", format!("p{}", op.process), cut(op.node(), 8), width = longest + 1)
    };
    let names: Vec<String> = proof.operations.iter().map(name).collect();
    let margin = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 3;
    let mut lines = match place(&proof.operations) {
        Some(columns) if margin + last_column(&columns) < width => {
            bars(proof, &names, &columns, margin, width)
        }
        _ => list(facts, proof, &names, margin, width),
    };
    if proof.more > 0 {
        lines.push(format!("{:margin$}and {} more operations", "", proof.more));
    }
    lines
}

fn last_column(columns: &[(usize, usize)]) -> usize {
    columns.iter().map(|column| column.1).max().unwrap_or(0)
}

/// First and last column of each bar: as narrow as labels allow, in the order of time.
fn place(operations: &[&Operation<'_>]) -> Option<Vec<(usize, usize)>> {
    let mut ends: Vec<(u64, bool, usize)> = Vec::new(); // time, is the return, which operation
    for (which, operation) in operations.iter().enumerate() {
        ends.push((operation.from_ns, false, which));
        ends.push((operation.to_ns.unwrap_or(u64::MAX), true, which));
    }
    ends.sort_unstable();
    let mut columns = vec![(0, 0); operations.len()];
    let mut column = 0_usize;
    let mut before: Option<u64> = None;
    for (time, is_return, which) in ends {
        // touching ends share a column; others are two apart
        if before.is_some_and(|before| before != time) {
            column += 2;
        }
        before = Some(time);
        if is_return {
            let need = operations[which].label().chars().count() + 5;
            column = column.max(columns[which].0 + need);
            columns[which].1 = column;
        } else {
            columns[which].0 = column;
        }
    }
    (!columns.is_empty()).then_some(columns)
}

fn bars(
    proof: &Evidence<'_, '_>,
    names: &[String],
    columns: &[(usize, usize)],
    margin: usize,
    width: usize,
) -> Vec<String> {
    let mut lines = Vec::new();
    for ((operation, name), (from, to)) in proof.operations.iter().zip(names).zip(columns) {
        let label = operation.label();
        let room = to - from - 1 - label.chars().count();
        let (left, right) = ("-".repeat(room / 2), "-".repeat(room - room / 2));
        let close = if operation.to_ns.is_some() { '|' } else { '>' };
        let pad = " ".repeat(*from);
        lines.push(format!("{name:margin$}{pad}|{left}{label}{right}{close}"));
    }
    if let Some((at, text)) = &proof.remark {
        let column = |(op, column): (&&Operation<'_>, &(usize, usize))| {
            (op.to_ns == Some(*at)).then_some(column.1)
        };
        let at = proof.operations.iter().zip(columns).find_map(column).unwrap_or(0) + margin;
        let long = text.chars().count() + 2;
        lines.push(if at + long <= width {
            format!("{:at$}^ {text}", "")
        } else if at + 1 >= long {
            format!("{:1$}{text} ^", "", at + 1 - long)
        } else {
            format!("{:at$}^\n{:margin$}{text}", "", "")
        });
    }
    lines.iter().flat_map(|line| line.split('\n').map(str::to_owned)).collect()
}

/// One operation a line, with its times.
fn list(
    facts: &Facts<'_>,
    proof: &Evidence<'_, '_>,
    names: &[String],
    margin: usize,
    width: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (operation, name) in proof.operations.iter().zip(names) {
        let to = operation.to_ns.map_or("no answer".into(), |to| facts.show(to));
        let times = format!("{} .. {to}", facts.show(operation.from_ns));
        lines.push(cut(&format!("{name:margin$}{times}  {}", operation.label()), width));
    }
    if let Some((at, text)) = &proof.remark {
        lines.push(cut(&format!("{:margin$}{}: {text}", "", facts.show(*at)), width));
    }
    lines
}
