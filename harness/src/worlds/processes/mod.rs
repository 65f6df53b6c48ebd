//! The real world: node processes under a guard, joined by the proxy.
