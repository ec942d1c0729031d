//! A site's own file over the shipped rulebook: whole rules in the place of those with their ids,
//! new rules, and other times of a step.
//!
//! ```toml
//! [[change]]          # the rest of the rule stays as shipped
//! rule = "W1"
//! step = "hazard"
//! for = "20s"         # how long the condition must hold
//! clear_for = "60s"   # how long calm must last
//! within = "60s"      # how far a fall, a rise or a count of starts looks back
//! blind_for = "60s"   # how long a gateway must be silent
//! ```

use std::collections::BTreeSet;

use firegrid_wire::document::{Mistake, Mistakes, Table};
use firegrid_wire::state::State;
use firegrid_wire::time::Millis;

use super::causes::{self, Written};
use super::reading::{MOST, read_file, written};
use super::{Effect, Revision, Rule, RuleId, Rulebook, Selector, Step};
use crate::condition::Condition;

/// The keys that change a time.
const TIMES: [&str; 4] = ["for", "clear_for", "within", "blind_for"];

/// A rulebook in which the rules of a site's file stand in the place of those with the same
/// id; new ones come last.
pub(super) fn overlay(base: &Rulebook, name: &str, text: &str) -> Result<Rulebook, Mistakes> {
    let own = read_file(name, text, &mut BTreeSet::new(), Some(&base.rules))?;
    let kept: Vec<Rule> =
        base.rules.iter().filter(|old| own.iter().all(|rule| rule.id != old.id)).cloned().collect();
    // What is wrong with a rule that stays came with what this file replaced.
    let stay = kept.iter().map(|rule| Written { rule, file: name, path: rule.id.to_string() });
    let mistakes = causes::mistakes(&stay.chain(written(name, &own)).collect::<Vec<_>>());
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    let mut rules = base.rules.clone();
    for rule in own {
        match rules.iter_mut().find(|old| old.id == rule.id) {
            Some(old) => *old = rule,
            None => rules.push(rule),
        }
    }
    let what = if !rules.iter().any(raises_fire_at_once) {
        "with this overlay no rule raises an alarm of kind \"fire\" at once for every discrete \
         point"
            .to_owned()
    } else if MOST < rules.iter().map(|rule| rule.steps.len()).sum() {
        format!("with this overlay there are more than {MOST} steps")
    } else {
        return Ok(Rulebook::of(rules));
    };
    Err(Mistakes(vec![Mistake { file: name.to_owned(), path: "rule".to_owned(), what }]))
}

/// A rulebook that lets a fire pass is no rulebook.
pub(super) fn raises_fire_at_once(rule: &Rule) -> bool {
    let at_once = |step: &Step| {
        let fire = match &step.when {
            Condition::HasState(states) => states.has(State::Fire),
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::QualityIs(_)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. }
            | Condition::BlindFor(_)
            | Condition::AllOf(_)
            | Condition::AnyOf(_)
            | Condition::Not(_) => false,
        };
        fire && step.effect == Effect::Alarm && step.held_for == Millis::ZERO
    };
    rule.kind == "fire" && rule.applies_to == Selector::Discrete && rule.steps.iter().any(at_once)
}

/// The rules that are changed, whole; nothing if there is a mistake.
pub(super) fn read_changes(root: &Table<'_>, base: &[Rule]) -> Option<Vec<Rule>> {
    let mut changed: Vec<Rule> = Vec::new();
    let mut whole = true;
    for table in root.tables("change") {
        let id: Option<RuleId> = table.required_text("rule");
        let name: Option<String> = table.required("step");
        let times = TIMES.map(|key| table.optional_text::<Millis>(key));
        if !TIMES.iter().any(|key| table.has(key)) {
            table.tell("", format_args!("say what changes: one of {}", TIMES.join(", ")));
        }
        let (Some(id), Some(name)) = (id, name) else {
            whole = false;
            continue;
        };
        let known = changed.iter().position(|rule| rule.id == id);
        let place = known.or_else(|| {
            changed.push(base.iter().find(|rule| rule.id == id)?.clone());
            Some(changed.len() - 1)
        });
        let Some(rule) = place.and_then(|place| changed.get_mut(place)) else {
            table.tell("rule", format_args!("there is no rule {id} to change"));
            whole = false;
            continue;
        };
        let Some(step) = rule.steps.iter_mut().find(|step| step.name == name) else {
            table.tell("step", format_args!("rule {id} has no step {name:?}"));
            whole = false;
            continue;
        };
        change(&table, step, times);
        // Evidence counts under the revision that raised it: a changed rule is another.
        rule.revision = Revision::of(&format!("{} {name} {times:?}", rule.revision));
    }
    whole.then_some(changed)
}

fn change(table: &Table<'_>, step: &mut Step, times: [Option<Millis>; 4]) {
    let [held_for, clear_for, within, blind_for] = times;
    step.held_for = held_for.unwrap_or(step.held_for);
    step.clear_for = clear_for.unwrap_or(step.clear_for);
    for (key, times) in [("within", within), ("blind_for", blind_for)] {
        let Some(time) = times else { continue };
        let mut found = false;
        for condition in std::iter::once(&mut step.when).chain(&mut step.clear_when) {
            found |= retime(condition, key, time);
        }
        if !found {
            table.tell(key, "nothing in this step has such a time");
        }
    }
}

/// Whether the condition has such a time, which is changed then.
fn retime(condition: &mut Condition, key: &str, time: Millis) -> bool {
    match condition {
        Condition::FallsBy { within, .. } | Condition::RisesBy { within, .. }
            if key == "within" =>
        {
            *within = time;
            true
        }
        Condition::StartsMoreThan { per, .. } if key == "within" => {
            *per = time;
            true
        }
        Condition::BlindFor(patience) if key == "blind_for" => {
            *patience = time;
            true
        }
        Condition::AllOf(inner) | Condition::AnyOf(inner) => {
            inner.iter_mut().fold(false, |found, inner| retime(inner, key, time) | found)
        }
        Condition::Not(inner) => retime(inner, key, time),
        Condition::Below(_)
        | Condition::Above(_)
        | Condition::Outside(..)
        | Condition::HasState(_)
        | Condition::QualityIs(_)
        | Condition::FallsBy { .. }
        | Condition::RisesBy { .. }
        | Condition::StartsMoreThan { .. }
        | Condition::BlindFor(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_times_leaves_the_rest_of_the_rule_as_it_is() {
        let text = r#"
            [[change]]
            rule = "W5"
            step = "leak"
            for = "20s"
            within = "60s"
            [[change]]
            rule = "C1-GATEWAY"
            step = "hazard"
            blind_for = "60s"
            clear_for = "90s"
        "#;
        let shipped = Rulebook::shipped();
        let site = shipped.overlaid("site.toml", text).unwrap_or_else(|told| panic!("{told}"));
        let step = |book: &Rulebook, rule: &str, step: &str| {
            let rule = book.rule(&RuleId::parse(rule).expect("an id")).expect("a rule");
            let step = rule.steps.iter().find(|it| it.name == step).expect("a step").clone();
            (rule.revision, step)
        };
        let (old, was) = step(&shipped, "W5", "leak");
        let (new, leak) = step(&site, "W5", "leak");
        assert_ne!(old, new, "evidence counts under the revision that raised it");
        assert_eq!(leak.held_for, Millis::seconds(20));
        assert_eq!((leak.clear_for, &leak.beside), (was.clear_for, &was.beside));
        let looks_back = |condition: &Condition| {
            if let Condition::FallsBy { within, .. } = condition { Some(*within) } else { None }
        };
        assert_eq!(looks_back(&leak.when), Some(Millis::seconds(60)));
        let Some(Condition::Not(calm)) = &leak.clear_when else { panic!("{:?}", leak.clear_when) };
        assert_eq!(looks_back(calm), Some(Millis::seconds(60)));
        let (_, silent) = step(&site, "C1-GATEWAY", "hazard");
        assert_eq!(silent.when, Condition::BlindFor(Millis::seconds(60)));
        assert_eq!(silent.clear_for, Millis::seconds(90));
        let untouched = step(&shipped, "C1-GATEWAY", "warn").1;
        assert_eq!(step(&site, "C1-GATEWAY", "warn").1, untouched);
    }

    #[test]
    fn every_mistake_of_a_change_is_told_with_its_place() {
        let text = r#"
            change = [
                { rule = "W1", step = "hazard" },
                { rule = "W99", step = "hazard", for = "1s" },
                { rule = "W1", step = "nowhere", for = "soon" },
                { rule = "W1", step = "hazard", within = "1s", speed = 3 },
                { rule = "FIRE", step = "fire", for = "10s" },
            ]
        "#;
        let told = Rulebook::shipped().overlaid("site.toml", text).expect_err("mistakes");
        let told = told.to_string();
        for part in [
            "change[0]: say what changes",
            "change[1].rule: there is no rule W99",
            "change[2].step: rule W1 has no step \"nowhere\"",
            "change[2].for",
            "change[3].within: nothing in this step has such a time",
            "change[3].speed",
        ] {
            assert!(told.contains(part), "{part} is missing:\n{told}");
        }
        let late = "change = [{ rule = \"FIRE\", step = \"fire\", for = \"10s\" }]";
        let told = Rulebook::shipped().overlaid("site.toml", late).expect_err("a late fire");
        assert!(told.to_string().contains("no rule raises"), "{told}");
    }
}
