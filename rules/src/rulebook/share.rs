//! How many points must say the same, as it is written.

use firegrid_wire::document::Table;
use firegrid_wire::quantity::Unit;

use super::Selector;
use super::limits::amount;
use crate::beside::{Share, Shares};
use crate::condition::Condition;

/// Reads `share_of_points = { of = "zone", at_least = "5 %", points = 2 }`.
pub(super) fn read_share(
    table: &Table<'_>,
    selector: Option<&Selector>,
    when: Option<&Condition>,
) -> Option<Option<Share>> {
    let Some(inner) = table.table("share_of_points") else { return Some(None) };
    if matches!(selector, Some(Selector::Discrete | Selector::Devices | Selector::Gateways)) {
        table.tell("share_of_points", "only a rule on points of the catalogue can count them");
    }
    for other in ["beside", "clear_when"] {
        if table.has(other) {
            table
                .tell(other, "a step that counts points has `share_of_points` alone beside `when`");
        }
    }
    if when.is_some_and(looks_back) {
        table.tell("share_of_points", "what is counted is what points say now: no window");
    }
    let of: Option<Shares> = inner.required_text("of");
    let at_least: Option<String> = inner.required("at_least");
    let at_least = at_least.and_then(|text| match amount(&text, Unit::Ratio) {
        Ok(ratio) if 0.0 < ratio && ratio <= 1.0 => Some(ratio),
        Ok(_) => {
            inner.tell("at_least", "a share is more than 0 % and at most 100 %");
            None
        }
        Err(what) => {
            inner.tell("at_least", what);
            None
        }
    });
    let points: Option<u32> = inner.or("points", 1);
    Some(Some(Share { of: of?, at_least: at_least?, points: points? }))
}

fn looks_back(when: &Condition) -> bool {
    let mut found = false;
    when.visit(&mut |condition| {
        found |= match condition {
            Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. } => true,
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::BlindFor(_)
            | Condition::AllOf(_)
            | Condition::AnyOf(_)
            | Condition::Not(_) => false,
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::super::Rulebook;
    use super::*;

    #[track_caller]
    fn check(applies_to: &str, share: &str, told: &str) {
        check_when("{ has_state = \"fault\" }", applies_to, share, told);
    }

    #[track_caller]
    fn check_when(when: &str, applies_to: &str, share: &str, told: &str) {
        let rule = format!(
            "[[rule]]\nid = \"X1\"\nkind = \"x\"\nname = {{ zh = \"甲\", en = \"x\" }}\n\
             basis = \"[D]\"\nadvice = {{ zh = \"乙\", en = \"y\" }}\n\
             applies_to = {applies_to}\n[[rule.step]]\nname = \"hazard\"\n\
             severity = \"general\"\neffect = \"hazard\"\n\
             when = {when}\nshare_of_points = {share}\n"
        );
        let read = Rulebook::shipped().overlaid("x.toml", &rule);
        let found = match &read {
            Ok(rulebook) => {
                let rule = rulebook.rules().iter().find(|rule| rule.id.as_str() == "X1");
                format!("{:?}", rule.and_then(|rule| rule.steps[0].share))
            }
            Err(mistakes) => mistakes.to_string(),
        };
        assert!(found.contains(told), "{found}");
    }

    #[test]
    fn a_share_says_of_what_how_much_and_how_many() {
        let share = Share { of: Shares::Zone, at_least: 0.05, points: 2 };
        let written = "{ of = \"zone\", at_least = \"5 %\", points = 2 }";
        check("{ systems = [1] }", written, &format!("{:?}", Some(share)));
        check("{}", "{ of = \"device\", at_least = \"100 %\" }", "points: 1");
        check("{}", "{ of = \"floor\", at_least = \"5 %\" }", "known: device, zone, gateway");
        check("{}", "{ of = \"zone\" }", "share_of_points.at_least: this key is missing");
        check("{}", "{ of = \"zone\", at_least = \"0 %\" }", "more than 0 %");
        check("{}", "{ of = \"zone\", at_least = \"101 %\" }", "at most 100 %");
        check("{}", "{ of = \"zone\", at_least = \"five\" }", "is no number in /");
        let starts = "{ starts_more_than = 3, of = \"active\", per = \"1h\" }";
        check_when(starts, "{}", written, "no window");
        check("{ what = \"discrete\" }", written, "only a rule on points of the catalogue");
        let calm = format!("{written}\nclear_when = {{ has_state = \"test\" }}");
        check("{}", &calm, "step[0].clear_when: a step that counts points");
    }
}
