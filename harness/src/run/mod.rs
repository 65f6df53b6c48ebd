//! Plan to History: the phases of a run, on one thread, over any world and any clock.
