//! Reading JSON from one line of text, without building a tree. Every error says where and what
//! was expected. It never recurses deeper than [`DEPTH_MAX`] and never panics.
//!
//! It is written by hand because histories have tens of millions of lines: reading the same events
//! with serde_json takes half as long again (`cargo bench -p schism-verify --bench log`).

use std::borrow::Cow;

use super::{List, Value};

/// How deep lists and objects may nest. Ours nest at most 4 deep (a nemesis's effect); a hostile
/// line must not exhaust the stack.
pub(crate) const DEPTH_MAX: usize = 64;

/// A whole number beyond this is not exact in every JSON reader, so docs/reference/history.md
/// excludes it.
pub(crate) const INTEGER_MAX: u64 = 1 << 53;

/// A time beyond this is refused: the number after it stands for no time.
pub(crate) const TIME_MAX: u64 = u64::MAX - 1;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ScanError {
    /// The byte, from 0.
    pub at: usize,
    pub message: String,
    /// The text ended too early: more of it might have been fine.
    pub cut: bool,
}

pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Elements of lists that are still open: kept from list to list, so that each list needs one
    /// allocation, of its size.
    elements: Vec<Value>,
}

/// All numbers of so many digits fit into an i64.
const SHORT_DIGITS_MAX: usize = 18;

type Scan<T> = Result<T, ScanError>;

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner { text, at: 0, depth: 0, elements: Vec::new() }
    }

    /// Goes on with another text.
    pub fn start(&mut self, text: &'a str) {
        (self.text, self.at, self.depth) = (text, 0, 0);
        self.elements.clear();
    }

    /// Reads one object, handing each field's name to `field`, which must read its value.
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Scan<()>) -> Scan<()> {
        self.expect(b'{', "`{`")?;
        self.descend()?;
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.expected("a field's name in quotes"));
                }
                let name = self.string()?;
                self.expect(b':', "`:`")?;
                field(self, &name)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.expect(b'}', "`,` or `}`")
    }

    /// The place, to come back to.
    pub fn here(&self) -> usize {
        self.at
    }

    /// Goes back to a place in the same text, to say what is wrong there.
    pub fn go_back(&mut self, to: usize) {
        self.at = to;
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Scan<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the line")),
        }
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    pub fn string(&mut self) -> Scan<Cow<'a, str>> {
        self.expect(b'"', "a string")?;
        let bytes = self.text.as_bytes();
        let start = self.at;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                b'\\' => return self.escaped(start).map(Cow::Owned),
                0..0x20 => return Err(self.expected("no bare control character in a string")),
                _ => self.at += 1,
            }
        }
        Err(self.cut("the end of the string"))
    }

    /// A whole number from 0 to `max`.
    pub fn number(&mut self, max: u64) -> Scan<u64> {
        if let Some(number) = self.short_number().filter(|&number| number <= max) {
            return Ok(number);
        }
        let what = || format!("a whole number from 0 to {max}");
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.expected(&what()));
        }
        let start = self.at;
        let digits = self.digits_and_more();
        digits.parse().ok().filter(|&number| number <= max).ok_or_else(|| ScanError {
            at: start,
            message: format!("found `{}`, expected {}", shorten(digits), what()),
            cut: self.at == self.text.len(),
        })
    }

    /// A number of any form that `read` can make something of; `short` makes it of a plain one.
    pub fn number_text<T>(
        &mut self,
        read: impl Fn(&str) -> Option<T>,
        short: impl Fn(u64) -> T,
        expected: &str,
    ) -> Scan<T> {
        if let Some(number) = self.short_number() {
            return Ok(short(number));
        }
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.expected(expected));
        }
        let start = self.at;
        let text = self.digits_and_more();
        read(text).ok_or_else(|| ScanError {
            at: start,
            message: format!("found `{}`, expected {expected}", shorten(text)),
            cut: self.at == self.text.len(),
        })
    }

    /// A number of few digits and nothing else, as nearly all are. Otherwise nothing is read.
    fn short_number(&mut self) -> Option<u64> {
        self.peek();
        let bytes = &self.text.as_bytes()[self.at..];
        let mut number = 0;
        let mut length = 0;
        while let Some(byte @ b'0'..=b'9') = bytes.get(length) {
            if length == SHORT_DIGITS_MAX {
                return None;
            }
            number = number * 10 + u64::from(byte - b'0');
            length += 1;
        }
        let more = matches!(bytes.get(length), Some(b'-' | b'+' | b'.' | b'e' | b'E'));
        if length == 0 || more {
            return None;
        }
        self.at += length;
        Some(number)
    }

    /// A whole number, or null for None.
    pub fn number_or_null(&mut self, max: u64) -> Scan<Option<u64>> {
        if self.peek() == Some(b'n') {
            return self.word("null").map(|()| None);
        }
        self.number(max).map(Some)
    }

    pub fn boolean(&mut self) -> Scan<bool> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub fn value(&mut self) -> Scan<Value> {
        let Some(byte) = self.peek() else { return Err(self.cut("a value")) };
        match byte {
            b'"' => self.string().map(|text| Value::Str(text.into())),
            b'n' => self.word("null").map(|()| Value::Null),
            b't' | b'f' => self.boolean().map(Value::Bool),
            b'[' => self.list(),
            b'{' => {
                let start = self.at;
                self.skip()?;
                let tree: serde_json::Value = serde_json::from_str(&self.text[start..self.at])
                    .map_err(|error| ScanError {
                        at: start,
                        message: format!("found an object that cannot be read: {error}"),
                        cut: false,
                    })?;
                Ok(Value::from_json(&tree))
            }
            b'-' | b'0'..=b'9' => {
                if let Some(number) = self.short_number() {
                    return Ok(Value::Int(number.cast_signed()));
                }
                let start = self.at;
                let text = self.digits_and_more();
                if let Ok(number) = text.parse() {
                    return Ok(Value::Int(number));
                }
                let known = serde_json::from_str::<serde_json::Number>(text).is_ok();
                Value::of_number(text).filter(|_| known).ok_or_else(|| ScanError {
                    at: start,
                    message: format!("found `{}`, expected a number", shorten(text)),
                    cut: self.at == self.text.len(),
                })
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// Reads over any value and returns its text.
    pub fn skip(&mut self) -> Scan<&'a str> {
        let Some(byte) = self.peek() else { return Err(self.cut("a value")) };
        let start = self.at;
        match byte {
            b'{' => self.object(|scanner, _| scanner.skip().map(drop))?,
            b'[' => self.elements(|scanner| scanner.skip().map(drop))?,
            b'"' => drop(self.string()?),
            _ => drop(self.value()?),
        }
        Ok(&self.text[start..self.at])
    }

    pub fn expected(&mut self, what: &str) -> ScanError {
        if self.peek().is_none() {
            return self.cut(what);
        }
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let message = match found {
            Some(found) => format!("found `{}`, expected {what}", found.escape_default()),
            None => format!("expected {what}"),
        };
        ScanError { at: self.at, message, cut: false }
    }

    fn cut(&self, what: &str) -> ScanError {
        let message = format!("the line ends where {what} was expected");
        ScanError { at: self.at, message, cut: true }
    }

    fn descend(&mut self) -> Scan<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("lists and objects nest deeper than {DEPTH_MAX}");
            return Err(ScanError { at: self.at, message, cut: false });
        }
        Ok(())
    }

    fn list(&mut self) -> Scan<Value> {
        let start = self.elements.len();
        self.elements(|scanner| {
            let value = scanner.value()?;
            scanner.elements.push(value);
            Ok(())
        })?;
        Ok(Value::List(List::of(self.elements.drain(start..))))
    }

    /// Reads one list, handing each element to `element`, which must read it.
    pub fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Scan<()>) -> Scan<()> {
        self.expect(b'[', "`[`")?;
        self.descend()?;
        if self.peek() != Some(b']') {
            loop {
                element(self)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.expect(b']', "`,` or `]`")
    }

    fn expect(&mut self, byte: u8, what: &str) -> Scan<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(what))
    }

    fn word(&mut self, word: &str) -> Scan<()> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(self.cut(word))
        } else {
            Err(self.expected(word))
        }
    }

    /// Everything that could belong to a number.
    fn digits_and_more(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// The rest of a string whose first escape is here.
    fn escaped(&mut self, start: usize) -> Scan<String> {
        let bytes = self.text.as_bytes();
        // Find the end first, then let the one full reader decide what the escapes mean.
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    let quoted = &self.text[start - 1..self.at];
                    return serde_json::from_str(quoted).map_err(|error| ScanError {
                        at: start,
                        message: format!("found a string that cannot be read: {error}"),
                        cut: false,
                    });
                }
                b'\\' => self.at = (self.at + 2).min(bytes.len()),
                _ => self.at += 1,
            }
        }
        Err(self.cut("the end of the string"))
    }
}

/// Hostile numbers can be megabytes long; an error shows their beginning.
fn shorten(text: &str) -> &str {
    &text[..text.len().min(24)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Scan<Value> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end()?;
        Ok(value)
    }

    #[test]
    fn values_keep_what_they_say() {
        assert_eq!(value("17"), Ok(Value::Int(17)));
        assert_eq!(value(" -3 "), Ok(Value::Int(-3)));
        assert_eq!(value("1.5"), Ok(Value::Other("1.5".into())));
        assert_eq!(value("[1.50,1e2,100.0]"), value("[15e-1,100,100]"));
        assert_eq!(value(r#"{"b":1e2,"a":1.50}"#), value(r#"{"a":1.5,"b":100}"#));
        assert_eq!(value("99999999999999999999"), Ok(Value::Other("99999999999999999999".into())));
        assert_eq!(value(r#""a\u00e9\n""#), Ok(Value::Str("aé\n".into())));
        assert_eq!(value("null"), Ok(Value::Null));
        assert_eq!(value("[ ]"), Ok(Value::List([].into())));
        let nested = Value::List([Value::Int(1), Value::List([Value::Bool(true)].into())].into());
        assert_eq!(value("[1, [true]]"), Ok(nested));
        assert_eq!(value(r#"{ "a" : [1] }"#), Ok(Value::Other(r#"{"a":[1]}"#.into())));
    }

    #[test]
    fn errors_say_whether_the_text_was_cut() {
        for cut in ["", "[1", "[1,", "\"ab", "\"ab\\", "nul", "{\"a\"", "{\"a\":", "tr", "-", "{"] {
            assert!(value(cut).unwrap_err().cut, "{cut}");
        }
        let wrong =
            ["nux", "[1 2]", "{1}", "\"\u{1}\"", "1-2 ", "@", "é", "[1]]", "\"\\x\"", "{,}"];
        for wrong in wrong {
            assert!(!value(wrong).unwrap_err().cut, "{wrong}");
        }
        assert_eq!(value("[1, @]").unwrap_err().at, 4);
    }

    #[test]
    fn nesting_ends_somewhere() {
        assert!(value(&"[".repeat(1_000_000)).unwrap_err().message.contains("nest deeper"));
        assert!(value(&"{\"a\":".repeat(1_000_000)).unwrap_err().message.contains("nest deeper"));
        assert!(value(&format!("{}{}", "[".repeat(60), "]".repeat(60))).is_ok());
    }
}
