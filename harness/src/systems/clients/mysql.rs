//! MariaDB, Galera and MySQL over their client protocol, text queries: registers, kv, counters
//! (docs/reference/clients.md). Every operation is one statement, which is a transaction of its
//! own.

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};

use super::tcp::{Speaker, Speech, Stream, json, key, not_spoken, pair, stored, value};
use super::{Answered, ClientProtocol, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "mysql",
        about: "MariaDB, Galera, MySQL, and whatever else speaks their protocol, over text queries",
        models: &["register", "kv", "counter"],
        options: &[
            OptionRow { name: "user", about: "who connects, without password", default: "root" },
            OptionRow {
                name: "sync-wait",
                about: "wsrep_sync_wait of Galera: 0 as the server has it, 7 for all statements",
                default: "0",
            },
        ],
    },
    make: |making| {
        let chosen = |name: &str| making.options.get(name);
        let mysql = Mysql {
            model: making.model.name,
            user: chosen("user").map_or("root", String::as_str).to_owned(),
            sync_wait: chosen("sync-wait").and_then(|mask| mask.parse().ok()).unwrap_or(0),
        };
        Box::new(Speaker::new(making.model, making.dial, mysql))
    },
};

/// Made by whoever connects first. Bytes, so that no collation takes one key or value for another.
const TABLES: [&str; 2] = [
    "CREATE DATABASE IF NOT EXISTS schism",
    "CREATE TABLE IF NOT EXISTS schism.objects \
     (k VARBINARY(255) PRIMARY KEY, v LONGBLOB NOT NULL) ENGINE=InnoDB",
];

/// Whether the table is there already: then nothing needs to be made.
const THERE: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = 'schism' AND table_name = 'objects'";

/// A node of Galera that is not of the primary component does not look into a table.
const STATUS: &str = "SELECT @@read_only, (SELECT COUNT(*) FROM schism.objects WHERE k = '')";

/// What this client can do: passwords of 1999 and later (`LONG_PASSWORD`), the protocol of 4.1, its
/// status flags (`TRANSACTIONS`) and its log-in (`SECURE_CONNECTION`, `PLUGIN_AUTH`). With
/// `FOUND_ROWS` an update counts the rows that it found, also where it changed nothing: else a cas
/// to the same value would look like one that did not hold.
const CAPABILITIES: u32 = 0x1 | FOUND_ROWS | 0x200 | 0x2000 | 0x8000 | 0x8_0000;
const FOUND_ROWS: u32 = 0x2;

/// `utf8mb4_general_ci`. Keys and values are bytes whatever is said here.
const CHARSET: u8 = 45;

/// The longest packet; one that is so long goes on in the next.
const PACKET_BYTES_MAX: usize = 0xff_ffff;

struct Mysql {
    model: &'static str,
    user: String,
    sync_wait: u8,
}

/// What a statement came to: its rows, or how many it touched.
#[derive(Clone, PartialEq, Debug)]
enum Results {
    Rows(Vec<Vec<Option<String>>>),
    Touched(u64),
}

impl Speech for Mysql {
    const NAME: &'static str = "mysql";

    async fn greet(&mut self, stream: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        let (number, hello) = packet(stream).await?;
        match hello.first() {
            Some(10) => {}
            Some(0xff) => return Err(refusal(&hello)),
            _ => return Err(Refusal::malformed(&format!("no greeting of MySQL: {hello:?}"))),
        }
        send(stream, number + 1, &self.response()).await?;
        loop {
            let (number, said) = packet(stream).await?;
            match said.first() {
                Some(0) => break,
                Some(0xff) => return Err(refusal(&said)),
                // Another way to log in, by name: to the one that is spoken here nothing is to be
                // added where there is no password.
                Some(0xfe) if said[1..].starts_with(b"mysql_native_password\0") => {
                    send(stream, number + 1, &[]).await?;
                }
                _ => return Err(not_spoken(Self::NAME, "password; let this user in without")),
            }
        }
        // Quotes are doubled, and nothing else is special. What does not fit is an error.
        let mut set = "SET SESSION autocommit = 1, \
             sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'"
            .to_owned();
        if self.sync_wait != 0 {
            set = format!("{set}, wsrep_sync_wait = {}", self.sync_wait);
        }
        query(stream, &set).await?;
        let there = query(stream, THERE).await?;
        if there == Results::Rows(vec![vec![Some("0".into())]]) {
            for table in TABLES {
                // Not yet, perhaps: the next operation connects anew.
                query(stream, table).await?;
            }
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let mut sql = question(self.model, asked)?;
        if local && self.sync_wait != 0 {
            sql = format!("SET STATEMENT wsrep_sync_wait = 0 FOR {sql}");
        }
        let results = query(stream, &sql).await?;
        answer(self.model, asked, &results)
    }

    async fn status(&mut self, stream: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal> {
        let results = query(stream, STATUS).await?;
        let Results::Rows(rows) = &results else { return Err(strange("status", &results)) };
        let [Some(read_only), _] = rows.first().map_or(&[][..], Vec::as_slice) else {
            return Err(strange("status", &results));
        };
        let leads = read_only == "0";
        Ok(NodeStatus {
            role: if leads { "leader" } else { "follower" }.into(),
            epoch: 0,
            leader: leads.then_some(node),
            delivered: None,
        })
    }
}

impl Mysql {
    /// Who this is, without a password.
    fn response(&self) -> Vec<u8> {
        let mut body = CAPABILITIES.to_le_bytes().to_vec();
        body.extend(u32::MAX.to_le_bytes());
        body.push(CHARSET);
        body.extend([0; 23]);
        body.extend(self.user.as_bytes());
        // The end of the name, and no bytes of a password.
        body.extend([0, 0]);
        body.extend(b"mysql_native_password\0");
        body
    }
}

/// A string of SQL, whatever is in it (NO_BACKSLASH_ESCAPES is on).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn question(model: &str, asked: &Event) -> Result<String, Refusal> {
    let key = quoted(&key(asked));
    let insert = |value: &str| format!("INSERT INTO schism.objects VALUES ({key}, {value})");
    let upsert =
        |value: &str, new: &str| format!("{} ON DUPLICATE KEY UPDATE v = {new}", insert(value));
    let value = || value(asked).map(|value| quoted(&json(value)));
    Ok(match (model, &*asked.f) {
        ("register" | "counter", "read") | ("kv", "get") => {
            format!("SELECT v FROM schism.objects WHERE k = {key}")
        }
        ("register", "write") | ("kv", "put") => upsert(&value()?, "VALUES(v)"),
        ("register" | "kv", "cas") => {
            let (from, to) = pair(asked)?;
            let to = quoted(&json(to));
            match from {
                Value::Null => insert(&to),
                from => {
                    let from = quoted(&json(from));
                    format!("UPDATE schism.objects SET v = {to} WHERE k = {key} AND v = {from}")
                }
            }
        }
        ("kv", "delete") => format!("DELETE FROM schism.objects WHERE k = {key}"),
        // Strings are stored as JSON: without the quote at the end of the one, and at the start of
        // the other.
        ("kv", "append") => {
            upsert(&value()?, "CONCAT(LEFT(v, LENGTH(v) - 1), SUBSTRING(VALUES(v), 2))")
        }
        ("counter", "add") => {
            upsert(&value()?, "CAST(v AS SIGNED INTEGER) + CAST(VALUES(v) AS SIGNED INTEGER)")
        }
        (_, f) => return Err(not_spoken(Mysql::NAME, &format!("`{f}`"))),
    })
}

/// What the results mean for what was asked.
fn answer(model: &str, asked: &Event, results: &Results) -> Result<Answered, Refusal> {
    let f = &*asked.f;
    match (f, results) {
        ("read" | "get", Results::Rows(rows)) => match &rows[..] {
            [] if model == "counter" => Ok(vec![(Field::Value, Value::Int(0))]),
            [] => Ok(vec![(Field::Value, Value::Null)]),
            [row] => match &row[..] {
                [Some(text)] => Ok(vec![(Field::Value, stored(text.as_bytes())?)]),
                _ => Err(strange(f, results)),
            },
            _ => Err(strange(f, results)),
        },
        ("cas", Results::Touched(0)) => Err(Refusal::certain("conflict")),
        ("delete", Results::Touched(0)) => Err(Refusal::certain("absent")),
        ("cas" | "delete", Results::Touched(1)) => Ok(Answered::new()),
        // 1: inserted, or found with the same value; 2: updated.
        ("write" | "put" | "append" | "add", Results::Touched(1 | 2)) => Ok(Answered::new()),
        _ => Err(strange(f, results)),
    }
}

fn strange(f: &str, results: &Results) -> Refusal {
    Refusal::malformed(&format!("{results:?} to {f}"))
}

/// Asks one statement, and reads all that comes back.
async fn query(stream: &mut Stream, sql: &str) -> Result<Results, Refusal> {
    send(stream, 0, &[&[3], sql.as_bytes()].concat()).await?;
    let first = packet(stream).await?.1;
    let columns = match first.first() {
        Some(0xff) => return Err(refusal(&first)),
        Some(0) => return touched(&first).ok_or_else(|| half(&first)),
        _ => Reading(&first).number().ok_or_else(|| half(&first))?,
    };
    for _ in 0..columns {
        packet(stream).await?;
    }
    if !is_end(&packet(stream).await?.1) {
        return Err(Refusal::malformed("columns without an end"));
    }
    let mut rows = Vec::new();
    loop {
        let body = packet(stream).await?.1;
        if is_end(&body) {
            return Ok(Results::Rows(rows));
        }
        // While it was reading them.
        if body.first() == Some(&0xff) {
            return Err(refusal(&body));
        }
        rows.push(row(&body, columns).ok_or_else(|| half(&body))?);
    }
}

/// One packet: its number, and its body.
async fn packet(stream: &mut Stream) -> Result<(u8, Vec<u8>), Refusal> {
    let mut whole = Vec::new();
    loop {
        let head = stream.take(4).await?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
        whole.extend(stream.take(length).await?);
        if length < PACKET_BYTES_MAX {
            return Ok((head[3], whole));
        }
    }
}

async fn send(stream: &mut Stream, number: u8, body: &[u8]) -> Result<(), Refusal> {
    if body.len() >= PACKET_BYTES_MAX {
        let detail = Some("the statement is too long for one packet".into());
        return Err(Refusal { detail, ..Refusal::certain("refused") });
    }
    let length = (body.len() as u32).to_le_bytes();
    stream.send(&[&length[..3], &[number], body].concat()).await
}

fn half(body: &[u8]) -> Refusal {
    Refusal::malformed(&format!("no packet of MySQL: {:?}", String::from_utf8_lossy(body)))
}

/// The packet behind the last column, and behind the last row: `fe` and a few flags.
fn is_end(body: &[u8]) -> bool {
    body.first() == Some(&0xfe) && body.len() < 9
}

/// How many rows a statement touched.
fn touched(ok: &[u8]) -> Option<Results> {
    Reading(&ok[1..]).number().map(Results::Touched)
}

fn row(body: &[u8], columns: u64) -> Option<Vec<Option<String>>> {
    let mut reading = Reading(body);
    let mut row = Vec::new();
    for _ in 0..columns {
        row.push(if reading.is_null() { None } else { Some(reading.text()?) });
    }
    reading.0.is_empty().then_some(row)
}

/// What is left of a packet.
struct Reading<'a>(&'a [u8]);

impl Reading<'_> {
    /// A number that says itself how long it is.
    fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        let length = match first {
            0..=0xfa => return Some(first.into()),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            _ => return None,
        };
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let mut whole = [0; 8];
        whole[..length].copy_from_slice(bytes);
        Some(u64::from_le_bytes(whole))
    }

    /// Takes the byte that stands for a null, if it is next.
    fn is_null(&mut self) -> bool {
        let rest = self.0.strip_prefix(&[0xfb]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A field of a row that is no null.
    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// An error: number and words. A statement that failed is undone, and it is a whole transaction;
/// but an error while it commits may come after the others have it. The numbers are of the
/// manual's list of errors; those that are not here are unanswered.
fn refusal(body: &[u8]) -> Refusal {
    let Some((number, said)) = body.get(1..).and_then(|body| body.split_at_checked(2)) else {
        return half(body);
    };
    let number = u16::from_le_bytes([number[0], number[1]]);
    // `#` and the five letters of SQLSTATE come first; not before somebody is let in.
    let said = said.strip_prefix(b"#").map_or(said, |said| said.get(5..).unwrap_or_default());
    let said = String::from_utf8_lossy(said);
    let word = match number {
        // OPTION_PREVENTS_STATEMENT (--read-only), and READ_ONLY_MODE of MySQL
        1290 | 1836 => "not-leader",
        // DUP_ENTRY; LOCK_WAIT_TIMEOUT, also of the wait for what others wrote, before it began;
        // LOCK_DEADLOCK, which is also a write set that others came before
        1062 | 1205 | 1213 => "conflict",
        // UNKNOWN_COM_ERROR: Galera has no primary component, or is not ready yet
        1047 => "refused",
        // DBACCESS_DENIED, NO_DB, BAD_DB, PARSE, NO_SUCH_TABLE, TABLEACCESS_DENIED,
        // UNKNOWN_SYSTEM_VARIABLE, DATA_OUT_OF_RANGE, TRUNCATED_WRONG_VALUE, DATA_TOO_LONG
        1044 | 1046 | 1049 | 1064 | 1146 | 1142 | 1193 | 1264 | 1292 | 1406 => "refused",
        // CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
        1792 => "refused",
        _ => return Refusal::unknown(format!("{SERVER_ERROR}: {number}: {said}")),
    };
    Refusal { detail: Some(said.into()), ..Refusal::certain(word) }
}

#[cfg(test)]
mod tests;
