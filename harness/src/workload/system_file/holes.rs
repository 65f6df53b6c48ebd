//! Texts of a system file with holes in them: `http://{ip}:{port:peer}`. A hole that nobody knows
//! is an error at its place.
//! It never fills one: `systems::file` does, once addresses are known.

use super::super::error::{Mistake, Place, meant};
use super::super::section::word;
use super::super::tree::{Node, Tree};

/// A text with holes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text(pub Vec<Part>);

/// A piece of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// As it is written.
    Plain(String),
    /// To be filled.
    Hole(Hole),
}

/// What is to be filled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hole {
    /// The node's name: `n1`.
    Id,
    /// Its number: `1`.
    Number,
    /// Its own address.
    Ip,
    /// Its folder.
    Data,
    /// A number of its own, drawn from the run's seed.
    Seed,
    /// Where it listens for peers: address and port.
    Peer,
    /// The others, each through its link: `n2=127.1.1.2:19001,...`.
    Peers,
    /// Where it listens for clients: address and port.
    Client,
    /// The trace file that it may write.
    Trace,
    /// The delivered file that it may write.
    Delivered,
    /// The program of this name; "" for the only one.
    Program(String),
    /// The folder of that program.
    Bin(String),
    /// The value of this option.
    Option(String),
    /// The address of this node.
    IpOf(u8),
    /// Who leads.
    Leader,
    /// Its address.
    LeaderIp,
    /// The files that match, joined by colons.
    Glob(String),
    /// The text once for each node, joined.
    Each {
        /// Without the node itself.
        others: bool,
        /// What stands between two of them.
        separator: String,
        /// With holes of its own: `{id}`, `{n}`, `{ip}`, `{peer}`, `{client}` mean that node.
        text: Text,
    },
}

/// Every hole by its word, for suggestions.
const WORDS: &[&str] = &[
    "id",
    "n",
    "ip",
    "data",
    "seed",
    "peer",
    "peers",
    "client",
    "trace",
    "delivered",
    "program",
    "bin",
    "port",
    "option",
    "leader",
    "glob",
    "each",
    "others",
];

/// What holes may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub programs: &'a [&'a str],
    pub ports: &'a [(String, u16)],
    pub options: &'a [&'a str],
    /// Whether it is known who leads, where the text is used.
    pub leader: bool,
}

/// A scalar with holes.
pub(super) fn text(node: &Node, known: Known<'_>) -> Result<Text, Mistake> {
    parse(word(node)?, known).map_err(|wrong| wrong.at(node))
}

impl Text {
    /// Whether there is such a hole anywhere in it.
    pub fn has(&self, wanted: &dyn Fn(&Hole) -> bool) -> bool {
        self.0.iter().any(|part| match part {
            Part::Hole(hole) => {
                wanted(hole) || matches!(hole, Hole::Each { text, .. } if text.has(wanted))
            }
            Part::Plain(_) => false,
        })
    }

    /// The highest node that it names.
    pub(in super::super) fn highest(&self) -> u8 {
        let of = |part: &Part| match part {
            Part::Hole(Hole::IpOf(node)) => *node,
            Part::Hole(Hole::Each { text, .. }) => text.highest(),
            _ => 0,
        };
        self.0.iter().map(of).max().unwrap_or(0)
    }
}

/// What is wrong, and from which character on for how many.
struct Wrong {
    from: usize,
    chars: usize,
    message: String,
}

impl Wrong {
    /// The hole's own place, where the text stands in one line as it was read.
    fn at(self, node: &Node) -> Mistake {
        if let (Place::Text { line, column, width }, Tree::Scalar { text, plain }) =
            (&node.at, &node.tree)
        {
            let quote = usize::from(!plain);
            if *width == text.chars().count() + 2 * quote {
                let column = column + quote + self.from;
                let at = Place::Text { line: *line, column, width: self.chars };
                return at.mistake(self.message);
            }
        }
        node.at.mistake(self.message)
    }
}

fn parse(content: &str, known: Known<'_>) -> Result<Text, Wrong> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = content;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("{{") {
            plain.push('{');
            rest = &rest[2..];
            continue;
        }
        let Some(found) = found(rest) else {
            plain.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        };
        let from = content[..content.len() - rest.len()].chars().count();
        let hole = hole(&found, known).map_err(|inner| {
            let (skip, chars) = inner.place.unwrap_or((0, found.whole.chars().count()));
            Wrong { from: from + skip, chars, message: inner.message }
        })?;
        if !plain.is_empty() {
            parts.push(Part::Plain(std::mem::take(&mut plain)));
        }
        parts.push(hole);
        rest = &rest[found.whole.len()..];
    }
    if !plain.is_empty() {
        parts.push(Part::Plain(plain));
    }
    Ok(Text(parts))
}

/// Something that has the form of a hole.
struct Found<'a> {
    /// With its braces.
    whole: &'a str,
    word: &'a str,
    /// What comes after the word: `:`, `.` or `|`, and the text.
    rest: Option<(char, &'a str)>,
}

/// `{`, a lower-case word, perhaps `:`, `.` or `|` and text, `}`. Other braces are the text's own.
fn found(from: &str) -> Option<Found<'_>> {
    let inner = from.strip_prefix('{')?;
    if !inner.starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let end = inner.find(|c| !is_word(c))?;
    let (word, after) = inner.split_at(end);
    let mark = after.chars().next()?;
    match mark {
        '}' => Some(Found { whole: &from[..end + 2], word, rest: None }),
        ':' | '.' | '|' => {
            let text = &after[1..];
            let mut depth = 0usize;
            for (at, character) in text.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => {
                        let whole = &from[..=1 + end + 1 + at];
                        return Some(Found { whole, word, rest: Some((mark, &text[..at])) });
                    }
                    '}' => depth -= 1,
                    _ => {}
                }
            }
            None
        }
        _ => None,
    }
}

/// What is wrong with a hole, and where within it if not all of it.
struct Inner {
    place: Option<(usize, usize)>,
    message: String,
}

impl From<String> for Inner {
    fn from(message: String) -> Self {
        Inner { place: None, message }
    }
}

fn hole(found: &Found<'_>, known: Known<'_>) -> Result<Part, Inner> {
    let Found { whole, word, rest } = found;
    let one_of = |name: &str, names: &[&str], what: &str| -> Result<String, Inner> {
        if names.contains(&name) {
            return Ok(name.to_owned());
        }
        let none = format!("; this file has no {what}");
        let hint = if names.is_empty() { none } else { meant(name, names.iter().copied(), what) };
        Err(format!("`{whole}` names no known one{hint}").into())
    };
    let program = |name: &str| match (name, known.programs) {
        ("", []) => Err(format!("`{whole}`, but the file names no `program`").into()),
        ("", [""]) => Ok(String::new()),
        ("", names) => Err(format!("`{whole}` of which? write `{{{word}:{}}}`", names[0]).into()),
        (name, names) => one_of(name, names, "programs"),
    };
    Ok(Part::Hole(match (*word, *rest) {
        ("id", None) => Hole::Id,
        ("n", None) => Hole::Number,
        ("ip", None) => Hole::Ip,
        ("data", None) => Hole::Data,
        ("seed", None) => Hole::Seed,
        ("peer", None) => Hole::Peer,
        ("peers", None) => Hole::Peers,
        ("client", None) => Hole::Client,
        ("trace", None) => Hole::Trace,
        ("delivered", None) => Hole::Delivered,
        ("program", None) => Hole::Program(program("")?),
        ("program", Some((':', name))) => Hole::Program(program(name)?),
        ("bin", None) => Hole::Bin(program("")?),
        ("bin", Some((':', name))) => Hole::Bin(program(name)?),
        ("port", Some((':', name))) => {
            let names: Vec<&str> = known.ports.iter().map(|(name, _)| &**name).collect();
            one_of(name, &names, "ports")?;
            let port = known.ports.iter().find(|(known, _)| known == name);
            return Ok(Part::Plain(port.expect("looked up before").1.to_string()));
        }
        ("option", Some((':', name))) => Hole::Option(one_of(name, known.options, "options")?),
        ("leader", None) if known.leader => Hole::Leader,
        ("leader", Some(('.', "ip"))) if known.leader => Hole::LeaderIp,
        ("leader", None | Some(('.', "ip"))) => {
            return Err(format!(
                "`{whole}` is known in `rejoin` and in `promote` only: before, nobody leads"
            )
            .into());
        }
        ("glob", Some((':', pattern))) => Hole::Glob(pattern.to_owned()),
        ("each" | "others", Some((mark @ (':' | '|'), text))) => {
            let (separator, inner) = match mark {
                ':' => (",", text),
                _ => text.split_once(':').ok_or_else(|| {
                    format!("`{whole}` has no text; write `{{{word}|SEPARATOR:TEXT}}`")
                })?,
            };
            let skip = whole[..whole.len() - inner.len() - 1].chars().count();
            let text = parse(inner, known).map_err(|wrong| Inner {
                place: Some((skip + wrong.from, wrong.chars)),
                message: wrong.message,
            })?;
            let separator = separator.replace("\\n", "\n");
            Hole::Each { others: *word == "others", separator, text }
        }
        (node, Some(('.', "ip"))) if number(node).is_some() => {
            Hole::IpOf(number(node).expect("it has one"))
        }
        (word, rest) => {
            let hint = match (WORDS.contains(&word), rest) {
                (true, _) => format!("; write `{}`", example(word)),
                (false, _) => meant(word, WORDS.iter().copied(), "holes"),
            };
            return Err(format!(
                "unknown hole `{whole}`{hint} (a brace of the text's own is written `{{{{`)"
            )
            .into());
        }
    }))
}

/// How a hole of this word is written.
fn example(word: &str) -> &'static str {
    match word {
        "port" => "{port:NAME}",
        "option" => "{option:NAME}",
        "glob" => "{glob:PATTERN}",
        "each" => "{each:TEXT}",
        "others" => "{others:TEXT}",
        "leader" => "{leader} or {leader.ip}",
        "program" => "{program} or {program:NAME}",
        "bin" => "{bin} or {bin:NAME}",
        _ => "the word alone: {id}, {ip}, {data}",
    }
}

/// `n2` is 2.
fn number(node: &str) -> Option<u8> {
    let digits = node.strip_prefix('n')?;
    let number = digits.parse().ok().filter(|number| (1..=99).contains(number))?;
    (!digits.starts_with('0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known<'static> =
        Known { programs: &[""], ports: &[], options: &["sync"], leader: false };

    fn parts(content: &str) -> Vec<Part> {
        let ports = [("peer".to_owned(), 2380)];
        let parsed = parse(content, Known { ports: &ports, ..KNOWN });
        parsed.unwrap_or_else(|wrong| panic!("{content}: {}", wrong.message)).0
    }

    #[test]
    fn holes_are_words_in_braces_and_other_braces_are_the_texts_own() {
        let plain = |text: &str| Part::Plain(text.into());
        let check = |content: &str, expected: &[Part]| assert_eq!(parts(content), expected);
        check("--id={id}", &[plain("--id="), Part::Hole(Hole::Id)]);
        check("jetstream { store_dir: x }", &[plain("jetstream { store_dir: x }")]);
        check("{\"a\": {}}", &[plain("{\"a\": {}}")]);
        check("{{id} {", &[plain("{id} {")]);
        check("{Id} { id} {id", &[plain("{Id} { id} {id")]);
        check("x{port:peer}", &[plain("x"), plain("2380")]);
        check("{n2.ip}{bin}", &[Part::Hole(Hole::IpOf(2)), Part::Hole(Hole::Bin(String::new()))]);
        check("{option:sync}", &[Part::Hole(Hole::Option("sync".into()))]);
        let text = Text(vec![Part::Hole(Hole::Id), plain("="), Part::Hole(Hole::Ip)]);
        let each = |others, separator: &str| {
            Part::Hole(Hole::Each { others, separator: separator.into(), text: text.clone() })
        };
        check("{each:{id}={ip}}", &[each(false, ",")]);
        check("{others| :{id}={ip}}", &[each(true, " ")]);
        check("{each|\\n:{id}={ip}}.", &[each(false, "\n"), plain(".")]);
        check("é{glob:/usr/*/x}", &[plain("é"), Part::Hole(Hole::Glob("/usr/*/x".into()))]);
    }

    #[test]
    fn an_unknown_hole_is_told_with_its_place() {
        let check = |content: &str, from: usize, chars: usize, words: &str| {
            let wrong = parse(content, KNOWN).err().unwrap_or_else(|| panic!("{content}"));
            assert_eq!((wrong.from, wrong.chars), (from, chars), "{content}: {}", wrong.message);
            assert!(wrong.message.contains(words), "{}", wrong.message);
        };
        check("é {dat}", 2, 5, "unknown hole `{dat}`; did you mean `data`?");
        check("{each:{id}={iq}}", 11, 4, "`{iq}`");
        check("{port:peer}", 0, 11, "this file has no ports");
        check("{option:snyc}", 0, 13, "did you mean `sync`?");
        check("{program:x}", 0, 11, "names no known one");
        check("{leader}", 0, 8, "`rejoin`");
        check("{each}", 0, 6, "write `{each:TEXT}`");
        check("{each|,{id}}", 0, 12, "SEPARATOR");
        check("{n0.ip}", 0, 7, "unknown hole");
        check("{name: c1}", 0, 10, "`{{`");
    }
}
