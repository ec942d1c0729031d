//! How the log is written.

use serde_json::Value;

use crate::program::Program;

fn logging(format: &str) -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start_with(folder, |text| text, &["--log-format", format]);
    program.wait_until("it says that it began", || program.log().contains("Gateway started."));
    program
}

#[test]
fn json_is_one_object_a_line_with_a_sentence_and_its_fields() {
    let program = logging("json");
    let log = program.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    let begun = lines.iter().find(|line| line["message"] == "Gateway started.");
    assert_eq!(begun.expect("the line")["devices"], 2);
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
}

#[test]
fn a_box_without_a_journal_says_so_and_logs_as_text() {
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        println!("there is a journal here: nothing to fall back from");
        return;
    }
    let log = logging("journald").log();
    assert!(log.contains("There is no journal, the log goes to the standard error."), "{log}");
}
