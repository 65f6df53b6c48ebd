//! The real world with real processes: each thing it can do to a node once, and every way in which
//! it cannot start. The nodes are small scripts: no system is tested here.

#![allow(clippy::unwrap_used, reason = "all of it is a test, helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use schism::action::{
    Action, Endpoint, Flow, KILLED, LinkOverlay, NodeId, NodeOverlay, OverlayId, STOPPED, Style,
};
use schism::proxy::RunNet;
use schism::systems::{Launch, Network, Program};
use schism::worlds::processes::{Processes, ProcessesConfig, RealTime};
use schism::worlds::{World, WorldError};
use tokio::runtime::{Builder, LocalOptions};

/// Far beyond what any of this takes.
const LONG: Duration = Duration::from_secs(30);
const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
/// A node that writes a line whenever it runs, and has a child that left its group.
const BEATS: &str =
    "setsid sleep 1000 & echo $$ > $AT/pid; while :; do echo x >> $AT/beats; sleep 0.01; done";

fn config(net: RunNet, folder: &Path, scripts: &[&str]) -> ProcessesConfig {
    let launch = |(number, script): (usize, &&str)| {
        let at = folder.join(format!("at{}", number + 1));
        fs::create_dir_all(&at).unwrap();
        let env = BTreeMap::from([("AT".into(), at.to_str().unwrap().into())]);
        let argv = vec!["bash".into(), "-c".into(), script.to_string()];
        let process = Program { argv, env, ..Program::default() };
        (NodeId(number as u8 + 1), Launch { processes: vec![process], ..Launch::default() })
    };
    ProcessesConfig {
        net,
        clock: RealTime::start(),
        client: Box::new(|_| unreachable!("nobody asks these nodes")),
        launches: scripts.iter().enumerate().map(launch).collect(),
        clients: 1,
        directory: folder.to_path_buf(),
        guard: env!("CARGO_BIN_EXE_schism").into(),
        seed: 1,
        frames: &[],
        network: Network::Pairs,
        scratch: None,
    }
}

/// Runs `test` against nodes that run these scripts, and stops the world after it.
fn with_world(scripts: &[&str], test: impl AsyncFnOnce(&Processes, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    local(async {
        let config = config(RunNet::claim().unwrap(), folder.path(), scripts);
        let world = Processes::start(config).await.unwrap();
        test(&world, folder.path()).await;
        world.stop().await.unwrap();
        assert_eq!(processes_at(folder.path()), [0; 0], "nothing is left");
    });
}

fn start_error(net: RunNet, change: impl FnOnce(&mut ProcessesConfig)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(net, folder.path(), &["sleep 1000"]);
    change(&mut config);
    local(async { Processes::start(config).await.err().unwrap().to_string() })
}

fn local<T>(future: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build_local(LocalOptions::default()).unwrap().block_on(future)
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Processes whose environment names a place in this folder.
fn processes_at(folder: &Path) -> Vec<u32> {
    let mark = format!("AT={}", folder.to_str().unwrap());
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let has_mark = |pid: &u32| {
        let all = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        all.split(|&byte| byte == 0).any(|one| one.starts_with(mark.as_bytes()))
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(pid).filter(has_mark).collect()
}

/// The letters of their states: `T` is stopped.
fn states(folder: &Path) -> BTreeSet<char> {
    let state = |pid: u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        line.rsplit_once(") ")?.1.chars().next()
    };
    processes_at(folder).into_iter().filter_map(state).collect()
}

fn beats(folder: &Path, node: NodeId) -> usize {
    fs::read(folder.join(format!("at{}/beats", node.0))).map_or(0, |bytes| bytes.len())
}

fn pid(folder: &Path, node: NodeId) -> String {
    fs::read_to_string(folder.join(format!("at{}/pid", node.0))).unwrap_or_default()
}

fn down(nodes: &[NodeId]) -> Action {
    Action::from(NodeOverlay::Down { nodes: nodes.iter().copied().collect() })
}

fn pause(nodes: &[NodeId]) -> Action {
    Action::from(NodeOverlay::Pause { nodes: nodes.iter().copied().collect() })
}

fn at(folder: &Path, node: NodeId) -> std::path::PathBuf {
    folder.join(format!("at{}", node.0))
}

#[test]
fn a_crash_kills_the_whole_node_and_only_the_last_heal_starts_it_again() {
    with_world(&[BEATS, BEATS], async |world, folder| {
        eventually("both run", || beats(folder, N1) > 0 && beats(folder, N2) > 0).await;
        let first = pid(folder, N1);
        let one = world.apply(down(&[N1])).await.unwrap();
        assert_eq!(processes_at(&at(folder, N1)), [0; 0], "also the child that left the group");
        let both = world.apply(down(&[N1, N2])).await.unwrap();
        assert!(world.view().nodes.iter().all(|node| !node.running));
        assert!(world.heal(one).await.unwrap().count(KILLED) >= 2, "it and its child");
        assert!(!world.view().nodes[0].running, "the other crash lasts");
        let effect = world.heal(both).await.unwrap();
        // The script, its child, and perhaps the `sleep` that it waits for.
        assert!((2..=3).contains(&effect.count(KILLED)), "n1 was down already: {effect:?}");
        eventually("n1 runs anew", || {
            let now = pid(folder, N1);
            !now.trim().is_empty() && now != first
        })
        .await;
        assert!(world.view().nodes.iter().all(|node| node.running));
        assert_eq!(world.deaths(), [], "all deaths were ordered");
    });
}

#[test]
fn a_pause_stops_every_process_and_only_the_last_heal_lets_them_go_on() {
    with_world(&[BEATS], async |world, folder| {
        eventually("it runs", || beats(folder, N1) > 0).await;
        let stopped = BTreeSet::from(['T']);
        let first = world.apply(pause(&[N1])).await.unwrap();
        assert_eq!(states(folder), stopped);
        let before = beats(folder, N1);
        let second = world.apply(pause(&[N1])).await.unwrap();
        assert!(world.heal(first).await.unwrap().count(STOPPED) >= 2);
        assert_eq!(states(folder), stopped, "the other pause lasts");
        assert!(world.view().nodes[0].paused);
        assert_eq!(beats(folder, N1), before);
        assert!(world.heal(second).await.unwrap().count(STOPPED) >= 2, "they were seen again");
        eventually("it goes on", || beats(folder, N1) > before).await;
        assert!(!world.view().nodes[0].paused);
    });
}

#[test]
fn a_crash_beats_a_pause_and_who_is_paused_is_not_started_before_that_is_over() {
    with_world(&[BEATS], async |world, folder| {
        eventually("it runs", || beats(folder, N1) > 0).await;
        let paused = world.apply(pause(&[N1])).await.unwrap();
        let crashed = world.apply(down(&[N1])).await.unwrap();
        assert_eq!(processes_at(folder), [0; 0]);
        let before = beats(folder, N1);
        assert!(world.heal(crashed).await.unwrap().count(KILLED) >= 2);
        assert_eq!(processes_at(folder), [0; 0], "it runs no code before the pause is over");
        world.heal(paused).await.unwrap();
        eventually("it goes on", || beats(folder, N1) > before).await;
        assert_eq!(world.deaths(), [], "all deaths were ordered");
    });
}

#[test]
fn a_death_that_nobody_ordered_is_told_with_its_last_words() {
    let dies = "echo one >&2; echo two >&2; exit 3";
    with_world(&[dies, "kill -SEGV $$", BEATS], async |world, _| {
        let mut deaths = Vec::new();
        eventually("two have died", || {
            deaths.extend(world.deaths());
            deaths.len() == 2
        })
        .await;
        deaths.sort_by_key(|death| death.node);
        assert_eq!((deaths[0].how.as_str(), deaths[1].how.as_str()), ("exit 3", "signal 11"));
        assert_eq!(deaths[0].last_lines, ["one", "two"]);
        let sentence = WorldError::from(deaths[0].clone()).to_string();
        assert!(sentence.contains("n1 ended (exit 3)") && sentence.contains("two"), "{sentence}");
        let running: Vec<bool> = world.view().nodes.iter().map(|node| node.running).collect();
        assert_eq!(running, [false, false, true]);
        let crash = world.apply(down(&[N1])).await.unwrap();
        assert!(world.heal(crash).await.unwrap().0.is_empty(), "there was nobody to kill");
    });
}

#[test]
fn a_block_is_in_the_view_until_it_is_healed_and_what_does_not_exist_is_refused() {
    with_world(&[BEATS, BEATS], async |world, _| {
        let flow = Flow { from: Endpoint::Node(N1), to: Endpoint::Node(N2) };
        let block = |flow| {
            Action::from(LinkOverlay::Block { flows: BTreeSet::from([flow]), style: Style::Hold })
        };
        let id = world.apply(block(flow)).await.unwrap();
        assert_eq!(world.view().blocked, BTreeSet::from([flow]));
        assert!(world.heal(id).await.unwrap().0.is_empty(), "nothing tried to pass");
        assert_eq!(world.view().blocked, BTreeSet::new());

        assert!(world.heal(id).await.is_err(), "healed before");
        assert!(world.heal(OverlayId(99)).await.is_err());
        assert!(world.apply(down(&[NodeId(3)])).await.is_err());
        let nowhere = Flow { from: Endpoint::Node(N1), to: Endpoint::Node(NodeId(3)) };
        assert!(world.apply(block(nowhere)).await.is_err());
    });
}

#[test]
fn a_connection_past_the_proxy_is_found() {
    let net = RunNet::claim().unwrap();
    let (real, link) = (net.peer(N2), net.peer_link(N1, N2));
    let dial = |to: std::net::SocketAddr| {
        let at = format!("/dev/tcp/{}/{}", to.ip(), to.port());
        format!("until (exec 3<>{at}); do sleep 0.01; done; exec 3<>{at}; touch $AT/in; sleep 1000")
    };
    let folder = tempfile::tempdir().unwrap();
    local(async {
        // n1 dials n2's own address, n3 (through the proxy, as it should) n2's link.
        let scripts = [&dial(real), "sleep 1000", &dial(link)];
        let world = Processes::start(config(net, folder.path(), &scripts)).await.unwrap();
        assert_eq!(world.bypasses().await.unwrap(), [""; 0]);
        // In n2's place: whose process listens does not matter, whose address it is does.
        let _listener = TcpListener::bind(real).unwrap();
        eventually("both are connected", || {
            [N1, NodeId(3)].iter().all(|&node| at(folder.path(), node).join("in").exists())
        })
        .await;
        let found = world.bypasses().await.unwrap();
        assert!(found.len() == 1 && found[0].starts_with("n1 "), "{found:?}");
        assert!(found[0].contains(&format!("-> n2 {real} past the proxy")), "{found:?}");
        world.stop().await.unwrap();
    });
}

#[test]
fn what_cannot_start_says_what_where_and_what_next() {
    let claim = || RunNet::claim().unwrap();
    let missing = start_error(claim(), |config| {
        let launch = config.launches.get_mut(&N1).unwrap();
        launch.processes[0].argv = vec!["./no-such-node".into()];
    });
    assert!(missing.contains("n1 cannot be started: `./no-such-node`"), "{missing}");
    let net = claim();
    let holder = TcpListener::bind(net.client(N1)).unwrap();
    let taken = start_error(net, |_| {});
    let address = holder.local_addr().unwrap().to_string();
    assert!(taken.contains(&address) && taken.contains("ss -ltnp"), "{taken}");
    drop(holder);
    let net = claim();
    let holder = TcpListener::bind(net.peer_link(N1, N2)).unwrap();
    let taken = start_error(net, |config| {
        config.launches.insert(N2, config.launches[&N1].clone());
    });
    assert!(taken.contains(&holder.local_addr().unwrap().to_string()), "{taken}");
    let guard = start_error(claim(), |config| config.guard = "/no/such/schism".into());
    assert!(guard.contains("/no/such/schism"), "{guard}");
    let place = start_error(claim(), |config| config.directory = "/proc/nowhere".into());
    assert!(place.contains("/proc/nowhere"), "{place}");
}
