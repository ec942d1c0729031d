//! Whose turn it is on a line, and when the next one comes.
//!
//! Pure: time is an argument. Alarm areas go first; a poll that has begun is finished before
//! another of its kind begins; an analog area that has waited for two of its periods goes
//! before the next alarm area, so that a slow line starves nobody; lost devices are probed when
//! nobody else is due. Turns keep to a grid: a late poll moves no later one, and missed turns
//! are left out instead of made up for.
//!
//! Every device has a breaker:
//!
//! ```text
//!            two polls fail in a row                     a poll is complete
//!   answers ─────────────────────────► lost, told once ─────────────────────► answers
//!                                        │       ▲
//!                                        └───────┘ a probe fails: 1 s, 2 s … 30 s until the next
//! ```
//!
//! A lost device is asked for its leading area only: the alarm area if it has one.
//!
//! A device with a change probe is also looked at between the polls of its alarm area. When the
//! probe has moved, the alarm area is read at once; its own turns stay where they are, whatever
//! the probe says or does not say:
//!
//! ```text
//!             a look is due              it moved                  the area is polled
//!   watching ──────────────► watching ──────────────► called ─────────────────────────► watching
//!      │                                                                                   ▲
//!      └──────────── refused or unanswered ──► blind ──── the area is polled in its turn ──┘
//! ```

use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// After so many failed polls in a row a device is lost.
const POLLS_UNTIL_LOST: u8 = 2;

/// The pause before the first probe of a lost device.
const FIRST_PAUSE: Millis = Millis::seconds(1);

/// The longest pause between two probes of a lost device.
const LAST_PAUSE: Millis = Millis::seconds(30);

/// An analog area that is late by so many of its periods goes before alarm areas.
const PERIODS_OF_PATIENCE: u64 = 2;

/// A probe that is late by this much goes before alarm areas.
const PATIENCE_OF_PROBES: Millis = Millis::seconds(5);

/// While analog areas have to wait for the rest of the gateway, it is looked again so soon.
const LOOK_AGAIN: Millis = Millis::new(50);

/// The areas of all devices of a line.
#[derive(Debug)]
pub struct Schedule {
    devices: Vec<Device>,
}

/// One area: a device of the line, by its place in the settings, and a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The place of the device on its line.
    pub device: usize,
    /// Alarm areas are urgent, analog areas routine.
    pub lane: Lane,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Send the next request of this area.
    Ask(Seat),
    /// Look at the change probe of this device, by its place in the settings.
    Look(usize),
    /// Nothing is due before this moment.
    WaitUntil(Uptime),
}

/// What a failed poll means for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It will be asked again at its next turn.
    Again,
    /// It is lost from now on.
    Lost,
    /// It was lost before.
    StillLost,
}

/// What a look at a change probe has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// The same as before.
    Still,
    /// Something else than before, or what was seen for the first time.
    Moved,
    /// No registers.
    Nothing,
}

/// How often a device has its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// Of its areas, for those that it has.
    pub areas: PerLane<Option<Millis>>,
    /// Of its change probe, if it has one.
    pub look: Option<Millis>,
}

#[derive(Debug)]
struct Device {
    breaker: Breaker,
    areas: PerLane<Option<Area>>,
    look: Option<Look>,
}

/// The change probe of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    period: Millis,
    sight: Sight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Watching {
        due: Uptime,
    },
    /// It brought nothing; it is tried again when the alarm area has been read.
    Blind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    Answers { failed: u8 },
    Lost { probe: Uptime, pause: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    period: Millis,
    due: Uptime,
    doing: Doing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Resting,
    /// Its poll has begun, in turn or out of turn.
    Polling {
        out_of_turn: bool,
    },
    /// Something of fire-class has moved: it is to be polled once more, out of turn.
    OnceMore,
    /// The change probe has moved: it is to be polled now, before its turn.
    Called,
}

/// When an area wants its turn, and how much. Ordered: the smaller, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    AlarmUnderWay,
    Starving,
    Alarm,
    Look,
    AnalogUnderWay,
    Analog,
    Probe,
}

impl Schedule {
    /// Everything is due at once.
    pub fn new(periods: impl IntoIterator<Item = Periods>, now: Uptime) -> Schedule {
        let area = |period| Area { period, due: now, doing: Doing::Resting };
        let look = |period| Look { period, sight: Sight::Watching { due: now } };
        let device = |periods: Periods| Device {
            breaker: Breaker::Answers { failed: 0 },
            areas: PerLane::from_fn(|lane| periods.areas[lane].map(area)),
            look: periods.look.map(look),
        };
        Schedule { devices: periods.into_iter().map(device).collect() }
    }

    /// Whose turn it is. While `analog_may_begin` is false, no poll of an analog area begins.
    pub fn turn(&self, now: Uptime, analog_may_begin: bool) -> Turn {
        let mut first: Option<(Rank, Uptime, Turn)> = None;
        let mut wake = now.plus(LAST_PAUSE);
        let is_first = |first: Option<(Rank, Uptime, Turn)>, rank: Rank, due: Uptime| {
            first.is_none_or(|(first_rank, first_due, _)| (rank, due) < (first_rank, first_due))
        };
        for seat in self.seats() {
            let Some((rank, due)) = self.claim(seat, now) else { continue };
            let may_begin = analog_may_begin || seat.lane == Lane::Urgent || self.has_begun(seat);
            if now < due {
                wake = wake.min(due);
            } else if !may_begin {
                wake = wake.min(now.plus(LOOK_AGAIN));
            } else if is_first(first, rank, due) {
                first = Some((rank, due, Turn::Ask(seat)));
            }
        }
        for (number, device) in self.devices.iter().enumerate() {
            let Some(due) = device.look_due() else { continue };
            if now < due {
                wake = wake.min(due);
            } else if is_first(first, Rank::Look, due) {
                first = Some((Rank::Look, due, Turn::Look(number)));
            }
        }
        first.map_or(Turn::WaitUntil(wake), |(_, _, turn)| turn)
    }

    /// The change probe of a device has been looked at.
    pub fn looked(&mut self, device: usize, now: Uptime, sighting: Sighting) {
        let device = &mut self.devices[device];
        let Some(look) = device.look.as_mut() else { return };
        look.sight = match sighting {
            Sighting::Still | Sighting::Moved => Sight::Watching { due: now.plus(look.period) },
            Sighting::Nothing => Sight::Blind,
        };
        let resting = device.areas.urgent.as_mut().filter(|area| area.doing == Doing::Resting);
        if let (Sighting::Moved, Some(area)) = (sighting, resting) {
            area.doing = Doing::Called;
        }
    }

    /// A request of an area is about to be sent; whether its poll begins with it.
    pub fn begin(&mut self, seat: Seat) -> bool {
        let Some(area) = self.devices[seat.device].areas[seat.lane].as_mut() else { return false };
        match area.doing {
            Doing::Resting | Doing::Called => area.doing = Doing::Polling { out_of_turn: false },
            Doing::OnceMore => area.doing = Doing::Polling { out_of_turn: true },
            Doing::Polling { .. } => return false,
        }
        true
    }

    /// The poll of an area is complete. `moved`: something of fire-class has moved in it, so it
    /// is polled once more at once, unless this was such a poll already.
    /// Answers whether the device is back from being lost.
    pub fn complete(&mut self, seat: Seat, now: Uptime, moved: bool) -> bool {
        let device = &mut self.devices[seat.device];
        let was_lost = matches!(device.breaker, Breaker::Lost { .. });
        device.breaker = Breaker::Answers { failed: 0 };
        if seat.lane == Lane::Urgent
            && let Some(look) = device.look.as_mut()
        {
            look.sight = Sight::Watching { due: now.plus(look.period) };
        }
        for lane in Lane::ALL {
            let Some(area) = device.areas[lane].as_mut() else { continue };
            if lane == seat.lane {
                let in_turn = area.doing == Doing::Polling { out_of_turn: false };
                area.rest(now);
                if moved && in_turn {
                    area.doing = Doing::OnceMore;
                }
            } else if was_lost {
                area.due = now;
            }
        }
        was_lost
    }

    /// The poll of an area has failed.
    pub fn failed(&mut self, seat: Seat, now: Uptime) -> Failure {
        let device = &mut self.devices[seat.device];
        device.areas[seat.lane].iter_mut().for_each(|area| area.rest(now));
        device.fail(now)
    }

    /// The line has no connection: the polls of all devices have failed, but not the probes of
    /// lost devices that were not due. Answers with the devices that are lost from now on.
    pub fn disconnected(&mut self, now: Uptime) -> Vec<usize> {
        let mut lost = Vec::new();
        for (number, device) in self.devices.iter_mut().enumerate() {
            for lane in Lane::ALL {
                device.areas[lane].iter_mut().for_each(|area| area.rest(now));
            }
            let was_due = match device.breaker {
                Breaker::Answers { .. } => true,
                Breaker::Lost { probe, .. } => probe <= now,
            };
            if was_due && device.fail(now) == Failure::Lost {
                lost.push(number);
            }
        }
        lost
    }

    /// The line has its connection back: every lost device is probed at once.
    pub fn connected_again(&mut self, now: Uptime) {
        for device in &mut self.devices {
            if let Breaker::Lost { probe, pause } = &mut device.breaker {
                (*probe, *pause) = (now, FIRST_PAUSE);
            }
        }
    }

    fn seats(&self) -> impl Iterator<Item = Seat> {
        (0..self.devices.len())
            .flat_map(|device| Lane::ALL.into_iter().map(move |lane| Seat { device, lane }))
    }

    fn has_begun(&self, seat: Seat) -> bool {
        let area = self.devices[seat.device].areas[seat.lane];
        area.is_some_and(|area| area.doing != Doing::Resting)
    }

    /// When an area may have its turn and how it ranks then; `None` for an area that may not.
    fn claim(&self, seat: Seat, now: Uptime) -> Option<(Rank, Uptime)> {
        let device = &self.devices[seat.device];
        let area = device.areas[seat.lane]?;
        let late = |by: Millis| by <= now.since(area.due);
        match (device.breaker, seat.lane, area.doing) {
            (Breaker::Lost { probe, .. }, lane, _) => {
                let starving = PATIENCE_OF_PROBES <= now.since(probe);
                let rank = if starving { Rank::Starving } else { Rank::Probe };
                (lane == device.leading()).then_some((rank, probe))
            }
            (
                Breaker::Answers { .. },
                Lane::Urgent,
                Doing::Polling { .. } | Doing::OnceMore | Doing::Called,
            ) => Some((Rank::AlarmUnderWay, now)),
            (Breaker::Answers { .. }, Lane::Urgent, Doing::Resting) => {
                Some((Rank::Alarm, area.due))
            }
            (Breaker::Answers { .. }, Lane::Routine, doing) => {
                let resting = doing == Doing::Resting;
                let rank = match (late(area.period.times(PERIODS_OF_PATIENCE)), resting) {
                    (true, _) => Rank::Starving,
                    (false, true) => Rank::Analog,
                    (false, false) => Rank::AnalogUnderWay,
                };
                Some((rank, if resting { area.due } else { now }))
            }
        }
    }
}

impl Device {
    fn leading(&self) -> Lane {
        if self.areas.urgent.is_some() { Lane::Urgent } else { Lane::Routine }
    }

    /// When its change probe is to be looked at. While its alarm area is read, or it does not
    /// answer, there is nothing to look for.
    fn look_due(&self) -> Option<Uptime> {
        let rests = self.areas.urgent.is_some_and(|area| area.doing == Doing::Resting);
        match (self.breaker, self.look?.sight) {
            (Breaker::Answers { .. }, Sight::Watching { due }) => rests.then_some(due),
            (
                Breaker::Answers { .. } | Breaker::Lost { .. },
                Sight::Watching { .. } | Sight::Blind,
            ) => None,
        }
    }

    fn fail(&mut self, now: Uptime) -> Failure {
        let (breaker, failure) = match self.breaker {
            Breaker::Answers { failed } if failed + 1 < POLLS_UNTIL_LOST => {
                (Breaker::Answers { failed: failed + 1 }, Failure::Again)
            }
            Breaker::Answers { .. } => {
                (Breaker::Lost { probe: now.plus(FIRST_PAUSE), pause: FIRST_PAUSE }, Failure::Lost)
            }
            Breaker::Lost { pause, .. } => {
                let pause = pause.times(2).min(LAST_PAUSE);
                (Breaker::Lost { probe: now.plus(pause), pause }, Failure::StillLost)
            }
        };
        self.breaker = breaker;
        if failure == Failure::Lost {
            for lane in Lane::ALL {
                self.areas[lane].iter_mut().for_each(|area| area.doing = Doing::Resting);
            }
        }
        failure
    }
}

impl Area {
    /// Ends a poll: the next turn is the first one on the grid that is still to come.
    fn rest(&mut self, now: Uptime) {
        self.doing = Doing::Resting;
        if self.due <= now {
            let missed = now.since(self.due).get() / self.period.get().max(1);
            self.due = self.due.plus(self.period.times(missed + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALARM: Seat = Seat { device: 0, lane: Lane::Urgent };
    const ANALOG: Seat = Seat { device: 0, lane: Lane::Routine };

    fn at(millis: u64) -> Uptime {
        Uptime::after(Millis::new(millis))
    }

    fn periods(urgent: u64, routine: Option<u64>, look: Option<u64>) -> Periods {
        let areas =
            PerLane { urgent: Some(Millis::new(urgent)), routine: routine.map(Millis::new) };
        Periods { areas, look: look.map(Millis::new) }
    }

    /// Device 0 has both areas, device 1 an alarm area.
    fn schedule() -> Schedule {
        Schedule::new([periods(500, Some(1_000), None), periods(500, None, None)], at(0))
    }

    /// Device 0 is read every five seconds and has a change probe, device 1 an alarm area.
    fn watched() -> Schedule {
        Schedule::new([periods(5_000, None, Some(200)), periods(500, None, None)], at(0))
    }

    fn poll(schedule: &mut Schedule, seat: Seat, now: Uptime, moved: bool) {
        assert_eq!(schedule.turn(now, true), Turn::Ask(seat));
        schedule.begin(seat);
        schedule.complete(seat, now, moved);
    }

    fn other(lane: Lane) -> Seat {
        Seat { device: 1, lane }
    }

    #[test]
    fn alarm_areas_go_first_and_then_everybody_waits_for_the_grid() {
        let mut schedule = schedule();
        poll(&mut schedule, ALARM, at(0), false);
        poll(&mut schedule, other(Lane::Urgent), at(5), false);
        poll(&mut schedule, ANALOG, at(10), false);
        assert_eq!(schedule.turn(at(20), true), Turn::WaitUntil(at(500)));
    }

    #[test]
    fn a_late_poll_moves_no_later_one_and_missed_turns_are_left_out() {
        let mut schedule = schedule();
        poll(&mut schedule, ALARM, at(130), false);
        poll(&mut schedule, other(Lane::Urgent), at(1_700), false);
        let due = |schedule: &Schedule, device: usize| {
            schedule.devices[device].areas.urgent.expect("an area").due
        };
        assert_eq!((due(&schedule, 0), due(&schedule, 1)), (at(500), at(2_000)));
    }

    #[test]
    fn an_analog_poll_is_interrupted_by_an_alarm_area_and_goes_on_afterwards() {
        let mut schedule = schedule();
        poll(&mut schedule, ALARM, at(0), false);
        poll(&mut schedule, other(Lane::Urgent), at(0), false);
        assert_eq!(schedule.turn(at(1), true), Turn::Ask(ANALOG));
        assert!(schedule.begin(ANALOG));
        poll(&mut schedule, ALARM, at(501), false);
        poll(&mut schedule, other(Lane::Urgent), at(502), false);
        assert_eq!(schedule.turn(at(503), true), Turn::Ask(ANALOG));
        assert!(!schedule.begin(ANALOG), "it goes on where it was");
    }

    #[test]
    fn a_moved_fire_is_read_once_more_before_everybody_else() {
        let mut schedule = schedule();
        poll(&mut schedule, ALARM, at(0), true);
        poll(&mut schedule, ALARM, at(1), true);
        assert_eq!(schedule.turn(at(2), true), Turn::Ask(other(Lane::Urgent)), "but only once");
    }

    #[test]
    fn an_overloaded_line_starves_no_analog_area() {
        let mut schedule = schedule();
        let mut now = at(0);
        let mut analog_polls = 0;
        while now < at(20_000) {
            match schedule.turn(now, true) {
                Turn::Look(device) => panic!("device {device} has no probe"),
                Turn::Ask(seat) => {
                    schedule.begin(seat);
                    now = now.plus(Millis::new(400));
                    schedule.complete(seat, now, false);
                    analog_polls += u32::from(seat == ANALOG);
                }
                Turn::WaitUntil(until) => now = until,
            }
        }
        assert!((5..=10).contains(&analog_polls), "{analog_polls}");
    }

    #[test]
    fn only_analog_areas_wait_for_the_rest_of_the_gateway() {
        let mut schedule = schedule();
        assert_eq!(schedule.turn(at(0), false), Turn::Ask(ALARM));
        poll(&mut schedule, ALARM, at(0), false);
        poll(&mut schedule, other(Lane::Urgent), at(0), false);
        assert_eq!(schedule.turn(at(0), false), Turn::WaitUntil(at(50)));
        assert_eq!(schedule.turn(at(0), true), Turn::Ask(ANALOG));
    }

    #[test]
    fn a_device_is_lost_with_its_second_failure_and_told_once() {
        let mut schedule = schedule();
        assert_eq!(schedule.failed(ALARM, at(0)), Failure::Again);
        assert_eq!(schedule.failed(ALARM, at(500)), Failure::Lost);
        assert_eq!(schedule.failed(ALARM, at(1_500)), Failure::StillLost);
        assert!(schedule.complete(ALARM, at(3_500), false), "it is back");
        assert_eq!(schedule.failed(ALARM, at(4_000)), Failure::Again);
        assert!(!schedule.complete(ALARM, at(4_500), false), "it was not lost");
        assert_eq!(schedule.failed(ALARM, at(5_000)), Failure::Again);
    }

    #[test]
    fn a_lost_device_is_probed_less_and_less_often_and_only_by_its_leading_area() {
        let mut schedule = schedule();
        schedule.failed(ALARM, at(0));
        schedule.failed(ALARM, at(0));
        let mut pauses = Vec::new();
        let mut now = at(0);
        for _ in 0..7 {
            let before = now;
            loop {
                match schedule.turn(now, true) {
                    Turn::Ask(seat) if seat == other(Lane::Urgent) => {
                        schedule.begin(seat);
                        schedule.complete(seat, now, false);
                    }
                    Turn::Ask(seat) => break assert_eq!(seat, ALARM),
                    Turn::Look(device) => panic!("device {device} has no probe"),
                    Turn::WaitUntil(until) => now = until,
                }
            }
            pauses.push(now.since(before).get() / 1_000);
            schedule.begin(ALARM);
            schedule.failed(ALARM, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_probe_waits_for_healthy_neighbours_but_not_for_ever() {
        let mut schedule = schedule();
        schedule.failed(ALARM, at(0));
        schedule.failed(ALARM, at(0));
        assert_eq!(schedule.turn(at(1_000), true), Turn::Ask(other(Lane::Urgent)));
        assert_eq!(schedule.turn(at(6_000), true), Turn::Ask(ALARM));
    }

    #[test]
    fn a_dead_line_loses_all_its_devices_and_probes_them_when_it_is_back() {
        let mut schedule = schedule();
        assert_eq!(schedule.disconnected(at(0)), [0_usize; 0]);
        assert_eq!(schedule.disconnected(at(500)), [0, 1]);
        assert_eq!(schedule.disconnected(at(1_500)), [0_usize; 0]);
        assert_eq!(schedule.turn(at(2_000), true), Turn::WaitUntil(at(3_500)));
        schedule.connected_again(at(2_000));
        assert_eq!(schedule.turn(at(2_000), true), Turn::Ask(ALARM));
    }

    /// The first polls of both devices, at 0.
    fn begun() -> Schedule {
        let mut schedule = watched();
        poll(&mut schedule, ALARM, at(0), false);
        poll(&mut schedule, other(Lane::Urgent), at(0), false);
        schedule
    }

    #[test]
    fn a_probe_is_looked_at_between_the_polls() {
        let mut schedule = begun();
        assert_eq!(schedule.turn(at(0), true), Turn::WaitUntil(at(200)));
        assert_eq!(schedule.turn(at(200), true), Turn::Look(0));
        schedule.looked(0, at(210), Sighting::Still);
        assert_eq!(schedule.turn(at(210), true), Turn::WaitUntil(at(410)));
    }

    #[test]
    fn alarm_areas_that_are_due_go_before_a_look() {
        assert_eq!(begun().turn(at(500), true), Turn::Ask(other(Lane::Urgent)));
    }

    #[test]
    fn a_moved_probe_has_the_alarm_area_read_at_once_and_moves_no_turn() {
        let mut schedule = begun();
        schedule.looked(0, at(600), Sighting::Moved);
        poll(&mut schedule, ALARM, at(610), false);
        poll(&mut schedule, other(Lane::Urgent), at(620), false);
        let due = schedule.devices[0].areas.urgent.expect("an area").due;
        assert_eq!(due, at(5_000), "the area's own turn stays");
        assert_eq!(schedule.turn(at(620), true), Turn::WaitUntil(at(810)));
    }

    #[test]
    fn what_a_called_poll_finds_is_read_once_more() {
        let mut schedule = begun();
        schedule.looked(0, at(600), Sighting::Moved);
        poll(&mut schedule, ALARM, at(610), true);
        poll(&mut schedule, ALARM, at(620), false);
        assert_eq!(schedule.turn(at(630), true), Turn::Ask(other(Lane::Urgent)));
    }

    #[test]
    fn a_probe_that_stands_still_replaces_no_poll() {
        let mut schedule = begun();
        let (mut now, mut polls) = (at(0), 0);
        while now < at(20_001) {
            match schedule.turn(now, true) {
                Turn::Look(0) => schedule.looked(0, now, Sighting::Still),
                Turn::Look(device) => panic!("device {device} has no probe"),
                Turn::Ask(seat) => {
                    schedule.begin(seat);
                    schedule.complete(seat, now, false);
                    polls += u32::from(seat == ALARM);
                }
                Turn::WaitUntil(until) => now = until,
            }
        }
        assert_eq!(polls, 4, "at 5, 10, 15 and 20 s");
    }

    #[test]
    fn a_probe_that_always_moves_starves_nobody() {
        let mut schedule = begun();
        let (mut now, mut polls) = (at(0), [0; 2]);
        while now < at(10_000) {
            match schedule.turn(now, true) {
                Turn::Look(device) => {
                    now = now.plus(Millis::new(100));
                    schedule.looked(device, now, Sighting::Moved);
                }
                Turn::Ask(seat) => {
                    schedule.begin(seat);
                    now = now.plus(Millis::new(100));
                    schedule.complete(seat, now, false);
                    polls[seat.device] += 1;
                }
                Turn::WaitUntil(until) => now = until,
            }
        }
        assert!(18 <= polls[1], "every 500 ms in 10 s: {polls:?}");
    }

    #[test]
    fn a_probe_without_an_answer_waits_for_the_next_poll_and_costs_no_device() {
        let mut schedule = begun();
        for _ in 0..5 {
            schedule.looked(0, at(200), Sighting::Nothing);
        }
        assert_eq!(schedule.turn(at(400), true), Turn::WaitUntil(at(500)));
        poll(&mut schedule, other(Lane::Urgent), at(5_000), false);
        poll(&mut schedule, ALARM, at(5_000), false);
        assert_eq!(schedule.turn(at(5_200), true), Turn::Look(0), "the device was not lost");
    }

    #[test]
    fn a_lost_device_is_not_looked_at() {
        let mut schedule = begun();
        schedule.failed(ALARM, at(300));
        schedule.failed(ALARM, at(400));
        assert_eq!(schedule.turn(at(450), true), Turn::WaitUntil(at(500)));
    }
}
