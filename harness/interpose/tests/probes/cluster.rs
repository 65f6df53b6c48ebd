//! A cluster of probes: their spawns under the filter, and links that only join and note.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use schism_interpose::filter::Filter;
use schism_interpose::handing::{Receiver, Sender, TAG_BYTES};
use schism_interpose::{Joining, Links, Note, Party, Passage, Plan, Supervisors};

/// Where probes listen: every cluster has addresses of its own.
pub const PORT: u16 = 7_000;

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

pub struct Cluster {
    pub plan: Plan,
    pub links: Arc<TestLinks>,
    supervisors: Supervisors,
    receiver: Receiver,
    name: String,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Cluster {
    pub fn new() -> Cluster {
        let count = CLUSTERS.fetch_add(1, SeqCst);
        // Other programs of this kind may run beside this one.
        let number = (std::process::id().wrapping_mul(37).wrapping_add(count) % 254) as u8 + 1;
        let plan = Plan { number, nodes: 3 };
        let links = Arc::new(TestLinks::new(plan));
        let name = format!("schism-probes-{}-{count}", std::process::id());
        let receiver = Receiver::listen(&name).unwrap();
        let supervisors = Supervisors::new(plan, links.clone());
        Cluster { plan, links, supervisors, receiver, name, threads: Mutex::default() }
    }

    pub fn start(&self, party: Party, arguments: &[&str]) -> Running {
        let own = std::env::current_exe().unwrap();
        self.start_program(own.to_str().unwrap(), party, arguments)
    }

    pub fn start_program(&self, program: &str, party: Party, arguments: &[&str]) -> Running {
        self.spawn(program, arguments, |listener| {
            let thread = self.supervisors.supervise(party, listener).unwrap();
            self.threads.lock().unwrap().push(thread);
        })
    }

    pub fn start_with(&self, _: Party, arguments: &[&str], then: impl FnOnce(OwnedFd)) -> Running {
        let own = std::env::current_exe().unwrap();
        self.spawn(own.to_str().unwrap(), arguments, then)
    }

    fn spawn(&self, program: &str, arguments: &[&str], then: impl FnOnce(OwnedFd)) -> Running {
        let filter = Filter::new().unwrap();
        let sender = Sender::new(&self.name, [7; TAG_BYTES]).unwrap();
        let mut command = Command::new(program);
        command.arg("probe").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let install = move || -> io::Result<()> {
            // SAFETY: numbers alone.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let way = sender.connect()?;
            let listener = filter.install()?;
            sender.send(&way, &listener)
        };
        // SAFETY: it makes system calls, and allocates nothing.
        unsafe { command.pre_exec(install) };
        let running = Running::new(command.spawn().unwrap());
        let received = self.receiver.receive(Duration::from_secs(10)).unwrap();
        let (listener, tag) = received.expect("the child sends its listener");
        assert_eq!(tag, [7; TAG_BYTES]);
        then(listener);
        running
    }
}

impl Drop for Cluster {
    /// Every supervisor ends when nobody is left whom it supervises.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for thread in self.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
    }
}

/// A probe that runs; dropped, it and its pipes are gone.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn new(mut child: Child) -> Running {
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { input: child.stdin.take(), lines, child }
    }

    /// Without a filter.
    pub fn plain(arguments: &[&str]) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("probe").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Running::new(command.spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Gate {
    Is(Passage),
    /// SYNs are left unanswered.
    Held,
}

/// Who connected where, and whether what was dialled for him was used.
type Join = (Party, u8, u16, bool);

#[derive(Default)]
struct State {
    gate: Option<Gate>,
    refused: u32,
    listeners: BTreeMap<(Party, u8, u16), Arc<TcpListener>>,
    fillers: Vec<TcpStream>,
    upstream: BTreeMap<SocketAddrV4, TcpStream>,
    /// Connects that are beginning.
    beginning: u32,
    joined: Vec<Join>,
    notes: BTreeSet<(Party, Note)>,
}

/// Links that join whoever comes.
pub struct TestLinks {
    plan: Plan,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl TestLinks {
    fn new(plan: Plan) -> TestLinks {
        TestLinks { plan, state: Arc::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
        done
    }

    pub fn set(&self, gate: Gate) {
        self.with(|state| {
            state.gate = Some(gate);
            let listeners: Vec<_> = state.listeners.values().cloned().collect();
            for listener in &listeners {
                state.shade(listener);
            }
        });
    }

    pub fn joined(&self) -> Vec<Join> {
        self.with(|state| state.joined.clone())
    }

    pub fn refused(&self) -> u32 {
        self.with(|state| state.refused)
    }

    pub fn notes(&self) -> BTreeSet<(Party, Note)> {
        self.with(|state| state.notes.clone())
    }

    /// Somebody is in the middle of a handshake: the kernel's table says so.
    pub fn wait_until_somebody_hangs(&self) {
        let own = u32::from_ne_bytes(self.plan.node(1).octets());
        let is_hanging = |line: &&str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.len() > 3 && fields[1].starts_with(&format!("{own:08X}:")) && fields[3] == "02"
        };
        loop {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            if table.lines().any(|line| is_hanging(&line)) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl State {
    fn shade(&mut self, listener: &TcpListener) {
        let address = listener.local_addr().unwrap();
        if self.gate == Some(Gate::Held) {
            // SAFETY: numbers alone.
            unsafe { libc::listen(listener.as_raw_fd(), 0) };
            self.fillers.push(TcpStream::connect(address).unwrap());
        } else {
            self.fillers.clear();
            // SAFETY: numbers alone.
            unsafe { libc::listen(listener.as_raw_fd(), 128) };
        }
    }
}

impl Links for TestLinks {
    fn passage(&self, _: Party, _: u8, _: u16) -> Passage {
        self.with(|state| match state.gate {
            None => Passage::Open,
            Some(Gate::Held) => Passage::Dark,
            Some(Gate::Is(passage)) => {
                state.refused += u32::from(passage == Passage::Refused);
                passage
            }
        })
    }

    fn join(&self, from: Party, to: u8, port: u16) -> io::Result<Box<dyn Joining + '_>> {
        let listener = self.with(|state| -> io::Result<_> {
            state.beginning += 1;
            if let Some(listener) = state.listeners.get(&(from, to, port)) {
                return Ok(listener.clone());
            }
            let listener = Arc::new(TcpListener::bind((self.plan.link(from, to), port))?);
            state.listeners.insert((from, to, port), listener.clone());
            state.shade(&listener);
            let (all, accepts, plan) = (self.state.clone(), listener.clone(), self.plan);
            std::thread::spawn(move || serve(&all, &accepts, plan, (from, to, port)));
            Ok(listener)
        })?;
        let SocketAddr::V4(address) = listener.local_addr()? else { unreachable!() };
        Ok(Box::new(Beginning { links: self, address }))
    }

    fn note(&self, from: Party, note: Note) {
        self.with(|state| state.notes.insert((from, note)));
    }
}

struct Beginning<'a> {
    links: &'a TestLinks,
    address: SocketAddrV4,
}

impl Joining for Beginning<'_> {
    fn listener(&self) -> SocketAddrV4 {
        self.address
    }

    fn adopt(self: Box<Self>, caller: SocketAddrV4, upstream: TcpStream) {
        self.links.with(|state| state.upstream.insert(caller, upstream));
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        self.links.with(|state| state.beginning -= 1);
    }
}

fn serve(
    all: &(Mutex<State>, Condvar),
    listener: &TcpListener,
    plan: Plan,
    (from, to, port): (Party, u8, u16),
) {
    loop {
        {
            // A filler in the backlog is not taken out of it.
            let state = all.0.lock().unwrap();
            let _open = all.1.wait_while(state, |state| state.gate == Some(Gate::Held)).unwrap();
        }
        let Ok((caller, address)) = listener.accept() else { return };
        let SocketAddr::V4(address) = address else { continue };
        if *address.ip() == Ipv4Addr::LOCALHOST {
            continue;
        }
        let upstream = {
            let state = all.0.lock().unwrap();
            let early =
                |state: &mut State| state.beginning > 0 && !state.upstream.contains_key(&address);
            let mut state = all.1.wait_while(state, early).unwrap();
            let upstream = state.upstream.remove(&address);
            state.joined.push((from, to, port, upstream.is_some()));
            upstream
        };
        let upstream = upstream.inspect(|one| one.set_nonblocking(false).unwrap());
        let node = || dial_from(*address.ip(), SocketAddrV4::new(plan.node(to), port));
        let Some(upstream) = upstream.or_else(node) else { continue };
        let pair = [(&caller, &upstream), (&upstream, &caller)];
        for (source, sink) in pair {
            let (mut source, mut sink) = (source.try_clone().unwrap(), sink.try_clone().unwrap());
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = source.read(&mut buffer) {
                    if sink.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = sink.shutdown(Shutdown::Write);
            });
        }
    }
}

fn dial_from(from: Ipv4Addr, to: SocketAddrV4) -> Option<TcpStream> {
    let address = |address: SocketAddrV4| {
        // SAFETY: a sockaddr_in is numbers, of which zero is one.
        let mut raw: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        raw.sin_family = libc::AF_INET as _;
        raw.sin_port = address.port().to_be();
        raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
        raw
    };
    let (from, to) = (address(SocketAddrV4::new(from, 0)), address(to));
    let length = size_of::<libc::sockaddr_in>() as u32;
    // SAFETY: addresses of this length; the descriptor is nobody else's.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let stream = <TcpStream as std::os::fd::FromRawFd>::from_raw_fd(socket);
        let bound = libc::bind(socket, (&raw const from).cast(), length);
        let connected = libc::connect(socket, (&raw const to).cast(), length);
        (bound == 0 && connected == 0).then_some(stream)
    }
}
