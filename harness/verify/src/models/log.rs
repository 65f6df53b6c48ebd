//! The log: append, append-if, read, tail.
