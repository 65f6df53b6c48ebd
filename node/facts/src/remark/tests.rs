//! Every remark is read as it was written, by this version and by older ones.

use super::*;

fn node(number: u8) -> NodeId {
    NodeId(number)
}

/// One of each, as lines `NAME VALUE`. Whoever adds a remark adds it here.
fn every() -> Vec<(Remark, &'static str)> {
    let death = Death {
        node: node(2),
        how: "exit 74".into(),
        excused: true,
        why: Some("its disk refused".into()),
        last_lines: vec!["no space".into()],
    };
    let settled = Settled {
        converged: false,
        waited_ms: 30_000,
        delivered: [(node(2), 8), (node(10), 9)].into(),
        barrier: Some(8),
    };
    let read = FinalRead { node: node(3), complete: false, length: Some(7), why: None };
    let start = Start {
        overlay: Some(4),
        strike: Some(2),
        targets: vec![node(1)],
        describe: "pause n1".into(),
        lasts_ms: Some(2_000.5),
        adaptive: false,
        halts: true,
        action: json!({"hold": {"pause": {"nodes": ["n1"]}}}),
    };
    let heal = Heal {
        overlay: Some(4),
        strike: Some(2),
        effect: Effect([("stopped".into(), 1)].into()),
        effective: Some(true),
        lifted_ns: Some(9),
        answer: None,
    };
    let promoted =
        Heal { answer: Some("timeout".into()), effective: Some(false), ..Heal::default() };
    let pause = |strike| Remark::Fault("pause".into(), strike);
    vec![
        (Remark::Phase(Phase::WarmUp), r#"phase "warm-up""#),
        (Remark::Phase(Phase::FinalReads), r#"phase "final-reads""#),
        (Remark::CanProgress(true), "can-progress true"),
        (Remark::Serving(vec![node(1), node(10)]), r#"serving ["n1","n10"]"#),
        (
            Remark::Leader { node: Some(node(3)), epoch: Some(2) },
            r#"leader {"node":"n3","epoch":2}"#,
        ),
        (Remark::Leader { node: None, epoch: None }, r#"leader {"node":null,"epoch":null}"#),
        (Remark::MemoryLost { why: None }, r#"memory-lost {"why":null}"#),
        (
            Remark::Death(death),
            r#"death {"node":"n2","how":"exit 74","excused":true,"why":"its disk refused","last_lines":["no space"]}"#,
        ),
        (
            Remark::Stall(Stall { from_ns: 1, to_ns: 2, what: "n1".into() }),
            r#"stall {"from_ns":1,"to_ns":2,"what":"n1"}"#,
        ),
        (Remark::Bypass { what: "n1 -> n2".into() }, r#"bypass {"what":"n1 -> n2"}"#),
        (Remark::BypassCheck { checks: 6 }, r#"bypass-check {"checks":6}"#),
        (Remark::Operator { node: node(1), epoch: 3 }, r#"operator {"node":"n1","epoch":3}"#),
        (Remark::Healed { what: Healed::Enough }, r#"healed {"what":"enough"}"#),
        (
            Remark::Settled(settled),
            r#"settled {"converged":false,"waited_ms":30000,"delivered":{"n2":8,"n10":9},"barrier":8}"#,
        ),
        (
            Remark::FinalRead(read),
            r#"final-read {"node":"n3","complete":false,"length":7,"why":null}"#,
        ),
        (
            Remark::Trouble { what: "the guard is gone".into() },
            r#"trouble {"what":"the guard is gone"}"#,
        ),
        (Remark::End { reason: Reason::Done, why: None }, r#"end {"reason":"done"}"#),
        (
            Remark::End { reason: Reason::Trouble, why: Some("no fork".into()) },
            r#"end {"reason":"trouble","why":"no fork"}"#,
        ),
        (
            pause(Strike::Start(start)),
            r#"pause {"phase":"start","overlay":4,"strike":2,"targets":["n1"],"describe":"pause n1","lasts_ms":2000.5,"halts":true,"action":{"hold":{"pause":{"nodes":["n1"]}}}}"#,
        ),
        (
            pause(Strike::Heal(heal)),
            r#"pause {"phase":"heal","overlay":4,"strike":2,"effect":{"stopped":1},"effective":true,"lifted_ns":9}"#,
        ),
        (
            pause(Strike::Heal(promoted)),
            r#"pause {"phase":"heal","effect":{},"effective":false,"answer":"timeout"}"#,
        ),
        (
            pause(Strike::Skip { strike: Some(2), why: "nobody leads".into() }),
            r#"pause {"phase":"skip","strike":2,"why":"nobody leads"}"#,
        ),
    ]
}

/// What is read of `NAME VALUE`.
fn read(line: &str) -> (Option<Remark>, Option<Doubt>) {
    let (f, value) = line.split_once(' ').unwrap();
    Remark::read(f, &serde_json::from_str(value).unwrap())
}

#[test]
fn what_is_written_is_read() {
    for (remark, line) in every() {
        let (f, value) = remark.write();
        assert_eq!(format!("{f} {value}"), line);
        assert_eq!(read(line), (Some(remark), None), "{line}");
    }
}

#[test]
fn every_name_has_its_remark() {
    let mut written: Vec<String> = every().iter().map(|(remark, _)| remark.write().0).collect();
    written.dedup();
    assert_eq!(written.pop().as_deref(), Some("pause"), "faults are last");
    assert_eq!(written, NAMES);
}

#[test]
fn words_have_one_spelling() {
    for phase in [Phase::WarmUp, Phase::Disturbance, Phase::Recovery, Phase::FinalReads] {
        assert_eq!(json!(phase), phase.name());
    }
    for reason in [Reason::Done, Reason::Violation, Reason::Interrupted, Reason::Trouble] {
        assert_eq!(json!(reason), reason.name());
    }
}

#[test]
fn an_adversary_is_known_in_either_form() {
    let start = |rest: &str| match read(&format!(r#"frames {{"phase":"start","overlay":1{rest}}}"#))
    {
        (Some(Remark::Fault(_, Strike::Start(start))), None) => start.is_adaptive(),
        other => panic!("{other:?}"),
    };
    assert!(start(r#","adaptive":true"#));
    let held = |until: &str| {
        format!(
            r#","effect":{{"hold":{{"frames":{{"meddling":{{"what":{{"hold":"{until}"}}}}}}}}}}"#
        )
    };
    assert!(start(&held("moved")));
    assert!(!start(&held("heal")) && !start(""));
}

#[test]
fn remarks_of_the_first_version_are_read() {
    let heal = r#"crash {"phase":"heal","overlay":0,"strike":0,"bit":{"killed":4,"stopped":0},"effective":true,"lifted_ns":2043519636}"#;
    let (Some(Remark::Fault(_, Strike::Heal(heal))), None) = read(heal) else { panic!("{heal}") };
    assert_eq!((heal.effect.count("killed"), heal.effect.count("held-bytes")), (4, 0));
    assert!(heal.is_effective());
    let start = r#"pause {"phase":"start","overlay":4,"strike":4,"targets":["n1"],"describe":"pause n1","lasts_ms":2000.0,"effect":{"hold":{"pause":{"nodes":["n1"]}}}}"#;
    let (Some(Remark::Fault(_, Strike::Start(start))), None) = read(start) else {
        panic!("{start}")
    };
    assert_eq!(start.action, json!({"hold": {"pause": {"nodes": ["n1"]}}}));
    let same = [
        r#"promote {"phase":"heal","overlay":1,"strike":1,"bit":{"promoted":1,"epoch":2},"effective":true,"answer":"n2 leads epoch 2"}"#,
        r#"promote {"phase":"start","overlay":1,"strike":1,"targets":["n2"],"describe":"promote n2 in place of n1","lasts_ms":0.0,"effect":{"once":{"promote":{"node":"n2"}}}}"#,
        r#"crash {"phase":"skip","strike":2}"#,
        r#"crash {"phase":"start","overlay":1}"#,
        r#"final-read {"node":"n2","complete":true,"length":94,"why":null}"#,
        r#"settled {"converged":true}"#,
        r#"death {"node":"n1","how":"signal 11"}"#,
        r#"stall {"from_ns":2521940641,"to_ns":3065853208}"#,
    ];
    for line in same {
        let (remark, doubt) = read(line);
        assert!(remark.is_some() && doubt.is_none(), "{line}: {doubt:?}");
    }
}

#[test]
fn what_is_not_known_is_passed_over_and_told() {
    let check = |line: &str, is_read: bool, told: &str| {
        let (remark, doubt) = read(line);
        assert_eq!(remark.is_some(), is_read, "{line}");
        let doubt = doubt.map(|doubt| doubt.to_string()).unwrap_or_default();
        assert!(doubt.contains(told), "{line}: {doubt}");
    };
    check(r#"moon {"full":true}"#, false, "`moon` is no remark that is known here");
    check(r#"start "n1""#, false, "`start` is no remark that is known here");
    check("phase 7", false, "`phase` cannot be read: invalid type");
    check(r#"phase "dusk""#, false, "unknown variant `dusk`");
    check(r#"final-read {"node":"here","complete":true}"#, false, "`here` is not a node");
    check(r#"crash {"phase":"rest","overlay":1}"#, false, "unknown variant `rest`");
    check(r#"settled {"converged":true,"by":"n1"}"#, true, "says what is not known here: by");
    check(r#"crash {"phase":"heal","cost":3,"mood":1}"#, true, "not known here: cost, mood");
}

#[test]
fn counters_of_nothing_are_no_effect() {
    let effect = |counts: &[(&str, u64)]| {
        Effect(counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    };
    assert!(!effect(&[]).is_effective() && !effect(&[("killed", 0)]).is_effective());
    assert!(effect(&[("killed", 0), ("stopped", 1)]).is_effective());
    let heal = |effective| Heal { effective, effect: effect(&[("killed", 1)]), ..Heal::default() };
    assert!(heal(None).is_effective() && !heal(Some(false)).is_effective());
}
