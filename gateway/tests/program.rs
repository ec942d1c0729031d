//! The program as people call it: how it ends when nobody reads its answer.

use std::path::Path;
use std::process::{Command, Output};

/// Checks settings with the reader of both outputs gone.
fn check_unread(settings: &Path) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Command::new(env!("CARGO_BIN_EXE_firegrid-gateway"))
        .arg("check")
        .arg("--settings")
        .arg(settings)
        .stdout(writer.try_clone().expect("a second end"))
        .stderr(writer)
        .output()
        .expect("the program can be started")
}

#[test]
fn a_reader_that_has_seen_enough_changes_no_exit_code() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings/gateway.toml");
    assert_eq!(check_unread(&good).status.code(), Some(0));
    assert_eq!(check_unread(Path::new("nowhere.toml")).status.code(), Some(2));
}
