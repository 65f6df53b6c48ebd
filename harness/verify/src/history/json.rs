//! Values and fields as compact JSON.

use serde::Serialize;

use super::value::Value;

impl Value {
    pub fn to_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => plain(out, &()),
            Value::Bool(truth) => plain(out, truth),
            Value::Int(number) => plain(out, number),
            Value::Str(string) => plain(out, &**string),
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

pub(super) fn field<T: Serialize>(out: &mut Vec<u8>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        label(out, name);
        plain(out, &value);
    }
}

pub(super) fn value(out: &mut Vec<u8>, name: &str, value: Option<&Value>) {
    if let Some(value) = value {
        label(out, name);
        value.to_json(out);
    }
}

pub(super) fn plain<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("writing to memory does not fail");
}
