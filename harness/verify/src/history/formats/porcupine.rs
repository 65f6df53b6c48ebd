//! Porcupine's logs of a register, as Jepsen printed them:
//! `INFO  jepsen.util - 3 :invoke :cas [1 2]`. Here a failed cas says that the state was another.
//! It never reads lines of other loggers.

use schism_facts::foreign::excerpt;

use super::{cut_note, edn};
use crate::history::lines::Lines;
use crate::history::loose::{Ends, Loose};
use crate::history::order::{NO_INDEX, Names, order};
use crate::history::scan::INTEGER_MAX;
use crate::history::{Event, History, Note, ParseError, Process, Type, Value};

/// Reads such a log. A last line cut off is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (text, _) = edn::text(bytes)?;
    let mut names = Names::default();
    let (mut events, mut lines, mut cut) = (Vec::new(), Lines::default(), None);
    let mut loose = Loose::default();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let number = at as u64 + 1;
        let Some(start) = line.find("jepsen.util") else {
            if !line.trim().is_empty() && !line.ends_with('\n') {
                cut = Some(number);
            }
            continue;
        };
        match event(&line[start..], &mut names) {
            Ok(None) => {}
            Ok(Some((event, ends))) => {
                loose.push(events.len(), ends);
                events.push(event);
                lines.push(number);
            }
            Err(_) if !line.ends_with('\n') => cut = Some(number),
            Err(message) => return Err(ParseError { line: number, column: None, message }),
        }
    }
    let told = loose.settle(&mut events, &lines)?;
    let (history, mut notes) = order(events, lines)?;
    notes.extend(told);
    notes.extend(cut.map(cut_note));
    Ok((history, notes))
}

/// `jepsen.util - PROCESS TYPE F VALUE`. None: a remark that is no event.
fn event(line: &str, names: &mut Names) -> Result<Option<(Event, Ends)>, String> {
    let mut ends = Ends::default();
    let mut words = line.split_whitespace().skip(1).skip_while(|word| *word == "-");
    let process = match words.next() {
        Some(":nemesis") => Process::Nemesis,
        Some(word) => match word.parse() {
            Ok(number) if number <= INTEGER_MAX => Process::Client(number),
            _ => {
                let next = words.clone().next().and_then(|word| word.strip_prefix(':'));
                if next.and_then(Type::named).is_none() {
                    return Ok(None); // another remark
                }
                let name = word.strip_prefix(':').unwrap_or(word);
                if !name.starts_with(char::is_alphabetic) {
                    return Err(format!(
                        "found {}, expected a process: a whole number from 0 to {INTEGER_MAX}, a \
                         name, or :nemesis",
                        excerpt(word)
                    ));
                }
                ends.process = Some(names.get(name));
                Process::Nemesis // until all names are known
            }
        },
        None => return Err("the line ends where a process should be".into()),
    };
    let found = words.next().unwrap_or("nothing");
    let kind = found.strip_prefix(':').and_then(Type::named);
    let kind =
        kind.ok_or_else(|| format!("found {found}, expected :invoke, :ok, :fail or :info"))?;
    let f = words.next().and_then(|word| word.strip_prefix(':'));
    let f = f.ok_or("found no operation, such as :read, after the type")?;
    let mut event = Event::new(process, kind, names.get(f));
    event.index = NO_INDEX;
    let rest: Vec<&str> = words.collect();
    let rest = rest.join(" ");
    if process == Process::Nemesis && ends.process.is_none() {
        event.value = Some(Value::Str(rest.into()));
    } else if rest == ":timed-out" {
        event.set_error(Some(names.get("timed-out")));
    } else if rest.is_empty() {
        return Err(format!("found no value after :{f}"));
    } else {
        let value = edn::value(&rest).map_err(|error| format!("the value: {}", error.message))?;
        event.value = Some(value);
    }
    Ok(Some((event, ends)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]
INFO  jepsen.util - :nemesis\t:info\t:start\tCut off [:n1]
INFO  jepsen.core - Running worker 3
INFO  jepsen.util - 1\t:invoke\t:read\tnil
INFO  jepsen.util - 0\t:info\t:cas\t:timed-out
INFO  jepsen.util - 1\t:ok\t:read\t-3
";

    #[test]
    fn a_log_is_read() {
        let (history, notes) = parse(LOG.as_bytes()).unwrap();
        assert_eq!(notes, []);
        let events = history.events();
        assert_eq!(events.len(), 5);
        assert_eq!(events[0].value, Some(Value::List([Value::Int(1), Value::Int(2)].into())));
        assert_eq!((events[1].process(), &*events[1].f), (Process::Nemesis, "start"));
        assert_eq!((events[3].kind, events[3].error()), (Type::Info, Some("timed-out")));
        assert_eq!(events[4].value, Some(Value::Int(-3)));
        assert_eq!(history.operations().len(), 2);
    }

    #[test]
    fn wrong_lines_are_named_and_a_cut_one_is_noted() {
        let wrong = LOG.replace(":ok", ":oh");
        let error = parse(wrong.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "6: found :oh, expected :invoke, :ok, :fail or :info");
        for process in ["99999999999999999999", "-1", "1p", "9007199254740993"] {
            let wrong = LOG.replace("- 1\t:ok", &format!("- {process}\t:ok"));
            let error = parse(wrong.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("6: found {process}, expected a pro")), "{error}");
        }
        let named = LOG.replace("- 0\t", "- ann\t").replace("- 1\t", "- bob\t");
        let (history, notes) = parse(named.as_bytes()).unwrap();
        let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
        assert_eq!(
            (processes, history.events()[4].value.clone()),
            (vec![0, 1], Some(Value::Int(-3)))
        );
        assert!(notes[0].message.contains("p0 is ann, p1 is bob"), "{notes:?}");
        let (history, notes) = parse(&LOG.as_bytes()[..LOG.len() - 8]).unwrap();
        assert_eq!((history.events().len(), notes[0].line), (4, Some(6)));
    }
}
