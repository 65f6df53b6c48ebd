//! A node whose every step is followed on the picture of its states: a way that the picture does
//! not have fails the run, so that what a lecture shows is all there is.

use bytes::Bytes;
use schism_protocol::wire::WireError;
use schism_protocol::{Input, Machine, Output, Outputs, States, Status, Time, Walk};

use super::trial::Subject;

struct Drawn {
    machine: Box<dyn Machine>,
    walk: Walk,
}

/// The machine, which has just started; as it is where nobody draws it.
pub fn drawn(machine: Box<dyn Machine>, states: States) -> Box<dyn Machine> {
    if states.boxes.is_empty() {
        return machine;
    }
    let mut drawn = Drawn { machine, walk: Walk::new(states) };
    drawn.follow(false, &[]);
    Box::new(drawn)
}

/// The picture to follow. None of a node that is alone, which goes two ways in one step, nor of
/// many decisions at once, of which each goes its own way.
pub fn states(subject: &Subject) -> States {
    let drawn = subject.profile.nodes > 1 && subject.row.facts.serves("log");
    if drawn { subject.states } else { States::NONE }
}

impl Drawn {
    fn follow(&mut self, timeout: bool, said: &[Output<Bytes>]) {
        if let Err(no_arrow) = self.walk.step(&*self.machine, timeout, said) {
            panic!("the picture has no arrow {}", no_arrow.0);
        }
    }
}

impl Machine for Drawn {
    fn step(
        &mut self,
        now: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError> {
        let (timeout, said) = (matches!(input, Input::Tick), out.len());
        self.machine.step(now, input, out)?;
        self.follow(timeout, &out[said..]);
        Ok(())
    }

    fn status(&self) -> Status {
        self.machine.status()
    }

    fn state(&self) -> &'static str {
        self.machine.state()
    }
}
