//! What a line shows of itself while one of its devices is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firegrid_gateway::line::memory::Memory;
use firegrid_gateway::line::report::{Standing, State};
use firegrid_gateway::profile::Table;
use firegrid_wire::reading::Quality;

use crate::peer::{Question, Reaction, held, in_memory};
use crate::site::{COUNTERS, Site, device, settings};

#[tokio::test(start_paused = true)]
async fn a_line_shows_its_devices_and_their_last_readings() {
    let settings = settings(([127, 0, 0, 1], 1).into(), &[1, 2], "200ms");
    let endpoint = in_memory(|question| match question.unit {
        1 if question.first == COUNTERS + 20 => Reaction::Except(2),
        1 => Reaction::AnswerAfter(Duration::from_millis(3)),
        _ => Reaction::Silence,
    });
    let mut site = Site::start_over(endpoint, settings, 256);
    site.during(Duration::from_secs(60)).await;
    let report = site.view.report();
    assert_eq!((report.line.as_str(), report.state), ("l", State::Reachable));
    assert!(59 <= report.at.since_begin().get() / 1_000, "it shows itself every second");
    let [good, dead] = report.devices.as_slice() else { panic!("two devices: {report:?}") };

    assert_eq!((good.name.as_str(), good.unit_id, good.standing), ("d1", 1, Standing::Answers));
    assert_eq!(good.deadline, Duration::from_millis(50));
    assert!(1_000 < good.response_times.total(), "{good:?}");
    assert_eq!(good.response_times.kept_by(0.99), Some(5));
    let refused: Vec<u16> = good.refused.iter().map(|read| read.first).collect();
    assert_eq!(refused, [COUNTERS + 20]);

    assert!(matches!(dead.standing, Standing::Lost { .. }), "{dead:?}");
    assert_eq!((dead.answered, dead.response_times.total()), (None, 0));
    assert!(2 <= dead.unanswered && 100 < dead.missed_turns.urgent, "{dead:?}");

    let known = device(&site.settings, 1);
    let patience = Duration::from_secs(1);
    let readings = site.view.readings(known, patience).await.expect("a device of the line");
    assert_eq!(readings.len(), 80);
    for reading in &readings {
        assert_eq!(reading.read.table, Table::HoldingRegisters);
        match reading.raw.as_slice() {
            [] => assert_eq!(
                (reading.read.first, reading.quality),
                (COUNTERS + 20, Quality::SensorFault)
            ),
            raw => {
                assert_eq!(raw, [held(1, reading.read.first)]);
                assert_eq!(reading.value, site.right(reading.point));
            }
        }
    }
    let stranger = firegrid_gateway::inventory::DeviceIndex(7);
    assert_eq!(site.view.readings(stranger, patience).await, None);
}

#[tokio::test]
async fn what_a_device_refuses_is_divided_once_and_remembered_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let divided = Arc::new(AtomicU64::new(0));
    let peer = {
        let divided = Arc::clone(&divided);
        move |question: Question| {
            let asked = question.first..question.first + question.count;
            let is_bad = asked.contains(&(COUNTERS + 27));
            divided.fetch_add(u64::from(is_bad && 1 < question.count), Ordering::Relaxed);
            if is_bad { Reaction::Except(2) } else { Reaction::Answer }
        }
    };
    for (run, questions) in [("first", 1..=6), ("second", 0..=0)] {
        divided.store(0, Ordering::Relaxed);
        let settings = settings(([127, 0, 0, 1], 1).into(), &[1], "200ms");
        let memory = Memory::of(folder.path(), "l");
        let mut site = Site::start_remembering(in_memory(peer.clone()), settings, 256, memory);
        let begin = std::time::Instant::now();
        let file = folder.path().join("line-l.json");
        while !file.exists() || site.view.report().devices.iter().all(|d| d.refused.is_empty()) {
            site.during(Duration::from_millis(100)).await;
            assert!(begin.elapsed() < Duration::from_secs(20), "nothing is remembered");
        }
        let said = site.during(Duration::from_millis(500)).await;
        site.check(&said);
        let divided = divided.load(Ordering::Relaxed);
        assert!(questions.contains(&divided), "{run} run: {divided}");
        assert!(site.ended().await);
    }
}
