//! The smallest system Schism can test: one process, one log in memory, the line protocol.
//! Start here to bring a system of your own, in any language; it never touches a disk, so a crash
//! loses what it acknowledged, and Schism says so.
//!
//! ```yaml
//! nodes: 1
//! system:
//!   command: ["target/debug/examples/toy_log", "--client", "{client}"]
//!   client: lines
//! ```
//!
//! `--lie stale-read` answers every tenth read from the past; `--lie lost-append` acknowledges
//! every fiftieth append and forgets it; `--lie no-json` answers the reads of clients with a page
//! of HTML; `--lie huge-offset` says of one append that it stands at 2^60; `--lie nested` shows the
//! first entry 100 lists deep; `--lie idle` does nothing that clients ask for.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// Answers stay under the protocol's 1 MiB with small values.
const ENTRIES_PER_ANSWER_MAX: usize = 10_000;

#[derive(Default)]
struct Log {
    entries: Vec<Value>,
    chances: u64,
    lie: Option<String>,
    /// How often it was promoted by hand.
    promotions: u64,
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).map(|at| args[at + 1].clone());
    let listener = TcpListener::bind(after("--client").expect("--client HOST:PORT"))?;
    let log = Arc::new(Mutex::new(Log { lie: after("--lie"), ..Log::default() }));
    for stream in listener.incoming() {
        let (stream, log) = (stream?, Arc::clone(&log));
        thread::spawn(move || serve(stream, &log));
    }
    Ok(())
}

fn serve(stream: TcpStream, log: &Mutex<Log>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let mut answer = match serde_json::from_str(&line?) {
            Ok(request) => log.lock().expect("no request panics").reply(&request),
            Err(error) => {
                json!({"fail": {"error": "malformed", "detail": error.to_string()}}).to_string()
            }
        };
        answer.push('\n');
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}

impl Log {
    /// The line that goes back.
    fn reply(&mut self, request: &Value) -> String {
        let op = request["op"].as_str();
        if self.is_lying("idle") && op != Some("status") {
            return json!({"id": request["id"], "fail": {"error": "overloaded"}}).to_string();
        }
        if self.is_lying("no-json") && op == Some("read") && request["level"] != "local" {
            return "<html>502 Bad Gateway</html>".into();
        }
        let mut answer = self.answer(request);
        if self.is_lying("huge-offset") && answer["ok"]["offset"] == 50 {
            answer["ok"]["offset"] = json!(1u64 << 60);
        }
        let is_due = self.is_lying("nested") && self.entries.len() > 50 && op == Some("read");
        if is_due && let Some(first) = answer["ok"]["value"].get_mut(0) {
            *first = (0..100).fold(json!(1), |value, _| json!([value]));
        }
        answer.to_string()
    }

    fn answer(&mut self, request: &Value) -> Value {
        let number = |key: &str| request[key].as_u64();
        let length = self.entries.len() as u64;
        let (word, body) = match request["op"].as_str() {
            Some("status") => (
                "ok",
                json!({"role": "leader", "epoch": 1 + self.promotions, "leader": "n1",
                       "delivered": length}),
            ),
            Some("promote") => {
                self.promotions += 1;
                ("ok", json!({"epoch": 1 + self.promotions}))
            }
            Some("append-if") if number("expect") != Some(length) => {
                ("fail", json!({"error": "conflict", "tail": length}))
            }
            Some("append" | "append-if") => {
                if !self.lies("lost-append", 50) {
                    self.entries.push(request["value"].clone());
                }
                ("ok", json!({"offset": length}))
            }
            Some("read") => {
                let seen = if self.lies("stale-read", 10) { length / 2 } else { length };
                let from = number("from").unwrap_or(0).min(seen) as usize;
                let limit = number("limit").map_or(ENTRIES_PER_ANSWER_MAX, |limit| limit as usize);
                let to = (from + limit.min(ENTRIES_PER_ANSWER_MAX)).min(seen as usize);
                ("ok", json!({"value": self.entries[from..to], "tail": seen}))
            }
            Some("tail") => ("ok", json!({"tail": length})),
            _ => ("fail", json!({"error": "refused"})),
        };
        json!({"id": request["id"], word: body})
    }

    fn is_lying(&self, lie: &str) -> bool {
        self.lie.as_deref() == Some(lie)
    }

    /// Whether it is time for this lie: each so many times that it could be told.
    fn lies(&mut self, lie: &str, every: u64) -> bool {
        self.chances += u64::from(self.is_lying(lie));
        self.is_lying(lie) && self.chances.is_multiple_of(every)
    }
}
