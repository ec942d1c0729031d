//! What the fuzzers have found worth keeping, run through what they fuzz.

#[path = "../../tests/fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

#[track_caller]
fn check(target: &str, fuzzed: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("a corpus");
    let mut count = 0;
    for file in files {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("its bytes");
        let run = std::panic::catch_unwind(|| fuzzed(&bytes));
        assert!(run.is_ok(), "{} breaks it", path.display());
        count += 1;
    }
    assert!(0 < count, "{} is empty", folder.display());
}

#[test]
fn no_registers_make_the_decoder_panic_or_lie() {
    check("decoder", targets::decoder);
}

#[test]
fn no_profile_file_makes_its_reader_panic() {
    check("profile", targets::profile);
}

#[test]
fn no_sheet_makes_its_reader_panic() {
    check("sheet", targets::sheet);
}
