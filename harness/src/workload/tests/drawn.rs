//! Workloads drawn at random: what is written reads back the same, and nothing that is read panics.

use proptest::prelude::*;

use super::super::*;
use super::{catalogue, workload};
use crate::generate;

fn durations() -> impl Strategy<Value = Duration> {
    (1..100_000_u64).prop_map(Duration::from_millis)
}

prop_compose! {
    fn fault()(
        kind in prop::sample::select(vec![
            "crash: {target: [one, 2, n3, {all: [n1, n2]}], every: 3s, for: [1s, 1500ms]}",
            "pause: {target: rolling, at: [1ms, 9ms]}",
            "partition: {shape: [halves, [[n1, n2, n3], [n3, n4, n5]]], style: [hold, reset]}",
            "partition: {shape: [[n1, n2], [n3, n4, n5]], clients: free}",
            "latency: {links: {from: n1, to: n2}, delay: [10ms, 1s], jitter: 0}",
        ])
    ) -> FaultSpec {
        workload(&format!("{{system: raft, faults: [{{{kind}}}]}}")).faults.remove(0)
    }
}

prop_compose! {
    fn any_workload()(
        (name, about) in ("\\PC{0,30}", "(\\PC|[\\n\\t]){0,60}"),
        (clients, value_bytes, seed) in (1..10_000_u16, 1..500_000_usize, any::<Option<u64>>()),
        rate in prop::option::of(0.001..1e6),
        times in (1_000..100_000_u64, durations(), durations(), prop::option::of(durations())),
        (retry, local, min_operations) in (any::<bool>(), any::<bool>(), any::<u64>()),
        faults in prop::collection::vec(fault(), 0..4),
        (weight, bug, check, lost) in (1..1_000_u32, any::<bool>(), any::<bool>(), any::<bool>()),
        option in prop::option::of("[ -~]{1,20}"),
        (share, hoped, drawn) in (prop::option::of(0.001..100.0), any::<bool>(), any::<bool>()),
    ) -> Workload {
        let words = |text: String| text.replace(['\u{2028}', '\u{2029}', '\u{feff}'], "");
        let faults_none = faults.is_empty() && hoped;
        let options = option.map(|text| ("snapshot-every".to_owned(), text)).into_iter().collect();
        Workload {
            name: words(name),
            about: words(about),
            system: SystemSpec::Named { name: "raft".to_owned(), options },
            options_drawn: if drawn {
                [("check-quorum".to_owned(), vec!["true".to_owned(), "false".to_owned()])].into()
            } else {
                BTreeMap::new()
            },
            nodes: 5,
            nodes_drawn: if drawn { vec![5, 5] } else { Vec::new() },
            clients,
            duration: Duration::from_millis(times.0),
            rate,
            seed,
            model: schism_verify::models::named("log").unwrap(),
            operations: vec![("tail".to_owned(), weight), ("append".to_owned(), 0)],
            retry,
            read_level: if local {
                schism_verify::history::Level::Local
            } else {
                schism_verify::history::Level::Linearizable
            },
            timeout: times.1,
            faults,
            checks: if check { vec!["durable".to_owned()] } else { Vec::new() },
            bug: bug.then(|| "R13".to_owned()),
            value_bytes: Sizes {
                usual: value_bytes,
                large: share.map(|percent| generate::Large { bytes: 65_536, percent }),
            },
            reach: Reach {
                shapes: if lost { vec!["truncation".to_owned()] } else { Vec::new() },
                is_hoped: lost && hoped,
            },
            steady: faults_none,
            keys: None,
            recovery: times.2,
            silence_is_told: false,
            recovery_max: times.3,
            min_operations,
            expect: if lost {
                Expect::Violation(vec![Kind::LostAppend, Kind::StaleRead])
            } else {
                Expect::Valid
            },
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(workload in any_workload()) {
        let text = workload.to_yaml();
        let read = from_text("workload.yaml", &text, &Overrides::default(), &catalogue());
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{text}")), Ok(workload));
    }

    #[test]
    fn no_file_and_no_flag_makes_it_panic(text in "\\PC{0,80}", set in "\\PC{0,30}") {
        let overrides = Overrides { set: vec![set], ..Overrides::default() };
        let _ = from_text("w.yaml", &text, &overrides, &catalogue());
        let _ = from_text("w.yaml", "{system: raft, faults: [crash]}", &overrides, &catalogue());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_on_one_line(
        at in 0..400_usize,
        with in "[ \\t\\n:{}\\[\\],&*!|>'\"%@`#a-z0-9-]{0,3}",
    ) {
        let mut text = workload("{system: raft, faults: [crash, latency]}").to_yaml();
        let at = text.char_indices().nth(at % text.chars().count()).map_or(0, |(at, _)| at);
        text.replace_range(at..=at, &with);
        if let Err(error) = from_text("w.yaml", &text, &Overrides::default(), &catalogue()) {
            let shown = error.to_string();
            prop_assert!(shown.starts_with("w.yaml:") && !shown.contains('\n'), "{}", shown);
        }
    }
}
