//! Links as whoever controls them sees them: their state, what passed, and where they listen.
//! It never serves one.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schism_facts::FrameRow;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::Opening;
use super::link::Passed;
use super::link::handed::Handed;
use super::link::state::{LinkState, Registry};
use super::net::gate::Listening;
use crate::action::Link;

/// What the proxy's thread and those who control it have together.
#[derive(Debug)]
pub struct Shared {
    pub links: BTreeMap<Link, Control>,
    pub effects: Registry,
    /// What is to be served.
    pub orders: UnboundedSender<Opening>,
}

/// A link as seen from outside of the proxy's thread.
#[derive(Debug)]
pub struct Control {
    /// Its place among all links.
    pub number: u64,
    pub state: watch::Sender<Arc<LinkState>>,
    pub passed: Arc<Passed>,
    listeners: Mutex<Vec<Listener>>,
    /// Ports that were made when somebody dialled them.
    on_demand: Mutex<BTreeMap<u16, OnDemand>>,
}

#[derive(Debug)]
struct Listener {
    listening: Listening,
    /// `Listening::unanswered` when last asked.
    unanswered: u32,
}

/// A port of a link that was made when somebody dialled it.
#[derive(Clone, Debug)]
pub struct OnDemand {
    pub listens: SocketAddrV4,
    pub handed: Arc<Handed>,
}

impl Shared {
    pub fn new(
        links: BTreeMap<Link, Control>,
        kinds: &'static [FrameRow],
        orders: UnboundedSender<Opening>,
    ) -> Shared {
        Shared { links, effects: Registry::new(kinds), orders }
    }
}

impl Control {
    /// A link that lets everything pass and listens nowhere.
    pub fn new(number: u64) -> Control {
        let (state, _) = watch::channel(Arc::default());
        let (passed, listeners, on_demand) = Default::default();
        Control { number, state, passed, listeners, on_demand }
    }

    /// It listens there too.
    pub fn add(&self, listening: Listening) {
        let unanswered = listening.unanswered();
        self.listeners().push(Listener { listening, unanswered });
    }

    /// Gives the SYNs that the kernel left unanswered since last asked to the blocks there are.
    pub fn collect(&self) {
        let mut new = 0;
        for listener in self.listeners().iter_mut() {
            let now = listener.listening.unanswered();
            let before = std::mem::replace(&mut listener.unanswered, now);
            new += u64::from(now.wrapping_sub(before));
        }
        if new > 0 {
            self.state.borrow().count_refused(new);
        }
    }

    /// How many SYNs the kernel has left unanswered in all.
    #[cfg(test)]
    pub fn unanswered(&self) -> u32 {
        self.listeners().iter().map(|one| one.listening.unanswered()).sum()
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners.lock().expect("no panic while counting")
    }

    /// Ports that were made when somebody dialled them, held while one is made.
    pub fn on_demand(&self) -> MutexGuard<'_, BTreeMap<u16, OnDemand>> {
        // Every change of it is one insertion.
        self.on_demand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
