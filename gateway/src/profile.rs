//! Device profiles: data files that say which registers of a device mean which points.
//!
//! A profile is TOML, shipped inside the program or taken from a folder of the site. It holds
//! what a manual verifies, each table with its source; what no manual states (loops fitted,
//! word order, unit) it asks of the site. A profile never defines a point `comm`, and says
//! nothing about where a device is connected.
//!
//! What a point is read with decides its lane: words are discrete and urgent, numbers are
//! analog and routine.

pub mod choice;
mod group;
pub mod number;
mod probe;
mod reading;
mod site;
mod template;
pub mod word;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use firegrid_wire::document::{Document, Mistakes, Table as Keys};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;

use crate::toml_file::{self, refused};
use choice::{Answers, Asked};
use group::{Group, Surroundings};
use number::Number;
pub use probe::Probe;
use site::RawSitePoints;
pub use site::{SiteKind, SitePoints};
use word::Word;

macro_rules! shipped {
    ($($name:literal)*) => {
        /// The profiles that are shipped, by their file names.
        const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../profiles/", $name, ".toml"))),)*];
    };
}

shipped! {
    "analog-input"
    "dry-contact"
    "faast-aspirating"
    "fire-pump-controller"
    "gst-site-sheet"
    "honeywell-clss"
    "honeywell-clss-gateway"
    "level-transmitter-float"
    "level-transmitter-integer"
    "notifier-modbus-gw"
    "pressure-transmitter-float"
    "pressure-transmitter-integer"
    "pressure-transmitter-sw-p300"
    "pulsar-en54c"
    "siemens-nk8237"
    "siemens-nk8237-gateway"
    "siemens-stt20"
}

/// The most registers one request may ask for (Modbus application protocol V1.1b3, 6.3).
pub const LONGEST_READ: u16 = 125;

/// The most single bits one request may ask for (Modbus application protocol V1.1b3, 6.1).
pub const LONGEST_BIT_READ: u16 = 2_000;

/// All profiles that a site can use.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    good: BTreeMap<String, Arc<Profile>>,
    broken: Vec<String>,
}

/// What is known under a name.
#[derive(Debug, Clone)]
pub enum Found {
    /// A profile.
    Good(Arc<Profile>),
    /// A file whose mistakes have been told.
    Broken,
    /// Nothing.
    Unknown,
}

/// One kind of device.
#[derive(Debug, PartialEq)]
pub struct Profile {
    name: String,
    label: String,
    reads: ReadLimits,
    probe: Option<Probe>,
    asked: BTreeMap<String, Asked>,
    groups: Vec<Group>,
    site_points: Option<RawSitePoints>,
}

/// How a device may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most registers of one request.
    pub registers: u16,
    /// The most single bits of one request.
    pub bits: u16,
    /// The most registers that may be read although nothing in them is wanted.
    pub hole: u16,
}

/// One point of a device, as its profile has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfilePoint {
    /// Unique in the device.
    pub name: String,
    /// What it is, in Chinese.
    pub label: String,
    /// The table it lies in.
    pub table: Table,
    /// Its first register, numbered as on the wire, from 0.
    pub register: u16,
    /// How its registers are read.
    pub format: Format,
    /// System type of GB/T 26875.3-2011 table 4.
    pub system: u8,
    /// Part type of GB/T 26875.3-2011 table 5.
    pub part: u8,
    /// Words that rules select points by.
    pub tags: Vec<String>,
}

/// The four tables of a Modbus device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Single bits, function code 1.
    Coils,
    /// Single bits, function code 2.
    DiscreteInputs,
    /// Registers, function code 3.
    HoldingRegisters,
    /// Registers, function code 4.
    InputRegisters,
}

/// How the registers of a point are read.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Bits and codes that mean states.
    Word(Arc<Word>),
    /// Neighbouring single bits that are read like the lowest bits of a word, the first as bit 0.
    Inputs {
        /// What they mean.
        word: Arc<Word>,
        /// How many they are, from 1 to 16.
        count: u8,
    },
    /// A number in a unit.
    Number(Arc<Number>),
}

impl Profiles {
    /// The shipped profiles and those of a folder. What is wrong in any file is told together
    /// with whatever else is wrong; the others can be used to look for more mistakes.
    pub fn read(folder: Option<&Path>) -> (Profiles, Mistakes) {
        /// Read once: they are the same for every site.
        static OF_ALL_SITES: LazyLock<(Profiles, Mistakes)> = LazyLock::new(Profiles::shipped);
        let (mut profiles, mut mistakes) = OF_ALL_SITES.clone();
        for path in folder.map_or(Ok(Vec::new()), files).unwrap_or_else(|told| {
            mistakes.0.extend(told.0);
            Vec::new()
        }) {
            let file = path.display().to_string();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let read = match std::fs::read_to_string(&path) {
                Ok(_) if SHIPPED.iter().any(|(shipped, _)| *shipped == name) => Err(refused(
                    &file,
                    format_args!("{name:?} is a shipped profile: choose another file name"),
                )),
                Ok(text) => Profile::read(&name, &file, &text),
                Err(error) => Err(refused(&file, format_args!("the file cannot be read: {error}"))),
            };
            profiles.take(&name, &file, read, &mut mistakes);
        }
        (profiles, mistakes)
    }

    fn shipped() -> (Profiles, Mistakes) {
        let mut profiles = Profiles::default();
        let mut mistakes = Mistakes::default();
        for &(name, text) in SHIPPED {
            let file = format!("{name}.toml (shipped)");
            profiles.take(name, &file, Profile::read(name, &file, text), &mut mistakes);
        }
        (profiles, mistakes)
    }

    /// The profile with this name.
    pub fn find(&self, name: &str) -> Found {
        match self.good.get(name) {
            Some(profile) => Found::Good(Arc::clone(profile)),
            None if self.broken.iter().any(|broken| broken == name) => Found::Broken,
            None => Found::Unknown,
        }
    }

    /// The names of all profiles, for whoever mistyped one.
    pub fn names(&self) -> String {
        self.good.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn take(
        &mut self,
        name: &str,
        file: &str,
        read: Result<Profile, Mistakes>,
        mistakes: &mut Mistakes,
    ) {
        match read {
            Ok(profile) if !self.good.contains_key(name) => {
                self.good.insert(name.to_owned(), Arc::new(profile));
            }
            Ok(_) => mistakes.0.extend(refused(file, "a profile of this name exists").0),
            Err(told) => {
                mistakes.0.extend(told.0);
                self.broken.push(name.to_owned());
            }
        }
    }
}

impl Profile {
    /// Reads the text of a profile file. `name` is the file's name without its ending.
    pub fn read(name: &str, file: &str, text: &str) -> Result<Profile, Mistakes> {
        let document = Document::new(file, toml_file::parse(file, text)?);
        let profile = read_profile(name, &document.root());
        document.finish(profile)
    }

    /// The profile's name; settings and catalogue refer to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of device it is, in Chinese.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How such a device may be asked.
    pub fn reads(&self) -> ReadLimits {
        self.reads
    }

    /// What tells early that something has moved, if the device has it.
    pub fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// Reads what the profile asks of the site from the `options` of a device.
    pub fn answers(&self, device: &Keys<'_>) -> Option<Answers> {
        choice::read_answers(&self.asked, device)
    }

    /// What the site may add to a device that has answered so.
    pub fn site_points(&self, answers: &Answers) -> Option<SitePoints> {
        self.site_points.as_ref()?.under(answers)
    }

    /// The points of a device that has answered so.
    pub fn points(&self, answers: &Answers) -> Vec<ProfilePoint> {
        self.groups.iter().flat_map(|group| group.points(answers)).collect()
    }
}

impl Format {
    /// How many registers it takes, at least 1.
    pub fn registers(&self) -> u16 {
        match self {
            Format::Word(_) => 1,
            Format::Inputs { count, .. } => u16::from(*count),
            Format::Number(number) => number.registers(),
        }
    }

    /// Words are discrete and urgent, numbers analog and routine.
    pub fn lane(&self) -> Lane {
        match self {
            Format::Word(_) | Format::Inputs { .. } => Lane::Urgent,
            Format::Number(_) => Lane::Routine,
        }
    }

    /// The same format some bits further up in its register; numbers fill theirs.
    fn moved(&self, by: u32) -> Format {
        match self {
            Format::Word(word) if by != 0 => Format::Word(Arc::new(word.moved(by))),
            Format::Word(_) | Format::Inputs { .. } | Format::Number(_) => self.clone(),
        }
    }

    /// The unit of a number.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Format::Word(_) | Format::Inputs { .. } => None,
            Format::Number(number) => Some(number.unit.si()),
        }
    }

    /// What the registers say and how far to believe it. Any slice is taken: registers that
    /// are missing make the value unknown.
    pub fn decode(&self, raw: &[u16]) -> (Value, Quality) {
        let say = |word: &Word, raw: u16| {
            let states = word.states(raw);
            (states.map_or(Value::Unknown, |set| Value::States(set.into())), Quality::Good)
        };
        match (self, raw) {
            (Format::Word(word), [raw]) => say(word, *raw),
            (Format::Inputs { word, count }, raw) if raw.len() == usize::from(*count) => {
                say(word, raw.iter().rev().fold(0, |word, bit| word << 1 | u16::from(*bit != 0)))
            }
            (Format::Word(_) | Format::Inputs { .. }, _) => (Value::Unknown, Quality::SensorFault),
            (Format::Number(number), raw) => number.value(raw),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Word(word) => write!(f, "{word}"),
            Format::Inputs { word, count } => write!(f, "{count} {word}"),
            Format::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Table {
    /// Whether it holds single bits.
    pub fn is_bits(self) -> bool {
        match self {
            Table::Coils | Table::DiscreteInputs => true,
            Table::HoldingRegisters | Table::InputRegisters => false,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Table::Coils => "coils",
            Table::DiscreteInputs => "discrete-inputs",
            Table::HoldingRegisters => "holding",
            Table::InputRegisters => "input",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Table {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Table, TableError> {
        [Table::Coils, Table::DiscreteInputs, Table::HoldingRegisters, Table::InputRegisters]
            .into_iter()
            .find(|table| table.word() == text)
            .ok_or_else(|| TableError { text: text.to_owned() })
    }
}

/// A text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no table: use holding, input, coils or discrete-inputs")]
pub struct TableError {
    text: String,
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, Mistakes> {
    let name = folder.display().to_string();
    let told = |error: std::io::Error| {
        refused(&name, format_args!("the folder of profiles cannot be read: {error}"))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_profile(name: &str, root: &Keys<'_>) -> Option<Profile> {
    let written: Option<String> = root.required("name");
    if let Some(written) = written.filter(|written| written != name) {
        root.tell("name", format_args!("{written:?} is not the file's name, {name:?}"));
    }
    let label = root.required("label");
    let manual: Option<String> = root.required("manual");
    let reads = read_limits(root);
    let probe = probe::read_probe(root);
    let asked = choice::read_asked(root);
    let words = read_words(root);
    let around = Surroundings { asked: asked.as_ref(), words: words.as_ref() };
    let groups: Vec<Option<Group>> =
        root.tables("point").iter().map(|table| group::read_group(table, &around)).collect();
    let groups: Option<Vec<Group>> = groups.into_iter().collect();
    let site_points = site::read_site_points(root, &around);
    if groups.as_ref().is_some_and(Vec::is_empty) && site_points.as_ref() == Some(&None) {
        root.tell("point", "a profile without points and without [site_points] reads nothing");
    }
    manual?;
    let (asked, groups, site_points) = (asked?, groups?, site_points?);
    group::tell_bad_names(root, &groups, &asked);
    let widest = groups.iter().map(Group::width).max().unwrap_or(1);
    if reads.is_some_and(|reads| reads.registers < widest) {
        root.tell("reads.registers", format_args!("a point needs {widest} registers at once"));
    }
    let (name, label, reads, probe) = (name.to_owned(), label?, reads?, probe?);
    Some(Profile { name, label, reads, probe, asked, groups, site_points })
}

fn read_limits(root: &Keys<'_>) -> Option<ReadLimits> {
    let table = root.required_table("reads")?;
    let within = |key: &str, most: u16| {
        let number = table.or(key, most);
        if number.is_some_and(|number| number == 0 || most < number) {
            table.tell(key, format_args!("it must be from 1 to {most}"));
        }
        number
    };
    let registers = within("registers", LONGEST_READ);
    let bits = within("bits", LONGEST_BIT_READ);
    let hole = table.or("hole", 0);
    Some(ReadLimits { registers: registers?, bits: bits?, hole: hole? })
}

fn read_words(root: &Keys<'_>) -> Option<BTreeMap<String, Arc<Word>>> {
    let Some(words) = root.table("word") else { return Some(BTreeMap::new()) };
    let read = |name: &str| {
        let word = word::read_word(name, &words.table(name)?)?;
        Some((name.to_owned(), Arc::new(word)))
    };
    let read: Vec<_> = words.keys().into_iter().map(read).collect();
    read.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::state::{State, StateSet};

    fn shipped(name: &str) -> Arc<Profile> {
        let (profiles, mistakes) = Profiles::read(None);
        assert_eq!(mistakes, Mistakes::default(), "{mistakes}");
        match profiles.find(name) {
            Found::Good(profile) => profile,
            Found::Broken | Found::Unknown => panic!("{name} is not shipped"),
        }
    }

    fn points(name: &str, options: &str) -> Vec<ProfilePoint> {
        let profile = shipped(name);
        let content = toml_file::parse("device", options).expect("options");
        let document = Document::new("device", content);
        let answers = profile.answers(&document.root());
        let answers = document.finish(answers).expect("answers");
        profile.points(&answers)
    }

    fn point(name: &str, options: &str, wanted: &str) -> ProfilePoint {
        let found = points(name, options).into_iter().find(|point| point.name == wanted);
        found.unwrap_or_else(|| panic!("{name} has no {wanted}"))
    }

    const PANEL: (&str, &str) = ("notifier-modbus-gw", "options = { loops = [1, 3] }");
    const PRESSURE: &str = "pressure-transmitter-float";

    #[track_caller]
    fn check_panel(raw: u16, words: &str) {
        let (value, _) = point(PANEL.0, PANEL.1, "L1D017").format.decode(&[raw]);
        assert_eq!(value.to_string(), words, "{raw:#06x}");
    }

    /// Words put together by hand from DOMAIN 7.1 and the manual's appendix C.
    #[test]
    fn a_panel_word_says_what_the_manual_says() {
        check_panel(0x1400, "normal");
        check_panel(0x0400, "normal");
        check_panel(0x0C10, "fire");
        check_panel(0x0D10, "fire");
        check_panel(0x0A10, "fire disabled");
        check_panel(0x2C10, "fire fault");
        check_panel(0x4400, "prealarm");
        check_panel(0x2400, "fault");
        check_panel(0x2000, "fault");
        check_panel(0x0200, "disabled");
        check_panel(0x0C40, "supervisory");
        check_panel(0x0C71, "active");
        check_panel(0x0C00, "active");
        check_panel(0x0CEA, "fire active");
        check_panel(0x0CED, "fire supervisory");
        check_panel(0x0A52, "fire disabled");
        check_panel(0x1410, "normal");
        check_panel(0x00FF, "absent");
        check_panel(0xFFFF, "absent");
        check_panel(0x0000, "unknown");
        check_panel(0x8000, "unknown");
    }

    #[test]
    fn no_panel_word_hides_a_fire_or_calls_trouble_normal() {
        let format = point(PANEL.0, PANEL.1, "L1D017").format;
        for raw in 0..=u16::MAX {
            let (value, _) = format.decode(&[raw]);
            let states = value.states().map(|states| states.set);
            let has = |state| states.is_some_and(|set| set.has(state));
            if raw & 0x08FF == 0x0810 {
                assert!(has(State::Fire), "{raw:#06x} is fire");
            }
            if raw & 0x6A00 != 0 {
                assert_ne!(states, Some(StateSet::NORMAL), "{raw:#06x} reports something");
            }
        }
    }

    #[test]
    fn panel_points_lie_where_the_manual_puts_them() {
        let all = points(PANEL.0, PANEL.1);
        assert_eq!(all.len(), 2 * 2 * 159 + 1);
        let at = |name: &str| {
            let point = point(PANEL.0, PANEL.1, name);
            (point.table, point.register, point.system, point.part)
        };
        let holding = Table::HoldingRegisters;
        assert_eq!(at("L1D001"), (holding, 0, 1, 25));
        assert_eq!(at("L1D159"), (holding, 158, 1, 25));
        assert_eq!(at("L1M001"), (holding, 200, 1, 84));
        assert_eq!(at("L3D017"), (holding, 816, 1, 25));
        assert_eq!(at("L3M159"), (holding, 1_158, 1, 84));
        assert_eq!(at("silenced"), (holding, 9_499, 1, 1));
        assert_eq!(point(PANEL.0, PANEL.1, "L3D017").label, "3 回路 17 号探测器");
    }

    #[test]
    fn a_pump_word_says_what_the_manual_says() {
        let of = |name: &str| point("fire-pump-controller", "", name);
        for (bit, name) in [
            (0, "power"),
            (1, "power"),
            (2, "power"),
            (3, "power"),
            (7, "power"),
            (5, "start-failure"),
            (11, "voltage"),
        ] {
            let states = if name == "power" { State::SupplyFault } else { State::Fault };
            let point = of(name);
            assert_eq!(point.register, 1_000);
            let (value, quality) = point.format.decode(&[1 << bit]);
            assert_eq!(value, Value::States(StateSet::from(states).into()), "bit {bit}");
            assert_eq!(quality, Quality::Good);
            assert_eq!(point.format.decode(&[0]).0, Value::States(StateSet::NORMAL.into()));
        }
        let suction = of("suction");
        assert_eq!((suction.register, suction.format.lane()), (1_001, Lane::Urgent));
        assert_eq!(suction.format.decode(&[1 << 3]).0.to_string(), "supervisory");
        let voltage = of("nominal-voltage");
        assert_eq!((voltage.register, voltage.format.lane()), (160, Lane::Routine));
        assert_eq!(voltage.format.decode(&[3_800]).0.to_string(), "380 V");
        assert_eq!(of("nominal-frequency").format.decode(&[1]).0.to_string(), "50 Hz");
    }

    #[test]
    fn a_transmitter_is_read_as_the_site_has_set_it() {
        let big = "options = { pressure_unit = \"kPa\", word_order = \"big\" }";
        let little = "options = { pressure_unit = \"MPa\", word_order = \"little\" }";
        // 350 is 0x43AF0000, 0.35 is 0x3EB33333.
        let pressure = point(PRESSURE, big, "pressure");
        assert_eq!((pressure.register, pressure.format.registers()), (0x16, 2));
        let say = |point: &ProfilePoint, raw: [u16; 2]| point.format.decode(&raw).0.to_string();
        assert_eq!(say(&pressure, [0x43AF, 0x0000]), "350000 Pa");
        assert_eq!(say(&point(PRESSURE, little, "pressure"), [0x3333, 0x3EB3]), "350000 Pa");
        assert_eq!(point(PRESSURE, big, "temperature").register, 0x26);
        let without = "options = { pressure_unit = \"kPa\", word_order = \"big\", \
                       temperature_unit = \"none\" }";
        assert_eq!(points(PRESSURE, without).len(), 1);
    }

    #[test]
    fn what_a_profile_asks_is_told_with_its_choices() {
        let profile = shipped(PRESSURE);
        let told = |options: &str| {
            let content = toml_file::parse("device", options).expect("options");
            let document = Document::new("device", content);
            let answers = profile.answers(&document.root());
            document.finish(answers).expect_err("mistakes").to_string()
        };
        let missing = told("");
        assert!(missing.contains("pressure_unit") && missing.contains("word_order"), "{missing}");
        let wrong = told("options = { pressure_unit = \"kpa\", word_ordre = \"big\" }");
        for hint in ["options.pressure_unit", "kPa", "options.word_order", "options.word_ordre"] {
            assert!(wrong.contains(hint), "{hint} is not told: {wrong}");
        }
    }

    #[test]
    fn every_state_of_a_shipped_word_can_be_simulated() {
        let everything = [
            points("notifier-modbus-gw", "options = { loops = [1] }"),
            points("fire-pump-controller", ""),
        ];
        for point in everything.into_iter().flatten() {
            let Format::Word(word) = &point.format else { continue };
            for states in word.vocabulary().iter().map(StateSet::from).chain([StateSet::NORMAL]) {
                let raw = word.raw(states).unwrap_or_else(|| panic!("{}: {states}", point.name));
                assert_eq!(word.states(raw), Some(states), "{}", point.name);
            }
        }
    }

    #[test]
    fn every_profile_of_the_folder_is_shipped_and_good() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let stems = files(&folder)
            .expect("the folder")
            .into_iter()
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned());
        let mut stems: Vec<String> = stems.collect();
        stems.sort();
        assert_eq!(stems, SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        stems.iter().for_each(|name| drop(shipped(name)));
    }

    #[test]
    fn all_mistakes_of_a_profile_are_told_at_once() {
        let text = "name = \"other\"\nlabel = \"x\"\nmanual = \"m\"\nreads = { registers = 126 }\n\
            [[point]]\nsource = \"s\"\nname = \"comm\"\nlabel = \"l\"\nregister = 1\nsystem = 1\n\
            part = 1\nbits = { 0 = \"fault\" }\n\
            [[point]]\nname = \"P{n}\"\nlabel = \"l\"\nregister = 65535\nsystem = 1\npart = 300\n\
            word = \"none\"\ntable = \"holdings\"\ncolour = \"red\"\n";
        let told = Profile::read("mine", "mine.toml", text).expect_err("mistakes").to_string();
        for hint in [
            "mine.toml: name:",
            "reads.registers",
            "point[1].source",
            "point[1].name",
            "point[1].part",
            "point[1].word",
            "point[1].table",
            "point[1].colour",
        ] {
            assert!(told.contains(hint), "{hint} is not told: {told}");
        }
    }

    /// Reads a profile with these points, and expects mistakes at exactly these paths.
    #[track_caller]
    fn check_paths(head: &str, points: &[&str], expected: &[&str]) {
        let mut text =
            format!("name = \"mine\"\nlabel = \"x\"\nmanual = \"m\"\nreads = {{}}\n{head}");
        for (place, point) in points.iter().enumerate() {
            let name = if point.contains("name = ") { "" } else { &format!("name = \"p{place}\"") };
            text += &format!(
                "[[point]]\n{name}\n{point}\nsource = \"s\"\nlabel = \"l\"\nregister = {place}\n\
                 system = 1\npart = 1\n"
            );
        }
        let told = Profile::read("mine", "mine.toml", &text).expect_err("mistakes");
        let paths: Vec<&str> = told.0.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(paths, expected, "{told}");
    }

    #[test]
    fn a_mistake_neither_hides_another_nor_makes_one_of_what_is_good() {
        let number = "unit = \"Pa\", plausible = [0.0, 1.0], word_order";
        check_paths(
            "[option.order]\nwhat = \"o\"\nchoices = [\"big\", \"up\", \"down\"]\n\
             [word.w]\nunknown = [{ mask = 1, equals = 2 }, { mask = 2, equals = 0 }]\n\
             bits = { 0 = \"fire\" }\n",
            &[
                "word = \"w\"",
                &format!("number = {{ type = \"f23\", {number} = \"big\", byte_order = \"big\" }}"),
                &format!("number = {{ type = \"f32\", {number} = {{ option = \"order\" }} }}"),
                "word = \"w\"\nbits = { 0 = \"fire\" }",
                "name = \"P{a}{b}\"\nbits = { 0 = \"fire\" }",
            ],
            &[
                "point[1].number.type",
                "point[2].number.word_order.option",
                "point[2].number.word_order.option",
                "point[3]",
                "point[4].name",
                "point[4].name",
                "word.w.unknown[0].equals",
            ],
        );
        check_paths(
            "[option.order]\nchoices = 1\ndefault = \"big\"\n\
             [option.loops]\nwhat = \"l\"\nnumbers = { from = 1, to = 2 }\n",
            &[
                &format!("number = {{ type = \"f32\", {number} = {{ option = \"order\" }} }}"),
                "name = \"P{a}\"\nbits = { 0 = \"fire\" }\neach = { a = { option = \"x\", step = 1 } }",
            ],
            &["option.order.choices", "option.order.what"],
        );
    }

    #[test]
    fn mistakes_of_what_is_left_to_the_site_are_told_together() {
        let number = "plausible = [0.0, 1.0]";
        let described = "type = \"described\", at = { decimals = 0, value = 1";
        check_paths(
            "[option.none]\nwhat = \"n\"\nnumbers = { from = 9, to = 1 }\n\
             [option.at]\nwhat = \"r\"\nnumber = { from = -5, to = 9 }\ndefault = 0\n\
             [option.both]\nwhat = \"b\"\nnumber = { from = 0, to = 9 }\nchoices = [\"a\"]\n\
             [option.unit]\nwhat = \"u\"\nchoices = [\"m\", \"Pa\"]\n\
             [probe]\nregister = 65535\ncount = 2\n\
             [site_points]\nsource = \"s\"\ntable = \"holding\"\nclosed = \"2\"\nsystem = 1\npart = 1\n",
            &["bits = { 0 = \"fault\" }"],
            &[
                "option.both",
                "option.none.numbers.to",
                "probe.count",
                "probe.source",
                "site_points.closed",
            ],
        );
        check_paths(
            "[option.at]\nwhat = \"r\"\nnumber = { from = -5, to = 9 }\ndefault = 0\n\
             [option.unit]\nwhat = \"u\"\nchoices = [\"m\", \"Pa\"]\n\
             [word.wide]\nbits = { 0 = \"fire\", 15 = \"fault\" }\n\
             [site_points]\nsource = \"s\"\ntable = \"holding\"\nword = \"wide\"\nbits = 2\n\
             system = 1\npart = 1\n",
            &[
                &format!("number = {{ {described} }}, units = {{ 0 = \"m\" }}, {number} }}"),
                &format!(
                    "number = {{ {described}, unit = 2 }}, units = {{ 0 = \"m\", 1 = \"Pa\" }}, {number} }}"
                ),
                &format!(
                    "number = {{ {described} }}, offset = {{ option = \"unit\" }}, \
                     unit = {{ option = \"unit\" }}, {number} }}"
                ),
                "bits = { 0 = \"fault\" }\nwhen = { option = \"unit\", is = \"km\" }",
                "bits = { 0 = \"fault\" }\nunless = { option = \"at\", is = \"m\" }",
                "name = \"P{a}\"\nword = \"wide\"\neach = { a = { from = 1, to = 9, bits = 8 } }",
                "name = \"Q{a}\"\nbits = { 2 = \"fire\" }\neach = { a = { from = 1, to = 9, bits = 3 } }",
                "bits = { 1 = \"fault\" }\ntable = \"coils\"",
            ],
            &[
                "point[0].number.at.unit",
                "point[1].number.units",
                "point[2].number.offset.option",
                "point[3].when.is",
                "point[4].unless.option",
                "point[5].each",
                "point[6].each",
                "point[7].table",
                "site_points.bits",
            ],
        );
    }

    /// Reads the options of a device; tells its list of loops, or the mistakes.
    fn loops(answer: &str) -> String {
        let profile = shipped("notifier-modbus-gw");
        let content = toml_file::parse("d", &format!("options = {{ loops = {answer} }}"));
        let document = Document::new("d", content.expect("options"));
        let answers = profile.answers(&document.root());
        match document.finish(answers) {
            Ok(answers) => format!("{:?}", answers.list("loops")),
            Err(told) => told.0[0].what.clone(),
        }
    }

    #[test]
    fn a_list_of_numbers_takes_ranges() {
        assert_eq!(loops("[1, \"3-5\", \"9 - 10\"]"), "[1, 3, 4, 5, 9, 10]");
        for wrong in ["[]", "[1, \"1-2\"]"] {
            assert_eq!(loops(wrong), "different numbers from 1 to 10 are needed");
        }
        for wrong in ["\"5-3\"", "\"0-2\"", "11", "\"9-11\"", "\"all\""] {
            let told = loops(&format!("[{wrong}]"));
            assert!(told.starts_with(&format!("{wrong} does not fit")), "{told}");
        }
    }

    #[test]
    fn reserved_and_doubled_names_are_refused() {
        let point = |name: &str| {
            format!(
                "[[point]]\nsource = \"s\"\nname = \"{name}\"\nlabel = \"l\"\nregister = 1\n\
                 system = 1\npart = 1\nbits = {{ 0 = \"fault\" }}\n"
            )
        };
        let text = format!(
            "name = \"mine\"\nlabel = \"x\"\nmanual = \"m\"\nreads = {{}}\n{}{}{}{}",
            point("comm"),
            point("a"),
            point("a"),
            point("a b")
        );
        let told = Profile::read("mine", "mine.toml", &text).expect_err("mistakes").to_string();
        for hint in ["point[0].name", "point[2].name", "point[3].name"] {
            assert!(told.contains(hint), "{hint} is not told: {told}");
        }
    }
}
