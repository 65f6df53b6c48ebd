//! How clients talk to a system of one's own: a client protocol by its name, or a program.
//! It never knows what a protocol's options mean.

use schism_facts::Catalogue;

use super::ClientSpec;
use super::argv::{command, options};
use super::error::{Mistake, meant};
use super::section::{Section, map, word};
use super::tree::{Node, Tree};

/// `etcd`, `{name: etcd, serializable: true}` or `{command: [python3, client.py, "{nodes}"]}`.
pub(super) fn spec(node: &Node, catalogue: &Catalogue) -> Result<ClientSpec, Mistake> {
    let entries = match &node.tree {
        Tree::Scalar { .. } => &[],
        _ => map(node)?,
    };
    let under =
        |wanted: &str| entries.iter().find(|(key, _)| key.text == wanted).map(|(_, value)| value);
    let named = match (under("name"), under("command")) {
        (Some(_), Some(command)) => {
            return Err(command.at.mistake(
                "a client has a `name` (a client protocol) or a `command` (a program), not both",
            ));
        }
        (None, Some(command)) => return program(node, command),
        (Some(name), None) => name,
        (None, None) if entries.is_empty() => node,
        (None, None) => {
            return Err(node.at.mistake(
                "the client has no `name`; write `client: lines`, `{name: NAME, OPTION: VALUE}` or \
                 `{command: [...]}`",
            ));
        }
    };
    let name = word(named)?;
    // Our own needs no row.
    if name == "lines" && entries.is_empty() {
        return Ok(ClientSpec::lines());
    }
    let Some(row) = catalogue.client(name) else {
        let known = catalogue.clients.iter().map(|row| row.name);
        let hint = meant(name, known, "client protocols");
        return Err(named.at.mistake(format!("unknown client protocol `{name}`{hint}")));
    };
    let options = options(name, entries, row.options)?;
    Ok(ClientSpec::Named { name: name.to_owned(), options })
}

/// One that cannot learn where nodes are would ask past every fault, or nobody.
fn program(node: &Node, argv: &Node) -> Result<ClientSpec, Mistake> {
    Section::new("key", node, &["command"])?;
    let command = command(argv, &["nodes"])?;
    if !command.iter().any(|argument| argument.contains("{nodes}")) {
        return Err(argv.at.mistake(
            "no argument contains `{nodes}`, so the program cannot learn where the nodes are",
        ));
    }
    Ok(ClientSpec::Program { command })
}
