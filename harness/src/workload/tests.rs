//! What a workload file may say, and what is said about one that may not.

mod drawn;

use schism_facts::{
    BugRow, ClientRow, Epochs, FramePart, FrameRow, OptionRow, Progress, SystemRow,
};
use serde_json::json;

use super::*;
use crate::generate::{Keys, Large};

/// Systems and bugs as `main` would hand them over.
pub(crate) fn catalogue() -> Catalogue {
    const fn option(name: &'static str) -> OptionRow {
        OptionRow { name, about: "", default: "" }
    }
    let raft = SystemRow {
        options: &const {
            [
                option("election-timeout"),
                option("heartbeat"),
                option("snapshot-every"),
                option("pre-vote"),
                option("check-quorum"),
                option("fixed-timeout"),
            ]
        },
        frames: &[
            FrameRow { kind: 3, name: "request-vote", part: FramePart::Moves },
            FrameRow { kind: 5, name: "append-entries", part: FramePart::Decides },
        ],
        ..SystemRow::new("raft", "")
    };
    let paxos = SystemRow {
        models: &["consensus"],
        frames: &[FrameRow { kind: 4, name: "accept", part: FramePart::Decides }],
        epochs: Epochs::OfEachDecision,
        ..SystemRow::new("paxos", "")
    };
    let frail = SystemRow { progress: Progress::FirstNode, ..SystemRow::new("frail", "") };
    let progress = Progress::Promoted { majority: true };
    let by_hand = SystemRow { progress, ..SystemRow::new("by-hand", "") };
    let bugs =
        ["R02", "R04", "R05", "R07", "R08", "R11", "R12", "R13", "R14", "R19", "R20", "R22", "R34"];
    let bug = |id| BugRow { id, system: "raft", ..BugRow::default() };
    const WEAK: &[OptionRow] = &[option("weak")];
    let clients = [("lines", &[] as &[&str]), ("redis", &["register"])];
    let client = |(name, models)| ClientRow { name, about: "", models, options: WEAK };
    Catalogue {
        systems: vec![raft, paxos, frail, by_hand],
        bugs: bugs.map(bug).into(),
        clients: clients.map(client).into(),
    }
}

/// A workload from text that is known to be right.
pub(crate) fn workload(text: &str) -> Workload {
    from_text("test.yaml", text, &Overrides::default(), &catalogue()).unwrap()
}

fn with(text: &str, set: &[&str]) -> Result<Workload, WorkloadError> {
    let set = set.iter().map(|text| (*text).to_owned()).collect();
    let overrides = Overrides { set, ..Overrides::default() };
    from_text("w.yaml", text, &overrides, &catalogue())
}

#[test]
fn what_must_be_steady_has_no_faults() {
    let calm = workload("system: raft\nsteady: true\n");
    assert!(calm.steady && workload(&calm.to_yaml()) == calm);
    assert!(with("system: raft\nsteady: true\nfaults: []\n", &[]).is_ok());
    let both = with("system: raft\nsteady: true\nfaults: [crash]\n", &[]);
    assert!(both.unwrap_err().to_string().contains("w.yaml:2:9"), "the place of `steady`");
}

#[test]
fn what_a_run_must_come_to_is_only_hoped_for_where_somebody_changed_it() {
    let text = "system: raft\nduration: 20s\nreach: [election, truncation]\n";
    let asked = workload(text);
    assert_eq!((asked.reach.shapes.len(), asked.reach.is_hoped), (2, false));
    assert_eq!(workload(&asked.to_yaml()), asked);
    let check = |changes: Overrides, is_hoped: bool| {
        let read = from_text("w.yaml", text, &changes, &catalogue()).unwrap();
        assert_eq!(read.reach.is_hoped, is_hoped, "{changes:?}");
        assert_eq!(workload(&read.to_yaml()), read);
    };
    let set = |text: &str| Overrides { set: vec![text.to_owned()], ..Overrides::default() };
    let lasts = |text: &str| Overrides { duration: Some(text.to_owned()), ..Overrides::default() };
    check(lasts("19s"), true);
    check(lasts("40s"), false);
    check(set("duration=5s"), true);
    check(set("recovery=5s"), false);
    check(set("operations.read=0"), true);
    check(set("system.check-quorum=false"), true);
    check(Overrides { nodes: Some("3".into()), ..Overrides::default() }, true);
    check(Overrides { seed: Some(3), ..Overrides::default() }, false);
    let wrong = with("system: raft\nreach: [elections]\n", &[]).unwrap_err().to_string();
    assert!(wrong.contains("w.yaml:2:9") && wrong.contains("election"), "{wrong}");
}

#[test]
fn values_may_be_large_now_and_then() {
    let sizes = |text: &str| with(&format!("system: raft\nvalue-bytes: {text}\n"), &[]);
    let large = |bytes, percent| Some(Large { bytes, percent });
    let check = |text: &str, usual: usize, expected: Option<Large>| {
        let read = sizes(text).unwrap();
        assert_eq!(read.value_bytes, Sizes { usual, large: expected }, "{text}");
        assert_eq!(workload(&read.to_yaml()), read, "{text}");
    };
    check("100", 100, None);
    check("{usual: 8, large: 64KiB, share: 1%}", 8, large(65_536, 1.0));
    check("{large: 1KiB, share: 0.25%}", 8, large(1_024, 0.25));
    check("{usual: 16, large: 1KiB}", 16, large(1_024, 1.0));
    for (text, at, told) in [
        ("{usual: 8}", "w.yaml:2:14", "no `large`"),
        ("{large: 8, share: 0%}", "w.yaml:2:32", "above 0%"),
        ("{large: 8, share: 1}", "w.yaml:2:32", "a share"),
        ("{large: 1MiB}", "w.yaml:2:22", "between 1 and"),
    ] {
        let error = sizes(text).unwrap_err().to_string();
        assert!(error.contains(at) && error.contains(told), "{error}");
    }
}

#[test]
fn every_number_of_nodes_that_may_be_drawn_must_do() {
    let told = |text: &str, overrides: &Overrides| {
        let read = from_text("w.yaml", text, overrides, &catalogue());
        read.map(|workload| workload.nodes_drawn).map_err(|error| error.to_string())
    };
    let check = |text: &str, said: &str| {
        let error = told(text, &Overrides::default()).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    };
    let drawn = "system: raft\nnodes: 3\nnodes-drawn: [3, 5]\n";
    assert_eq!(told(drawn, &Overrides::default()), Ok(vec![3, 5]));
    check("system: raft\nnodes: 3\nnodes-drawn: 3\n", "w.yaml:3:14: nothing to draw from");
    check("system: raft\nnodes: 3\nnodes-drawn: [3, 2]\n", "w.yaml:3:18");
    check("system: raft\nnodes: 3\nnodes-drawn: [3, x]\n", "w.yaml:3:18");
    let groups = "faults:\n  - partition: {shape: [[n1, n2], [n3]]}\n";
    check(&format!("{drawn}{groups}"), "n4");
    let four = Overrides { nodes: Some("4".into()), ..Overrides::default() };
    assert_eq!(told(drawn, &four), Ok(Vec::new()), "what the command line says is not drawn");
    let set = Overrides { set: vec!["nodes=4".into()], ..Overrides::default() };
    assert_eq!(told(drawn, &set), Ok(Vec::new()));
}

#[test]
fn options_to_draw_from_are_those_of_the_system_in_the_file() {
    let text =
        "system: {name: raft, snapshot-every: 20}\noptions-drawn: {check-quorum: [true, false]}\n";
    let read = workload(text);
    assert_eq!(workload(&read.to_yaml()), read);
    let other = Overrides { system: Some("frail".into()), ..Overrides::default() };
    let loaded = parse::parse(&builtin::Source::named("w.yaml", text.into()), &other, &catalogue());
    let loaded = loaded.unwrap();
    assert!(loaded.workload.options_drawn.is_empty());
    assert!(
        loaded.remarks[0].ends_with("of raft: snapshot-every, check-quorum"),
        "{:?}",
        loaded.remarks
    );
    for (wrong, told) in [
        ("{check-quorums: [true]}", "unknown option `check-quorums`"),
        ("{check-quorum: []}", "nothing to draw from"),
        ("{snapshot-every: [1, 2]}", "set or drawn, not both"),
    ] {
        let text = text.replace("{check-quorum: [true, false]}", wrong);
        let error = with(&text, &[]).unwrap_err().to_string();
        assert!(error.contains("w.yaml:2:") && error.contains(told), "{error}");
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let plain = workload("system: raft\n");
    assert_eq!((plain.nodes, plain.clients, plain.value_bytes), (5, 10, 8.into()));
    assert_eq!(plain.duration, Duration::from_secs(30));
    assert_eq!(plain.timeout, Duration::from_secs(1));
    assert_eq!(plain.recovery, Duration::from_secs(10));
    assert_eq!((plain.rate, plain.seed, plain.recovery_max), (None, None, None));
    assert_eq!(plain.min_operations, 100);
    assert_eq!(plain.name, "test");
    let weights: Vec<(&str, u32)> =
        plain.operations.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
    assert_eq!(weights, [("append", 50), ("read", 40), ("append-if", 5), ("tail", 5)]);
    assert_eq!(plain.expect, Expect::Valid);
    let storm = workload("{system: raft, faults: [crash, partition: , latency: {}]}");
    assert_eq!(storm.faults.len(), 3);
    for fault in &storm.faults {
        assert_eq!(fault.when, When::Every(Duration::from_secs(5)));
        assert_eq!(fault.lasts, [Duration::from_secs(2)]);
    }
    assert_eq!(storm.faults[0].keys["target"], [json!("one")]);
    assert_eq!(storm.faults[1].keys["style"], [json!("hold")]);
    assert_eq!(storm.faults[1].keys["clients"], [json!("follow")]);
    assert_eq!(storm.faults[2].keys["delay"], [json!("50ms")]);
    assert_eq!(storm.faults[2].keys["links"], [json!("all")]);
}

#[test]
fn the_example_of_the_contract_is_understood() {
    let text = "\
about: Raft keeps one total order whatever the network does.
system: {name: raft, snapshot-every: 100, election-timeout: 150ms}
nodes: 5
clients: 10
duration: 30s
rate: 1000/s
seed: 7
operations: {append: 50, read: 40, append-if: 5, tail: 5}
retry: false
read-level: linearizable
timeout: 1s
faults:
  - partition: {shape: [halves, ring, bridge, isolate-leader, one-way], every: 5s, for: 3s}
  - crash: {target: [leader, one, minority, all], every: 7s, for: 1s}
  - pause: {target: one, every: 6s, for: 2s}
checks: [linearizable, total-order, durable, invariants, progress, convergence, bypass, survival]
bug: R13
value-bytes: 8
recovery: 10s
min-operations: 1000
expect: {violation: [stale-read, lost-append]}
";
    let read = workload(text);
    assert_eq!(read.faults[0].keys["shape"].len(), 5);
    assert_eq!(read.expect, Expect::Violation(vec![Kind::StaleRead, Kind::LostAppend]));
    assert_eq!(workload(&read.to_yaml()), read);
}

#[test]
fn groups_are_one_value_and_may_stand_among_others() {
    let shapes = |shape: &str| {
        let text =
            format!("{{system: raft, nodes: 3, faults: [{{partition: {{shape: {shape}}}}}]}}");
        workload(&text).faults[0].keys["shape"].clone()
    };
    let groups = json!([["n1", "n2"], ["n3"]]);
    assert_eq!(shapes("[[n1, n2], [n3]]"), std::slice::from_ref(&groups));
    assert_eq!(shapes("[halves, [[n1, n2], [n3]]]"), [json!("halves"), groups]);
    assert_eq!(shapes("[[[n1], [n2, n3]], [[n1, n2], [n3]]]").len(), 2);
}

#[test]
fn a_system_of_ones_own_says_how_its_nodes_reach_each_other() {
    let parse = |rest: &str| {
        let text = format!("about: x\nsystem: {{command: [./n, \"{{ip}}\", \"{{ips}}\"], {rest}}}");
        from_text("w.yaml", &text, &Overrides::default(), &catalogue())
    };
    let read = parse("network: interposed").unwrap();
    let SystemSpec::Command { network, .. } = &read.system else { panic!("a command") };
    assert_eq!([*network, read.system.network()], [Network::Interposed; 2]);
    assert_eq!(super::tests::workload(&read.to_yaml()), read);
    let refused = |rest: &str, part: &str| {
        let error = parse(rest).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused("network: interpose", "did you mean `interposed`");
    refused("network: pairs", "no argument contains `{client}`");
    let text = "system: {command: [./n, \"{ip}\"], network: none}\nfaults: [partition: {}]\n";
    let told = from_text("w.yaml", text, &Overrides::default(), &catalogue()).unwrap_err();
    assert!(told.to_string().contains("nothing stands between its nodes"), "{told}");
    let text = "system: {command: [./n, \"{peers}\"], network: none}";
    let told = from_text("w.yaml", text, &Overrides::default(), &catalogue()).unwrap_err();
    assert!(told.to_string().contains("addresses of links"), "{told}");
}

#[test]
fn a_client_has_a_name_and_options() {
    let read = |client: &str| {
        let text = format!("system: {{command: [./n, '{{client}}'], client: {client}}}\n");
        let mix = "operations: {read: 1, write: 1}\n";
        from_text("w.yaml", &(text + mix), &Overrides::default(), &catalogue())
    };
    let check = |client: &str, weak: &[&str]| {
        let workload = read(client).unwrap();
        let SystemSpec::Command { client: spec, .. } = &workload.system else { panic!("own") };
        let options = weak.iter().map(|value| ("weak".to_owned(), (*value).to_owned()));
        let expected = ClientSpec::Named { name: "redis".into(), options: options.collect() };
        assert_eq!(spec, &expected);
        assert_eq!(super::tests::workload(&workload.to_yaml()), workload);
    };
    check("redis", &[]);
    check("{name: redis}", &[]);
    check("{name: redis, weak: true}", &["true"]);
    let told = |client: &str| read(client).unwrap_err().to_string();
    let strange = told("{name: redis, waek: true}");
    assert!(strange.contains("unknown option `waek` of redis; did you mean `weak`?"), "{strange}");
    let nameless = told("{weak: true}");
    assert!(nameless.contains("the client has no `name`; write `client: lines`"), "{nameless}");
    let listed = told("[redis]");
    assert!(listed.contains("a map of keys is needed here"), "{listed}");
}

#[test]
fn a_client_may_be_a_program() {
    let text = |client: &str| format!("system: {{command: [./n, '{{client}}'], client: {client}}}");
    let read = workload(&text("{command: [python3, c.py, '{nodes}']}"));
    let SystemSpec::Command { client: ClientSpec::Program { command }, .. } = &read.system else {
        panic!("a program")
    };
    assert_eq!(command, &["python3", "c.py", "{nodes}"]);
    assert_eq!(workload(&read.to_yaml()), read);
    let check = |client: &str, told: &str| {
        let error = from_text("w.yaml", &text(client), &Overrides::default(), &catalogue());
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("w.yaml:1:") && error.contains(told), "{client}: {error}");
    };
    check("{command: c.py}", "found `c.py`; a command is a list");
    check("{command: []}", "the command is empty");
    check("{command: [./c]}", "no argument contains `{nodes}`, so the program cannot learn where");
    check("{command: [./c, '{node}']}", "unknown placeholder `{node}`; did you mean `nodes`?");
    check("{command: [./c, '{nodes}'], ready: 3s}", "unknown key `ready`");
    check("{command: [./c, '{nodes}'], name: lines}", "a `command` (a program), not both");
}

#[test]
fn a_system_of_ones_own_is_a_command() {
    let text = "system: {command: [./node, '--id={id}', '{client}', '{\"a\":1}'], ready: 3s}\n";
    let read = workload(text);
    let SystemSpec::Command { command, client, ready, .. } = &read.system else {
        panic!("a command")
    };
    assert_eq!((command.len(), client, *ready), (4, &ClientSpec::lines(), Duration::from_secs(3)));
    assert_eq!(workload(&read.to_yaml()).system, read.system);
}

#[test]
fn every_mistake_is_shown_where_it_stands() {
    let check = |text: &str, error: &str| {
        let found = with(text, &[]).unwrap_err().to_string();
        assert!(found.starts_with(error), "{text:?} gave\n  {found}, not\n  {error}");
        assert!(!found.contains('\n'), "one line: {found:?}");
    };
    check("", "w.yaml:1:1: the file is empty");
    check("# nothing\n", "w.yaml:1:1: the file is empty");
    check("raft\n", "w.yaml:1:1: `raft` stands where a map of keys");
    check("- raft\n", "w.yaml:1:1: a list stands where a map");
    check("nodes: 3\n", "w.yaml:1:1: no `system`");
    check("system: raft\nnode: 3\n", "w.yaml:2:1: unknown key `node`; did you mean `nodes`?");
    check("system: raft\nwheels: 4\n", "w.yaml:2:1: unknown key `wheels`; keys are name, about");
    check("system: raft\nnodes: 3\nnodes: 5\n", "w.yaml:3:1: duplicate key `nodes`");
    check("system: raft\nnodes: five\n", "w.yaml:2:8: found `five`; a whole number from 1 to 99");
    for bad in ["0", "100", "-3", "2.5", ".nan", ".inf", "1e3", "0x5", "+5", "[3]", "{a: 1}"] {
        check(&format!("system: raft\nnodes: {bad}\n"), "w.yaml:2:8: found");
    }
    check("system: raft\nnodes:\n", "w.yaml:2:1: nothing stands after `nodes:`");
    check("system: raft\nduration: 5\n", "w.yaml:2:11: `5` has no unit");
    check("system: raft\nduration: 0s\n", "w.yaml:2:11: `0s` is too short");
    check("system: raft\ntimeout: 5 parsecs\n", "w.yaml:2:10: `5 parsecs` has an unknown unit");
    check("system: raft\nrate: 500\n", "w.yaml:2:7: `500` is not a rate");
    check("system: raft\nvalue-bytes: 1MiB\n", "w.yaml:2:14: 1048576 bytes; a value has");
    check("system: paxos\nkeys: 0\n", "w.yaml:2:7: found `0`; a whole number from 1 to 10000");
    check(
        "system: raft\nkeys: 1\n",
        "w.yaml:2:7: `keys` limits how many keys there are, and no op",
    );
    check("system: raft\nretry: yes\n", "w.yaml:2:8: found `yes`; write true or false");
    check("system: raft\nread-level: locl\n", "w.yaml:2:13: unknown read level `locl`; did");
    check("system: raft\noperations: {push: 1}\n", "w.yaml:2:14: unknown operation `push`; ope");
    check("system: raft\noperations: {read: 0}\n", "w.yaml:2:13: no operation has a weight");
    check("system: raft\nchecks: [durabel]\n", "w.yaml:2:10: unknown check `durabel`; did you");
    check("system: raft\nbug: R99\n", "w.yaml:2:6: unknown bug `R99`; did you mean `R");
    check("system: frail\nbug: R13\n", "w.yaml:2:6: bug R13 is one of raft's");
    check("system: rafft\n", "w.yaml:1:9: unknown system `rafft`; did you mean `raft`?");
    check("system: {name: raft, snap: 5}\n", "w.yaml:1:22: unknown option `snap` of raft");
    check("system: {nodes: 5}\n", "w.yaml:1:9: the system has no `name`");
    check("system: {command: [a]}\n", "w.yaml:1:19: no argument contains `{client}`");
    check("system: {command: ['{clinet}']}\n", "w.yaml:1:20: unknown placeholder `{clinet}`");
    check("system: {command: []}\n", "w.yaml:1:19: the command is empty");
    check("system: raft\nexpect: broken\n", "w.yaml:2:9: unknown expectation `broken`");
    check(
        "system: raft\nexpect: {violation: stale-raed}\n",
        "w.yaml:2:21: unknown anomaly `stale-raed`; did you mean `stale-read`?",
    );
}

#[test]
fn an_adversary_of_decisions_that_count_apart_needs_a_single_one() {
    let text = |keys: &str| {
        format!("system: paxos\n{keys}faults: [frames: {{kind: accept, until: moved}}]")
    };
    let error = with(&text("keys: 2\n"), &[]).unwrap_err().to_string();
    assert!(error.starts_with("w.yaml:3:40: `moved` compares epochs"), "{error}");
    assert!(with(&text(""), &[]).unwrap_err().to_string().contains("with `keys: 1`"));
    let one = with(&text("keys: 1\n"), &[]).unwrap();
    assert_eq!(one.keys, Some(Keys::fixed(1)));
    assert_eq!(from_text("w.yaml", &one.to_yaml(), &Overrides::default(), &catalogue()), Ok(one));
}

#[test]
fn mistakes_in_faults_are_shown_where_they_stand() {
    let check = |faults: &str, error: &str| {
        let system = if faults.contains("promote") { "by-hand" } else { "raft" };
        let text = format!("system: {system}\nnodes: 3\nfaults:\n{faults}\n");
        let found = with(&text, &[]).unwrap_err().to_string();
        assert!(found.starts_with(error), "{faults:?} gave\n  {found}, not\n  {error}");
    };
    check("  - partitoin: {}", "w.yaml:4:5: unknown fault `partitoin`; did you mean `partition`?");
    check("  - meteor", "w.yaml:4:5: unknown fault `meteor`; faults are crash, pause");
    check("  - crash: {targte: one}", "w.yaml:4:13: unknown key `targte`; did you mean `target`?");
    check("  - frames: {kind: apend}", "w.yaml:4:20: no kind of message is called `apend`");
    check("  - frames: {do: shuffle}", "w.yaml:4:18: unknown do `shuffle`; `do` takes hold, dro");
    check("  - frames: {at: [start]}", "w.yaml:4:");
    check("  - crash: {target: 4}", "w.yaml:4:21: 4 targets of 3 nodes");
    check("  - crash: {target: [one, n7]}", "w.yaml:4:27: `n7` is not in the cluster");
    check("  - crash: {target: []}", "w.yaml:4:21: an empty list");
    check("  - crash: {every: 5}", "w.yaml:4:20: `5` has no unit");
    check("  - crash: {every: 0s}", "w.yaml:4:20: `0s` is too short");
    check("  - crash: {every: [1s, 2s]}", "w.yaml:4:20: found a list");
    check("  - crash: {for: [1s, 0s]}", "w.yaml:4:23: `0s` is too short");
    check("  - crash: {at: 40s}", "w.yaml:4:17: `40s` is after the disturbance, which lasts 28s");
    check("  - crash: {at: 1s, every: 2s}", "w.yaml:4:17: `at` beside `every`");
    check("  - crash: {after: 1s}", "w.yaml:4:13: unknown key `after`");
    check("  - promote: {for: 1s}", "w.yaml:4:15: unknown key `for`");
    check("  - promote: {after: 1s, at: 2s}", "w.yaml:4:22: `after` beside `at`");
    check("  - promote: {after: 1s, every: 2s}", "w.yaml:4:22: `after` beside `every`");
    check("  - promote: {to: n4}", "w.yaml:4:19: `n4` is no node to promote");
    check("  - partition: {shape: [ring, star]}", "w.yaml:4:31: unknown shape `star`");
    check("  - partition: {shape: [[n1], [n2]]}", "w.yaml:4:24: n3 is in no group");
    check("  - latency: {delay: 50}", "w.yaml:4:22: `50` has no unit");
    check("  - crash: {}\n    pause: {}", "w.yaml:5:5: `pause` beside another fault");
    check("  crash: {}", "w.yaml:4:3: found a map; faults are a list");
    check("  - crash: [one]", "w.yaml:4:12: found a list; a map of keys is needed here");
    let refused = with("{system: frail, faults: [promote]}", &[]).unwrap_err().to_string();
    assert_eq!(
        refused,
        "w.yaml:1:26: frail refuses `promote`: no operator chooses who leads it; choose by-hand, \
         or take the promotions out"
    );
}

#[test]
fn the_command_line_changes_any_key() {
    let text = "{system: raft, faults: [{crash: {every: 5s}}, pause, {crash: {target: leader}}]}";
    let set = [
        "nodes=3",
        "system.snapshot-every=100",
        "operations.read=0",
        "faults.crash.every=2s",
        "faults.1.for=[1s, 2s]",
        "faults.pause.target={all: [n1, n3]}",
        "expect.violation=stale-read",
    ];
    let changed = with(text, &set).unwrap();
    assert_eq!(changed.nodes, 3);
    let options = BTreeMap::from([("snapshot-every".to_owned(), "100".to_owned())]);
    assert_eq!(changed.system, SystemSpec::Named { name: "raft".to_owned(), options });
    assert_eq!(changed.operations[1], ("read".to_owned(), 0));
    assert_eq!(changed.operations.len(), 4, "the default mix with one weight changed");
    for crash in [0, 2] {
        assert_eq!(changed.faults[crash].when, When::Every(Duration::from_secs(2)));
    }
    assert_eq!(changed.faults[1].lasts.len(), 2);
    assert_eq!(changed.faults[1].keys["target"], [json!({"all": ["n1", "n3"]})]);
    assert_eq!(changed.expect, Expect::Violation(vec![Kind::StaleRead]));
    assert!(with(text, &["faults=[]"]).unwrap().faults.is_empty());
    assert_eq!(with("{system: raft, nodes: 3}", &["nodes="]).unwrap().nodes, 5);
}

#[test]
fn flags_come_before_set_and_the_last_wins() {
    let overrides = Overrides {
        seed: Some(u64::MAX),
        duration: Some("5s".to_owned()),
        nodes: Some("3".to_owned()),
        system: Some("raft".to_owned()),
        bug: Some("none".to_owned()),
        set: vec!["nodes=7".to_owned(), "duration=6s".to_owned(), "duration=8s".to_owned()],
    };
    let text = "{system: {name: raft, pre-vote: false}, bug: R07}";
    let read = from_text("w.yaml", text, &overrides, &catalogue()).unwrap();
    assert_eq!((read.nodes, read.seed, read.bug.as_deref()), (7, Some(u64::MAX), None));
    assert_eq!(read.duration, Duration::from_secs(8));
    let plain = SystemSpec::Named { name: "raft".to_owned(), options: BTreeMap::new() };
    assert_eq!(read.system, plain, "--system drops the options");
}

#[test]
fn mistakes_on_the_command_line_name_the_flag() {
    let check = |set: &str, error: &str| {
        let text = "{system: raft, faults: [crash]}";
        let found = with(text, &[set]).unwrap_err();
        assert!(found.to_string().starts_with(error), "{set} gave {found}");
        assert_eq!(found.snippet, "");
    };
    check("nodes=five", "--set nodes=five: found `five`");
    check("nods=5", "--set nods=5: unknown key `nods`; did you mean `nodes`?");
    check("nods.x=5", "--set nods.x=5: unknown key `nods`");
    check("nodes", "--set nodes: no `=`");
    check("=5", "--set =5: the key has an empty part");
    check("faults.pause.every=2s", "--set faults.pause.every=2s: no entry of the list is called");
    check("faults.3.every=2s", "--set faults.3.every=2s: there is no entry 3; the list has 1");
    check("faults.0.crash.target=9", "--set faults.0.crash.target=9: 9 targets of 5 nodes");
    check("nodes=[", "--set nodes=[: not YAML");
    check("nodes=3\nx: 4", "--set nodes=3\nx: 4: not YAML");
    let overrides = Overrides { duration: Some("5".to_owned()), ..Overrides::default() };
    let found = from_text("w.yaml", "system: raft", &overrides, &catalogue()).unwrap_err();
    assert!(found.to_string().starts_with("--duration 5: `5` has no unit"), "{found}");
}

#[test]
fn the_line_is_shown_under_the_error() {
    let error = with("system: raft\nnodes: five\n", &[]).unwrap_err();
    assert_eq!(error.snippet, "  |\n2 | nodes: five\n  |        ^^^^");
}

/// Each key is looked at once, however many there are: looking at each beside each takes minutes.
#[test]
fn very_many_keys_are_read_and_one_that_comes_twice_is_found() {
    use std::fmt::Write as _;
    let mut text = String::from("system: raft\noperations:\n");
    for number in 0..90_000 {
        writeln!(text, "  k{number}: 1").unwrap();
    }
    let error = with(&text, &[]).unwrap_err().to_string();
    assert!(error.starts_with("w.yaml:3:3: ") && error.contains("`k0`"), "{error}");
    let error = with(&format!("{text}  k89999: 2\n"), &[]).unwrap_err().to_string();
    assert_eq!(error, "w.yaml:90003:3: duplicate key `k89999`; it is already on line 90002");
}

#[test]
fn a_mistake_quotes_no_more_than_tells_it() {
    let long = "x".repeat(1 << 20);
    for text in [
        format!("{long}: 1\n"),
        format!("\"{long}\": 1\n\"{long}\": 2\n"),
        format!("system: {long}\n"),
        format!("system: raft\nnodes: {long}\n"),
        format!("system: raft\nduration: {long}\n"),
        format!("system: raft\nfaults:\n  - {long}: {{}}\n"),
        format!("system: raft\nfaults:\n  - crash: {{every: 1s, for: 1s, on: [{long}]}}\n"),
        format!("system: raft\nchecks: [{long}]\n"),
        format!("system: raft\nexpect: {long}\n"),
        format!("system: raft\nbug: {long}\n"),
        format!("system: {{name: raft, {long}: 1}}\n"),
        format!("system: raft\noperations: {{{long}: 1}}\n"),
    ] {
        let error = with(&text, &[]).unwrap_err();
        let told = error.to_string().len() + error.snippet.len();
        assert!(told < 4000, "{told} bytes: {}", &text[..40]);
    }
    let flag = with("system: raft\n", &[&format!("nodes={long}")]).unwrap_err().to_string();
    assert!(flag.len() < 6000, "{}", flag.len());
}
