//! What a node said, short enough for a history and a terminal.
//! It never passes on a character that could change how its surroundings look.

/// So many characters show what kind of answer it was, and stand on two lines of a terminal.
const CHARS_MAX: usize = 120;

/// The beginning of it, on one line.
pub(super) fn quote(said: &[u8]) -> String {
    // A character has at most four bytes: no more of a long answer needs to be looked at.
    let start = &said[..said.len().min(4 * CHARS_MAX)];
    let text = String::from_utf8_lossy(start);
    let mut shown = String::new();
    for (place, letter) in text.trim_end().chars().enumerate() {
        if place == CHARS_MAX {
            shown.push_str(" ...");
            break;
        }
        if letter.is_ascii_graphic() || letter == ' ' || letter.is_alphanumeric() {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    if shown.is_empty() { "nothing at all".into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_shown_short_and_harmless() {
        let check = |said: &[u8], shown: &str| assert_eq!(quote(said), shown);
        check(b"<html>502 Bad Gateway</html>\r\n", "<html>502 Bad Gateway</html>");
        check("né\u{1b}[2J\u{202e}".as_bytes(), "né\\u{1b}[2J\\u{202e}");
        check(b"\xff\0", "\\u{fffd}\\u{0}");
        check(b"", "nothing at all");
        assert_eq!(quote("é".repeat(1 << 20).as_bytes()), "é".repeat(CHARS_MAX) + " ...");
    }
}
