//! Late, wrong, half and missing answers; refused registers, refused connections.

use std::time::Duration;

use firegrid_gateway::poll::News;
use firegrid_gateway::settings::{Dialled, Leads};
use firegrid_gateway::simulate::{Behaviour, Simulator};
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::State;
use firegrid_wire::time::Millis;
use tokio::net::TcpListener;

use crate::peer::{Peer, Question, Reaction, held, in_memory};
use crate::site::{
    COUNTERS, REQUESTS, Site, WORDS, device, is_lost, is_polled, observations, polls, settings,
};

/// Words hold nothing but what tells their place, which is not bit 15.
fn answer(_: Question) -> Reaction {
    Reaction::Answer
}

/// A peer that misbehaves with every seventh question. Whatever is told is right, and both
/// devices go on being polled.
async fn check_never_wrong(react: impl Fn(Question) -> Reaction + Send + Sync + 'static) {
    let peer = Peer::start(move |question| match question.number % 7 {
        6 => react(question),
        _ => Reaction::Answer,
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1, 2], "60ms"), 256);
    let all = site.during(Duration::from_secs(2)).await;
    site.check(&all);
    let polls = polls(&all);
    assert!(polls.len() == 2 && polls.values().all(|count| 3 <= *count), "{polls:?}");
    assert!(3 < peer.connections(), "a doubtful connection is dropped: {}", peer.connections());
}

/// Trap: after a timeout the late answer was taken for the next question's.
#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_one() {
    check_never_wrong(|_| Reaction::AnswerAfter(Duration::from_millis(90))).await;
}

#[tokio::test]
async fn an_answer_of_another_transaction_is_never_believed() {
    check_never_wrong(|question| {
        let other = Question { transaction: question.transaction.wrapping_sub(1), ..question };
        Reaction::Bytes(other.frame(&vec![0xFFFF; usize::from(question.count)]))
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_unit_is_never_believed() {
    check_never_wrong(|question| {
        let other = Question { unit: 3 - question.unit, ..question };
        Reaction::Bytes(other.frame(&other.registers()))
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_function_is_never_believed() {
    check_never_wrong(|question| {
        let other = Question { function: 4, ..question };
        Reaction::Bytes(other.frame(&vec![0xFFFF; usize::from(question.count)]))
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_length_is_never_believed() {
    check_never_wrong(|question| match question.number % 3 {
        0 => Reaction::Registers(vec![0xFFFF; usize::from(question.count) - 1]),
        1 => Reaction::Registers(vec![0xFFFF; usize::from(question.count) + 1]),
        _ => Reaction::Registers(Vec::new()),
    })
    .await;
}

#[tokio::test]
async fn half_a_frame_is_no_answer() {
    check_never_wrong(|question| {
        let mut frame = question.frame(&question.registers());
        frame.truncate(frame.len() / 2);
        match question.number % 2 {
            0 => Reaction::Bytes(frame),
            _ => Reaction::BytesAndClose(frame),
        }
    })
    .await;
}

#[tokio::test]
async fn rubbish_is_no_answer() {
    check_never_wrong(|question| match question.number % 4 {
        0 => Reaction::Bytes(vec![0xFF; 300]),
        1 => Reaction::Bytes(vec![0, 0, 0, 0, 0, 0, 0]),
        2 => Reaction::Bytes(question.frame(&question.registers())[..7].to_vec()),
        _ => Reaction::BytesAndClose(Vec::new()),
    })
    .await;
}

#[tokio::test]
async fn the_first_poll_tells_every_point_once() {
    let peer = Peer::start(answer).await;
    let mut site = Site::start(settings(peer.address, &[1], "1s"), 16);
    for lane in [Lane::Urgent, Lane::Routine] {
        let first = site.until(|news| is_polled(news, device_1(), lane)).await;
        let said = observations(&first);
        let mut points: Vec<u32> = said.iter().map(|said| said.point.0).collect();
        points.dedup();
        assert_eq!((said.len(), points.len()), (40, 40));
        site.check(&[first]);
    }
    let next = site.until(|news| is_polled(news, device_1(), Lane::Urgent)).await;
    assert_eq!(observations(&next), []);
}

fn device_1() -> firegrid_gateway::inventory::DeviceIndex {
    firegrid_gateway::inventory::DeviceIndex(0)
}

#[tokio::test]
async fn a_refused_register_makes_its_own_point_unknown_and_no_other() {
    let bad = COUNTERS + 7;
    let peer = Peer::start(move |question| {
        let end = question.first + question.count;
        match (question.first..end).contains(&bad) {
            true => Reaction::Except(2),
            false => Reaction::Answer,
        }
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1], "1s"), 16);
    let first = site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    site.check(std::slice::from_ref(&first));
    let unknown: Vec<_> =
        observations(&first).iter().filter(|said| said.value == Value::Unknown).collect();
    assert_eq!(unknown.len(), 1);
    let point = &site.settings.inventory.point(unknown[0].point).entry;
    assert_eq!((point.n.point(), unknown[0].quality), ("C7", Quality::SensorFault));
    assert_eq!(observations(&first).len(), 40);
    let before = peer.questions();
    let all = site.during(Duration::from_millis(600)).await;
    assert!(all.iter().all(|news| matches!(news, News::Polled { .. })), "{all:?}");
    assert!(peer.questions() - before < 60, "the register is not asked for again and again");
}

#[tokio::test]
async fn an_exception_is_an_answer_and_keeps_the_connection() {
    let peer = Peer::start(|question| match question.unit {
        1 => Reaction::Except(6),
        _ => Reaction::Answer,
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1, 2], "1s"), 64);
    site.until(|news| is_lost(news, device_1())).await;
    let all = site.during(Duration::from_millis(500)).await;
    site.check(&all);
    assert_eq!(peer.connections(), 1);
    assert!(polls(&all).values().sum::<usize>() >= 3, "its neighbour is polled");
}

#[tokio::test]
async fn a_device_that_answers_only_refusals_is_lost() {
    let peer = Peer::start(|_| Reaction::Except(2)).await;
    let mut site = Site::start(settings(peer.address, &[1], "1s"), 16);
    let news = site.next().await;
    assert!(is_lost(&news, device_1()), "{news:?}");
    let all = site.during(Duration::from_millis(1_500)).await;
    assert!(all.is_empty(), "it has no complete poll: {all:?}");
}

#[tokio::test]
async fn a_dead_line_loses_every_device_once_and_finds_them_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut site = Site::start(settings(address, &[1, 2], "100ms"), 16);
    let mut lost = [site.next().await, site.next().await].map(|news| match news {
        News::Lost { device, .. } => device.0,
        News::Polled { .. } | News::Ahead { .. } => panic!("nothing can be read: {news:?}"),
    });
    lost.sort();
    assert_eq!(lost, [0, 1]);
    let all = site.during(Duration::from_millis(1_500)).await;
    assert!(all.is_empty(), "it is told once: {all:?}");
    let listener = TcpListener::bind(address).await.expect("the same port");
    let _peer = Peer::listen(listener, answer);
    for unit in [1, 2] {
        let wanted = device(&site.settings, unit);
        let back = site.until(|news| is_polled(news, wanted, Lane::Urgent)).await;
        site.check(&[back]);
    }
}

#[tokio::test]
async fn a_device_that_was_silent_is_back_with_a_complete_poll() {
    let settings = settings_for_simulator();
    let (simulator, mut site) = simulated(settings).await;
    site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    simulator.behave(1, Behaviour::Silent);
    site.until(|news| is_lost(news, device_1())).await;
    simulator.report("d1/W3", State::Fire.into()).expect("a fire");
    simulator.behave(1, Behaviour::Answers);
    let ahead = site.next().await;
    assert!(matches!(ahead, News::Ahead { .. }), "the fire comes first: {ahead:?}");
    let back = site.next().await;
    assert!(is_polled(&back, device_1(), Lane::Urgent), "{back:?}");
    assert_eq!(observations(&back), observations(&ahead), "nothing else has changed");
    site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    assert_eq!(simulator.not_reads(), [0_u8; 0]);
}

#[tokio::test]
async fn a_silent_device_hardly_slows_its_neighbour() {
    let peer = Peer::start(|question| match question.unit {
        1 => Reaction::Silence,
        _ => Reaction::Answer,
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1, 2], "200ms"), 256);
    site.until(|news| is_lost(news, device_1())).await;
    let all = site.during(Duration::from_secs(4)).await;
    let lost = all.iter().filter(|news| is_lost(news, device_1())).count();
    assert_eq!(lost, 0, "it is told once");
    // 40 turns, less two for each of the probes after 1 s and 3 s; asked in every turn, the
    // silent device would leave fewer than 20.
    let polled = polls(&all).values().sum::<usize>();
    assert!(28 <= polled, "{polled} polls in 4 s");
}

#[tokio::test]
async fn a_fire_is_told_even_if_the_rest_of_the_poll_fails() {
    let peer = Peer::start(|question| match question.first {
        WORDS => {
            let mut registers = question.registers();
            registers[4] |= 1 << 15;
            Reaction::Registers(registers)
        }
        _ => Reaction::Silence,
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1], "60ms"), 16);
    let ahead = site.next().await;
    let said = observations(&ahead);
    assert_eq!(said.len(), 1, "{ahead:?}");
    assert_eq!(said[0].value.to_string(), "fire");
    assert_eq!(site.settings.inventory.point(said[0].point).entry.n.point(), "W4");
}

#[tokio::test]
async fn a_part_that_never_answers_hides_only_its_own_points() {
    let peer = Peer::start(|question| match question.first {
        COUNTERS => Reaction::Silence,
        _ => Reaction::Answer,
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1], "60ms"), 64);
    let first = site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    site.check(std::slice::from_ref(&first));
    let unknown = observations(&first).iter().filter(|said| said.value == Value::Unknown).count();
    assert_eq!((unknown, observations(&first).len()), (20, 40));
    let all = site.during(Duration::from_secs(1)).await;
    assert!(!all.iter().any(|news| is_lost(news, device_1())), "{all:?}");
}

#[tokio::test]
async fn a_moved_fire_is_read_again_at_once() {
    let mut settings = settings_for_simulator();
    settings.lines[0].devices[0].alarm_period = Some(Millis::seconds(2));
    let (simulator, mut site) = simulated(settings).await;
    site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    simulator.report("d1/W39", State::Fire.into()).expect("a fire");
    let is_fire =
        |news: &News| is_polled(news, device_1(), Lane::Urgent) && !observations(news).is_empty();
    let fire = site.until(is_fire).await;
    let again = site.until(|news| is_polled(news, device_1(), Lane::Urgent)).await;
    let (News::Polled { at: first, .. }, News::Polled { at: second, .. }) = (fire, again) else {
        panic!("both are polls");
    };
    assert!(second.since(first) < Millis::seconds(1), "after {}", second.since(first));
}

/// Nobody takes news for a while. The channel fills up with alarm polls, then the line stands
/// still; what has happened meanwhile is told when news is taken again.
#[tokio::test]
async fn when_news_piles_up_analog_areas_wait_first_and_nothing_is_dropped() {
    const ROOM: usize = 8;
    let settings = settings_for_simulator();
    let simulator = simulator(&settings).await;
    let mut site = Site::start(at(&simulator, settings), ROOM);
    site.until(|news| is_polled(news, device_1(), Lane::Routine)).await;
    let mut before = 0;
    while before != simulator.requests() {
        before = simulator.requests();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    simulator.report("d1/W3", State::Fire.into()).expect("a fire");
    simulator.show("d1/C3", 7.0).expect("a number");
    for place in 0..ROOM {
        let news = site.next().await;
        let urgent = is_polled(&news, device_1(), Lane::Urgent);
        assert!(place < ROOM - 2 || urgent, "{place}: {news:?}");
    }
    let (mut fire, mut seven) = (false, false);
    site.until(|news| {
        let mut said = observations(news).iter();
        fire |= said.clone().any(|said| said.value.is_fire_class());
        seven |= said.any(|said| matches!(said.value, Value::Number(7.0, _)));
        fire && seven
    })
    .await;
}

#[tokio::test]
async fn a_line_ends_when_nobody_listens() {
    let peer = Peer::start(answer).await;
    let mut site = Site::start(settings(peer.address, &[1], "1s"), 16);
    site.next().await;
    assert!(site.ended().await);
    assert_eq!(usize::try_from(peer.questions()).expect("a count") % REQUESTS, 0);
}

pub(crate) fn settings_for_simulator() -> firegrid_gateway::settings::Settings {
    settings("127.0.0.1:1".parse().expect("an address"), &[1], "100ms")
}

async fn simulator(settings: &firegrid_gateway::settings::Settings) -> Simulator {
    let address = "127.0.0.1:0".parse().expect("an address");
    let started = Simulator::start(address, &settings.lines[0], &settings.inventory).await;
    let simulator = started.expect("a free port");
    for number in 0..40 {
        simulator
            .show(&format!("d1/C{number}"), f64::from(held(1, COUNTERS + number)))
            .expect("a number");
    }
    simulator
}

fn at(
    simulator: &Simulator,
    mut settings: firegrid_gateway::settings::Settings,
) -> firegrid_gateway::settings::Settings {
    let address = simulator.address().to_string().parse().expect("an address");
    settings.lines[0].leads = Leads::Tcp(Dialled { address, backup: None });
    settings
}

pub(crate) async fn simulated(settings: firegrid_gateway::settings::Settings) -> (Simulator, Site) {
    let simulator = simulator(&settings).await;
    let site = Site::start(at(&simulator, settings), 64);
    (simulator, site)
}

/// An hour over a stream in memory, in which time is held, passes in a moment.
#[tokio::test(start_paused = true)]
async fn a_line_runs_as_well_over_a_stream_in_memory() {
    const SECONDS: usize = 3_600;
    let settings = settings(([127, 0, 0, 1], 1).into(), &[1], "60ms");
    let endpoint = in_memory(|question| match question.number % 100 {
        99 => Reaction::AnswerAfter(Duration::from_millis(90)),
        _ => Reaction::Answer,
    });
    let mut site = Site::start_over(endpoint, settings, 256);
    let all = site.during(Duration::from_secs(SECONDS as u64)).await;
    site.check(&all);
    let polls: usize = polls(&all).values().sum();
    assert!(9 * SECONDS < polls && polls <= 10 * SECONDS + 1, "{polls} polls at 100 ms");
}
