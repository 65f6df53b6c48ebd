//! Lines of the files that nodes write: a boot line begins each incarnation, and only the line
//! before one, or the last, may be torn.

use serde::Deserialize;

use crate::history::scan::ScanError;

pub(crate) enum Line<T> {
    /// The node starts for the k-th time.
    Boot(u64),
    /// Anything else, with its number in the file, from 1.
    Other(u32, T),
}

/// Reads every line with `read`. An error names the file and the line.
pub(crate) fn parse<'a, T>(
    file: &str,
    bytes: &'a [u8],
    mut read: impl FnMut(&'a str) -> Result<T, ScanError>,
) -> Result<Vec<Line<T>>, String> {
    let mut lines = Vec::new();
    let mut torn: Option<String> = None;
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(k) = boot(line) {
            torn = None;
            lines.push(Line::Boot(k));
            continue;
        }
        if let Some(error) = torn {
            return Err(error);
        }
        let said = std::str::from_utf8(line).map_err(|_| "bytes that are not UTF-8".to_owned());
        match said.and_then(|line| read(line).map_err(|error| error.message)) {
            Ok(said) => lines.push(Line::Other(number, said)),
            Err(message) => {
                torn = Some(format!("{file}, line {number}: {message}"));
                // A boot line may follow on the torn line itself.
                let at = line.windows(BOOT.len()).rposition(|window| window == BOOT);
                if let Some(k) = at.and_then(|at| boot(&line[at..])) {
                    torn = None;
                    lines.push(Line::Boot(k));
                }
            }
        }
    }
    Ok(lines)
}

/// How a boot line begins. Inside a string its quotes would be escaped.
const BOOT: &[u8] = b"{\"boot\":";

fn boot(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Boot {
        boot: u64,
    }
    let line = line.starts_with(BOOT).then_some(line)?;
    serde_json::from_slice(line).ok().map(|Boot { boot }| boot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::scan::Scanner;

    fn shape(text: &str) -> Result<String, String> {
        let lines = parse("f", text.as_bytes(), |line| Scanner::new(line).number(99))?;
        let letter = |line: &Line<u64>| match line {
            Line::Boot(k) => format!("b{k}"),
            Line::Other(number, value) => format!("{number}:{value}"),
        };
        Ok(lines.iter().map(letter).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn only_the_line_before_a_boot_or_the_last_may_be_torn() {
        assert_eq!(shape("{\"boot\":1}\n7\n8\n").unwrap(), "b1 2:7 3:8");
        assert_eq!(shape("{\"boot\":1}\n7\nx\n{\"boot\":2}\n8").unwrap(), "b1 2:7 b2 5:8");
        assert_eq!(shape("{\"boot\":1}\nx{\"boot\":2}\n8").unwrap(), "b1 b2 3:8");
        assert_eq!(shape("{\"boot\":1}\n7\nx").unwrap(), "b1 2:7");
        let error = shape("{\"boot\":1}\nx\n8\n").unwrap_err();
        assert!(error.starts_with("f, line 2: found `x`"), "{error}");
    }
}
