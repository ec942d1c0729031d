//! The shipped rules do what their authors meant: every scenario file, every decision.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::scenario::{Outcome, Scenarios, Shows};

fn play(file: &str, text: &str) -> Vec<Outcome> {
    let scenarios = Scenarios::read(file, text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    scenarios.play(&Arc::new(Rulebook::shipped()))
}

/// The shipped scenario files: name and text.
fn shipped() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the scenarios' folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let read = files.iter().map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a scenario"))
    });
    read.collect()
}

#[test]
fn the_shipped_rules_do_what_their_scenarios_list() {
    let outcomes: Vec<Outcome> =
        shipped().iter().flat_map(|(name, text)| play(name, text)).collect();
    let failed: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.is_good()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    assert!(outcomes.len() >= 270, "only {} scenarios were found", outcomes.len());
}

#[test]
fn every_shipped_rule_is_shown_in_every_way_that_applies_to_it() {
    let mut shown = BTreeSet::new();
    for (name, text) in shipped() {
        let scenarios = Scenarios::read(&name, &text).unwrap_or_else(|told| panic!("{told}"));
        shown.extend(scenarios.shown().map(|(rule, shows)| (rule.to_string(), shows)));
    }
    let rulebook = Rulebook::shipped();
    let missing: Vec<String> = rulebook
        .rules()
        .iter()
        .flat_map(|rule| Shows::ALL.iter().map(move |shows| (rule, *shows)))
        .filter(|(rule, shows)| shows.applies_to(rule))
        .filter(|(rule, shows)| !shown.contains(&(rule.id.to_string(), *shows)))
        .map(|(rule, shows)| format!("{} {shows}", rule.id))
        .collect();
    assert!(missing.is_empty(), "no scenario shows {}", missing.join(", "));
    for (rule, _) in &shown {
        let known = rulebook.rules().iter().any(|known| known.id.as_str() == rule);
        assert!(known, "{rule} is shown and not shipped");
    }
}

#[test]
fn every_shipped_step_is_raised_in_some_scenario() {
    let texts: Vec<String> = shipped().into_iter().map(|(_, text)| text).collect();
    for rule in Rulebook::shipped().rules() {
        for step in &rule.steps {
            let raised = format!(" {} {} raised", rule.id, step.name);
            assert!(texts.iter().any(|text| text.contains(&raised)), "no scenario has{raised}");
        }
    }
}

const FIRE: &str = r#"
    [[point]]
    name = "facp1/L1D001"

    [[scenario]]
    title = "A fire."
    step = [{ at = "0s", start = "a", read = { "facp1/L1D001" = "fire" } }]
    expect = EXPECT
"#;

#[track_caller]
fn check(expect: &str, differences: &[&str]) {
    let outcomes = play("fire.toml", &FIRE.replace("EXPECT", expect));
    let found: Vec<String> = outcomes[0].differences.iter().map(ToString::to_string).collect();
    assert_eq!(found, differences);
}

#[test]
fn a_decision_that_is_not_listed_fails_and_so_does_one_that_is_missing() {
    check(r#"["0s facp1/L1D001 FIRE fire raised"]"#, &[]);
    check("[]", &[r#"not listed: "0s facp1/L1D001 FIRE fire raised""#]);
    check(
        r#"["0s facp1/L1D001 FIRE fire raised", "5s facp1/L1D001 FIRE fire calmed"]"#,
        &[r#"missing:    "5s facp1/L1D001 FIRE fire calmed""#],
    );
    check(
        r#"["0s facp1/L1D001 FIRE fire raised historical"]"#,
        &[
            r#"not listed: "0s facp1/L1D001 FIRE fire raised""#,
            r#"missing:    "0s facp1/L1D001 FIRE fire raised historical""#,
        ],
    );
}

#[test]
fn all_mistakes_of_a_scenario_file_are_told_at_once() {
    let text = r#"
        [[point]]
        name = "pressure"

        [[scenario]]
        title = "Wrong."
        expect = []
        step = [{ at = "soon", red = {} }, { at = "1min", may_close = { rule = "W1" } }]
    "#;
    let mistakes = Scenarios::read("wrong.toml", text).expect_err("mistakes");
    let paths: Vec<&str> = mistakes.0.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "point[0].name",
            "scenario[0].step[0].at",
            "scenario[0].step[0].red",
            "scenario[0].step[1].may_close.answer",
        ]
    );
}

#[test]
fn what_a_story_shows_is_shown_of_a_rule_of_its_file_and_happens_in_it() {
    let told = |rules: &str, keys: &str| {
        let text = format!(
            "rules = [{rules}]\n[[scenario]]\ntitle = \"One.\"\n{keys}\nexpect = []\n\
             step = [{{ at = \"0s\" }}]"
        );
        Scenarios::read("one.toml", &text).map_or_else(|told| told.to_string(), |_| String::new())
    };
    assert_eq!(told("\"W1\"", "shows = \"at\""), "");
    assert_eq!(told("\"W1\", \"W2\"", "shows = \"at\"\nrule = \"W2\""), "");
    assert!(told("\"W1\"", "shows = \"beneath\"").contains("known: below, at, above"));
    assert!(told("\"W1\", \"W2\"", "shows = \"at\"").contains("say of which `rule`"));
    assert!(told("", "shows = \"at\"").contains("say of which `rule`"));
    let other = told("\"W1\"", "shows = \"at\"\nrule = \"W2\"");
    assert!(other.contains("W2 is not among the `rules` of this file"), "{other}");
    assert!(told("\"W1\"", "rule = \"W1\"").contains("say what of it the story `shows`"));
    assert!(told("\"W1\"", "shows = \"restart\"").contains("no restart"));
    assert!(told("\"W1\"", "shows = \"faulty\"").contains("no reading that proves nothing"));
}
