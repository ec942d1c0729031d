//! What happens in the demo: a pump loses its power, a detector reports fire, both heal, and
//! after a while it begins again elsewhere.

use std::time::Duration;

use firegrid_wire::state::{State, StateSet};
use tokio::time::sleep;

use crate::sites::Site;

const PUMP: &str = "pump1/power";
const DETECTOR: &str = "facp1/L1D017";

/// What happens in a round, and how long after its begin.
const ROUND: [(Duration, Scene); 4] = [
    (Duration::from_secs(3), Scene::PumpLosesPower),
    (Duration::from_secs(8), Scene::DetectorReportsFire),
    (Duration::from_secs(100), Scene::PanelIsReset),
    (Duration::from_secs(150), Scene::PowerReturns),
];

/// A round takes this long. With a dozen units a unit's turn comes again after the proof time
/// of its last hazard has passed.
const ROUND_TAKES: Duration = Duration::from_secs(180);

#[derive(Clone, Copy)]
enum Scene {
    PumpLosesPower,
    DetectorReportsFire,
    PanelIsReset,
    PowerReturns,
}

/// Plays until it is dropped.
pub(crate) async fn play(sites: &[Site]) -> anyhow::Result<()> {
    for round in 0.. {
        let pump = &sites[round % sites.len()];
        let fire = &sites[(round + 1) % sites.len()];
        let mut passed = Duration::ZERO;
        for (after, scene) in ROUND {
            sleep(after - passed).await;
            passed = after;
            match scene {
                Scene::PumpLosesPower => {
                    tracing::info!(unit = pump.unit.name, "A pump loses its power.");
                    pump.report(PUMP, StateSet::from(State::SupplyFault))?;
                }
                Scene::DetectorReportsFire => {
                    tracing::info!(unit = fire.unit.name, "A detector reports fire.");
                    fire.report(DETECTOR, StateSet::from(State::Fire))?;
                }
                Scene::PanelIsReset => {
                    tracing::info!(unit = fire.unit.name, "The fire is out, the panel is reset.");
                    fire.report(DETECTOR, StateSet::NORMAL)?;
                }
                Scene::PowerReturns => {
                    tracing::info!(unit = pump.unit.name, "The pump's power returns.");
                    pump.report(PUMP, StateSet::NORMAL)?;
                }
            }
        }
        sleep(ROUND_TAKES - passed).await;
    }
    Ok(())
}

/// Lets the pressures move, until it is dropped.
pub(crate) async fn breathe(sites: &[Site]) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        sites.iter().try_for_each(Site::breathe)?;
    }
}
