//! The shipped rules do what their authors meant: every scenario file, every decision.

use std::path::Path;
use std::sync::Arc;

use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::scenario::{Outcome, Scenarios};

fn play(file: &str, text: &str) -> Vec<Outcome> {
    let scenarios = Scenarios::read(file, text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    scenarios.play(&Arc::new(Rulebook::shipped()))
}

#[test]
fn the_shipped_rules_do_what_their_scenarios_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the scenarios' folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let outcomes: Vec<Outcome> = files
        .iter()
        .flat_map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            play(&name, &std::fs::read_to_string(path).expect("a scenario"))
        })
        .collect();
    let failed: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.is_good()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    assert!(outcomes.len() >= 40, "only {} scenarios were found", outcomes.len());
}

#[test]
fn every_shipped_step_is_raised_in_some_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let texts: Vec<String> = std::fs::read_dir(folder)
        .expect("the scenarios' folder")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a text"))
        .collect();
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
