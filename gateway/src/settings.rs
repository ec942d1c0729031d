//! From file and environment to checked settings; all mistakes are told at once.
//!
//! What stands in [`Settings`] is what is meant: addresses are addresses, every device has its
//! profile, every point its registers. Nothing is started while it is read, and a program that
//! has one mistake to tell starts with nothing.

mod added;
mod address;
mod broker;
mod file;
mod hook;
mod leads;
mod line;
mod point;
mod quota;
mod row;
mod sheet;
mod status;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firegrid_wire::document::{Document, Mistakes, Table};
use firegrid_wire::limits::CATALOGUE_PAGES;
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::span::PerLane;
use firegrid_wire::time::Millis;

pub use address::{Address, AddressError};
pub use broker::Broker;
pub use leads::{Dialled, Framing, Heartbeat, Leads, Listen, Parity, Serial};
pub use line::{Device, Line, MOST_POINTS, Point, Watch};

use crate::hook::Hook;
use crate::inventory::Inventory;
use crate::profile::Profiles;
use crate::toml_file;
use file::File;

/// Everything the edge box is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The part of the work the box belongs to; the first level of its topics.
    pub region: RegionId,
    /// The box's name, given by the centre.
    pub gateway: GatewayId,
    /// The folder of the spool.
    pub data: PathBuf,
    /// How many bytes of batches each lane of the spool may hold.
    pub quotas: PerLane<u64>,
    /// Where batches are published.
    pub broker: Broker,
    /// Where the gateway shows itself on its own machine, if it does.
    pub status: Option<SocketAddr>,
    /// The command that is run on the box, if there is one.
    pub hook: Option<Hook>,
    /// After so long without an answer of the centre sending has failed.
    pub sending_failed_after: Millis,
    /// What is read, and where.
    pub lines: Vec<Line>,
    /// Every device and point of the box.
    pub inventory: Arc<Inventory>,
}

impl Settings {
    /// Reads a file and the environment of the process. A relative folder of profiles and
    /// relative sheets are looked for beside the file.
    pub fn read(path: &Path) -> Result<Settings, Mistakes> {
        let beside = path.parent().unwrap_or(Path::new(""));
        check(File::read(path, std::env::vars())?, beside)
    }

    /// The data folder that a file names, whatever mistakes it has otherwise.
    pub fn data_folder(path: &Path) -> Result<PathBuf, Mistakes> {
        let file = File::read(path, std::env::vars())?;
        let missing =
            || toml_file::refused(&path.display().to_string(), "data: it names no folder");
        file.text("data").map(PathBuf::from).ok_or_else(missing)
    }

    /// Takes a text under a name, without the environment.
    pub fn parse(name: &str, text: &str) -> Result<Settings, Mistakes> {
        check(File::parse(name, text, [])?, Path::new(""))
    }
}

fn check(file: File, beside: &Path) -> Result<Settings, Mistakes> {
    let mut elsewhere = Mistakes::default();
    let settings = file.document(|document| settings(document, beside, &mut elsewhere));
    match settings {
        Ok(settings) if elsewhere.0.is_empty() => Ok(settings),
        Ok(_) => Err(elsewhere),
        Err(mut mistakes) => {
            mistakes.0.append(&mut elsewhere.0);
            Err(mistakes)
        }
    }
}

fn settings(document: &Document, beside: &Path, elsewhere: &mut Mistakes) -> Option<Settings> {
    let root = document.root();
    let region = root.required_text("region");
    let gateway = gateway(&root);
    let data = data(&root);
    let broker =
        root.required_table("broker").and_then(|table| broker::read_broker(&table, beside));
    let folder: Option<PathBuf> = root.optional("profiles");
    let (profiles, told) = Profiles::read(folder.map(|folder| beside.join(folder)).as_deref());
    *elsewhere = told;
    let mut inventory = Inventory::default();
    let mut site = line::Site { beside, profiles: &profiles, inventory: &mut inventory, elsewhere };
    let lines = line::read_lines(&root, &mut site);
    let status = status::read_status(&root);
    let hook = hook::read_hook(&root);
    let quotas = quota::read_quotas(&root, &inventory);
    let described = is_describable(&root, &inventory);
    let (hook, sending_failed_after) = hook?;
    described.then_some(())?;
    Some(Settings {
        hook,
        sending_failed_after,
        region: region?,
        gateway: gateway?,
        data: data?,
        quotas: quotas?,
        broker: broker?,
        status: status?,
        lines: lines?,
        inventory: Arc::new(inventory),
    })
}

/// Whether centres take the catalogue: they would judge points that nothing describes.
fn is_describable(root: &Table<'_>, inventory: &Inventory) -> bool {
    let pages = inventory.catalogue().page_count();
    if CATALOGUE_PAGES < pages {
        root.tell(
            "line",
            format_args!(
                "the points of this box take {pages} pages of 64 KiB to describe, a centre takes \
                 at most {CATALOGUE_PAGES}: shorten their labels or share them between two gateways"
            ),
        );
    }
    pages <= CATALOGUE_PAGES
}

fn gateway(root: &Table<'_>) -> Option<GatewayId> {
    let gateway: GatewayId = root.required_text("gateway")?;
    if gateway.as_str() == GatewayId::CENTRE {
        root.tell("gateway", "\"centre\" is the monitoring centre's own name: choose another");
        return None;
    }
    Some(gateway)
}

/// The folder of the spool. Without a name it would be whatever folder the program starts in.
fn data(root: &Table<'_>) -> Option<PathBuf> {
    let data: String = root.required("data")?;
    if data.trim().is_empty() {
        root.tell("data", "this must be a path");
        return None;
    }
    Some(PathBuf::from(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::span::Lane;

    const SITE: &str = r#"
region = "demo-county"
gateway = "mall-01"
data = "var/gateway"
[broker]
address = "127.0.0.1:1883"
[[line]]
name = "panel-room"
address = "127.0.0.1:502"
timeout = "1s"
[[line.device]]
name = "facp1"
unit_id = 1
profile = "notifier-modbus-gw"
label = "消防控制室主机"
alarm_period = "250ms"
options = { loops = [1, 2] }
[[line.device.point]]
name = "L1D017"
label = "三层走廊感烟"
zone = "3F"
tags = ["corridor", "detector"]
[[line.device]]
name = "riser1"
unit_id = 2
profile = "pressure-transmitter-float"
options = { pressure_unit = "kPa", word_order = "big" }
[[line.device.point]]
name = "pressure"
tags = ["sprinkler-end"]
limits = { low = 100000.0 }
deadband = 500.0
"#;

    fn read(text: &str) -> Result<Settings, Mistakes> {
        Settings::parse("gateway.toml", text)
    }

    /// Reads the site with something replaced, and expects all hints in what is told.
    #[track_caller]
    fn check_told(replace: &[(&str, &str)], hints: &[&str]) {
        let mut text = SITE.to_owned();
        for (from, to) in replace {
            assert!(text.contains(from), "{from:?} is not in the site");
            text = text.replacen(from, to, 1);
        }
        let told = read(&text).expect_err("mistakes").to_string();
        for hint in hints {
            assert!(told.contains(hint), "{hint:?} is not told: {told}");
        }
        assert!(told.starts_with(&format!("{} mistake", hints.len())), "{told}");
    }

    #[test]
    fn a_site_becomes_lines_with_devices_and_points() {
        let settings = read(SITE).unwrap_or_else(|told| panic!("{told}"));
        let line = &settings.lines[0];
        assert_eq!((line.name.as_str(), line.timeout.get()), ("panel-room", 1_000));
        assert_eq!(line.devices[0].points.len(), 4 * 159 + 1);
        assert_eq!(line.devices[0].alarm_period, Some(Millis::new(250)));
        assert_eq!(line.devices[0].analog_period, None);
        assert_eq!(line.devices[1].period(Lane::Routine), Some(Millis::seconds(1)));
        let inventory = &settings.inventory;
        assert_eq!(inventory.devices().count(), 2);
        for device in &line.devices {
            let range = inventory.device(device.index).points.clone();
            let numbers: Vec<u32> = device.points.iter().map(|point| point.index.0).collect();
            assert_eq!(numbers, range.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_sites_words_lie_over_the_profiles() {
        let settings = read(SITE).unwrap_or_else(|told| panic!("{told}"));
        let catalogue = settings.inventory.catalogue().read();
        let point = |name: &str| {
            catalogue.points.iter().find(|point| point.n.as_str() == name).expect("the point")
        };
        let detector = point("facp1/L1D017");
        assert_eq!((detector.label.as_str(), detector.zone.as_str()), ("三层走廊感烟", "3F"));
        assert_eq!(detector.tags, ["detector", "corridor"]);
        assert_eq!(detector.source, "127.0.0.1:502#1 notifier-modbus-gw holding 16 word point");
        let pressure = point("riser1/pressure");
        assert_eq!(pressure.limits["low"], 100_000.0);
        assert_eq!(
            pressure.source,
            "127.0.0.1:502#2 pressure-transmitter-float holding 22 f32 big big kPa"
        );
        let (_, point) = settings
            .inventory
            .points()
            .find(|(_, point)| point.entry.n.as_str() == "riser1/pressure")
            .expect("the pressure");
        assert_eq!(point.deadband, 500.0);
    }

    #[test]
    fn what_stands_twice_is_told() {
        let second_line = "[[line]]\nname = \"panel-room\"\naddress = \"127.0.0.1:502\"\n\
                           [[line.device]]\nname = \"facp1\"\nunit_id = 2\nprofile = \"fire-pump-controller\"\n";
        let text = format!("{SITE}[[line.device.point]]\nname = \"pressure\"\n{second_line}");
        let told = read(&text.replacen("unit_id = 2", "unit_id = 1", 1)).expect_err("mistakes");
        let paths: Vec<&str> = told.0.iter().map(|mistake| mistake.path.as_str()).collect();
        let expected = [
            "line[0].device[1].point[1].name",
            "line[0].device[1].unit_id",
            "line[1].address",
            "line[1].device[0].name",
            "line[1].name",
        ];
        assert_eq!(paths, expected, "{told}");
    }

    #[test]
    fn reserved_and_unknown_names_are_told() {
        check_told(
            &[
                ("gateway = \"mall-01\"", "gateway = \"centre\""),
                ("name = \"L1D017\"", "name = \"L9D017\""),
                ("name = \"pressure\"", "name = \"comm\""),
                ("name = \"riser1\"", "name = \"riser/1\""),
            ],
            &[
                "gateway: \"centre\"",
                "line[0].device[0].point[0].name",
                "line[0].device[1].name",
                "line[0].device[1].point[0].name: \"comm\"",
            ],
        );
    }

    #[test]
    fn a_status_page_that_others_could_reach_is_told() {
        let at = |address: &str| format!("[status]\naddress = \"{address}\"\n[broker]");
        for outside in ["0.0.0.0:8081", "10.0.0.5:8081", "[::]:8081"] {
            check_told(&[("[broker]", &at(outside))], &["status.address: "]);
        }
        check_told(&[("[broker]", &at("localhost"))], &["status.address: "]);
        let shown = read(&SITE.replacen("[broker]", &at("127.0.0.1:8081"), 1));
        let shown = shown.unwrap_or_else(|told| panic!("{told}"));
        assert_eq!(shown.status.map(|address| address.port()), Some(8081));
        assert_eq!(read(SITE).unwrap_or_else(|told| panic!("{told}")).status, None);
    }

    #[test]
    fn a_hook_that_could_not_run_or_is_meant_for_nothing_known_is_told() {
        let hook = "[hook]\ncommand = [\"siren\"]\n[broker]";
        check_told(&[("[broker]", hook)], &["hook.command: "]);
        let hook = "[hook]\ncommand = [\"/bin/siren\"]\non = [\"smoke\"]\n\
                    sending_failed_after = \"1s\"\n[broker]";
        check_told(&[("[broker]", hook)], &["hook.on: \"smoke\"", "hook.sending_failed_after"]);
    }

    #[test]
    fn a_spool_without_a_folder_is_told() {
        check_told(&[("data = \"var/gateway\"", "data = \"\"")], &["data: this must be a path"]);
    }

    #[test]
    fn values_out_of_bounds_are_told() {
        check_told(
            &[
                ("timeout = \"1s\"", "timeout = \"1ms\""),
                ("alarm_period = \"250ms\"", "alarm_period = \"11s\""),
                ("unit_id = 2", "unit_id = 300"),
                ("unit_id = 1", "unit_id = 248"),
                ("loops = [1, 2]", "loops = [1, 11]"),
                ("deadband = 500.0", "deadband = -1.0"),
                ("pressure_unit = \"kPa\"", "pressure_unit = \"atm\""),
                ("tags = [\"sprinkler-end\"]", "analog = true"),
            ],
            &[
                "line[0].timeout",
                "line[0].device[0].alarm_period",
                "line[0].device[0].unit_id",
                "line[0].device[1].unit_id",
                "line[0].device[0].options.loops",
                "line[0].device[1].point[0].deadband",
                "line[0].device[1].options.pressure_unit",
                "line[0].device[1].point[0].analog",
            ],
        );
    }

    #[test]
    fn a_quota_that_four_refreshes_would_fill_is_told_with_all_other_mistakes() {
        let spool = "data = \"var/gateway\"\nspool = { urgent_quota = \"64KiB\" }";
        check_told(
            &[("data = \"var/gateway\"", spool), ("unit_id = 2", "unit_id = 300")],
            &["spool.urgent_quota: 64KiB has no room for 4 refreshes", "line[0].device[1].unit_id"],
        );
        let spool = "data = \"var/gateway\"\nspool = { routine_quota = \"much\", more = 1 }";
        check_told(
            &[("data = \"var/gateway\"", spool)],
            &["spool.routine_quota: \"much\"", "spool.more"],
        );
        let quotas = read(SITE).unwrap_or_else(|told| panic!("{told}")).quotas;
        assert_eq!((quotas.urgent, quotas.routine), (64 << 20, 256 << 20));
    }

    #[test]
    fn every_limit_that_is_no_number_is_told() {
        check_told(
            &[("limits = { low = 100000.0 }", "limits = { low = \"x\", high = 1, lowest = true }")],
            &["point[0].limits.low: \"x\" does not fit", "point[0].limits.lowest: true"],
        );
        check_told(&[("limits = { low = 100000.0 }", "limits = 1")], &["point[0].limits: this"]);
    }

    #[test]
    fn what_has_no_effect_is_told() {
        check_told(
            &[
                ("alarm_period = \"250ms\"", "analog_period = \"1s\""),
                ("tags = [\"corridor\", \"detector\"]", "deadband = 1.0"),
            ],
            &["line[0].device[0].analog_period", "line[0].device[0].point[0].deadband"],
        );
    }

    #[test]
    fn a_change_probe_is_looked_at_more_often_than_the_alarm_area() {
        let panel = |keys: &str| {
            let options = "options = { loops = [1], detectors = [1], modules = [1] }";
            let from = "profile = \"notifier-modbus-gw\"\nlabel = \"消防控制室主机\"\n\
                        alarm_period = \"250ms\"\noptions = { loops = [1, 2] }";
            let to = format!("profile = \"honeywell-clss\"\n{options}\n{keys}");
            assert!(SITE.contains(from));
            read(&SITE.replacen(from, &to, 1).replace("L1D017", "L1D001"))
        };
        let period = |keys: &str| {
            let settings = panel(keys).unwrap_or_else(|told| panic!("{told}"));
            settings.lines[0].devices[0].watch.map(|watch| watch.period.get())
        };
        assert_eq!(period(""), Some(200));
        assert_eq!(period("probe_period = \"100ms\""), Some(100));
        assert_eq!(period("alarm_period = \"200ms\""), None, "it would not be sooner");
        let told = panel("probe_period = \"500ms\"").expect_err("a mistake").to_string();
        assert!(told.contains("probe_period: the alarm area is read as often"), "{told}");
        check_told(
            &[("unit_id = 2", "unit_id = 2\nprobe_period = \"100ms\"")],
            &["line[0].device[1].probe_period: the profile has no change probe"],
        );
    }

    #[test]
    fn profiles_of_the_site_stand_in_a_folder_and_their_mistakes_are_told_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let profiles = folder.path().join("profiles");
        std::fs::create_dir(&profiles).expect("a folder");
        let profile = "name = \"level\"\nlabel = \"液位\"\nmanual = \"sheet\"\nreads = {}\n\
            [[point]]\nsource = \"sheet 1\"\nname = \"level\"\nlabel = \"液位\"\nregister = 1\n\
            table = \"input\"\nsystem = 11\npart = 92\n\
            number = { type = \"u16\", unit = \"mm\", plausible = [0.0, 20.0] }\n";
        std::fs::write(profiles.join("level.toml"), profile).expect("a file");
        let file = folder.path().join("gateway.toml");
        let site = SITE.replacen("notifier-modbus-gw", "level", 1);
        let site = site
            .replacen("options = { loops = [1, 2] }", "", 1)
            .replacen("alarm_period = \"250ms\"", "", 1)
            .replacen("name = \"L1D017\"", "name = \"level\"", 1);
        std::fs::write(&file, format!("profiles = \"profiles\"\n{site}")).expect("a file");
        let settings = Settings::read(&file).unwrap_or_else(|told| panic!("{told}"));
        assert_eq!(settings.lines[0].devices[0].points.len(), 1);

        std::fs::write(profiles.join("level.toml"), profile.replace("u16", "u17")).expect("a file");
        std::fs::write(profiles.join("fire-pump-controller.toml"), profile).expect("a file");
        let told = Settings::read(&file).expect_err("mistakes").to_string();
        for hint in ["level.toml: point[0].number.type", "device[0].profile", "shipped profile"] {
            assert!(told.contains(hint), "{hint:?} is not told: {told}");
        }
    }

    #[test]
    fn a_box_that_no_centre_could_describe_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let profiles = folder.path().join("profiles");
        std::fs::create_dir(&profiles).expect("a folder");
        let profile = |label: usize| {
            let label = "水".repeat(label);
            let group = |name: &str, first: u32| {
                format!(
                    "[[point]]\nsource = \"sheet 1\"\nname = \"{name}-{{n:5}}\"\nlabel = \"{label}\"\n\
                     register = {first}\ntable = \"input\"\nsystem = 11\npart = 92\n\
                     each = {{ n = {{ from = {first}, to = {}, step = 1 }} }}\n\
                     number = {{ type = \"u16\", unit = \"mm\", plausible = [0.0, 20.0] }}\n",
                    first + 9_999
                )
            };
            let points: String = (0..5).map(|ten| group("level", ten * 10_000)).collect();
            format!(
                "name = \"level\"\nlabel = \"液位\"\nmanual = \"sheet\"\nreads = {{}}\n{points}"
            )
        };
        let site = SITE.split("[[line.device.point]]").next().expect("the first device");
        let site = site
            .replacen("notifier-modbus-gw", "level", 1)
            .replacen("options = { loops = [1, 2] }", "", 1)
            .replacen("alarm_period = \"250ms\"", "", 1);
        let read = |label: usize| {
            std::fs::write(profiles.join("level.toml"), profile(label)).expect("a file");
            let file = folder.path().join("gateway.toml");
            std::fs::write(&file, format!("profiles = \"profiles\"\n{site}")).expect("a file");
            Settings::read(&file)
        };
        assert_eq!(
            read(30).unwrap_or_else(|told| panic!("{told}")).inventory.points().count(),
            50_000
        );
        let told = read(100).expect_err("a mistake").to_string();
        assert!(told.contains("at most 256") && told.starts_with("1 mistake"), "{told}");
    }

    #[test]
    fn the_shipped_settings_are_good() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings/gateway.toml");
        let text = std::fs::read_to_string(&path).expect("the shipped settings");
        let settings = read(&text).unwrap_or_else(|told| panic!("{told}"));
        assert_eq!(settings.lines[0].devices.len(), 3);
        let sheets = Settings::read(&path.with_file_name("gateway-sheets.toml"));
        let sheets = sheets.unwrap_or_else(|told| panic!("{told}"));
        let points = sheets.lines[0].devices.iter().map(|device| device.points.len());
        assert_eq!(points.collect::<Vec<_>>(), [4, 4, 1, 1]);
    }
}
