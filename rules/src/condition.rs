//! Conditions: what a rule says of one reading.
//!
//! A condition is a tree, read from structured TOML and never from a script. It answers in
//! three ways, because a reading that proves nothing must neither raise nor clear: a number of
//! a broken sensor, the states of a shielded part, a device that cannot say.
//! Conditions over both lanes, `differs_from` and `share_of_points` are to join the enum later.
//! What a point did before stands in its windows; how long a condition must hold belongs to the
//! step.

use std::collections::BTreeMap;

use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::state::StateSet;
use firegrid_wire::time::{GatewayTime, Millis};

use crate::window::{View, Wanted, Window};

/// How much less than the limit a difference may be: 0.50 m less 0.40 m is a little less than
/// 0.10 m in binary numbers, and no sensor is as exact as this.
const ROUNDING: f64 = 1e-9;

/// A condition whose limits are `L`: as written ([`Limit`]), or bound to a point ([`Bar`]).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition<L = Limit> {
    /// The number is lower than the limit.
    Below(L),
    /// The number is higher than the limit.
    Above(L),
    /// The number is lower than the first or higher than the second limit.
    Outside(L, L),
    /// At least one of these states is in the point's set.
    HasState(#[serde(with = "states_in_words")] StateSet),
    /// The quality is one of these.
    QualityIs(Vec<Quality>),
    /// The number lies lower than it stood at some moment within this time.
    FallsBy {
        /// By at least so much.
        by: L,
        /// Within this time.
        within: Millis,
    },
    /// The number lies higher than it stood at some moment within this time.
    RisesBy {
        /// By at least so much.
        by: L,
        /// Within this time.
        within: Millis,
    },
    /// The point came into one of these states more often than that.
    StartsMoreThan {
        /// How often it may.
        times: usize,
        /// Into one of these states.
        #[serde(with = "states_in_words")]
        of: StateSet,
        /// Within this time.
        per: Millis,
    },
    /// Nothing was heard for so long, in centre time. Stands only in rules on gateways.
    BlindFor(Millis),
    /// All of them hold.
    AllOf(Vec<Condition<L>>),
    /// At least one of them holds.
    AnyOf(Vec<Condition<L>>),
    /// It does not hold.
    Not(Box<Condition<L>>),
}

/// A limit as it is written, in the unit of the rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A number.
    Fixed(f64),
    /// A field of the point, written `limit.{field}`, and what holds where it is missing.
    OfPoint {
        /// The field's name in the point's limits.
        field: String,
        /// The limit of a point without that field; none: the step does not apply to it.
        or: Option<f64>,
    },
}

/// A limit of one point.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bar {
    /// The number.
    pub value: f64,
    /// Its unit: a reading in another unit proves nothing.
    pub unit: Unit,
}

/// What a reading says of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The condition holds.
    Met,
    /// It does not hold.
    Unmet,
    /// The reading proves neither.
    Undecided,
}

/// What a point says, as far as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// A number.
    Number(f64, Unit),
    /// The states that this version knows.
    States(StateSet),
    /// The device cannot say.
    Unknown,
}

/// What a condition is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// What the point says.
    pub said: Said,
    /// How far to believe it.
    pub quality: Quality,
}

impl Condition {
    /// The condition for one point: fields of the point become numbers. `None` if the point
    /// lacks a field that has no fallback.
    pub fn bound(&self, limits: &BTreeMap<String, f64>, unit: Unit) -> Option<Condition<Bar>> {
        let bar = |limit: &Limit| {
            let value = match limit {
                Limit::Fixed(value) => Some(*value),
                Limit::OfPoint { field, or } => limits.get(field).copied().or(*or),
            };
            value.map(|value| Bar { value, unit })
        };
        let all = |inner: &[Condition]| {
            inner.iter().map(|inner| inner.bound(limits, unit)).collect::<Option<Vec<_>>>()
        };
        Some(match self {
            Condition::Below(limit) => Condition::Below(bar(limit)?),
            Condition::Above(limit) => Condition::Above(bar(limit)?),
            Condition::Outside(low, high) => Condition::Outside(bar(low)?, bar(high)?),
            Condition::HasState(states) => Condition::HasState(*states),
            Condition::QualityIs(qualities) => Condition::QualityIs(qualities.clone()),
            Condition::FallsBy { by, within } => {
                Condition::FallsBy { by: bar(by)?, within: *within }
            }
            Condition::RisesBy { by, within } => {
                Condition::RisesBy { by: bar(by)?, within: *within }
            }
            Condition::StartsMoreThan { times, of, per } => {
                Condition::StartsMoreThan { times: *times, of: *of, per: *per }
            }
            Condition::BlindFor(patience) => Condition::BlindFor(*patience),
            Condition::AllOf(inner) => Condition::AllOf(all(inner)?),
            Condition::AnyOf(inner) => Condition::AnyOf(all(inner)?),
            Condition::Not(inner) => Condition::Not(Box::new(inner.bound(limits, unit)?)),
        })
    }
}

impl<L> Condition<L> {
    /// Whether a fire-class state can make it hold.
    pub fn is_fire_class(&self) -> bool {
        match self {
            Condition::HasState(states) => states.is_fire_class(),
            Condition::AllOf(inner) | Condition::AnyOf(inner) => {
                inner.iter().any(Condition::is_fire_class)
            }
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::QualityIs(_)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. }
            | Condition::BlindFor(_)
            | Condition::Not(_) => false,
        }
    }

    /// Whether a point can decide it at all: numbers say nothing of states, nor states of numbers.
    pub fn can_be_said_by(&self, analog: bool) -> bool {
        match self {
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. } => analog,
            Condition::HasState(_) | Condition::StartsMoreThan { .. } => !analog,
            Condition::QualityIs(_) => true,
            Condition::BlindFor(_) => false,
            Condition::AllOf(inner) | Condition::AnyOf(inner) => {
                inner.iter().any(|inner| inner.can_be_said_by(analog))
            }
            Condition::Not(inner) => inner.can_be_said_by(analog),
        }
    }

    /// Calls `look` with every condition of the tree, the outermost first.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a Condition<L>)) {
        look(self);
        match self {
            Condition::AllOf(inner) | Condition::AnyOf(inner) => {
                inner.iter().for_each(|inner| inner.visit(look));
            }
            Condition::Not(inner) => inner.visit(look),
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. }
            | Condition::BlindFor(_) => {}
        }
    }

    /// What a silence of this length says of a condition in centre time.
    pub fn of_silence(&self, silent: Millis) -> Verdict {
        match self {
            Condition::BlindFor(patience) => Verdict::from(*patience <= silent),
            Condition::AllOf(inner) => all(inner.iter().map(|inner| inner.of_silence(silent))),
            Condition::AnyOf(inner) => any(inner.iter().map(|inner| inner.of_silence(silent))),
            Condition::Not(inner) => inner.of_silence(silent).not(),
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. } => Verdict::Undecided,
        }
    }
}

impl Condition<Bar> {
    /// What a reading alone says of the condition: of what was before, nothing.
    pub fn of(&self, evidence: Evidence) -> Verdict {
        self.amid(evidence, Past::NONE)
    }

    /// The window through which it looks at what was before, if it does.
    pub fn view(&self) -> Option<View> {
        match self {
            Condition::FallsBy { by, within } => {
                Some(View { wanted: Wanted::Highest(by.unit), lasting: *within })
            }
            Condition::RisesBy { by, within } => {
                Some(View { wanted: Wanted::Lowest(by.unit), lasting: *within })
            }
            Condition::StartsMoreThan { of, per, .. } => {
                Some(View { wanted: Wanted::Starts(*of), lasting: *per })
            }
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::BlindFor(_)
            | Condition::AllOf(_)
            | Condition::AnyOf(_)
            | Condition::Not(_) => None,
        }
    }

    /// The states of which a good reading of states must say one for the condition to hold;
    /// none: nothing can be told beforehand. Most readings are settled by this alone.
    pub fn needs(&self) -> Option<StateSet> {
        match self {
            Condition::HasState(states) => Some(*states),
            Condition::QualityIs(qualities) if qualities.contains(&Quality::Good) => None,
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::QualityIs(_)
            | Condition::BlindFor(_) => Some(StateSet::NORMAL),
            Condition::AllOf(inner) => inner.iter().find_map(Condition::needs),
            Condition::AnyOf(inner) => inner
                .iter()
                .try_fold(StateSet::NORMAL, |so_far, inner| Some(so_far.union(inner.needs()?))),
            Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. }
            | Condition::Not(_) => None,
        }
    }

    /// What a reading says of the condition, with what the point did before.
    pub fn amid(&self, evidence: Evidence, past: Past<'_>) -> Verdict {
        match self {
            Condition::Below(bar) => bar.compare(evidence, |number, bar| number < bar),
            Condition::Above(bar) => bar.compare(evidence, |number, bar| bar < number),
            Condition::Outside(low, high) => any([
                low.compare(evidence, |number, bar| number < bar),
                high.compare(evidence, |number, bar| bar < number),
            ]),
            Condition::HasState(wanted) => has_state(*wanted, evidence),
            Condition::QualityIs(wanted) => quality_is(wanted, evidence),
            Condition::BlindFor(_) => Verdict::Undecided,
            Condition::FallsBy { by, .. } | Condition::RisesBy { by, .. } => {
                let moved = self.view().and_then(|view| past.through(view)?.moved(past.now));
                let least = by.value * (1.0 - ROUNDING);
                moved.map_or(Verdict::Undecided, |moved| Verdict::from(least <= moved))
            }
            Condition::StartsMoreThan { times, .. } => {
                let starts = self.view().and_then(|view| past.through(view)?.starts(past.now));
                starts.map_or(Verdict::Undecided, |starts| Verdict::from(*times < starts))
            }
            Condition::AllOf(inner) => all(inner.iter().map(|inner| inner.amid(evidence, past))),
            Condition::AnyOf(inner) => any(inner.iter().map(|inner| inner.amid(evidence, past))),
            Condition::Not(inner) => inner.amid(evidence, past).not(),
        }
    }
}

/// What a point did before, as far as its rules ask.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Its windows.
    pub windows: &'a [Window],
    /// Up to which moment.
    pub now: GatewayTime,
}

impl<'a> Past<'a> {
    /// Nothing is known of what was before.
    pub const NONE: Past<'static> = Past { windows: &[], now: GatewayTime::from_millis(0) };

    fn through(self, view: View) -> Option<&'a Window> {
        self.windows.iter().find(|window| window.view() == view)
    }
}

impl Bar {
    /// Only a good number in the limit's own unit proves anything.
    fn compare(self, evidence: Evidence, holds: impl Fn(f64, f64) -> bool) -> Verdict {
        match (evidence.said, evidence.quality) {
            (Said::Number(number, unit), Quality::Good) if unit == self.unit => {
                Verdict::from(holds(number, self.value))
            }
            (Said::Number(..) | Said::States(_) | Said::Unknown, _) => Verdict::Undecided,
        }
    }
}

/// Fire-class states are believed from a shielded, testing or faulty part too, and so are the
/// states shielded, test and absent themselves. Everything else is proven only by a good
/// reading of a part that can speak.
pub(crate) fn has_state(wanted: StateSet, evidence: Evidence) -> Verdict {
    let Said::States(states) = evidence.said else { return Verdict::Undecided };
    let found = states.intersection(wanted);
    let believed = StateSet::FIRE_CLASS.union(StateSet::MUTE);
    let proves = states.can_speak() && evidence.quality == Quality::Good;
    if found.intersects(believed) {
        Verdict::Met
    } else if proves {
        Verdict::from(!found.is_normal())
    } else {
        Verdict::Undecided
    }
}

/// Another fault does not prove that this one is gone.
fn quality_is(wanted: &[Quality], evidence: Evidence) -> Verdict {
    let cannot_say = evidence.said == Said::Unknown;
    match evidence.quality {
        quality if wanted.contains(&quality) => Verdict::Met,
        Quality::Good if !cannot_say => Verdict::Unmet,
        Quality::Good | Quality::OutOfRange | Quality::SensorFault | Quality::Stuck => {
            Verdict::Undecided
        }
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Verdict {
        if holds { Verdict::Met } else { Verdict::Unmet }
    }
}

impl Verdict {
    /// What is said of the opposite.
    #[expect(clippy::should_implement_trait, reason = "the three answers are no boolean")]
    pub fn not(self) -> Verdict {
        match self {
            Verdict::Met => Verdict::Unmet,
            Verdict::Unmet => Verdict::Met,
            Verdict::Undecided => Verdict::Undecided,
        }
    }
}

/// One that does not hold decides; otherwise one that is undecided.
pub(crate) fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().fold(Verdict::Met, |so_far, next| match (so_far, next) {
        (Verdict::Unmet, _) | (_, Verdict::Unmet) => Verdict::Unmet,
        (Verdict::Undecided, _) | (_, Verdict::Undecided) => Verdict::Undecided,
        (Verdict::Met, Verdict::Met) => Verdict::Met,
    })
}

/// One that holds decides; otherwise one that is undecided.
pub(crate) fn any(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    all(verdicts.into_iter().map(Verdict::not)).not()
}

impl Evidence {
    /// What a reading gives to judge.
    pub fn of(reading: &Reading) -> Evidence {
        Evidence { said: Said::of(&reading.value), quality: reading.quality }
    }

    /// States of a part that is not known to be faulty.
    pub fn states(states: StateSet) -> Evidence {
        Evidence { said: Said::States(states), quality: Quality::Good }
    }

    /// The states in it, if it has any.
    pub fn state_set(self) -> StateSet {
        match self.said {
            Said::States(states) => states,
            Said::Number(..) | Said::Unknown => StateSet::NORMAL,
        }
    }
}

impl Said {
    /// What a value gives to judge; words of a newer gateway are left out.
    pub fn of(value: &Value) -> Said {
        match value {
            Value::Number(number, unit) => Said::Number(*number, *unit),
            Value::States(states) => Said::States(states.set),
            Value::Unknown => Said::Unknown,
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Said::Number(number, unit) => write!(f, "{number} {unit}"),
            Said::States(states) => write!(f, "{states}"),
            Said::Unknown => f.write_str(firegrid_wire::state::UNKNOWN_WORD),
        }
    }
}

/// States as they are written in a row: their words.
pub(crate) mod states_in_words {
    use firegrid_wire::state::{StateSet, States};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(states: &StateSet, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(states)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StateSet, D::Error> {
        let words = String::deserialize(from)?;
        let states = States::from_words(&words).ok_or_else(|| Error::custom("no states"))?;
        Ok(states.set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::state::State;

    fn states(words: &[State]) -> Evidence {
        Evidence::states(words.iter().copied().collect())
    }

    fn pascal(number: f64, quality: Quality) -> Evidence {
        Evidence { said: Said::Number(number, Unit::Pascal), quality }
    }

    #[track_caller]
    fn check(condition: &Condition<Bar>, evidence: Evidence, verdict: Verdict) {
        assert_eq!(condition.of(evidence), verdict, "{condition:?} on {evidence:?}");
        assert_eq!(Condition::Not(Box::new(condition.clone())).of(evidence), verdict.not());
    }

    const BAR: Bar = Bar { value: 50_000.0, unit: Unit::Pascal };

    #[test]
    fn a_limit_itself_is_neither_below_nor_above() {
        for (number, below, above) in [
            (49_999.9, Verdict::Met, Verdict::Unmet),
            (50_000.0, Verdict::Unmet, Verdict::Unmet),
            (50_000.1, Verdict::Unmet, Verdict::Met),
        ] {
            check(&Condition::Below(BAR), pascal(number, Quality::Good), below);
            check(&Condition::Above(BAR), pascal(number, Quality::Good), above);
        }
    }

    #[test]
    fn outside_is_beyond_either_limit() {
        let band = Condition::Outside(BAR, Bar { value: 60_000.0, ..BAR });
        check(&band, pascal(49_000.0, Quality::Good), Verdict::Met);
        check(&band, pascal(55_000.0, Quality::Good), Verdict::Unmet);
        check(&band, pascal(61_000.0, Quality::Good), Verdict::Met);
    }

    #[test]
    fn a_doubtful_number_proves_nothing() {
        for quality in [Quality::OutOfRange, Quality::SensorFault, Quality::Stuck] {
            check(&Condition::Below(BAR), pascal(0.0, quality), Verdict::Undecided);
        }
        let metres = Evidence { said: Said::Number(1.0, Unit::Metre), quality: Quality::Good };
        check(&Condition::Below(BAR), metres, Verdict::Undecided);
        check(&Condition::Below(BAR), states(&[]), Verdict::Undecided);
    }

    #[test]
    fn fire_is_believed_from_whoever_says_it() {
        let fire = Condition::HasState(State::Fire.into());
        check(&fire, states(&[State::Fire]), Verdict::Met);
        check(&fire, states(&[State::Fire, State::Disabled]), Verdict::Met);
        check(&fire, states(&[State::Fire, State::Absent, State::Test]), Verdict::Met);
        let doubtful = Evidence { quality: Quality::Stuck, ..states(&[State::Fire]) };
        check(&fire, doubtful, Verdict::Met);
    }

    #[test]
    fn a_part_that_cannot_speak_proves_no_calm_and_no_fault() {
        let fire = Condition::HasState(State::Fire.into());
        let supply = Condition::HasState(State::SupplyFault.into());
        for mute in [State::Disabled, State::Test, State::Absent] {
            check(&fire, states(&[mute]), Verdict::Undecided);
            check(&supply, states(&[mute]), Verdict::Undecided);
            check(&supply, states(&[mute, State::SupplyFault]), Verdict::Undecided);
        }
        check(&fire, states(&[State::Fault]), Verdict::Unmet);
        check(&supply, states(&[State::SupplyFault]), Verdict::Met);
    }

    #[test]
    fn a_rule_on_shielding_sees_shielding() {
        let shielded = Condition::HasState(State::Disabled.into());
        check(&shielded, states(&[State::Disabled]), Verdict::Met);
        check(&shielded, states(&[]), Verdict::Unmet);
        check(&shielded, states(&[State::Test]), Verdict::Undecided);
    }

    #[test]
    fn another_fault_does_not_prove_that_this_one_is_gone() {
        let stuck = Condition::QualityIs(vec![Quality::Stuck]);
        check(&stuck, pascal(1.0, Quality::Stuck), Verdict::Met);
        check(&stuck, pascal(1.0, Quality::Good), Verdict::Unmet);
        check(&stuck, pascal(1.0, Quality::SensorFault), Verdict::Undecided);
    }

    #[test]
    fn an_undecided_part_decides_nothing_unless_another_part_does() {
        let low = || Condition::Below(BAR);
        let stuck = || Condition::QualityIs(vec![Quality::Stuck]);
        let doubtful = pascal(0.0, Quality::Stuck);
        check(&Condition::AllOf(vec![low(), stuck()]), doubtful, Verdict::Undecided);
        check(&Condition::AnyOf(vec![low(), stuck()]), doubtful, Verdict::Met);
    }

    #[test]
    fn a_field_of_the_point_wins_over_the_fallback() {
        let of_point = |or| Condition::Below(Limit::OfPoint { field: "low".into(), or });
        let limits = BTreeMap::from([("low".to_owned(), 150_000.0)]);
        let none = BTreeMap::new();
        let bound = |condition: Condition, limits| condition.bound(limits, Unit::Pascal);
        let bar = |value| Some(Condition::Below(Bar { value, unit: Unit::Pascal }));
        assert_eq!(bound(of_point(Some(100_000.0)), &limits), bar(150_000.0));
        assert_eq!(bound(of_point(Some(100_000.0)), &none), bar(100_000.0));
        assert_eq!(bound(of_point(None), &none), None);
    }

    #[test]
    fn what_a_condition_needs_is_said_whenever_it_holds() {
        let states = |state: State| Condition::<Bar>::HasState(state.into());
        let not = |inner| Condition::Not(Box::new(inner));
        let conditions = [
            states(State::Fault),
            Condition::AllOf(vec![states(State::Active), not(states(State::Feedback))]),
            Condition::AllOf(vec![not(states(State::Feedback)), states(State::Active)]),
            Condition::AnyOf(vec![states(State::Fire), states(State::Disabled)]),
            Condition::AnyOf(vec![states(State::Fire), not(states(State::Test))]),
            Condition::QualityIs(vec![Quality::Stuck]),
            Condition::QualityIs(vec![Quality::Good]),
            not(states(State::Manual)),
        ];
        let told = conditions.iter().map(|condition| condition.needs().is_some());
        let told: Vec<bool> = told.collect();
        assert_eq!(told, [true, true, true, true, false, true, false, false]);
        let pairs =
            State::ALL.iter().flat_map(|one| State::ALL.iter().map(move |two| [*one, *two]));
        for said in pairs.map(|pair| pair.into_iter().collect()).chain([StateSet::NORMAL]) {
            for condition in &conditions {
                let holds = condition.of(Evidence::states(said)) == Verdict::Met;
                let needed = condition.needs().is_none_or(|needs| said.intersects(needs));
                assert!(needed || !holds, "{said:?} {condition:?}");
            }
        }
    }
}
