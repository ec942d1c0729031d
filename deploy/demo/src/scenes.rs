//! What can happen in the demo: each scene is a cause, its time, and its end.
//!
//! A scene changes registers of simulated devices or cuts a network; everything that comes of it
//! goes the real way. It plays at a unit of its own unless the story says another, and never
//! twice at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firegrid_wire::state::{State, StateSet};
use tokio::time::sleep;

use crate::sites::{STANDING_LEVEL, STANDING_PRESSURE, Site};

/// A cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Two detectors of one floor report fire, and one of the floor above.
    Fire,
    /// A pump loses its power.
    PumpPower,
    /// The pressure at a sprinkler's end sinks.
    PressureSinks,
    /// A detector fails.
    DetectorFails,
    /// Somebody shields a loop.
    LoopShielded,
    /// The converter in front of a transmitter dies, and returns.
    ConverterDies,
    /// A tank leaks.
    TankLeaks,
    /// A gateway is cut off, and comes back with its backlog.
    GatewayCut,
}

impl Scene {
    /// All of them, in the order in which the story tells them.
    pub(crate) const ALL: [Scene; 8] = [
        Scene::PumpPower,
        Scene::Fire,
        Scene::PressureSinks,
        Scene::DetectorFails,
        Scene::LoopShielded,
        Scene::ConverterDies,
        Scene::TankLeaks,
        Scene::GatewayCut,
    ];

    /// The word of its button.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Scene::Fire => "fire",
            Scene::PumpPower => "pump-power",
            Scene::PressureSinks => "pressure-sinks",
            Scene::DetectorFails => "detector-fails",
            Scene::LoopShielded => "loop-shielded",
            Scene::ConverterDies => "converter-dies",
            Scene::TankLeaks => "tank-leaks",
            Scene::GatewayCut => "gateway-cut",
        }
    }

    /// What it is, in Chinese and English.
    pub(crate) const fn name(self) -> (&'static str, &'static str) {
        match self {
            Scene::Fire => ("三层着火", "Fire on the third floor"),
            Scene::PumpPower => ("水泵失电", "A pump loses its power"),
            Scene::PressureSinks => ("喷淋压力下降", "Sprinkler pressure sinks"),
            Scene::DetectorFails => ("探测器故障", "A detector fails"),
            Scene::LoopShielded => ("回路被屏蔽", "A loop is shielded"),
            Scene::ConverterDies => ("串口服务器掉线又恢复", "A converter dies and returns"),
            Scene::TankLeaks => ("消防水箱渗漏", "A tank leaks"),
            Scene::GatewayCut => ("网关断网后带积压恢复", "A gateway is cut off and comes back"),
        }
    }

    /// What to watch for, in Chinese and English.
    pub(crate) const fn description(self) -> (&'static str, &'static str) {
        match self {
            Scene::Fire => (
                "同一单位两个楼层先后报警：一起事件，首警突出，新分区再次鸣响；约一分半后复位，等待定性。",
                "Two floors of one unit alarm: one incident, the first alarm stands out, a new zone \
                 sounds again; reset after a minute and a half, then it awaits its verdict.",
            ),
            Scene::PumpPower => (
                "30 秒去抖后立案，归属单位所在小网格；两分钟后恢复供电，稳定一分钟方可结案。",
                "A ticket of the owning small grid after a hold of 30 s; power returns after two \
                 minutes, and only a minute of calm lets it be closed.",
            ),
            Scene::PressureSinks => (
                "压力缓慢降到 0.03 MPa：先提示，再立案；工单里的曲线标出限值。",
                "The pressure falls to 0.03 MPa: a note first, then a ticket whose curve shows the \
                 limit.",
            ),
            Scene::DetectorFails => (
                "一只感烟探测器报故障，无人处理则成为工单。",
                "A smoke detector reports a fault, and becomes a ticket if nobody mends it.",
            ),
            Scene::LoopShielded => (
                "六只探测器被屏蔽：不再受监视，屏蔽不会消除任何报警。",
                "Six detectors are shielded: they are not watched, and shielding clears nothing.",
            ),
            Scene::ConverterDies => (
                "变送器前的串口服务器掉线：设备失联，其点位不受监视；恢复后重新读取。",
                "The converter in front of a transmitter dies: the device is silent and its points \
                 are not watched, until it returns and they are read anew.",
            ),
            Scene::TankLeaks => (
                "无泵运行而水位下降：判为渗漏，而不是用水。",
                "The level falls while no pump runs: a leak, not use.",
            ),
            Scene::GatewayCut => (
                "整个单位失联；其间发生的水泵失电在恢复后随积压补报，时间不错乱。",
                "A whole unit is not seen; a pump that lost its power meanwhile is told from the \
                 backlog, at the time at which it happened.",
            ),
        }
    }

    /// The place of its unit among the dozen.
    const fn unit(self) -> usize {
        match self {
            Scene::PumpPower => 0,
            Scene::Fire => 1,
            Scene::DetectorFails => 2,
            Scene::PressureSinks => 3,
            Scene::LoopShielded => 4,
            Scene::TankLeaks => 5,
            Scene::ConverterDies => 6,
            Scene::GatewayCut => 7,
        }
    }
}

/// The sites, and what plays at them.
#[derive(Debug)]
pub(crate) struct Stage {
    /// One for every unit.
    pub(crate) sites: Vec<Site>,
    playing: [AtomicBool; Scene::ALL.len()],
}

impl Stage {
    /// Nothing plays yet.
    pub(crate) fn new(sites: Vec<Site>) -> Stage {
        Stage { sites, playing: Default::default() }
    }

    /// Whether a scene plays now.
    pub(crate) fn is_playing(&self, scene: Scene) -> bool {
        self.playing[scene as usize].load(Ordering::SeqCst)
    }

    /// Plays a scene to its end; `shift` moves it to another unit. Does nothing while it plays.
    pub(crate) async fn play(self: &Arc<Stage>, scene: Scene, shift: usize) -> anyhow::Result<()> {
        if self.playing[scene as usize].swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let site = &self.sites[(scene.unit() + shift) % self.sites.len()];
        tracing::info!(scene = scene.word(), unit = site.unit.name, "A scene begins.");
        let played = site.play(scene).await;
        self.playing[scene as usize].store(false, Ordering::SeqCst);
        played
    }
}

const DETECTOR: &str = "facp1/L1D017";
const PUMP: &str = "pump1/power";

/// Detectors that somebody shields.
pub(crate) const SHIELDED: [&str; 6] = [
    "facp1/L1D101",
    "facp1/L1D102",
    "facp1/L1D103",
    "facp1/L1D104",
    "facp1/L1D105",
    "facp1/L1D106",
];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Site {
    async fn play(&self, scene: Scene) -> anyhow::Result<()> {
        let fire = StateSet::from(State::Fire);
        match scene {
            Scene::Fire => {
                self.report(DETECTOR, fire)?;
                sleep(seconds(6)).await;
                self.report("facp1/L1D018", fire)?;
                sleep(seconds(12)).await;
                self.report("facp1/L1D041", fire)?;
                sleep(seconds(74)).await;
                for point in [DETECTOR, "facp1/L1D018", "facp1/L1D041"] {
                    self.report(point, StateSet::NORMAL)?;
                }
            }
            Scene::PumpPower => {
                self.report(PUMP, StateSet::from(State::SupplyFault))?;
                sleep(seconds(120)).await;
                self.report(PUMP, StateSet::NORMAL)?;
            }
            Scene::PressureSinks => {
                let steps = 20;
                for step in 0..=steps {
                    let part = f64::from(step) / f64::from(steps);
                    self.show_pressure(STANDING_PRESSURE + part * (30_000.0 - STANDING_PRESSURE))?;
                    sleep(seconds(1)).await;
                }
                sleep(seconds(90)).await;
                self.show_pressure(STANDING_PRESSURE)?;
            }
            Scene::DetectorFails => {
                self.report("facp1/L1D042", StateSet::from(State::Fault))?;
                sleep(seconds(150)).await;
                self.report("facp1/L1D042", StateSet::NORMAL)?;
            }
            Scene::LoopShielded => {
                for point in SHIELDED {
                    self.report(point, StateSet::from(State::Disabled))?;
                }
                sleep(seconds(150)).await;
                for point in SHIELDED {
                    self.report(point, StateSet::NORMAL)?;
                }
            }
            Scene::ConverterDies => {
                self.converter(false);
                sleep(seconds(90)).await;
                self.converter(true);
            }
            Scene::TankLeaks => {
                for step in 0..60 {
                    self.show_level(STANDING_LEVEL - 0.005 * f64::from(step))?;
                    sleep(seconds(1)).await;
                }
                sleep(seconds(60)).await;
                self.show_level(STANDING_LEVEL)?;
            }
            Scene::GatewayCut => {
                self.link.cut(true);
                sleep(seconds(10)).await;
                self.report(PUMP, StateSet::from(State::SupplyFault))?;
                sleep(seconds(80)).await;
                self.link.cut(false);
                sleep(seconds(60)).await;
                self.report(PUMP, StateSet::NORMAL)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_has_its_place_word_and_words() {
        for (place, scene) in Scene::ALL.into_iter().enumerate() {
            let others = Scene::ALL.iter().skip(place + 1);
            assert!(others.clone().all(|other| other.word() != scene.word()));
            assert!(others.clone().all(|other| other.unit() != scene.unit()));
            let ((zh, en), (more, in_english)) = (scene.name(), scene.description());
            assert!(!zh.is_ascii() && en.is_ascii() && !more.is_ascii() && in_english.is_ascii());
        }
    }
}
