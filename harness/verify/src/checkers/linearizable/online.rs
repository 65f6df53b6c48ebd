//! A run judged while it goes on, key by key. It says nothing of what it does not understand or
//! cannot follow: the check after the run says it all.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::explain::told;
use super::judged::Judged;
use super::open::{Open, of_key};
use super::search::Told;
use super::watch::Watch;
use crate::budget::{Budget, Meter};
use crate::checkers::Monitor;
use crate::history::{Event, Process, Type, Value};
use crate::models::spec::{Call, Spec};
use crate::verdict::{Anomaly, Kind, Verdict};

pub(super) struct ObjectsMonitor<S: Spec> {
    judged: Judged<S>,
    memory_bytes: u64,
    meter: Meter,
    keys: HashMap<Option<Value>, usize, FixedState>,
    /// Each with whether it was said that it is broken, or given up.
    objects: Vec<(Watch<S>, bool)>,
    /// The question, its ticket and its object. None: it could not be read.
    open: Open<Option<(Event, u64, usize)>>,
    /// Counts events; also gives tickets.
    events: u32,
    anomalies: Vec<Anomaly>,
    doubts: Vec<String>,
}

impl<S: Spec> ObjectsMonitor<S> {
    /// At the start; it holds no more than so many bytes.
    pub fn new(judged: Judged<S>, memory_bytes: u64) -> Self {
        // A run takes as long as it takes: how much work an event may make is limited, not this.
        ObjectsMonitor {
            judged,
            memory_bytes,
            meter: Meter::start(Budget::of_memory(memory_bytes)),
            keys: HashMap::default(),
            objects: Vec::new(),
            open: Open::default(),
            events: 0,
            anomalies: Vec::new(),
            doubts: Vec::new(),
        }
    }

    fn object(&mut self, key: Option<&Value>) -> usize {
        let key = key.cloned();
        if !self.keys.contains_key(&key) {
            self.make_room();
        }
        *self.keys.entry(key).or_insert_with(|| {
            self.objects.push((Watch::new(&self.judged), false));
            self.objects.len() - 1
        })
    }

    /// Gives up on all objects so far where they hold too much. Most are out of use by then, where
    /// keys are replaced.
    fn make_room(&mut self) {
        let kept: u64 = self.objects.iter().map(|(object, _)| object.bytes()).sum();
        if kept > self.memory_bytes {
            self.objects.iter_mut().for_each(|(object, _)| object.give_up());
        }
    }

    fn invoke(&mut self, process: u64, event: &Event) {
        let call = Call { asked: event, answered: None };
        match self.judged.spec.read(&call) {
            Ok(op) => {
                let (at, ticket) = (self.object(event.key()), u64::from(self.events));
                self.objects[at].0.invoke(ticket, self.events, op);
                self.open.invoke(process, Some((event.clone(), ticket, at)));
            }
            Err(why) => {
                self.open.invoke(process, None);
                self.doubt(event, &why);
            }
        }
    }

    fn ret(&mut self, process: u64, event: &Event) -> Option<Anomaly> {
        let (asked, ticket, at) = self.open.ret(process).ok()??;
        let object = &mut self.objects[at].0;
        if let Some(Value::List(parts)) = &event.value {
            object.found(parts.len());
        }
        if object.bytes() > self.memory_bytes {
            object.give_up();
        }
        let call = Call { asked: &asked, answered: Some(event) };
        let found = if event.kind == Type::Info {
            object.lose(ticket, &self.meter)
        } else {
            match self.judged.spec.read(&call) {
                Ok(op) => object.ret(ticket, self.events, op, (&self.judged, &self.meter)),
                Err(why) => {
                    let found = object.lose(ticket, &self.meter);
                    self.doubt(event, &why);
                    found
                }
            }
        };
        if found == Told::Fine || std::mem::replace(&mut self.objects[at].1, true) {
            return None;
        }
        let key = of_key(asked.key());
        if found == Told::GaveUp {
            self.doubts.push(format!("{key}too much to be judged beside the run"));
            return None;
        }
        let (what, index) = (told(&asked, Some(event)), event.index);
        let anomaly = Anomaly {
            kind: Kind::NonLinearizable,
            explanation: format!("{key}once {what} (event {index}), no order explains the answers"),
            events: vec![asked.index, index],
            time_ns: event.time(),
        };
        self.anomalies.push(anomaly.clone());
        Some(anomaly)
    }

    fn doubt(&mut self, event: &Event, why: &str) {
        if self.doubts.is_empty() {
            self.doubts.push(format!("event {}: {why}", event.index));
        }
    }
}

impl<S: Spec> Monitor for ObjectsMonitor<S> {
    fn observe(&mut self, event: &Event) -> Option<Anomaly> {
        let Process::Client(process) = event.process() else { return None };
        self.events += 1;
        if event.kind == Type::Invoke {
            self.invoke(process, event);
            return None;
        }
        self.ret(process, event)
    }

    fn finish(mut self: Box<Self>) -> Verdict {
        for (object, _) in &mut self.objects {
            match object.finish(&self.judged, &self.meter) {
                Told::GaveUp if self.doubts.is_empty() => {
                    self.doubts.push("too much to be judged beside the run".into());
                }
                Told::Broken if self.anomalies.is_empty() => self.anomalies.push(Anomaly {
                    kind: Kind::NonLinearizable,
                    explanation: "no order of all operations explains their answers".into(),
                    events: Vec::new(),
                    time_ns: None,
                }),
                _ => {}
            }
        }
        if !self.anomalies.is_empty() {
            Verdict::Violated(self.anomalies)
        } else if let Some(doubt) = self.doubts.first() {
            Verdict::Unknown { reason: doubt.clone() }
        } else {
            Verdict::Valid
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judged;
    use super::*;
    use crate::history::History;
    use crate::models::register::Register;

    fn told(answer: u64) -> Verdict {
        // At one time a process is answered and asks again, so both are open for a moment.
        let lines = [
            r#""type":"invoke","f":"write","value":1"#,
            r#""type":"ok","f":"write","value":1"#,
            r#""type":"invoke","f":"read""#,
            &format!(r#""type":"ok","f":"read","value":{answer}"#),
        ];
        let lines = lines.map(|line| format!("{{\"process\":0,\"time\":5,{line}}}\n"));
        let (history, _) = History::parse(lines.concat().as_bytes()).unwrap();
        let mut monitor =
            Box::new(ObjectsMonitor::new(judged::register(Register::default()), 1 << 20));
        history.events().iter().for_each(|event| drop(monitor.observe(event)));
        monitor.finish()
    }

    #[test]
    fn an_answer_belongs_to_the_operation_that_was_asked_first() {
        assert_eq!(told(1), Verdict::Valid);
        assert_eq!(told(2).in_short(), "non-linearizable");
    }
}
