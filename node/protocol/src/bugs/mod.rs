//! Planted bugs: each stands for a bug that a real system shipped, and overrides exactly one rule.
//! A protocol's own code never mentions them, and no bug reaches into another's file.

use schism_facts::BugRow;

use crate::machine::Build;

mod d01_no_backoff;
mod d02_learn_first;
mod m01_no_fence;
mod m02_promote_laggard;
mod m03_epoch_volatile;
mod p01_accept_any_ballot;
mod p02_promise_volatile;
mod p03_own_value;
mod p04_lowest_ballot;
mod p05_own_old_promise;
mod p06_same_ballots;
mod p07_apply_over_gap;
mod p08_start_at_own_slot;
mod q01_deliver_on_arrival;
mod q02_skip_gap;
mod q03_seq_volatile;
mod r02_term_volatile;
mod r04_commit_old_term;
mod r05_vote_any_log;
mod r07_double_vote;
mod r08_keep_conflict_tail;
mod r11_accept_old_term;
mod r12_quorum_half;
mod r13_ack_on_append;
mod r14_local_read;
mod r19_follower_read;
mod r20_no_dedup;
mod r22_fail_on_stepdown;
mod r34_truncate_volatile;
mod v01_max_op_log;
mod v02_no_nonce;
mod v03_recovering_votes;
mod v04_transfer_truncates_first;
mod v05_ack_gap;
mod v06_old_view_message;
mod v07_table_not_moved;
mod z01_ack_before_log;
mod z02_epoch_first;
mod z03_compare_by_counter;
mod z04_no_trunc;
mod z05_sync_hole;
mod z06_epoch_reuse;

/// A planted bug as a row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What `schism list bugs` prints and `--bug ID` plants.
    pub facts: BugRow,
    /// Starts the protocol with the bug in it.
    pub build: Build,
}

/// Every planted bug, in the order of their identifiers.
pub const BUGS: &[Bug] = &[
    d01_no_backoff::BUG,
    d02_learn_first::BUG,
    m01_no_fence::BUG,
    m02_promote_laggard::BUG,
    m03_epoch_volatile::BUG,
    p01_accept_any_ballot::BUG,
    p02_promise_volatile::BUG,
    p03_own_value::BUG,
    p04_lowest_ballot::BUG,
    p05_own_old_promise::BUG,
    p06_same_ballots::BUG,
    p07_apply_over_gap::BUG,
    p08_start_at_own_slot::BUG,
    q01_deliver_on_arrival::BUG,
    q02_skip_gap::BUG,
    q03_seq_volatile::BUG,
    r02_term_volatile::BUG,
    r04_commit_old_term::BUG,
    r05_vote_any_log::BUG,
    r07_double_vote::BUG,
    r08_keep_conflict_tail::BUG,
    r11_accept_old_term::BUG,
    r12_quorum_half::BUG,
    r13_ack_on_append::BUG,
    r14_local_read::BUG,
    r19_follower_read::BUG,
    r20_no_dedup::BUG,
    r22_fail_on_stepdown::BUG,
    r34_truncate_volatile::BUG,
    v01_max_op_log::BUG,
    v02_no_nonce::BUG,
    v03_recovering_votes::BUG,
    v04_transfer_truncates_first::BUG,
    v05_ack_gap::BUG,
    v06_old_view_message::BUG,
    v07_table_not_moved::BUG,
    z01_ack_before_log::BUG,
    z02_epoch_first::BUG,
    z03_compare_by_counter::BUG,
    z04_no_trunc::BUG,
    z05_sync_hole::BUG,
    z06_epoch_reuse::BUG,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_complete_and_in_order() {
        assert!(BUGS.is_sorted_by(|a, b| a.facts.id < b.facts.id));
        for bug in BUGS.iter().map(|bug| bug.facts) {
            for text in [bug.name, bug.about, bug.stands_for, bug.sees, bug.woken_by] {
                assert!(!text.is_empty(), "{} has a blank", bug.id);
            }
            let planted = crate::PROTOCOLS.iter().any(|row| row.facts.name == bug.system);
            assert!(planted, "{} is planted in no protocol", bug.id);
            assert!(["e", "m", "h", "d"].contains(&bug.class), "{}", bug.id);
        }
    }
}
