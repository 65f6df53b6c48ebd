//! Where the nodes' files are in a run directory, and the last words in them.
//! It never reads what a node was asked to store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::action::NodeId;
use crate::proxy::RunNet;
use crate::systems::{Launch, Layout};

use super::user::Person;

/// How many last lines of a dead node's stderr are shown: enough for a panic and its place.
const LINES_MAX: usize = 20;
/// And not more than this, whatever the lines are like.
const LINES_BYTES_MAX: u64 = 16 << 10;

/// Where every node's things are, for `System::launch`. Paths are absolute, inside `directory`
/// (`nodes/nX/data`, or `nX` in `data`, `trace/nX.jsonl`, `delivered/nX.jsonl`); their folders are
/// made by `Processes::start`.
pub fn layouts(
    net: &RunNet,
    directory: &Path,
    nodes: u8,
    data: Option<&Path>,
    seed: impl Fn(NodeId) -> u64,
) -> io::Result<BTreeMap<NodeId, Layout>> {
    let directory = std::path::absolute(directory)?;
    let layout = |node: NodeId| Layout {
        peer: net.peer(node),
        client: net.client(node),
        ips: NodeId::all(nodes).map(|node| (node, net.ip(node))).collect(),
        peers: NodeId::all(nodes)
            .filter(|&other| other != node)
            .map(|other| (other, net.peer_link(node, other)))
            .collect(),
        data: match data {
            Some(data) => data.join(node.to_string()),
            None => folder(&directory, node).join("data"),
        },
        trace: directory.join("trace").join(format!("{node}.jsonl")),
        delivered: directory.join("delivered").join(format!("{node}.jsonl")),
        seed: seed(node),
    };
    Ok(NodeId::all(nodes).map(|node| (node, layout(node))).collect())
}

pub(super) fn stdout(directory: &Path, node: NodeId) -> PathBuf {
    folder(directory, node).join("stdout.log")
}

pub(super) fn stderr(directory: &Path, node: NodeId) -> PathBuf {
    folder(directory, node).join("stderr.log")
}

/// What is done in a node besides, and what it says.
pub(super) fn steps(directory: &Path, node: NodeId) -> PathBuf {
    folder(directory, node).join("steps.log")
}

/// What a node answered last to whoever asked for the leader.
pub(super) fn answer(directory: &Path, node: NodeId) -> PathBuf {
    folder(directory, node).join("leader.out")
}

/// Where the things of a client program are: `c3`, or `control1` for one past every fault.
pub(super) fn client(directory: &Path, name: &str) -> PathBuf {
    directory.join("clients").join(name)
}

/// Every file that nodes and client programs write to without being asked for one.
pub(super) fn logs(directory: &Path, nodes: u8, clients: u16) -> Vec<PathBuf> {
    let of = |n| [stdout(directory, n), stderr(directory, n), steps(directory, n)];
    let own = |number| client(directory, &format!("c{number}")).join("stderr.log");
    NodeId::all(nodes).flat_map(of).chain((0..clients).map(own)).collect()
}

/// Whom nodes run as, where that is not whoever starts them.
pub(super) fn people(
    launches: &BTreeMap<NodeId, Launch>,
) -> Result<BTreeMap<NodeId, Person>, String> {
    let mut people = BTreeMap::new();
    for (&node, launch) in launches {
        if let Some(person) = launch.user.as_deref().map(Person::find).transpose()?.flatten() {
            if let Some(folder) = &launch.folder {
                person.reaches(folder)?;
            }
            people.insert(node, person);
        }
    }
    Ok(people)
}

/// Makes the folders, and writes what has to be there before the first start.
pub(super) fn prepare(
    directory: &Path,
    launches: &BTreeMap<NodeId, Launch>,
    people: &BTreeMap<NodeId, Person>,
) -> io::Result<()> {
    for (&node, launch) in launches {
        let own = folder(directory, node).join("data");
        let data = launch.folder.as_ref().unwrap_or(&own);
        fs::create_dir_all(folder(directory, node))?;
        fs::create_dir_all(data)?;
        for (path, file) in launch.processes.iter().flat_map(|program| &program.files) {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, &file.bytes)?;
            if let Some(mode) = file.mode {
                fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
            }
        }
        if let Some(person) = people.get(&node) {
            person.take(data)?;
        }
    }
    fs::create_dir_all(directory.join("trace"))?;
    fs::create_dir_all(directory.join("delivered"))
}

/// The last lines of a file; none if it cannot be read.
pub(super) fn last_lines(path: &Path) -> Vec<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LINES_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(LINES_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(ToString::to_string).collect()
}

fn folder(directory: &Path, node: NodeId) -> PathBuf {
    directory.join("nodes").join(node.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_the_last_whatever_comes_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        assert_eq!(last_lines(&path), Vec::<String>::new());
        let text: Vec<String> = (0..5_000).map(|line| format!("line {line}")).collect();
        fs::write(&path, text.join("\n")).unwrap();
        let lines = last_lines(&path);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!([&lines[0], &lines[19]], ["line 4980", "line 4999"]);
    }

    #[test]
    fn a_layout_names_the_others_through_their_links() {
        let net = RunNet::claim().unwrap();
        let layouts =
            layouts(&net, Path::new("runs/x"), 3, None, |node| u64::from(node.0)).unwrap();
        let n2 = &layouts[&NodeId(2)];
        assert_eq!(n2.peer, net.peer(NodeId(2)));
        assert_eq!(n2.peers.keys().copied().collect::<Vec<_>>(), [NodeId(1), NodeId(3)]);
        assert_ne!(n2.peers[&NodeId(3)], net.peer(NodeId(3)));
        assert!(n2.data.is_absolute() && n2.data.ends_with("runs/x/nodes/n2/data"));
        assert_eq!(n2.seed, 2);
    }
}
