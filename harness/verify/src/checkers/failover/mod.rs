//! In the place of `linearizable` and `durable`, where a system acknowledges what a failover may
//! lose.

pub(super) mod loss;
pub(super) mod reads;
