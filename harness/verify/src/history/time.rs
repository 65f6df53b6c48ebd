//! Times as people write them: whole nanoseconds, seconds with a fraction, or dates of ISO 8601.
//! One file writes all of its times in one way; what only all of them tell is told at its end.

use super::lines::Lines;
use super::number::{Worth, worth};
use super::scan::TIME_MAX;
use super::{Event, Note, ParseError};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// How a time was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// A whole number: nanoseconds, if no other time of the file has a fraction.
    Whole(u64),
    /// Seconds, given here in nanoseconds. Smaller parts are cut off: they make times equal, and
    /// never change their order.
    Seconds(u64),
    /// A date, given here in nanoseconds since 1970.
    Date(u64),
}

impl Written {
    /// A number.
    pub fn number(text: &str) -> Option<Written> {
        match worth(text)? {
            Worth::Whole(number) => u64::try_from(number).ok().map(Written::Whole),
            Worth::Other(text) => match text.parse() {
                Ok(number) if number <= TIME_MAX => Some(Written::Whole(number)),
                _ => seconds(&text).map(Written::Seconds),
            },
        }
    }

    /// A date, such as `2024-02-29T23:59:60.5Z` or `2024-02-29 23:59:59,5+01:00`.
    pub fn date(text: &str) -> Option<Written> {
        date(text).map(Written::Date)
    }

    pub fn ns(self) -> u64 {
        match self {
            Written::Whole(ns) | Written::Seconds(ns) | Written::Date(ns) => ns,
        }
    }
}

/// `1690000000.25` in nanoseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(NS_PER_SECOND)?.checked_add(nine.parse().ok()?)
}

fn date(text: &str) -> Option<u64> {
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let digits = |text: &str, count: usize| {
        let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut parts = day.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2).filter(|month| (1..=12).contains(month))?,
        digits(parts.next()?, 2).filter(|day| (1..=31).contains(day))?,
    );
    let end = rest.find(['Z', 'z', '+', '-']);
    let (clock, zone) = rest.split_at(end.unwrap_or(rest.len()));
    let offset = match zone.strip_prefix(['Z', 'z']) {
        Some("") => 0,
        Some(_) => return None,
        None if zone.is_empty() => 0,
        None => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let zone = zone[1..].replace(':', "");
            let minutes = if zone.len() == 2 { 0 } else { digits(zone.get(2..)?, 2)? };
            sign * (digits(zone.get(..2)?, 2)? * 60 + minutes)
        }
    };
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
    // Second 60 is a leap second.
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 || fraction.is_empty() {
        return None;
    }
    let minutes = days(year, month, day) * 24 * 60 + hour * 60 + minute - offset;
    let since_1970 = u64::try_from(minutes * 60 + second).ok()?;
    seconds(&format!("{since_1970}.{fraction}"))
}

/// Days since the first of January 1970 in the calendar that is used today.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have their odd day last, and months alternate evenly.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_UNTIL_1970
}

/// From the first of March of the year 0.
const DAYS_UNTIL_1970: i64 = 719_468;

/// How the times of a file were written, but for whole numbers, which nearly all are.
#[derive(Default)]
pub(super) struct Times {
    /// The place of the first date.
    date: Option<usize>,
    /// The place of the first whole number.
    whole: Option<usize>,
    /// The places of those with a fraction, in order.
    seconds: Vec<usize>,
}

impl Times {
    /// The event at this place has this time.
    pub fn push(&mut self, at: usize, written: Written) {
        match written {
            Written::Whole(_) => drop(self.whole.get_or_insert(at)),
            Written::Date(_) => drop(self.date.get_or_insert(at)),
            Written::Seconds(_) => self.seconds.push(at),
        }
    }

    /// Adds those of a piece of the file that begins after `before` events.
    pub fn append(&mut self, piece: Times, before: usize) {
        self.date = self.date.or(piece.date.map(|at| at + before));
        self.whole = self.whole.or(piece.whole.map(|at| at + before));
        self.seconds.extend(piece.seconds.into_iter().map(|at| at + before));
    }

    /// Brings all times to nanoseconds, and says so where that is not what was written. Dates
    /// beside numbers give no order.
    pub fn settle(self, events: &mut [Event], lines: &Lines) -> Result<Option<Note>, ParseError> {
        let number = self.whole.or(self.seconds.first().copied());
        if let (Some(date), Some(number)) = (self.date, number) {
            let message = format!(
                "this time is a number and that of line {} a date; expected all in one form",
                lines.line(date)
            );
            return Err(ParseError { line: lines.line(number), column: None, message });
        }
        let Some(&first) = self.seconds.first() else { return Ok(None) };
        let mut seconds = self.seconds.into_iter().peekable();
        for (at, event) in events.iter_mut().enumerate() {
            if seconds.next_if_eq(&at).is_some() {
                continue;
            }
            let Some(time) = event.time() else { continue };
            let ns = time.checked_mul(NS_PER_SECOND).filter(|ns| *ns <= TIME_MAX);
            let Some(ns) = ns else {
                let message = format!(
                    "the time {time} is too late for seconds, which line {} has with a fraction",
                    lines.line(first)
                );
                return Err(ParseError { line: lines.line(at), column: None, message });
            };
            event.set_time(Some(ns));
        }
        let message = "this time has a fraction, so all times are taken as seconds";
        Ok(Some(Note { line: Some(lines.line(first)), message: message.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn numbers_are_whole_or_seconds() {
        assert_eq!(Written::number("1500"), Some(Written::Whole(1500)));
        assert_eq!(Written::number("1.5e3"), Some(Written::Whole(1500)));
        assert_eq!(Written::number("18446744073709551614"), Some(Written::Whole(TIME_MAX)));
        assert_eq!(Written::number("0.25"), Some(Written::Seconds(250_000_000)));
        let fine = Written::number("1690000000.123456789999");
        assert_eq!(fine, Some(Written::Seconds(1_690_000_000_123_456_789)));
        for wrong in ["-1", "-0.5", "1e40", "18446744073709551615", "99999999999.5", "1x", ""] {
            assert_eq!(Written::number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_count_from_1970() {
        let ns = |text: &str| Written::date(text).map(Written::ns);
        let second = |count: u64| Some(count * NS_PER_SECOND);
        assert_eq!(ns("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(ns("1970-01-02 00:00"), second(86_400));
        assert_eq!(ns("2000-02-29T12:00:00+00:00"), second(951_825_600));
        assert_eq!(ns("2000-03-01T00:30:00+0130"), second(951_865_200));
        assert_eq!(ns("2100-12-31T23:59:59-01"), second(4_133_984_399));
        assert_eq!(ns("2024-01-01T00:00:00.000-00:00"), second(1_704_067_200));
        let fine = ns("2024-01-01t00:00:00,1234567891z");
        assert_eq!(fine, Some(1_704_067_200_123_456_789));
        for wrong in [
            "2024-13-01T00:00:00Z",
            "2024-01-01",
            "2024-01-01T00",
            "24-01-01T00:00:00Z",
            "x",
            "2024-01-01T00:00:00ZZ",
            "1969-12-31T23:59:59Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1",
            "2024-01-01T25:00:00Z",
            "9999-01-01T00:00:00Z",
            "é024-01-01T",
        ] {
            assert_eq!(ns(wrong), None, "{wrong}");
        }
    }

    fn read(times: [&str; 4]) -> Result<(Vec<u64>, Vec<String>), String> {
        let kinds = [(0, "invoke"), (1, "invoke"), (0, "ok"), (1, "ok")];
        let line = |((process, kind), time): (&(u64, &str), &&str)| {
            format!(
                "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"tail\",\"time\":{time}}}\n"
            )
        };
        let text: String = kinds.iter().zip(&times).map(line).collect();
        let (history, notes) = History::parse(text.as_bytes()).map_err(|e| e.to_string())?;
        let array = format!("[{}]", text.trim_end().replace('\n', ","));
        let (same, _) = History::parse(array.as_bytes()).map_err(|e| e.to_string())?;
        assert_eq!(same.events(), history.events());
        let times = history.events().iter().map(|event| event.time().unwrap()).collect();
        Ok((times, notes.into_iter().map(|note| note.message).collect()))
    }

    #[test]
    fn one_fraction_makes_all_times_seconds() {
        let (times, notes) = read(["1", "1.5", "2", "2.25"]).unwrap();
        let ms = 1_000_000;
        assert_eq!(times, [1000 * ms, 1500 * ms, 2000 * ms, 2250 * ms]);
        assert!(notes[0].contains("all times are taken as seconds"));
        assert_eq!(read(["1.0", "2", "3e0", "4"]).unwrap(), (vec![1, 2, 3, 4], vec![]));
        let (times, notes) = read([
            "\"2024-01-01T00:00:00Z\"",
            "\"2024-01-01T00:00:01Z\"",
            "\"2024-01-01T01:00:02+01:00\"",
            "\"2024-01-01T00:00:03Z\"",
        ])
        .unwrap();
        assert!(times.is_sorted() && times[3] - times[0] == 3000 * ms && notes.is_empty());
    }

    #[test]
    fn times_of_two_forms_give_no_order() {
        let date = "\"2024-01-01T00:00:00Z\"";
        let error = read([date, date, "5", date]).unwrap_err();
        assert!(error.starts_with("3: ") && error.contains("that of line 1 a date"), "{error}");
        let error = read(["99999999999", "99999999999", "0.5", "7"]).unwrap_err();
        assert!(error.contains("too late for seconds"), "{error}");
        assert!(read(["\"noon\"", "1", "2", "3"]).unwrap_err().contains("expected a time"));
    }
}
