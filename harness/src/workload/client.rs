//! The `client` of a system: a row of the table of client protocols, with its options.

use schism_facts::Catalogue;

use super::ClientSpec;
use super::error::{Mistake, meant};
use super::section::{map, options, word};
use super::tree::{Node, Tree};

/// `etcd`, or `{name: etcd, serializable: true}`.
pub(super) fn spec(node: &Node, catalogue: &Catalogue) -> Result<ClientSpec, Mistake> {
    let entries = match &node.tree {
        Tree::Scalar { .. } => &[],
        _ => map(node)?,
    };
    let own = entries.iter().find(|(key, _)| key.text == "name").map(|entry| &entry.1);
    let named = match own {
        Some(name) => name,
        None if entries.is_empty() => node,
        None => {
            return Err(node.at.mistake(
                "the client has no `name`; write `client: lines`, or `{name: NAME, OPTION: VALUE}`",
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
