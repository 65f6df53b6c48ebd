//! Acknowledgements that a failover may take back, and which of them it may: the claim of a row
//! whose leader answers for what only it holds. What is delivered is never among them.

use std::collections::BTreeMap;

use bytes::Bytes;
use schism_protocol::{Acks, Epoch, ProtocolRow};

use crate::world::observer::Observer;
use crate::world::profile::Profile;

/// Whether a failover may lose what is acknowledged, by the row and the options given.
pub fn is_early(row: &ProtocolRow, profile: &Profile) -> bool {
    let given = profile.options.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    row.facts.acks(&given.collect()) == Acks::UntilFailover
}

/// Every early acknowledgement. A leader gives an offset of its epoch to one value.
#[derive(Default)]
pub struct Early(BTreeMap<(u64, Epoch), Ack>);

struct Ack {
    value: Bytes,
    /// None: an earlier try may have put it there.
    asked_at: Option<u64>,
    answered_at: u64,
}

impl Early {
    /// A node told a client just now that its value is at `offset`. Says what is wrong with that.
    pub fn told(
        &mut self,
        observer: &Observer,
        (node, offset, value): (usize, u64, &Bytes),
        asked_at: Option<u64>,
        answered_at: u64,
    ) -> Option<(&'static str, String)> {
        let Some(epoch) = observer.epoch_told(node, offset) else {
            return Some(("malformed", format!("n{} told of {offset} in no epoch", node + 1)));
        };
        let ack = Ack { value: value.clone(), asked_at, answered_at };
        let known = self.0.insert((offset, epoch), ack);
        if known.is_some_and(|known| known.value != *value) {
            return Some(("offset-conflict", format!("{offset} of {epoch:?} was given twice")));
        }
        let other = observer.canonical.get(offset as usize).filter(|there| *there != value)?;
        let why = format!("{offset} of {epoch:?} holds {other:?}");
        (!observer.opened_without(offset, epoch)).then_some(("lost-append", why))
    }

    /// How many are gone that may be. An error names one that may not.
    pub fn gone(&self, observer: &Observer) -> Result<usize, (&'static str, String)> {
        let mut gone = 0;
        // Whatever stays was put there in the order of offsets.
        let mut latest = 0;
        for (&(offset, epoch), ack) in &self.0 {
            if observer.canonical.get(offset as usize) == Some(&ack.value) {
                latest = latest.max(ack.asked_at.unwrap_or(0));
                if latest > ack.answered_at {
                    let why = format!("{offset} was answered before one below it was asked for");
                    return Err(("real-time-order", why));
                }
            } else if observer.opened_without(offset, epoch) {
                gone += 1;
            } else {
                let why = format!("{offset} of {epoch:?} is gone, and no later epoch lacked it");
                return Err(("lost-append", why));
            }
        }
        Ok(gone)
    }
}
