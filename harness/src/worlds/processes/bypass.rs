//! Connections between nodes that avoid the proxy, found in the kernel's own tables.
//! It never ends one: it only tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use crate::action::NodeId;
use crate::limits::is_own;

use super::procfs::{self, Table};
use super::sockets::{self, Row};

/// Looks now; each connection is a sentence. An error: not all could be seen.
/// `keepers` say whose descendants belong to which node, `node_at` says whose own address that is.
/// Where nodes are `interposed`, the proxy dials from the dialler's own address.
pub(super) fn look(
    keepers: &BTreeMap<i32, NodeId>,
    node_at: impl Fn(SocketAddr) -> Option<NodeId>,
    interposed: bool,
) -> io::Result<Vec<String>> {
    let mut owners = BTreeMap::new();
    for (node, process) in Table::read()?.of_nodes(keepers) {
        let inodes = match procfs::sockets(process.pid) {
            // Gone between two looks: it has no connections any more. Without a descriptor of our
            // own nobody knows.
            Err(error) if !is_own(&error) && !procfs::is(process) => Vec::new(),
            read => read?,
        };
        owners.extend(inodes.into_iter().map(|inode| (inode, node)));
    }
    let rows = sockets::established()?;
    if !interposed {
        return Ok(find(&rows, &owners, node_at));
    }
    // Whoever accepted sees the dialling node's address there, at a port where nobody listens.
    let listening: BTreeSet<SocketAddr> =
        sockets::listening()?.iter().map(|row| row.local).collect();
    let dialled = |address| node_at(address).filter(|_| listening.contains(&address));
    Ok(find(&rows, &owners, dialled))
}

/// A connection of a node with another node, known by who owns the other end or whose address
/// that is: all of a node's honest peers are the proxy, at the links' addresses.
fn find(
    rows: &[Row],
    owners: &BTreeMap<u64, NodeId>,
    node_at: impl Fn(SocketAddr) -> Option<NodeId>,
) -> Vec<String> {
    let owned = |row: &Row| owners.get(&row.inode).copied();
    let ends: BTreeMap<(SocketAddr, SocketAddr), NodeId> =
        rows.iter().filter_map(|row| Some(((row.local, row.remote), owned(row)?))).collect();
    let mut found = BTreeMap::new();
    for row in rows {
        let Some(node) = owned(row) else { continue };
        let at = node_at(row.remote);
        let other = ends.get(&(row.remote, row.local)).copied().or(at);
        let Some(other) = other.filter(|&other| other != node) else { continue };
        let sentence = format!("{node} {} -> {other} {} past the proxy", row.local, row.remote);
        // Said once, by the end that dialled where that shows.
        let connection = (row.local.min(row.remote), row.local.max(row.remote));
        if at.is_some() || !found.contains_key(&connection) {
            found.insert(connection, sentence);
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(local: &str, remote: &str, inode: u64) -> Row {
        Row { local: local.parse().unwrap(), remote: remote.parse().unwrap(), inode }
    }

    /// n1 owns sockets 10..20, n2 20..30; their own addresses are 127.7.0.1 and 127.7.0.2.
    fn check(rows: &[Row], expected: &[&str]) {
        let owners = (10..30).map(|inode| (inode, NodeId((inode / 10) as u8))).collect();
        let node_at = |address: SocketAddr| match address.ip().to_string().strip_prefix("127.7.0.")
        {
            Some(node) => node.parse().ok().map(NodeId),
            None => None,
        };
        assert_eq!(find(rows, &owners, node_at), expected);
    }

    #[test]
    fn a_connection_through_the_proxy_is_none_and_every_other_between_nodes_is_one() {
        // n1 to the proxy, and the proxy (inode 99) to n2.
        let through = [
            row("127.0.0.1:40000", "127.7.1.2:19001", 10),
            row("127.7.1.2:19001", "127.0.0.1:40000", 99),
            row("127.0.0.1:40001", "127.7.0.2:19001", 98),
            row("127.7.0.2:19001", "127.0.0.1:40001", 20),
        ];
        check(&through, &[]);
        let [dialler, acceptor] = [
            row("127.0.0.1:40002", "127.7.0.2:19001", 11),
            row("127.7.0.2:19001", "127.0.0.1:40002", 21),
        ];
        let said = ["n1 127.0.0.1:40002 -> n2 127.7.0.2:19001 past the proxy"];
        check(&[dialler, acceptor], &said);
        check(&[dialler], &said);
        // Over addresses that are not in the plan at all.
        let foreign = [
            row("127.0.0.1:5001", "127.0.0.1:5002", 12),
            row("127.0.0.1:5002", "127.0.0.1:5001", 22),
        ];
        check(&foreign, &["n1 127.0.0.1:5001 -> n2 127.0.0.1:5002 past the proxy"]);
        // A node may talk to itself.
        check(&[row("127.0.0.1:40003", "127.7.0.1:19002", 13)], &[]);
    }

    /// n1 over the link to n2, whose own addresses both legs bear.
    #[test]
    fn an_interposed_connection_is_none_where_the_dialled_address_listens() {
        let through = [
            row("127.7.0.1:40000", "127.7.1.2:2380", 10),
            row("127.7.1.2:2380", "127.7.0.1:40000", 99),
            row("127.7.0.1:40001", "127.7.0.2:2380", 98),
            row("127.7.0.2:2380", "127.7.0.1:40001", 20),
        ];
        let owners = (10..30).map(|inode| (inode, NodeId((inode / 10) as u8))).collect();
        let listening: SocketAddr = "127.7.0.2:2380".parse().unwrap();
        let dialled = |address| (address == listening).then_some(NodeId(2));
        assert_eq!(find(&through, &owners, dialled), [""; 0]);
        // Past the link, whether or not the other end is still there to be seen.
        let past = [
            row("127.7.0.1:40002", "127.7.0.2:2380", 11),
            row("127.7.0.2:2380", "127.7.0.1:40002", 21),
        ];
        let said = ["n1 127.7.0.1:40002 -> n2 127.7.0.2:2380 past the proxy"];
        assert_eq!(find(&past, &owners, dialled), said);
        assert_eq!(find(&past[..1], &owners, dialled), said);
    }
}
