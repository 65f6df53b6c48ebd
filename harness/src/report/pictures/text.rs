//! The proof of an anomaly in letters, for a terminal and a log.
//! It never draws wider than it is told: what does not fit becomes a list.

use super::super::facts::Facts;
use super::super::facts::evidence::Evidence;
use super::super::facts::operations::Operation;
use crate::draw::text::cut;

/// A proof in letters: lines without line breaks.
pub struct Drawn {
    pub rows: Vec<String>,
    /// What there is to see in them.
    pub remark: Vec<String>,
}

/// Draws a proof, no line wider than `width`:
///
/// ```text
/// p7 n1   |--append 93 -> 43--|
/// p4 n2                          |--read -> tail 41--|
///                             ^ 44 entries were visible here, 3 are missing in the later answer
/// ```
pub fn draw(facts: &Facts<'_>, proof: &Evidence<'_, '_>, width: usize) -> Drawn {
    let longest = proof.operations.iter().map(|op| op.process.to_string().len()).max().unwrap_or(0);
    let name = |op: &&Operation<'_>| {
        format!("{:width$} {}", format!("p{}", op.process), cut(op.node(), 8), width = longest + 1)
    };
    let names: Vec<String> = proof.operations.iter().map(name).collect();
    let margin = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 3;
    let mut drawn = match place(proof) {
        Some(columns) if margin + last_column(&columns) < width => {
            bars(proof, &names, &columns, margin, width)
        }
        _ => list(facts, proof, &names, margin, width),
    };
    if proof.more > 0 {
        drawn.rows.push(format!("{:margin$}and {} more operations", "", proof.more));
    }
    drawn
}

fn last_column(columns: &[(usize, usize)]) -> usize {
    columns.iter().map(|column| column.1).max().unwrap_or(0)
}

/// First and last column of each bar: as narrow as labels allow, in the order of time.
fn place(proof: &Evidence<'_, '_>) -> Option<Vec<(usize, usize)>> {
    let operations = &proof.operations;
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
            let need = proof.labels[which].chars().count() + 5;
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
) -> Drawn {
    let mut rows = Vec::new();
    let named = proof.operations.iter().zip(&proof.labels).zip(names).zip(columns);
    for (((operation, label), name), (from, to)) in named {
        let room = to - from - 1 - label.chars().count();
        let (left, right) = ("-".repeat(room / 2), "-".repeat(room - room / 2));
        let close = if operation.to_ns.is_some() { '|' } else { '>' };
        let pad = " ".repeat(*from);
        rows.push(format!("{name:margin$}{pad}|{left}{label}{right}{close}"));
    }
    let mut remark = Vec::new();
    if let Some((at, text)) = &proof.remark {
        let column = |(op, column): (&&Operation<'_>, &(usize, usize))| {
            (op.to_ns == Some(*at)).then_some(column.1)
        };
        let at = proof.operations.iter().zip(columns).find_map(column).unwrap_or(0) + margin;
        let long = text.chars().count() + 2;
        if at + long <= width {
            remark.push(format!("{:at$}^ {text}", ""));
        } else if at + 1 >= long {
            remark.push(format!("{:1$}{text} ^", "", at + 1 - long));
        } else {
            remark.push(format!("{:at$}^", ""));
            remark.push(cut(&format!("{:margin$}{text}", ""), width));
        }
    }
    Drawn { rows, remark }
}

/// One operation a line, with its times.
fn list(
    facts: &Facts<'_>,
    proof: &Evidence<'_, '_>,
    names: &[String],
    margin: usize,
    width: usize,
) -> Drawn {
    let mut rows: Vec<String> = Vec::new();
    for ((operation, label), name) in proof.operations.iter().zip(&proof.labels).zip(names) {
        let to = operation.to_ns.map_or("no answer".into(), |to| facts.show(to));
        let times = format!("{} .. {to}", facts.show(operation.from_ns));
        rows.push(cut(&format!("{name:margin$}{times}  {label}"), width));
    }
    let remark = proof
        .remark
        .iter()
        .map(|(at, text)| cut(&format!("{:margin$}{}: {text}", "", facts.show(*at)), width));
    Drawn { rows, remark: remark.collect() }
}
