//! PostgreSQL over its wire protocol 3, simple queries: registers, kv, counters, a log
//! (docs/reference/clients.md). Every operation is one statement, which is a transaction of its
//! own.

use std::rc::Rc;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};

use super::tcp::{Speaker, Speech, Stream, json, key, not_spoken, pair, stored, value};
use super::{Answered, ClientProtocol, Dial, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "postgres",
        about: "PostgreSQL and whatever else speaks its protocol, over simple queries",
        models: &["register", "kv", "counter", "log"],
        options: &[
            OptionRow {
                name: "user",
                about: "who connects, without password",
                default: "postgres",
            },
            OptionRow { name: "database", about: "where the tables are", default: "postgres" },
            OptionRow {
                name: "target-session-attrs",
                about: "primary: a standby that is asked for a read says that it does not lead",
                default: "any",
            },
        ],
    },
    make: |making| {
        let chosen = |name: &str| making.options.get(name).map_or("postgres", String::as_str);
        let attributes = making.options.get("target-session-attrs");
        let postgres = Postgres {
            dial: Rc::clone(&making.dial),
            model: making.model.name,
            user: chosen("user").to_owned(),
            database: chosen("database").to_owned(),
            primary_only: attributes.is_some_and(|attributes| attributes == "primary"),
        };
        Box::new(Speaker::new(making.model, making.dial, postgres))
    },
};

/// Made by whoever connects first; a standby, and a cluster that cannot commit, say no.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS schism (k text PRIMARY KEY, v text NOT NULL); \
    CREATE TABLE IF NOT EXISTS schism_log (o bigint PRIMARY KEY, v text NOT NULL)";

/// Whether they are there already: then nothing needs to be committed.
const THERE: &str = "SELECT to_regclass('schism'), to_regclass('schism_log')";

/// Whether it is a standby.
const RECOVERS: &str = "SELECT pg_is_in_recovery()";

/// The end of the log, as this statement sees it.
const TAIL: &str = "(SELECT coalesce(max(o) + 1, 0) FROM schism_log)";

/// The timeline is the first third of the name of the file that is being written. A standby says
/// whom it follows.
const STATUS: &str = "SELECT pg_is_in_recovery(), \
    CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli::text FROM pg_stat_wal_receiver) \
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int::text END, \
    (SELECT sender_host FROM pg_stat_wal_receiver)";

struct Postgres {
    dial: Rc<dyn Dial>,
    model: &'static str,
    user: String,
    database: String,
    /// A standby is not asked for reads, unless what it has itself is what is wanted.
    primary_only: bool,
}

/// What a query came to: its rows, and the tags of its statements (`UPDATE 1`).
#[derive(Clone, PartialEq, Debug, Default)]
struct Results {
    rows: Vec<Vec<Option<String>>>,
    tags: Vec<String>,
}

impl Results {
    /// Takes what the first statement answered: one row of one field.
    fn take_first(&mut self) -> Option<String> {
        if self.rows.is_empty() || self.tags.is_empty() {
            return None;
        }
        self.tags.remove(0);
        self.rows.remove(0).into_iter().next().flatten()
    }
}

/// A message: its letter, and its body.
struct Message(u8, Vec<u8>);

impl Speech for Postgres {
    const NAME: &'static str = "postgres";

    async fn greet(&mut self, stream: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        // Protocol 3.0, then names and values, each ended by a zero.
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for text in ["user", &self.user, "database", &self.database] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = (body.len() as u32 + 4).to_be_bytes();
        stream.send(&[&length[..], &body].concat()).await?;
        loop {
            let Message(kind, body) = message(stream).await?;
            match kind {
                b'R' if body == [0; 4] => {}
                b'R' => return Err(not_spoken(Self::NAME, "password; trust this user")),
                b'E' => return Err(refusal(&body).0),
                b'Z' => break,
                // Parameters, the key for cancelling, notices.
                _ => {}
            }
        }
        let there = query(stream, THERE).await?;
        if there.rows.iter().flatten().any(Option::is_none) {
            // Whoever writes first will be told if this did not work.
            let _ = query(stream, TABLES).await;
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let mut question = question(self.model, asked)?;
        let looks = self.primary_only && !local && ["read", "get", "tail"].contains(&&*asked.f);
        if looks {
            // The statement after it sees what was committed later than it was answered.
            question = format!("{RECOVERS}; {question}");
        }
        let mut results = query(stream, &question).await?;
        if looks {
            match results.take_first().as_deref() {
                Some("f") => {}
                Some("t") => return Err(Refusal::certain("not-leader")),
                _ => return Err(strange(RECOVERS, &results)),
            }
        }
        answer(self.model, asked, &results)
    }

    async fn status(&mut self, stream: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal> {
        let results = query(stream, STATUS).await?;
        let Some([Some(recovers), timeline, host]) = results.rows.first().map(Vec::as_slice) else {
            return Err(strange("status", &results));
        };
        let leads = recovers == "f";
        let master = || self.dial.node_at(host.as_ref()?.parse().ok()?);
        Ok(NodeStatus {
            role: if leads { "leader" } else { "follower" }.into(),
            epoch: timeline.as_ref().and_then(|number| number.parse().ok()).unwrap_or(0),
            leader: if leads { Some(node) } else { master() },
            delivered: None,
        })
    }
}

/// A string of SQL, whatever is in it (standard_conforming_strings is on).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn question(model: &str, asked: &Event) -> Result<String, Refusal> {
    let key = quoted(&key(asked));
    let insert = |value: &str| format!("INSERT INTO schism VALUES ({key}, {value})");
    let upsert = |value: &str, new: &str| {
        format!("{} ON CONFLICT (k) DO UPDATE SET v = {new}", insert(value))
    };
    let value = || value(asked).map(|value| quoted(&json(value)));
    Ok(match (model, &*asked.f) {
        ("register" | "counter", "read") | ("kv", "get") => {
            format!("SELECT v FROM schism WHERE k = {key}")
        }
        ("register", "write") | ("kv", "put") => upsert(&value()?, "excluded.v"),
        ("register" | "kv", "cas") => {
            let (from, to) = pair(asked)?;
            let to = quoted(&json(to));
            match from {
                Value::Null => format!("{} ON CONFLICT DO NOTHING", insert(&to)),
                from => {
                    let from = quoted(&json(from));
                    format!("UPDATE schism SET v = {to} WHERE k = {key} AND v = {from}")
                }
            }
        }
        ("kv", "delete") => format!("DELETE FROM schism WHERE k = {key}"),
        // Strings are stored as JSON: without the quote at the end of the one, and at the start of
        // the other.
        ("kv", "append") => upsert(&value()?, "left(schism.v, -1) || substr(excluded.v, 2)"),
        ("counter", "add") => upsert(&value()?, "(schism.v::bigint + excluded.v::bigint)::text"),
        ("log", "append") => {
            format!("INSERT INTO schism_log SELECT {TAIL}, {} RETURNING o", value()?)
        }
        ("log", "append-if") => {
            let expect = asked.expect().ok_or_else(|| Refusal::certain("malformed"))?;
            let value = value()?;
            format!(
                "INSERT INTO schism_log SELECT {expect}, {value} WHERE {TAIL} = {expect} RETURNING o"
            )
        }
        // One statement sees one moment.
        ("log", "read") => {
            let from = asked.from().unwrap_or(0);
            let limit = asked.limit().map_or("ALL".into(), |limit| limit.to_string());
            format!(
                "(SELECT o, v FROM schism_log WHERE o >= {from} ORDER BY o LIMIT {limit}) \
                 UNION ALL SELECT {TAIL}, NULL"
            )
        }
        ("log", "tail") => format!("SELECT {TAIL}"),
        (_, f) => return Err(not_spoken(Postgres::NAME, &format!("`{f}`"))),
    })
}

/// What the results mean for what was asked.
fn answer(model: &str, asked: &Event, results: &Results) -> Result<Answered, Refusal> {
    let f = &*asked.f;
    let strange = || strange(f, results);
    let [tag] = &results.tags[..] else { return Err(strange()) };
    let count = tag.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
    let cell = |row: usize| results.rows.get(row).and_then(|row| row.first());
    let number = |field: Field| {
        let number = cell(0).and_then(|cell| cell.as_ref()?.parse().ok());
        number.map(|number| vec![(field, Value::Int(number))]).ok_or_else(strange)
    };
    match (model, f, count) {
        ("counter", "read", Some(0)) => Ok(vec![(Field::Value, Value::Int(0))]),
        ("log", "read", Some(_)) => entries(asked, results).ok_or_else(strange)?,
        (_, "read" | "get", Some(0)) => Ok(vec![(Field::Value, Value::Null)]),
        (_, "read" | "get", Some(1)) => {
            let text = cell(0).cloned().flatten().ok_or_else(strange)?;
            Ok(vec![(Field::Value, stored(text.as_bytes())?)])
        }
        ("log", "append" | "append-if", Some(1)) => number(Field::Offset),
        ("log", "append-if", Some(0)) | (_, "cas", Some(0)) => Err(Refusal::certain("conflict")),
        ("log", "tail", Some(1)) => number(Field::Tail),
        ("kv", "delete", Some(0)) => Err(Refusal::certain("absent")),
        (_, "write" | "put" | "cas" | "delete" | "append" | "add", Some(1)) => Ok(Answered::new()),
        _ => Err(strange()),
    }
}

/// Entries, and the row without a value, which is the tail. None: they are not of this form.
fn entries(asked: &Event, results: &Results) -> Option<Result<Answered, Refusal>> {
    let (mut values, mut tail) = (Vec::new(), None);
    for (row, at) in results.rows.iter().zip(asked.from().unwrap_or(0)..) {
        let [Some(offset), value] = &row[..] else { return None };
        let offset: u64 = offset.parse().ok()?;
        match value {
            None => tail = Some(offset),
            Some(_) if offset != at => {
                let hole = format!("there is no entry at offset {at}");
                return Some(Err(Refusal::unreadable(&hole)));
            }
            Some(text) => match stored(text.as_bytes()) {
                Ok(value) => values.push(value),
                Err(refusal) => return Some(Err(refusal)),
            },
        }
    }
    let tail = Value::Int(tail?.cast_signed());
    Some(Ok(vec![(Field::Value, Value::List(values.into())), (Field::Tail, tail)]))
}

fn strange(f: &str, results: &Results) -> Refusal {
    Refusal::malformed(&format!("{results:?} to {f}"))
}

async fn query(stream: &mut Stream, sql: &str) -> Result<Results, Refusal> {
    let length = (sql.len() as u32 + 5).to_be_bytes();
    stream.send(&[&b"Q"[..], &length, sql.as_bytes(), &[0]].concat()).await?;
    let (mut results, mut error, mut in_doubt) = (Results::default(), None, None);
    loop {
        let Message(kind, body) = message(stream).await?;
        match kind {
            b'D' => {
                let row = row(&body);
                results.rows.push(row.ok_or_else(|| Refusal::malformed("half a row"))?);
            }
            b'C' => results.tags.push(text(&body)),
            b'E' => error = Some(refusal(&body)),
            // A commit that was not waited for (synchronous replication that was cancelled).
            b'N' if field(&body, b'S').as_deref() == Some("WARNING") => {
                in_doubt = Some(field(&body, b'M').unwrap_or_default());
            }
            b'Z' => break,
            b'T' | b'I' | b'N' | b'S' => {}
            other => {
                let wrong = format!("message `{}` of PostgreSQL", char::from(other));
                return Err(Refusal::malformed(&wrong));
            }
        }
        // After these it says no more.
        if error.as_ref().is_some_and(|(_, is_fatal)| *is_fatal) {
            stream.ends = true;
            break;
        }
    }
    match (error, in_doubt) {
        (Some((refusal, _)), None) => Err(refusal),
        (None, None) => Ok(results),
        (_, Some(warning)) => Err(Refusal::unknown(format!("{SERVER_ERROR}: {warning}"))),
    }
}

async fn message(stream: &mut Stream) -> Result<Message, Refusal> {
    let head = stream.take(5).await?;
    let length = u32::from_be_bytes(head[1..].try_into().expect("four bytes")) as usize;
    let wrong = || Refusal::malformed(&format!("no message of PostgreSQL: {head:?}"));
    let body = stream.take(length.checked_sub(4).ok_or_else(wrong)?).await?;
    Ok(Message(head[0], body))
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body)).into_owned()
}

fn row(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let count = u16::from_be_bytes(count.try_into().ok()?);
    let mut row = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_at_checked(4)?;
        rest = after;
        // -1: null.
        let Ok(length) = usize::try_from(i32::from_be_bytes(length.try_into().ok()?)) else {
            row.push(None);
            continue;
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        row.push(Some(String::from_utf8_lossy(bytes).into_owned()));
        rest = after;
    }
    Some(row)
}

/// A field of an error or a notice.
fn field(body: &[u8], letter: u8) -> Option<String> {
    let field = body.split(|&byte| byte == 0).find(|field| field.first() == Some(&letter))?;
    Some(String::from_utf8_lossy(&field[1..]).into_owned())
}

/// An error, and whether it ends the connection. An ERROR undoes its transaction, and a statement
/// is one; but the end of the connection may come after the commit, so that is no refusal, whatever
/// its code. The codes are of appendix A of the manual; those that are not here are unanswered.
fn refusal(body: &[u8]) -> (Refusal, bool) {
    // `V` is `S` in English, whatever the server's language.
    let severity = field(body, b'V').or_else(|| field(body, b'S')).unwrap_or_default();
    let code = field(body, b'C').unwrap_or_default();
    let said = field(body, b'M').unwrap_or_default();
    let is_fatal = severity != "ERROR";
    let word = match &*code {
        // read_only_sql_transaction
        "25006" => "not-leader",
        // unique_violation, serialization_failure, deadlock_detected, lock_not_available
        "23505" | "40001" | "40P01" | "55P03" => "conflict",
        // insufficient_privilege, undefined_table, syntax_error, numeric_value_out_of_range,
        // invalid_text_representation
        "42501" | "42P01" | "42601" | "22003" | "22P02" => "refused",
        _ => "",
    };
    let refusal = if word.is_empty() || is_fatal {
        Refusal::unknown(format!("{SERVER_ERROR}: {severity} {code}: {said}"))
    } else {
        Refusal { detail: Some(said.into()), ..Refusal::certain(word) }
    };
    (refusal, is_fatal)
}

#[cfg(test)]
mod tests;
