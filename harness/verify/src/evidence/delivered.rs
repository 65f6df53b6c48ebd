//! Reading `delivered/NODE.jsonl` (docs/reference/run-directory.md).

use std::borrow::Cow;

use super::lines::{self, Line};
use crate::history::Value;
use crate::history::scan::{INTEGER_MAX, ScanError, Scanner};

#[derive(Clone, Debug, Default)]
pub(crate) struct Delivered<'a> {
    pub steps: Vec<Step<'a>>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Step<'a> {
    Boot(u64),
    /// Deliveries go on from this length, whose chain is this.
    Restore {
        line: u32,
        length: u64,
        chain: u64,
    },
    Deliver {
        line: u32,
        entry: Entry<'a>,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry<'a> {
    pub offset: u64,
    pub value: Value,
    /// The value as the file spells it: what the chain is over.
    pub spelled: &'a str,
    pub session: Option<(Cow<'a, str>, u64)>,
    pub epoch: Option<u64>,
}

enum Said<'a> {
    Restore(u64, u64),
    Deliver(Entry<'a>),
}

/// Reads the file of this node. An error names the line.
pub(crate) fn parse<'a>(node: &str, bytes: &'a [u8]) -> Result<Delivered<'a>, String> {
    let lines = lines::parse(&format!("delivered/{node}.jsonl"), bytes, read)?;
    let step = |line| match line {
        Line::Boot(k) => Step::Boot(k),
        Line::Other(line, Said::Restore(length, chain)) => Step::Restore { line, length, chain },
        Line::Other(line, Said::Deliver(entry)) => Step::Deliver { line, entry },
    };
    Ok(Delivered { steps: lines.into_iter().map(step).collect() })
}

impl Delivered<'_> {
    /// Every value the node ever delivered at this offset.
    pub fn ever(&self, offset: u64) -> impl Iterator<Item = &Value> {
        self.steps.iter().filter_map(move |step| match step {
            Step::Deliver { entry, .. } if entry.offset == offset => Some(&entry.value),
            _ => None,
        })
    }
}

fn read(line: &str) -> Result<Said<'_>, ScanError> {
    let mut scanner = Scanner::new(line);
    let (mut offset, mut value, mut client, mut seq, mut epoch) = (None, None, None, None, None);
    let (mut length, mut chain) = (None, None);
    scanner.object(|scanner, name| {
        match name {
            "offset" => offset = Some(scanner.number(INTEGER_MAX)?),
            "value" => value = Some(scanner.skip()?),
            "client" => client = Some(scanner.string()?),
            "seq" => seq = Some(scanner.number(INTEGER_MAX)?),
            "epoch" => epoch = scanner.number_or_null(INTEGER_MAX)?,
            "restore" => scanner.object(|scanner, name| {
                match name {
                    "length" => length = Some(scanner.number(INTEGER_MAX)?),
                    "chain" => chain = u64::from_str_radix(&scanner.string()?, 16).ok(),
                    _ => drop(scanner.skip()?),
                }
                Ok(())
            })?,
            _ => drop(scanner.skip()?),
        }
        Ok(())
    })?;
    scanner.end()?;
    match (offset, value, length, chain) {
        (_, _, Some(length), Some(chain)) => Ok(Said::Restore(length, chain)),
        (Some(offset), Some(spelled), ..) => {
            let value = Scanner::new(spelled).value()?;
            let session = client.zip(seq);
            Ok(Said::Deliver(Entry { offset, value, spelled, session, epoch }))
        }
        _ => Err(ScanError {
            at: 0,
            message: "expected `offset` and `value`, or `restore` with `length` and `chain`".into(),
            cut: false,
        }),
    }
}
