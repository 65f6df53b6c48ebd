//! Who is who.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A node of the cluster: 1, 2, ... People read and write `n1`, `n2`, ...; between nodes it is the
/// bare number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u8);

impl NodeId {
    /// n1 ... nN.
    pub fn all(count: u8) -> impl Iterator<Item = NodeId> {
        (1..=count).map(NodeId)
    }
}

impl Default for NodeId {
    fn default() -> Self {
        NodeId(1)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .strip_prefix('n')
            .filter(|digits| digits.starts_with(|c| ('1'..='9').contains(&c)));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(NodeId).ok_or_else(|| format!("`{text}` is not a node; nodes are n1, n2, ..."))
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            u8::deserialize(deserializer).map(NodeId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_say_n1() {
        let check = |text: &str, node: Option<u8>| {
            assert_eq!(text.parse::<NodeId>().ok(), node.map(NodeId), "{text}");
            let read = serde_json::from_value::<NodeId>(text.into()).ok();
            assert_eq!(read, node.map(NodeId), "{text} as JSON");
        };
        check("n1", Some(1));
        check("n255", Some(255));
        check("n0", None);
        check("n01", None);
        check("n+1", None);
        check("n256", None);
        check("1", None);
        check("n", None);
        assert_eq!(serde_json::to_string(&NodeId(7)).unwrap(), "\"n7\"");
        assert_eq!(NodeId::all(3).map(|node| node.to_string()).collect::<String>(), "n1n2n3");
    }
}
