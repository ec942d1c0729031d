//! The limits that rules hold an analog point against, for the lines in its curve.

use firegrid_rules::condition::{Bar, Condition};
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::catalogue::PointEntry;

/// A limit as answers show it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ShownLimit {
    rule: String,
    step: String,
    /// `below` or `above`: the side on which the rule takes effect.
    side: &'static str,
    /// In SI.
    value: f64,
    zh: String,
    en: String,
}

/// Every limit of the rulebook for a point.
pub(super) fn of_point(rulebook: &Rulebook, entry: &PointEntry) -> Vec<ShownLimit> {
    let Some(unit) = entry.u else { return Vec::new() };
    let mut limits = Vec::new();
    for rule in rulebook.rules().iter().filter(|rule| rule.applies_to.selects(entry)) {
        for step in &rule.steps {
            let Some(bound) = step.when.bound(&entry.limits, unit) else { continue };
            let mut show = |side: &'static str, bar: &Bar| {
                limits.push(ShownLimit {
                    rule: rule.id.to_string(),
                    step: step.name.clone(),
                    side,
                    value: bar.value,
                    zh: step.effect.zh().to_owned(),
                    en: step.effect.as_str().to_owned(),
                });
            };
            bound.visit(&mut |condition| match condition {
                Condition::Below(bar) => show("below", bar),
                Condition::Above(bar) => show("above", bar),
                Condition::Outside(low, high) => {
                    show("below", low);
                    show("above", high);
                }
                // How far something moved is no line in its curve.
                Condition::FallsBy { .. }
                | Condition::RisesBy { .. }
                | Condition::StartsMoreThan { .. }
                | Condition::HasState(_)
                | Condition::QualityIs(_)
                | Condition::BlindFor(_)
                | Condition::AllOf(_)
                | Condition::AnyOf(_)
                | Condition::Not(_) => {}
            });
        }
    }
    limits
}
