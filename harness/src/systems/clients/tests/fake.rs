//! A server for the tests of clients: it answers each question with the next of the bytes that it
//! was given, and never understands anything. And the table in which those tests are written.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

use schism_verify::history::{Event, Field, Process, Type, Value};
use schism_verify::models;
use tokio::runtime::{Builder, LocalOptions};

use super::{Client, Completion, Making, NodeStatus, Refusal, named};
use crate::action::NodeId;
use crate::worlds::dial::Addresses;

/// How many bytes the first question has, once it is whole.
pub(super) type Whole = fn(&[u8]) -> Option<usize>;

/// A client and a server that says what it is told to.
pub(super) struct Fake {
    pub(super) client: &'static str,
    pub(super) model: &'static str,
    pub(super) options: &'static [(&'static str, &'static str)],
    /// What the server says before it is asked, on each connection.
    pub(super) greeting: &'static [u8],
    pub(super) whole: Whole,
}

impl Fake {
    /// Asks this and shows what is made of these answers, one to each question. After the last the
    /// server closes the connection. Beside it, what was asked.
    pub(super) fn ask(&self, question: &str, answers: &[&[u8]]) -> (String, Vec<String>) {
        let asked = event(question);
        let (address, heard) = serve(self.greeting, self.whole, answers);
        let done = self.with_client(address, async |client| client.invoke(NodeId(1), &asked).await);
        (shown(&asked, &done), texts(&heard))
    }

    /// Each question in turn, over one client. What became of each, and what was asked.
    pub(super) fn ask_all(&self, asks: &[&str], answers: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let (address, heard) = serve(self.greeting, self.whole, answers);
        let all = self.with_client(address, async |client| {
            let mut all = Vec::new();
            for question in asks {
                let asked = event(question);
                let done = client.invoke(NodeId(1), &asked).await;
                all.push(shown(&asked, &done));
            }
            all
        });
        (all, texts(&heard))
    }

    /// What is made of these answers to the question how the node is.
    pub(super) fn status(&self, answers: &[&[u8]]) -> Result<NodeStatus, Refusal> {
        let (address, _) = serve(self.greeting, self.whole, answers);
        self.with_client(address, async |client| client.status(NodeId(1)).await)
    }

    /// Half an answer, none, and no server at all mean the same for every client.
    pub(super) fn is_cut_short(&self, question: &str, answers: &[&[u8]]) {
        let (last, before) = answers.split_last().expect("there is an answer");
        for length in 0..last.len() {
            let half = [before, &[&last[..length]]].concat();
            let (said, _) = self.ask(question, &half);
            // What ends with the connection may be whole without its end.
            assert_eq!(said, "info connection-lost", "{length} bytes of the last answer");
        }
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let asked = event(question);
        let done = self.with_client(nobody, async |client| client.invoke(NodeId(1), &asked).await);
        assert_eq!(shown(&asked, &done), "fail unreachable");
    }

    fn with_client<T>(
        &self,
        address: SocketAddr,
        story: impl AsyncFnOnce(&mut dyn Client) -> T,
    ) -> T {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().build_local(LocalOptions::default()).unwrap();
        let options: BTreeMap<String, String> =
            self.options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let making = Making {
            model: models::named(self.model).unwrap(),
            dial: Rc::new(Addresses::new(vec![address])),
            options,
        };
        let mut client = (named(self.client).unwrap().make)(making);
        runtime.block_on(story(&mut *client))
    }
}

type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

fn texts(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap();
    heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn serve(greeting: &'static [u8], whole: Whole, answers: &[&[u8]]) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let into = Arc::clone(&heard);
    let mut answers: VecDeque<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), greeting, whole, &mut answers, &into);
            if answers.is_empty() {
                return;
            }
        }
    });
    (address, heard)
}

fn answer(
    mut stream: TcpStream,
    greeting: &[u8],
    whole: Whole,
    answers: &mut VecDeque<Vec<u8>>,
    heard: &Heard,
) -> std::io::Result<()> {
    stream.write_all(greeting)?;
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    while !answers.is_empty() {
        let Some(length) = whole(&received) else {
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                bytes => received.extend_from_slice(&chunk[..bytes]),
            }
            continue;
        };
        heard.lock().unwrap().push(received.drain(..length).collect());
        stream.write_all(&answers.pop_front().expect("there is one"))?;
    }
    Ok(())
}

/// `cas value=[1,2] key="x"`
pub(super) fn event(question: &str) -> Event {
    let mut words = question.split(' ');
    let mut event = Event::new(Process::Client(1), Type::Invoke, words.next().unwrap());
    for word in words {
        let (name, json) = word.split_once('=').unwrap();
        let value = Value::from_json(&serde_json::from_str(json).unwrap());
        event.answer(Field::named(name).unwrap(), value).unwrap();
    }
    event
}

/// `ok value:7`, `fail conflict`, `info server-error: HTTP 503`.
fn shown(asked: &Event, done: &Completion) -> String {
    let mut shown = vec![format!("{:?}", done.event.kind).to_lowercase()];
    shown.extend(done.event.error().map(str::to_owned));
    for &field in Field::ALL {
        let mut text = Vec::new();
        done.event.write_field(field, &mut text);
        let changed = field == Field::Value && done.event.value != asked.value;
        if changed || done.event.has(field) && !asked.has(field) {
            shown.push(String::from_utf8(text).unwrap().trim_start_matches(',').replace('"', ""));
        }
    }
    shown.extend(done.leader.map(|node| format!("-> {node}")));
    shown.extend(done.detail.as_ref().map(|detail| format!("({detail})")));
    shown.join(" ")
}

/// A request of HTTP.
pub(super) fn http(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    (bytes.len() >= head + length).then_some(head + length)
}

/// An answer of HTTP.
pub(super) fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
