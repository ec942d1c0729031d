//! Wrong settings are told with file and key path, all at once, and nothing starts.

use std::path::Path;
use std::process::{Command, Output};

use system_tests::{World, program, settings_from};
use toml::Value;

/// Writes settings, lets a program look at them, and expects refusal with all these hints.
#[track_caller]
fn check_refused(name: &str, program_name: &str, settings: &str, hints: &[&str]) {
    let world = World::new();
    let path = world.path(name);
    std::fs::write(&path, settings).expect("settings can be written");
    for command in ["check", "run"] {
        let output = launch(program_name, command, &path);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        for hint in hints.iter().chain([&name]) {
            assert!(told.contains(hint), "{command} does not tell {hint:?}:\n{told}");
        }
    }
}

fn launch(program_name: &str, command: &str, settings: &Path) -> Output {
    Command::new(program(program_name))
        .arg(command)
        .arg("--settings")
        .arg(settings)
        .output()
        .expect("make test has built the programs")
}

#[test]
fn every_mistake_of_a_gateway_is_told_at_once() {
    let mut settings = settings_from("gateway.toml");
    settings["broker"]["address"] = Value::from("not an address");
    settings["line"][0]["address"] = Value::from("127.0.0.1:99999");
    settings["line"][0].as_table_mut().expect("a line").insert("tiemout".into(), "1s".into());
    let devices = settings["line"][0]["device"].as_array_mut().expect("devices");
    devices[0]["profile"] = Value::from("no-such-panel");
    devices[1]["point"] = Value::Array(vec![
        toml::toml! { name = "pressure" }.into(),
        toml::toml! { name = "pressure" }.into(),
    ]);
    devices[2]["unit_id"] = Value::from(2);
    devices.push(devices[2].clone());
    let hints = [
        "broker.address",
        "line[0].address",
        "line[0].tiemout",
        "line[0].device[0].profile",
        "no-such-panel",
        "line[0].device[1].point[1]",
        "line[0].device[2].unit_id",
        "line[0].device[3].name",
    ];
    check_refused("gateway.toml", "firegrid-gateway", &settings.to_string(), &hints);
}

#[test]
fn every_mistake_of_an_ingest_is_told_at_once() {
    let mut settings = settings_from("ingest.toml");
    settings["region"] = Value::from("no region");
    settings["listen"] = Value::from("0.0.0.0:8080");
    settings["broker"][0]["address"] = Value::from("127.0.0.1");
    settings["registry"]["grids"] = Value::from("missing.csv");
    settings.insert("serise".into(), Value::from(1));
    let hints =
        ["region", "listen", "no accounts yet", "broker[0].address", "missing.csv", "serise"];
    check_refused("ingest.toml", "firegrid-ingest", &settings.to_string(), &hints);
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let text = "region = \"demo-county\"\ngateway = = \"mall-01\"\n";
    for program_name in ["firegrid-gateway", "firegrid-ingest"] {
        check_refused("broken.toml", program_name, text, &["line 2"]);
    }
}

#[test]
fn the_shipped_settings_are_good() {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings");
    for (program_name, file) in
        [("firegrid-gateway", "gateway.toml"), ("firegrid-ingest", "ingest.toml")]
    {
        let output = launch(program_name, "check", &settings.join(file));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
