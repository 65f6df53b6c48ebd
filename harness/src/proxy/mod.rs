//! The proxy between all parties: one listener per link, on a runtime of its own.
