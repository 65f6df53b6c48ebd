//! What must be remembered of every operation to name it in a certificate: 32 bytes, because
//! histories have tens of millions of them.
//! It never keeps values: those are in the content.

use std::collections::HashMap;
use std::num::NonZeroU32;

use foldhash::fast::FixedState;

use crate::history::{Event, Name, Process, Type};

/// Names an operation within one checker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct OpId(NonZeroU32);

#[derive(Clone, Debug)]
pub(super) struct Op {
    /// The event's index, and the position in the order of events.
    pub invoke: u64,
    /// The same of the return; `u64::MAX` while there is none.
    pub ret: u64,
    pub invoke_rank: u32,
    pub ret_rank: u32,
    /// Its place in `Ops::who`.
    who: u32,
    /// It is an append that was given an offset.
    pub is_append: bool,
}

#[derive(Default)]
pub(super) struct Ops {
    all: Vec<Op>,
    who: Vec<(u64, Option<Name>)>,
    /// For each process its last place in `who`: it mostly asks one node.
    last: HashMap<u64, u32, FixedState>,
    places: HashMap<(u64, Option<Name>), u32, FixedState>,
}

impl Ops {
    pub fn open(&mut self, event: &Event, rank: u32, is_append: bool) -> OpId {
        let Process::Client(process) = event.process() else {
            unreachable!("the nemesis has no operations")
        };
        let who = self.who(process, event.node.as_ref());
        self.all.push(Op {
            invoke: event.index,
            invoke_rank: rank,
            ret: u64::MAX,
            ret_rank: u32::MAX,
            who,
            is_append,
        });
        let count = u32::try_from(self.all.len()).expect("fewer than 2^32 operations");
        OpId(NonZeroU32::new(count).expect("one was just put there"))
    }

    pub fn close(&mut self, id: OpId, event: &Event, rank: u32) {
        if event.node.is_some() {
            let who = self.who(self.process(id), event.node.as_ref());
            self.get_mut(id).who = who;
        }
        let op = self.get_mut(id);
        op.ret = event.index;
        op.ret_rank = rank;
        op.is_append &= event.kind == Type::Ok;
    }

    pub fn get(&self, id: OpId) -> &Op {
        &self.all[id.0.get() as usize - 1]
    }

    pub fn process(&self, id: OpId) -> u64 {
        self.who[self.get(id).who as usize].0
    }

    /// The node that answered, or was asked.
    pub fn node(&self, id: OpId) -> Option<&Name> {
        self.who[self.get(id).who as usize].1.as_ref()
    }

    pub fn len(&self) -> u64 {
        self.all.len() as u64
    }

    fn get_mut(&mut self, id: OpId) -> &mut Op {
        &mut self.all[id.0.get() as usize - 1]
    }

    fn who(&mut self, process: u64, node: Option<&Name>) -> u32 {
        if let Some(&place) = self.last.get(&process)
            && self.who[place as usize].1.as_ref() == node
        {
            return place;
        }
        let place = *self.places.entry((process, node.cloned())).or_insert_with(|| {
            self.who.push((process, node.cloned()));
            self.who.len() as u32 - 1
        });
        self.last.insert(process, place);
        place
    }
}
