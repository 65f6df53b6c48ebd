//! Numbers and JSON text into a buffer, without an allocation. It never parses.

/// Appends a number in decimal.
pub fn number(buffer: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer.extend_from_slice(&digits[at..]);
}

/// Appends a text as a JSON string.
pub fn string(buffer: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(buffer, text).expect("a text is JSON and a Vec takes all");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_decimal(number: u64) {
            let mut buffer = Vec::new();
            super::number(&mut buffer, number);
            prop_assert_eq!(String::from_utf8(buffer).unwrap(), number.to_string());
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let mut buffer = Vec::new();
        super::number(&mut buffer, 0);
        super::number(&mut buffer, u64::MAX);
        assert_eq!(buffer, b"018446744073709551615");
    }
}
