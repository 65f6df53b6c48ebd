//! A client in any language: a program that is asked in the line protocol on its standard input and
//! answers on its standard output (docs/reference/client-protocol.md). Every question also says
//! which `node` is to be asked. It never asks twice: one invoke is one effect.

use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

use schism_verify::history::{Event, Name};
use schism_verify::models::{CLIENT_DIED, Model};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::lines::{self, Body, LINE_BYTES_MAX, Opened, Promoted};
use super::{Client, Completion, Control, Dial, NodeStatus, Program, Refusal, quote};
use crate::action::NodeId;
use crate::clock::Local;

/// A program that left so many questions in a row unanswered hangs: it is ended, and started anew.
const UNANSWERED_MAX: u32 = 5;

/// Before its first answer it may still be starting: some virtual machines take seconds.
const UNANSWERED_AT_FIRST_MAX: u32 = 60;

/// Asks nodes through a program.
pub struct ProgramClient {
    model: &'static Model,
    dial: Rc<dyn Dial>,
    argv: Vec<String>,
    state: State,
    next_id: u64,
}

enum State {
    Starting(Local<'static, io::Result<Box<dyn Program>>>),
    Running(Running),
    /// Nobody has begun to start it.
    Nothing,
}

struct Running {
    program: Box<dyn Program>,
    /// What it has not taken yet. A question that was given up is sent to its end all the same, or
    /// the next would begin within it.
    to_send: Vec<u8>,
    /// Received and not yet used.
    received: Vec<u8>,
    /// Questions that were given up: their answers may still come, and nobody waits for them.
    late: BTreeSet<u64>,
    /// So many questions since its last answer.
    unanswered: u32,
    spoke: bool,
}

/// What a line of the program means for the question that was asked.
enum Line<T> {
    Answer(Result<T, Refusal>),
    /// Of a question that was given up.
    Late,
}

impl ProgramClient {
    /// A client of this model. Its program is started at once.
    pub fn new(model: &'static Model, dial: Rc<dyn Dial>, argv: Vec<String>) -> Self {
        let state = State::Starting(dial.program(&argv));
        ProgramClient { model, dial, argv, state, next_id: 1 }
    }

    fn begin(&mut self, op: &str) -> (u64, Vec<u8>) {
        let (id, mut line) = (self.next_id, Vec::with_capacity(128));
        self.next_id += 1;
        lines::begin(&mut line, id, op);
        (id, line)
    }

    /// Asks for something that has no more to it than its name. The answer, and its line.
    async fn ask_for<T: DeserializeOwned>(&mut self, node: NodeId, op: &str) -> Said<T> {
        let (id, line) = self.begin(op);
        self.ask(node, id, line).await
    }

    async fn ask<T: DeserializeOwned>(&mut self, node: NodeId, id: u64, line: Vec<u8>) -> Said<T> {
        let running = match self.running().await {
            Ok(running) => running,
            Err(error) => {
                let error = format!("{CLIENT_DIED}: it cannot be started: {error}");
                // Nobody was asked.
                return (Err(Refusal::certain(quote(error.as_bytes()))), Vec::new());
            }
        };
        match running.exchange(node, id, line).await {
            Some(said) => said,
            None => (Err(Refusal::unknown(self.ended().await)), Vec::new()),
        }
    }

    /// The program, started anew where it hangs.
    async fn running(&mut self) -> io::Result<&mut Running> {
        if let State::Running(running) = &self.state
            && running.hangs()
        {
            self.state = State::Nothing;
        }
        if let State::Nothing = self.state {
            self.state = State::Starting(self.dial.program(&self.argv));
        }
        if let State::Starting(starting) = &mut self.state {
            self.state = match starting.await {
                Ok(program) => State::Running(Running::new(program)),
                Err(error) => {
                    self.state = State::Nothing;
                    return Err(error);
                }
            };
        }
        let State::Running(running) = &mut self.state else { unreachable!("it was started") };
        Ok(running)
    }

    /// Starts another; how this one ended.
    async fn ended(&mut self) -> String {
        let next = State::Starting(self.dial.program(&self.argv));
        let State::Running(Running { program, .. }) = std::mem::replace(&mut self.state, next)
        else {
            unreachable!("it was asked")
        };
        let words = format!("{CLIENT_DIED}: {}", program.last_words().await);
        quote(words.as_bytes())
    }
}

/// An answer, and the line that it stands in.
type Said<T> = (Result<T, Refusal>, Vec<u8>);

impl Running {
    fn new(program: Box<dyn Program>) -> Self {
        let (to_send, received) = (Vec::new(), Vec::with_capacity(8 << 10));
        let late = BTreeSet::new();
        Running { program, to_send, received, late, unanswered: 0, spoke: false }
    }

    fn hangs(&self) -> bool {
        self.unanswered >= if self.spoke { UNANSWERED_MAX } else { UNANSWERED_AT_FIRST_MAX }
    }

    /// Asks once, as often as this future is waited for. None: the program has ended.
    async fn exchange<T: DeserializeOwned>(
        &mut self,
        node: NodeId,
        id: u64,
        line: Vec<u8>,
    ) -> Option<Said<T>> {
        self.unanswered += 1;
        // Until its answer is taken, whoever gives up leaves it to come late.
        self.late.insert(id);
        self.to_send.extend(line);
        self.to_send.extend_from_slice(format!(",\"node\":\"{node}\"}}\n").as_bytes());
        while !self.to_send.is_empty() {
            match self.program.input().write(&self.to_send).await {
                Ok(0) | Err(_) => return None,
                Ok(bytes) => drop(self.to_send.drain(..bytes)),
            }
        }
        self.program.input().flush().await.ok()?;
        loop {
            while let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.received.drain(..=end).collect();
                line.pop();
                if let Line::Answer(said) = self.read(&line, id) {
                    return Some((said, line));
                }
            }
            if self.received.len() > LINE_BYTES_MAX {
                let wrong = format!("{} MiB and no end of the line", LINE_BYTES_MAX >> 20);
                let said = std::mem::take(&mut self.received);
                return Some((Err(Refusal::malformed(&wrong)), said));
            }
            match self.program.output().read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn read<T: DeserializeOwned>(&mut self, line: &[u8], id: u64) -> Line<T> {
        let (answered, said) = lines::parse(line);
        match answered {
            Some(other) if other != id => {
                if self.late.remove(&other) {
                    (self.unanswered, self.spoke) = (1, true);
                    return Line::Late;
                }
                let wrong = format!("an answer to {other}, which was not asked");
                Line::Answer(Err(Refusal::malformed(&wrong)))
            }
            _ => {
                // The answer to what was asked may still follow what is none.
                if answered.is_some() {
                    self.late.remove(&id);
                }
                (self.unanswered, self.spoke) = (0, true);
                Line::Answer(said)
            }
        }
    }
}

impl Client for ProgramClient {
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        let (id, mut line) = self.begin(&asked.f);
        lines::write_question(&mut line, self.model, asked);
        Box::pin(async move {
            let (said, line) = self.ask::<Body>(node, id, line).await;
            let done = Completion::new(self.model, asked, said.map(|body| body.answered));
            done.quoting(Some(&line).filter(|line| !line.is_empty()).map(Vec::as_slice))
        })
    }
}

impl Control for ProgramClient {
    fn open(&mut self, node: NodeId) -> Local<'_, Result<Name, Refusal>> {
        Box::pin(async move { self.ask_for::<Opened>(node, "open").await.0?.session() })
    }

    fn status(&mut self, node: NodeId) -> Local<'_, Result<NodeStatus, Refusal>> {
        Box::pin(async move {
            let (said, line) = self.ask_for::<serde_json::Value>(node, "status").await;
            said.map(|body| lines::status(&body)).map_err(|mut refusal| {
                if refusal.is_out_of_contract() {
                    refusal.detail = Some(quote(&line).into());
                }
                refusal
            })
        })
    }

    fn promote(&mut self, node: NodeId) -> Local<'_, Result<u64, Refusal>> {
        Box::pin(async move {
            let (said, _) = self.ask_for::<Promoted>(node, "promote").await;
            said.map(|promoted| promoted.epoch)
        })
    }

    /// The line protocol asks for it as for any other read.
    fn local_read<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        self.invoke(node, asked)
    }
}

#[cfg(test)]
mod tests;
