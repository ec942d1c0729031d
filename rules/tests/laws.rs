//! Laws of the judgement over random histories.
//!
//! A history is a list of calls that a gateway, a link and a centre could cause: batches in any
//! time, pauses, new spans with a clock that jumps, markers, dead devices, beats with and
//! without a judged head, duplicates, deafness, holds, changed and unknown catalogues.

mod history;

use std::collections::BTreeMap;

use firegrid_rules::decision::{Change, Decision, Occurrence, Subject};
use firegrid_rules::engine::Standing;
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
                if let Subject::Point(point) = &decision.subject {
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
    for (rule, change) in [("FALL", "raised"), ("FALL", "cleared"), ("STARTS", "raised")] {
        assert!(counts.contains_key(&(rule.to_owned(), change)), "{rule} {change}: {counts:?}");
    }
}
