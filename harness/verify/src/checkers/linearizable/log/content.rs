//! What is known of the one log's content: per position the value and who showed it, per value how
//! often it was asked for and how often it was shown.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::ops::OpId;
use crate::history::Value;

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub value: Value,
    /// Who showed it first.
    pub by: OpId,
    /// The ok append that put it there, once one said so.
    pub append: Option<OpId>,
    /// An operation with a claim about real time showed it, so it is among `Uses::shown`.
    pub counted: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Uses {
    /// Appends invoked that have not failed.
    pub asked: u32,
    pub failed: u32,
    /// Positions that counted operations showed with it.
    pub shown: u32,
    /// The last of those positions.
    pub at: u64,
    /// The last append that asked for it, and the last that failed.
    pub asker: Option<OpId>,
    pub failure: Option<OpId>,
    /// A violation about this value was reported; one is enough.
    pub accused: bool,
}

/// Positions far beyond everything known are kept apart, so that lies of huge offsets cost no
/// memory: the dense part may be this much longer than four times the positions known.
const SLACK: u64 = 4096;

#[derive(Default)]
pub(super) struct Content {
    dense: Vec<Option<Cell>>,
    sparse: BTreeMap<u64, Cell>,
    known: u64,
    uses: HashMap<Value, Uses, FixedState>,
}

impl Content {
    pub fn get(&self, position: u64) -> Option<&Cell> {
        match self.dense.get(usize::try_from(position).unwrap_or(usize::MAX)) {
            Some(cell) => cell.as_ref(),
            None => self.sparse.get(&position),
        }
    }

    pub fn get_mut(&mut self, position: u64) -> Option<&mut Cell> {
        match self.dense.get_mut(usize::try_from(position).unwrap_or(usize::MAX)) {
            Some(cell) => cell.as_mut(),
            None => self.sparse.get_mut(&position),
        }
    }

    /// Fills a position that was unknown.
    pub fn set(&mut self, position: u64, cell: Cell) {
        let length = self.dense.len() as u64;
        self.known += 1;
        if position >= length.max(4 * self.known + SLACK) {
            self.sparse.insert(position, cell);
            return;
        }
        if position >= length {
            self.dense.resize(position as usize + 1, None);
            while let Some(entry) = self.sparse.first_entry()
                && *entry.key() <= position
            {
                let (at, cell) = entry.remove_entry();
                self.dense[at as usize] = Some(cell);
            }
        }
        self.dense[position as usize] = Some(cell);
    }

    /// One more than the last known position.
    pub fn end(&self) -> u64 {
        let sparse = self.sparse.last_key_value().map(|(&at, _)| at + 1);
        sparse.unwrap_or_else(|| {
            let last = self.dense.iter().rposition(Option::is_some);
            last.map_or(0, |at| at as u64 + 1)
        })
    }

    pub fn uses_of(&self, value: &Value) -> Option<&Uses> {
        self.uses.get(value)
    }

    /// The same, to be changed.
    pub fn uses(&mut self, value: &Value) -> &mut Uses {
        if !self.uses.contains_key(value) {
            self.uses.insert(value.clone(), Uses::default());
        }
        self.uses.get_mut(value).expect("it was just put there")
    }
}
