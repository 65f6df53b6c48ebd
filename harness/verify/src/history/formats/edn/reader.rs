//! Reading EDN and what else Clojure prints: numbers, strings, keywords, symbols, vectors, lists,
//! sets, maps, tagged values, objects that cannot be read again. It never recurses deeper than
//! [`DEPTH_MAX`] and never panics. Tags are read over, but for tuples and objects.

use memchr::memchr2;

use crate::history::{ParseError, Value};

/// Ours nest a few levels; a hostile file must not exhaust the stack.
const DEPTH_MAX: usize = 64;

/// A string has at most so many bytes. What goes on longer misses its end, and with it the rest of
/// the file.
pub(super) const STRING_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Edn {
    /// Anything that is no map.
    Plain(Value),
    /// A map or record, in the order of the file.
    Map(Vec<(Edn, Edn)>),
    /// A vector, list or set of values that hold a map somewhere.
    Mixed(Vec<Edn>),
    /// `:keyword`. Kept apart while events are read: `:nemesis` is not "nemesis".
    Keyword(String),
    /// A tagged tuple of an independent key and a value.
    Tuple(Box<(Edn, Edn)>),
}

pub(super) struct Wrong {
    pub error: ParseError,
    /// The text ended too early.
    pub cut: bool,
}

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Lines counted so far, and up to where.
    line: u64,
    counted: usize,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Reader { text, at: 0, depth: 0, line: 1, counted: 0 }
    }

    /// The line of the next value.
    pub fn line(&mut self) -> u64 {
        let passed = &self.text.as_bytes()[self.counted..self.at];
        self.line += line_feeds(passed);
        self.counted = self.at;
        self.line
    }

    fn column(&self) -> u64 {
        let start = self.text[..self.at].rfind('\n').map_or(0, |at| at + 1);
        (self.at - start) as u64 + 1
    }

    pub fn wrong(&mut self, expected: &str) -> Wrong {
        let Some(found) = self.text[self.at..].chars().next() else { return self.cut(expected) };
        let message = format!("found `{}`, expected {expected}", found.escape_debug());
        Wrong { error: self.error(message), cut: false }
    }

    fn cut(&mut self, expected: &str) -> Wrong {
        let message = format!("the file ends here, expected {expected}");
        Wrong { error: self.error(message), cut: true }
    }

    fn error(&mut self, message: String) -> ParseError {
        ParseError { line: self.line(), column: Some(self.column()), message }
    }

    /// The next byte that means something: after white space, commas, comments and `#_` forms,
    /// which may themselves begin with such a form.
    pub fn peek(&mut self) -> Result<Option<u8>, Wrong> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x0c) => self.at += 1,
                Some(b';') => {
                    let end = bytes[self.at..].iter().position(|byte| *byte == b'\n');
                    self.at = end.map_or(bytes.len(), |end| self.at + end + 1);
                }
                Some(b'#') if bytes.get(self.at + 1) == Some(&b'!') => {
                    let end = bytes[self.at..].iter().position(|byte| *byte == b'\n');
                    self.at = end.map_or(bytes.len(), |end| self.at + end + 1);
                }
                Some(b'#') if bytes.get(self.at + 1) == Some(&b'_') => {
                    self.descend()?;
                    self.at += 2;
                    self.value()?;
                    self.depth -= 1;
                }
                other => return Ok(other.copied()),
            }
        }
    }

    /// Reads over this byte if it is the next one.
    pub fn take(&mut self, byte: u8) -> Result<bool, Wrong> {
        let there = self.peek()? == Some(byte);
        self.at += usize::from(there);
        Ok(there)
    }

    /// One level deeper.
    fn descend(&mut self) -> Result<(), Wrong> {
        if self.depth >= DEPTH_MAX {
            return Err(self.wrong(&format!("values that nest no deeper than {DEPTH_MAX}")));
        }
        self.depth += 1;
        Ok(())
    }

    pub fn value(&mut self) -> Result<Edn, Wrong> {
        let Some(byte) = self.peek()? else { return Err(self.cut("a value")) };
        self.descend()?;
        let value = match byte {
            b'"' => self.string().map(|text| Edn::Plain(Value::Str(text.into()))),
            b'[' => self.sequence(b']', "`]`"),
            b'(' => self.sequence(b')', "`)`"),
            b'{' => self.map(),
            b'#' => self.dispatch(),
            b'\\' => self.character(),
            b':' => {
                self.at += 1;
                let word = self.word();
                let word = word.trim_start_matches(':');
                if word.is_empty() {
                    Err(self.wrong("a keyword"))
                } else {
                    Ok(Edn::Keyword(word.into()))
                }
            }
            b'^' => self.after_metadata(1),
            // A quoted form, and what a reference holds.
            b'\'' | b'@' | b'`' => {
                self.at += 1;
                self.value()
            }
            b']' | b')' | b'}' => Err(self.wrong("a value")),
            _ => self.atom(),
        };
        self.depth -= 1;
        value
    }

    /// Metadata says nothing about the value after it.
    fn after_metadata(&mut self, mark: usize) -> Result<Edn, Wrong> {
        self.at += mark;
        self.value()?;
        self.value()
    }

    fn sequence(&mut self, end: u8, name: &str) -> Result<Edn, Wrong> {
        self.at += 1;
        let mut parts = Vec::new();
        while !self.take(end)? {
            if self.peek()?.is_none() {
                return Err(self.cut(name));
            }
            parts.push(self.value()?);
        }
        Ok(Edn::list(parts))
    }

    fn map(&mut self) -> Result<Edn, Wrong> {
        self.at += 1;
        let mut fields = Vec::new();
        while !self.take(b'}')? {
            if self.peek()?.is_none() {
                return Err(self.cut("`}`"));
            }
            let name = self.value()?;
            if self.peek()? == Some(b'}') {
                return Err(self.wrong("a value for the last key of the map"));
            }
            fields.push((name, self.value()?));
        }
        Ok(Edn::Map(fields))
    }

    /// `#{set}`, `#tag value`, `##NaN`, `#"pattern"`, `#'name`, `#<an object>`.
    fn dispatch(&mut self) -> Result<Edn, Wrong> {
        self.at += 1;
        match self.text.as_bytes().get(self.at) {
            Some(b'{') => {
                // A set has no order.
                let mut parts = match self.sequence(b'}', "`}`")?.into_value() {
                    Value::List(parts) => parts.to_vec(),
                    other => vec![other],
                };
                parts.sort();
                Ok(Edn::Plain(Value::List(parts.into())))
            }
            Some(b'#') => {
                self.at += 1;
                Ok(Edn::Plain(Value::Str(self.word().into())))
            }
            Some(b'\'' | b'=') => {
                self.at += 1;
                self.value()
            }
            Some(b'^') => self.after_metadata(1),
            Some(b'<') => self.unreadable(),
            Some(b'[' | b'(' | b'"') => self.value(),
            None => Err(self.cut("a tag")),
            Some(_) => {
                let tag = self.word();
                if tag.is_empty() {
                    return Err(self.wrong("a tag"));
                }
                let is_tuple = tag.to_ascii_lowercase().ends_with("tuple");
                match self.value()? {
                    Edn::Plain(Value::List(pair)) if is_tuple && pair.len() == 2 => {
                        let pair = (Edn::Plain(pair[0].clone()), Edn::Plain(pair[1].clone()));
                        Ok(Edn::Tuple(Box::new(pair)))
                    }
                    Edn::Mixed(mut pair) if is_tuple && pair.len() == 2 => {
                        let value = pair.pop().expect("there are two");
                        let key = pair.pop().expect("there are two");
                        Ok(Edn::Tuple(Box::new((key, value))))
                    }
                    // A class, an address, and what the object says of itself.
                    Edn::Plain(Value::List(parts)) if tag == "object" => {
                        let text = parts.last().filter(|last| matches!(last, Value::Str(_)));
                        Ok(Edn::Plain(text.cloned().unwrap_or(Value::List(parts))))
                    }
                    value => Ok(value),
                }
            }
        }
    }

    /// What old printers make of an object, as its text: up to the `>` after which something else
    /// can begin.
    fn unreadable(&mut self) -> Result<Edn, Wrong> {
        let rest = &self.text[self.at + 1..];
        let ends = |at: usize| {
            let after = rest[at + 1..].chars().next();
            let delimited = after.is_none_or(|c| c.is_whitespace() || ",}])".contains(c));
            delimited && !rest[..at].ends_with(['-', '='])
        };
        let Some(end) = rest.match_indices('>').map(|(at, _)| at).find(|at| ends(*at)) else {
            self.at = self.text.len();
            return Err(self.cut("the end of `#<`"));
        };
        self.at += end + 2;
        Ok(Edn::Plain(Value::Str(rest[..end].into())))
    }

    fn character(&mut self) -> Result<Edn, Wrong> {
        self.at += 1;
        let Some(first) = self.text[self.at..].chars().next() else {
            return Err(self.cut("a character"));
        };
        let start = self.at;
        self.at += first.len_utf8();
        self.word();
        let name = &self.text[start..self.at];
        let code = name.strip_prefix('u').filter(|digits| digits.len() == 4);
        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let known = code.and_then(char::from_u32).map(String::from);
        Ok(Edn::Plain(Value::Str(known.as_deref().unwrap_or(name).into())))
    }

    /// Everything up to the next delimiter.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let delimits = |c: char| c.is_whitespace() || ",;\"[](){}".contains(c);
        let end = rest.find(delimits).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn atom(&mut self) -> Result<Edn, Wrong> {
        let start = self.at;
        let word = self.word();
        let value = match word {
            "nil" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if word.starts_with(|c: char| c.is_ascii_digit())
                || word.len() > 1
                    && word.starts_with(['+', '-'])
                    && word[1..].starts_with(|c: char| c.is_ascii_digit()) =>
            {
                let Some(number) = number(word) else {
                    self.at = start;
                    return Err(self.wrong(&format!("a number, not `{word}`")));
                };
                number
            }
            "" => return Err(self.wrong("a value")),
            symbol => Value::Str(symbol.into()),
        };
        Ok(Edn::Plain(value))
    }

    fn string(&mut self) -> Result<String, Wrong> {
        let rest = &self.text[self.at + 1..];
        let Some(end) = end_of_string(rest.as_bytes()) else {
            if rest.len() > STRING_BYTES_MAX {
                let most = STRING_BYTES_MAX >> 20;
                return Err(self.wrong(&format!("a string of at most {most} MiB")));
            }
            self.at = self.text.len();
            return Err(self.cut("the end of the string"));
        };
        self.at += 1 + end + 1;
        let mut out = String::with_capacity(end);
        let mut chars = rest[..end].chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('b') => out.push('\u{8}'),
                Some('f') => out.push('\u{c}'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    // Half of a surrogate pair stands for nothing by itself.
                    out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                other => out.extend(other),
            }
        }
        Ok(out)
    }
}

/// Where the string that begins here ends: at its closing quote.
fn end_of_string(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(STRING_BYTES_MAX)];
    let mut from = 0;
    while from < bytes.len() {
        let at = from + memchr2(b'"', b'\\', &bytes[from..])?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

/// How many lines end in these bytes.
pub(in crate::history) fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count() as u64 - 1
}

/// A number as Clojure writes it: whole, of any base, also with N; a fraction, also with M or an
/// exponent; a ratio.
fn number(word: &str) -> Option<Value> {
    let plain = word.strip_prefix('+').unwrap_or(word);
    if let Ok(number) = plain.parse::<i64>().map(Value::Int)
        && !has_base(plain)
    {
        return Some(number);
    }
    let (sign, unsigned) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    if let Some((over, under)) = unsigned.split_once('/') {
        return ratio(sign, over, under);
    }
    if let Some(number) = of_base(unsigned.strip_suffix('N').unwrap_or(unsigned)) {
        return Value::of_number(&format!("{sign}{number}"));
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.strip_suffix('N') {
        Some(whole) => {
            is_digits(whole).then(|| Value::of_number(&format!("{sign}{whole}"))).flatten()
        }
        None => Value::of_number(plain.strip_suffix('M').unwrap_or(plain)),
    }
}

/// Whether these digits are not to be read in tens: `017` is 15.
fn has_base(plain: &str) -> bool {
    let unsigned = plain.trim_start_matches('-');
    unsigned.len() > 1 && unsigned.starts_with('0')
}

/// `0x1f`, `017`, `36rZ`.
fn of_base(unsigned: &str) -> Option<u128> {
    let hex = unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X"));
    if let Some(digits) = hex {
        return u128::from_str_radix(digits, 16).ok();
    }
    if let Some((base, digits)) = unsigned.split_once(['r', 'R']) {
        let base = base.parse().ok().filter(|base| (2..=36).contains(base))?;
        return u128::from_str_radix(digits, base).ok();
    }
    has_base(unsigned).then(|| u128::from_str_radix(unsigned, 8).ok())?
}

/// A ratio, in its lowest terms: a decimal where it is one.
fn ratio(sign: &str, over: &str, under: &str) -> Option<Value> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if over.is_empty() || under.is_empty() || !is_digits(over) || !is_digits(under) {
        return None;
    }
    let (Ok(over), Ok(under)) = (over.parse::<u128>(), under.parse::<u128>()) else {
        return Some(Value::Str(format!("{sign}{over}/{under}").into()));
    };
    let (mut rest, mut divisor) = (over, under);
    while divisor > 0 {
        (rest, divisor) = (divisor, rest % divisor);
    }
    let (over, under) =
        (over.checked_div(rest)?, under.checked_div(rest).filter(|under| *under > 0)?);
    // A power of ten that the denominator divides, if there is a small one.
    for places in 0..20u32 {
        let tens = 10u128.pow(places);
        if tens % under == 0 {
            let Some(digits) = over.checked_mul(tens / under) else { break };
            return Value::of_number(&format!("{sign}{digits}e-{places}"));
        }
    }
    Some(Value::Str(format!("{sign}{over}/{under}").into()))
}

impl Edn {
    /// A list: plain, if all its parts are.
    fn list(parts: Vec<Edn>) -> Edn {
        let plain: Option<Vec<Value>> = parts.iter().map(Edn::plain).collect();
        plain.map_or(Edn::Mixed(parts), |values| Edn::Plain(Value::List(values.into())))
    }

    /// The value, if no map is in it that could be an event.
    fn plain(&self) -> Option<Value> {
        match self {
            Edn::Plain(value) => Some(value.clone()),
            Edn::Keyword(word) => Some(Value::Str(word.as_str().into())),
            Edn::Map(_) | Edn::Mixed(_) | Edn::Tuple(_) => None,
        }
    }

    /// The value: keywords become words, maps become objects.
    pub fn into_value(self) -> Value {
        match self {
            Edn::Plain(value) => value,
            Edn::Keyword(word) => Value::Str(word.into()),
            Edn::Mixed(parts) => Value::List(parts.into_iter().map(Edn::into_value).collect()),
            Edn::Tuple(pair) => Value::List([pair.0.into_value(), pair.1.into_value()].into()),
            Edn::Map(fields) => Value::object(fields.into_iter().map(|(name, value)| {
                let name = match name.into_value() {
                    Value::Str(name) => name.to_string(),
                    other => other.to_string(),
                };
                (name, value.into_value())
            })),
        }
    }
}
