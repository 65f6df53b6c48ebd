//! The numbers of processes: one thread of clients' logic each, never used again after an info.

use crate::action::{ClientId, NodeId};

/// Who has which numbers. Clients come first, then the probe, then the final readers, and a
/// retired number is followed by the one a whole round later, so that none is ever given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Processes {
    /// How many clients.
    pub clients: u16,
    /// How many nodes.
    pub nodes: u8,
}

impl Processes {
    /// A client's first number.
    pub fn client(self, client: ClientId) -> u64 {
        assert!(client.0 < self.clients, "only clients of the workload have numbers");
        u64::from(client.0)
    }

    /// The probe's first number.
    pub fn probe(self) -> u64 {
        u64::from(self.clients)
    }

    /// The first number of the one who reads `node` at the end.
    pub fn reader(self, node: NodeId) -> u64 {
        u64::from(self.clients) + u64::from(node.0)
    }

    /// The number after a retired one.
    pub fn after(self, retired: u64) -> u64 {
        retired + u64::from(self.clients) + 1 + u64::from(self.nodes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let numbers = Processes { clients: 3, nodes: 2 };
        let mut first: Vec<u64> = (0..3).map(|client| numbers.client(ClientId(client))).collect();
        first.push(numbers.probe());
        first.extend(NodeId::all(2).map(|node| numbers.reader(node)));
        let mut seen = BTreeSet::new();
        for start in first {
            let mut number = start;
            for _ in 0..10 {
                assert!(seen.insert(number), "{number} is new");
                number = numbers.after(number);
            }
        }
        assert_eq!(seen, (0..60).collect());
    }
}
