//! Reading `trace/NODE.jsonl` (docs/reference/run-directory.md). Events that are not known here
//! are read over: other protocols have more.

use super::Evidence;
use super::lines::{self, Line};
use crate::history::Name;
use crate::history::order::Names;
use crate::history::scan::{INTEGER_MAX, ScanError, Scanner};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Said {
    /// Its number in the file, from 1.
    pub line: u32,
    /// The machine's monotonic clock, in nanoseconds.
    pub at: u64,
    pub what: What,
}

/// An event of the protocol, with the fields of docs/reference/run-directory.md.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum What {
    Boot {
        epoch: u64,
        promise: Option<Name>,
        first: u64,
        last: u64,
        chain: u64,
    },
    /// `slot`: it binds this slot alone.
    Promise {
        epoch: u64,
        to: Name,
        slot: Option<u64>,
    },
    Role {
        leads: bool,
        epoch: u64,
        last: u64,
        chain: u64,
        /// What the leader opened with, as clients count, where it says so.
        length: Option<u64>,
    },
    Append {
        i: u64,
        epoch: u64,
        chain: u64,
    },
    Truncate {
        from: u64,
        epoch: u64,
    },
    Persist {
        upto: u64,
        chain: u64,
        epoch: u64,
        promise: Option<Name>,
    },
    /// `offset`: to a client, that its value is there.
    AckSent {
        i: u64,
        chain: u64,
        epoch: u64,
        offset: Option<u64>,
    },
    Commit {
        i: u64,
        chain: u64,
        epoch: u64,
        as_leader: bool,
    },
    Apply {
        i: u64,
        chain: u64,
        session: Option<(Name, u64)>,
        result: Option<u64>,
        fresh: bool,
    },
    Snap {
        i: u64,
        chain: u64,
    },
    Restore {
        i: u64,
        chain: u64,
        epoch: u64,
    },
    Config {
        set: Vec<Name>,
    },
    Read {
        index: u64,
        request_at: u64,
    },
    Recovered {
        epoch: u64,
    },
    Proposed(Offer),
    Accepted(Offer),
    Chosen(Offer),
}

/// A value offered for a slot in a ballot, by its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Offer {
    pub slot: u64,
    pub ballot: u64,
    pub hash: u64,
}

/// Reads the trace of this node, boot lines left out: the `boot` event says more.
pub(crate) fn parse(node: &str, bytes: &[u8], names: &mut Names) -> Result<Vec<Said>, String> {
    let lines = lines::parse(&format!("trace/{node}.jsonl"), bytes, |line| read(line, names))?;
    let said = lines.into_iter().filter_map(|line| match line {
        Line::Other(number, Some((at, what))) => Some(Said { line: number, at, what }),
        Line::Other(_, None) | Line::Boot(_) => None,
    });
    Ok(said.collect())
}

/// What a trace says of the course of decisions. Times are the machine's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Milestone {
    /// The node came to lead this epoch; with a log of this length, where it says so.
    Leads { at: u64, epoch: u64, length: Option<u64> },
    /// As the leader of this epoch it told a client that its value is at this offset, whoever else
    /// had it.
    Tells { at: u64, epoch: u64, offset: u64 },
    /// It learnt that something is decided for ever, in this epoch.
    Decides { at: u64, epoch: u64 },
}

impl Milestone {
    pub(crate) fn at(mut self) -> u64 {
        *self.at_mut()
    }

    pub(crate) fn at_mut(&mut self) -> &mut u64 {
        let (Milestone::Leads { at, .. }
        | Milestone::Tells { at, .. }
        | Milestone::Decides { at, .. }) = self;
        at
    }
}

/// Every milestone with its node's name.
pub(crate) fn milestones(evidence: &Evidence) -> Result<Vec<(String, Milestone)>, String> {
    let mut milestones = Vec::new();
    for (node, said) in evidence.traces.all_said()? {
        for Said { at, what, .. } in said {
            let at = *at;
            let milestone = match *what {
                What::Role { leads: true, epoch, length, .. } => {
                    Milestone::Leads { at, epoch, length }
                }
                What::AckSent { epoch, offset: Some(offset), .. } => {
                    Milestone::Tells { at, epoch, offset }
                }
                What::Commit { epoch, .. } => Milestone::Decides { at, epoch },
                What::Chosen(ref offer) => Milestone::Decides { at, epoch: offer.ballot },
                _ => continue,
            };
            milestones.push((node.to_owned(), milestone));
        }
    }
    Ok(milestones)
}

/// Every field that any event has.
#[derive(Default)]
struct Fields {
    at: Option<u64>,
    i: Option<u64>,
    epoch: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    from: Option<u64>,
    upto: Option<u64>,
    index: Option<u64>,
    request_at: Option<u64>,
    seq: Option<u64>,
    result: Option<u64>,
    length: Option<u64>,
    offset: Option<u64>,
    chain: Option<u64>,
    slot: Option<u64>,
    ballot: Option<u64>,
    hash: Option<u64>,
    to: Option<Name>,
    promise: Option<Name>,
    client: Option<Name>,
    fresh: Option<bool>,
    as_leader: Option<bool>,
    leads: Option<bool>,
    set: Option<Vec<Name>>,
}

/// None: an event that is not known here.
fn read(line: &str, names: &mut Names) -> Result<Option<(u64, What)>, ScanError> {
    let mut event = None;
    let mut f = Fields::default();
    let mut scanner = Scanner::new(line);
    scanner.object(|scanner, name| {
        let number = |scanner: &mut Scanner<'_>| scanner.number_or_null(INTEGER_MAX);
        match name {
            "e" => event = Some(scanner.string()?),
            "at" => f.at = scanner.number_or_null(u64::MAX)?,
            "i" => f.i = number(scanner)?,
            // An entry's epoch was called its birth by older nodes.
            "epoch" | "birth" => f.epoch = number(scanner)?,
            "first" => f.first = number(scanner)?,
            "last" => f.last = number(scanner)?,
            "from" => f.from = number(scanner)?,
            "upto" => f.upto = number(scanner)?,
            "index" => f.index = number(scanner)?,
            "request_at" | "request-at" => f.request_at = scanner.number_or_null(u64::MAX)?,
            "seq" => f.seq = number(scanner)?,
            "result" => f.result = number(scanner)?,
            "length" => f.length = number(scanner)?,
            "offset" => f.offset = number(scanner)?,
            "chain" => f.chain = Some(chain(scanner)?),
            // A slot may be the hash of a key: all 64 bits of it.
            "slot" => f.slot = scanner.number_or_null(u64::MAX)?,
            "ballot" => f.ballot = scanner.number_or_null(u64::MAX)?,
            "hash" => f.hash = Some(chain(scanner)?),
            "to" => f.to = name_or_null(scanner, names)?,
            "promise" => f.promise = name_or_null(scanner, names)?,
            "client" => f.client = name_or_null(scanner, names)?,
            "fresh" => f.fresh = Some(scanner.boolean()?),
            "as_leader" | "as-leader" => f.as_leader = Some(scanner.boolean()?),
            "role" => f.leads = Some(scanner.string()? == "leader"),
            "set" => {
                let text = scanner.skip()?;
                let set: Vec<String> = serde_json::from_str(text)
                    .map_err(|_| scanner.expected("`set` to be a list of nodes"))?;
                f.set = Some(set.iter().map(|node| names.get(node)).collect());
            }
            _ => drop(scanner.skip()?),
        }
        Ok(())
    })?;
    scanner.end()?;
    let lacking = |field: &str| ScanError {
        at: 0,
        message: format!("the field `{field}` is missing"),
        cut: false,
    };
    let event = event.ok_or_else(|| lacking("e"))?;
    let need = |field: Option<u64>, name: &str| field.ok_or_else(|| lacking(name));
    let chain = f.chain;
    let linked = || need(chain, "chain");
    let epoch = || need(f.epoch, "epoch");
    let i = || need(f.i, "i");
    let offer = || {
        let (slot, ballot) = (need(f.slot, "slot")?, need(f.ballot, "ballot")?);
        Ok(Offer { slot, ballot, hash: need(f.hash, "hash")? })
    };
    let what = match &*event {
        "boot" => What::Boot {
            epoch: epoch()?,
            promise: f.promise,
            first: need(f.first, "first")?,
            last: need(f.last, "last")?,
            chain: linked()?,
        },
        "promise" => {
            What::Promise { epoch: epoch()?, to: f.to.ok_or_else(|| lacking("to"))?, slot: f.slot }
        }
        "role" => What::Role {
            leads: f.leads.ok_or_else(|| lacking("role"))?,
            epoch: epoch()?,
            last: need(f.last, "last")?,
            chain: linked()?,
            length: f.length,
        },
        "append" => What::Append { i: i()?, epoch: epoch()?, chain: linked()? },
        "truncate" => What::Truncate { from: need(f.from, "from")?, epoch: epoch()? },
        "persist" => What::Persist {
            upto: need(f.upto, "upto")?,
            chain: linked()?,
            epoch: epoch()?,
            promise: f.promise,
        },
        "ack-sent" => {
            What::AckSent { i: i()?, chain: linked()?, epoch: epoch()?, offset: f.offset }
        }
        "commit" => What::Commit {
            i: i()?,
            chain: linked()?,
            epoch: epoch()?,
            as_leader: f.as_leader.ok_or_else(|| lacking("as_leader"))?,
        },
        "apply" => What::Apply {
            i: i()?,
            chain: linked()?,
            session: f.client.zip(f.seq),
            result: f.result,
            fresh: f.fresh.ok_or_else(|| lacking("fresh"))?,
        },
        "snap" => What::Snap { i: i()?, chain: linked()? },
        "restore" => What::Restore { i: i()?, chain: linked()?, epoch: epoch()? },
        "config" => What::Config { set: f.set.ok_or_else(|| lacking("set"))? },
        "read" => What::Read {
            index: need(f.index, "index")?,
            request_at: need(f.request_at, "request_at")?,
        },
        "recovered" => What::Recovered { epoch: epoch()? },
        "proposed" => What::Proposed(offer()?),
        "accepted" => What::Accepted(offer()?),
        "chosen" => What::Chosen(offer()?),
        _ => return Ok(None),
    };
    Ok(Some((need(f.at, "at")?, what)))
}

fn chain(scanner: &mut Scanner<'_>) -> Result<u64, ScanError> {
    let error = scanner.expected("a chain: up to 16 hex digits");
    u64::from_str_radix(&scanner.string()?, 16).map_err(|_| error)
}

fn name_or_null(scanner: &mut Scanner<'_>, names: &mut Names) -> Result<Option<Name>, ScanError> {
    if scanner.peek() == Some(b'n') {
        return scanner.skip().map(|_| None);
    }
    scanner.string().map(|text| Some(names.get(&text)))
}
