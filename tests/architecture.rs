//! The house keeps its walls: who may use what, who reads a clock, how long a file may be.
//!
//! What is held here is told in ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our crates, and which of ours each may use.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("wire", &[]),
    ("rules", &["firegrid-wire"]),
    ("gateway", &["firegrid-wire"]),
    ("ingest", &["firegrid-wire", "firegrid-rules"]),
    ("deploy/demo", &["firegrid-gateway", "firegrid-ingest", "firegrid-rules", "firegrid-wire"]),
    ("tests", &["firegrid-gateway", "firegrid-ingest", "firegrid-rules", "firegrid-wire"]),
];

/// Third-party crates, and the only sources in which their names may stand.
const FENCES: [(&str, &[&str]); 11] = [
    ("tokio_modbus", &["gateway/src/line/", "gateway/src/simulate", "gateway/tests/", "tests/"]),
    ("rumqttc", &["gateway/src/uplink/mqtt.rs", "ingest/src/intake/subscriber.rs", "tests/"]),
    ("influxdb2", &["ingest/src/series/influx.rs"]),
    ("reqwest", &["ingest/src/series/influx.rs"]),
    ("rusqlite", &["ingest/src/series/"]),
    ("sqlx", &["ingest/src/storage/"]),
    ("rumqttd", &["deploy/demo/"]),
    ("tokio_serial", &["gateway/src/line/", "gateway/tests/", "tests/"]),
    ("rustls", &["gateway/src/uplink/tls.rs"]),
    ("hyper", &["gateway/src/status/http.rs"]),
    ("sd_notify", &["gateway/src/systemd.rs"]),
];

/// Files longer than [`LONGEST`] lines without their tests, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// A file of more lines than this is split.
const LONGEST: usize = 500;

/// Situations of PROTOCOL §6 that no test names yet.
const NOT_YET_NAMED: [u8; 0] = [];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "helpers", "common", "manager", "types", "misc"];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder").to_owned()
}

/// Every Rust source of the project: its path from the top, and its text.
fn sources() -> Vec<(String, String)> {
    let top = project();
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        MAY_USE.iter().map(|(member, _)| top.join(member)).filter(|path| path.exists()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map_while(Result::ok) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let place = path.strip_prefix(&top).expect("below the top");
                found.push((place.display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 20, "the sources are not where they were: {}", found.len());
    found.sort();
    found
}

/// The lines of a source before its tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

#[track_caller]
fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn dependencies_point_one_way() {
    let mut found = Vec::new();
    for (member, allowed) in MAY_USE {
        let manifest = std::fs::read_to_string(project().join(member).join("Cargo.toml"));
        let manifest: toml::Table = manifest.expect("a manifest").parse().expect("TOML");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(section).and_then(toml::Value::as_table);
            for name in names.into_iter().flatten().map(|(name, _)| name) {
                if name.starts_with("firegrid-") && !allowed.contains(&name.as_str()) {
                    found.push(format!("{member} must not use {name}"));
                }
            }
        }
    }
    none(found);
}

#[test]
fn third_party_crates_stay_behind_their_fences() {
    let mut found = Vec::new();
    for (place, text) in sources().iter().filter(|(place, _)| place != "tests/architecture.rs") {
        for (name, allowed) in FENCES {
            if allowed.iter().any(|prefix| place.starts_with(prefix)) {
                continue;
            }
            let uses = code(text).filter(|(_, line)| line.contains(&format!("{name}::")));
            found.extend(uses.map(|(number, _)| format!("{place}:{number}: {name}")));
        }
    }
    none(found);
}

#[test]
fn the_judgement_has_no_runtime_in_its_tree() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "firegrid-rules", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--locked"])
        .current_dir(project())
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let names: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("firegrid-wire"), "{tree}");
    for runtime in ["tokio", "mio", "sqlx", "rusqlite", "axum", "rumqttc"] {
        assert!(!names.contains(runtime), "rules brings in {runtime}");
    }
}

#[test]
fn only_the_clock_reads_a_clock() {
    let mut found = Vec::new();
    for (place, text) in sources() {
        let exempt = place.ends_with("/clock.rs")
            || place.starts_with("tests/")
            || place.contains("/tests/")
            || place.contains("/benches/");
        if exempt {
            continue;
        }
        let reads = code(&text)
            .filter(|(_, line)| line.contains("Instant::now") || line.contains("SystemTime::now"));
        found.extend(reads.map(|(number, line)| format!("{place}:{number}: {}", line.trim())));
    }
    none(found);
}

#[test]
fn nobody_writes_to_a_fire_panel() {
    const WRITES: [&str; 8] = [
        "Writer",
        "write_single",
        "write_multiple",
        "masked_write",
        "read_write_multiple",
        "WriteSingle",
        "WriteMultiple",
        "MaskWrite",
    ];
    let mut found = Vec::new();
    for (place, text) in sources() {
        if !place.starts_with("gateway/src/line") {
            continue;
        }
        for (number, line) in code(&text) {
            if WRITES.iter().any(|word| line.contains(word)) {
                found.push(format!("{place}:{number}: {}", line.trim()));
            }
        }
    }
    none(found);
}

#[test]
fn no_file_grows_with_every_feature() {
    let exceptions: Vec<&str> = LONG_FILES.iter().map(|(place, _)| *place).collect();
    let is_tests = |place: &str| place.contains("/tests/") || place.ends_with("tests.rs");
    let long = sources().into_iter().filter_map(|(place, text)| {
        if is_tests(&place) {
            return None;
        }
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        (LONGEST < lines && !exceptions.contains(&place.as_str()))
            .then(|| format!("{place}: {lines} lines"))
    });
    none(long.collect());
}

#[test]
fn a_file_is_named_by_what_it_holds() {
    let empty = sources().into_iter().map(|(place, _)| place).filter(|place| {
        let stem = Path::new(place).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        stem.is_some_and(|stem| EMPTY_NAMES.contains(&stem.as_str()))
    });
    none(empty.collect());
}

#[test]
fn every_warning_has_its_heading_in_the_runbook() {
    let runbook = std::fs::read_to_string(project().join("deploy/RUNBOOK.md")).expect("a runbook");
    let headings: BTreeSet<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut sentences = BTreeSet::new();
    for (place, text) in sources() {
        if place.starts_with("gateway/src") || place.starts_with("ingest/src") {
            let code: Vec<&str> = code(&text).map(|(_, line)| line).collect();
            sentences.extend(warnings(&code.join("\n")));
        }
    }
    assert!(sentences.len() > 30, "the log lines are not where they were: {sentences:?}");
    let missing = sentences.iter().filter(|sentence| !headings.contains(sentence.as_str()));
    none(missing.map(|sentence| format!("no heading: {sentence}")).collect());
    let stale = headings.iter().filter(|heading| !sentences.contains(**heading));
    none(stale.map(|heading| format!("nothing says: {heading}")).collect());
}

/// A situation of PROTOCOL §6 is a test that says so in its doc comment, `/// PROTOCOL §6.7.`, or
/// a scenario of the rules whose title begins with its number.
#[test]
fn every_situation_of_the_protocol_is_a_named_test() {
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        let mut marked = BTreeSet::new();
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("/// PROTOCOL ") {
                let numbers = comment.split("§6.").skip(1);
                marked.extend(numbers.filter_map(leading_number));
            } else if line.contains("fn ") {
                found.append(&mut marked);
            } else if !line.starts_with("#[") && !line.starts_with("///") {
                marked.clear();
            }
        }
    }
    let scenarios = std::fs::read_to_string(project().join("rules/scenarios/holes.toml"));
    for line in scenarios.expect("the scenarios").lines() {
        let title = line.strip_prefix("title = \"").and_then(|title| title.split_once(": "));
        let numbers = title.map_or("", |(numbers, _)| numbers).split(", ");
        found.extend(numbers.filter_map(|number| number.parse::<u8>().ok()));
    }
    let missing: Vec<u8> = (1..=20)
        .filter(|number| !found.contains(number) && !NOT_YET_NAMED.contains(number))
        .collect();
    assert!(missing.is_empty(), "these situations of PROTOCOL §6 have no test: {missing:?}");
}

fn leading_number(text: &str) -> Option<u8> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

/// The constant sentences of WARN and ERROR lines, without their full stop. A call that has none,
/// or is written in a way that cannot be read here, is told in place of its sentence.
fn warnings(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for level in ["warn!", "error!", "event!"] {
        for (at, _) in code.match_indices(level) {
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let texts = texts_of_call(&code[at + level.len()..]).unwrap_or_default();
            let sentence = texts.iter().rev().find_map(|text| text.strip_suffix('.'));
            let start: String = code[at..].chars().take(60).collect();
            let told = sentence.filter(|_| level != "event!").map(str::to_owned);
            found.push(told.unwrap_or(format!("(no sentence in {start:?})")));
        }
    }
    found
}

/// The text literals of a call that begins here with its parenthesis, as far as it goes.
fn texts_of_call(code: &str) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    let mut depth = 0;
    let mut letters = code.strip_prefix('(').map(|rest| rest.chars())?;
    loop {
        match letters.next()? {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return Some(texts),
            ')' | ']' | '}' => depth -= 1,
            '"' => {
                let mut text = String::new();
                loop {
                    match letters.next()? {
                        '\\' => text.push(letters.next()?),
                        '"' => break,
                        letter => text.push(letter),
                    }
                }
                texts.push(text);
            }
            _ => {}
        }
    }
}

#[test]
fn a_warning_is_found_however_it_is_written() {
    let found = |code: &str| warnings(code);
    assert_eq!(
        found("tracing::warn!(\n    a = f(1),\n    \"The disk is slow.\"\n)"),
        ["The disk is slow"]
    );
    assert_eq!(found("x => tracing::error!(%e, \"Lost.\"), y => g(\"Other.\")"), ["Lost"]);
    for hidden in
        ["warn!(\"no stop\")", "error!{\"Braced.\"}", "tracing::event!(Level::WARN, \"A.\")"]
    {
        assert!(found(hidden)[0].starts_with("(no sentence"), "{hidden}");
    }
}
