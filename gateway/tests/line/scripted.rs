//! A script plays on a simulated line, and the line that reads it tells what was played.

use firegrid_gateway::poll::News;
use firegrid_gateway::simulate::script::Script;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::State;

use crate::faults::{settings_for_simulator, simulated};
use crate::site::{device, is_lost, is_polled, observations};

/// Each fault is over when the first probe of the lost device comes.
const SCRIPT: &str = "
200ms   d1/W3 fire
700ms   d1/W3 normal
1s      d1 silent
2s      d1 back
4s      d1 half           # an answer that ends in its middle
5s      d1 back
7s      d1 except 6       # busy
8s      d1 back
10s     d1 late 800ms     # later than the line waits
11s     d1 back
13s     line refuse
14s     line back
16s     d1/C7 7777
";

#[tokio::test]
async fn what_a_script_plays_is_told_in_its_order() {
    let settings = settings_for_simulator();
    let script = Script::read("script", SCRIPT, &settings.lines[0], &settings.inventory);
    let script = script.unwrap_or_else(|told| panic!("{told}"));
    let (simulator, mut site) = simulated(settings).await;
    let one = device(&site.settings, 1);
    let mut played = 0;
    let play = async {
        script.play(&simulator, |_, _| played += 1).await;
        std::future::pending::<()>().await;
    };
    let told = async {
        let says = |fires: bool| {
            move |news: &News| {
                let is_ahead = matches!(news, News::Ahead { .. });
                let fire = |value: &Value| {
                    value.states().is_some_and(|states| states.set.has(State::Fire))
                };
                is_ahead && observations(news).iter().any(|said| fire(&said.value) == fires)
            }
        };
        site.until(says(true)).await;
        site.until(says(false)).await;
        for _fault in ["silent", "half", "except", "late", "refuse"] {
            site.until(|news| is_lost(news, one)).await;
            site.until(|news| is_polled(news, one, Lane::Urgent)).await;
        }
        let shown = |news: &News| {
            let said = observations(news).iter();
            said.clone()
                .any(|said| matches!(said.value, Value::Number(number, _) if number == 7_777.0))
                && said.clone().all(|said| said.quality == Quality::Good)
        };
        site.until(shown).await;
    };
    tokio::select! {
        () = play => {}
        () = told => {}
    }
    assert_eq!(played, 13, "every order is carried out once");
    assert_eq!(simulator.not_reads(), [0_u8; 0]);
}
