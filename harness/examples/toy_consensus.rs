//! The smallest system that decides: one process, one value for each key in memory, the line
//! protocol. It never touches a disk, so a crash forgets what was decided, and Schism says so.
//!
//! ```yaml
//! nodes: 1
//! operations: {propose: 100}
//! system:
//!   command: ["target/debug/examples/toy_consensus", "--client", "{client}"]
//!   client: lines
//! ```
//!
//! `--lie agreement` answers every hundredth proposal with its own value, whatever was decided;
//! `--lie invent` answers one with a value nobody proposed; `--lie silence` stops answering.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// Which proposal is lied to.
const LIE_AT: u64 = 100;

#[derive(Default)]
struct Decisions {
    decided: HashMap<String, Value>,
    proposals: u64,
    lie: Option<String>,
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).map(|at| args[at + 1].clone());
    let listener = TcpListener::bind(after("--client").expect("--client HOST:PORT"))?;
    let all = Arc::new(Mutex::new(Decisions { lie: after("--lie"), ..Decisions::default() }));
    for stream in listener.incoming() {
        let (stream, all) = (stream?, Arc::clone(&all));
        thread::spawn(move || serve(stream, &all));
    }
    Ok(())
}

fn serve(stream: TcpStream, all: &Mutex<Decisions>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(request) => all.lock().expect("no request panics").answer(&request),
            Err(error) => {
                Some(json!({"fail": {"error": "malformed", "detail": error.to_string()}}))
            }
        };
        if let Some(answer) = answer {
            writeln!(writer, "{answer}")?;
        }
    }
    Ok(())
}

impl Decisions {
    /// None: silence.
    fn answer(&mut self, request: &Value) -> Option<Value> {
        let (word, body) = match request["op"].as_str() {
            Some("status") => ("ok", json!({"role": "leader", "epoch": 1, "leader": "n1"})),
            Some("propose") => ("ok", json!({"value": self.decide(request)?})),
            _ => ("fail", json!({"error": "refused", "detail": "it decides, nothing else"})),
        };
        Some(json!({"id": request["id"], word: body}))
    }

    fn decide(&mut self, request: &Value) -> Option<Value> {
        self.proposals += 1;
        let (key, value) = (request["key"].to_string(), &request["value"]);
        let decided = self.decided.entry(key).or_insert_with(|| value.clone());
        match self.lie.as_deref() {
            Some("agreement") if self.proposals.is_multiple_of(LIE_AT) => Some(value.clone()),
            Some("invent") if self.proposals == LIE_AT => Some(json!(-1)),
            Some("silence") if self.proposals >= LIE_AT => None,
            _ => Some(decided.clone()),
        }
    }
}
