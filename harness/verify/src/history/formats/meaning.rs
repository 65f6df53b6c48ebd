//! What a file means beyond its events: what a read of nil says and a failed cas, what objects
//! hold at the start. By itself it means what the tools of its format take it for. A history that
//! is written in another format carries what it meant as a remark, so that it means the same there.

use super::Format;
use crate::history::{Event, History, Process, Type, Value};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meaning {
    /// A read of a register that answers nil says nothing.
    pub null_says_nothing: bool,
    /// A failed cas says that at some moment the state was another than its first value.
    pub failed_cas_constrains: bool,
    /// What every object holds at the start. None: what its model starts with.
    pub initial: Option<Value>,
}

/// The remark's name.
pub(crate) const REMARK: &str = "means";

impl Meaning {
    /// What a file of this format means by itself. Its own tools give the same meaning: Knossos
    /// takes a read of nil as no information, Porcupine's tests take a failed cas as a fact and
    /// start keys with an empty string.
    pub fn of_format(format: Format) -> Meaning {
        Meaning {
            null_says_nothing: format.is_jepsens(),
            failed_cas_constrains: matches!(
                format,
                Format::PorcupineRegister | Format::PorcupineKv
            ),
            initial: matches!(format, Format::PorcupineKv | Format::PorcupineOperations)
                .then(|| Value::Str("".into())),
        }
    }

    /// What a history of this format means: what its last remark of that says, if it has one. An
    /// error says what was found and what was expected.
    pub fn of(format: Format, history: &History) -> Result<Meaning, String> {
        let mut meaning = Meaning::of_format(format);
        let Some(remark) = history.nemesis(REMARK).last() else { return Ok(meaning) };
        let wrong = |what: &str| format!("event {}: the remark `{REMARK}` {what}", remark.index);
        let Some(Value::Other(json)) = &remark.value else {
            return Err(wrong("has no object as its value"));
        };
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|_| wrong("has no object as its value"))?;
        for (name, value) in &fields {
            let word = value.as_str();
            match (name.as_str(), word) {
                ("null", Some("nothing")) => meaning.null_says_nothing = true,
                ("null", Some("value")) => meaning.null_says_nothing = false,
                ("failed-cas", Some("constrain")) => meaning.failed_cas_constrains = true,
                ("failed-cas", Some("ignore")) => meaning.failed_cas_constrains = false,
                ("initial", _) => meaning.initial = Some(Value::from_json(value)),
                _ => return Err(wrong(&format!("has `{name}`: {value}, which is not known"))),
            }
        }
        Ok(meaning)
    }

    /// The remark that gives a history this meaning in a file of this format. None: it has it.
    pub(super) fn remark(&self, format: Format, history: &History) -> Option<Event> {
        if Meaning::of(format, history).as_ref() == Ok(self) {
            return None;
        }
        let null = if self.null_says_nothing { "nothing" } else { "value" };
        let failed_cas = if self.failed_cas_constrains { "constrain" } else { "ignore" };
        let mut fields: Vec<(String, Value)> =
            vec![("null".into(), null.into()), ("failed-cas".into(), failed_cas.into())];
        fields.extend(self.initial.clone().map(|initial| ("initial".into(), initial)));
        let mut event = Event::new(Process::Nemesis, Type::Info, REMARK);
        let last = history.in_file_order().last();
        event.index = last.map_or(0, |last| last.index + 1);
        event.set_time(history.events().last().and_then(Event::time));
        event.value = Some(Value::object(fields));
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::formats::write;

    fn all() -> impl Iterator<Item = Meaning> {
        let initials = [None, Some(Value::Int(0)), Some(Value::List([Value::Null].into()))];
        let flags = [(false, false), (false, true), (true, false), (true, true)];
        flags.into_iter().flat_map(move |(null_says_nothing, failed_cas_constrains)| {
            let initials = initials.clone().into_iter();
            initials.map(move |initial| Meaning {
                null_says_nothing,
                failed_cas_constrains,
                initial,
            })
        })
    }

    #[test]
    fn a_history_means_the_same_in_every_format() {
        let lines = [
            r#"{"time":3,"process":1,"type":"invoke","f":"read"}"#,
            r#"{"time":4,"process":1,"type":"ok","f":"read","value":null}"#,
        ];
        for lines in [&lines[..0], &lines[..1], &lines[..]] {
            let (history, _) = History::parse(lines.join("\n").as_bytes()).unwrap();
            for meaning in all() {
                let mut text = Vec::new();
                write::jsonl(&history, &meaning, &mut text).unwrap();
                let (again, notes) = History::parse(&text).unwrap();
                assert_eq!((Meaning::of(Format::Jsonl, &again), notes.len()), (Ok(meaning), 0));
                for meaning in all() {
                    let mut text = Vec::new();
                    write::edn(&again, &meaning, &mut text).unwrap();
                    let (again, notes) = (Format::Edn.row().parse)(&text).unwrap();
                    assert_eq!((Meaning::of(Format::Edn, &again), notes.len()), (Ok(meaning), 0));
                    assert_eq!(again.operations(), history.operations());
                }
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for value in ["3", "{\"null\":\"what\"}", "{\"nil\":\"value\"}"] {
            let line = r#"{"process":"nemesis","type":"info","f":"means","value":"#;
            let (history, _) = History::parse(format!("{line}{value}}}").as_bytes()).unwrap();
            let error = Meaning::of(Format::Jsonl, &history).unwrap_err();
            assert!(error.starts_with("event 0: the remark `means` has"), "{error}");
        }
    }
}
