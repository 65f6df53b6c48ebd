//! Each row of what interposition promises, tried by a process of its own: a probe is this program,
//! started again under the filter, which says in one line what it saw.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test: what is missing should fail it

#[path = "probes/cluster.rs"]
mod cluster;
#[path = "probes/probe.rs"]
mod probe;

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use cluster::{Cluster, Gate, PORT, Running};
use schism_interpose::{Note, Party, Passage, capability};

const N1: Party = Party::Node(1);
const N2: Party = Party::Node(2);
/// Who has no rights at all.
const NOBODY: u32 = 65_534;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("a blocking connect goes over the link and sees nothing of it", blocking),
    ("so does one that does not wait", non_blocking),
    ("refused there is refused here", refused),
    ("a link that refuses refuses", link_refuses),
    ("a connect over a held link waits, and goes on when the link is healed", held),
    ("signals meet a waiting connect as without us", signals),
    ("a storm of signals loses no answer", storm),
    ("who daemonizes is still of its node", daemon),
    ("addresses of IPv4 in those of IPv6 are known", mapped),
    ("a listener for both families is the node's", dual_stack),
    ("a listener for IPv6 alone stands beside that for IPv4", v6_only),
    ("a node reaches itself through localhost", own),
    ("options, duplicates and epoll from before the connect go on", options),
    ("an address in memory that cannot be written is read", read_only),
    ("what passes no connect is refused", escapes),
    ("mistakes are told as the kernel tells them", mistakes),
    ("what goes elsewhere passes and is noted", elsewhere),
    ("datagrams between nodes are noted", datagrams),
    ("a client of its own process goes over its links", client),
    ("two processes of a node know each other's ports", two_of_a_node),
    ("without a supervisor nothing passes", dead_supervisor),
    ("one listener is all that a process can have", second_filter),
    ("who may not be looked at is refused", unreadable),
    ("a connect through a link is measured", measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("probe") => return probe::main(&arguments[1..]),
        Some("unreadable") => {
            unreadable_as_nobody(&arguments[1]);
            return ExitCode::SUCCESS;
        }
        Some("--list") => return ExitCode::SUCCESS,
        _ => {}
    }
    if let Err(why) = capability() {
        println!("SKIPPED, nothing was tested: {why}");
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let chosen =
        TESTS.iter().filter(|(name, _)| wanted.is_none_or(|part| name.contains(part.as_str())));
    let mut failed = 0;
    for (name, test) in chosen {
        let passed = std::panic::catch_unwind(test).is_ok();
        println!("{} {name}", if passed { "ok    " } else { "FAILED" });
        failed += i32::from(!passed);
    }
    println!("{failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn node(cluster: &Cluster, number: u8) -> SocketAddrV4 {
    SocketAddrV4::new(cluster.plan.node(number), PORT)
}

fn at(cluster: &Cluster, number: u8, port: u16) -> String {
    SocketAddrV4::new(cluster.plan.node(number), port).to_string()
}

/// What n1 says that runs this probe against n2.
fn ask(cluster: &Cluster, probe: &str) -> String {
    cluster.start(N1, &[probe, &node(cluster, 2).to_string()]).line()
}

/// n2 with a listener that answers whoever speaks to it.
fn echoing(cluster: &Cluster) -> Running {
    let mut echo = cluster.start(N2, &["echo", &format!("0.0.0.0:{PORT}")]);
    let at = node(cluster, 2);
    assert_eq!(echo.line(), format!("listens at {at}"));
    echo
}

fn blocking() {
    let cluster = Cluster::new();
    let mut echo = echoing(&cluster);
    let (n1, n2) = (cluster.plan.node(1), node(&cluster, 2));
    assert_eq!(ask(&cluster, "blocking"), format!("0, peer {n2}, self {n1}, echo hello"));
    assert_eq!(echo.line(), format!("from {n1}"), "the acceptor sees the dialler");
    assert_eq!(cluster.links.joined(), [(N1, 2, PORT, true)], "what was dialled first is used");
    let notes = cluster.links.notes();
    assert!(notes.contains(&(N1, Note::Dialled { to: 2, port: PORT })), "{notes:?}");
}

fn non_blocking() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let (n1, n2) = (cluster.plan.node(1), node(&cluster, 2));
    let said = ask(&cluster, "non-blocking");
    assert_eq!(said, format!("{} then 0, peer {n2}, self {n1}, echo hello", libc::EINPROGRESS));
}

fn refused() {
    let cluster = Cluster::new();
    let refused = libc::ECONNREFUSED.to_string();
    assert_eq!(ask(&cluster, "blocking"), refused);
    assert_eq!(ask(&cluster, "non-blocking"), refused);
    assert_eq!(cluster.links.joined(), []);
}

fn link_refuses() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    cluster.links.set(Gate::Is(Passage::Refused));
    assert_eq!(ask(&cluster, "blocking"), libc::ECONNREFUSED.to_string());
    assert_eq!(cluster.links.refused(), 1);
    assert_eq!(cluster.links.joined(), []);
}

fn held() {
    let cluster = Cluster::new();
    let mut echo = echoing(&cluster);
    cluster.links.set(Gate::Held);
    let mut one = cluster.start(N1, &["blocking", &node(&cluster, 2).to_string()]);
    cluster.links.wait_until_somebody_hangs();
    assert!(one.is_running() && cluster.links.joined().is_empty());
    cluster.links.set(Gate::Is(Passage::Open));
    let (n1, n2) = (cluster.plan.node(1), node(&cluster, 2));
    assert_eq!(one.line(), format!("0, peer {n2}, self {n1}, echo hello"));
    assert_eq!(echo.line(), format!("from {n1}"));
    assert_eq!(cluster.links.joined(), [(N1, 2, PORT, false)], "nothing was dialled while held");
}

fn signals() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    cluster.links.set(Gate::Held);
    assert_eq!(ask(&cluster, "interrupted"), libc::EINTR.to_string());
    let mut restarted = cluster.start(N1, &["restarted", &node(&cluster, 2).to_string()]);
    cluster.links.wait_until_somebody_hangs();
    assert!(restarted.is_running());
    let mut killed = cluster.start(N1, &["blocking", &node(&cluster, 2).to_string()]);
    cluster.links.wait_until_somebody_hangs();
    killed.kill();
    killed.wait();
    cluster.links.set(Gate::Is(Passage::Open));
    assert_eq!(restarted.line(), "0, was interrupted");
}

fn storm() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    assert_eq!(ask(&cluster, "storm"), "300 of 300");
}

fn daemon() {
    let cluster = Cluster::new();
    let mut echo = echoing(&cluster);
    let (n1, n2) = (cluster.plan.node(1), node(&cluster, 2));
    assert_eq!(ask(&cluster, "daemon"), format!("0, peer {n2}, self {n1}, echo hello"));
    assert_eq!(echo.line(), format!("from {n1}"));
}

fn mapped() {
    let cluster = Cluster::new();
    let mut echo = echoing(&cluster);
    let (n1, n2) = (cluster.plan.node(1), node(&cluster, 2));
    let said = cluster.start(N1, &["blocking", &format!("[::ffff:{}]:{PORT}", n2.ip())]).line();
    let expected = format!("0, peer [::ffff:{}]:{PORT}, self ::ffff:{n1}, echo hello", n2.ip());
    assert_eq!(said, expected);
    assert_eq!(echo.line(), format!("from {n1}"));
}

fn dual_stack() {
    let cluster = Cluster::new();
    let mut echo = cluster.start(N2, &["echo", &format!("[::]:{PORT}")]);
    let n2 = node(&cluster, 2);
    assert_eq!(echo.line(), format!("listens at [::ffff:{}]:{PORT}", n2.ip()));
    let n1 = cluster.plan.node(1);
    assert_eq!(ask(&cluster, "blocking"), format!("0, peer {n2}, self {n1}, echo hello"));
    assert_eq!(echo.line(), format!("from ::ffff:{n1}"));
}

fn v6_only() {
    let cluster = Cluster::new();
    let mut both = cluster.start(N2, &["both", &PORT.to_string()]);
    let parked = cluster.plan.parked(2);
    let v4 = node(&cluster, 2);
    assert_eq!(both.line(), format!("listens at {v4} and [::ffff:{parked}]:{PORT}"));
    let n1 = cluster.plan.node(1);
    assert_eq!(ask(&cluster, "blocking"), format!("0, peer {v4}, self {n1}, echo hello"));
    // One for IPv6 alone is reached at the node's address all the same.
    let mut alone = cluster.start(Party::Node(3), &["alone", &PORT.to_string()]);
    alone.line();
    let n3 = at(&cluster, 3, PORT);
    let said = cluster.start(N1, &["blocking", &n3]).line();
    assert_eq!(said, format!("0, peer {n3}, self {n1}, echo hello"));
}

fn own() {
    let cluster = Cluster::new();
    let _other = echoing(&cluster);
    let said = cluster.start(N1, &["own", &PORT.to_string()]).line();
    let n1 = cluster.plan.node(1);
    assert_eq!(said, format!("127.0.0.1 from {n1}, ::1 from ::ffff:{n1}"));
    assert_eq!(cluster.links.joined(), [], "over no link");
}

fn options() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let n2 = node(&cluster, 2);
    let said = ask(&cluster, "options");
    assert_eq!(said, format!("keepalive 1, nodelay 1, user timeout 7777, woken 1, duplicate {n2}"));
}

fn read_only() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    assert_eq!(ask(&cluster, "read-only"), "0");
}

fn escapes() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let (unknown, unsupported) = (libc::ENOSYS, libc::EOPNOTSUPP);
    let x32 = if cfg!(target_arch = "x86_64") { unknown } else { 0 };
    let said = ask(&cluster, "escapes");
    let expected = format!(
        "io_uring {unknown}, fast open {unsupported}, vsock {}, x32 {x32}",
        libc::EAFNOSUPPORT
    );
    assert_eq!(said, expected);
    assert_eq!(cluster.links.joined(), []);
}

fn mistakes() {
    let cluster = Cluster::new();
    let (descriptor, pointer, length) = (libc::EBADF, libc::EFAULT, libc::EINVAL);
    let said = ask(&cluster, "mistakes");
    assert_eq!(said, format!("descriptor {descriptor}, pointer {pointer}, length {length}"));
}

fn elsewhere() {
    let cluster = Cluster::new();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let said = cluster.start(N1, &["plain", &address.to_string()]).line();
    assert_eq!(said, "0");
    assert_eq!(cluster.links.notes(), [(N1, Note::Elsewhere(address))].into());
}

fn datagrams() {
    let cluster = Cluster::new();
    assert_eq!(ask(&cluster, "datagram"), "sent");
    let expected: BTreeSet<_> = [(N1, Note::Datagram { to: 2, port: PORT })].into();
    assert_eq!(cluster.links.notes(), expected);
}

fn client() {
    let cluster = Cluster::new();
    let mut echo = echoing(&cluster);
    let c4 = Party::Client(4);
    let (own, n2) = (cluster.plan.own(c4), node(&cluster, 2));
    let said = cluster.start(c4, &["blocking", &n2.to_string()]).line();
    assert_eq!(said, format!("0, peer {n2}, self {own}, echo hello"));
    assert_eq!(echo.line(), format!("from {own}"));
    assert_eq!(cluster.links.joined(), [(c4, 2, PORT, true)]);
}

fn two_of_a_node() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let said = cluster.start(N2, &["plain", &format!("127.0.0.1:{PORT}")]).line();
    assert_eq!(said, "0");
    assert_eq!(cluster.links.joined(), []);
}

fn dead_supervisor() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let mut one = cluster.start_with(N1, &["waits", &node(&cluster, 2).to_string()], |listener| {
        drop(listener);
    });
    one.say("go");
    assert_eq!(one.line(), libc::ENOSYS.to_string());
}

fn second_filter() {
    let cluster = Cluster::new();
    assert_eq!(ask(&cluster, "second-filter"), libc::EBUSY.to_string());
    let said = ask(&cluster, "capability");
    assert!(said.contains("only one"), "{said}");
}

/// As root may look at everybody, it is tried as somebody else.
fn unreadable() {
    let own = std::env::current_exe().unwrap();
    let folder = std::env::temp_dir().join(format!("schism-probes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let copy = folder.join("unreadable");
    let readable = folder.join("readable");
    for (path, mode) in [(&copy, 0o711), (&readable, 0o755), (&folder, 0o755)] {
        if path != &folder {
            std::fs::copy(&own, path).unwrap();
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    // SAFETY: it takes nothing and gives a number.
    if unsafe { libc::getuid() } == 0 {
        let mut command = Command::new(&readable);
        command.arg("unreadable").arg(&copy).uid(NOBODY).gid(NOBODY).current_dir("/");
        let status = command.status();
        std::fs::remove_dir_all(&folder).unwrap();
        match status {
            Ok(status) => assert!(status.success()),
            Err(error) => println!("SKIPPED: nobody ({NOBODY}) cannot run this program: {error}"),
        }
    } else {
        std::fs::remove_dir_all(&folder).unwrap();
        println!("SKIPPED: a program of one's own is always readable; run the tests as root");
    }
}

fn unreadable_as_nobody(program: &str) {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let to = node(&cluster, 2).to_string();
    let mut one = cluster.start_program(program, N1, &["waits", &to]);
    assert!(schism_interpose::reachable(one.id()).is_err());
    one.say("go");
    assert_eq!(one.line(), libc::EACCES.to_string());
    let notes = cluster.links.notes();
    let closed = (N1, Note::Closed { call: "connect", errno: libc::EPERM });
    assert!(notes.contains(&closed), "{notes:?}");
}

fn measure() {
    let cluster = Cluster::new();
    let _echo = echoing(&cluster);
    let said = ask(&cluster, "measure");
    println!("       through a link: {said}");
    assert!(said.starts_with("p50 "), "{said}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let said = cluster.start(N1, &["measure", &address]).line();
    println!("       elsewhere:      {said}");
    let said = Running::plain(&["measure", &address]).line();
    println!("       no filter:      {said}");
    std::thread::sleep(Duration::ZERO);
}
