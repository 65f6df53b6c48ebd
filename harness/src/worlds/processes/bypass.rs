//! Connections between nodes that avoid the proxy, found in the kernel's own tables.
//! It never ends one: it only tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use crate::action::NodeId;
use crate::limits::is_own;

use super::procfs::{self, Process, Table};
use super::sockets::{self, Row};

/// Looks now; each connection is a sentence. An error: not all could be seen.
/// `keepers` say whose descendants belong to which node, `programs` to which client, `node_at` says
/// whose own address that is. Where nodes are `interposed`, the proxy dials from the dialler's own
/// address.
pub(super) fn look(
    keepers: &BTreeMap<i32, NodeId>,
    programs: &BTreeMap<i32, String>,
    node_at: impl Fn(SocketAddr) -> Option<NodeId>,
    interposed: bool,
) -> io::Result<Vec<String>> {
    let (mut owners, mut clients) = (BTreeMap::new(), BTreeMap::new());
    let table = Table::read()?;
    for (node, process) in table.of_nodes(keepers) {
        owners.extend(inodes(process)?.into_iter().map(|inode| (inode, node)));
    }
    // Those that ask past every fault are told the nodes' own addresses.
    for (keeper, name) in programs.iter().filter(|program| !program.1.starts_with("control")) {
        for process in table.below(*keeper) {
            clients.extend(inodes(process)?.into_iter().map(|inode| (inode, name.as_str())));
        }
    }
    let rows = sockets::established()?;
    // Whoever accepted sees the dialling node's address there, at a port where nobody listens.
    let listening = if interposed { sockets::listening()? } else { Vec::new() };
    let listening: BTreeSet<SocketAddr> = listening.iter().map(|row| row.local).collect();
    let dialled =
        |address| node_at(address).filter(|_| !interposed || listening.contains(&address));
    let mut found = find(&rows, &owners, dialled);
    found.extend(find_clients(&rows, &clients, dialled));
    Ok(found)
}

fn inodes(process: Process) -> io::Result<Vec<u64>> {
    match procfs::sockets(process.pid) {
        // Gone between two looks: it has no connections any more. Without a descriptor of our own
        // nobody knows.
        Err(error) if !is_own(&error) && !procfs::is(process) => Ok(Vec::new()),
        read => read,
    }
}

/// A client program reaches nodes at its links' addresses. Whoever told it a node's own, such as
/// the node itself, has taken it out of reach of every fault.
fn find_clients(
    rows: &[Row],
    clients: &BTreeMap<u64, &str>,
    node_at: impl Fn(SocketAddr) -> Option<NodeId>,
) -> Vec<String> {
    let past = |row: &Row| {
        let (client, node) = (clients.get(&row.inode)?, node_at(row.remote)?);
        Some(format!("client {client} {} -> {node} {} past the proxy", row.local, row.remote))
    };
    rows.iter().filter_map(past).collect()
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

    #[test]
    fn a_client_program_that_asks_a_node_at_its_own_address_is_told() {
        let clients = BTreeMap::from([(40, "c0.1")]);
        let node_at =
            |address: SocketAddr| (address.ip().to_string() == "127.7.0.2").then_some(NodeId(2));
        let rows = [
            row("127.0.0.1:40000", "127.7.100.2:20000", 40),
            row("127.0.0.1:40001", "127.7.0.2:19002", 40),
            row("127.0.0.1:40002", "127.7.0.2:19002", 99),
        ];
        let told = ["client c0.1 127.0.0.1:40001 -> n2 127.7.0.2:19002 past the proxy"];
        assert_eq!(find_clients(&rows, &clients, node_at), told);
    }
}
