//! The dozen sites: for each unit simulated devices on a loopback address, and the gateway that
//! reads them over real Modbus TCP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use firegrid_gateway::settings::Settings;
use firegrid_gateway::simulate::Simulator;
use firegrid_wire::state::StateSet;

use crate::county::{REGION, UNITS, Unit};

/// Pressure that stands at a sprinkler end while all is well, in pascal.
const STANDING_PRESSURE: f64 = 350_000.0;

/// What stands on the plate of every pump, in volt, ampere and hertz.
const PUMP_PLATE: [(&str, f64); 3] = [
    ("pump1/nominal-voltage", 380.0),
    ("pump1/nominal-current", 139.0),
    ("pump1/nominal-frequency", 50.0),
];

/// One unit's devices and the settings of its gateway.
pub(crate) struct Site {
    /// The unit.
    pub(crate) unit: Unit,
    /// What its gateway is told.
    pub(crate) settings: Settings,
    devices: Simulator,
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
            let text = settings_of(unit, &data.join("gateways").join(unit.id), broker, address);
            let settings = Settings::parse(unit.id, &text)?;
            let line = settings.lines.first().context("a site of the demo has one line")?;
            let devices =
                Simulator::start(address, line, &settings.inventory).await.with_context(|| {
                    format!("the devices of {} cannot listen at {address}", unit.id)
                })?;
            let site = Site { unit, settings, devices };
            site.show_pressure(STANDING_PRESSURE)?;
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
        self.show_pressure(STANDING_PRESSURE + 6_000.0 * (fastrand::f64() - 0.5))
    }

    fn show_pressure(&self, pascal: f64) -> anyhow::Result<()> {
        Ok(self.devices.show("riser1/pressure", pascal)?)
    }
}

fn settings_of(unit: Unit, data: &Path, broker: SocketAddr, devices: SocketAddr) -> String {
    let (id, data) = (unit.id, data.display());
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
unit_id = 1
label = "消防控制室火灾报警控制器"
profile = "notifier-modbus-gw"
options = {{ loops = [1] }}

[[line.device.point]]
name = "L1D017"
label = "三层走廊感烟探测器"
zone = "3F"

[[line.device]]
name = "riser1"
unit_id = 2
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
unit_id = 3
label = "1 号喷淋泵控制柜"
profile = "fire-pump-controller"
"#
    )
}
