//! A workload in the form of its file, every default written out, so that it reads back the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ClientSpec, Expect, FaultSpec, Network, SystemSpec, When, Workload};
use crate::faults::find;
use crate::generate::{Keys, Large, Sizes, usual_keys};
use crate::units::format_duration;

impl Workload {
    /// The text of `workload.yaml` in a run directory.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(&self.to_json()).expect("maps with string keys are YAML")
    }

    /// The same as one JSON object.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
        put("name", json!(self.name));
        put("about", json!(self.about));
        put("system", system(&self.system));
        if !self.options_drawn.is_empty() {
            put("options-drawn", json!(self.options_drawn));
        }
        put("nodes", json!(self.nodes));
        if !self.nodes_drawn.is_empty() {
            put("nodes-drawn", json!(self.nodes_drawn));
        }
        put("clients", json!(self.clients));
        put("duration", json!(format_duration(self.duration)));
        if let Some(rate) = self.rate {
            put("rate", json!(format!("{rate}/s")));
        }
        if let Some(seed) = self.seed {
            put("seed", json!(seed));
        }
        put("model", json!(self.model.name));
        let weights = self.operations.iter().map(|(name, weight)| (name.clone(), json!(weight)));
        put("operations", Value::Object(weights.collect()));
        put("retry", json!(self.retry));
        put("read-level", json!(self.read_level));
        put("timeout", json!(format_duration(self.timeout)));
        put("faults", self.faults.iter().map(fault).collect());
        if !self.checks.is_empty() {
            put("checks", json!(self.checks));
        }
        if let Some(bug) = &self.bug {
            put("bug", json!(bug));
        }
        put("value-bytes", sizes(self.value_bytes));
        match self.keys {
            Some(some) => put("keys", keys(some)),
            None if usual_keys(self.model).is_some() => put("keys", json!("none")),
            None => {}
        }
        if !self.silence_is_told {
            put("recovery", json!(format_duration(self.recovery)));
        }
        if let Some(recovery_max) = self.recovery_max {
            put("recovery-max", json!(format_duration(recovery_max)));
        }
        match &self.reach {
            reach if reach.shapes.is_empty() => {}
            reach if reach.is_hoped => put("reach", json!({ "hoped": reach.shapes })),
            reach => put("reach", json!(reach.shapes)),
        }
        if self.steady {
            put("steady", json!(true));
        }
        put("min-operations", json!(self.min_operations));
        put("expect", expect(&self.expect));
        Value::Object(map)
    }
}

fn sizes(sizes: Sizes) -> Value {
    match sizes.large {
        None => json!(sizes.usual),
        Some(Large { bytes, percent }) => {
            json!({"usual": sizes.usual, "large": bytes, "share": format!("{percent}%")})
        }
    }
}

fn keys(keys: Keys) -> Value {
    match keys.operations {
        None => json!(keys.count),
        Some(operations) => json!({"count": keys.count, "operations": operations}),
    }
}

fn system(spec: &SystemSpec) -> Value {
    match spec {
        SystemSpec::Named { name, options } => named(name, options),
        SystemSpec::File(file) => file.to_json(),
        SystemSpec::Command { command, client, ready, network } => {
            let (client, ready) = (self::client(client), format_duration(*ready));
            let mut map = json!({"command": command, "client": client, "ready": ready});
            if *network != Network::default() {
                map["network"] = json!(network.word());
            }
            map
        }
    }
}

fn client(spec: &ClientSpec) -> Value {
    match spec {
        ClientSpec::Named { name, options } => named(name, options),
        ClientSpec::Program { command } => json!({ "command": command }),
    }
}

/// A name, with options where there are some.
fn named(name: &str, options: &BTreeMap<String, String>) -> Value {
    if options.is_empty() {
        return json!(name);
    }
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(name));
    map.extend(options.iter().map(|(key, value)| (key.clone(), json!(value))));
    Value::Object(map)
}

fn fault(spec: &FaultSpec) -> Value {
    let mut body = Map::new();
    match &spec.when {
        When::Every(mean) => body.insert("every".to_owned(), json!(format_duration(*mean))),
        When::At(times) => {
            let times: Vec<_> = times.iter().copied().map(format_duration).collect();
            body.insert("at".to_owned(), json!(times))
        }
        When::Start => body.insert("at".to_owned(), json!("start")),
        When::After(delay) => body.insert("after".to_owned(), json!(format_duration(*delay))),
    };
    let lasts: Vec<Value> = spec.lasts.iter().map(|d| json!(format_duration(*d))).collect();
    if !find(&spec.kind).is_some_and(|fault| fault.by_hand) {
        body.insert("for".to_owned(), drawn(&lasts));
    }
    body.extend(spec.keys.iter().map(|(key, values)| (key.clone(), drawn(values))));
    json!({ spec.kind.as_str(): body })
}

/// One value stands for itself.
fn drawn(values: &[Value]) -> Value {
    match values {
        [value] => value.clone(),
        values => json!(values),
    }
}

fn expect(expect: &Expect) -> Value {
    match expect {
        Expect::Valid => json!("valid"),
        Expect::Violation(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            json!({ "violation": kinds })
        }
    }
}

impl serde::Serialize for Workload {
    /// As a workload file says it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}
