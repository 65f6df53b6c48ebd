//! What a system's row changes in the invariants: which do not apply, who must hold what is
//! committed, and the rules of slots and ballots. For each a lie it must catch, and a truth it must
//! pass.

use schism_facts::{CommitQuorum, Traces};

use super::CHECKER;
use super::tests::traces;
use crate::evidence::{Evidence, Settings};

/// `expected`: `valid`, or the kinds found in this trace of a system with this row.
fn check(row: &Traces, expected: &str, text: &str) {
    let evidence = Evidence { traces: traces(text).into_iter().collect(), ..Evidence::default() };
    let settings = Settings { traces: *row, ..Settings::default() };
    let found = (CHECKER.run)(&evidence, &settings).verdict.in_short();
    assert_eq!(found, expected, "{row:?}\n{text}");
}

fn without(numbers: &'static [u8]) -> Traces {
    Traces { without: numbers, ..Traces::default() }
}

fn quorum(commit_quorum: CommitQuorum) -> Traces {
    Traces { commit_quorum, ..Traces::default() }
}

/// Three nodes start.
const START: &str = "
n1 boot epoch=0 first=1 last=0 chain=0
n2 boot epoch=0 first=1 last=0 chain=0
n3 boot epoch=0 first=1 last=0 chain=0
n1 config set=n1,n2,n3
n2 config set=n1,n2,n3
n3 config set=n1,n2,n3
";

#[test]
fn an_invariant_that_does_not_apply_is_not_asked_for() {
    let two = format!(
        "{START}n1 role role=leader epoch=1 last=0 chain=0\nn2 role role=leader epoch=1 last=0 chain=0"
    );
    check(&without(&[]), "election-safety", &two);
    check(&without(&[2, 3]), "election-safety", &two);
    check(&without(&[1]), "valid", &two);
    let back = format!(
        "{START}n1 role role=follower epoch=2 last=0 chain=0\nn1 role role=follower epoch=1 last=0 chain=0"
    );
    check(&without(&[1]), "non-monotone", &back);
    check(&without(&[8]), "valid", &back);
    let unsaved = format!("{START}n1 promise epoch=1 to=n1");
    check(&without(&[8]), "acked-durability", &unsaved);
    check(&without(&[6]), "valid", &unsaved);
}

#[test]
fn a_leader_decides_older_entries_only_with_one_of_its_own() {
    let (counts, asks) = (Traces::OF_COUNTED_COPIES, Traces::default());
    let old = "n1 append i=1 epoch=1 chain=a1\nn1 persist upto=1 chain=a1 epoch=1\n";
    let both = old.to_owned() + &old.replace("n1 ", "n2 ");
    let leads = format!("{START}{both}n1 role role=leader epoch=2 last=1 chain=a1\n");
    let own = "n1 append i=2 epoch=2 chain=a2\nn1 persist upto=2 chain=a2 epoch=2\n";
    let own = own.to_owned() + &own.replace("n1 ", "n2 ");
    let commit = |i: u64, as_leader: bool| {
        format!("n1 commit i={i} chain=a{i} epoch=2 as_leader={as_leader}\n")
    };
    check(&counts, "commit-epoch", &format!("{leads}{}", commit(1, true)));
    check(&counts, "commit-epoch", &format!("{leads}{own}{}", commit(1, true)));
    check(&counts, "valid", &format!("{leads}{own}{}", commit(2, true)));
    check(&asks, "valid", &format!("{leads}{}", commit(1, true)));
    // Who follows takes it from the leader; of what a disk held before, nobody knows the epoch.
    let follows = leads.replace("role=leader", "role=follower");
    check(&counts, "valid", &format!("{follows}{}", commit(1, false)));
    let found = leads.replace("last=0 chain=0", "last=1 chain=a1");
    let found = found.replace(&both, "");
    check(&counts, "valid", &format!("{found}{}", commit(1, true)));
}

#[test]
fn a_leader_alone_may_commit_what_is_on_its_own_disk() {
    let row = quorum(CommitQuorum::Leader);
    let append = format!("{START}n1 append i=1 epoch=1 chain=a1\n");
    let persist = "n1 persist upto=1 chain=a1 epoch=1\n";
    let commit = "n1 commit i=1 chain=a1 epoch=1 as_leader=true\n";
    check(&row, "valid", &format!("{append}{persist}{commit}"));
    check(&row, "commit-quorum", &format!("{append}{commit}{persist}"));
    check(&quorum(CommitQuorum::Majority), "commit-quorum", &format!("{append}{persist}{commit}"));
}

#[test]
fn a_majority_in_memory_is_one_that_has_not_stopped_since() {
    let row = Traces {
        without: &[6],
        epoch_outlives_crashes: false,
        ..quorum(CommitQuorum::MajorityInMemory)
    };
    let one = format!("{START}n1 append i=1 epoch=1 chain=a1\n");
    let two = format!("{one}n2 append i=1 epoch=1 chain=a1\n");
    let commit = "n1 commit i=1 chain=a1 epoch=1 as_leader=true\n";
    check(&row, "valid", &format!("{two}{commit}"));
    check(&row, "commit-quorum", &format!("{one}{commit}"));
    let stopped = "n2 boot epoch=0 first=1 last=0 chain=0\n";
    check(&row, "commit-quorum", &format!("{two}{stopped}{commit}"));
    check(&row, "valid", &format!("{two}{commit}{stopped}"));
    let recovered = "n2 restore i=1 chain=a1 epoch=1\nn2 recovered epoch=1\n";
    check(&row, "valid", &format!("{two}{stopped}{recovered}{commit}"));
    let replaced = "n2 truncate from=1 epoch=2\n";
    check(&row, "commit-quorum", &format!("{two}{replaced}{commit}"));
}

#[test]
fn an_epoch_may_be_forgotten_only_where_the_row_says_so() {
    let forgets = Traces { epoch_outlives_crashes: false, ..Traces::default() };
    let fifth = format!("{START}n2 persist upto=0 chain=0 epoch=5\n");
    let again = format!("{fifth}n2 boot epoch=0 first=1 last=0 chain=0\n");
    check(&Traces::default(), "non-monotone", &again);
    check(&forgets, "valid", &again);
    let within = "n2 role role=follower epoch=4 last=0 chain=0\nn2 role role=recovering epoch=3 last=0 chain=0\n";
    check(&forgets, "non-monotone", &format!("{again}{within}"));
    check(&forgets, "non-monotone", &format!("{fifth}n2 persist upto=0 chain=0 epoch=4"));
    let behind = "n2 role role=recovering epoch=4 last=0 chain=0\nn2 recovered epoch=3\n";
    check(&forgets, "non-monotone", &format!("{again}{behind}"));
    check(
        &forgets,
        "valid",
        &format!("{again}{}", behind.replace("recovered epoch=3", "recovered epoch=6")),
    );
}

/// n1 offers the value a in ballot 1.n1 of slot 7; n1 and n2 accept it. Ballots: 257 is 1.n1.
const OFFER: &str = "
n1 persist upto=0 chain=0 epoch=257 promise=n1
n1 promise epoch=257 to=n1
n2 persist upto=0 chain=0 epoch=257 promise=n1
n2 promise epoch=257 to=n1
n1 proposed slot=7 ballot=257 hash=a
n1 accepted slot=7 ballot=257 hash=a
n2 accepted slot=7 ballot=257 hash=a
";

fn paxos(expected: &str, rest: &str) {
    let row = Traces { without: &[2, 3], ..quorum(CommitQuorum::Acceptors) };
    check(&row, expected, &format!("{START}{OFFER}{rest}"));
}

#[test]
fn i3_of_slots_one_value_for_a_slot_and_ballot() {
    paxos("valid", "n3 accepted slot=7 ballot=257 hash=a");
    paxos("log-matching", "n3 accepted slot=7 ballot=257 hash=b");
    paxos("log-matching", "n1 proposed slot=7 ballot=257 hash=b");
    paxos("valid", "n1 proposed slot=8 ballot=257 hash=b");
    paxos("valid", "n1 proposed slot=18446744073709551615 ballot=257 hash=b");
}

#[test]
fn i4_of_slots_what_is_chosen_is_offered_again() {
    // 514 is 2.n2. That a quorum accepted a is enough: nobody need have learned it.
    paxos("valid", "n2 proposed slot=7 ballot=514 hash=a");
    paxos("leader-completeness", "n2 proposed slot=7 ballot=514 hash=b");
    paxos("valid", "n2 proposed slot=8 ballot=514 hash=b");
    // An older ballot may have offered anything, and one that nobody chose binds nobody.
    paxos("valid", "n3 proposed slot=7 ballot=3 hash=b");
    let offered = "n1 proposed slot=9 ballot=257 hash=a\nn1 accepted slot=9 ballot=257 hash=a\n";
    paxos("valid", &format!("{offered}n2 proposed slot=9 ballot=514 hash=b"));
    let later = "n2 proposed slot=9 ballot=514 hash=b\nn2 accepted slot=9 ballot=257 hash=a\n";
    paxos("leader-completeness", &format!("{offered}{later}"));
}

#[test]
fn i5_of_slots_one_value_is_chosen() {
    let chosen = "n1 chosen slot=7 ballot=257 hash=a\n";
    paxos("valid", &format!("{chosen}n3 chosen slot=7 ballot=257 hash=a"));
    let quorums = "
n2 accepted slot=9 ballot=514 hash=b
n3 accepted slot=9 ballot=514 hash=b
n1 accepted slot=9 ballot=771 hash=a
n2 accepted slot=9 ballot=771 hash=a
n3 chosen slot=9 ballot=514 hash=b
";
    paxos("valid", quorums);
    paxos("state-machine-safety", &format!("{quorums}n1 chosen slot=9 ballot=771 hash=a"));
    paxos(
        "log-matching state-machine-safety commit-quorum",
        &format!("{chosen}n3 chosen slot=7 ballot=257 hash=b"),
    );
}

#[test]
fn i6_of_slots_an_acceptor_keeps_its_promise() {
    let promise = "n2 persist upto=0 chain=0 epoch=771 promise=n3\nn2 promise epoch=771 to=n3\n";
    paxos("valid", &format!("{promise}n2 accepted slot=8 ballot=771 hash=b"));
    paxos("acked-durability", &format!("{promise}n2 accepted slot=8 ballot=514 hash=b"));
    let boot = "n2 boot epoch=771 promise=n3 first=1 last=0 chain=0\n";
    paxos("acked-durability", &format!("{promise}{boot}n2 accepted slot=8 ballot=514 hash=b"));
    paxos("non-monotone", &format!("{promise}{}", boot.replace("771", "514")));
    paxos("acked-durability", "n3 promise epoch=514 to=n2");
    paxos("valid", "n3 persist upto=0 chain=0 epoch=514 promise=n2\nn3 promise epoch=257 to=n1");
    // A promise for one slot binds that slot.
    let one = "n3 promise epoch=771 to=n3 slot=8\n";
    paxos("valid", &format!("{one}n3 accepted slot=7 ballot=257 hash=a"));
    paxos("acked-durability", &format!("{one}n3 accepted slot=8 ballot=257 hash=a"));
    // So does what it accepted.
    paxos(
        "acked-durability",
        "n3 accepted slot=8 ballot=514 hash=b\nn3 accepted slot=8 ballot=257 hash=a",
    );
}

#[test]
fn i7_of_slots_a_quorum_accepts_what_is_chosen() {
    paxos("valid", "n3 chosen slot=7 ballot=257 hash=a");
    let offered = "n1 proposed slot=8 ballot=257 hash=a\nn1 accepted slot=8 ballot=257 hash=a\n";
    let chosen = "n1 chosen slot=8 ballot=257 hash=a\n";
    let second = "n2 accepted slot=8 ballot=257 hash=a\n";
    paxos("valid", &format!("{offered}{second}{chosen}"));
    paxos("commit-quorum", &format!("{offered}{chosen}"));
    paxos("commit-quorum", &format!("{offered}{chosen}{second}"));
    paxos("commit-quorum", &format!("{offered}n1 accepted slot=8 ballot=257 hash=a\n{chosen}"));
    // Accepted in two ballots is not accepted in one.
    let other = "n2 accepted slot=8 ballot=514 hash=a\n";
    paxos("commit-quorum", &format!("{offered}{other}{chosen}"));
}

#[test]
fn logs_of_learners_need_no_quorum_of_their_own() {
    let learned = "
n1 chosen slot=7 ballot=257 hash=a
n1 role role=leader epoch=257 last=0 chain=0
n1 append i=1 epoch=0 chain=a1
n1 commit i=1 chain=a1 epoch=257 as_leader=true
n3 persist upto=0 chain=0 epoch=515 promise=n3
n3 promise epoch=515 to=n3
n3 role role=leader epoch=515 last=0 chain=0
";
    paxos("valid", learned);
    paxos(
        "state-machine-safety",
        &format!("{learned}n3 commit i=1 chain=b1 epoch=515 as_leader=true"),
    );
}
