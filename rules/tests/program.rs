//! The program as people call it: how it ends when nobody reads its answer.

use std::process::Command;

#[track_caller]
fn check_unread(arguments: &[&str], code: i32) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_firegrid-rulecheck"))
        .args(arguments)
        .stdout(writer)
        .output()
        .expect("the program can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), told.as_ref()), (Some(code), ""), "{arguments:?}");
}

#[test]
fn a_reader_that_has_seen_enough_changes_no_exit_code() {
    check_unread(&["check"], 0);
    check_unread(&["check", "nowhere.toml"], 2);
}
