//! From TOML to rules, and every mistake on the way.

use std::collections::BTreeSet;

use firegrid_wire::document::{Document, Mistake, Mistakes, Table};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::Millis;
use serde_json::Value;

use super::beside::read_beside;
use super::causes::{self, Written};
use super::limits::{limit, read_limit, unit_of};
use super::overlay::{raises_fire_at_once, read_changes};
use super::share::read_share;
use super::{Effect, Grouping, Revision, Rule, RuleId, Rulebook, Selector, Severity, Step, Words};
use crate::beside::{Kinds, On};
use crate::condition::Condition;
use crate::window::MOST_KEPT;
use crate::word::WordError;

/// How long calm must be proven where a rule does not say: a hazard is somebody's work and
/// closes on 30 minutes of proof (DESIGN §7).
const PROOF: Millis = Millis::seconds(30 * 60);

/// The same for alarms and notes.
const CALM: Millis = Millis::seconds(20);

/// Rules and steps in one rulebook. Far beyond any real one; the engine counts them in 16 bits.
pub(super) const MOST: usize = 10_000;

/// As far back as a condition may look.
const LONGEST_WINDOW: Millis = Millis::seconds(7 * 24 * 3_600);

/// Conditions inside conditions. A tree deeper than this is a mistake of its author.
const DEEPEST: usize = 16;

pub(super) fn read(files: &[(String, String)]) -> Result<Rulebook, Mistakes> {
    let mut mistakes = Vec::new();
    let mut read: Vec<(&str, Vec<Rule>)> = Vec::new();
    let mut taken = BTreeSet::new();
    for (name, text) in files {
        match read_file(name, text, &mut taken, None) {
            Ok(more) => read.push((name, more)),
            Err(Mistakes(more)) => mistakes.extend(more),
        }
    }
    // A file that cannot be read may have the kinds that the others name.
    if mistakes.is_empty() {
        let written = read.iter().flat_map(|(file, rules)| written(file, rules));
        mistakes.extend(causes::mistakes(&written.collect::<Vec<_>>()));
    }
    let rules: Vec<Rule> = read.into_iter().flat_map(|(_, rules)| rules).collect();
    if mistakes.is_empty() && !rules.iter().any(raises_fire_at_once) {
        mistakes.push(Mistake {
            file: files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            path: "rule".to_owned(),
            what: "no rule raises an alarm of kind \"fire\" at once for every discrete point"
                .to_owned(),
        });
    }
    if MOST < rules.iter().map(|rule| rule.steps.len()).sum() {
        mistakes.push(Mistake {
            file: String::new(),
            path: "rule".to_owned(),
            what: format!("there are more than {MOST} steps"),
        });
    }
    if mistakes.is_empty() { Ok(Rulebook::of(rules)) } else { Err(Mistakes(mistakes)) }
}

/// The rules of one file, each with its place.
pub(super) fn written<'a>(file: &'a str, rules: &'a [Rule]) -> impl Iterator<Item = Written<'a>> {
    let places = rules.iter().enumerate();
    places.map(move |(index, rule)| Written { rule, file, path: format!("rule[{index}]") })
}

/// The rules of one file; of a site's file over a `base` also those that it changes.
pub(super) fn read_file(
    name: &str,
    text: &str,
    taken: &mut BTreeSet<String>,
    base: Option<&[Rule]>,
) -> Result<Vec<Rule>, Mistakes> {
    let content: Value = match toml::from_str(text) {
        Ok(content) => content,
        Err(error) => {
            let document = Document::new(name, Value::Object(Default::default()));
            document.tell("", error.to_string().trim_end());
            return document.finish(None);
        }
    };
    let revisions: Vec<Revision> = match content.get("rule") {
        Some(Value::Array(rules)) => {
            rules.iter().map(|rule| Revision::of(&rule.to_string())).collect()
        }
        Some(_) | None => Vec::new(),
    };
    let document = Document::new(name, content);
    let rules = {
        let root = document.root();
        let read: Vec<Option<Rule>> = root
            .tables("rule")
            .iter()
            .zip(revisions)
            .map(|(table, revision)| read_rule(table, revision, taken))
            .collect();
        let changed = base.map_or(Some(Vec::new()), |base| read_changes(&root, base));
        let mut rules = read.into_iter().collect::<Option<Vec<Rule>>>();
        for rule in changed.iter().flatten().filter(|rule| taken.contains(rule.id.as_str())) {
            root.tell(
                "change",
                format_args!("{} stands in this file as a whole rule too", rule.id),
            );
        }
        rules.iter_mut().for_each(|rules| rules.extend(changed.iter().flatten().cloned()));
        rules.filter(|_| changed.is_some())
    };
    document.finish(rules)
}

fn read_rule(table: &Table<'_>, revision: Revision, taken: &mut BTreeSet<String>) -> Option<Rule> {
    let id: Option<RuleId> = table.required_text("id");
    if let Some(id) = &id
        && !taken.insert(id.to_string())
    {
        table.tell("id", format_args!("{id} is the id of another rule too"));
    }
    let kind: Option<String> = table.required("kind");
    let name = read_words(table, "name");
    let basis = read_basis(table);
    let advice = read_words(table, "advice");
    let applies_to = table.required_table("applies_to").and_then(|inner| read_selector(&inner));
    let group_by = match table.or("group_by", "point".to_owned()).as_deref() {
        Some("point") => Some(Grouping::Point),
        Some(other) => {
            table.tell("group_by", WordError::new(other, ["point"]));
            None
        }
        None => None,
    };
    let caused_by = table.or("caused_by", Vec::new());
    if !table.has("step") {
        table.tell("step", "a rule needs at least one step");
    }
    let mut names = BTreeSet::new();
    let steps: Vec<Option<Step>> = table
        .tables("step")
        .iter()
        .map(|step| read_step(step, applies_to.as_ref(), &mut names))
        .collect();
    let steps: Option<Vec<Step>> = steps.into_iter().collect();
    Some(Rule {
        id: id?,
        revision,
        kind: kind?,
        name: name?,
        basis: basis?,
        advice: advice?,
        applies_to: applies_to?,
        group_by: group_by?,
        caused_by: caused_by?,
        steps: steps?,
    })
}

/// In both languages, or one text for both: the number of a clause needs no translation.
fn read_basis(table: &Table<'_>) -> Option<Words> {
    match table.raw("basis") {
        Some(Value::String(text)) => Some(Words { zh: text.clone(), en: text.clone() }),
        Some(_) | None => read_words(table, "basis"),
    }
}

fn read_words(table: &Table<'_>, key: &str) -> Option<Words> {
    let inner = table.required_table(key)?;
    let (zh, en) = (inner.required("zh"), inner.required("en"));
    Some(Words { zh: zh?, en: en? })
}

fn read_selector(table: &Table<'_>) -> Option<Selector> {
    let what: Option<String> = table.or("what", "points".to_owned());
    match what.as_deref() {
        Some("points") => read_kinds(table).map(Selector::Points),
        Some("discrete") => Some(Selector::Discrete),
        Some("devices") => Some(Selector::Devices),
        Some("gateways") => Some(Selector::Gateways),
        other => {
            if let Some(other) = other {
                let known = ["points", "discrete", "devices", "gateways"];
                table.tell("what", WordError::new(other, known));
            }
            // Points may have been meant: what stands beside it is read for its own mistakes.
            read_kinds(table);
            None
        }
    }
}

pub(super) fn read_kinds(table: &Table<'_>) -> Option<Kinds> {
    let systems = table.or("systems", Vec::new());
    let parts = table.or("parts", Vec::new());
    let unit: Option<Unit> = table.optional_text("unit");
    let tags = table.or("tags", Vec::new());
    if table.has("unit") && unit.is_none() {
        return None;
    }
    Some(Kinds { systems: systems?, parts: parts?, unit, tags: tags? })
}

fn read_step(
    table: &Table<'_>,
    selector: Option<&Selector>,
    names: &mut BTreeSet<String>,
) -> Option<Step> {
    let name: Option<String> = table.required("name");
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        table.tell("name", format_args!("{name:?} is the name of another step of this rule"));
    }
    let severity: Option<Severity> = table.required_text("severity");
    let effect: Option<Effect> = table.required_text("effect");
    let when = table.required_table("when").and_then(|inner| read_condition(&inner, selector, 0));
    let beside = read_beside(table, selector);
    if beside.iter().flatten().any(|beside| beside.on == On::None) && !table.has("clear_when") {
        table.tell(
            "clear_when",
            "say what proves calm: else a point that starts beside it would, with `none`",
        );
    }
    let share = read_share(table, selector, when.as_ref());
    let held_for = table.text_or("for", Millis::ZERO);
    let clear_when = match table.table("clear_when") {
        Some(inner) => read_condition(&inner, selector, 0).map(Some),
        None => Some(None),
    };
    let clear_for = match effect {
        Some(Effect::Hazard) => table.text_or("clear_for", PROOF),
        Some(Effect::Alarm | Effect::Note) => table.text_or("clear_for", CALM),
        None => table.optional_text("clear_for"),
    };
    if let (Some(when), Some(clear_when), Some(proof)) = (&when, &clear_when, clear_for) {
        let patience = patience(clear_when.as_ref().unwrap_or(when));
        if patience.is_some_and(|patience| proof <= patience) {
            table.tell(
                "clear_for",
                "silence itself would prove calm: this must last longer than blind_for",
            );
        }
    }
    Some(Step {
        name: name?,
        severity: severity?,
        effect: effect?,
        when: when?,
        beside: beside?,
        share: share?,
        held_for: held_for?,
        clear_when: clear_when?,
        clear_for: clear_for?,
    })
}

/// The longest silence that a condition overlooks.
fn patience(condition: &Condition) -> Option<Millis> {
    let mut longest = None;
    condition.visit(&mut |inner| match inner {
        Condition::BlindFor(patience) => longest = longest.max(Some(*patience)),
        Condition::Below(_)
        | Condition::Above(_)
        | Condition::Outside(..)
        | Condition::HasState(_)
        | Condition::QualityIs(_)
        | Condition::FallsBy { .. }
        | Condition::RisesBy { .. }
        | Condition::StartsMoreThan { .. }
        | Condition::AllOf(_)
        | Condition::AnyOf(_)
        | Condition::Not(_) => {}
    });
    longest
}

/// The words that stand beside some of the [`OPERATORS`].
const COMPANIONS: [&str; 4] = ["or", "within", "of", "per"];

/// The words of which a condition holds exactly one.
const OPERATORS: [&str; 12] = [
    "below",
    "above",
    "outside",
    "has_state",
    "quality_is",
    "falls_by",
    "rises_by",
    "starts_more_than",
    "blind_for",
    "all_of",
    "any_of",
    "not",
];

pub(super) fn read_condition(
    table: &Table<'_>,
    selector: Option<&Selector>,
    depth: usize,
) -> Option<Condition> {
    let written: Vec<&str> = OPERATORS.into_iter().filter(|key| table.has(key)).collect();
    let [operator] = written[..] else {
        tell_operators(table, &written);
        return None;
    };
    if DEEPEST < depth {
        ask_for_all(table);
        table.tell(operator, format_args!("conditions stand more than {DEEPEST} deep"));
        return None;
    }
    check_clock(table, operator, selector);
    let inner = |list: Vec<Table<'_>>| {
        if table.raw(operator).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            table.tell(operator, "this list must not be empty");
        }
        let inner: Vec<Option<Condition>> =
            list.iter().map(|inner| read_condition(inner, selector, depth + 1)).collect();
        inner.into_iter().collect::<Option<Vec<Condition>>>()
    };
    match operator {
        "below" => read_limit(table, operator, selector).map(Condition::Below),
        "above" => read_limit(table, operator, selector).map(Condition::Above),
        "outside" => {
            let band: Option<[String; 2]> = table.required("outside");
            let or: Option<[String; 2]> = table.optional("or");
            let [low_or, high_or] = or.map_or([None, None], |or| or.map(Some));
            let unit = unit_of(table, operator, selector);
            let (band, unit) = (band?, unit?);
            let low = limit(table, operator, &band[0], low_or.as_deref(), unit);
            let high = limit(table, operator, &band[1], high_or.as_deref(), unit);
            Some(Condition::Outside(low?, high?))
        }
        "has_state" => read_states(table, operator).map(Condition::HasState),
        "quality_is" => {
            let qualities: Vec<Quality> = one_or_many(table, operator, |word| {
                Quality::from_word(word)
                    .ok_or_else(|| WordError::new(word, Quality::ALL.map(Quality::as_str)))
            })?;
            Some(Condition::QualityIs(qualities))
        }
        "falls_by" | "rises_by" => {
            let by = read_limit(table, operator, selector);
            let within = read_window(table, operator, "within");
            let (by, within) = (by?, within?);
            Some(match operator {
                "falls_by" => Condition::FallsBy { by, within },
                _ => Condition::RisesBy { by, within },
            })
        }
        "starts_more_than" => {
            let times: Option<usize> = table.required(operator);
            let of = read_states(table, "of");
            if !table.has("of") {
                table.tell("of", "starts_more_than counts how often a state begins: say which");
            }
            let per = read_window(table, operator, "per");
            if times.is_some_and(|times| MOST_KEPT <= times) {
                table.tell(operator, format_args!("fewer than {MOST_KEPT} can be counted"));
            }
            Some(Condition::StartsMoreThan { times: times?, of: of?, per: per? })
        }
        "blind_for" => table.required_text("blind_for").map(Condition::BlindFor),
        "all_of" => inner(table.tables("all_of")).map(Condition::AllOf),
        "any_of" => inner(table.tables("any_of")).map(Condition::AnyOf),
        _ => {
            let inner = table.required_table("not")?;
            let inner = read_condition(&inner, selector, depth + 1)?;
            Some(Condition::Not(Box::new(inner)))
        }
    }
}

/// The length of a window.
fn read_window(table: &Table<'_>, operator: &str, key: &str) -> Option<Millis> {
    if table.raw(key).is_none() {
        table.tell(key, format_args!("{operator} looks at a length of time: say which"));
    }
    let lasting: Millis = table.optional_text(key)?;
    if lasting == Millis::ZERO || LONGEST_WINDOW < lasting {
        table.tell(key, format_args!("a window lasts more than 0 s and at most {LONGEST_WINDOW}"));
    }
    Some(lasting)
}

fn tell_operators(table: &Table<'_>, written: &[&str]) {
    ask_for_all(table);
    let place = written.last().copied().unwrap_or_default();
    let known = OPERATORS.join(", ");
    table.tell(place, format_args!("a condition holds exactly one of {known}"));
}

/// Counts every word of a condition as asked for, where one mistake is enough.
fn ask_for_all(table: &Table<'_>) {
    for key in OPERATORS.into_iter().chain(COMPANIONS) {
        table.raw(key);
    }
}

/// Rules on silence run in centre time, all others in gateway time, and never in both.
fn check_clock(table: &Table<'_>, operator: &str, selector: Option<&Selector>) {
    let on_silence = match selector {
        Some(Selector::Gateways) => true,
        Some(Selector::Points(_) | Selector::Discrete | Selector::Devices) => false,
        None => return,
    };
    let joins = matches!(operator, "all_of" | "any_of" | "not");
    match (on_silence, operator == "blind_for") {
        (false, true) => table.tell(
            operator,
            "blind_for runs in centre time and stands only in rules on gateways, where nothing \
             runs in gateway time",
        ),
        (true, false) if !joins => table.tell(
            operator,
            "a rule on gateways runs in centre time: only blind_for can stand in it",
        ),
        (true | false, _) => {}
    }
}

fn read_states(table: &Table<'_>, key: &str) -> Option<StateSet> {
    let states = one_or_many(table, key, |word| {
        State::ALL
            .iter()
            .copied()
            .find(|state| state.word() == word)
            .ok_or_else(|| WordError::new(word, State::ALL.iter().map(|state| state.word())))
    })?;
    Some(states.into_iter().collect())
}

/// A word, or a list of words that must not be empty.
fn one_or_many<T>(
    table: &Table<'_>,
    key: &str,
    read: impl Fn(&str) -> Result<T, WordError>,
) -> Option<Vec<T>> {
    let words: Vec<&str> = match table.raw(key)? {
        Value::String(word) => vec![word],
        Value::Array(words) => {
            let texts: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            match texts {
                Some(texts) if !texts.is_empty() => texts,
                Some(_) | None => {
                    table.tell(key, "this must be a word or a list of words");
                    return None;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            table.tell(key, "this must be a word or a list of words");
            return None;
        }
    };
    let read: Vec<Option<T>> = words
        .into_iter()
        .map(|word| read(word).map_err(|error| table.tell(key, error)).ok())
        .collect();
    read.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Limit;

    /// A rulebook that may stand, with one rule written by the test.
    fn rulebook(applies_to: &str, step: &str) -> Result<Rulebook, Mistakes> {
        const FIRE: &str = include_str!("../../rulebook/fire.toml");
        let rule = format!(
            "[[rule]]\nid = \"X1\"\nkind = \"x\"\nname = {{ zh = \"甲\", en = \"x\" }}\n\
             basis = \"[D]\"\nadvice = {{ zh = \"乙\", en = \"y\" }}\n\
             applies_to = {applies_to}\n[[rule.step]]\nname = \"hazard\"\n\
             severity = \"general\"\neffect = \"hazard\"\n{step}\n"
        );
        read(&[("fire.toml".into(), FIRE.into()), ("x.toml".into(), rule)])
    }

    #[track_caller]
    fn check(applies_to: &str, step: &str, told: &str) {
        let mistakes = rulebook(applies_to, step).expect_err("a mistake").to_string();
        assert!(mistakes.contains(told), "{mistakes}");
    }

    #[track_caller]
    fn check_when(when: &str, condition: Condition) {
        let rulebook = rulebook("{ unit = \"Pa\" }", &format!("when = {when}"));
        let rulebook = rulebook.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let rule = rulebook.rule(&RuleId::parse("X1").expect("an id")).expect("a rule");
        assert_eq!(rule.steps[0].when, condition);
    }

    #[test]
    fn every_condition_can_be_written() {
        let states = || Condition::HasState(State::Manual.into());
        let fixed = Limit::Fixed;
        check_when("{ below = \"0.07 MPa\" }", Condition::Below(fixed(70_000.0)));
        check_when("{ above = \"70000.5 Pa\" }", Condition::Above(fixed(70_000.5)));
        check_when(
            "{ outside = [\"limit.low\", \"0.9 MPa\"] }",
            Condition::Outside(Limit::OfPoint { field: "low".into(), or: None }, fixed(900_000.0)),
        );
        check_when(
            "{ quality_is = [\"stuck\", \"sensor-fault\"] }",
            Condition::QualityIs(vec![Quality::Stuck, Quality::SensorFault]),
        );
        check_when(
            "{ any_of = [{ has_state = \"manual\" }, { not = { has_state = [\"manual\"] } }] }",
            Condition::AnyOf(vec![states(), Condition::Not(Box::new(states()))]),
        );
        check_when("{ all_of = [{ has_state = \"manual\" }] }", Condition::AllOf(vec![states()]));
    }

    #[test]
    fn windows_can_be_written() {
        let (by, within) = (Limit::Fixed(50_000.0), Millis::seconds(600));
        check_when(
            "{ falls_by = \"0.05 MPa\", within = \"10min\" }",
            Condition::FallsBy { by: by.clone(), within },
        );
        check_when(
            "{ rises_by = \"0.05 MPa\", within = \"10min\" }",
            Condition::RisesBy { by, within },
        );
        check_when(
            "{ starts_more_than = 15, of = \"active\", per = \"1h\" }",
            Condition::StartsMoreThan {
                times: 15,
                of: State::Active.into(),
                per: Millis::seconds(3_600),
            },
        );
    }

    #[test]
    fn a_window_without_its_length_or_state_is_told() {
        let pascal = "{ unit = \"Pa\" }";
        check(pascal, "when = { falls_by = \"1 Pa\" }", "when.within: falls_by looks at a length");
        check(pascal, "when = { falls_by = \"1 Pa\", within = \"0s\" }", "a window lasts more");
        check("{}", "when = { starts_more_than = 3, per = \"1h\" }", "when.of: starts_more_than");
        let many = "when = { starts_more_than = 64, of = \"active\", per = \"1h\" }";
        check("{}", many, "fewer than 64 can be counted");
        let centre = "when = { starts_more_than = 3, of = \"active\", per = \"1h\" }";
        check("{ what = \"gateways\" }", centre, "a rule on gateways runs in centre time");
    }

    #[test]
    fn a_hazard_is_proven_for_half_an_hour_where_nothing_else_is_written() {
        let rulebook = rulebook("{}", "when = { has_state = \"fault\" }").expect("a rulebook");
        let rule = rulebook.rule(&RuleId::parse("X1").expect("an id")).expect("a rule");
        assert_eq!(rule.steps[0].clear_for, Millis::seconds(1_800));
        assert_eq!(rule.steps[0].held_for, Millis::ZERO);
    }

    #[test]
    fn the_two_clocks_are_never_mixed() {
        let when = "when = { any_of = [{ has_state = \"fault\" }, { blind_for = \"30s\" }] }";
        check("{}", when, "any_of[1].blind_for: blind_for runs in centre time");
        check("{ what = \"gateways\" }", when, "any_of[0].has_state: a rule on gateways runs");
    }

    #[test]
    fn silence_never_proves_calm() {
        let when = |proof| format!("when = {{ blind_for = \"90s\" }}\nclear_for = \"{proof}\"");
        check("{ what = \"gateways\" }", &when("90s"), "silence itself would prove calm");
        assert!(rulebook("{ what = \"gateways\" }", &when("91s")).is_ok());
    }

    #[test]
    fn a_limit_is_held_against_its_own_quantity_only() {
        let when = "when = { below = \"0.1 MPa\" }";
        check("{}", when, "when.below: a limit needs the `unit` of its points named");
        check("{ unit = \"m\" }", when, "\"0.1 MPa\" is no number in m");
        check("{ unit = \"Pa\" }", "when = { below = \"much Pa\" }", "is no number in Pa or MPa");
    }

    #[test]
    fn a_misspelt_word_is_told_with_the_known_ones() {
        check("{}", "when = { has_state = \"fier\" }", "known: fire, prealarm");
        check("{}", "when = { bellow = \"1 Pa\" }", "exactly one of below, above");
        let two = "when = { has_state = \"fire\", quality_is = \"stuck\" }";
        check("{}", two, "exactly one of below, above");
        check("{ what = \"all\" }", "when = { has_state = \"fire\" }", "known: points, discrete");
        check(
            "{}",
            "when = { has_state = \"fire\" }\nfro = \"5s\"",
            "step[0].fro: there is no such",
        );
    }

    /// Expects a mistake at each of these paths of the rule, and none beside them.
    #[track_caller]
    fn check_paths(applies_to: &str, step: &str, expected: &[&str]) {
        let mistakes = rulebook(applies_to, step).expect_err("mistakes");
        let paths: Vec<&str> = mistakes
            .0
            .iter()
            .map(|mistake| mistake.path.strip_prefix("rule[0].").unwrap_or(&mistake.path))
            .collect();
        assert_eq!(paths, expected, "{mistakes}");
    }

    #[test]
    fn a_mistake_neither_hides_another_nor_makes_one_of_what_is_good() {
        let fault = "when = { has_state = \"fault\" }";
        let kinds = |unit: &str| format!("{{ unit = \"{unit}\", tags = [\"x\"] }}");
        check_paths(&kinds("bar"), fault, &["applies_to.unit"]);
        let twice = "{ systems = 1, unit = \"bar\", tags = 2 }";
        let told = ["applies_to.systems", "applies_to.tags", "applies_to.unit"];
        check_paths(twice, fault, &told);
        let misspelt = "{ what = \"pionts\", unit = \"bar\", tags = [] }";
        check_paths(misspelt, fault, &["applies_to.unit", "applies_to.what"]);
        check_paths("{ what = 1, tags = [] }", fault, &["applies_to.what"]);

        let pascal = "{ unit = \"Pa\" }";
        let band = "when = { outside = \"1 Pa\", or = [\"1 Pa\"] }";
        check_paths(pascal, band, &["step[0].when.or", "step[0].when.outside"]);
        let band = "when = { outside = \"1 Pa\", or = [\"1 Pa\", \"2 Pa\"] }";
        check_paths(pascal, band, &["step[0].when.outside"]);
        let starts = "when = { starts_more_than = \"x\", of = \"fier\", per = \"0s\" }";
        let told = ["step[0].when.of", "step[0].when.per", "step[0].when.starts_more_than"];
        check_paths("{}", starts, &told);
        let two = "when = { below = \"1 Pa\", falls_by = \"1 Pa\", within = \"1h\" }";
        check_paths(pascal, two, &["step[0].when.falls_by"]);
        check_paths("{}", "when = { all_of = 1 }", &["step[0].when.all_of"]);

        let calm =
            format!("{fault}\nclear_when = {{ has_state = \"fier\" }}\nclear_for = \"soon\"");
        check_paths("{}", &calm, &["step[0].clear_for", "step[0].clear_when.has_state"]);
        let calm = calm.replace("soon", "5s");
        check_paths("{}", &calm, &["step[0].clear_when.has_state"]);
    }

    #[test]
    fn a_condition_that_stands_too_deep_is_told_once() {
        let deep =
            format!("{}{{ has_state = \"fault\" }}{}", "{ not = ".repeat(17), " }".repeat(17));
        let told = format!("step[0].when.{}has_state", "not.".repeat(17));
        check_paths("{}", &format!("when = {deep}"), &[&told]);
    }

    #[test]
    fn a_misspelt_companion_is_told_with_the_known_ones() {
        let fall = "when = { falls_by = \"1 Pa\", witin = \"1h\" }";
        check(
            "{ unit = \"Pa\" }",
            fall,
            "witin: there is no such key; known here: falls_by, or, within",
        );
        let starts = "when = { starts_more_than = 3, fo = \"active\", per = \"1h\" }";
        check("{}", starts, "fo: there is no such key; known here: of, per, starts_more_than");
    }

    #[test]
    fn a_proof_is_not_judged_by_an_effect_that_is_not_known() {
        let fire = include_str!("../../rulebook/fire.toml");
        let silence = include_str!("../../rulebook/silence.toml");
        let files = |silence: String| [("a.toml".into(), fire.into()), ("b.toml".into(), silence)];
        let (effect, proof) = ("effect = \"hazard\"", "clear_for = \"30min\"\n");
        assert!(silence.contains(effect) && silence.contains(proof), "another rule is needed");
        let silence = silence.replace(effect, "effect = \"hazrad\"").replace(proof, "");
        let mistakes = read(&files(silence)).expect_err("mistakes");
        assert!(mistakes.0.iter().all(|mistake| mistake.path.ends_with("effect")), "{mistakes}");
    }

    #[test]
    fn all_mistakes_of_all_files_are_told_at_once() {
        let one = "[[rule]]\nid = \"1\"";
        let files = [("one.toml".to_owned(), one.to_owned()), ("two.toml".into(), "[[".into())];
        let mistakes = read(&files).expect_err("mistakes");
        let paths: Vec<String> =
            mistakes.0.iter().map(|mistake| format!("{} {}", mistake.file, mistake.path)).collect();
        assert_eq!(
            paths,
            [
                "one.toml rule[0].advice",
                "one.toml rule[0].applies_to",
                "one.toml rule[0].basis",
                "one.toml rule[0].id",
                "one.toml rule[0].kind",
                "one.toml rule[0].name",
                "one.toml rule[0].step",
                "two.toml ",
            ]
        );
    }

    #[test]
    fn a_rulebook_that_lets_a_fire_pass_is_refused() {
        let water = include_str!("../../rulebook/water.toml");
        let mistakes = read(&[("water.toml".into(), water.into())]).expect_err("a mistake");
        assert!(mistakes.to_string().contains("no rule raises an alarm of kind \"fire\""));
    }

    #[test]
    fn two_rules_never_share_an_id() {
        let fire = include_str!("../../rulebook/fire.toml");
        let twice = [("a.toml".into(), fire.into()), ("b.toml".into(), fire.into())];
        let mistakes = read(&twice).expect_err("mistakes");
        assert_eq!(mistakes.0.len(), 3);
    }

    #[test]
    fn what_stands_beside_says_which_points_share_what_and_on_how_many() {
        let calm = "clear_when = { above = \"1 Pa\" }\n";
        let low = "when = { below = \"1 Pa\" }\n";
        let beside = |what: &str| format!("{low}{calm}beside = [{{ {what} }}]");
        let pump = "parts = [91], shares = \"gateway\"";
        let runs = "{ has_state = \"active\" }";
        let good = rulebook("{ unit = \"Pa\" }", &beside(&format!("{pump}, none = {runs}")));
        let rulebook = good.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let rule = rulebook.rule(&RuleId::parse("X1").expect("an id")).expect("a rule");
        assert_eq!(rule.steps[0].beside.len(), 1);
        for (what, told) in [
            (pump.to_owned(), "step[0].beside[0]: either `any` or `none`"),
            (format!("{pump}, any = {runs}, none = {runs}"), "either `any` or `none`"),
            (format!("parts = [91], any = {runs}"), "beside[0].shares: this key is missing"),
            (format!("shares = \"device\", any = {runs}"), "beside[0]: say which points"),
            (format!("parts = [91], shares = \"house\", any = {runs}"), "\"house\" is not known"),
            (format!("{pump}, any = {{ below = \"1 m\" }}"), "the `unit` of its points named"),
            (format!("{pump}, any = {{ blind_for = \"1s\" }}"), "blind_for runs in centre time"),
            (format!("{pump}, any = {runs}, for = \"1s\""), "beside[0].for"),
        ] {
            check("{ unit = \"Pa\" }", &beside(&what), told);
        }
        let beside =
            format!("when = {{ has_state = \"fire\" }}\nbeside = [{{ {pump}, any = {runs} }}]");
        check("{ what = \"discrete\" }", &beside, "only a rule on points of the catalogue");
        let unsaid = format!("{low}beside = [{{ {pump}, none = {runs} }}]");
        check("{ unit = \"Pa\" }", &unsaid, "clear_when: say what proves calm");
    }

    #[test]
    fn a_cause_is_the_kind_of_a_rule_and_never_comes_round_to_itself() {
        let file = |causes: [&str; 3]| {
            let rules = ["a", "b", "c"].into_iter().zip(causes).map(|(kind, causes)| {
                format!(
                    "[[rule]]\nid = \"{kind}\"\nkind = \"{kind}\"\nname = {{ zh = \"\", en = \"\" }}\n\
                     basis = \"\"\nadvice = {{ zh = \"\", en = \"\" }}\napplies_to = {{}}\n\
                     caused_by = [{causes}]\n[[rule.step]]\nname = \"s\"\nseverity = \"info\"\n\
                     effect = \"note\"\nwhen = {{ has_state = \"fault\" }}\n"
                )
            });
            rules.collect::<String>()
        };
        let fire = include_str!("../../rulebook/fire.toml");
        let told = |causes: [&str; 3]| {
            let files = [("fire.toml".into(), fire.into()), ("x.toml".into(), file(causes))];
            let alone =
                read(&files).map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
            let shipped = Rulebook::shipped();
            let over = shipped.overlaid("x.toml", &file(causes));
            assert_eq!(over.map_or_else(|told| told.to_string(), |_| String::new()), alone);
            alone
        };
        assert_eq!(told(["\"b\", \"c\"", "\"c\"", ""]), "");
        assert!(told(["\"b\", \"d\"", "", ""]).contains("rule[0].caused_by[1]: no rule has"));
        assert!(told(["", "\"b\"", ""]).contains("rule[1].caused_by[0]: \"b\" is itself"));
        let circle = told(["\"b\"", "\"c\"", "\"a\""]);
        let places = ["rule[0].caused_by[0]", "rule[1].caused_by[0]", "rule[2].caused_by[0]"];
        assert!(places.iter().all(|place| circle.contains(place)), "{circle}");
    }

    #[test]
    fn a_site_cannot_take_away_a_kind_that_others_name() {
        let silence = include_str!("../../rulebook/silence.toml").replace("gateway-silent", "mute");
        let silence = silence.replace("caused_by = [\"mute\"]\n", "");
        let first = silence.find("id = \"C1-GATEWAY\"").expect("the rule");
        let alone = format!("[[rule]]\n{}", &silence[first..]);
        let mistakes = Rulebook::shipped().overlaid("site.toml", &alone).expect_err("a mistake");
        let told = "C1-DEVICE.caused_by[0]: no rule has the kind \"gateway-silent\"";
        assert!(mistakes.to_string().contains(told), "{mistakes}");
    }

    #[test]
    fn a_revision_changes_with_its_rule_and_only_with_it() {
        let with = |held| {
            let step = format!("when = {{ has_state = \"fault\" }}\nfor = \"{held}\"");
            rulebook("{}", &step).expect("a rulebook")
        };
        let (one, other) = (with("5s"), with("6s"));
        let revision = |rulebook: &Rulebook, id| {
            rulebook.rule(&RuleId::parse(id).expect("an id")).expect("a rule").revision
        };
        assert_eq!(revision(&one, "FIRE"), revision(&other, "FIRE"));
        assert_ne!(revision(&one, "X1"), revision(&other, "X1"));
        assert_ne!(one.revision(), other.revision());
        assert_eq!(one.revision(), with("5s").revision());
    }
}
