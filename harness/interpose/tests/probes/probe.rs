//! What probes do: ordinary socket programs, of one thread, that know nothing of being interposed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use schism_interpose::filter::Filter;

pub fn main(arguments: &[String]) -> ExitCode {
    let [name, target, ..] = arguments else { return ExitCode::from(9) };
    match name.as_str() {
        "blocking" => say(&blocking(target)),
        "plain" => say(&plain(target).to_string()),
        "waits" => {
            let mut line = String::new();
            io::stdin().read_line(&mut line).unwrap();
            say(&plain(target).to_string());
        }
        "non-blocking" => say(&non_blocking(target)),
        "echo" => echo(&[listen(target)]),
        "both" => both(target),
        "alone" => echo(&[v6_only(target)]),
        "interrupted" => say(&interrupted(target, 0).to_string()),
        "restarted" => {
            let errno = interrupted(target, libc::SA_RESTART);
            let was = if SIGNALS.load(Relaxed) > 0 { "was interrupted" } else { "was left alone" };
            say(&format!("{errno}, {was}"));
        }
        "storm" => say(&storm(target)),
        "daemon" => daemon(target),
        "own" => own(target),
        "options" => say(&options(target)),
        "read-only" => say(&read_only(target).to_string()),
        "escapes" => say(&escapes(target)),
        "mistakes" => say(&mistakes(target)),
        "datagram" => {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            // Nobody listens; it was sent all the same.
            socket.send_to(b"x", target).unwrap();
            say("sent");
        }
        "second-filter" => {
            let error = Filter::new().unwrap().install().unwrap_err();
            say(&error.raw_os_error().unwrap().to_string());
        }
        "capability" => say(&schism_interpose::capability().unwrap_err()),
        "measure" => say(&measure(target)),
        other => panic!("no probe `{other}`"),
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    println!("{line}");
    io::stdout().flush().unwrap();
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap()
}

/// An address as the kernel has it.
struct Raw([u8; 28], u32);

impl Raw {
    fn new(text: &str) -> Raw {
        let address: SocketAddr = text.parse().unwrap();
        let mut bytes = [0; 28];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let family = match address {
            SocketAddr::V4(address) => {
                bytes[4..8].copy_from_slice(&address.ip().octets());
                libc::AF_INET
            }
            SocketAddr::V6(address) => {
                bytes[8..24].copy_from_slice(&address.ip().octets());
                libc::AF_INET6
            }
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        Raw(bytes, if family == libc::AF_INET { 16 } else { 28 })
    }

    fn socket(&self, kind: i32) -> OwnedFd {
        let family = i32::from(u16::from_ne_bytes([self.0[0], self.0[1]]));
        // SAFETY: numbers alone, and a descriptor that is nobody else's.
        unsafe { OwnedFd::from_raw_fd(libc::socket(family, libc::SOCK_STREAM | kind, 0)) }
    }

    fn connect(&self, socket: &OwnedFd) -> i32 {
        // SAFETY: an address of this length.
        let done = unsafe { libc::connect(socket.as_raw_fd(), self.0.as_ptr().cast(), self.1) };
        if done == 0 { 0 } else { errno() }
    }
}

fn plain(target: &str) -> i32 {
    let raw = Raw::new(target);
    raw.connect(&raw.socket(0))
}

fn blocking(target: &str) -> String {
    let raw = Raw::new(target);
    let socket = raw.socket(0);
    match raw.connect(&socket) {
        0 => format!("0, {}", speak(socket)),
        errno => errno.to_string(),
    }
}

fn speak(socket: OwnedFd) -> String {
    let mut stream = TcpStream::from(socket);
    let (peer, own) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap());
    stream.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    format!("peer {peer}, self {}, echo {}", own.ip(), String::from_utf8_lossy(&heard))
}

fn non_blocking(target: &str) -> String {
    let raw = Raw::new(target);
    let socket = raw.socket(libc::SOCK_NONBLOCK);
    let begun = raw.connect(&socket);
    if begun != libc::EINPROGRESS {
        return begun.to_string();
    }
    let mut look = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, and one number with its size.
    let error = unsafe {
        assert_eq!(libc::poll(&raw mut look, 1, 10_000), 1);
        get(&socket, libc::SOL_SOCKET, libc::SO_ERROR)
    };
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false).unwrap();
    format!("{begun} then {error}, {}", speak(stream.into()))
}

/// # Safety
/// The option is a number.
unsafe fn get(socket: &OwnedFd, level: i32, name: i32) -> i32 {
    let (mut value, mut length) = (0, 4);
    // SAFETY: one number with its size.
    unsafe {
        let place = (&raw mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), level, name, place, &raw mut length);
    }
    value
}

fn set(socket: &OwnedFd, level: i32, name: i32, value: i32) {
    // SAFETY: one number with its size.
    unsafe {
        let place = (&raw const value).cast();
        assert_eq!(libc::setsockopt(socket.as_raw_fd(), level, name, place, 4), 0);
    }
}

fn listen(at: &str) -> TcpListener {
    TcpListener::bind(at).unwrap()
}

fn v6_only(port: &str) -> TcpListener {
    let raw = Raw::new(&format!("[::]:{port}"));
    let socket = raw.socket(0);
    set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
    // SAFETY: an address of this length.
    unsafe {
        assert_eq!(libc::bind(socket.as_raw_fd(), raw.0.as_ptr().cast(), raw.1), 0, "{}", errno());
        libc::listen(socket.as_raw_fd(), 16);
    }
    TcpListener::from(socket)
}

fn both(port: &str) {
    echo(&[listen(&format!("0.0.0.0:{port}")), v6_only(port)]);
}

/// Answers everybody, one after the other.
fn echo(listeners: &[TcpListener]) {
    let names: Vec<String> =
        listeners.iter().map(|one| one.local_addr().unwrap().to_string()).collect();
    say(&format!("listens at {}", names.join(" and ")));
    let threads: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let listener = listener.try_clone().unwrap();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    say(&format!("from {}", stream.peer_addr().unwrap().ip()));
                    std::thread::spawn(move || {
                        let mut buffer = [0; 4096];
                        while let Ok(read @ 1..) = stream.read(&mut buffer) {
                            if stream.write_all(&buffer[..read]).is_err() {
                                return;
                            }
                        }
                    });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: i32) {
    SIGNALS.fetch_add(1, Relaxed);
}

/// SIGALRM again and again.
fn alarm(every_us: i64, flags: i32) {
    // SAFETY: a handler that adds to a number, and structures that are whole.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
        let every = libc::timeval { tv_sec: 0, tv_usec: every_us };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0);
    }
}

fn interrupted(target: &str, flags: i32) -> i32 {
    alarm(100_000, flags);
    plain(target)
}

fn storm(target: &str) -> String {
    alarm(150, libc::SA_RESTART);
    let connected = (0..300).filter(|_| plain(target) == 0).count();
    alarm(0, libc::SA_RESTART);
    format!("{connected} of 300")
}

fn daemon(target: &str) {
    // SAFETY: this program has one thread.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                // Its parent is gone.
                while libc::getppid() != 1 && !is_orphan() {
                    std::thread::yield_now();
                }
                say(&blocking(target));
            }
            libc::_exit(0);
        }
    }
    // Whoever reads waits for the end of the daemon, which has the pipe too.
}

/// Somebody above us may take orphans instead of process 1.
fn is_orphan() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default();
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    name != own
}

fn own(port: &str) {
    let listener = listen(&format!("127.0.0.1:{port}"));
    let from = |at: &str| {
        let raw = Raw::new(at);
        let socket = raw.socket(0);
        assert_eq!(raw.connect(&socket), 0, "{at}");
        listener.accept().unwrap();
        TcpStream::from(socket).local_addr().unwrap().ip()
    };
    let (v4, v6) = (from(&format!("127.0.0.1:{port}")), from(&format!("[::1]:{port}")));
    say(&format!("127.0.0.1 from {v4}, ::1 from {v6}"));
}

fn options(target: &str) -> String {
    let raw = Raw::new(target);
    let socket = raw.socket(libc::SOCK_NONBLOCK);
    set(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
    set(&socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 7_777);
    // SAFETY: numbers, structures that are whole, and descriptors that are nobody else's.
    unsafe {
        let epoll = libc::epoll_create1(0);
        let mut event =
            libc::epoll_event { events: (libc::EPOLLOUT | libc::EPOLLET) as u32, u64: 0 };
        libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &raw mut event);
        let duplicate = socket.try_clone().unwrap();
        libc::epoll_wait(epoll, &raw mut event, 1, 0);
        assert_eq!(raw.connect(&socket), libc::EINPROGRESS);
        let woken = libc::epoll_wait(epoll, &raw mut event, 1, 10_000);
        let keepalive = get(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        let nodelay = get(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY);
        let timeout = get(&socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT);
        let peer = TcpStream::from(duplicate).peer_addr().unwrap();
        format!(
            "keepalive {keepalive}, nodelay {nodelay}, user timeout {timeout}, woken {woken}, \
             duplicate {peer}"
        )
    }
}

fn read_only(target: &str) -> i32 {
    let raw = Raw::new(target);
    let socket = raw.socket(0);
    // SAFETY: a page of our own, written before it is closed to writing.
    unsafe {
        let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
        let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, read | write, anonymous, -1, 0);
        page.cast::<[u8; 28]>().write(raw.0);
        assert_eq!(libc::mprotect(page, 4096, read), 0);
        let done = libc::connect(socket.as_raw_fd(), page.cast(), raw.1);
        if done == 0 { 0 } else { errno() }
    }
}

fn escapes(target: &str) -> String {
    let raw = Raw::new(target);
    let socket = raw.socket(0);
    let at = |done: i64| if done < 0 { errno() } else { 0 };
    // SAFETY: calls that are refused before they look at what they are given, all of which is
    // whole.
    unsafe {
        let mut parameters = [0u8; 256];
        let ring = at(libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()));
        let fast = libc::sendto(
            socket.as_raw_fd(),
            [1u8].as_ptr().cast(),
            1,
            libc::MSG_FASTOPEN,
            raw.0.as_ptr().cast(),
            raw.1,
        );
        let fast = at(fast as i64);
        let vsock = at(i64::from(libc::socket(40, libc::SOCK_STREAM, 0)));
        #[cfg(target_arch = "x86_64")]
        let second = at(libc::syscall(0x4000_002a, socket.as_raw_fd(), raw.0.as_ptr(), raw.1));
        #[cfg(not(target_arch = "x86_64"))]
        let second = 0;
        format!("io_uring {ring}, fast open {fast}, vsock {vsock}, x32 {second}")
    }
}

fn mistakes(target: &str) -> String {
    let raw = Raw::new(target);
    let socket = raw.socket(0);
    // SAFETY: the kernel refuses each of them.
    unsafe {
        libc::connect(-1, raw.0.as_ptr().cast(), raw.1);
        let descriptor = errno();
        libc::connect(socket.as_raw_fd(), 8 as *const libc::sockaddr, raw.1);
        let pointer = errno();
        libc::connect(socket.as_raw_fd(), raw.0.as_ptr().cast(), 4);
        let length = errno();
        format!("descriptor {descriptor}, pointer {pointer}, length {length}")
    }
}

fn measure(target: &str) -> String {
    let raw = Raw::new(target);
    let mut times: Vec<u128> = (0..500)
        .map(|_| {
            let socket = raw.socket(0);
            let begun = Instant::now();
            assert_eq!(raw.connect(&socket), 0);
            let took = begun.elapsed().as_micros();
            drop(socket);
            std::thread::sleep(Duration::from_micros(200));
            took
        })
        .collect();
    times.sort_unstable();
    format!("p50 {} us, p90 {} us", times[times.len() / 2], times[times.len() * 9 / 10])
}
