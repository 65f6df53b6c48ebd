//! The listening socket of a link, and the three things it can do with a caller: accept it, let it
//! hang, refuse it. The port stays bound through all of them, so nobody else can take it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use nix::libc;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::unanswered::unanswered;

/// Callers waiting to be accepted: more than any workload has clients.
const BACKLOG: i32 = 1_024;

/// A listening socket, shared with whoever counts the callers it left hanging.
#[derive(Clone, Debug)]
pub struct Listening(Arc<Socket>);

/// The listening socket as its link's task sees it.
#[derive(Debug)]
pub struct Gate {
    listening: Listening,
    /// None while callers are refused: the kernel's hang-up of a closed listener would stick.
    listener: Option<TcpListener>,
    /// Our own connection that fills the backlog while callers hang.
    filler: Option<(Socket, SocketAddr)>,
}

impl Listening {
    pub fn on(address: SocketAddr) -> io::Result<Listening> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Connections of an earlier listener may linger on the address.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listening(Arc::new(socket)))
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable.into())
    }

    /// How many SYNs the kernel has left unanswered on this socket, wrapping.
    pub fn unanswered(&self) -> u32 {
        unanswered(&*self.0)
    }
}

impl Gate {
    /// A gate that accepts.
    pub fn new(listening: Listening) -> io::Result<Gate> {
        let mut gate = Gate { listening, listener: None, filler: None };
        gate.open()?;
        Ok(gate)
    }

    /// Callers are accepted; those who hang get in with their next SYN.
    pub fn open(&mut self) -> io::Result<()> {
        self.listening.0.listen(BACKLOG)?;
        if self.listener.is_none() {
            self.listener = Some(TcpListener::from_std(self.listening.0.try_clone()?.into())?);
        }
        Ok(())
    }

    /// Callers hang: one connection of our own fills a backlog of none, and the kernel ignores
    /// further SYNs.
    pub fn hang(&mut self) -> io::Result<()> {
        self.open()?;
        let address = self.listening.0.local_addr()?;
        let filler = Socket::new(address.domain(), Type::STREAM, None)?;
        filler.set_nonblocking(true)?;
        match filler.connect(&address) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let name = filler.local_addr()?.as_socket().expect("an IP socket has an IP address");
        self.filler = Some((filler, name));
        self.listening.0.listen(0)
    }

    /// Callers are refused by the kernel.
    pub fn refuse(&mut self) -> io::Result<()> {
        self.listener = None;
        self.filler = None;
        self.listening.0.shutdown(std::net::Shutdown::Read)
    }

    pub async fn accept(&mut self) -> io::Result<TcpStream> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// A caller who has got in before now, if there is one.
    pub fn accept_now(&mut self) -> io::Result<Option<TcpStream>> {
        match self.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(accepted) => accepted.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let Some(listener) = &self.listener else { return Poll::Pending };
        loop {
            let (stream, peer) = ready!(listener.poll_accept(context))?;
            if self.filler.as_ref().is_none_or(|&(_, name)| name != peer) {
                return Poll::Ready(Ok(stream));
            }
            self.filler = None;
        }
    }
}
