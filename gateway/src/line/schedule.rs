//! Whose turn it is on a line, and when the next one comes.
//!
//! Pure: time is an argument. Alarm areas go first; a poll that has begun is finished before
//! another of its kind begins; an analog area that has waited for two of its periods goes
//! before the next alarm area, so that a slow line starves nobody. Turns keep to a grid: a late
//! poll moves no later one, and missed turns are left out, and counted, instead of made up for.
//!
//! A device that does not answer is lost (see its `breaker`): it is asked for its leading area
//! only, the alarm area if it has one, and probed only in slack, when no turn of a device that
//! answers comes due before the probe's whole cost is over. The probe waits as long as the slack lets it, from the least that makes sense up to the line's
//! `timeout`. A device must be found again even on a line without slack: after a minute without
//! a probe it gets its least all the same, and after ten minutes without a probe of full length
//! one of those. That is the price, late turns of its neighbours once in ten minutes, of never
//! taking silence for calm. A device whose late answer might still come rests until then.
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

mod breaker;

use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::Millis;

use breaker::{Breaker, LAST_PAUSE};

use super::report::Standing;
use crate::clock::Uptime;

pub use breaker::Failure;

/// An analog area that is late by so many of its periods goes before alarm areas.
const PERIODS_OF_PATIENCE: u64 = 2;

/// A probe that has found no slack for so long goes before alarm areas, with its least cost …
pub const LONGEST_WITHOUT_PROBE: Millis = Millis::seconds(60);

/// … and with its full cost, if no probe had that for so long.
pub const LONGEST_WITHOUT_FULL_PROBE: Millis = Millis::seconds(600);

/// While analog areas have to wait for the rest of the gateway, it is looked again so soon.
const LOOK_AGAIN: Millis = Millis::new(50);

/// The areas of all devices of a line.
#[derive(Debug)]
pub struct Schedule {
    devices: Vec<Device>,
    /// Nobody is lost before he has been silent for so long.
    grace: Millis,
    random: fastrand::Rng,
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
    /// Send the next request of this area of a lost device; it may hold up the line for so long.
    Probe {
        /// The leading area of the device.
        seat: Seat,
        /// At most the full cost of a probe.
        within: Millis,
    },
    /// Nothing is due before this moment.
    WaitUntil(Uptime),
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

/// For how long a question to a device may hold up its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// If it is given as little time as makes sense.
    pub least: Millis,
    /// If it is given all the time that the line's `timeout` allows.
    pub full: Millis,
}

#[derive(Debug)]
struct Device {
    breaker: Breaker,
    cost: Cost,
    /// It is not asked before, because an answer to an earlier question may still come.
    rests: Uptime,
    missed: PerLane<u64>,
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
    /// It is to be polled now, before its turn: the change probe has moved, or the device is back.
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
}

impl Schedule {
    /// Everything is due at once. Nobody is lost before he has been silent for as long as
    /// `grace`.
    pub fn new(
        periods: impl IntoIterator<Item = Periods>,
        grace: Millis,
        random: fastrand::Rng,
        now: Uptime,
    ) -> Schedule {
        let area = |period| Area { period, due: now, doing: Doing::Resting };
        let look = |period| Look { period, sight: Sight::Watching { due: now } };
        let device = |periods: Periods| Device {
            breaker: Breaker::Answers,
            cost: Cost::default(),
            rests: now,
            missed: PerLane::default(),
            areas: PerLane::from_fn(|lane| periods.areas[lane].map(area)),
            look: periods.look.map(look),
        };
        Schedule { devices: periods.into_iter().map(device).collect(), grace, random }
    }

    /// Whose turn it is. While `analog_may_begin` is false, no poll of an analog area begins.
    pub fn turn(&self, now: Uptime, analog_may_begin: bool) -> Turn {
        let mut first: Option<(Rank, Uptime, Turn)> = None;
        // When somebody who answers has the next turn.
        let mut next: Option<Uptime> = None;
        let mut wake = now.plus(LAST_PAUSE);
        let mut has_lost = false;
        let mut weigh = |rank: Rank, due: Uptime, may_begin: bool, turn: Turn| {
            if now < due {
                next = Some(next.map_or(due, |next| next.min(due)));
            } else if !may_begin {
                let again = now.plus(LOOK_AGAIN);
                next = Some(next.map_or(again, |next| next.min(again)));
            } else if first.is_none_or(|(of_rank, was_due, _)| (rank, due) < (of_rank, was_due)) {
                first = Some((rank, due, turn));
            }
        };
        for (number, device) in self.devices.iter().enumerate() {
            if device.breaker.lost().is_some() {
                has_lost = true;
                continue;
            }
            for lane in Lane::ALL {
                let Some((rank, due)) = device.claim(lane, now) else { continue };
                let may_begin = analog_may_begin || lane == Lane::Urgent || device.has_begun(lane);
                weigh(rank, due, may_begin, Turn::Ask(Seat { device: number, lane }));
            }
            if let Some(due) = device.look_due() {
                weigh(Rank::Look, due, true, Turn::Look(number));
            }
        }
        if has_lost {
            let slack = match (first, next) {
                (Some(_), _) => Slack::None,
                (None, Some(next)) => Slack::Lasts(next.since(now)),
                (None, None) => Slack::Endless,
            };
            let before_alarms = first.is_none_or(|(rank, _, _)| Rank::Starving < rank);
            match self.probe(now, slack, before_alarms) {
                Probe::Now(turn) => return turn,
                Probe::NotBefore(due) => wake = wake.min(due),
                Probe::WithMoreSlack => {}
            }
        }
        let wait = next.map_or(wake, |next| wake.min(next));
        first.map_or(Turn::WaitUntil(wait), |(_, _, turn)| turn)
    }

    /// The lost device that is to be probed, if there is enough slack for it or it has waited
    /// for too long.
    fn probe(&self, now: Uptime, slack: Slack, before_alarms: bool) -> Probe {
        let mut soonest: Option<Uptime> = None;
        let mut first: Option<(Uptime, Turn)> = None;
        for (number, device) in self.devices.iter().enumerate() {
            let Some(lost) = device.breaker.lost() else { continue };
            let due = lost.probe.max(device.rests);
            if now < due {
                soonest = Some(soonest.map_or(due, |soonest| soonest.min(due)));
                continue;
            }
            let Cost { least, full: most } = device.cost;
            let starves = LONGEST_WITHOUT_PROBE <= now.since(due);
            let starves_in_full =
                lost.full.is_none_or(|full| LONGEST_WITHOUT_FULL_PROBE <= now.since(full));
            let within = match slack {
                Slack::Endless => most,
                Slack::Lasts(slack) if most <= slack => most,
                Slack::None | Slack::Lasts(_) if starves_in_full && before_alarms => most,
                Slack::Lasts(slack) if least <= slack => slack,
                Slack::None | Slack::Lasts(_) if starves && before_alarms => least,
                Slack::None | Slack::Lasts(_) => continue,
            };
            if first.is_none_or(|(was_due, _)| due < was_due) {
                let seat = Seat { device: number, lane: device.leading() };
                first = Some((due, Turn::Probe { seat, within }));
            }
        }
        match (first, soonest) {
            (Some((_, turn)), _) => Probe::Now(turn),
            (None, Some(due)) => Probe::NotBefore(due),
            (None, None) => Probe::WithMoreSlack,
        }
    }

    /// How much a question to a device costs from now on.
    pub fn costs(&mut self, device: usize, cost: Cost) {
        self.devices[device].cost = cost;
    }

    /// A device is not to be asked before this moment.
    pub fn rests(&mut self, device: usize, until: Uptime) {
        self.devices[device].rests = until;
    }

    /// Whether a device answers.
    pub fn standing(&self, device: usize) -> Standing {
        self.devices[device].breaker.standing()
    }

    /// How many turns of its areas a device has missed.
    pub fn missed_turns(&self, device: usize, now: Uptime) -> PerLane<u64> {
        let device = &self.devices[device];
        let since_lost = |lane: Lane| match (device.breaker.was_lost(), device.areas[lane]) {
            (true, Some(area)) if area.due <= now => area.missed(now) + 1,
            (true | false, Some(_) | None) => 0,
        };
        PerLane::from_fn(|lane| device.missed[lane] + since_lost(lane))
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

    /// A probe is about to be sent, and may hold up the line for so long.
    pub fn probed(&mut self, device: usize, within: Millis, now: Uptime) {
        let device = &mut self.devices[device];
        if device.cost.full <= within {
            device.breaker.probed_in_full(now);
        }
    }

    /// A request to a device has brought registers. A lost one is asked on until its poll ends.
    pub fn answered(&mut self, device: usize) {
        self.devices[device].breaker.answered();
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
        let was_lost = device.breaker.was_lost();
        device.breaker = Breaker::Answers;
        if seat.lane == Lane::Urgent
            && let Some(look) = device.look.as_mut()
        {
            look.sight = Sight::Watching { due: now.plus(look.period) };
        }
        for lane in Lane::ALL {
            let Some(area) = device.areas[lane].as_mut() else { continue };
            if lane == seat.lane {
                let in_turn = area.doing == Doing::Polling { out_of_turn: false };
                device.missed[lane] += area.rest(now);
                if moved && in_turn {
                    area.doing = Doing::OnceMore;
                }
            } else if was_lost {
                // At once, but on the grid afterwards: turns that keep together leave long slack.
                device.missed[lane] += area.rest(now);
                area.doing = Doing::Called;
            }
        }
        was_lost
    }

    /// The poll of an area has failed.
    pub fn failed(&mut self, seat: Seat, now: Uptime) -> Failure {
        self.devices[seat.device].miss(seat.lane, now);
        self.fail(seat.device, now)
    }

    /// The line has no connection: the polls of all devices have failed, but not the probes of
    /// lost devices that were not due. Answers with the devices that are lost from now on.
    pub fn disconnected(&mut self, now: Uptime) -> Vec<usize> {
        let mut lost = Vec::new();
        for number in 0..self.devices.len() {
            let device = &mut self.devices[number];
            Lane::ALL.into_iter().for_each(|lane| device.miss(lane, now));
            let was_due = device.breaker.lost().is_none_or(|lost| lost.probe <= now);
            if was_due && self.fail(number, now) == Failure::Lost {
                lost.push(number);
            }
        }
        lost
    }

    /// The line has its connection back: every lost device is probed at once and in full, slack or
    /// not, for most of them were lost with the line.
    pub fn connected_again(&mut self, now: Uptime) {
        self.devices.iter_mut().for_each(|device| device.breaker.probe_in_full(now));
    }

    fn fail(&mut self, device: usize, now: Uptime) -> Failure {
        let device = &mut self.devices[device];
        let failure = device.breaker.fail(now, self.grace, &mut self.random);
        if failure != Failure::Again {
            for lane in Lane::ALL {
                device.areas[lane].iter_mut().for_each(|area| area.doing = Doing::Resting);
            }
        }
        failure
    }
}

/// Time until the next turn of a device that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slack {
    None,
    Lasts(Millis),
    Endless,
}

enum Probe {
    Now(Turn),
    NotBefore(Uptime),
    WithMoreSlack,
}

impl Device {
    fn leading(&self) -> Lane {
        if self.areas.urgent.is_some() { Lane::Urgent } else { Lane::Routine }
    }

    fn has_begun(&self, lane: Lane) -> bool {
        self.areas[lane].is_some_and(|area| area.doing != Doing::Resting)
    }

    /// When an area may have its turn and how it ranks then, if the device has it.
    fn claim(&self, lane: Lane, now: Uptime) -> Option<(Rank, Uptime)> {
        let area = self.areas[lane]?;
        if self.breaker.was_lost() && lane != self.leading() {
            return None;
        }
        let late = |by: Millis| by <= now.since(area.due);
        let (rank, due) = match (lane, area.doing) {
            (Lane::Urgent, Doing::Polling { .. } | Doing::OnceMore | Doing::Called) => {
                (Rank::AlarmUnderWay, now)
            }
            (Lane::Urgent, Doing::Resting) => (Rank::Alarm, area.due),
            (Lane::Routine, doing) => {
                let resting = doing == Doing::Resting;
                let rank = match (late(area.period.times(PERIODS_OF_PATIENCE)), resting) {
                    (true, _) => Rank::Starving,
                    (false, true) => Rank::Analog,
                    (false, false) => Rank::AnalogUnderWay,
                };
                (rank, if resting { area.due } else { now })
            }
        };
        Some((rank, due.max(self.rests)))
    }

    /// The poll of an area is over without having been one.
    fn miss(&mut self, lane: Lane, now: Uptime) {
        if let Some(area) = self.areas[lane].as_mut() {
            let was_due = area.due <= now;
            self.missed[lane] += area.rest(now) + u64::from(was_due);
        }
    }

    /// When its change probe is to be looked at. While its alarm area is read, or it does not
    /// answer, there is nothing to look for.
    fn look_due(&self) -> Option<Uptime> {
        let rests = self.areas.urgent.is_some_and(|area| area.doing == Doing::Resting);
        match self.look?.sight {
            Sight::Watching { due } if rests && !self.breaker.was_lost() => {
                Some(due.max(self.rests))
            }
            Sight::Watching { .. } | Sight::Blind => None,
        }
    }
}

impl Area {
    /// Ends a poll: the next turn is the first one on the grid that is still to come. Answers
    /// how many were missed meanwhile.
    fn rest(&mut self, now: Uptime) -> u64 {
        self.doing = Doing::Resting;
        if now < self.due {
            return 0;
        }
        let missed = self.missed(now);
        self.due = self.due.plus(self.period.times(missed + 1));
        missed
    }

    /// How many turns have passed since the one that is due.
    fn missed(&self, now: Uptime) -> u64 {
        now.since(self.due).get() / self.period.get().max(1)
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

    /// Nobody has to be silent for long before he is lost, and every pause is shortened as little
    /// as this seed has it.
    fn of(periods: impl IntoIterator<Item = Periods>) -> Schedule {
        Schedule::new(periods, Millis::ZERO, fastrand::Rng::with_seed(7), at(0))
    }

    /// Device 0 has both areas, device 1 an alarm area.
    fn schedule() -> Schedule {
        of([periods(500, Some(1_000), None), periods(500, None, None)])
    }

    /// Device 0 is read every five seconds and has a change probe, device 1 an alarm area.
    fn watched() -> Schedule {
        of([periods(5_000, None, Some(200)), periods(500, None, None)])
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
                Turn::Probe { seat, .. } => panic!("{seat:?} is not lost"),
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
    fn a_device_is_not_lost_before_it_has_been_silent_for_as_long_as_the_timeout() {
        let random = fastrand::Rng::with_seed(7);
        let mut schedule =
            Schedule::new([periods(100, None, None)], Millis::seconds(1), random, at(0));
        for failed in [0, 100, 300, 999] {
            assert_eq!(schedule.failed(ALARM, at(failed)), Failure::Again);
        }
        assert_eq!(schedule.standing(0), Standing::Failing { polls: 4 });
        assert_eq!(schedule.failed(ALARM, at(1_000)), Failure::Lost);
    }

    /// The schedule of two devices of which the first is lost since 0, and costs this to probe.
    fn one_lost(least: u64, full: u64) -> Schedule {
        let mut schedule = schedule();
        schedule.costs(0, Cost { least: Millis::new(least), full: Millis::new(full) });
        schedule.failed(ALARM, at(0));
        schedule.failed(ALARM, at(0));
        schedule
    }

    /// Runs a schedule of which the first device is dead: what a probe is given, it costs, and
    /// each poll of a neighbour costs `busy`. Answers with the probes: when, and how long.
    fn probes(schedule: &mut Schedule, busy: u64, until: Uptime) -> Vec<(u64, u64)> {
        let (mut now, mut probes) = (at(0), Vec::new());
        while now < until {
            match schedule.turn(now, true) {
                Turn::Ask(seat) => {
                    assert_ne!(seat.device, 0, "lost devices are only probed");
                    schedule.begin(seat);
                    now = now.plus(Millis::new(busy));
                    schedule.complete(seat, now, false);
                }
                Turn::Probe { seat, within } => {
                    assert_eq!(seat, ALARM, "only its leading area");
                    probes.push((now.since_begin().get(), within.get()));
                    schedule.probed(0, within, now);
                    schedule.begin(seat);
                    now = now.plus(within);
                    schedule.failed(seat, now);
                }
                Turn::Look(device) => panic!("device {device} has no probe"),
                Turn::WaitUntil(until) => {
                    assert!(now < until, "it would spin");
                    now = until;
                }
            }
        }
        probes
    }

    #[test]
    fn a_lost_device_is_probed_less_and_less_often_and_not_by_the_clock() {
        let probes = probes(&mut one_lost(60, 300), 10, at(200_000));
        let mut before = 300;
        let pauses = probes.iter().map(|(when, within)| {
            let pause = when - before;
            before = when + within;
            pause
        });
        let pauses: Vec<u64> = pauses.collect();
        for (pause, most) in pauses.iter().zip([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]) {
            // It may wait for the next slack as well.
            assert!((most / 4..=most + 500).contains(pause), "{pauses:?}");
        }
        let steady: std::collections::BTreeSet<&u64> = pauses[6..].iter().collect();
        assert!(3 <= steady.len() && **steady.last().expect("it") <= 30_500, "{pauses:?}");
    }

    #[test]
    fn a_probe_is_sent_only_in_slack_longer_than_its_cost_and_uses_all_of_it() {
        let mut schedule = one_lost(60, 300);
        assert_eq!(schedule.turn(at(1_000), true), Turn::Ask(other(Lane::Urgent)));
        poll(&mut schedule, other(Lane::Urgent), at(1_010), false);
        let all = Turn::Probe { seat: ALARM, within: Millis::new(300) };
        assert_eq!(schedule.turn(at(1_010), true), all, "as long as its full cost");
        let within = Millis::new(100);
        assert_eq!(schedule.turn(at(1_400), true), Turn::Probe { seat: ALARM, within });
        assert_eq!(schedule.turn(at(1_441), true), Turn::WaitUntil(at(1_500)));
    }

    #[test]
    fn a_lost_device_that_answers_is_asked_on_without_slack_until_its_poll_ends() {
        let mut schedule = one_lost(60, 300);
        poll(&mut schedule, other(Lane::Urgent), at(1_010), false);
        schedule.begin(ALARM);
        schedule.answered(0);
        assert_eq!(schedule.turn(at(1_500), true), Turn::Ask(ALARM), "ahead of its neighbour");
        assert_eq!(schedule.failed(ALARM, at(1_510)), Failure::StillLost, "and is told only once");
        assert_eq!(schedule.turn(at(1_510), true), Turn::Ask(other(Lane::Urgent)));
    }

    #[test]
    fn a_probe_of_full_length_is_sent_without_slack_once_in_ten_minutes() {
        let probes = probes(&mut one_lost(60, 1_000), 10, at(3_600_000));
        let full: Vec<u64> =
            probes.iter().filter(|(_, within)| *within == 1_000).map(|(when, _)| *when).collect();
        assert_eq!(full.len(), 5, "{full:?}");
        assert!(full.windows(2).all(|pair| 600_000 <= pair[1] - pair[0]), "{full:?}");
        assert!(probes.iter().all(|(_, within)| (60..=490).contains(within) || *within == 1_000));
    }

    #[test]
    fn an_overloaded_line_probes_a_lost_device_once_a_minute_all_the_same() {
        let mut schedule = of([periods(500, None, None); 3]);
        schedule.costs(0, Cost { least: Millis::new(60), full: Millis::new(1_000) });
        schedule.failed(ALARM, at(0));
        schedule.failed(ALARM, at(0));
        let probes = probes(&mut schedule, 500, at(590_000));
        assert!((6..=9).contains(&probes.len()), "{probes:?}");
        assert!(probes.iter().all(|(_, within)| *within == 60), "{probes:?}");
    }

    #[test]
    fn a_device_without_neighbours_that_answer_is_given_all_the_time_it_may_need() {
        let mut schedule = of([periods(500, None, None)]);
        schedule.costs(0, Cost { least: Millis::new(60), full: Millis::new(1_000) });
        schedule.failed(ALARM, at(0));
        schedule.failed(ALARM, at(0));
        let within = Millis::new(1_000);
        assert_eq!(schedule.turn(at(1_000), true), Turn::Probe { seat: ALARM, within });
    }

    #[test]
    fn a_device_that_rests_is_not_asked_and_holds_up_nobody() {
        let mut schedule = schedule();
        assert_eq!(schedule.failed(ALARM, at(10)), Failure::Again);
        schedule.rests(0, at(1_300));
        poll(&mut schedule, other(Lane::Urgent), at(10), false);
        assert_eq!(schedule.turn(at(20), true), Turn::WaitUntil(at(500)));
        poll(&mut schedule, other(Lane::Urgent), at(1_000), false);
        assert_eq!(schedule.turn(at(1_010), true), Turn::WaitUntil(at(1_300)));
        assert_eq!(schedule.turn(at(1_300), true), Turn::Ask(ALARM));
    }

    #[test]
    fn missed_turns_are_counted_and_those_of_a_failed_poll_too() {
        let mut schedule = of([periods(500, None, None)]);
        let missed = |schedule: &Schedule| schedule.missed_turns(0, at(0)).urgent;
        poll(&mut schedule, ALARM, at(100), false);
        assert_eq!(missed(&schedule), 0);
        poll(&mut schedule, ALARM, at(1_700), false);
        assert_eq!(missed(&schedule), 2, "those of 1 s and 1.5 s");
        schedule.failed(ALARM, at(2_010));
        assert_eq!(missed(&schedule), 3);
    }

    #[test]
    fn a_dead_line_loses_all_its_devices_and_probes_them_when_it_is_back() {
        let mut schedule = schedule();
        assert_eq!(schedule.disconnected(at(0)), [0_usize; 0]);
        assert_eq!(schedule.disconnected(at(500)), [0, 1]);
        assert_eq!(schedule.disconnected(at(1_500)), [0_usize; 0]);
        assert!(matches!(schedule.turn(at(2_000), true), Turn::WaitUntil(_)));
        schedule.connected_again(at(2_000));
        let within = Millis::ZERO;
        assert_eq!(schedule.turn(at(2_000), true), Turn::Probe { seat: ALARM, within });
        schedule.probed(0, within, at(2_000));
        schedule.complete(ALARM, at(2_500), false);
        let seat = other(Lane::Urgent);
        assert_eq!(schedule.turn(at(3_000), true), Turn::Probe { seat, within }, "without slack");
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
                Turn::Probe { seat, .. } => panic!("{seat:?} is not lost"),
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
                Turn::Probe { seat, .. } => panic!("{seat:?} is not lost"),
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
