//! A protocol behind bytes: the server and the simulated cluster are not generic over messages.
//! It decodes, steps, encodes, and never looks at what it carries.

use bytes::Bytes;

use super::{Boot, BootError, Input, Machine, Output, Outputs, Protocol, Status, Time};
use crate::wire::{Wire, WireError};

struct Erased<P: Protocol> {
    protocol: P,
    out: Outputs<P::Message>,
}

/// Starts protocol `P` with these rules and hides its message type.
pub fn build<P>(
    boot: Boot,
    rules: &'static P::Rules,
    out: &mut Outputs<Bytes>,
) -> Result<Box<dyn Machine>, BootError>
where
    P: Protocol + Send + 'static,
    P::Message: Send,
{
    let mut typed = Vec::new();
    let protocol = P::recover(boot, rules, &mut typed)?;
    out.extend(typed.drain(..).map(encode));
    Ok(Box::new(Erased { protocol, out: typed }))
}

impl<P> Machine for Erased<P>
where
    P: Protocol + Send,
    P::Message: Send,
{
    fn step(
        &mut self,
        now: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError> {
        let input = match input {
            Input::Receive { from, message } => {
                Input::Receive { from, message: P::Message::decode(message)? }
            }
            Input::Tick => Input::Tick,
            Input::Request { ticket, request } => Input::Request { ticket, request },
            Input::Durable(mark) => Input::Durable(mark),
        };
        self.protocol.step(now, input, &mut self.out);
        out.extend(self.out.drain(..).map(encode));
        Ok(())
    }

    fn status(&self) -> Status {
        self.protocol.status()
    }
}

fn encode<M: Wire>(output: Output<M>) -> Output<Bytes> {
    match output {
        Output::Send { to, message, after } => {
            Output::Send { to, message: message.encode(), after }
        }
        Output::Persist { mark, record } => Output::Persist { mark, record },
        Output::Reply { ticket, reply, after } => Output::Reply { ticket, reply, after },
        Output::Deliver(delivery) => Output::Deliver(delivery),
        Output::Restored { length, chain } => Output::Restored { length, chain },
        Output::Trace(event) => Output::Trace(event),
        Output::WakeAt(time) => Output::WakeAt(time),
    }
}
