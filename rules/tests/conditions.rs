//! Conditions that look at what was before, in stories of their own rulebook.

use std::sync::Arc;

use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::scenario::Scenarios;

const RULES: &str = r#"
    [[rule]]
    id = "FALL"
    kind = "leak"
    name = { zh = "压力骤降", en = "Pressure drop" }
    basis = "[D]"
    advice = { zh = "查漏", en = "look for a leak" }
    applies_to = { unit = "Pa" }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { falls_by = "0.1 MPa", within = "10min" }, clear_for = "5min" }]

    [[rule]]
    id = "STARTS"
    kind = "jockey-starts"
    name = { zh = "稳压泵频繁启动", en = "Jockey pump starts often" }
    basis = "[D]"
    advice = { zh = "查漏", en = "look for a leak" }
    applies_to = { parts = [95] }
    step = [{ name = "hazard", severity = "general", effect = "hazard", when = { starts_more_than = 2, of = "active", per = "10min" }, clear_for = "5min" }]
"#;

const POINTS: &str = r#"
    [[device]]
    name = "riser"
    alarm_period = "500ms"
    analog_period = "1s"

    [[point]]
    name = "riser/pressure"
    unit = "Pa"

    [[point]]
    name = "riser/jockey"
    part = 95

    [[scenario]]
    title = "One."
"#;

#[track_caller]
fn check(steps: &str, expect: &[&str]) {
    let fire = include_str!("../rulebook/fire.toml");
    let files = [("fire.toml".into(), fire.into()), ("windows.toml".into(), RULES.into())];
    let rulebook = Rulebook::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let text = format!("{POINTS}\nstep = [{steps}]\nexpect = {expect:?}");
    let scenarios = Scenarios::read("one.toml", &text).unwrap_or_else(|told| panic!("{told}"));
    let outcomes = scenarios.play(&Arc::new(rulebook));
    assert!(outcomes[0].is_good(), "{}", outcomes[0]);
}

const BEGIN: &str = r#"{ at = "0s", start = "a", read = { "riser/pressure" = "0.50 MPa", "riser/jockey" = "normal" } },"#;

#[test]
fn a_fall_within_the_window_raises_and_is_calm_when_the_window_has_passed_it() {
    let steps = r#"
        { at = "20min", read = { "riser/pressure" = "0.45 MPa" } },
        { at = "25min", read = { "riser/pressure" = "0.40 MPa" } },
        { at = "45min" }
    "#;
    let expect = [
        "25min riser/pressure FALL hazard raised",
        "30min riser/pressure FALL hazard calmed",
        "35min riser/pressure FALL hazard cleared",
    ];
    check(&format!("{BEGIN}{steps}"), &expect);
}

#[test]
fn a_slow_fall_is_none() {
    let steps = r#"
        { at = "20min", read = { "riser/pressure" = "0.45 MPa" } },
        { at = "31min", read = { "riser/pressure" = "0.39 MPa" } },
        { at = "45min" }
    "#;
    check(&format!("{BEGIN}{steps}"), &[]);
}

#[test]
fn a_window_that_crosses_a_hole_is_unknown() {
    let low = "read = { \"riser/pressure\" = \"0.30 MPa\" }";
    let mended = "read = { \"riser/pressure\" = \"0.30 MPa\", \"riser/comm\" = \"normal\" }";
    let holes = [
        format!(
            "{{ at = \"20min\", stop = true }}, {{ at = \"20min 5s\", start = \"b\", {low} }},"
        ),
        format!(
            "{{ at = \"20min\", marker = {{ lane = \"routine\" }} }}, {{ at = \"20min 5s\", {low} }},"
        ),
        format!(
            "{{ at = \"20min\", read = {{ \"riser/comm\" = \"fault\" }} }}, {{ at = \"20min 5s\", {mended} }},"
        ),
        format!(
            "{{ at = \"20min\", cut = true }}, {{ at = \"20min 25s\", cut = false, {low}, from = \"20min 25s\" }},"
        ),
        format!(
            "{{ at = \"20min\", read = {{ \"riser/pressure\" = \"unknown\" }} }}, {{ at = \"20min 5s\", {low} }},"
        ),
    ];
    let later =
        "{ at = \"45min\", read = { \"riser/pressure\" = \"0.10 MPa\" } }, { at = \"46min\" }";
    for hole in holes {
        // Seen whole again, it is known again.
        check(&format!("{BEGIN}{hole}{later}"), &["45min riser/pressure FALL hazard raised"]);
    }
    let seen = format!("{{ at = \"20min\", {low} }}");
    check(&format!("{BEGIN}{seen}"), &["20min riser/pressure FALL hazard raised"]);
}

#[test]
fn starts_are_counted_within_the_window_over_a_restart_of_the_centre() {
    let steps = r#"
        { at = "20min", read = { "riser/jockey" = "active" } },
        { at = "20min 30s", read = { "riser/jockey" = "normal" } },
        { at = "22min", read = { "riser/jockey" = "active" } },
        { at = "22min 30s", read = { "riser/jockey" = "normal" }, restart = true },
        { at = "24min", read = { "riser/jockey" = "active" } },
        { at = "24min 30s", read = { "riser/jockey" = "normal" } },
        { at = "26min", restart = true },
        { at = "45min" }
    "#;
    let expect = [
        "24min riser/jockey STARTS hazard raised",
        "30min riser/jockey STARTS hazard calmed",
        "35min riser/jockey STARTS hazard cleared",
    ];
    check(&format!("{BEGIN}{steps}"), &expect);
}
