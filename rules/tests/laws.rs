//! Laws of the judgement over random histories.
//!
//! A history is a list of calls that a gateway, a link and a centre could cause: batches in any
//! time, pauses, new spans with a clock that jumps, markers, dead devices, beats with and
//! without a judged head, duplicates, deafness, holds, changed and unknown catalogues.

mod history;

use std::collections::BTreeMap;

use firegrid_rules::decision::{Change, Decision, Occurrence, Subject};
use firegrid_rules::engine::Standing;
use firegrid_wire::span::Lane;
use history::{Call, Deed, Run, calls, deeds, wild_calls};
use proptest::prelude::*;

/// How many histories each law is tried on.
const HISTORIES: u32 = 400;

fn config() -> ProptestConfig {
    ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() }
}

/// Where one step stands, by what was told of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Nothing,
    Raised(Occurrence),
    Calm(Occurrence),
}

/// Raised, then any number of calmed and relapsed, then cleared or retired; and so on.
fn alternate(decisions: &[Decision]) -> Result<(), TestCaseError> {
    let mut told: BTreeMap<(Subject, String, String), Told> = BTreeMap::new();
    for decision in decisions {
        let key = (decision.subject.clone(), decision.rule.to_string(), decision.step.clone());
        let stands = told.entry(key).or_insert(Told::Nothing);
        let occurrence = decision.occurrence;
        let next = match (decision.change, *stands) {
            (Change::Raised, Told::Nothing) => {
                prop_assert_eq!(occurrence, Occurrence { span: decision.span, at: decision.at });
                Some(Told::Raised(occurrence))
            }
            (Change::Calmed, Told::Raised(of) | Told::Calm(of)) if of == occurrence => {
                Some(Told::Calm(of))
            }
            (Change::Relapsed, Told::Raised(of) | Told::Calm(of)) if of == occurrence => {
                Some(Told::Raised(of))
            }
            (Change::Cleared, Told::Calm(of)) if of == occurrence => Some(Told::Nothing),
            (Change::Confirmed | Change::Revised, Told::Raised(of)) if of == occurrence => {
                Some(Told::Raised(of))
            }
            (Change::Revised, Told::Calm(of)) if of == occurrence => Some(Told::Calm(of)),
            (Change::Retired, Told::Raised(of) | Told::Calm(of)) if of == occurrence => {
                Some(Told::Nothing)
            }
            (
                Change::Raised
                | Change::Calmed
                | Change::Relapsed
                | Change::Cleared
                | Change::Confirmed
                | Change::Revised
                | Change::Retired,
                _,
            ) => None,
        };
        match next {
            Some(next) => *stands = next,
            None => prop_assert!(false, "{stands:?} cannot become {decision:?}"),
        }
    }
    Ok(())
}

/// The order of what happens in one call does not matter.
fn sorted(mut decisions: Vec<Decision>) -> Vec<String> {
    decisions.sort_by_key(|decision| format!("{decision:?}"));
    decisions.iter().map(|decision| format!("{decision:?}")).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn raising_and_clearing_alternate(deeds in deeds()) {
        let mut run = Run::new();
        let decisions: Vec<Decision> =
            calls(&deeds).iter().flat_map(|call| run.make(call)).collect();
        alternate(&decisions)?;
    }

    #[test]
    fn no_history_however_wild_panics(calls in wild_calls()) {
        let mut run = Run::new();
        for call in &calls {
            run.make(call);
        }
        run.restart();
        run.views();
    }

    #[test]
    fn the_same_history_gives_the_same_decisions(deeds in deeds()) {
        let calls = calls(&deeds);
        let (mut one, mut other) = (Run::new(), Run::new());
        for call in &calls {
            prop_assert_eq!(one.make(call), other.make(call));
        }
        prop_assert_eq!(one.deadline(), other.deadline());
    }

    #[test]
    fn a_restart_anywhere_changes_no_decision(
        deeds in deeds(),
        cuts in prop::collection::vec(0..80_usize, 1..6),
    ) {
        let calls = calls(&deeds);
        let (mut whole, mut cut) = (Run::new(), Run::new());
        for (place, call) in calls.iter().enumerate() {
            if cuts.contains(&place) {
                prop_assert_eq!(cut.restart(), []);
            }
            prop_assert_eq!(sorted(whole.make(call)), sorted(cut.make(call)), "call {}", place);
            prop_assert_eq!(whole.deadline(), cut.deadline(), "after call {}", place);
            prop_assert_eq!(whole.views(), cut.views(), "after call {}", place);
        }
    }

    #[test]
    fn a_wild_history_survives_restarts_too(calls in wild_calls(), cut in 0..40_usize) {
        let mut run = Run::new();
        for (place, call) in calls.iter().enumerate() {
            if place == cut {
                run.restart();
            }
            run.make(call);
        }
    }

    #[test]
    fn a_fire_class_reading_is_raised_whatever_stands_against_it(deeds in deeds()) {
        let mut run = Run::new();
        for call in &calls(&deeds) {
            run.make(call);
            let Call::Batch(batch) = call else { continue };
            let mut last: BTreeMap<&str, bool> = BTreeMap::new();
            for (_, reading) in &batch.pack.readings {
                let fire = reading.value.states().is_some_and(|states| {
                    states.set.has(firegrid_wire::state::State::Fire)
                });
                last.insert(reading.point.as_str(), fire);
            }
            for (point, _) in last.into_iter().filter(|(_, fire)| *fire) {
                let standing = run.standing(point, "FIRE");
                prop_assert!(
                    matches!(standing, Some(Standing::Raised { .. })),
                    "{point} burns and stands at {standing:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_clears_without_a_proof_in_one_piece(deeds in deeds()) {
        let mut run = Run::new();
        let mut witness = history::Witness::default();
        for call in &calls(&deeds) {
            let decisions = run.make(call);
            witness.hears(call);
            for decision in decisions.iter().filter(|decision| decision.change == Change::Cleared) {
                // What is judged over both lanes is judged behind what the witness has heard.
                if let (Subject::Point(point), false) = (&decision.subject, is_over_both(decision))
                {
                    let proven = witness.proves(&point.point, decision);
                    prop_assert!(proven.is_ok(), "{decision:?}: {proven:?}");
                }
            }
        }
    }

    #[test]
    fn while_nothing_may_clear_nothing_clears(deeds in deeds()) {
        let mut run = Run::new();
        let mut held = false;
        for call in &calls(&deeds) {
            let decisions = run.make(call);
            match call {
                Call::Hold => held = true,
                Call::Lift => held = false,
                Call::Batch(_) | Call::Beat { .. } | Call::Heard(_) | Call::Tick(_)
                | Call::Listening(..) => {}
            }
            let cleared = decisions.iter().any(|decision| {
                decision.change == Change::Cleared
                    && matches!(decision.subject, Subject::Point(_))
            });
            prop_assert!(!held || !cleared);
        }
    }
}

fn is_over_both(decision: &Decision) -> bool {
    ["DRY", "LEAK"].contains(&decision.rule.as_str())
}

/// The batches of a history, the lanes merged in the order of `turns`.
fn merged(calls: &[Call], turns: &[bool]) -> Vec<Call> {
    let of = |lane: Lane| {
        calls
            .iter()
            .filter(move |call| matches!(call, Call::Batch(batch) if batch.pack.head.lane == lane))
    };
    let (mut urgent, mut routine) = (of(Lane::Urgent), of(Lane::Routine));
    let mut turns = turns.iter().copied().cycle();
    let mut merged = Vec::new();
    loop {
        let first = turns.next().unwrap_or(true);
        let next = match first {
            true => urgent.next().or_else(|| routine.next()),
            false => routine.next().or_else(|| urgent.next()),
        };
        let Some(call) = next else { return merged };
        merged.push(call.clone());
    }
}

/// The beginning of a history: more spans wait for no lane than the engine keeps.
fn few_spans(deeds: &[Deed]) -> &[Deed] {
    let spans = deeds.iter().enumerate().filter(|(_, deed)| matches!(deed, Deed::Span { .. }));
    let end = spans.map(|(place, _)| place).nth(5).unwrap_or(deeds.len());
    &deeds[..end]
}

/// What a history without beats decides over both lanes, in its order for each step.
fn over_both(calls: &[Call]) -> BTreeMap<String, Vec<String>> {
    let mut run = Run::new();
    let mut decided: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for decision in calls.iter().flat_map(|call| run.make(call)) {
        if is_over_both(&decision) {
            let key = format!("{} {} {}", decision.subject, decision.rule, decision.step);
            let Decision { change, span, at, occurrence, reason, .. } = decision;
            // A catalogue is taken up when the later lane has it.
            let when = (change != Change::Retired).then_some((span, at));
            let line = format!("{change:?} {when:?} {occurrence:?} {reason:?}");
            decided.entry(key).or_default().push(line);
        }
    }
    decided
}

proptest! {
    #![proptest_config(config())]

    /// A condition over both lanes is judged at the lower horizon: which lane arrives first
    /// makes no difference, however far one is behind the other.
    #[test]
    fn over_both_lanes_the_order_of_their_arrival_decides_nothing(
        deeds in deeds(),
        turns in prop::collection::vec(any::<bool>(), 1..200),
    ) {
        // A marker of one lane that tells of a fire in the other is no matter of order alone.
        let deeds: Vec<Deed> = deeds
            .into_iter()
            .filter(|deed| !matches!(deed, Deed::Marker { lane: Lane::Routine, .. }))
            .collect();
        let calls = calls(few_spans(&deeds));
        let as_written = over_both(&merged(&calls, &turns));
        prop_assert_eq!(&as_written, &over_both(&merged(&calls, &[true])), "urgent first");
        prop_assert_eq!(&as_written, &over_both(&merged(&calls, &[false])), "routine first");
    }
}

/// A pump changes every second for as long as the other lane is silent.
fn far_behind(changes: u64) -> Vec<Deed> {
    let batch = |lane, pass, said| Deed::Batch { lane, pass, said, vouched: true, pause: false };
    // d1/p1 is dry from the first second on.
    let mut deeds = vec![batch(Lane::Routine, 1_000, vec![(3, 10, 0)])];
    let word = |change: u64| if change.is_multiple_of(2) { 7 } else { 0 };
    deeds.extend((0..changes).map(|change| batch(Lane::Urgent, 1_000, vec![(2, word(change), 0)])));
    deeds.push(batch(Lane::Routine, 1_000, Vec::new()));
    deeds
}

/// When, behind the first second, a step on d1/p1 was raised, relapsed or calmed.
fn turns(changes: u64) -> Vec<i64> {
    let mut run = Run::new();
    let decisions = calls(&far_behind(changes)).into_iter().flat_map(|call| run.make(&call));
    let of = |decision: &Decision| {
        (decision.rule.as_str(), decision.step.as_str()) == ("DRY", "now")
            && decision.subject.to_string() == "box/d1/p1"
    };
    decisions.filter(of).map(|decision| decision.at.millis() - 1_795_000_001_000).collect()
}

#[test]
fn a_lane_that_is_behind_is_judged_by_the_last_64_changes_of_the_other() {
    let seconds = |from: i64, to: i64| (from..to).map(|second| second * 1_000).collect::<Vec<_>>();
    // What is told of the horizon itself may not be all of it yet.
    assert_eq!(turns(60), seconds(1, 60), "all that was told counts");
    let turned = turns(1_000);
    let unknown = turned.first().expect("the last changes count") / 1_000;
    assert!((1_000 - 128..=1_000 - 63).contains(&unknown), "it is known since {unknown} s");
    assert_eq!(turned, seconds(unknown, 1_000), "from there on all that was told counts");
}

/// The laws are worth nothing if the histories they are tried on do nothing.
#[test]
fn the_histories_raise_and_clear_and_do_everything_else() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for _ in 0..HISTORIES {
        let deeds: Vec<Deed> = deeds().new_tree(&mut runner).expect("a history").current();
        let mut run = Run::new();
        for decision in calls(&deeds).iter().flat_map(|call| run.make(call)) {
            *counts.entry((decision.rule.to_string(), decision.change.as_str())).or_default() += 1;
        }
    }
    for rule in ["FIRE", "LOW", "POWER", "C1-DEVICE", "C1-GATEWAY"] {
        for change in ["raised", "calmed", "relapsed", "cleared"] {
            let count = counts.get(&(rule.to_owned(), change)).copied().unwrap_or_default();
            assert!(10 <= count, "{rule} {change} only {count} times: {counts:?}");
        }
    }
    assert!(counts.contains_key(&("FIRE".to_owned(), "retired")), "{counts:?}");
    for change in ["raised", "calmed", "relapsed", "cleared", "retired"] {
        let count = counts.get(&("DRY".to_owned(), change)).copied().unwrap_or_default();
        assert!(5 <= count, "DRY {change} only {count} times: {counts:?}");
    }
    for (rule, change) in
        [("FALL", "raised"), ("FALL", "cleared"), ("STARTS", "raised"), ("LEAK", "raised")]
    {
        assert!(counts.contains_key(&(rule.to_owned(), change)), "{rule} {change}: {counts:?}");
    }
}
