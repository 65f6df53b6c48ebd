//! Durations, sizes and rates as people write them: `250ms`, `64KiB`, `500/s`.
//! It never accepts a bare number where a unit decides its meaning. Written here and not taken from
//! jiff or bytesize: they take many more spellings (`5 secs ago`, `PT5S`, `64 kib`), each of which
//! would then belong to the workload file's contract, and say less of what is wrong.

use std::time::Duration;

/// Longest duration: a week, far beyond any run, and far below where nanoseconds overflow.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

const DURATION_UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// `250ms`, `1.5s`, `2m`, `1m30s`. The error is a sentence.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HOW: &str = "durations are written like 250ms, 5s or 2m";
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative; {HOW}"));
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        if number.is_empty() {
            return Err(format!("`{text}` is not a duration; {HOW}"));
        }
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; {HOW}"));
        }
        let Some((_, nanos)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("`{text}` has an unknown unit `{unit}`; {HOW}"));
        };
        total = scaled(number, *nanos)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= DURATION_MAX.as_nanos())
            .ok_or_else(|| format!("`{text}` is too long; at most a week (168h)"))?;
        rest = next;
    }
    match u64::try_from(total) {
        Ok(nanos) if !text.is_empty() => Ok(Duration::from_nanos(nanos)),
        _ => Err(format!("`{text}` is not a duration; {HOW}")),
    }
}

/// The shortest single-unit form that reads back exactly: `1500ms`, `2s`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    for (unit, scale) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
        if nanos.is_multiple_of(scale) {
            return format!("{}{unit}", nanos / scale);
        }
    }
    format!("{nanos}ns")
}

/// `8` (bytes), `100B`, `64KiB`. The error is a sentence.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const HOW: &str = "sizes are written like 100, 100B or 64KiB";
    let (number, unit) = split_number(text);
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative; {HOW}"));
    }
    if number.is_empty() {
        return Err(format!("`{text}` is not a size; {HOW}"));
    }
    let scale = match unit {
        "" => 1,
        unit => match SIZE_UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, scale)) => *scale,
            None => return Err(format!("`{text}` has an unknown unit `{unit}`; {HOW}")),
        },
    };
    scaled(number, scale)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| format!("`{text}` is not a whole number of bytes; {HOW}"))
}

/// `500/s`, `0.5/s`: per second. The error is a sentence.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    const HOW: &str = "rates are written like 500/s";
    // Beyond what any client process can issue; it also keeps the pause between operations above
    // the clock's resolution.
    const RATE_MAX: f64 = 1_000_000.0;
    let Some((number, unit)) = text.split_once('/') else {
        return Err(format!("`{text}` is not a rate; {HOW}"));
    };
    if unit != "s" {
        return Err(format!("`{text}` is not per second; {HOW}"));
    }
    let written = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let rate: f64 = match number.parse() {
        Ok(rate) if written => rate,
        _ => return Err(format!("`{text}` is not a rate; {HOW}")),
    };
    // Slower than one operation in 1,000 s shows nothing.
    if (0.001..=RATE_MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("`{text}` is out of range; between 0.001/s and 1000000/s"))
    }
}

/// Digits with at most one point, and what follows.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let valid = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number.matches('.').count() <= 1;
    if valid { (number, rest) } else { ("", text) }
}

/// `number * scale` in whole units, exactly; None when it overflows or is not whole.
fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // 18 digits keep the product within 128 bits.
    if whole.len() > 18 || fraction.len() > 18 {
        return None;
    }
    let mut total = whole.parse::<u128>().ok()? * u128::from(scale);
    if !fraction.is_empty() {
        let part = fraction.parse::<u128>().ok()? * u128::from(scale);
        let unit = 10_u128.pow(fraction.len() as u32);
        if !part.is_multiple_of(unit) {
            return None;
        }
        total += part / unit;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        let ok = |text, millis| {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        };
        ok("250ms", 250);
        ok("5s", 5_000);
        ok("2m", 120_000);
        ok("1h", 3_600_000);
        ok("1.5s", 1_500);
        ok("1m30s", 90_000);
        ok("0s", 0);
        ok("168h", 604_800_000);
        let bad = |text, word| {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        };
        bad("5", "no unit");
        bad("5 s", "unknown unit");
        bad("5sec", "unknown unit `sec`");
        bad("5S", "unknown unit");
        bad("-5s", "negative");
        bad("", "not a duration");
        bad("s", "not a duration");
        bad("NaN", "not a duration");
        bad("inf", "not a duration");
        bad(".5s", "not a duration");
        bad("1e3s", "unknown unit");
        bad("169h", "too long");
        bad("99999999999999999999s", "too long");
        bad("0.0000000001s", "too long");
    }

    #[test]
    fn sizes_and_rates() {
        assert_eq!(parse_size("8"), Ok(8));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("1.5KiB"), Ok(1_536));
        assert!(parse_size("64kib").unwrap_err().contains("unknown unit"));
        assert!(parse_size("-1").unwrap_err().contains("negative"));
        assert!(parse_size("0.3").unwrap_err().contains("whole number"));
        assert_eq!(parse_rate("500/s"), Ok(500.0));
        assert_eq!(parse_rate("0.5/s"), Ok(0.5));
        for bad in ["500", "500/m", "0/s", "-1/s", "NaN/s", "inf/s", "1e9/s", "/s", "1..2/s"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(nanos in 0..604_800_000_000_000_u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text));
        }
    }
}
