//! Numbers by what they are worth: `100`, `100.0` and `1e2` are one, in every format.

/// More digits than this are written with an exponent.
const PLAIN_MAX: i64 = 40;

/// What a number is worth. Equal if and only if the numbers are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Worth {
    /// A whole one that fits 64 bits.
    Whole(i64),
    /// Any other, as JSON.
    Other(String),
}

/// The worth of a number as JSON writes it, or as EDN does but for its suffixes. None: it is no
/// number, or its exponent is beyond all use.
pub(super) fn worth(text: &str) -> Option<Worth> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let least = i64::from(exponent) - fraction.len().cast_signed() as i64;
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(Worth::Whole(0));
    }
    let tens = least + (digits.len() - significant.len()).cast_signed() as i64;
    let sign = if negative { "-" } else { "" };
    let text = if tens >= 0 && significant.len().cast_signed() as i64 + tens <= PLAIN_MAX {
        let whole = format!("{sign}{significant}{}", "0".repeat(tens as usize));
        if let Ok(number) = whole.parse() {
            return Some(Worth::Whole(number));
        }
        whole
    } else if (-PLAIN_MAX..0).contains(&tens) {
        let places = tens.unsigned_abs() as usize;
        let padded = format!("{significant:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        format!("{sign}{whole}.{fraction}")
    } else {
        format!("{sign}{significant}e{tens}")
    };
    Some(Worth::Other(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: &str) -> String {
        match worth(number).unwrap() {
            Worth::Whole(number) => number.to_string(),
            Worth::Other(text) => text,
        }
    }

    #[test]
    fn one_worth_is_one_value() {
        let same = |texts: &[&str], expected: &str| {
            for text in texts {
                assert_eq!(self::text(text), expected, "{text}");
                let is_whole = matches!(worth(text), Some(Worth::Whole(_)));
                assert_eq!(is_whole, expected.parse::<i64>().is_ok(), "{text}");
            }
        };
        same(&["100", "1e2", "100.0", "1.0e+2", "10000e-2", "100.000", "0.1E3"], "100");
        same(&["0", "-0", "0.0", "0e99", "-0.00e-7"], "0");
        same(&["-1.50", "-15e-1", "-0.15e1"], "-1.5");
        same(&["0.05", "5e-2", "50e-3"], "0.05");
        same(&["9223372036854775807", "9223372036854775807.0"], "9223372036854775807");
        same(&["-9223372036854775808"], "-9223372036854775808");
        same(&["9223372036854775808", "9.223372036854775808e18"], "9223372036854775808");
        same(&["1e40", "10e39"], "1e40");
        same(&["123e300", "1230e299"], "123e300");
        same(&["12e-60", "1.2e-59"], "12e-60");
    }

    #[test]
    fn what_is_no_number_has_no_worth() {
        for text in ["", "-", "a", "1.2.3", "1e", "e5", ".5", "1e99999999999", "1x", "--1", "+1"] {
            assert_eq!(worth(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_written_as_json_and_reads_back_the_same() {
        for text in ["1e40", "12e-60", "0.05", "-1.5", "9223372036854775808", "3e-40", "7e39"] {
            let found = self::text(text);
            assert!(serde_json::from_str::<serde_json::Number>(&found).is_ok(), "{found}");
            assert_eq!(self::text(&found), found);
        }
    }
}
