//! Formats of history files: one file each. This is their table, and how they are told apart.
//! It never guesses from a file's name.

pub mod array;
#[cfg(test)]
mod conversions;
pub mod edn;
pub mod jepsen_text;
pub mod jsonl;
pub mod meaning;
pub mod operations;
mod packed;
pub mod porcupine;
pub mod write;

use std::io::Read;

use super::{History, Note, ParseError, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    Jsonl,
    /// One JSON array of the same maps.
    JsonArray,
    /// Jepsen's and Knossos's EDN: maps, one after the other or in a vector.
    Edn,
    /// Jepsen's history.txt: `3<TAB>:invoke<TAB>:cas<TAB>[1 2]`.
    JepsenText,
    /// Porcupine's log of a register: `INFO jepsen.util - 3 :invoke :cas [1 2]`.
    PorcupineRegister,
    /// Porcupine's log of a key-value store: EDN maps with string keys.
    PorcupineKv,
    /// Operations of a key-value store as Go programs write them for Porcupine.
    PorcupineOperations,
    /// Operations of etcd's robustness tests.
    EtcdOperations,
}

/// A format's row: its name, what it is, and what reads it.
pub struct Row {
    pub format: Format,
    /// Its name, as in `--format`.
    pub name: &'static str,
    pub about: &'static str,
    pub parse: Parse,
}

pub type Parse = fn(&[u8]) -> Result<(History, Vec<Note>), ParseError>;

pub const FORMATS: &[Row] = &[
    Row {
        format: Format::Jsonl,
        name: "jsonl",
        about: "JSON lines, one event each",
        parse: jsonl::parse,
    },
    Row {
        format: Format::JsonArray,
        name: "json",
        about: "a JSON array of events",
        parse: array::parse,
    },
    Row {
        format: Format::Edn,
        name: "edn",
        about: "Jepsen's EDN: maps or records, one after the other or in a vector",
        parse: edn::parse,
    },
    Row {
        format: Format::JepsenText,
        name: "jepsen-text",
        about: "Jepsen's history.txt: PROCESS, TYPE, F, VALUE and ERROR between tabs",
        parse: jepsen_text::parse,
    },
    Row {
        format: Format::PorcupineRegister,
        name: "porcupine-register",
        about: "Porcupine's log of a register: INFO jepsen.util - PROCESS TYPE F VALUE",
        parse: porcupine::parse,
    },
    Row {
        format: Format::PorcupineKv,
        name: "porcupine-kv",
        about: "Porcupine's log of a key-value store: EDN maps with a key each",
        parse: edn::parse,
    },
    Row {
        format: Format::PorcupineOperations,
        name: "porcupine-operations",
        about: "Porcupine's []Operation of a key-value store as JSON",
        parse: operations::porcupine,
    },
    Row {
        format: Format::EtcdOperations,
        name: "etcd-operations",
        about: "operations of etcd's robustness tests as JSON",
        parse: operations::etcd,
    },
];

impl Format {
    pub fn row(self) -> &'static Row {
        FORMATS.iter().find(|row| row.format == self).expect("FORMATS lists every format")
    }

    pub fn named(name: &str) -> Option<Format> {
        FORMATS.iter().find(|row| row.name == name).map(|row| row.format)
    }

    /// The format that a file looks like. Anything without a sign of another is JSON lines.
    pub fn recognise(bytes: &[u8]) -> Format {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
        let bytes = &bytes[start.unwrap_or(bytes.len())..];
        let inside = |bytes: &[u8]| {
            let rest = bytes[1..].iter().find(|byte| !byte.is_ascii_whitespace()).copied();
            rest.unwrap_or(b' ')
        };
        match bytes.first() {
            Some(b'[' | b'{') if operations::is_one(bytes) => {
                if operations::is_etcds(bytes) {
                    Format::EtcdOperations
                } else {
                    Format::PorcupineOperations
                }
            }
            Some(b';' | b'(' | b'#') => Format::Edn,
            Some(b'[')
                if matches!(inside(bytes), b'{' | b'#' | b';') && !has_quoted_names(bytes) =>
            {
                Format::Edn
            }
            Some(b'[') => Format::JsonArray,
            Some(b'{') if inside(bytes) == b':' => {
                let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
                let has = |words: &[&str]| {
                    words
                        .iter()
                        .any(|word| line.windows(word.len()).any(|at| at == word.as_bytes()))
                };
                let is_kv = has(&[":key \""]) && has(&[":get", ":put", ":append"]);
                if is_kv && !has(&[":time", ":index"]) { Format::PorcupineKv } else { Format::Edn }
            }
            Some(b'I' | b'W' | b'D')
                if bytes.windows(11).take(200).any(|at| at == b"jepsen.util") =>
            {
                Format::PorcupineRegister
            }
            _ if jepsen_text::is_one(bytes) => Format::JepsenText,
            _ => Format::Jsonl,
        }
    }

    /// Whether its values are written in EDN by Jepsen's tools, which take a nil as Jepsen does.
    fn is_jepsens(self) -> bool {
        matches!(self, Format::Edn | Format::JepsenText)
    }

    /// A value as `--initial` gives it: EDN where the history is EDN, JSON otherwise.
    pub fn value(self, text: &str) -> Result<Value, String> {
        if self.is_jepsens() && text.trim() != "null" {
            return edn::value(text).map_err(|error| error.message);
        }
        let json = serde_json::from_str(text);
        json.map(|json| Value::from_json(&json)).map_err(|error| error.to_string())
    }
}

/// Whether the first thing in the first map is a name in quotes, as in JSON.
fn has_quoted_names(bytes: &[u8]) -> bool {
    let brace = bytes.iter().position(|byte| *byte == b'{');
    let inside = brace.map(|at| &bytes[at + 1..]).unwrap_or_default();
    matches!(inside.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'"'))
}

/// Reads bytes, packed or not, in the format they look like, and says which that was.
pub fn parse(bytes: &[u8]) -> Result<(Format, History, Vec<Note>), ParseError> {
    read(bytes, None).map_err(|error| match error {
        ReadError::Parse(error) => error,
        ReadError::Refused(message) => ParseError { line: 1, column: None, message },
        ReadError::Io(_) => unreachable!("memory can always be read"),
    })
}

/// Why a file or a stream is not a history.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Io(std::io::Error),
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is no text, or too much of it, or cannot be unpacked; what to do instead.
    #[error("{0}")]
    Refused(String),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<packed::Refused>() {
            Ok(packed::Refused(message)) => ReadError::Refused(message),
            Err(error) => ReadError::Io(error),
        }
    }
}

/// What is held in memory whole has at most so many bytes: its events may take as much again.
const WHOLE_BYTES_MAX: u64 = 512 << 20;

/// Reads a file or a stream, packed or not, in this format or in the one it looks like, and says
/// which that was. Only JSON lines are read in blocks; other formats are held in memory whole.
pub fn read(
    file: impl Read,
    format: Option<Format>,
) -> Result<(Format, History, Vec<Note>), ReadError> {
    let mut file = packed::unpacked(file)?;
    let mut bytes = Vec::new();
    file.by_ref().take(jsonl::BLOCK_BYTES as u64).read_to_end(&mut bytes)?;
    if let Some(what) = packed::stranger(&bytes) {
        return Err(ReadError::Refused(what.into()));
    }
    let begins_well = format.is_some() || begins_like_json_lines(&bytes);
    let format = format.unwrap_or_else(|| Format::recognise(&bytes));
    let (history, notes) = if format == Format::Jsonl {
        jsonl::read(bytes, file).map_err(|error| match error {
            ReadError::Parse(error) if !begins_well => unknown(error).into(),
            error => error,
        })?
    } else {
        let rest = WHOLE_BYTES_MAX - bytes.len() as u64;
        file.by_ref().take(rest + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > WHOLE_BYTES_MAX {
            let name = format.row().name;
            let most = WHOLE_BYTES_MAX >> 20;
            return Err(ReadError::Refused(format!(
                "a file in the format {name} is held in memory whole and has at most {most} MiB; \
                 JSON lines may be longer, and so may a part of it"
            )));
        }
        (format.row().parse)(&bytes)?
    };
    Ok((format, history, notes))
}

/// Whether the first thing in it is an object, or there is nothing at all.
fn begins_like_json_lines(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| *byte == b'{')
}

/// The same error of a file that shows no sign of any format.
fn unknown(error: ParseError) -> ParseError {
    let names: Vec<&str> = FORMATS.iter().map(|row| row.name).collect();
    let message = format!(
        "{}. The file begins like no format that is known; if it is one, name it with --format: {}",
        error.message,
        names.join(", ")
    );
    ParseError { message, ..error }
}

/// A file that ends inside an event.
pub(super) fn cut_note(line: u64) -> Note {
    let message = "the file ends inside this event; everything before it is judged";
    Note { line: Some(line), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_by_looking() {
        let of = |text: &str| Format::recognise(text.as_bytes()).row().name;
        assert_eq!(of("{\"process\":0}"), "jsonl");
        assert_eq!(of(""), "jsonl");
        assert_eq!(of("garbage"), "jsonl");
        assert_eq!(of("\n [ {\"process\":0}]"), "json");
        assert_eq!(of("[]"), "json");
        assert_eq!(of("[\n{\"ClientId\":0,\"Input\":{\"Op\":0}}]"), "porcupine-operations");
        assert_eq!(of("{\"ClientId\":0,\"Input\": {\"Type\":\"txn\"}}"), "etcd-operations");
        assert_eq!(of("[{:type :invoke}]"), "edn");
        assert_eq!(of("; a comment\n[{:type :invoke}]"), "edn");
        assert_eq!(of("#jepsen.history.Op{:index 0}"), "edn");
        assert_eq!(of("({:type :invoke})"), "edn");
        assert_eq!(of("{:type :invoke, :f :get, :time 3, :key \"0\"}"), "edn");
        assert_eq!(of("{:type :invoke, :f :get, :key \"0\"}\n"), "porcupine-kv");
        assert_eq!(of("0\t:invoke\t:read\tnil\n"), "jepsen-text");
        assert_eq!(of("INFO  jepsen.util - 0\t:invoke\t:read\tnil"), "porcupine-register");
    }

    #[test]
    fn what_is_in_no_format_is_told_what_there_is() {
        let error = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        let said = error("process,type,f\n0,invoke,read\n");
        assert!(said.starts_with("1:1: found `p`, expected `{`. The file begins like no format"));
        assert!(said.contains("--format: jsonl, json, edn"), "{said}");
        assert!(!error("{\"process\":0}\nx\n").contains("--format"));
        assert!(parse(b"").is_ok() && parse(b" \n").is_ok());
    }

    #[test]
    fn initial_values_speak_the_format_of_the_history() {
        assert_eq!(Format::Jsonl.value("{\"x\":0}"), Ok(Value::Other("{\"x\":0}".into())));
        assert_eq!(Format::Edn.value("{:x 0 :y 0}"), Ok(Value::Other("{\"x\":0,\"y\":0}".into())));
        assert_eq!(Format::Edn.value("free"), Ok(Value::Str("free".into())));
        assert_eq!(Format::Edn.value("nil"), Ok(Value::Null));
        assert_eq!(Format::Edn.value("null"), Ok(Value::Null));
        assert_eq!(Format::PorcupineRegister.value("null"), Ok(Value::Null));
        assert!(Format::Jsonl.value("free").is_err());
        assert!(Format::Edn.value("1 2").is_err());
    }
}
