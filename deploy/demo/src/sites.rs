//! The dozen sites: for each unit simulated devices on a loopback address, and the gateway that
//! reads them over real Modbus TCP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use firegrid_gateway::settings::Settings;
use firegrid_gateway::simulate::{Behaviour, Simulator};
use firegrid_wire::state::StateSet;

use crate::county::{REGION, UNITS, Unit};
use crate::link::Link;
use crate::scenes::SHIELDED;

/// Pressure that stands at a sprinkler end while all is well, in pascal.
pub(crate) const STANDING_PRESSURE: f64 = 350_000.0;

/// What stands on the plate of every pump, in volt, ampere and hertz.
const PUMP_PLATE: [(&str, f64); 3] = [
    ("pump1/nominal-voltage", 380.0),
    ("pump1/nominal-current", 139.0),
    ("pump1/nominal-frequency", 50.0),
];

/// How high the water stands in a tank while all is well, in metres.
pub(crate) const STANDING_LEVEL: f64 = 3.2;

/// The slaves of a site's line.
const PANEL: u8 = 1;
const RISER: u8 = 2;
const PUMP: u8 = 3;
const TANK: u8 = 4;

/// One unit's devices, the settings of its gateway, and the network between that and the broker.
#[derive(Debug)]
pub(crate) struct Site {
    /// The unit.
    pub(crate) unit: Unit,
    /// What its gateway is told.
    pub(crate) settings: Settings,
    /// The way to the broker.
    pub(crate) link: Link,
    devices: Simulator,
    /// Whether a scene holds the pressure, so that it must not move by itself.
    held: AtomicBool,
}

impl Site {
    /// Starts the devices of every unit. Each has an address of its own, the same at every
    /// start: a point whose address changes would be another point.
    pub(crate) async fn start_all(
        data: &Path,
        broker: SocketAddr,
        port: u16,
    ) -> anyhow::Result<Vec<Site>> {
        let mut sites = Vec::new();
        for (number, unit) in UNITS.into_iter().enumerate() {
            let host = Ipv4Addr::new(127, 26, 0, number as u8 + 1);
            let address = SocketAddr::new(IpAddr::V4(host), port);
            let link = Link::to(broker).await?;
            let data = data.join("gateways").join(unit.id);
            let text = settings_of(unit, &data, link.address(), address);
            let settings = Settings::parse(unit.id, &text)?;
            let line = settings.lines.first().context("a site of the demo has one line")?;
            let devices =
                Simulator::start(address, line, &settings.inventory).await.with_context(|| {
                    format!("the devices of {} cannot listen at {address}", unit.id)
                })?;
            let site = Site { unit, settings, link, devices, held: AtomicBool::new(false) };
            site.devices.show(PRESSURE, STANDING_PRESSURE)?;
            site.show_level(STANDING_LEVEL)?;
            for (point, number) in PUMP_PLATE {
                site.devices.show(point, number)?;
            }
            sites.push(site);
        }
        Ok(sites)
    }

    /// Lets a point of the site report states.
    pub(crate) fn report(&self, point: &str, states: StateSet) -> anyhow::Result<()> {
        Ok(self.devices.report(point, states)?)
    }

    /// Lets the pressure move as water does while nothing happens.
    pub(crate) fn breathe(&self) -> anyhow::Result<()> {
        if self.held.load(Ordering::SeqCst) {
            return Ok(());
        }
        let pascal = STANDING_PRESSURE + 6_000.0 * (fastrand::f64() - 0.5);
        Ok(self.devices.show(PRESSURE, pascal)?)
    }

    /// Holds the pressure at a number; at the standing one it moves by itself again.
    pub(crate) fn show_pressure(&self, pascal: f64) -> anyhow::Result<()> {
        self.held.store(pascal < STANDING_PRESSURE, Ordering::SeqCst);
        Ok(self.devices.show(PRESSURE, pascal)?)
    }

    /// Lets the water of the tank stand so high, in metres.
    pub(crate) fn show_level(&self, metres: f64) -> anyhow::Result<()> {
        Ok(self.devices.show("tank1/level", metres)?)
    }

    /// Whether the converter in front of the riser's transmitter works.
    pub(crate) fn converter(&self, works: bool) {
        let behaviour = if works { Behaviour::Answers } else { Behaviour::Silent };
        self.devices.behave(RISER, behaviour);
    }
}

const PRESSURE: &str = "riser1/pressure";

fn settings_of(unit: Unit, data: &Path, broker: SocketAddr, devices: SocketAddr) -> String {
    let (id, data) = (unit.id, data.display());
    let shielded: String = SHIELDED
        .iter()
        .filter_map(|point| point.split_once('/'))
        .map(|(_, name)| {
            let number = name.trim_start_matches("L1D");
            format!(
                "\n[[line.device.point]]\nname = \"{name}\"\nlabel = \"五层客房 {number} 号感烟探测器\"\n\
                 zone = \"5F\"\n"
            )
        })
        .collect();
    format!(
        r#"
region = "{REGION}"
gateway = "{id}"
data = "{data}"

[broker]
address = "{broker}"

[[line]]
name = "control-room"
address = "{devices}"

[[line.device]]
name = "facp1"
unit_id = {PANEL}
label = "消防控制室火灾报警控制器"
profile = "notifier-modbus-gw"
options = {{ loops = [1] }}

[[line.device.point]]
name = "L1D017"
label = "三层走廊感烟探测器"
zone = "3F"

[[line.device.point]]
name = "L1D018"
label = "三层电梯厅感烟探测器"
zone = "3F"

[[line.device.point]]
name = "L1D041"
label = "四层走廊感烟探测器"
zone = "4F"

[[line.device.point]]
name = "L1D042"
label = "四层机房感烟探测器"
zone = "4F"
{shielded}
[[line.device]]
name = "riser1"
unit_id = {RISER}
label = "1 号立管末端试水"
profile = "pressure-transmitter-float"
options = {{ pressure_unit = "kPa", word_order = "big" }}

[[line.device.point]]
name = "pressure"
label = "末端试水压力"
zone = "5F"
tags = ["sprinkler-end"]

[[line.device]]
name = "pump1"
unit_id = {PUMP}
label = "1 号喷淋泵控制柜"
profile = "fire-pump-controller"

[[line.device]]
name = "tank1"
unit_id = {TANK}
label = "高位消防水箱"
profile = "level-transmitter-float"
options = {{ unit = "m", word_order = "big" }}

[[line.device.point]]
name = "level"
label = "高位水箱水位"
zone = "RF"
limits = {{ low = 2.5, lowest = 1.5 }}
"#
    )
}
