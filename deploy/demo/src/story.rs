//! What happens in the demo without anyone touching it: every scene within five minutes, and
//! then again, each time at other units.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::scenes::{Scene, Stage};

/// What begins in a round, in seconds after its begin.
const ROUND: [(u64, Scene); 8] = [
    (3, Scene::PumpPower),
    (8, Scene::Fire),
    (20, Scene::PressureSinks),
    (30, Scene::DetectorFails),
    (40, Scene::LoopShielded),
    (50, Scene::ConverterDies),
    (60, Scene::TankLeaks),
    (75, Scene::GatewayCut),
];

/// A round takes this long: every scene is over, and its effects were seen.
const ROUND_TAKES: Duration = Duration::from_secs(290);

/// Plays until it is dropped.
pub(crate) async fn play(stage: &Arc<Stage>) -> anyhow::Result<()> {
    for round in 0.. {
        let mut playing = JoinSet::new();
        let mut passed = Duration::ZERO;
        for (after, scene) in ROUND {
            let after = Duration::from_secs(after);
            sleep(after - passed).await;
            passed = after;
            let stage = Arc::clone(stage);
            playing.spawn(async move { stage.play(scene, round).await });
        }
        sleep(ROUND_TAKES - passed).await;
        while let Some(played) = playing.join_next().await {
            played??;
        }
    }
    Ok(())
}

/// Lets the pressures move, until it is dropped.
pub(crate) async fn breathe(stage: &Arc<Stage>) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        stage.sites.iter().try_for_each(crate::sites::Site::breathe)?;
    }
}
