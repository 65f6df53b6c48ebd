//! A history as objects, one a key.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::history::{Event, History, Type, Value};
use crate::models::ModelError;
use crate::models::spec::{Call, Spec, Timed};

const NOBODY: u32 = Timed::<()>::NOBODY;

pub(super) struct Object<Op> {
    pub key: Option<Value>,
    pub ops: Vec<Timed<Op>>,
}

/// Reads every operation, key by key, in the order in which keys first come.
pub(crate) fn objects<S: Spec>(
    spec: &S,
    history: &History,
) -> Result<Vec<Object<S::Op>>, ModelError> {
    let mut objects: Vec<Object<S::Op>> = Vec::new();
    let mut places: HashMap<Option<&Value>, usize, FixedState> = HashMap::default();
    let mut processes: HashMap<u64, u32, FixedState> = HashMap::default();
    let mut process_of = |number: u64| {
        let next = processes.len() as u32;
        *processes.entry(number).or_insert(next)
    };
    let touches = history.touches();
    for (id, operation) in history.operations().iter().enumerate() {
        let asked = history.invoke(operation);
        let answered = history.ret(operation).filter(|event| event.kind != Type::Info);
        let call = Call { asked, answered };
        let op = spec.read(&call).map_err(|message| {
            let index = answered.unwrap_or(asked).index;
            ModelError { index, message }
        })?;
        let key = asked.key().or(answered.and_then(Event::key));
        let Some(op) = op else { continue };
        let place = *places.entry(key).or_insert_with(|| {
            objects.push(Object { key: key.cloned(), ops: Vec::new() });
            objects.len() - 1
        });
        let ret = operation.ret().filter(|_| answered.is_some()).map_or(u32::MAX, |at| at as u32);
        let process = if touches { process_of(operation.process) } else { NOBODY };
        let (id, invoke) = (id as u32, operation.invoke() as u32);
        objects[place].ops.push(Timed { op, id, invoke, ret, process });
    }
    Ok(objects)
}
