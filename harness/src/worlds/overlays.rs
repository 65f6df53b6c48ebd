//! The fold: what the active overlays together make of each link and node.
