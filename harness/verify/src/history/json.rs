//! Values and fields as compact JSON.

use super::value::Value;

impl Value {
    /// Appends this value as compact JSON.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => {
                if *number < 0 {
                    out.push(b'-');
                }
                digits(out, number.unsigned_abs());
            }
            Value::Str(string) => quoted(out, string),
            Value::List(values) => {
                out.push(b'[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    value.to_json(out);
                }
                out.push(b']');
            }
            Value::Other(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
}

impl std::fmt::Display for Value {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.to_json(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

fn label(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(super) fn number(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        label(out, name);
        digits(out, number);
    }
}

pub(super) fn value(out: &mut Vec<u8>, name: &str, value: Option<&Value>) {
    if let Some(value) = value {
        label(out, name);
        value.to_json(out);
    }
}

pub(super) fn text(out: &mut Vec<u8>, name: &str, string: Option<&str>) {
    if let Some(string) = string {
        label(out, name);
        quoted(out, string);
    }
}

fn quoted(out: &mut Vec<u8>, string: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if string.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(string.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, string).expect("writing to memory does not fail");
    }
}

pub(super) fn digits(out: &mut Vec<u8>, mut number: u64) {
    let mut buffer = [0; 20]; // u64::MAX has 20 digits
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}
