//! What a worker does with each answer (docs/reference/workload.md, "Who asks whom").

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use schism_verify::history::{Event, Field, History, Name, Process, Type, Value};
use schism_verify::models;

use super::Shared;
use super::fake_log::{FakeLog, FakeSystem, Lie};
use super::virtual_time::Virtual;
use crate::action::{ClientId, NodeId};
use crate::clock::Clock;
use crate::clock::Local;
use crate::generate::Generator;
use crate::run::context::Context;
use crate::run::recorder::Recorder;
use crate::run::worker::{Manner, Worker};
use crate::systems::{Client, Completion, Control, NodeStatus, Refusal};

/// Answers from a list; what is not on it is never answered.
struct Scripted {
    answers: VecDeque<&'static str>,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Scripted {
    /// `ok` (with what was answered), `nothing` (no answer), `fail WORD`, `hint nX`, `info WORD`.
    async fn answer(&mut self, node: NodeId, what: String) -> Result<&'static str, Refusal> {
        self.asked.borrow_mut().push(format!("{node} {what}"));
        let answer = self.answers.pop_front().unwrap_or("nothing");
        let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
        match word {
            "ok" => Ok(rest),
            "fail" => Err(Refusal::certain(rest)),
            "hint" => {
                let leader = rest.parse().ok();
                Err(Refusal { leader, ..Refusal::certain("not-leader") })
            }
            "info" => Err(Refusal::unknown(rest)),
            "nothing" => std::future::pending().await,
            _ => panic!("{answer} is no answer"),
        }
    }
}

impl Client for Scripted {
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        let what = match asked.session() {
            Some((client, seq)) => format!("{} {client}/{seq}", asked.f),
            None => asked.f.to_string(),
        };
        Box::pin(async move {
            let field = if asked.f == "tail" { Field::Tail } else { Field::Offset };
            let said = self.answer(node, what).await.map(|_| vec![(field, Value::Int(0))]);
            Completion::new(models::named("log").unwrap(), asked, said)
        })
    }
}

impl Control for Scripted {
    fn open(&mut self, node: NodeId) -> Local<'_, Result<Name, Refusal>> {
        Box::pin(async move { self.answer(node, "open".into()).await.map(Name::from) })
    }

    fn status(&mut self, _: NodeId) -> Local<'_, Result<NodeStatus, Refusal>> {
        unreachable!("a worker asks for no status")
    }

    fn promote(&mut self, _: NodeId) -> Local<'_, Result<u64, Refusal>> {
        unreachable!("a worker promotes nobody")
    }

    fn local_read<'a>(&'a mut self, _: NodeId, _: &'a Event) -> Local<'a, Completion> {
        unreachable!("a worker reads no node to its end")
    }
}

/// Draws these operations and then stops the clients.
struct Listed {
    ops: VecDeque<&'static str>,
    context: Rc<Context>,
}

impl Generator for Listed {
    fn next(&mut self, process: u64, _: &mut ChaCha8Rng) -> Event {
        let f = self.ops.pop_front().expect("the clients were stopped before");
        if self.ops.is_empty() {
            self.context.clients_stop.set();
        }
        let mut event = Event::new(Process::Client(process), Type::Invoke, f);
        event.value = (f == "append").then_some(Value::Int(1));
        event
    }

    fn probe(&mut self, _: u64) -> Event {
        unreachable!("a worker is no probe")
    }

    fn observe(&mut self, _: &Event) {}
}

/// Client 1 of 2 (home n2) over three nodes: what it asks of whom, and what it records.
fn check(retry: bool, ops: &str, answers: &[&'static str], asked: &[&str], recorded: &[&str]) {
    let (rt, file) = (Virtual::default(), Shared::default());
    let log = FakeLog::new(&rt, 3, Lie::Honest);
    let model = models::named("log").unwrap();
    let recorder =
        Recorder::new(Rc::new(rt.clone()), model, Box::new(file.clone()), Box::new(|_| None));
    let context = Rc::new(Context::new(
        recorder,
        Rc::clone(&log) as _,
        Rc::new(FakeSystem(Rc::clone(&log))),
        model,
        (3, 2),
    ));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let client = Scripted { answers: answers.iter().copied().collect(), asked: Rc::clone(&seen) };
    let leaked: &'static str = Box::leak(ops.to_string().into_boxed_str());
    let generator = Listed { ops: leaked.split(' ').collect(), context: Rc::clone(&context) };
    let worker = Worker::new(
        Rc::clone(&context),
        ClientId(1),
        Box::new(client),
        Box::new(generator),
        ChaCha8Rng::seed_from_u64(1),
        Manner { timeout: Duration::from_secs(1), retry, schedule: None },
    );
    rt.block_on(worker.work());
    context.recorder.close();
    assert_eq!(*seen.borrow(), asked, "{ops}: {answers:?}");

    let (history, _) = History::parse(&file.0.borrow()).unwrap();
    let line = |event: &Event| {
        let kind = format!("{:?}", event.kind).to_lowercase();
        let node = event.node.as_deref().unwrap_or("-");
        let error = event.error().map(|e| format!(" {e}")).unwrap_or_default();
        format!("{} {kind} {node}{error}", event.process())
    };
    let lines: Vec<String> = history.events().iter().map(line).collect();
    assert_eq!(lines, recorded, "{ops}: {answers:?}");
    assert!(rt.now() < 4_000_000_000, "nothing waits longer than its time-outs");
}

#[test]
fn appends_follow_the_leader_and_tails_go_home() {
    check(false, "append", &["ok"], &["n2 append"], &["p1 invoke n2", "p1 ok n2"]);
    check(
        false,
        "append append tail",
        &["hint n3", "ok", "ok", "ok"],
        &["n2 append", "n3 append", "n3 append", "n2 tail"],
        &["p1 invoke n2", "p1 ok n3", "p1 invoke n3", "p1 ok n3", "p1 invoke n2", "p1 ok n2"],
    );
    check(
        false,
        "append append",
        &["hint n3", "hint n1", "hint n3", "hint n1", "ok"],
        &["n2 append", "n3 append", "n1 append", "n3 append", "n1 append"],
        &["p1 invoke n2", "p1 fail n3 not-leader", "p1 invoke n1", "p1 ok n1"],
    );
    check(
        false,
        "append append",
        &["fail overloaded", "ok"],
        &["n2 append", "n3 append"],
        &["p1 invoke n2", "p1 fail n2 overloaded", "p1 invoke n3", "p1 ok n3"],
    );
    check(
        false,
        "tail append",
        &["hint n3", "ok"],
        &["n2 tail", "n2 append"],
        &["p1 invoke n2", "p1 fail n2 not-leader", "p1 invoke n2", "p1 ok n2"],
    );
}

#[test]
fn a_process_is_retired_after_info() {
    // Two clients, the probe and three readers: the next number is six on.
    check(
        false,
        "append append append",
        &["nothing", "info leadership-lost", "ok"],
        &["n2 append", "n3 append", "n1 append"],
        &[
            "p1 invoke n2",
            "p1 info n2 timeout",
            "p7 invoke n3",
            "p7 info n3 leadership-lost",
            "p13 invoke n1",
            "p13 ok n1",
        ],
    );
}

#[test]
fn sessions_are_opened_lazily_and_end_with_their_process() {
    check(
        true,
        "tail append append",
        &["ok", "ok c1", "ok", "ok"],
        &["n2 tail", "n2 open", "n2 append c1/1", "n2 append c1/2"],
        &["p1 invoke n2", "p1 ok n2", "p1 invoke n2", "p1 ok n2", "p1 invoke n2", "p1 ok n2"],
    );
    // conflict consumes the number, overloaded does not, expired ends session and process.
    check(
        true,
        "append append append append",
        &["ok c1", "fail conflict", "fail overloaded", "fail session-expired", "ok c2", "ok"],
        &[
            "n2 open",
            "n2 append c1/1",
            "n3 append c1/2",
            "n1 append c1/2",
            "n2 open",
            "n2 append c2/1",
        ],
        &[
            "p1 invoke n2",
            "p1 fail n2 conflict",
            "p1 invoke n3",
            "p1 fail n3 overloaded",
            "p1 invoke n1",
            "p1 fail n1 session-expired",
            "p7 invoke n2",
            "p7 ok n2",
        ],
    );
}

#[test]
fn an_unanswered_append_is_repeated_with_the_same_number() {
    check(
        true,
        "append",
        &["ok c1", "nothing", "info leadership-lost", "ok"],
        &["n2 open", "n2 append c1/1", "n3 append c1/1", "n1 append c1/1"],
        &["p1 invoke n2", "p1 ok n1"],
    );
    // A definite no after an unanswered try settles nothing.
    check(
        true,
        "append append",
        &["ok c1", "nothing", "fail refused", "nothing", "nothing", "nothing", "ok c2", "ok"],
        &[
            "n2 open",
            "n2 append c1/1",
            "n3 append c1/1",
            "n1 append c1/1",
            "n2 append c1/1",
            "n3 append c1/1",
            "n1 open",
            "n1 append c2/1",
        ],
        &["p1 invoke n2", "p1 info n3 timeout", "p7 invoke n1", "p7 ok n1"],
    );
    check(
        true,
        "append",
        &["ok c1", "fail overloaded"],
        &["n2 open", "n2 append c1/1"],
        &["p1 invoke n2", "p1 fail n2 overloaded"],
    );
}
