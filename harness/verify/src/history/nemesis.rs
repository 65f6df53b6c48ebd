//! What the nemesis did, by kind, as its remarks say it. It never judges them, and of a remark that
//! it cannot read it says so.

use schism_facts::NodeId;
use schism_facts::remark::{
    self, Death, Doubt, FinalRead, Heal, Healed, Misread, Phase, Reason, Remark, Settled, Stall,
    Start,
};

use super::formats::meaning;
use super::{Event, History, Name, Process, Type, Value};

/// Everything the nemesis said, in the order it was said.
#[derive(Clone, Debug, Default)]
pub struct Said<'a> {
    /// When each phase began.
    pub phases: Vec<(&'a Event, Phase)>,
    /// Every strike that began.
    pub strikes: Vec<Strike<'a>>,
    /// From when on progress could be demanded, or no longer.
    pub can_progress: Vec<(&'a Event, bool)>,
    /// Who could be asked from then on.
    pub serving: Vec<(&'a Event, Vec<NodeId>)>,
    /// Who led from then on, and in which epoch; nobody where there is no name.
    pub leaders: Vec<(&'a Event, Option<String>, u64)>,
    /// From when on the system could not go on, and why; or could again.
    pub memory_lost: Vec<(&'a Event, Option<String>)>,
    /// Nodes that died though nobody killed them.
    pub deaths: Vec<(&'a Event, Death)>,
    /// When the machine itself stood still.
    pub stalls: Vec<Stall>,
    /// Connections past the proxy.
    pub bypasses: Vec<(&'a Event, String)>,
    /// How often it was looked for them.
    pub bypass_checks: u64,
    /// When everything was healed.
    pub healed: Option<&'a Event>,
    /// The last end of settling.
    pub settled: Option<(&'a Event, Settled)>,
    /// What became of reading each node to its end.
    pub final_reads: Vec<FinalRead>,
    /// What of the harness's own went wrong.
    pub troubles: Vec<(&'a Event, String)>,
    /// What ended the run, and what could not be done.
    pub end: Option<(Reason, Option<String>)>,
    /// What was not understood.
    pub doubts: Vec<(&'a Event, Doubt)>,
}

/// One overlay of one strike of a fault.
#[derive(Clone, Debug)]
pub struct Strike<'a> {
    /// The fault's key: `partition`, `crash`, ...
    pub fault: &'a Name,
    /// When it was applied.
    pub started: &'a Event,
    /// What was applied.
    pub start: Start,
    /// When its heal was confirmed, and what it had done. None: it never was.
    pub healed: Option<(&'a Event, Heal)>,
}

impl Strike<'_> {
    /// Whether it had an effect, as said at its heal.
    pub fn is_effective(&self) -> bool {
        self.healed.as_ref().is_some_and(|(_, heal)| heal.is_effective())
    }
}

impl<'a> Said<'a> {
    /// Reads every remark among these events.
    pub fn of(events: &'a [Event]) -> Said<'a> {
        let mut said = Said::default();
        let remarks = events.iter().filter(|event| event.process() == Process::Nemesis);
        // That one is about the file and not about the run.
        for event in remarks.filter(|event| &*event.f != meaning::REMARK) {
            let (remark, doubt) = read(event);
            said.doubts.extend(doubt.map(|doubt| (event, doubt)));
            if let Some(remark) = remark {
                said.hear(event, remark);
            }
        }
        said
    }

    fn hear(&mut self, event: &'a Event, remark: Remark) {
        match remark {
            Remark::Phase(phase) => self.phases.push((event, phase)),
            Remark::CanProgress(can) => self.can_progress.push((event, can)),
            Remark::Serving(nodes) => self.serving.push((event, nodes)),
            Remark::Leader { node, epoch } => {
                let node = node.map(|node| node.to_string());
                self.leaders.push((event, node, epoch.unwrap_or(0)));
            }
            Remark::MemoryLost { why } => self.memory_lost.push((event, why)),
            Remark::Death(death) => self.deaths.push((event, death)),
            Remark::Stall(stall) => self.stalls.push(stall),
            Remark::Bypass { what } => self.bypasses.push((event, what)),
            Remark::BypassCheck { checks } => self.bypass_checks += checks,
            Remark::Healed { what: Healed::All } => self.healed = Some(event),
            Remark::Healed { what: Healed::Enough } | Remark::Operator { .. } => {}
            Remark::Settled(settled) => self.settled = Some((event, settled)),
            Remark::FinalRead(read) => self.final_reads.push(read),
            Remark::Trouble { what } => self.troubles.push((event, what)),
            Remark::End { reason, why } => self.end = Some((reason, why)),
            Remark::Fault(_, remark::Strike::Start(start)) => {
                let (fault, started) = (&event.f, event);
                self.strikes.push(Strike { fault, started, start, healed: None });
            }
            Remark::Fault(_, remark::Strike::Heal(heal)) => {
                let is_its = |strike: &&mut Strike<'_>| {
                    strike.healed.is_none()
                        && *strike.fault == event.f
                        && strike.start.overlay == heal.overlay
                };
                if let Some(strike) = self.strikes.iter_mut().rfind(is_its) {
                    strike.healed = Some((event, heal));
                }
            }
            Remark::Fault(_, remark::Strike::Skip { .. }) => {}
        }
    }

    /// Why a remark of this name could not be read. None: all could.
    pub fn unreadable(&self, f: &str) -> Option<String> {
        let wrong = |doubt: &Doubt| doubt.f == f && matches!(doubt.what, Misread::Unreadable(_));
        let (event, doubt) = self.doubts.iter().find(|(_, doubt)| wrong(doubt))?;
        Some(format!("event {}: {doubt}", event.index))
    }

    /// Since when, and why, the system cannot go on whatever is healed, as known at this time.
    pub fn memory_lost_at(&self, at_ns: u64) -> Option<(u64, &str)> {
        let known = |event: &Event| event.time().is_none_or(|time| time <= at_ns);
        let (event, why) = self.memory_lost.iter().rfind(|(event, _)| known(event))?;
        Some((event.time().unwrap_or(0), why.as_deref()?))
    }
}

/// What an event of the nemesis says, and what of it was not understood.
pub fn read(event: &Event) -> (Option<Remark>, Option<Doubt>) {
    let text = event.value.as_ref().map(Value::to_string).unwrap_or_default();
    Remark::read(&event.f, &serde_json::from_str(&text).unwrap_or_default())
}

/// A remark as an event that nobody has stamped yet.
pub fn event(remark: &Remark) -> Event {
    let (f, value) = remark.write();
    let mut event = Event::new(Process::Nemesis, Type::Info, f);
    event.value = Some(match value {
        serde_json::Value::String(text) => Value::Str(text.into()),
        serde_json::Value::Bool(truth) => Value::Bool(truth),
        other => Value::Other(other.to_string().into()),
    });
    event
}

/// The place of the event from which on every node is read to its end.
pub fn final_reads_at(history: &History) -> Option<usize> {
    let begins = |event: &Event| {
        event.process() == Process::Nemesis
            && &*event.f == "phase"
            && read(event).0 == Some(Remark::Phase(Phase::FinalReads))
    };
    history.events().iter().position(begins)
}
