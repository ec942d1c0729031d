//! What is fuzzed: whatever a device, a profile file or a site sheet says, the gateway neither
//! panics nor runs away, and what it calls good is good.
//!
//! The corpus is run through the same functions by `gateway/tests/corpus.rs`.
#![allow(dead_code, reason = "every program fuzzes one of them")]

use std::io::Write as _;
use std::sync::LazyLock;

use firegrid_gateway::profile::{Format, LONGEST_BIT_READ, LONGEST_READ, Profile};
use firegrid_gateway::settings::Settings;
use firegrid_wire::document::Document;
use firegrid_wire::reading::{Quality, Value};

/// Shipped profiles that together have every layout, with what they ask of the site.
const DEVICES: [(&str, &str); 12] = [
    ("notifier-modbus-gw", "options = { loops = [1] }"),
    ("honeywell-clss", "options = { loops = [1], detectors = [1], modules = [1] }"),
    ("honeywell-clss-gateway", "options = { nodes = [1] }"),
    ("siemens-nk8237-gateway", ""),
    ("siemens-stt20", ""),
    ("faast-aspirating", ""),
    ("pulsar-en54c", ""),
    ("fire-pump-controller", ""),
    ("pressure-transmitter-integer", "options = { unit = \"MPa\", offset = 3 }"),
    ("pressure-transmitter-integer", "options = { unit = \"device\" }"),
    ("level-transmitter-float", "options = { unit = \"m\", word_order = \"big\" }"),
    (
        "pressure-transmitter-float",
        "options = { pressure_unit = \"kPa\", word_order = \"little\" }",
    ),
];

/// What their points are read with, each once.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let mut formats: Vec<Format> = Vec::new();
    for (profile, options) in DEVICES {
        let settings = Settings::parse("site", &site(profile, options));
        let settings = settings.unwrap_or_else(|told| panic!("{profile}: {told}"));
        let devices = settings.lines.into_iter().flat_map(|line| line.devices);
        for format in devices.flat_map(|device| device.points).map(|point| point.format) {
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
    }
    formats
});

/// The profiles whose points are named by a sheet, with what they ask of the site.
const OF_SHEETS: [(&str, &str); 3] = [
    ("dry-contact", ""),
    ("gst-site-sheet", ""),
    ("analog-input", "options = { signal = \"4-20mA\", type = \"i16\" }"),
];

/// The first byte picks a format, the others are its registers, high byte first.
pub(crate) fn decoder(data: &[u8]) {
    let Some((&pick, bytes)) = data.split_first() else { return };
    let format = &FORMATS[usize::from(pick) % FORMATS.len()];
    let registers: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .take(usize::from(LONGEST_READ))
        .collect();
    look_at(format, &registers);
}

/// A profile file.
pub(crate) fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(profile) = Profile::read("fuzzed", "fuzzed.toml", text) else { return };
    let reads = profile.reads();
    assert!((1..=LONGEST_READ).contains(&reads.registers), "{reads:?}");
    assert!((1..=LONGEST_BIT_READ).contains(&reads.bits), "{reads:?}");
    let device = Document::new("site", serde_json::json!({}));
    let Some(answers) = profile.answers(&device.root()) else { return };
    for point in profile.points(&answers) {
        let last = u32::from(point.register) + u32::from(point.format.registers()) - 1;
        assert!(last <= u32::from(u16::MAX), "{} lies beyond the last register", point.name);
        for raw in [0, 1, 0x7FFF, 0x8000, u16::MAX] {
            look_at(&point.format, &vec![raw; usize::from(point.format.registers())]);
        }
    }
}

/// The first byte picks a profile, the others are a sheet.
pub(crate) fn sheet(data: &[u8]) {
    let Some((&pick, sheet)) = data.split_first() else { return };
    let (profile, more) = OF_SHEETS[usize::from(pick) % OF_SHEETS.len()];
    let mut file = tempfile::NamedTempFile::new().expect("a file for the sheet");
    file.write_all(sheet).expect("a written sheet");
    let name = file.path().display();
    match Settings::parse("site", &site(profile, &format!("sheet = \"{name}\"\n{more}"))) {
        Ok(settings) => {
            let points =
                settings.lines.iter().flat_map(|line| &line.devices).flat_map(|d| &d.points);
            for point in points {
                look_at(&point.format, &vec![u16::MAX; usize::from(point.format.registers())]);
            }
        }
        Err(mistakes) => assert!(!mistakes.0.is_empty(), "refused without a word"),
    }
}

/// Decodes registers, too few and too many of them as well.
fn look_at(format: &Format, registers: &[u16]) {
    let wanted = usize::from(format.registers());
    let (value, quality) = format.decode(registers);
    match value {
        Value::Number(said, _) => {
            let Format::Number(number) = format else { panic!("{said} of the word {format}") };
            let (lowest, highest) = number.plausible;
            let is_plausible = (lowest..=highest).contains(&said);
            assert!(said.is_finite(), "{said} of {registers:?} as {format}");
            assert_eq!(
                quality == Quality::Good,
                is_plausible,
                "{said} of {registers:?} as {format}"
            );
        }
        Value::States(_) | Value::Unknown => {}
    }
    if registers.len() != wanted {
        assert_eq!(value, Value::Unknown, "{registers:?} as {format}, which takes {wanted}");
    }
}

fn site(profile: &str, device: &str) -> String {
    format!(
        "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
         [[line]]\nname = \"l\"\naddress = \"b:502\"\n[[line.device]]\nname = \"d\"\nunit_id = 1\n\
         profile = \"{profile}\"\n{device}\n"
    )
}
