//! Majorities. It never knows what is being counted.

/// The smallest number of `n` members such that any two sets of that size share a member.
#[must_use]
pub fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// The greatest value that at least `quorum` of `values` reach. `values` is reordered.
///
/// Returns the default (nothing reached) when there are fewer values than `quorum`.
#[must_use]
pub fn reached_by<T: Ord + Copy + Default>(values: &mut [T], quorum: usize) -> T {
    values.sort_unstable_by(|a, b| b.cmp(a));
    quorum.checked_sub(1).and_then(|at| values.get(at).copied()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_majorities_share_a_member() {
        for n in 1..=9 {
            assert!(2 * majority(n) > n, "{n} members");
            assert!(2 * (majority(n) - 1) <= n, "{n} members: and no smaller set does");
        }
    }

    #[test]
    fn a_quorum_reaches_what_its_slowest_member_reached() {
        let check = |values: &[u64], quorum, expected: u64| {
            assert_eq!(reached_by(&mut values.to_vec(), quorum), expected, "{values:?} {quorum}");
        };
        check(&[7], 1, 7);
        check(&[5, 9, 7], 2, 7);
        check(&[0, 0, 9, 9, 3], 3, 3);
        check(&[4, 4], 3, 0);
        check(&[], 1, 0);
    }
}
