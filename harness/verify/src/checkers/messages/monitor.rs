//! Messages judged while a run goes on: what was received and is not there to be received. That
//! something is lost can only be said at the end.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::checkers::Monitor;
use crate::history::{Event, Process, Type, Value};
use crate::models::spec::Call;
use crate::models::total_queue::{Did, asked, taken};
use crate::verdict::{Anomaly, Kind, Verdict};

type Place = (Option<Value>, Value);

#[derive(Default)]
pub(crate) struct MessageMonitor {
    open: HashMap<u64, Event, FixedState>,
    /// How often each message may have been put in, and was received for certain.
    messages: HashMap<Place, (u64, u64), FixedState>,
    anomalies: Vec<Anomaly>,
}

impl MessageMonitor {
    fn returns(&mut self, question: &Event, event: &Event) -> Option<Anomaly> {
        let answered = matches!(event.kind, Type::Ok | Type::Fail).then_some(event);
        let call = Call { asked: question, answered };
        let key = question.key().cloned();
        if let Did::Enqueue(value) = asked(&call).ok()? {
            let place = (key, value.clone());
            if call.did_not_happen()
                && let Some((put, _)) = self.messages.get_mut(&place)
            {
                *put -= 1;
            }
            return None;
        }
        let unconfirmed = match (event.kind, &event.value) {
            (Type::Info, Some(value)) if *value != Value::Null => std::slice::from_ref(value),
            _ => &[],
        };
        let confirmed = taken(&call).ok()?;
        let received = confirmed.iter().map(|value| (value, true));
        for (value, is_confirmed) in received.chain(unconfirmed.iter().map(|value| (value, false)))
        {
            let (put, got) = self.messages.entry((key.clone(), value.clone())).or_default();
            *got += u64::from(is_confirmed);
            let (kind, why) = if *put == 0 {
                (Kind::UnexpectedMessage, "which nobody had put in".to_owned())
            } else if *got > *put {
                (Kind::DuplicatedMessage, format!("for the {got}. time, and it was put in {put}"))
            } else {
                continue;
            };
            let explanation = format!("{} received {value}, {why}", question.process());
            let events = vec![question.index, event.index];
            return Some(Anomaly { kind, explanation, events, time_ns: event.time() });
        }
        None
    }
}

impl Monitor for MessageMonitor {
    fn observe(&mut self, event: &Event) -> Option<Anomaly> {
        let Process::Client(process) = event.process() else { return None };
        if event.kind != Type::Invoke {
            let question = self.open.remove(&process)?;
            let found = self.returns(&question, event)?;
            self.anomalies.push(found.clone());
            return Some(found);
        }
        if let Ok(Did::Enqueue(value)) = asked(&Call { asked: event, answered: None }) {
            let place = (event.key().cloned(), value.clone());
            self.messages.entry(place).or_default().0 += 1;
        }
        self.open.insert(process, event.clone());
        None
    }

    fn finish(self: Box<Self>) -> Verdict {
        if self.anomalies.is_empty() { Verdict::Valid } else { Verdict::Violated(self.anomalies) }
    }
}
