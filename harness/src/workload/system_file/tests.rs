//! System files that are right, and all that can be wrong with one.

use schism_facts::{Acks, NodeId};

use super::super::tests::catalogue;
use super::super::{Overrides, SystemSpec, Workload, from_text};
use super::*;

/// A key-value store in the form of a system file, inline in a workload.
const STORE: &str = r#"nodes: 3
system:
  name: store
  about: a store
  version: ["{program}", --version]
  program: sh
  install: apt-get install dash
  serves: [register, log]
  options: {fast: "no", heartbeat: 100ms}
  node:
    command: ["{program}", --id, "{id}", --join, "{each:{id}=http://{ip}:{port:peer}}"]
    env: {FAST: "{option:fast}"}
    files: {conf: "id {n}"}
  first: {setup: [[mk, "{data}"]]}
  start: in-order
  once: [{on: n1, command: [init], within: 5s}]
  ports: {peer: 2380, client: 2379}
  ready: {tcp: client, within: 20s}
  network: none
  leader: {command: [who], every: 1s}
  progress: any
  acks: {may-lose: failover, unless: {option: fast, is: "no"}}
  serves-reads: every-node
  recovery: 15s
  refuses: {pause: it forks}
"#;

fn read(text: &str) -> Workload {
    let read = from_text("w.yaml", text, &Overrides::default(), &catalogue());
    read.unwrap_or_else(|error| panic!("{error}\n{}", error.snippet))
}

fn file(text: &str) -> SystemFile {
    let SystemSpec::File(file) = read(text).system else { panic!("it is a file") };
    *file
}

#[test]
fn a_whole_file_is_read_and_written_so_that_it_reads_the_same() {
    let workload = read(STORE);
    let SystemSpec::File(store) = &workload.system else { panic!("it is a file") };
    assert_eq!((&*store.name, &*store.about), ("store", "a store"));
    assert_eq!(store.programs[0].candidates, ["sh"]);
    assert_eq!(store.ports, [("peer".to_owned(), 2380), ("client".to_owned(), 2379)]);
    assert_eq!((store.ready.clone(), store.within.as_secs()), (Ready::Tcp(2379), 20));
    assert_eq!((store.start, store.network), (Order::InOrder, Network::None));
    assert_eq!(store.on(NodeId(1))[0].setup.len(), 1);
    assert_eq!(store.on(NodeId(2))[0].setup.len(), 0);
    assert_eq!((store.once[0].on, store.once[0].step.within.as_secs()), (NodeId(1), 5));
    assert_eq!((store.progress, store.client_port()), (Owes::Any, Some(2379)));
    assert_eq!(store.acks(), Acks::Stay);
    assert_eq!(workload.model().name, "register", "what it serves first");
    assert_eq!((workload.recovery.as_secs(), workload.silence_is_told), (15, false));
    let again = from_text("again.yaml", &workload.to_yaml(), &Overrides::default(), &catalogue());
    let again = again.unwrap_or_else(|error| panic!("{error}\n{}", workload.to_yaml()));
    assert_eq!(Workload { name: workload.name.clone(), ..again }, workload);
}

#[test]
fn what_is_left_out_has_its_default() {
    let least = "system: {node: {command: [x, '{client}']}, hash: null}";
    let workload = read(least);
    assert!(workload.silence_is_told, "nobody said how long it may be silent");
    assert!(!workload.to_yaml().contains("recovery"), "{}", workload.to_yaml());
    assert!(read(&workload.to_yaml()).silence_is_told);
    assert!(!read(&format!("{least}\nrecovery: 5s")).silence_is_told);
    let least = file(least);
    assert_eq!((&*least.name, &*least.serves), ("inline", &["log".to_owned()][..]));
    assert_eq!((least.network, least.ready), (Network::Interposed, Ready::Status));
    let pairs = file("system: {node: {command: [x, '{client}', '{peers}']}}");
    assert_eq!(pairs.network, Network::Pairs);
}

#[test]
fn a_file_is_named_by_its_path_and_takes_options() {
    let folder = tempfile::tempdir().unwrap();
    let own =
        STORE.lines().skip(2).map(|line| line.strip_prefix("  ").unwrap()).collect::<Vec<_>>();
    std::fs::write(folder.path().join("mine.yaml"), own.join("\n").replace("name: store\n", ""))
        .unwrap();
    let workload = folder.path().join("w.yaml");
    let load = |text: &str| {
        std::fs::write(&workload, text).unwrap();
        let path = workload.to_str().unwrap();
        super::super::load(path, &Overrides::default(), &catalogue())
            .map(|read| read.workload)
            .map_err(|error| error.to_string())
    };
    let named = load("nodes: 3\nsystem: ./mine.yaml").unwrap();
    let SystemSpec::File(mine) = &named.system else { panic!("it is a file") };
    assert_eq!((&*mine.name, &*mine.options["fast"]), ("mine", "no"));
    let fast = load("nodes: 3\nsystem: {name: mine.yaml, fast: 'yes', data: /dev/shm}").unwrap();
    let SystemSpec::File(fast) = &fast.system else { panic!("it is a file") };
    assert_eq!((&*fast.options["fast"], fast.acks()), ("yes", Acks::UntilFailover));
    assert_eq!(fast.data.as_deref(), Some(std::path::Path::new("/dev/shm")));
    let wrong = load("nodes: 3\nsystem: {name: ./mine.yaml, fsat: 1}").unwrap_err();
    assert!(wrong.contains("w.yaml:2:29: unknown option `fsat` of mine"), "{wrong}");
    let missing = load("system: ./yours.yaml").unwrap_err();
    assert!(missing.contains("w.yaml:1:9: ") && missing.contains("no such file"), "{missing}");
    std::fs::write(folder.path().join("mine.yaml"), "node: {command: [x, '{dat}']}").unwrap();
    let inside = load("system: ./mine.yaml").unwrap_err();
    assert!(inside.contains("mine.yaml:1:22: unknown hole `{dat}`"), "{inside}");
    let drawn = "nodes: 3\noptions-drawn: {fast: [a, b]}\nsystem: ./mine.yaml";
    assert!(load(drawn).unwrap_err().contains("mine.yaml:1:22"));
}

#[test]
fn a_workload_says_whether_an_operator_ends_the_old_leader() {
    let folder = tempfile::tempdir().unwrap();
    let file = "node: {command: [x]}\nports: {client: 1}\n";
    std::fs::write(folder.path().join("elects.yaml"), file).unwrap();
    let by_hand = format!("{file}promote: {{command: [up]}}\n");
    std::fs::write(folder.path().join("by-hand.yaml"), by_hand).unwrap();
    let workload = folder.path().join("w.yaml");
    let of = |system: &str| {
        std::fs::write(&workload, format!("nodes: 3\nsystem: {system}")).unwrap();
        let path = workload.to_str().unwrap();
        let read = super::super::load(path, &Overrides::default(), &catalogue());
        read.map_err(|error| error.to_string()).map(|read| match &read.workload.system {
            SystemSpec::File(file) => file.promote.as_ref().unwrap().fence,
            _ => panic!("it is a file"),
        })
    };
    assert_eq!(of("./by-hand.yaml"), Ok(true));
    assert_eq!(of("{name: ./by-hand.yaml, fence: none}"), Ok(false));
    let unknown = of("{name: ./by-hand.yaml, fence: maybe}").unwrap_err();
    assert!(unknown.contains("w.yaml:2:39"), "{unknown}");
    let elects = of("{name: ./elects.yaml, fence: none}").unwrap_err();
    assert!(elects.contains("no operator promotes nodes of elects"), "{elects}");
}

/// The store with one line changed, and what is said of it.
#[track_caller]
fn wrong(line: &str, with: &str, said: &str) {
    assert!(STORE.contains(line), "{line}");
    let text = STORE.replace(line, with);
    let error = from_text("w.yaml", &text, &Overrides::default(), &catalogue());
    let error = error.expect_err(with).to_string();
    assert!(error.contains(said), "{with}: {error}");
    assert!(error.starts_with("w.yaml:"), "{error}");
}

#[test]
fn whatever_is_wrong_is_told_with_its_place() {
    wrong("--id, \"{id}\"", "--id, \"{idd}\"", "w.yaml:11:35: unknown hole `{idd}`");
    wrong("client: 2379", "client: 2380", "w.yaml:17:31: port 2380 is `peer` already");
    wrong("  recovery: 15s", "  recvery: 15s", "unknown key `recvery`; did you mean `recovery`?");
    wrong("    env: {FAST", "    evn: {FAST", "unknown key `evn`; did you mean `env`?");
    wrong("  install: apt", "  command: [x]\n  install: apt", "`command` beside `node`");
    wrong("start: in-order", "start: in-ordr", "did you mean `in-order`?");
    wrong("serves: [register, log]", "serves: [regster]", "did you mean `register`?");
    wrong("{tcp: client,", "{tcp: clent,", "unknown port `clent`; did you mean `client`?");
    wrong("{tcp: client,", "{tcp: client, log: x,", "`log` beside `tcp`");
    wrong("[[mk, \"{data}\"]]", "[mk]", "each command is a list of its own");
    wrong("[[mk, \"{data}\"]]", "mk", "found `mk`; commands are a list of lists");
    wrong("network: none", "network: pairs", "nothing here holds `{peers}`");
    wrong("option: fast,", "option: fats,", "unknown option `fats`; did you mean `fast`?");
    wrong("recovery: 15s", "recovery: 15", "w.yaml:24:13: ");
    wrong("{pause: it", "{puase: it", "unknown fault `puase`; did you mean `pause`?");
    wrong("{on: n1,", "{on: n7,", "store names n7; the cluster has 3 nodes");
    wrong("{conf: \"id {n}\"}", "{../conf: x}", "below its folder");
    wrong("{conf: \"id {n}\"}", "{conf: {text: x, mode: rw}}", "octal");
    wrong("  program: sh", "  program: []", "no program is named");
    wrong("[init], within", "[\"{leader}\"], within", "`rejoin` and in `promote` only");
    wrong("options: {fast", "options: {name: x, fast", "no option may be called `name`");
    wrong("  network: none", "  client: lnies\n  network: none", "did you mean `lines`?");
    wrong("  name: store", "  name: My Store", "lower-case letters");
    let orphan = "system: {node: {command: [x]}}";
    let error = from_text("w.yaml", orphan, &Overrides::default(), &catalogue()).unwrap_err();
    assert!(error.to_string().contains("nobody knows where clients are served"), "{error}");
    let bare = "node: {command: [x]}\nports: {client: 1}";
    let error = from_text("w.yaml", bare, &Overrides::default(), &catalogue()).unwrap_err();
    assert!(error.to_string().contains("asks nothing of it"), "{error}");
}

#[test]
fn faults_that_mean_nothing_there_are_refused_before_the_start() {
    let refused = |faults: &str, said: &str| {
        let text = format!("{STORE}faults:\n  - {faults}\n");
        let error = from_text("w.yaml", &text, &Overrides::default(), &catalogue());
        let error = error.expect_err(faults).to_string();
        assert!(error.starts_with("w.yaml:27:") && error.contains(said), "{faults}: {error}");
    };
    refused("pause: {}", "store refuses `pause`: it forks");
    refused("partition: {}", "nothing stands between its nodes");
    refused("partition: {clients: free}", "w.yaml:27:26: the system has `network: none`");
    refused("latency: {}", "`links: clients` is what can be slow");
    refused("latency: {links: peers}", "w.yaml:27:22: the system has `network: none`");
    refused("promote: {}", "no `promote`");
    let fine =
        "faults:\n  - partition: {clients: only}\n  - latency: {links: clients}\n  - crash\n";
    assert_eq!(read(&format!("{STORE}{fine}")).faults.len(), 3);
}

#[test]
fn every_shipped_system_file_can_be_read_and_has_what_people_need() {
    for known in list(&catalogue()) {
        let Ok(file) = known.file else { continue };
        assert!(!file.about.is_empty() && file.install.is_some(), "{}", known.name);
        assert!(!file.version.is_empty(), "{}", known.name);
    }
}
