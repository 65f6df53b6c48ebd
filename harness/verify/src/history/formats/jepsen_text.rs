//! Jepsen's history.txt: `3<TAB>:invoke<TAB>:cas<TAB>[1 2]`, with an error as a fifth part where
//! there is one. Values and errors are EDN. It means what the same operations mean in history.edn.

use schism_facts::foreign::excerpt;

use super::edn;
use crate::history::{History, Note, ParseError, Type};

/// Reads such a text. A last line cut off is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (text, _) = edn::text(bytes)?;
    let mut read = edn::Read::default();
    let mut cut = None;
    // An error may go on over several lines, as a stack trace does.
    let mut may_go_on = false;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if line.trim().is_empty() {
            continue;
        }
        match event(&mut read, number, line.trim_end_matches(['\n', '\r'])) {
            Ok(has_error) => may_go_on = has_error,
            Err(_) if !line.ends_with('\n') => cut = Some(number),
            Err(_) if may_go_on && !is_one(line.as_bytes()) => {}
            Err(message) => return Err(ParseError { line: number, column: None, message }),
        }
    }
    read.finish(cut)
}

/// Whether the first line of this text is such an event.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let kind = line.split(|byte| *byte == b'\t').nth(1).unwrap_or_default();
    let kind = std::str::from_utf8(kind).ok().and_then(|kind| kind.strip_prefix(':'));
    kind.and_then(Type::named).is_some()
}

/// Takes an event of one line; true: with an error.
fn event(read: &mut edn::Read, number: u64, line: &str) -> Result<bool, String> {
    let mut parts = line.splitn(5, '\t');
    let mut part = || parts.next().map(str::trim).filter(|part| !part.is_empty());
    let (Some(process), Some(kind), Some(f), Some(value)) = (part(), part(), part(), part()) else {
        return Err(format!(
            "found `{}`, expected PROCESS, TYPE, F and VALUE with a tab between each",
            excerpt(line)
        ));
    };
    let error = part();
    let mut fields = vec![("process", process), ("type", kind), ("f", f), ("value", value)];
    // What an error says judges nothing, so it need not be EDN.
    let readable = error.filter(|text| edn::value(text).is_ok());
    fields.extend(readable.map(|error| ("error", error)));
    read.take_texts(number, &fields)?;
    Ok(error.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Process, Value};

    const TEXT: &str = "0\t:invoke\t:write\t5\n\
        :nemesis\t:info\t:start\t[:cut {\"n1\" #{\"n2\"}}]\n\
        \n\
        1\t:invoke\t:cas\t[5 6]\r\n\
        0\t:ok\t:write\t5\n\
        1\t:info\t:cas\t[5 6]\tjava.net.SocketTimeoutException: Read timed out\n\
        \tat java.net.Socket.read(Socket.java)\n\
        2\t:invoke\t:read\tnil\n\
        2\t:fail\t:read\tnil\t:timeout\n";

    #[test]
    fn a_text_is_read() {
        let (history, notes) = parse(TEXT.as_bytes()).unwrap();
        assert_eq!(notes, []);
        let events = history.events();
        assert_eq!((events.len(), history.operations().len()), (7, 3));
        assert_eq!((events[1].process(), &*events[1].f), (Process::Nemesis, "start"));
        assert_eq!(events[2].value, Some(Value::List([Value::Int(5), Value::Int(6)].into())));
        assert_eq!((events[4].kind, events[6].error()), (Type::Info, Some("timeout")));
        assert_eq!(history.line_of(6), Some(9));
    }

    #[test]
    fn wrong_lines_are_named_and_a_cut_one_is_noted() {
        let error = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        let wrong = TEXT.replace("0\t:ok", "0\t:oh");
        assert!(error(&wrong).starts_with("5: `:type` is \"oh\""), "{}", error(&wrong));
        let lost = TEXT.replace("0\t:ok\t:write\t5\n", "what is this\n");
        assert!(error(&lost).starts_with("5: found `what is this`, expected PROCESS"));
        let broken = TEXT.replace(":cas\t[5 6]\r", ":cas\t[5 6\r");
        assert!(error(&broken).starts_with("4: `[5 6` cannot be read as EDN"));
        // After an error only what looks like no event is passed over.
        let unpaired =
            TEXT.replace("\tat java.net.Socket.read(Socket.java)", "0\t:ok\t:write\tnil");
        assert!(error(&unpaired).starts_with("7: process 0 returns"), "{}", error(&unpaired));
        let (history, notes) = parse(&TEXT.as_bytes()[..TEXT.len() - 18]).unwrap();
        assert_eq!((history.events().len(), notes[0].line), (6, Some(9)));
    }

    #[test]
    fn pairs_are_keys_as_in_edn_and_processes_may_have_names() {
        let text = "c1\t:invoke\t:write\t[7 1]\nc1\t:ok\t:write\t[7 1]\n\
            c2\t:invoke\t:read\t[7 nil]\nc2\t:ok\t:read\t[7 1]\n";
        let (history, _) = parse(text.as_bytes()).unwrap();
        assert_eq!(history.operations().len(), 2);
        assert!(history.events().iter().all(|event| event.key() == Some(&Value::Int(7))));
    }
}
