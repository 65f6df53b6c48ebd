//! What a line of a client asks. It never guesses: a line is understood wholly, or malformed.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use schism_protocol::{ClientId, Level, Offset, Request, Session};
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A line, requests and answers alike, is never longer (docs/reference/client-protocol.md).
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// An id is echoed, so its size is bounded; 20 digits or a UUID fit several times.
const ID_BYTES_MAX: usize = 128;
/// A value leaves room in a line for everything round it, in a read's answer too.
const VALUE_BYTES_MAX: usize = LINE_BYTES_MAX - 1024;
/// Integers beyond it are not exact in every language.
const INTEGER_MAX: u64 = 1 << 53;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    Protocol(Request),
    /// What the node says of itself.
    Status,
}

/// A line, as far as it was understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The id as it was written, if one was found.
    pub id: Option<Box<[u8]>>,
    /// What it asks, or why nobody will.
    pub ask: Result<Ask, No>,
}

/// Why a line is refused before any protocol sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct No {
    /// The contract's word.
    pub error: &'static str,
    pub detail: String,
}

/// The fields that mean something; any other is skipped.
const FIELDS: [&str; 10] =
    ["id", "op", "value", "client", "seq", "expect", "from", "limit", "level", "key"];
const ID: usize = 0;
const OP: usize = 1;
const VALUE: usize = 2;
const CLIENT: usize = 3;
const SEQ: usize = 4;
const EXPECT: usize = 5;
const FROM: usize = 6;
const LIMIT: usize = 7;
const LEVEL: usize = 8;
const KEY: usize = 9;

type Fields<'a> = [Option<&'a str>; FIELDS.len()];

/// Reads one line, without its newline.
pub fn parse(line: &[u8]) -> Line {
    let Ok(text) = std::str::from_utf8(line) else {
        return Line { id: None, ask: Err(malformed("the line is not UTF-8")) };
    };
    let mut fields = Fields::default();
    let scanned = scan(text, &mut fields);
    let id = fields[ID].filter(|id| is_id(id)).map(|id| Box::from(id.as_bytes()));
    let ask = scanned.and_then(|()| match &id {
        Some(_) => ask(&fields),
        None => Err(malformed("\"id\" has to be an integer or a string of at most 128 bytes")),
    });
    Line { id, ask }
}

fn ask(fields: &Fields<'_>) -> Result<Ask, No> {
    let op = fields[OP].ok_or_else(|| malformed("\"op\" is missing"))?;
    let request = match string(op).ok_or_else(|| malformed("\"op\" has to be a string"))?.as_ref() {
        "append" => append(fields, None)?,
        "append-if" => append(fields, Some(Offset(required(fields, EXPECT)?)))?,
        "read" => Request::Read {
            from: Offset(integer_or_absent(fields, FROM)?.unwrap_or(0)),
            limit: integer_or_absent(fields, LIMIT)?,
            level: level(fields)?,
        },
        "tail" => Request::Tail { level: level(fields)? },
        "open" => Request::Open,
        "status" => return Ok(Ask::Status),
        "propose" => Request::Propose { key: scalar(fields, KEY)?, value: scalar(fields, VALUE)? },
        "promote" => Request::Promote,
        other => return Err(malformed(&format!("unknown op {other:?}"))),
    };
    Ok(Ask::Protocol(request))
}

fn append(fields: &Fields<'_>, expect: Option<Offset>) -> Result<Request, No> {
    let session = match (present(fields, CLIENT), integer_or_absent(fields, SEQ)?) {
        (None, None) => None,
        (Some(client), Some(seq)) if seq > 0 => {
            Some(Session { client: self::client(client)?, seq })
        }
        (Some(_), Some(_)) => return Err(malformed("\"seq\" counts from 1")),
        _ => return Err(malformed("\"client\" and \"seq\" come together")),
    };
    Ok(Request::Append { value: scalar(fields, VALUE)?, session, expect })
}

/// A value or key as compact JSON, written the one way everyone writes it: they are compared, and
/// their bytes hashed.
fn scalar(fields: &Fields<'_>, field: usize) -> Result<Bytes, No> {
    let name = FIELDS[field];
    let text = fields[field].ok_or_else(|| malformed(&format!("\"{name}\" is missing")))?;
    let what = format!("\"{name}\" has to be a string or an integer within 2^53");
    let digits = text.strip_prefix('-').unwrap_or(text);
    let compact = if plain_string(text).is_some() {
        Bytes::copy_from_slice(text.as_bytes())
    } else if text.starts_with('"') {
        let string = string(text).ok_or_else(|| malformed(&what))?;
        Bytes::from(serde_json::to_vec(&string).expect("a string is JSON"))
    } else {
        match integer(digits).ok_or_else(|| malformed(&what))? {
            0 => Bytes::from_static(b"0"), // -0 is the same number
            _ => Bytes::copy_from_slice(text.as_bytes()),
        }
    };
    if compact.len() > VALUE_BYTES_MAX {
        return Err(malformed(&format!("\"{name}\" has more than {VALUE_BYTES_MAX} bytes")));
    }
    Ok(compact)
}

/// A client's name is one that `open` gave out: c1, c2, ... Any other is unknown to every node.
fn client(text: &str) -> Result<ClientId, No> {
    let name = string(text).ok_or_else(|| malformed("\"client\" has to be a string"))?;
    let number = name.strip_prefix('c').and_then(|digits| {
        digits.parse::<u64>().ok().filter(|number| number.to_string() == digits)
    });
    number.map(ClientId).ok_or_else(|| No {
        error: "session-expired",
        detail: format!("no session was ever called {name:?}"),
    })
}

fn level(fields: &Fields<'_>) -> Result<Level, No> {
    let Some(text) = present(fields, LEVEL) else { return Ok(Level::Linearizable) };
    match string(text).as_deref() {
        Some("linearizable") => Ok(Level::Linearizable),
        Some("local") => Ok(Level::Local),
        _ => Err(malformed("\"level\" is \"linearizable\" or \"local\"")),
    }
}

fn present<'a>(fields: &Fields<'a>, field: usize) -> Option<&'a str> {
    fields[field].filter(|text| *text != "null")
}

fn required(fields: &Fields<'_>, field: usize) -> Result<u64, No> {
    integer_or_absent(fields, field)?
        .ok_or_else(|| malformed(&format!("\"{}\" is missing", FIELDS[field])))
}

fn integer_or_absent(fields: &Fields<'_>, field: usize) -> Result<Option<u64>, No> {
    let Some(text) = present(fields, field) else { return Ok(None) };
    let wrong = || malformed(&format!("\"{}\" has to be an integer from 0 to 2^53", FIELDS[field]));
    integer(text).map(Some).ok_or_else(wrong)
}

fn integer(digits: &str) -> Option<u64> {
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    canonical.then(|| digits.parse().ok()).flatten().filter(|number| *number <= INTEGER_MAX)
}

fn is_id(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    text.len() <= ID_BYTES_MAX
        && if text.starts_with('"') { string(text).is_some() } else { integer(number).is_some() }
}

/// The content of a JSON string that needs no unescaping.
fn plain_string(text: &str) -> Option<&str> {
    let content = text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    content.bytes().all(plain).then_some(content)
}

fn string(text: &str) -> Option<Cow<'_, str>> {
    match plain_string(text) {
        Some(content) => Some(content.into()),
        None => serde_json::from_str::<String>(text).ok().map(Into::into),
    }
}

/// Finds the text of each known field of the one object in `text`. What was found before an error
/// stays found.
fn scan<'a>(text: &'a str, fields: &mut Fields<'a>) -> Result<(), No> {
    let mut twice = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let scan = Scan { fields, twice: &mut twice };
    let scanned = json.deserialize_map(scan).and_then(|()| json.end());
    match twice {
        Some(field) => Err(malformed(&format!("{field:?} is said twice"))),
        None => scanned.map_err(|_| malformed("the line is not one JSON object")),
    }
}

struct Scan<'s, 'a> {
    fields: &'s mut Fields<'a>,
    twice: &'s mut Option<&'static str>,
}

/// Not copied where it needs no unescaping.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Visitor<'a> for Scan<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Key(key)) = map.next_key()? {
            match FIELDS.iter().position(|field| *field == key) {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(field) if self.fields[field].is_some() => {
                    *self.twice = Some(FIELDS[field]);
                    return Err(M::Error::custom("said twice"));
                }
                Some(field) => self.fields[field] = Some(map.next_value::<&RawValue>()?.get()),
            }
        }
        Ok(())
    }
}

fn malformed(detail: &str) -> No {
    No { error: "malformed", detail: detail.to_owned() }
}
