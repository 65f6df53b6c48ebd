//! The command line of a node.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use schism_protocol::{Build, NodeId};

use crate::Tables;

/// What a node needs to know, but for what it runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Who it is: n1, n2, ...
    #[arg(long, value_parser = node)]
    pub id: NodeId,
    /// Where to listen for peers
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub listen: SocketAddr,
    /// The other nodes: n2=HOST:PORT,n3=HOST:PORT; none for a cluster of one
    #[arg(long, value_name = "LIST", default_value = "", value_parser = peers)]
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Where to listen for clients
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub client: SocketAddr,
    /// A folder of its own; created if missing
    #[arg(long, value_name = "FOLDER")]
    pub data: PathBuf,
    /// Write protocol events to this file
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write delivered entries to this file
    #[arg(long, value_name = "FILE")]
    pub delivered: Option<PathBuf>,
    /// Seed of its randomness; mixed with the incarnation
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// An option of the protocol: election-timeout=150ms
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    pub options: Vec<(String, String)>,
}

/// One node of a replicated log.
///
/// Example: schism node --id n1 --protocol raft --listen 127.0.0.1:7101 --client 127.0.0.1:7201
/// --peers n2=127.0.0.1:7102,n3=127.0.0.1:7103 --data /tmp/n1
#[derive(Parser)]
#[command(name = "schism node")]
struct Args {
    /// Which protocol it runs
    #[arg(long)]
    protocol: String,
    /// Plant this bug in the protocol
    #[arg(long, value_name = "ID")]
    bug: Option<String>,
    #[command(flatten)]
    config: Config,
}

/// The configuration and the protocol, or the exit code after the reason went to stderr.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    tables: &Tables,
) -> Result<(Config, Build), ExitCode> {
    let words = std::iter::once(OsString::from("schism node")).chain(args);
    let args = Args::try_parse_from(words).map_err(|error| {
        let code = u8::from(error.use_stderr()) * 2;
        let _ = error.print();
        ExitCode::from(code)
    })?;
    resolve(args, tables).map_err(|sentence| {
        eprintln!("schism node: {sentence}");
        ExitCode::from(2)
    })
}

fn resolve(args: Args, tables: &Tables) -> Result<(Config, Build), String> {
    let build = find(&args.protocol, args.bug.as_deref(), tables)?;
    let (id, peers) = (args.config.id, &args.config.peers);
    if peers.contains_key(&id) {
        return Err(format!("--peers names {id}, which is this node; name the others only"));
    }
    Ok((args.config, build))
}

fn find(protocol: &str, bug: Option<&str>, tables: &Tables) -> Result<Build, String> {
    let Some((_, build)) = tables.protocols.iter().find(|(name, _)| *name == protocol) else {
        let known: Vec<&str> = tables.protocols.iter().map(|(name, _)| *name).collect();
        return Err(format!("unknown protocol {protocol:?}; there are: {}", known.join(", ")));
    };
    let Some(id) = bug else { return Ok(*build) };
    match tables.bugs.iter().find(|(name, _, _)| *name == id) {
        None => Err(format!("unknown bug {id:?}; `schism list bugs` names them")),
        Some((_, home, _)) if *home != protocol => {
            Err(format!("bug {id} is one of protocol {home}, not of {protocol}"))
        }
        Some((_, _, build)) => Ok(*build),
    }
}

fn node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').and_then(|digits| digits.parse().ok());
    let node = number.map(NodeId).filter(|node| node.0 > 0 && node.to_string() == text);
    node.ok_or_else(|| "a node is called n1, n2, ... n255".to_owned())
}

fn peers(text: &str) -> Result<BTreeMap<NodeId, SocketAddr>, String> {
    let mut peers = BTreeMap::new();
    for text in text.split(',').filter(|text| !text.is_empty()) {
        let (name, address) = text.split_once('=').ok_or("a peer is written n2=HOST:PORT")?;
        if peers.insert(node(name)?, self::address(address)?).is_some() {
            return Err(format!("{name} twice"));
        }
    }
    Ok(peers)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| format!("{text:?} is no HOST:PORT of this machine's knowledge"))
}

fn option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("an option is written key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_protocol::{Boot, BootError, Machine, Outputs};

    fn nothing(_: Boot, _: &mut Outputs<bytes::Bytes>) -> Result<Box<dyn Machine>, BootError> {
        Err(BootError::Option("a protocol of tests only".to_owned()))
    }

    fn check(extra: &str) -> Result<Config, String> {
        let tables = Tables {
            protocols: vec![("echo", nothing), ("other", nothing)],
            bugs: vec![("E01", "echo", nothing)],
        };
        let line = format!("x --listen 127.0.0.1:1 --client 127.0.0.1:2 --data d {extra}");
        let args = Args::try_parse_from(line.split(' ')).map_err(|e| e.to_string())?;
        resolve(args, &tables).map(|(config, _)| config)
    }

    #[test]
    fn a_whole_command_line_is_understood() {
        let config = check(
            "--id n1 --protocol echo --bug E01 --peers n2=127.0.0.1:3,n3=127.0.0.1:4 --seed 9 \
             --option a=b=c --option d=",
        )
        .unwrap();
        assert_eq!(config.id, NodeId(1));
        assert_eq!(config.peers.keys().copied().collect::<Vec<_>>(), [NodeId(2), NodeId(3)]);
        assert_eq!(config.seed, 9);
        let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(config.options, [option("a", "b=c"), option("d", "")]);
    }

    #[test]
    fn a_node_may_be_alone() {
        assert!(check("--id n1 --protocol echo").unwrap().peers.is_empty());
        assert!(check("--id n1 --protocol echo --peers=").unwrap().peers.is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("--id n0 --protocol echo", "a node is called n1"),
            ("--id n01 --protocol echo", "a node is called n1"),
            ("--id n1 --protocol paxos", "there are: echo, other"),
            ("--id n1 --protocol echo --bug X", "unknown bug \"X\""),
            ("--id n1 --protocol other --bug E01", "bug E01 is one of protocol echo"),
            ("--id n1 --protocol echo --peers n1=127.0.0.1:3", "which is this node"),
            ("--id n1 --protocol echo --peers n2=127.0.0.1:3,n2=127.0.0.1:4", "n2 twice"),
            ("--id n1 --protocol echo --peers n2", "n2=HOST:PORT"),
            ("--id n1 --protocol echo --peers n2=nowhere", "\"nowhere\" is no HOST:PORT"),
            ("--id n1 --protocol echo --option x", "key=value"),
        ];
        for (line, sentence) in cases {
            let error = check(line).unwrap_err();
            assert!(error.contains(sentence), "{line}: {error}");
        }
    }
}
