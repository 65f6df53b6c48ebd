//! Durations, sizes and rates as people write them: `250ms`, `64KiB`, `500/s`.
