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

/// Checks settings; the exit code, and what was told on either output.
fn check(settings: &Path) -> (Option<i32>, String) {
    let checked = Command::new(env!("CARGO_BIN_EXE_firegrid-gateway"))
        .arg("check")
        .arg("--settings")
        .arg(settings)
        .output()
        .expect("the program can be started");
    let told = [checked.stdout, checked.stderr].concat();
    (checked.status.code(), String::from_utf8_lossy(&told).into_owned())
}

#[test]
fn the_mistakes_of_a_sheet_are_told_with_file_row_and_column() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings");
    let (code, told) = check(&shipped.join("gateway-sheets.toml"));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("4 台设备 devices，10 个点 points"), "{told}");

    let folder = tempfile::tempdir().expect("a folder");
    for file in ["gateway-sheets.toml", "gst.csv"] {
        std::fs::copy(shipped.join(file), folder.path().join(file)).expect("a copy");
    }
    let sheet = std::fs::read_to_string(shipped.join("contacts.csv")).expect("the sheet");
    let (sheet, _, _) = encoding_rs::GB18030.encode(sheet.trim_start_matches('\u{feff}'));
    let mut sheet = sheet.into_owned();
    let (more, _, _) = encoding_rs::GB18030.encode("smoke,烟感,3F,9,着火,常开,1,42,\n");
    sheet.extend_from_slice(&more);
    std::fs::write(folder.path().join("contacts.csv"), sheet).expect("a sheet");
    let (code, told) = check(&folder.path().join("gateway-sheets.toml"));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("contacts.csv: row 6, column 含义 (E): \"着火\" is no state"), "{told}");
}
