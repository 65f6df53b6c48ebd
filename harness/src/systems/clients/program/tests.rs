//! What every line of a program means, over a program in this process that says what it is told to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;

use schism_verify::history::{Process, Type, Value};
use schism_verify::models;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{spawn_local, yield_now};

use super::*;

/// Each life of the program: what it says to one question after the other. `-` says nothing; after
/// the last it ends.
struct Script(RefCell<VecDeque<&'static [&'static str]>>, Rc<RefCell<Vec<String>>>);

struct Fake(DuplexStream);

impl Program for Fake {
    fn input(&mut self) -> &mut (dyn AsyncWrite + Unpin) {
        &mut self.0
    }

    fn output(&mut self) -> &mut (dyn AsyncRead + Unpin) {
        &mut self.0
    }

    fn last_words(self: Box<Self>) -> Local<'static, String> {
        Box::pin(std::future::ready("exit 7: KeyError".into()))
    }
}

impl Dial for Script {
    fn dial(&self, _: NodeId) -> Local<'_, io::Result<TcpStream>> {
        unreachable!("a program dials by itself")
    }

    fn dial_port(&self, _: NodeId, _: u16) -> Local<'_, io::Result<TcpStream>> {
        unreachable!("a program dials by itself")
    }

    fn program(&self, argv: &[String]) -> Local<'static, io::Result<Box<dyn Program>>> {
        assert_eq!(argv, ["./client"]);
        let Some(says) = self.0.borrow_mut().pop_front() else {
            let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
            return Box::pin(std::future::ready(Err(missing)));
        };
        let (ours, theirs) = duplex(1 << 16);
        let heard = Rc::clone(&self.1);
        spawn_local(async move {
            let (from, mut to) = tokio::io::split(theirs);
            let mut lines = BufReader::new(from).lines();
            for said in says {
                let Ok(Some(line)) = lines.next_line().await else { return };
                heard.borrow_mut().push(line);
                if *said != "-" {
                    to.write_all(format!("{said}\n").as_bytes()).await.unwrap();
                }
            }
            if says.last() == Some(&"-") {
                std::future::pending::<()>().await;
            }
        });
        Box::pin(std::future::ready(Ok(Box::new(Fake(ours)) as Box<dyn Program>)))
    }

    fn nodes(&self) -> u8 {
        3
    }

    fn node_at(&self, _: IpAddr) -> Option<NodeId> {
        None
    }
}

fn put() -> Event {
    let mut asked = Event::new(Process::Client(1), Type::Invoke, "write");
    asked.value = Some(Value::Int(3));
    asked
}

/// Asks once for each of these, gives up where nothing comes, and shows what became of it.
fn check(lives: &[&'static [&'static str]], expected: &[&str]) -> Vec<String> {
    let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let heard = Rc::<RefCell<Vec<String>>>::default();
        let script = Script(RefCell::new(lives.iter().copied().collect()), Rc::clone(&heard));
        let register = models::named("register").unwrap();
        let mut client = ProgramClient::new(register, Rc::new(script), vec!["./client".into()]);
        for expected in expected {
            let asked = put();
            let done = tokio::select! {
                biased;
                done = client.invoke(NodeId(2), &asked) => Some(done.event),
                () = patience() => None,
            };
            let shown = done.map_or("given up".into(), |event| {
                let kind = format!("{:?}", event.kind).to_lowercase();
                event.error().map_or(kind.clone(), |error| format!("{kind} {error}"))
            });
            assert_eq!(shown, *expected);
        }
        let heard = heard.borrow();
        heard.clone()
    })
}

/// Longer than anybody here takes who means to answer: each has but to be polled.
async fn patience() {
    for _ in 0..200 {
        yield_now().await;
    }
}

#[test]
fn a_program_is_asked_in_lines_that_name_the_node() {
    let heard = check(
        &[&[r#"{"id":1,"ok":{}}"#, r#"{"id":2,"fail":{"error":"not-leader","leader":"n1"}}"#, "-"]],
        &["ok", "fail not-leader"],
    );
    assert_eq!(heard[0], r#"{"id":1,"op":"write","value":3,"node":"n2"}"#);
}

#[test]
fn what_no_program_should_say_is_quoted_and_nobody_knows() {
    // What was meant for the first question comes after all, and is nobody's then.
    const HELLO: &str = "Hello!\n{\"id\":1,\"ok\":{}}";
    let told = "info malformed-answer: it is no JSON: Hello!";
    check(&[&[HELLO, r#"{"id":2,"ok":{}}"#, "-"]], &[told, "ok"]);
    check(&[&["Hello!", r#"{"id":2,"ok":{}}"#, "-"]], &[told, "ok"]);
    const OTHER: &str = r#"{"id":9,"ok":{}}"#;
    let told = format!("info malformed-answer: an answer to 9, which was not asked: {OTHER}");
    check(&[&[OTHER, "-"]], &[&told]);
    check(&[&[r#"{"id":1,"info":{"error":"driver gave up"}}"#, "-"]], &["info driver gave up"]);
}

#[test]
fn an_answer_that_comes_late_is_nobodys() {
    let late: &[&str] = &["-", "{\"id\":1,\"ok\":{}}\n{\"id\":2,\"ok\":{}}", "-"];
    check(&[late], &["given up", "ok"]);
}

#[test]
fn a_program_that_ends_leaves_its_question_open_and_is_started_anew() {
    let again: &[&str] = &[r#"{"id":2,"ok":{}}"#, "-"];
    // It ends after its last word, which is none here.
    check(&[&[], again], &["info client-died: exit 7: KeyError", "ok"]);
    check(
        &[&[]],
        &[
            "info client-died: exit 7: KeyError",
            "fail client-died: it cannot be started: no such file",
        ],
    );
}

#[test]
fn a_program_that_hangs_is_started_anew() {
    let hangs: &[&str] = &[r#"{"id":1,"ok":{}}"#, "-", "-", "-", "-", "-", "-"];
    let again: &[&str] = &[r#"{"id":7,"ok":{}}"#, "-"];
    let given_up = ["given up"; 5];
    let expected: Vec<&str> = ["ok"].into_iter().chain(given_up).chain(["ok"]).collect();
    let heard = check(&[hangs, again], &expected);
    assert_eq!(heard.len(), 7, "each was asked once: {heard:?}");
}
