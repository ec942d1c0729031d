//! The program as people call it: what it prints and how it ends.

use std::path::Path;
use std::process::{Command, Output};

fn ingest(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firegrid-ingest"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the program can be started")
}

fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings/ingest.toml");
    path.display().to_string()
}

#[test]
fn good_settings_are_explained_and_nothing_is_started() {
    let output = ingest(&["check", "--settings", &shipped()], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("设置正确"), "{said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_firegrid-ingest"))
        .args(["check", "--settings", &shipped()])
        .stdout(writer)
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn wrong_settings_end_both_commands_with_2_and_every_mistake() {
    let wrong = [
        ("FIREGRID_INGEST__LISTEN", "0.0.0.0:8080"),
        ("FIREGRID_INGEST__SERIES__KEEP_DAYS", "many"),
        ("FIREGRID_INGEST__REGISTRY__UNITS", "nowhere.csv"),
    ];
    for command in ["check", "run"] {
        let output = ingest(&[command, "--settings", &shipped()], &wrong);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        for part in [
            "FIREGRID_INGEST__LISTEN: listen: 0.0.0.0:8080 can be reached",
            "FIREGRID_INGEST__SERIES__KEEP_DAYS: series.keep_days: \"many\" is no number",
            "nowhere.csv: this cannot be read",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_a_failure_not_a_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("written");
    let data = file.join("data").display().to_string();
    let environment = [("FIREGRID_INGEST__DATA", data.as_str())];
    let output = ingest(&["run", "--settings", &shipped()], &environment);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_copy_of_the_tables_is_made_once_and_its_start_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let copy = folder.path().join("copy.db").display().to_string();
    let environment = [("FIREGRID_INGEST__DATA", data.as_str())];
    let nothing = ingest(&["backup", "--settings", &shipped(), &copy], &environment);
    assert_eq!(nothing.status.code(), Some(1), "there is nothing to copy: {nothing:?}");
    let marked = ingest(&["restored", "--settings", &shipped()], &environment);
    assert_eq!(marked.status.code(), Some(0), "{marked:?}");
    let copied = ingest(&["backup", "--settings", &shipped(), &copy], &environment);
    assert_eq!(copied.status.code(), Some(0), "{copied:?}");
    assert!(Path::new(&copy).exists());
    let again = ingest(&["backup", "--settings", &shipped(), &copy], &environment);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let url = [("FIREGRID_INGEST__STORAGE__URL", "postgres://me:secret@db.example/fire")];
    let server = ingest(&["backup", "--settings", &shipped(), "elsewhere.db"], &url);
    let told = String::from_utf8_lossy(&server.stderr);
    assert!(told.contains("pg_dump") && !told.contains("secret"), "{told}");
}
