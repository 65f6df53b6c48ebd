//! What a program says of itself: the first line that it prints, asked outside of any run.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A Java program needs a second to say its version, and a busy machine some more.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Nobody says more before the end of a first line.
const BYTES_MAX: u64 = 64 << 10;

/// The first line with text in it that a command prints. An error says why there is none.
pub fn first_line(argv: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("its command is empty".into());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{program}`: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (say, said) = mpsc::channel();
    // Some say it on the one, some on the other.
    let sources = [stdout.map(boxed), stderr.map(boxed)];
    for (place, source) in (0..).zip(sources.into_iter().flatten()) {
        let say = say.clone();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = source.take(BYTES_MAX).read_to_end(&mut text);
            let _ = say.send((place, String::from_utf8_lossy(&text).into_owned()));
        });
    }
    drop(say);
    let mut texts = [String::new(), String::new()];
    let mut late = false;
    for _ in 0..texts.len() {
        match said.recv_timeout(ANSWER_MAX) {
            Ok((place, text)) => texts[place] = text,
            Err(_) => late = true,
        }
    }
    // It has said all that it will be asked.
    let _ = child.kill();
    let _ = child.wait();
    let lines = texts.iter().flat_map(|text| text.lines());
    let line = lines.map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| {
        let why = if late { "does not end" } else { "prints nothing" };
        format!("`{}` {why}", argv.join(" "))
    })
}

fn boxed(source: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_with_text_counts_wherever_it_is_printed() {
        let check = |script: &str, expected: Result<&str, &str>| {
            let argv = ["sh", "-c", script].map(String::from);
            let said = first_line(&argv);
            match expected {
                Ok(line) => assert_eq!(said.as_deref(), Ok(line), "{script}"),
                Err(why) => assert!(said.clone().is_err_and(|said| said.contains(why)), "{said:?}"),
            }
        };
        check("echo; echo '  db 1.2 '; echo more", Ok("db 1.2"));
        check("echo java 17 >&2", Ok("java 17"));
        check("echo java 17 >&2; echo db", Ok("db"));
        check("true", Err("prints nothing"));
        let missing = first_line(&["./no-such-program".to_owned()]).unwrap_err();
        assert!(missing.contains("no-such-program"), "{missing}");
    }
}
