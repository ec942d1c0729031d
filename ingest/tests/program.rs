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

#[test]
fn a_registry_goes_in_and_out_of_the_tables_unless_files_are_its_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write(
        "ingest.toml",
        "region = \"county\"\ndata = \"data\"\nlisten = \"127.0.0.1:0\"\n\
         [[broker]]\naddress = \"127.0.0.1:1\"\n",
    );
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    write("in/grids.csv", "编号,名称,级别,上级\ncounty,示范县,区域,\nl1,一镇,大,county\n");
    let settings = place("ingest.toml");
    let import = |more: &[&str], sheets: &str| {
        let sheets = place(sheets);
        let mut line = vec!["import", "--settings", settings.as_str()];
        line.extend(more);
        line.push(&sheets);
        let output = ingest(&line, &[]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = import(&["--dry-run"], "in");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("grids.csv 第 3 行 line 3 level: \"大\" 不在列表中"), "{told}");
    write("in/grids.csv", "编号,名称,级别,上级\ncounty,示范县,区域,\nl1,一镇,大网格,county\n");
    let (code, told) = import(&["--dry-run"], "in");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("网格 grids: 新增 new 2"), "{told}");
    let held = std::fs::create_dir_all(folder.path().join("data"))
        .and_then(|()| std::fs::File::create(folder.path().join("data/lock")))
        .expect("a file");
    held.lock().expect("as a centre that runs holds it");
    assert_eq!(import(&[], "in").0, Some(1), "a centre runs");
    drop(held);
    assert_eq!(import(&[], "in").0, Some(0));
    let out = place("out");
    let output = ingest(&["export", "--settings", &settings, "--encoding", "gb18030", &out], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (code, told) = import(&["--encoding", "gb18030", "--dry-run"], "out");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("网格 grids: 新增 new 0 · 变更 changed 0"), "{told}");
    let refused = ingest(&["import", "--settings", &shipped(), &out], &[]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("registry-from-files"), "{told}");
}
