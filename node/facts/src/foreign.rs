//! Text that others wrote, as it is shown to people: no character of it does anything but stand
//! there, and there is never too much of it. It never changes what is judged.

use std::borrow::Cow;
use std::fmt::Write;

/// So many characters of what somebody else wrote tell which it is.
const EXCERPT_CHARS: usize = 80;

/// The longest of our own messages has some hundred bytes; lists in an explanation may have more.
const MESSAGE_BYTES_MAX: usize = 2400;

/// The same text, in which whatever is not simply seen is written as its number: control
/// characters, what turns the direction of writing round, what has no width, and what is no
/// character at all, which XML does not allow. Line feeds and tabs stay.
///
/// ```
/// use schism_facts::foreign::visible;
/// assert_eq!(visible("a\u{1b}[2J\u{202e}b\u{fffe}\n"), "a\\u{1b}[2J\\u{202e}b\\u{fffe}\n");
/// assert_eq!(visible("naïve 語 🦀"), "naïve 語 🦀");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// The same on one line: line feeds and tabs are numbers too.
///
/// ```
/// assert_eq!(schism_facts::foreign::on_one_line("a\nb"), "a\\nb");
/// ```
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// As much of it as tells which text it is, on one line.
///
/// ```
/// use schism_facts::foreign::excerpt;
/// assert_eq!(excerpt("short"), "short");
/// assert_eq!(excerpt(&"x".repeat(1 << 20)), format!("{}...", "x".repeat(80)));
/// ```
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(EXCERPT_CHARS) {
        None => on_one_line(text),
        Some((end, _)) => format!("{}...", on_one_line(&text[..end])).into(),
    }
}

/// A message for people, whatever stands in it: seen as it is, and never megabytes of what it
/// quotes. Its beginning says what is wrong, its end what to do.
///
/// ```
/// use schism_facts::foreign::message;
/// let long = format!("found {}; expected less", "x".repeat(1 << 20));
/// let shown = message(&long);
/// assert!(shown.starts_with("found xx") && shown.ends_with("xx; expected less"));
/// assert!(shown.len() < 3000);
/// ```
pub fn message(text: &str) -> Cow<'_, str> {
    if text.len() <= MESSAGE_BYTES_MAX {
        return visible(text);
    }
    let (mut head, mut tail) = (MESSAGE_BYTES_MAX / 2, text.len() - MESSAGE_BYTES_MAX / 4);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    let left_out = tail - head;
    let (head, tail) = (visible(&text[..head]), visible(&text[tail..]));
    format!("{head}... ({left_out} bytes more) ...{tail}").into()
}

/// Whether this character stands for something else than what is seen.
pub fn is_hidden(c: char) -> bool {
    let number = u32::from(c);
    let is_no_character = number & 0xfffe == 0xfffe || matches!(number, 0xfdd0..=0xfdef);
    let has_no_width = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    c.is_control() || is_no_character || has_no_width || turns
}

fn escaped(text: &str, hides: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly every text is plain, and a whole page may be asked about.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(&hides) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if hides(c) => out.push_str("\\n"),
            '\t' if hides(c) => out.push_str("\\t"),
            c if hides(c) => {
                write!(out, "\\u{{{:x}}}", u32::from(c)).expect("memory takes everything");
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown_and_what_is_seen_stays() {
        let hidden = "\0\u{7}\u{1b}\u{7f}\u{85}\u{9b}\u{200b}\u{200d}\u{202e}\u{2066}\u{2029}\u{feff}\u{fffe}\
            \u{ffff}\u{1fffe}\u{10ffff}\u{fdd0}\u{e0041}\r";
        for c in hidden.chars() {
            let shown = visible(&c.to_string()).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(c)));
        }
        for c in "aé語🦀\u{301}€<&\"'\\ \n\t".chars() {
            assert_eq!(visible(&c.to_string()), c.to_string());
        }
        assert_eq!(on_one_line("a\tb\r\n"), "a\\tb\\u{d}\\n");
    }

    #[test]
    fn an_excerpt_is_never_long() {
        let worst = "\u{10ffff}".repeat(1 << 20);
        assert!(excerpt(&worst).len() < 80 * 12);
        assert_eq!(excerpt(&"é".repeat(80)), "é".repeat(80));
    }

    #[test]
    fn a_message_is_cut_in_its_middle_and_between_characters() {
        for width in 1..5 {
            let long = format!("{}é{}", "a".repeat(width), "é".repeat(1 << 16));
            let shown = message(&long);
            assert!(shown.contains(" bytes more) ...é") && shown.len() < MESSAGE_BYTES_MAX);
        }
        assert_eq!(message("short\n"), "short\n");
    }
}
