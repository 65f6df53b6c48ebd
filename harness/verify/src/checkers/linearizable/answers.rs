//! What was made of answers that say more, or something else, than their model asks: in sentences,
//! each with how many there are and where the first is. No answered value goes unread in silence.

use std::collections::BTreeMap;

use crate::history::{Event, Field, History, Type, Value};
use crate::models::spec::{Call, says_no};
use crate::models::{Model, ModelError, Operation};

/// What can be said of an answer, in the order in which it is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// An ok answers false where it was to answer nothing.
    No,
    /// An ok names another value than was asked.
    Another,
    /// It carries what the model does not read.
    Unread,
    /// A read answers nil.
    Nil,
}

/// So many, and the first: its event, its operation, the field and what it holds.
struct Told {
    count: u64,
    event: u64,
    f: String,
    field: &'static str,
    value: String,
}

/// What was made of them. An error: an operation of which only an answer could have told the value
/// has none.
pub(super) fn notes(
    model: &Model,
    history: &History,
    null_says_nothing: bool,
) -> Result<Vec<String>, ModelError> {
    let mut said: BTreeMap<Said, Told> = BTreeMap::new();
    let mut note = |what: Said, event: &Event, field: Field| {
        let told = said.entry(what).or_insert_with(|| Told {
            count: 0,
            event: event.index,
            f: event.f.to_string(),
            field: field.name(),
            value: event.value.as_ref().map(Value::to_string).unwrap_or_default(),
        });
        told.count += 1;
    };
    let mut told_by_answers: Vec<&str> = Vec::new();
    let mut untold: Vec<&Event> = Vec::new();
    for operation in history.operations() {
        let asked = history.invoke(operation);
        let Some(row) = model.operation(&asked.f) else { continue };
        let answered = history.ret(operation).filter(|event| event.kind == Type::Ok);
        let answers_value = row.answers.contains(&Field::Value);
        let takes_value = takes_value(row, asked);
        let Some(answered) = answered else {
            let lost = history.outcome(operation) == Type::Info;
            if lost && takes_value && asked.value == Some(Value::Null) {
                untold.push(asked);
            }
            continue;
        };
        match &answered.value {
            Some(Value::Null) if answers_value && null_says_nothing => {
                note(Said::Nil, answered, Field::Value);
            }
            None | Some(Value::Null) => {}
            Some(Value::List(parts)) if answers_value && null_says_nothing && row.name == "txn" => {
                let nil = |part: &&Value| matches!(part, Value::List(micro) if is_nil_read(micro));
                parts.iter().filter(nil).for_each(|_| note(Said::Nil, answered, Field::Value));
            }
            Some(_) if answers_value => {}
            Some(_) if says_no(asked, answered) => note(Said::No, answered, Field::Value),
            Some(value) if takes_value => {
                let call = Call { asked, answered: Some(answered) };
                if call.done() == Some(value) && asked.value.as_ref() != Some(value) {
                    note(Said::Another, answered, Field::Value);
                    let silent = asked.value.as_ref().is_none_or(|value| *value == Value::Null);
                    if silent && !told_by_answers.contains(&&*asked.f) {
                        told_by_answers.push(&asked.f);
                    }
                }
            }
            Some(Value::Bool(_)) => {}
            Some(_) => note(Said::Unread, answered, Field::Value),
        }
        for field in unread(row, asked, answered) {
            note(Said::Unread, answered, field);
        }
    }
    if let Some(asked) = untold.iter().find(|asked| told_by_answers.contains(&&*asked.f)) {
        let message = format!(
            "the `{}` has no value and no answer, so nobody knows which it was; other answers here \
             told theirs",
            asked.f
        );
        return Err(ModelError { index: asked.index, message });
    }
    Ok(said.iter().map(|(what, told)| sentence(*what, told, model)).collect())
}

/// Whether a micro-operation is a read that answers nil.
fn is_nil_read(micro: &[Value]) -> bool {
    matches!(micro, [Value::Str(f), _, Value::Null] if f.starts_with('r'))
}

/// Whether the value of its question is what the operation does.
fn takes_value(row: &Operation, asked: &Event) -> bool {
    let element = row.asks.contains(&Field::Element) && asked.element().is_none();
    !row.answers.contains(&Field::Value) && (row.asks.contains(&Field::Value) || element)
}

/// Fields of an answer that its model neither expects nor asked for.
fn unread<'a>(
    row: &'a Operation,
    asked: &'a Event,
    answered: &'a Event,
) -> impl Iterator<Item = Field> + use<'a> {
    const SELDOM: &[Field] =
        &[Field::Offset, Field::Expect, Field::From, Field::Limit, Field::Tail, Field::Element];
    let is_read = |field: &Field| {
        let mut fields = row.answers.iter().chain(row.may_answer).chain(row.asks);
        fields.any(|known| known == field) || asked.has(*field)
    };
    SELDOM.iter().copied().filter(move |field| answered.has(*field) && !is_read(field))
}

fn sentence(what: Said, told: &Told, model: &Model) -> String {
    let Told { count, event, f, field, value } = told;
    let (answers, s) = if *count == 1 { ("answer", "s") } else { ("answers", "") };
    match what {
        Said::No => format!(
            "{count} ok {answers} that say{s} false {} taken as a fail: nothing happened; the \
             first is that of the {f} at event {event}",
            if *count == 1 { "was" } else { "were" }
        ),
        Said::Another => format!(
            "{count} {answers} name{s} another value than was asked, and that one was taken; the \
             first is that of the {f} at event {event}: {value}"
        ),
        Said::Unread => format!(
            "{count} {answers} carr{} what a {} does not read; the first is `{field}` of the {f} \
             at event {event}",
            if *count == 1 { "ies" } else { "y" },
            model.name
        ),
        Said::Nil => format!(
            "{count} {answers} of nil {} taken {}; the first is that of the {f} at event {event}",
            if *count == 1 { "was" } else { "were" },
            match model.name {
                "register" | "multi-register" => "to say nothing",
                "queue" | "stack" => "to say that it was empty",
                _ => "to say that nothing was there",
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::checkers::linearizable::{CheckError, CheckOptions, check};
    use crate::history::History;
    use crate::history::formats::edn;

    /// One operation after the other: its process, what is asked, and how it is answered, as the
    /// rest of two lines of JSON.
    fn history(operations: &[(u64, &str, &str)]) -> History {
        let lines = operations.iter().map(|(process, asked, answered)| {
            let f = asked.split(',').next().unwrap();
            format!(
                "{{\"process\":{process},\"type\":\"invoke\",\"f\":{asked}}}\n\
                 {{\"process\":{process},\"type\":{answered},\"f\":{f}}}\n"
            )
        });
        History::parse(lines.collect::<String>().as_bytes()).unwrap().0
    }

    /// The verdict, and the notes.
    fn judged(model: &str, operations: &[(u64, &str, &str)]) -> (String, String) {
        let options = CheckOptions { model: Some(model.into()), ..CheckOptions::default() };
        let result = check(&history(operations), &options).unwrap();
        (result.verdict.in_short(), result.notes.join("; "))
    }

    /// What an ok of `false` says, of an operation between two others.
    fn no(model: &str, before: (&str, &str), op: &str, after: (&str, &str)) {
        let ops = |answer| [(0, before.0, before.1), (1, op, answer), (2, after.0, after.1)];
        let (verdict, note) = judged(model, &ops(r#""ok","value":false"#));
        assert_eq!(verdict, "valid", "{model} {op}");
        let f = op.split('"').nth(1).unwrap();
        assert!(note.contains("1 ok answer that says false was taken as a fail"), "{note}");
        assert!(note.contains(&format!("that of the {f} at event 3")), "{note}");
        for yes in [r#""ok""#, r#""ok","value":null"#, r#""ok","value":true"#] {
            let (verdict, note) = judged(model, &ops(yes));
            assert_eq!((&*verdict, &*note), ("non-linearizable", ""), "{model} {op} {yes}");
        }
    }

    #[test]
    fn an_ok_that_says_no_is_a_no() {
        let ok = r#""ok""#;
        no("mutex", (r#""acquire""#, ok), r#""acquire""#, (r#""release""#, ok));
        no("mutex", (r#""acquire""#, ok), r#""release""#, (r#""release""#, ok));
        let read = |value: &'static str| (r#""read""#, value);
        let write = (r#""write","value":1"#, ok);
        no("register", write, r#""cas","value":[5,6]"#, read(r#""ok","value":1"#));
        no("register", write, r#""cas","value":[1,6]"#, read(r#""ok","value":1"#));
        no("register", write, r#""write","value":6"#, read(r#""ok","value":1"#));
        let add = (r#""add","element":1"#, ok);
        no("set", add, r#""add","element":2"#, read(r#""ok","value":[1]"#));
        no("set", add, r#""add","value":2"#, read(r#""ok","value":[1]"#));
        no("set", add, r#""remove","element":1"#, read(r#""ok","value":[1]"#));
        let add = (r#""add","value":1"#, ok);
        no("counter", add, r#""add","value":2"#, read(r#""ok","value":1"#));
        let dequeue = (r#""dequeue""#, r#""ok","value":1"#);
        no(
            "queue",
            (r#""enqueue","value":1"#, r#""fail""#),
            r#""enqueue","value":2"#,
            (r#""dequeue""#, r#""ok","value":null"#),
        );
        no(
            "stack",
            (r#""push","value":1"#, ok),
            r#""push","value":2"#,
            (r#""pop""#, r#""ok","value":1"#),
        );
        assert_eq!(
            judged("queue", &[(0, r#""enqueue","value":1"#, ok), (1, dequeue.0, dequeue.1)]).0,
            "valid"
        );
        let get = (r#""get""#, r#""ok","value":"x""#);
        let put = (r#""put","value":"x""#, ok);
        no("kv", put, r#""put","value":"y""#, get);
        no("kv", put, r#""append","value":"y""#, get);
        no("kv", put, r#""delete""#, get);
        no("kv", put, r#""cas","value":["x","y"]"#, get);
    }

    #[test]
    fn false_where_it_was_asked_for_or_read_is_a_value() {
        let ops = [
            (0, r#""write","value":false"#, r#""ok","value":false"#),
            (1, r#""read""#, r#""ok","value":false"#),
        ];
        assert_eq!(judged("register", &ops), ("valid".into(), String::new()));
        let ops = [
            (0, r#""add","element":false"#, r#""ok","value":false"#),
            (1, r#""contains","element":false"#, r#""ok","value":true"#),
        ];
        assert_eq!(judged("set", &ops), ("valid".into(), String::new()));
        let ops = [(0, r#""contains","element":1"#, r#""ok","value":false"#)];
        assert_eq!(judged("set", &ops), ("valid".into(), String::new()));
        let ops = [(0, r#""propose","value":1"#, r#""ok","value":false"#)];
        assert_eq!(judged("consensus", &ops).0, "integrity");
    }

    #[test]
    fn an_append_that_says_no_is_a_no() {
        let ops = [
            (0, r#""append","value":1"#, r#""ok","value":false"#),
            (1, r#""read""#, r#""ok","value":[]"#),
            (1, r#""append","value":2"#, r#""ok","offset":0"#),
        ];
        assert_eq!(judged("log", &ops).0, "valid");
        assert_eq!(check(&history(&ops), &CheckOptions::default()).unwrap().model, Some("log"));
        let ops = [ops[0], (1, r#""read""#, r#""ok","value":[1]"#)];
        assert_eq!(judged("log", &ops).0, "failed-yet-visible");
    }

    #[test]
    fn the_value_of_an_answer_counts() {
        let read = (1, r#""read""#, r#""ok","value":5"#);
        for asked in [r#""write""#, r#""write","value":null"#, r#""write","value":4"#] {
            let (verdict, note) = judged("register", &[(0, asked, r#""ok","value":5"#), read]);
            assert_eq!(verdict, "valid", "{asked}");
            let told = "1 answer names another value than was asked, and that one was taken; the \
                        first is that of the write at event 1: 5";
            assert_eq!(note, told);
        }
        let cas = [
            (0, r#""write","value":1"#, r#""ok""#),
            (0, r#""cas","value":[1,2]"#, r#""ok","value":[1,5]"#),
            read,
        ];
        assert_eq!(judged("register", &cas).0, "valid");
        let add = [(0, r#""add","value":3"#, r#""ok","value":5"#), read];
        assert_eq!(judged("counter", &add).0, "valid");
        let put = [(0, r#""enqueue""#, r#""ok","value":5"#), (1, r#""dequeue""#, read.2)];
        assert_eq!(judged("queue", &put).0, "valid");
        let add = [
            (0, r#""add","element":4"#, r#""ok","element":5"#),
            (1, r#""read""#, r#""ok","value":[5]"#),
        ];
        assert_eq!(judged("set", &add).0, "valid");
    }

    #[test]
    fn what_only_an_answer_could_have_told_nobody_knows() {
        let told = (0, r#""write","value":null"#, r#""ok","value":5"#);
        let lost = (1, r#""write","value":null"#, r#""info""#);
        let options = CheckOptions { model: Some("register".into()), ..CheckOptions::default() };
        let Err(CheckError::Operation(error)) = check(&history(&[told, lost]), &options) else {
            panic!("nobody knows what was written")
        };
        assert_eq!(error.index, 2);
        assert!(error.message.contains("other answers here told theirs"), "{error}");
        // Where nobody is told, null is what is written.
        assert_eq!(judged("register", &[lost]).0, "valid");
    }

    #[test]
    fn no_answered_field_is_dropped_unread() {
        let acquire = |answer| judged("mutex", &[(0, r#""acquire""#, answer)]);
        let (verdict, note) = acquire(r#""ok","value":7"#);
        let told = "1 answer carries what a mutex does not read; the first is `value` of the \
                    acquire at event 1";
        assert_eq!((&*verdict, &*note), ("valid", told));
        assert_eq!(acquire(r#""ok","offset":7"#).1, told.replace("`value`", "`offset`"));
        let options = CheckOptions { model: Some("register".into()), ..CheckOptions::default() };
        let old = history(&[(0, r#""cas","value":[1,2]"#, r#""ok","value":1"#)]);
        let error = check(&old, &options).unwrap_err().to_string();
        assert!(
            error.contains("the ok cas answers 1; expected true, false or [from, to]"),
            "{error}"
        );
        let line = |kind: &str, key: u64| {
            format!(
                "{{\"process\":0,\"type\":\"{kind}\",\"f\":\"read\",\"key\":{key},\"value\":1}}\n"
            )
        };
        let error = History::parse((line("invoke", 1) + &line("ok", 2)).as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "2: process 0 is answered for key 2, but line 1 asked for key 1"
        );
    }

    #[test]
    fn a_nil_answer_means_the_same_with_and_without_an_initial_value() {
        let judged = |model: &str, text: &str, initial: Option<i64>| {
            let (history, _) = edn::parse(text.as_bytes()).unwrap();
            let options = CheckOptions {
                model: Some(model.into()),
                initial: initial.map(Into::into),
                null_says_nothing: true,
                ..CheckOptions::default()
            };
            let result = check(&history, &options).unwrap();
            (result.verdict.in_short(), result.notes.join("; "))
        };
        let both = |asked: &str, answered: &str| {
            format!("{{:process 0 :type :invoke {asked}}} {{:process 0 :type :ok {answered}}}\n")
        };
        let text = both(":f :write :value 1", ":f :write :value 1")
            + &both(":f :read :value nil", ":f :read :value nil");
        let told =
            "1 answer of nil was taken to say nothing; the first is that of the read at event 3";
        for initial in [None, Some(0)] {
            assert_eq!(judged("register", &text, initial), ("valid".into(), told.into()));
        }
        let txn = both(":f :txn :value [[:w :x 1]]", ":f :txn :value [[:w :x 1]]")
            + &both(
                ":f :txn :value [[:r :x nil] [:r :y nil]]",
                ":f :txn :value [[:r :x nil] [:r :y nil]]",
            );
        let (verdict, note) = judged("multi-register", &txn, None);
        assert_eq!(verdict, "valid");
        assert!(note.starts_with("2 answers of nil were taken to say nothing"), "{note}");
        let empty = both(":f :enqueue :value 1", ":f :enqueue :value 1")
            + &both(":f :dequeue", ":f :dequeue :value nil");
        let (verdict, note) = judged("queue", &empty, None);
        assert_eq!(verdict, "non-linearizable");
        assert!(note.contains("was taken to say that it was empty"), "{note}");
    }
}
