//! Situations of PROTOCOL §6 on real processes, with a fault proxy of ours between them.

use std::path::Path;

use system_tests::{Answered, Broker, Centre, Deafness, Gateway, Link, PANEL, Proxy, Site, World};
use toml::Value;

const NORMAL: u16 = 1 << 10;
const SHIELDED: u16 = 1 << 9;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;

struct Faulty {
    world: World,
    site: Site,
    centre: Centre,
    gateway: Gateway,
    /// Between gateway and broker.
    link: Proxy,
    /// It runs as long as the test holds it.
    _broker: Broker,
}

/// Everything running, every detector seen as normal.
fn faulty() -> Faulty {
    let world = World::new();
    let broker = Broker::start(&world);
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    let centre = Centre::start(&world, &broker, |_| {});
    let link = Proxy::to(&broker.address());
    let gateway = Gateway::start(&world, &broker, &site, |settings| {
        settings["broker"]["address"] = Value::from(link.address());
    });
    let faulty = Faulty { world, site, centre, gateway, link, _broker: broker };
    faulty.shows(17, "normal");
    faulty
}

impl Faulty {
    /// Waits until the centre shows a detector in a state.
    #[track_caller]
    fn shows(&self, detector: u16, state: &str) {
        self.world.until(&format!("detector {detector} is {state}"), || {
            let point = self.centre.point(&format!("mall-01/facp1/L1D{detector:03}"));
            point["value"]["text"] == state
        });
    }

    fn set(&self, detector: u16, word: u16) {
        self.site.set(PANEL, detector - 1, &[word]);
    }

    /// How often a state of a detector stands in the series.
    fn stored(&self, detector: u16, state: &str) -> usize {
        let path = format!("series?point=mall-01/facp1/L1D{detector:03}&from=0&limit=5000");
        let rows = self.centre.list(&path);
        rows.iter().filter(|row| row["value"]["text"] == state).count()
    }

    /// The kinds of all alarms.
    fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self
            .centre
            .list("alarms?limit=1000")
            .iter()
            .map(|alarm| alarm["kind"].as_str().unwrap_or_default().to_owned())
            .collect();
        kinds.sort();
        kinds
    }
}

/// PROTOCOL §6.2.
#[test]
fn receipts_that_are_lost_stop_no_lane_and_double_nothing() {
    let faulty = faulty();
    faulty.link.set(Link::Deaf(Deafness::Client));
    faulty.set(17, FIRE);
    // By its batch, or by the beat alone while an earlier batch waits for its acknowledgement.
    faulty.world.until("the fire is raised", || faulty.kinds() == ["fire"]);
    faulty.link.set(Link::Sound);
    let before = faulty.link.accepted();
    faulty.world.until("the gateway leaves a connection that does not answer", || {
        before < faulty.link.accepted()
    });
    faulty.set(18, FIRE);
    faulty.shows(17, "fire");
    faulty.shows(18, "fire");
    faulty.world.until("both fires are raised", || faulty.kinds() == ["fire", "fire"]);
    faulty.world.until("both are stored", || {
        (faulty.stored(17, "fire"), faulty.stored(18, "fire")) == (1, 1)
    });
}

/// PROTOCOL §6.3.
#[test]
fn a_box_restored_from_an_old_image_is_shown_and_none_of_its_readings_is_swallowed() {
    let mut faulty = faulty();
    faulty.gateway.kill();
    let (data, image) = (faulty.world.path("gateway-data"), faulty.world.path("image"));
    copy(&data, &image);
    faulty.gateway.start_again();
    faulty.set(17, FIRE);
    faulty.shows(17, "fire");
    faulty.gateway.kill();
    std::fs::remove_dir_all(&data).expect("the spool can be removed");
    copy(&image, &data);
    faulty.set(18, FIRE);
    faulty.gateway.start_again();
    faulty.shows(18, "fire");
    faulty.world.until("the restored spool is told", || {
        faulty.kinds() == ["fire", "fire", "restored-spool"]
    });
}

/// PROTOCOL §6.19.
#[test]
fn a_restart_after_everything_was_receipted_gives_no_notice() {
    let mut faulty = faulty();
    for detector in [17, 18] {
        assert!(faulty.gateway.stop(), "it stops well");
        faulty.set(detector, FIRE);
        faulty.gateway.start_again();
        faulty.shows(detector, "fire");
    }
    faulty.world.until("both fires are raised", || 2 <= faulty.kinds().len());
    assert_eq!(faulty.kinds(), ["fire", "fire"], "and nothing else");
}

/// PROTOCOL §6.5, as far as it is about order; `make bench-ingest` does it with 200,000 records.
#[test]
fn a_live_fire_overtakes_the_backlog_on_a_slow_link_and_its_old_normal_clears_nothing() {
    let mut faulty = faulty();
    faulty.link.set(Link::Closed);
    for _ in 0..8 {
        let before = spooled(&faulty.world.path("gateway-data"));
        faulty.gateway.kill();
        faulty.gateway.start_again();
        faulty.world.until("a refresh of all points is spooled", || {
            before + 15_000 < spooled(&faulty.world.path("gateway-data"))
        });
    }
    faulty.set(18, SHIELDED);
    faulty.world.until("the last of the backlog is polled", || {
        let polled = |answer: &Answered| (answer.unit, answer.register) == (PANEL, 17);
        faulty.site.answered().iter().rfind(|answer| polled(answer)).map(|answer| answer.value)
            == Some(SHIELDED)
    });
    faulty.link.set(Link::Narrow { bytes_per_second: 8_000 });
    faulty.set(17, FIRE);
    faulty.world.until("the fire is raised", || faulty.kinds() == ["fire"]);
    let last = faulty.centre.point("mall-01/facp1/L1D018");
    assert_eq!(last["value"]["text"], "normal", "the backlog still is on its way: {last}");
    faulty.shows(18, "disabled");
    faulty.shows(17, "fire");
    faulty.world.until("the numbered reading is stored", || faulty.stored(17, "fire") == 1);
    let alarms = faulty.centre.alarms("fire");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["state"], "active-unacked", "no old normal has cleared it");
}

/// The size of the newest segment of the urgent lane. Every start writes what waits into a new
/// one, so for a while there are two of them.
fn spooled(gateway_data: &Path) -> u64 {
    let folder = gateway_data.join("spool/urgent");
    let entries = std::fs::read_dir(&folder).expect("the lane can be read");
    let newest = entries.filter_map(Result::ok).max_by_key(|entry| entry.file_name());
    newest.and_then(|entry| Some(entry.metadata().ok()?.len())).unwrap_or(0)
}

/// As an image does: the socket for commands is not part of it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("what it is");
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
