//! Chaos: seven gateways, over a thousand points, and everything that can happen to them and
//! between them, for `CHAOS_MINUTES` (2 unless told). `make chaos` takes ten; `FIREGRID_SEED`
//! repeats a run. `make chaos` prints one JSON object as its last line.
//!
//! It is counted after a quiet end, when the centre shows what every register holds.
#![expect(clippy::print_stdout, reason = "a seed and what was counted belong to a test's output")]

mod blow;
mod town;

use serde_json::json;

use blow::Blow;
use town::Town;

/// In ten minutes; a shorter run does its share.
const KILLS: u64 = 50;
const OTHER_BLOWS: u64 = 50;
const FIRES: u64 = 20;
const FIRES_IN_OUTAGES: u64 = 5;
const CHANGES: u64 = 20_000;
const MINUTES: u64 = 10;

#[test]
fn nothing_is_lost_doubled_or_falsely_cleared_in_chaos() {
    let minutes = std::env::var("CHAOS_MINUTES")
        .map_or(2, |minutes| minutes.parse().expect("CHAOS_MINUTES is a number"));
    let seed = std::env::var("FIREGRID_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("FIREGRID_SEED={seed}");
    let share = |number: u64| (number * minutes).div_ceil(MINUTES);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut town = Town::begin(fastrand::Rng::with_seed(random.u64(..)));

    let kills = usize::try_from(share(KILLS)).expect("few kills");
    let mut blows = Blow::shuffled(kills, share(OTHER_BLOWS), &mut random);
    let rounds = blows.len() as u64;
    let (fires, in_outages) = (share(FIRES), share(FIRES_IN_OUTAGES));
    let quiet_per_round = minutes * 60_000 * 3 / 5 / rounds;
    let struck_per_round = minutes * 60_000 * 2 / 5 / rounds;
    for (round, blow) in (0..rounds).zip(blows.drain(..)) {
        let due = |number: u64| number * (round + 1) / rounds - number * round / rounds;
        town.changes(quiet_per_round);
        (0..due(fires - in_outages)).for_each(|_| town.one_more_fire());
        if due(town::GATEWAYS as u64) > 0 {
            town.one_more_pump_loses_power();
        }
        println!("{round}/{rounds}: {blow:?}");
        town.strike(blow, struck_per_round, due(in_outages));
    }
    while town.changed < share(CHANGES) || town.fires_lit() < fires {
        if town.fires_lit() < fires {
            town.one_more_fire();
        }
        town.changes(500);
    }

    town.all_arrives();
    let found = town.count();
    let result = json!({
        "seed": seed,
        "changes": town.changed,
        "arrived": found.arrived,
        "lost": found.lost,
        "doubled": found.doubled,
        "fires_expected": town.fires_lit(),
        "fires_found": found.fires,
        "fires_falsely_cleared": found.falsely_cleared,
        "tickets_expected": town.pumps_lost(),
        "tickets_found": found.tickets,
        "kills": kills,
    });
    let wrong = found.wrong.join("\n");
    let good = wrong.is_empty()
        && (found.lost, found.doubled, found.falsely_cleared) == (0, 0, 0)
        && found.fires as u64 == town.fires_lit()
        && found.tickets == town.pumps_lost();
    assert!(good, "{wrong}\n{result}\n{}", town.keep_logs());
    println!("{result}");
    if let Ok(path) = std::env::var("CHAOS_RESULT") {
        std::fs::write(path, format!("{result}\n")).expect("the result can be written");
    }
}
