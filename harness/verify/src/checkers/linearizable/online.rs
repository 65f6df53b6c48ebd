//! A run judged while it goes on, key by key, by the search. It says nothing of what it does not
//! understand or cannot follow: the check after the run says it all.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::explain::told;
use super::open::{Open, of_key};
use super::search::{Online, Told};
use crate::budget::{Budget, Meter};
use crate::checkers::Monitor;
use crate::history::{Event, Process, Type, Value};
use crate::models::spec::{Call, Spec};
use crate::verdict::{Anomaly, Kind, Verdict};

pub(super) struct SearchMonitor<S: Spec> {
    spec: S,
    meter: Meter,
    keys: HashMap<Option<Value>, usize, FixedState>,
    /// Each with whether it was said that it is broken, or given up.
    objects: Vec<(Online<S>, bool)>,
    /// The question, its ticket and its object. None: it could not be read.
    open: Open<Option<(Event, u64, usize)>>,
    /// Counts events; also gives tickets.
    events: u32,
    anomalies: Vec<Anomaly>,
    doubts: Vec<String>,
}

impl<S: Spec> SearchMonitor<S> {
    /// At the start; it holds no more than so many bytes.
    pub fn new(spec: S, memory_bytes: u64) -> Self {
        // A run takes as long as it takes: how much work an event may make is limited, not this.
        SearchMonitor {
            spec,
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
        *self.keys.entry(key).or_insert_with(|| {
            self.objects.push((Online::new(self.spec.clone()), false));
            self.objects.len() - 1
        })
    }

    fn invoke(&mut self, process: u64, event: &Event) {
        let call = Call { asked: event, answered: None };
        match self.spec.read(&call) {
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
        let call = Call { asked: &asked, answered: Some(event) };
        let found = if event.kind == Type::Info {
            object.lose(ticket, &self.meter)
        } else {
            match self.spec.read(&call) {
                Ok(op) => object.ret(ticket, self.events, op, &self.meter),
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
            explanation: format!("{key}{what} cannot be explained (event {index})"),
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

impl<S: Spec> Monitor for SearchMonitor<S> {
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
            match object.finish(&self.meter) {
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
        let mut monitor = Box::new(SearchMonitor::new(Register::default(), 1 << 20));
        history.events().iter().for_each(|event| drop(monitor.observe(event)));
        monitor.finish()
    }

    #[test]
    fn an_answer_belongs_to_the_operation_that_was_asked_first() {
        assert_eq!(told(1), Verdict::Valid);
        assert_eq!(told(2).in_short(), "non-linearizable");
    }
}
