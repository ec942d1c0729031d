//! How long the polls of a line will take, by arithmetic on its settings.
//!
//! Pure, and an estimate: what a wire carries is known to the bit, how long a device thinks is
//! assumed. It shows before the first question whether periods can be kept at all.

use std::time::Duration;

use firegrid_wire::span::Lane;
use firegrid_wire::time::Millis;

use super::area::Area;
use super::plan::Read;
use crate::settings::{Device, Framing, Leads, Line, Listen, Parity, Serial};

/// How long a serial device is taken to think before it answers. Simple slaves need 2 to 20 ms.
pub const TURNAROUND: Duration = Duration::from_millis(5);

/// What one request over Modbus TCP is taken to cost, answer included. A panel's gateway on the
/// same network answers within a few milliseconds; one that asks a serial bus behind it is
/// slower, and its cycle is then longer than what is told here.
pub const ROUND_TRIP: Duration = Duration::from_millis(10);

/// How fast the wire behind a converter is taken to be: the usual setting.
pub const BAUD_BEHIND_CONVERTER: u32 = 9_600;

/// A line that is busier than this has no slack for a device that is late or lost. A period that
/// can be kept leaves the rest of the time free.
pub const BUSY_AT_MOST: f64 = 0.8;

/// Periods are recommended in such steps.
const STEP: u64 = 100;

/// A question for registers or bits, in RTU.
const QUESTION: u32 = 8;

/// What an answer in RTU has besides its data.
const AROUND_DATA: u32 = 5;

/// What a request costs on a wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// As much as any other.
    RoundTrip,
    /// What its bytes need, and silence before the question and before the answer.
    Serial {
        /// The wire.
        wire: Serial,
        /// Nobody has said how fast it is.
        assumed: bool,
    },
}

/// What one area of one device costs.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaCycle {
    /// Alarm areas are urgent, analog areas routine.
    pub lane: Lane,
    /// How often it is to be read.
    pub period: Millis,
    /// How many points it has.
    pub points: usize,
    /// Questions of one poll.
    pub requests: u64,
    /// Bytes of one poll on a serial wire, questions and answers.
    pub bytes: u64,
    /// How long one poll takes.
    pub cycle: Duration,
}

/// What a device costs.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceCycle {
    /// Its areas, the alarm area first.
    pub areas: Vec<AreaCycle>,
    /// The share of the line's time that its change probe takes.
    pub looks: f64,
}

/// What a line costs.
#[derive(Debug, Clone, PartialEq)]
pub struct LineCycle {
    /// What a request costs.
    pub pace: Pace,
    /// Its devices, in the order of the settings.
    pub devices: Vec<DeviceCycle>,
}

impl LineCycle {
    /// Of a line as it is set.
    pub fn of(line: &Line) -> LineCycle {
        let pace = Pace::of(&line.leads);
        let devices = line.devices.iter().map(|device| DeviceCycle::of(device, &pace)).collect();
        LineCycle { pace, devices }
    }

    /// The questions of one round of all areas.
    pub fn requests(&self) -> u64 {
        self.areas().map(|area| area.requests).sum()
    }

    /// How long one round of all areas takes.
    pub fn round(&self) -> Duration {
        self.areas().map(|area| area.cycle).sum()
    }

    /// The share of its time that the line is busy; over 1 it cannot keep its periods.
    pub fn load(&self) -> f64 {
        self.devices.iter().map(DeviceCycle::load).sum()
    }

    /// The period that an area can keep, if every area of the line is slowed down alike; `None`
    /// if it can keep the one that is set.
    pub fn period_kept(&self, area: &AreaCycle) -> Option<Millis> {
        let load = self.load();
        let too_long = area.period.duration() < area.cycle;
        if load <= 1.0 && !too_long {
            return None;
        }
        let slower = load.max(area.load()) / BUSY_AT_MOST;
        let wanted = (area.period.get() as f64 * slower).ceil() as u64;
        Some(Millis::new(wanted.next_multiple_of(STEP)))
    }

    fn areas(&self) -> impl Iterator<Item = &AreaCycle> {
        self.devices.iter().flat_map(|device| &device.areas)
    }
}

impl DeviceCycle {
    fn of(device: &Device, pace: &Pace) -> DeviceCycle {
        let area = |lane| {
            let period = device.period(lane)?;
            let points = device.points.iter().filter(|point| point.format.lane() == lane);
            let area = Area::new(points.clone().cloned(), device.reads);
            let reads: Vec<Read> = area.reads().collect();
            Some(AreaCycle {
                lane,
                period,
                points: points.count(),
                requests: reads.len() as u64,
                bytes: reads.iter().map(|read| u64::from(bytes(*read))).sum(),
                cycle: reads.iter().map(|read| pace.request(*read)).sum(),
            })
        };
        let areas = Lane::ALL.into_iter().filter_map(area).collect();
        let looks = device.watch.map_or(0.0, |watch| {
            let probe = watch.probe;
            let read = Read { table: probe.table, first: probe.register, count: probe.count };
            part(pace.request(read), watch.period)
        });
        DeviceCycle { areas, looks }
    }

    /// The share of the line's time that the device takes.
    pub fn load(&self) -> f64 {
        self.looks + self.areas.iter().map(AreaCycle::load).sum::<f64>()
    }
}

impl AreaCycle {
    fn load(&self) -> f64 {
        part(self.cycle, self.period)
    }
}

impl Pace {
    /// Of the wire by which a line leads.
    pub fn of(leads: &Leads) -> Pace {
        let assumed = Serial {
            path: Default::default(),
            baud: BAUD_BEHIND_CONVERTER,
            parity: Parity::None,
            stop_bits: 1,
            silence: None,
        };
        match leads {
            Leads::Tcp(_) | Leads::Listen(Listen { framing: Framing::Tcp, .. }) => Pace::RoundTrip,
            Leads::RtuOverTcp(_) | Leads::Listen(Listen { framing: Framing::Rtu, .. }) => {
                Pace::Serial { wire: assumed, assumed: true }
            }
            Leads::Serial(wire) => Pace::Serial { wire: wire.clone(), assumed: false },
        }
    }

    /// How long the line is busy with one question and its answer.
    pub fn request(&self, read: Read) -> Duration {
        match self {
            Pace::RoundTrip => ROUND_TRIP,
            Pace::Serial { wire, .. } => {
                wire.carries(bytes(read)) + wire.silence_between_frames() * 2 + TURNAROUND
            }
        }
    }
}

/// The bytes of a question and its answer, in RTU.
fn bytes(read: Read) -> u32 {
    let count = u32::from(read.count);
    let data = if read.table.is_bits() { count.div_ceil(8) } else { count * 2 };
    QUESTION + AROUND_DATA + data
}

fn part(lasting: Duration, of: Millis) -> f64 {
    lasting.as_secs_f64() / of.duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// A panel of one loop, 319 words in five requests, on a line with these keys.
    fn of(leads: &str, alarm_period: &str) -> LineCycle {
        let text = format!(
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
             [[line]]\nname = \"l\"\n{leads}\n[[line.device]]\nname = \"p\"\nunit_id = 1\n\
             profile = \"notifier-modbus-gw\"\noptions = {{ loops = [1] }}\n\
             alarm_period = \"{alarm_period}\"\n"
        );
        let settings = Settings::parse("site", &text).unwrap_or_else(|told| panic!("{told}"));
        LineCycle::of(&settings.lines[0])
    }

    #[test]
    fn a_serial_wire_costs_its_bytes_its_silences_and_the_devices_time() {
        let line = of("serial = { path = \"/dev/ttyS0\", baud = 9600 }", "500ms");
        let area = &line.devices[0].areas[0];
        // 5 × 13 bytes around 319 words of two.
        assert_eq!((area.requests, area.bytes), (5, 703));
        let carried = Duration::from_secs(1) * 703 * 10 / 9_600;
        let silences = Duration::from_micros(3_645) * 10 + Duration::from_nanos(8_330);
        let expected = carried + silences + TURNAROUND * 5;
        assert!(area.cycle.abs_diff(expected) < Duration::from_micros(50), "{area:?}");
        assert!((1.5..1.7).contains(&line.load()), "{}", line.load());
        assert_eq!(line.period_kept(area), Some(Millis::new(1_000)));
    }

    #[test]
    fn a_period_that_can_be_kept_is_left_alone_and_the_recommended_one_can_be() {
        let slow = "serial = { path = \"/dev/ttyS0\", baud = 9600 }";
        let line = of(slow, "1000ms");
        assert_eq!(line.period_kept(&line.devices[0].areas[0]), None);
        assert!(line.load() <= BUSY_AT_MOST + 0.01, "{}", line.load());
    }

    #[test]
    fn every_wire_has_its_pace() {
        let busy = |leads: &str| (of(leads, "500ms").load() * 100.0).round() as u32;
        assert_eq!(busy("address = \"a:502\""), 10);
        assert_eq!(busy("listen = { address = \"0.0.0.0:4196\", framing = \"tcp\" }"), 10);
        assert_eq!(busy("rtu_over_tcp = \"a:502\""), 159);
        assert_eq!(busy("listen = { address = \"0.0.0.0:4196\" }"), 159);
        assert_eq!(busy("serial = { path = \"/dev/ttyS0\", baud = 115200 }"), 21);
    }

    #[test]
    fn bits_come_eight_in_a_byte() {
        let coils = Read { table: crate::profile::Table::Coils, first: 0, count: 17 };
        assert_eq!(bytes(coils), 16);
    }
}
