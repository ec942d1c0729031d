//! A change probe shortens the way of a change, and nothing depends on it.

use std::time::Duration;

use firegrid_gateway::profile::Table;
use firegrid_gateway::simulate::Simulator;
use firegrid_wire::span::Lane;
use firegrid_wire::state::State;
use tokio::time::Instant;

use crate::peer::{Peer, Question, Reaction};
use crate::site::{Site, device, is_lost, is_polled, observations, watched_settings};

/// Where the probe lies: beside no point.
const PROBE: u16 = 2_000;

/// Much sooner than the five seconds of the alarm area.
const SOON: Duration = Duration::from_secs(3);

async fn simulated() -> (Simulator, Site) {
    let quiet = watched_settings("127.0.0.1:1".parse().expect("an address"), PROBE);
    let listen = "127.0.0.1:0".parse().expect("an address");
    let simulator = Simulator::start(listen, &quiet.lines[0], &quiet.inventory);
    let simulator = simulator.await.expect("a simulator");
    let site = Site::start(watched_settings(simulator.address(), PROBE), 256);
    (simulator, site)
}

#[tokio::test]
async fn a_change_that_moves_the_probe_is_told_long_before_its_turn() {
    let (simulator, mut site) = simulated().await;
    let wanted = device(&site.settings, 1);
    site.until(|news| is_polled(news, wanted, Lane::Urgent)).await;
    for round in 1..4 {
        let begin = Instant::now();
        let states = if round % 2 == 1 { State::Fire.into() } else { Default::default() };
        simulator.report("d1/W7", states).expect("a word");
        simulator.set_register(1, Table::HoldingRegisters, PROBE, round);
        let told = |news: &_| observations(news).iter().any(|said| said.value == states_of(states));
        site.until(told).await;
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    }
}

fn states_of(states: firegrid_wire::state::StateSet) -> firegrid_wire::reading::Value {
    firegrid_wire::reading::Value::States(states.into())
}

#[tokio::test]
async fn a_change_that_the_probe_hides_is_found_by_the_poll() {
    let (simulator, mut site) = simulated().await;
    let wanted = device(&site.settings, 1);
    // The second is called by the first look.
    for _ in 0..2 {
        site.until(|news| is_polled(news, wanted, Lane::Urgent)).await;
    }
    simulator.report("d1/W7", State::Fire.into()).expect("a word");
    let fire = states_of(State::Fire.into());
    site.until(|news| observations(news).iter().any(|said| said.value == fire)).await;
}

/// The analog areas go on, nothing is lost, and the alarm area is read again in its turn.
async fn check_goes_on(react: impl Fn(Question) -> Reaction + Send + Sync + 'static) {
    let peer = Peer::start(move |question| match question.first {
        PROBE => react(question),
        _ => Reaction::Answer,
    })
    .await;
    let mut site = Site::start(watched_settings(peer.address, PROBE), 256);
    let wanted = device(&site.settings, 1);
    let (mut alarms, mut analogs) = (0, 0);
    while alarms < 2 {
        let news = site.next().await;
        assert!(!is_lost(&news, wanted), "lost after {alarms} and {analogs} polls");
        alarms += u32::from(is_polled(&news, wanted, Lane::Urgent));
        analogs += u32::from(is_polled(&news, wanted, Lane::Routine));
    }
    assert!(20 < analogs, "{analogs} analog polls in five seconds");
}

#[tokio::test]
async fn a_refused_probe_hinders_nothing() {
    check_goes_on(|_| Reaction::Except(2)).await;
}

#[tokio::test]
async fn a_probe_without_an_answer_hinders_nothing() {
    check_goes_on(|_| Reaction::Silence).await;
}
