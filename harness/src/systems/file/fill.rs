//! Holes of a system file, filled for one node.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::programs::glob;
use crate::action::NodeId;
use crate::systems::Layout;
use crate::workload::{Hole, Part, Process, SystemFile, Text};

/// What holes are filled with.
#[derive(Clone, Copy)]
pub(super) struct Filler<'a> {
    pub file: &'a SystemFile,
    pub programs: &'a BTreeMap<String, PathBuf>,
    pub node: NodeId,
    pub layout: &'a Layout,
    /// Who leads, where that is known.
    pub leader: Option<NodeId>,
}

impl Filler<'_> {
    pub(super) fn argv(&self, command: &[Text]) -> Vec<String> {
        command.iter().map(|text| self.text(text)).collect()
    }

    pub(super) fn env(&self, process: &Process) -> BTreeMap<String, String> {
        let fill = |(name, text): (&String, &Text)| (name.clone(), self.text(text));
        process.env.iter().map(fill).collect()
    }

    pub(super) fn text(&self, text: &Text) -> String {
        self.of(text, self.node)
    }

    /// The text as it reads where it is about that node.
    fn of(&self, text: &Text, about: NodeId) -> String {
        let fill = |part: &Part| match part {
            Part::Plain(text) => text.clone(),
            Part::Hole(hole) => self.hole(hole, about),
        };
        text.0.iter().map(fill).collect()
    }

    fn hole(&self, hole: &Hole, about: NodeId) -> String {
        let layout = self.layout;
        let at = |like: SocketAddr| SocketAddr::new(self.ip(about), like.port()).to_string();
        match hole {
            Hole::Id => about.to_string(),
            Hole::Number => about.0.to_string(),
            Hole::Ip => self.ip(about).to_string(),
            Hole::Peer => at(layout.peer),
            Hole::Client => at(layout.client),
            Hole::Data => layout.data.display().to_string(),
            Hole::Seed => layout.seed.to_string(),
            Hole::Trace => layout.trace.display().to_string(),
            Hole::Delivered => layout.delivered.display().to_string(),
            Hole::Peers => {
                let peers = layout.peers.iter();
                peers.map(|(peer, at)| format!("{peer}={at}")).collect::<Vec<_>>().join(",")
            }
            Hole::Program(name) => program(self.programs, name).display().to_string(),
            Hole::Bin(name) => bin(self.programs, name),
            Hole::Option(name) => self.file.options.get(name).cloned().unwrap_or_default(),
            Hole::IpOf(node) => self.ip(NodeId(*node)).to_string(),
            Hole::Leader => self.leader.map(|leader| leader.to_string()).unwrap_or_default(),
            Hole::LeaderIp => {
                self.leader.map(|leader| self.ip(leader).to_string()).unwrap_or_default()
            }
            Hole::Glob(pattern) => joined(pattern),
            Hole::Each { others, separator, text } => {
                let nodes = layout.ips.keys().filter(|node| !others || **node != self.node);
                nodes.map(|node| self.of(text, *node)).collect::<Vec<_>>().join(separator)
            }
        }
    }

    fn ip(&self, node: NodeId) -> IpAddr {
        // A file that names a node which is not there was refused.
        self.layout.ips.get(&node).copied().unwrap_or_else(|| self.layout.peer.ip())
    }
}

fn program<'a>(programs: &'a BTreeMap<String, PathBuf>, name: &str) -> &'a Path {
    programs.get(name).map_or(Path::new("a program that is not here"), PathBuf::as_path)
}

fn joined(pattern: &str) -> String {
    let found = glob(pattern).into_iter().map(|path| path.display().to_string());
    found.collect::<Vec<_>>().join(":")
}

/// The folder of the program itself, also where a link to it was found.
fn bin(programs: &BTreeMap<String, PathBuf>, name: &str) -> String {
    let path = program(programs, name);
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    path.parent().map(|folder| folder.display().to_string()).unwrap_or_default()
}

/// A command that is about no node: what is on this machine is known, and nothing else.
pub(super) fn without_node(command: &[Text], programs: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let fill = |part: &Part| match part {
        Part::Plain(text) => text.clone(),
        Part::Hole(Hole::Program(name)) => program(programs, name).display().to_string(),
        Part::Hole(Hole::Bin(name)) => bin(programs, name),
        Part::Hole(Hole::Glob(pattern)) => joined(pattern),
        Part::Hole(_) => String::new(),
    };
    command.iter().map(|text| text.0.iter().map(fill).collect()).collect()
}

#[cfg(test)]
mod tests {
    use schism_facts::Catalogue;

    use super::*;
    use crate::systems::file::FileSystem;
    use crate::systems::{Launch, System};
    use crate::workload::{Overrides, SystemSpec, from_text};

    /// How n2 of three is started.
    fn launched(system: &str) -> Launch {
        let text = format!("nodes: 3\nsystem:\n{system}");
        let read = from_text("w.yaml", &text, &Overrides::default(), &Catalogue::default());
        let workload = read.unwrap_or_else(|error| panic!("{error}\n{}", error.snippet));
        let SystemSpec::File(file) = workload.system else { panic!("it is a file") };
        let ip = |node: u8| IpAddr::from([127, 7, 0, node]);
        let at = |port| SocketAddr::new(ip(2), port);
        let layout = Layout {
            peer: at(19_001),
            client: at(19_002),
            peers: BTreeMap::from([(NodeId(1), "127.7.2.1:19001".parse().unwrap())]),
            ips: NodeId::all(3).map(|node| (node, ip(node.0))).collect(),
            data: "/run/n2/data".into(),
            trace: "/run/trace/n2.jsonl".into(),
            delivered: "/run/delivered/n2.jsonl".into(),
            seed: 9,
        };
        FileSystem::new(*file).launch(NodeId(2), &layout)
    }

    #[test]
    fn holes_are_filled_for_the_node_and_each_for_all() {
        let check = |argument: &str, expected: &str| {
            let system = format!(
                "  ports: {{client: 2379}}\n  options: {{fast: \"yes\"}}\n  \
                 node: {{command: [x, \"{argument}\"]}}\n"
            );
            assert_eq!(launched(&system).processes[0].argv[1], expected, "{argument}");
        };
        check("{id} {n} {ip} {data} {seed}", "n2 2 127.7.0.2 /run/n2/data 9");
        check("{each:{id}={ip}:1}", "n1=127.7.0.1:1,n2=127.7.0.2:1,n3=127.7.0.3:1");
        check("{others| :{id}}", "n1 n3");
        check("{n3.ip}:{port:client}", "127.7.0.3:2379");
        check("{option:fast} {{id} {x: y", "yes {id} {x: y");
        check("{each|;:{client}}", "127.7.0.1:19002;127.7.0.2:19002;127.7.0.3:19002");
    }

    #[test]
    fn keys_of_one_node_lie_over_those_of_its_kind() {
        let launch = launched(
            "  ports: {client: 1}\n  node: {command: [a], env: {A: \"1\", B: \"{id}\"}}\n  \
             first: {command: [never]}\n  rest: {env: {A: \"2\"}, setup: [[mk, \"{n1.ip}\"]]}\n  \
             nodes: {n2: {files: {conf/x: {text: \"{{{id}\", mode: \"0400\"}}}}\n  \
             promote: {command: [up], others: [[follow, \"{leader.ip}\"]]}\n",
        );
        let one = &launch.processes[0];
        assert_eq!(one.argv, ["a"]);
        assert_eq!(one.env["A"], "2");
        assert_eq!(one.env["B"], "n2");
        assert_eq!(one.setup[0].argv, ["mk", "127.7.0.1"]);
        let file = &one.files[Path::new("/run/n2/data/conf/x")];
        assert_eq!((&*file.bytes, file.mode), (&b"{n2"[..], Some(0o400)));
        assert_eq!(launch.folder.as_deref(), Some(Path::new("/run/n2/data")));
        let promotion = launch.promotion.unwrap();
        assert!(promotion.fence && promotion.command.argv == ["up"]);
        assert_eq!(promotion.others[&NodeId(3)][0].argv, ["follow", "127.7.0.3"]);
    }
}
