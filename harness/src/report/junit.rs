//! junit.xml: one case per check, for whatever shows test results.
//! It never shows unknown as passed: giving up is an error. Written here: the crate for it brings a
//! calendar, UUIDs and an XML library for one page of code.

use std::fmt::Write as _;

use schism_facts::foreign::visible;

use super::Report;
use crate::draw::svg::escape;
use crate::store::verdict_file::CheckFile;

/// One suite for the run. A violation the workload expects is no failure, its absence is one.
pub fn xml(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let suite = format!("{} seed {}", verdict.workload, verdict.seed);
    let mut cases = String::new();
    let (mut failures, mut errors) = (0, 0);
    let met = verdict.exit == 0;
    for check in &verdict.checks {
        let body = match &*check.verdict {
            "valid" => String::new(),
            "violated" if met => element("system-out", "", &format!("expected\n{}", told(check))),
            "violated" => {
                failures += 1;
                let kinds: Vec<&str> = check.anomalies.iter().map(|a| a.kind.name()).collect();
                element("failure", kinds.first().unwrap_or(&"violated"), &told(check))
            }
            _ => {
                errors += 1;
                element("error", "unknown", check.reason.as_deref().unwrap_or("undecided"))
            }
        };
        case(&mut cases, &suite, &check.name, check.elapsed_ms, &body);
    }
    // what no single check says: doubts about the run, an expectation that was not met
    let checks_say = failures > 0 || errors > 0;
    let body = if met || checks_say {
        String::new()
    } else {
        errors += 1;
        let reason = verdict.reason.clone().unwrap_or_default();
        let text = format!("expected {}, got {}. {reason}", verdict.expect, verdict.verdict);
        element("error", "run", &text)
    };
    case(&mut cases, &suite, "run", verdict.phases_ms.iter().map(|phase| phase.1).sum(), &body);
    let tests = verdict.checks.len() + 1;
    let counts = format!(r#"tests="{tests}" failures="{failures}" errors="{errors}""#);
    let name = escape(&suite);
    let suites = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"{name}\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    );
    visible(&suites).into_owned()
}

fn case(out: &mut String, suite: &str, name: &str, ms: f64, body: &str) {
    let (suite, name, seconds) = (escape(suite), escape(name), ms / 1e3);
    let open = format!(r#"    <testcase classname="{suite}" name="{name}" time="{seconds:.4}""#);
    let _ = if body.is_empty() {
        writeln!(out, "{open}/>")
    } else {
        writeln!(out, "{open}>\n      {body}\n    </testcase>")
    };
}

fn element(name: &str, kind: &str, text: &str) -> String {
    let kind = if kind.is_empty() { String::new() } else { format!(" type=\"{}\"", escape(kind)) };
    let lines: Vec<String> = text.lines().map(escape).collect();
    format!("<{name}{kind}>{}</{name}>", lines.join("\n"))
}

fn told(check: &CheckFile) -> String {
    let lines = check.anomalies.iter().map(|a| format!("{}: {}", a.kind.name(), a.explanation));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn a_violation_is_a_failure_unless_expected() {
        let mut sample = Sample::violated(8, 100);
        let text = xml(&sample.report());
        assert!(text.contains(r#"tests="9" failures="2" errors="0""#), "{text}");
        assert!(text.contains(r#"<failure type="stale-read">stale-read: process"#), "{text}");
        (sample.verdict.expect, sample.verdict.exit) = ("stale-read".into(), 0);
        let text = xml(&sample.report());
        assert!(text.contains(r#"tests="9" failures="0" errors="0""#), "{text}");
    }

    #[test]
    fn unknown_is_never_a_pass() {
        let mut sample = Sample::valid(8, 100);
        sample.verdict.verdict = "unknown".into();
        sample.verdict.reason = Some("<pause> never struck".into());
        sample.verdict.exit = 3;
        let text = xml(&sample.report());
        assert!(text.contains(r#"failures="0" errors="1""#), "{text}");
        assert!(text.contains("&lt;pause&gt; never struck"), "{text}");
    }
}
