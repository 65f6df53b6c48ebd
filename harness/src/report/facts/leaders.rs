//! Who had which role in which epoch, from the nodes' traces or, without them, from what the
//! nemesis saw in the statuses. It never says that two leaders are wrong: epochs may overlap.

use schism_verify::history::nemesis::Said;
use schism_verify::history::{Event, Name};

use super::Report;
use super::strikes::Strike;

/// A stretch of time in which a node had one role.
#[derive(Clone, PartialEq, Debug)]
pub struct Leadership {
    pub node: Name,
    /// `leader`, `candidate`, `pre-candidate`, `follower`.
    pub role: Name,
    pub epoch: u64,
    pub from_ns: u64,
    pub to_ns: u64,
}

/// Reads `role` and `boot` lines of the traces; a crash ends what it interrupts.
pub(super) fn from_traces(report: &Report<'_>, strikes: &[Strike], end_ns: u64) -> Vec<Leadership> {
    let lines: Vec<(&String, Vec<Line>)> =
        report.traces.iter().map(|(node, bytes)| (node, read(bytes))).collect();
    let first = lines.iter().filter_map(|(_, lines)| lines.first()).map(|line| line.at_ns).min();
    let Some(first) = first else { return Vec::new() };
    let origin = report.environment["clock_origin_ns"].as_u64().unwrap_or(first);
    let mut leaderships = Vec::new();
    for (node, lines) in lines {
        for (place, line) in lines.iter().enumerate() {
            let Some(role) = &line.role else { continue };
            let from_ns = line.at_ns.saturating_sub(origin);
            let next =
                lines.get(place + 1).map_or(end_ns, |next| next.at_ns.saturating_sub(origin));
            let number = node.strip_prefix('n').and_then(|digits| digits.parse::<u8>().ok());
            let killed = strikes
                .iter()
                .filter(|strike| number.is_some_and(|number| strike.shape(number).down))
                .map(|strike| strike.from_ns)
                .find(|&at| from_ns < at && at < next);
            let to_ns = killed.unwrap_or(next).min(end_ns);
            if from_ns < to_ns {
                let (node, role) = (node.as_str().into(), role.as_str().into());
                leaderships.push(Leadership { node, role, epoch: line.epoch, from_ns, to_ns });
            }
        }
    }
    leaderships
}

/// A role or a boot of a trace.
struct Line {
    at_ns: u64,
    epoch: u64,
    /// None: a boot.
    role: Option<String>,
}

/// Finds the few lines that matter without parsing the many that do not: traces are large. Torn
/// lines are passed over.
fn read(bytes: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(bytes);
    let mut places: Vec<usize> = [r#""e":"role""#, r#""e":"boot""#]
        .into_iter()
        .flat_map(|needle| text.match_indices(needle).map(|(place, _)| place))
        .collect();
    places.sort_unstable();
    let mut lines = Vec::new();
    for place in places {
        let start = text[..place].rfind('\n').map_or(0, |at| at + 1);
        let end = text[place..].find('\n').map_or(text.len(), |length| place + length);
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&text[start..end]) else {
            continue;
        };
        let Some(at_ns) = line["at"].as_u64() else { continue };
        let role = line["role"].as_str().map(str::to_owned);
        lines.push(Line { at_ns, epoch: line["epoch"].as_u64().unwrap_or(0), role });
    }
    lines
}

/// From what the nemesis saw in the statuses: each leads until the next is named.
pub(super) fn from_remarks(
    said: &Said<'_>,
    clock: impl Fn(&Event) -> u64,
    end_ns: u64,
) -> Vec<Leadership> {
    let mut leaderships: Vec<Leadership> = Vec::new();
    let mut open = false;
    for (event, node, epoch) in &said.leaders {
        let at = clock(event);
        if let Some(last) = leaderships.last_mut().filter(|_| open) {
            last.to_ns = at;
        }
        open = node.is_some();
        if let Some(node) = node {
            let (node, role, epoch) = (node.as_str().into(), "leader".into(), *epoch);
            leaderships.push(Leadership { node, role, epoch, from_ns: at, to_ns: end_ns });
        }
    }
    leaderships
}

/// `n2 led epoch 3, n4 epoch 4`.
pub(super) fn led_at(leaderships: &[Leadership], at: u64) -> String {
    let mut leaders: Vec<&Leadership> = leaderships
        .iter()
        .filter(|leadership| {
            *leadership.role == *"leader" && leadership.from_ns <= at && at <= leadership.to_ns
        })
        .collect();
    leaders.sort_by_key(|leadership| (leadership.epoch, leadership.from_ns));
    leaders.dedup_by(|later, earlier| later.node == earlier.node && later.epoch == earlier.epoch);
    let words: Vec<String> = leaders
        .iter()
        .enumerate()
        .map(|(place, leadership)| {
            format!(
                "{}{} epoch {}",
                leadership.node,
                if place == 0 { " led" } else { "" },
                leadership.epoch
            )
        })
        .collect();
    if words.is_empty() { "nobody led".into() } else { words.join(", ") }
}
