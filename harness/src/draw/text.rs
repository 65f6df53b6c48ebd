//! Text cut and wrapped to its room, counted in characters: nothing here measures a font.

use schism_facts::foreign::on_one_line;

/// At most `chars_max` characters, hidden ones made visible, the cut shown.
pub fn cut(text: &str, chars_max: usize) -> String {
    // What is shown is never shorter than what it shows, which may be long.
    let end = text.char_indices().nth(chars_max).map(|(at, c)| at + c.len_utf8());
    let shown = on_one_line(&text[..end.unwrap_or(text.len())]);
    if shown.chars().count() <= chars_max {
        return shown.into_owned();
    }
    let mut short: String = shown.chars().take(chars_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Lines of whole words, at least one line; a word longer than a line stands alone, uncut.
pub fn wrap(text: &str, chars_max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= chars_max {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_wrapped_at_the_room_there_is() {
        assert_eq!(
            (&*cut("four", 4), &*cut("fives", 4), &*cut("a\u{1b}[", 9)),
            ("four", "fiv…", "a\\u{1b}[")
        );
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a longerword b", 4), ["a", "longerword", "b"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
