//! What must be remembered of every operation to name it in a certificate.
//! It never keeps values: those are in the content.

use crate::history::{Event, Name, Process, Type};

/// Names an operation within one checker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct OpId(pub u32);

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub process: u64,
    /// The event's index, and the position in the order of events.
    pub invoke: u64,
    pub invoke_rank: u64,
    /// The same of the return; `u64::MAX` while there is none.
    pub ret: u64,
    pub ret_rank: u64,
    pub node: Option<Name>,
    /// It is an append that was given an offset.
    pub is_append: bool,
}

/// Every operation, by id.
#[derive(Default)]
pub(super) struct Ops(Vec<Op>);

impl Ops {
    pub fn open(&mut self, event: &Event, rank: u64, is_append: bool) -> OpId {
        let process = match event.process() {
            Process::Client(number) => number,
            Process::Nemesis => unreachable!("the nemesis has no operations"),
        };
        let id = OpId(u32::try_from(self.0.len()).expect("fewer than 2^32 operations"));
        self.0.push(Op {
            process,
            invoke: event.index,
            invoke_rank: rank,
            ret: u64::MAX,
            ret_rank: u64::MAX,
            node: event.node.clone(),
            is_append,
        });
        id
    }

    pub fn close(&mut self, id: OpId, event: &Event, rank: u64) {
        let op = &mut self.0[id.0 as usize];
        op.ret = event.index;
        op.ret_rank = rank;
        op.is_append &= event.kind == Type::Ok;
        if event.node.is_some() {
            op.node.clone_from(&event.node);
        }
    }

    pub fn get(&self, id: OpId) -> &Op {
        &self.0[id.0 as usize]
    }

    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
