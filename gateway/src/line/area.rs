//! The registers of one device in one lane: as last read, and what they mean.
//!
//! Pure. New registers are compared with the old ones before anything is decoded; a poll that
//! brings nothing new costs one comparison for each request and no allocation.
//!
//! A part that the device refuses (illegal address) is cut in two until the refused register
//! stands alone; then its points are unknown, and the part is tried again with growing pauses.
//! A part that stays unanswered while the rest of the device answers is treated the same way:
//! one bad register must not hide a panel.
//!
//! ```text
//!            refused, more than one point              refused alone, or unanswered twice
//!   (part) ─────────────────────────────► (part)(part) ─────────────────────────► refused
//!     ▲                                                                              │
//!     └──────────────────────────── answers again ◄── tried again after 1 s … 30 s ──┘
//! ```

use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::state::StateSet;
use firegrid_wire::time::Millis;

use super::plan::{self, Read};
use super::report::LastReading;
use super::rest::Rest;
use crate::clock::Uptime;
use crate::inventory::PointIndex;
use crate::poll::Observation;
use crate::profile::{Format, ReadLimits};
use crate::settings::Point;

/// A refused part is tried again after this long, then after twice as long, and so on …
pub const TRY_AGAIN_FIRST: Millis = Millis::seconds(1);

/// … but at least this often.
pub const TRY_AGAIN_LAST: Millis = Millis::seconds(30);

/// The registers of a device in a lane.
#[derive(Debug)]
pub struct Area {
    limits: ReadLimits,
    parts: Vec<Part>,
    /// Sorted by table and register, so that a part's points lie side by side.
    slots: Vec<Slot>,
    /// Some slot says something that no complete poll has told yet.
    has_untold: bool,
    /// Some slot must not stand still.
    has_rests: bool,
}

/// One request's worth of registers.
#[derive(Debug)]
struct Part {
    read: Read,
    slots: std::ops::Range<usize>,
    /// What was read last; empty before the first time.
    registers: Vec<u16>,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Answers,
    /// It has not answered once, and this is when.
    Unanswered {
        since: Uptime,
    },
    /// Its points are unknown; it is tried again.
    Refused {
        again: Uptime,
        pause: Millis,
    },
}

#[derive(Debug)]
struct Slot {
    point: PointIndex,
    read: Read,
    format: Format,
    /// It says something that no complete poll has told yet.
    untold: bool,
    /// How long it may stand still, if the site says so.
    rest: Option<Box<Rest>>,
}

/// What became of a request that brought no registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The part has been cut in two: ask for the same part number again.
    Cut,
    /// The part's points are unknown now: go on with the next part.
    SetAside,
    /// The poll has failed.
    Failed,
}

impl Area {
    /// Plans the requests for some points of a device.
    pub fn new(points: impl IntoIterator<Item = Point>, limits: ReadLimits) -> Area {
        let mut slots: Vec<Slot> = points
            .into_iter()
            .map(|point| Slot {
                point: point.index,
                read: Read {
                    table: point.table,
                    first: point.register,
                    count: point.format.registers(),
                },
                format: point.format,
                untold: true,
                rest: point.stuck_after.map(|after| Box::new(Rest::new(after))),
            })
            .collect();
        slots.sort_by_key(|slot| (slot.read, slot.point));
        let has_rests = slots.iter().any(|slot| slot.rest.is_some());
        let mut area = Area { limits, parts: Vec::new(), slots, has_untold: true, has_rests };
        area.plan_anew();
        area
    }

    /// How many requests a poll has.
    pub fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// What one poll asks for.
    pub fn reads(&self) -> impl Iterator<Item = Read> {
        self.parts.iter().map(|part| part.read)
    }

    /// What a part asks for.
    pub fn read_of(&self, part: usize) -> Option<Read> {
        self.parts.get(part).map(|part| part.read)
    }

    /// The parts whose points are unknown because the device refuses them, or answers everything
    /// else but them.
    pub fn set_aside_parts(&self) -> impl Iterator<Item = Read> {
        self.parts.iter().filter_map(|part| match part.standing {
            Standing::Answers | Standing::Unanswered { .. } => None,
            Standing::Refused { .. } => Some(part.read),
        })
    }

    /// What was last read of each point, and what it means.
    pub fn last_readings(&self) -> impl Iterator<Item = LastReading> {
        self.parts.iter().flat_map(|part| {
            self.slots[part.slots.clone()].iter().map(|slot| {
                let raw = slot.within(part.read, &part.registers);
                let Observation { point, value, quality } = slot.says(raw);
                let raw = raw.unwrap_or_default().to_vec();
                LastReading { point, read: slot.read, raw, value, quality }
            })
        })
    }

    /// The first part from a number on that is to be asked for now.
    pub fn next_part(&self, from: usize, now: Uptime) -> Option<(usize, Read)> {
        self.parts.iter().enumerate().skip(from).find_map(|(number, part)| match part.standing {
            Standing::Answers | Standing::Unanswered { .. } => Some((number, part.read)),
            Standing::Refused { again, .. } => (again <= now).then_some((number, part.read)),
        })
    }

    /// Takes the registers of a part; `registers` are as many as were asked for. Answers with
    /// the points into or out of which a fire-class state has moved.
    pub fn take(&mut self, part: usize, registers: &[u16]) -> Vec<Observation> {
        let part = &mut self.parts[part];
        part.standing = Standing::Answers;
        if part.registers == registers {
            return Vec::new();
        }
        let mut moved = Vec::new();
        for slot in &mut self.slots[part.slots.clone()] {
            let old = slot.within(part.read, &part.registers);
            let new = slot.within(part.read, registers);
            if old == new {
                continue;
            }
            (slot.untold, self.has_untold) = (true, true);
            let said = slot.says(new);
            let before = old.map_or(StateSet::NORMAL, |old| slot.says(Some(old)).fire_class());
            if said.fire_class() != before {
                moved.push(said);
            }
        }
        part.registers.clear();
        part.registers.extend_from_slice(registers);
        moved
    }

    /// The device has refused a part with an exception that will not go away by itself.
    pub fn refuse(&mut self, number: usize, now: Uptime) -> Setback {
        let part = &self.parts[number];
        match part.standing {
            Standing::Answers | Standing::Unanswered { .. } => match self.cut(number) {
                true => Setback::Cut,
                false => self.set_aside(number, now),
            },
            Standing::Refused { .. } => self.set_aside(number, now),
        }
    }

    /// A part has not been answered. `device_answered` is when the device last gave registers,
    /// of any part.
    pub fn unanswered(
        &mut self,
        number: usize,
        now: Uptime,
        device_answered: Option<Uptime>,
    ) -> Setback {
        match self.parts[number].standing {
            Standing::Answers => {
                self.parts[number].standing = Standing::Unanswered { since: now };
                Setback::Failed
            }
            Standing::Unanswered { since } if device_answered.is_some_and(|at| since < at) => {
                self.set_aside(number, now)
            }
            Standing::Unanswered { .. } => Setback::Failed,
            Standing::Refused { .. } => self.set_aside(number, now),
        }
    }

    /// Ends a complete poll: what its points say that has not been told yet, each point once.
    pub fn complete(&mut self, now: Uptime) -> Vec<Observation> {
        let mut said = Vec::new();
        if !std::mem::take(&mut self.has_untold) && !self.has_rests {
            return said;
        }
        for part in &self.parts {
            for slot in &mut self.slots[part.slots.clone()] {
                slot.watch_rest(part, now);
                if std::mem::take(&mut slot.untold) {
                    said.push(slot.says(slot.within(part.read, &part.registers)));
                }
            }
        }
        said
    }

    /// Forgets what was refused, as for a device that is met anew.
    pub fn plan_anew(&mut self) {
        let wanted: Vec<Read> = self.slots.iter().map(|slot| slot.read).collect();
        let mut begin = 0;
        self.parts = plan::covering(&wanted, self.limits)
            .into_iter()
            .map(|read| {
                let held = self.slots[begin..].iter().take_while(|slot| read.holds(slot.read));
                let slots = begin..begin + held.count();
                begin = slots.end;
                Part { read, slots, registers: Vec::new(), standing: Standing::Answers }
            })
            .collect();
        self.slots.iter_mut().for_each(|slot| slot.untold = true);
        self.has_untold = true;
    }

    /// Cuts a part between two points that share no register; whether it could.
    fn cut(&mut self, number: usize) -> bool {
        let slots = self.parts[number].slots.clone();
        let middle = slots.start + slots.len() / 2;
        let is_border = |at: &usize| {
            let end = self.slots[slots.start..*at].iter().map(|slot| slot.read.end()).max();
            end.is_some_and(|end| end <= u32::from(self.slots[*at].read.first))
        };
        let borders = (slots.start + 1..slots.end).filter(is_border);
        let Some(border) = borders.min_by_key(|at| at.abs_diff(middle)) else { return false };
        let halves = [slots.start..border, border..slots.end].map(|slots| self.part_of(slots));
        self.parts.splice(number..=number, halves);
        true
    }

    /// A part that has not been read yet, for some slots.
    fn part_of(&self, slots: std::ops::Range<usize>) -> Part {
        let first = self.slots[slots.start].read;
        let end = self.slots[slots.clone()].iter().map(|slot| slot.read.end()).max();
        let count = end.unwrap_or(first.end()) - u32::from(first.first);
        let read = Read { count: u16::try_from(count).unwrap_or(u16::MAX), ..first };
        Part { read, slots, registers: Vec::new(), standing: Standing::Answers }
    }

    /// Sets aside what is remembered as refused, without asking for it. What does not fit the
    /// points of now is passed over.
    pub fn recall(&mut self, refused: Read, now: Uptime) {
        let holds = |part: &Part| part.standing == Standing::Answers && part.read.holds(refused);
        let Some(number) = self.parts.iter().position(holds) else { return };
        let all = self.parts[number].slots.clone();
        let inside = |at: &usize| refused.holds(self.slots[*at].read);
        let Some(begin) = all.clone().find(inside) else { return };
        let end = (begin..all.end).take_while(inside).count() + begin;
        if self.part_of(begin..end).read != refused {
            return;
        }
        let pieces = [all.start..begin, begin..end, end..all.end];
        let pieces: Vec<Part> = pieces
            .into_iter()
            .filter(|slots| !slots.is_empty())
            .map(|slots| match slots.start == begin {
                true => {
                    let again = now.plus(TRY_AGAIN_FIRST);
                    let standing = Standing::Refused { again, pause: TRY_AGAIN_LAST };
                    Part { standing, ..self.part_of(slots) }
                }
                false => self.part_of(slots),
            })
            .collect();
        self.parts.splice(number..=number, pieces);
    }

    fn set_aside(&mut self, number: usize, now: Uptime) -> Setback {
        let part = &mut self.parts[number];
        let pause = match part.standing {
            Standing::Answers | Standing::Unanswered { .. } => {
                part.registers.clear();
                self.slots[part.slots.clone()].iter_mut().for_each(|slot| slot.untold = true);
                self.has_untold = true;
                TRY_AGAIN_FIRST
            }
            Standing::Refused { pause, .. } => pause.times(2).min(TRY_AGAIN_LAST),
        };
        part.standing = Standing::Refused { again: now.plus(pause), pause };
        Setback::SetAside
    }
}

impl Slot {
    /// Its own registers among those of a part; `None` if the part has not been read.
    fn within<'a>(&self, part: Read, registers: &'a [u16]) -> Option<&'a [u16]> {
        let begin = usize::from(self.read.first - part.first);
        registers.get(begin..begin + usize::from(self.read.count))
    }

    /// Looks whether it stands still for too long, or moves again.
    fn watch_rest(&mut self, part: &Part, now: Uptime) {
        let Some(mut rest) = self.rest.take() else { return };
        if let Some(own) = self.within(part.read, &part.registers) {
            self.untold |= rest.read(own, now);
        }
        self.rest = Some(rest);
    }

    fn says(&self, registers: Option<&[u16]>) -> Observation {
        let is_stuck = self.rest.as_ref().is_some_and(|rest| rest.is_stuck());
        let (value, quality) = match registers.map(|registers| self.format.decode(registers)) {
            Some((value, Quality::Good)) if is_stuck => (value, Quality::Stuck),
            Some(said) => said,
            None => (Value::Unknown, Quality::SensorFault),
        };
        Observation { point: self.point, value, quality }
    }
}

impl Observation {
    /// What of fire-class it says.
    fn fire_class(&self) -> StateSet {
        let set = self.value.states().map_or(StateSet::NORMAL, |states| states.set);
        set.intersection(StateSet::FIRE_CLASS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use proptest::prelude::*;

    const NORMAL: u16 = 0x1400;
    const FIRE: u16 = 0x0C10;
    const FAULT: u16 = 0x2400;

    /// Detectors and modules of one loop: two requests for each, and one for the panel status.
    fn panel() -> Area {
        let settings = Settings::parse(
            "site",
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
             [[line]]\nname = \"l\"\naddress = \"b:1\"\n[[line.device]]\nname = \"p\"\n\
             unit_id = 1\nprofile = \"notifier-modbus-gw\"\noptions = { loops = [1] }\n",
        );
        let device =
            settings.unwrap_or_else(|told| panic!("{told}")).lines.remove(0).devices.remove(0);
        Area::new(device.points, device.reads)
    }

    fn at(seconds: u64) -> Uptime {
        Uptime::after(Millis::seconds(seconds))
    }

    #[test]
    fn what_is_remembered_as_refused_is_not_asked_for_at_first_and_answers_when_it_is_mended() {
        let mut area = panel();
        let bad = Read { table: crate::profile::Table::HoldingRegisters, first: 16, count: 1 };
        area.recall(bad, at(0));
        assert_eq!(area.set_aside_parts().collect::<Vec<Read>>(), [bad]);
        assert_eq!(area.part_count(), 7, "before it, itself and behind it");
        let asked = |read: Read| {
            assert!(!read.holds(bad), "{read:?}");
            Some(vec![NORMAL; usize::from(read.count)])
        };
        let said = poll(&mut area, at(0), asked);
        let unknown = said.iter().filter(|said| said.quality == Quality::SensorFault).count();
        assert_eq!((said.len(), unknown), (319, 1), "its point is told as unknown");
        let said = poll(&mut area, at(1), all(NORMAL));
        assert_eq!((said.len(), area.set_aside_parts().count()), (1, 0), "mended");
    }

    #[test]
    fn what_is_remembered_and_does_not_fit_the_points_is_passed_over() {
        let mut area = panel();
        for (first, count) in [(16, 200), (65_000, 1), (125, 0)] {
            let table = crate::profile::Table::HoldingRegisters;
            area.recall(Read { table, first, count }, at(0));
        }
        assert_eq!((area.part_count(), area.set_aside_parts().count()), (5, 0));
    }

    /// Reads every part; a part gives the registers `of` says, or is refused.
    fn poll(
        area: &mut Area,
        now: Uptime,
        of: impl Fn(Read) -> Option<Vec<u16>>,
    ) -> Vec<Observation> {
        let mut from = 0;
        while let Some((number, read)) = area.next_part(from, now) {
            from = match of(read) {
                Some(registers) => {
                    area.take(number, &registers);
                    number + 1
                }
                None => match area.refuse(number, now) {
                    Setback::Cut => number,
                    Setback::SetAside => number + 1,
                    Setback::Failed => panic!("a refusal is no failure"),
                },
            };
        }
        area.complete(now)
    }

    fn all(word: u16) -> impl Fn(Read) -> Option<Vec<u16>> {
        move |read| Some(vec![word; usize::from(read.count)])
    }

    #[test]
    fn the_first_poll_tells_all_points_and_the_next_nothing() {
        let mut area = panel();
        assert_eq!(area.part_count(), 5);
        assert_eq!(poll(&mut area, at(0), all(NORMAL)).len(), 319);
        assert_eq!(poll(&mut area, at(1), all(NORMAL)), []);
    }

    #[test]
    fn a_number_that_stands_still_for_too_long_is_told_as_stuck_and_again_when_it_moves() {
        let text = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
            [[line]]\nname = \"l\"\naddress = \"b:1\"\n[[line.device]]\nname = \"p\"\nunit_id = 1\n\
            profile = \"pressure-transmitter-integer\"\noptions = { unit = \"kPa\" }\n\
            [[line.device.point]]\nname = \"pressure\"\nstuck_after = \"1h\"\n";
        let settings = Settings::parse("site", text).unwrap_or_else(|told| panic!("{told}"));
        let device = &settings.lines[0].devices[0];
        let mut area = Area::new(device.points.clone(), device.reads);
        let mut told = |minute: u64, value: u16| -> Vec<String> {
            area.take(0, &[0, value]);
            let said = area.complete(at(minute * 60)).into_iter();
            said.map(|said| format!("{} {:?}", said.value, said.quality)).collect()
        };
        assert_eq!(told(0, 350), ["350000 Pa Good"]);
        assert_eq!([told(20, 350), told(40, 350)], [[""; 0]; 2]);
        assert_eq!(told(60, 350), ["350000 Pa Stuck"]);
        assert_eq!(told(80, 350), [""; 0], "told once");
        assert_eq!(told(90, 351), ["351000 Pa Good"]);
    }

    #[test]
    fn a_changed_register_tells_its_point_only() {
        let mut area = panel();
        poll(&mut area, at(0), all(NORMAL));
        let mut registers = vec![NORMAL; 125];
        registers[16] = FAULT;
        assert_eq!(area.take(0, &registers), [], "a fault is not of fire-class");
        let said = area.complete(at(1));
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].point, said[0].value.to_string()), (PointIndex(16), "fault".into()));
    }

    #[test]
    fn a_fire_that_comes_or_goes_is_told_ahead_and_again_with_the_poll() {
        let mut area = panel();
        poll(&mut area, at(0), all(NORMAL));
        let mut registers = vec![NORMAL; 125];
        registers[16] = FIRE;
        let ahead = area.take(0, &registers);
        assert_eq!(ahead.len(), 1);
        assert_eq!(area.complete(at(1)), ahead);
        registers[16] = FIRE | 1 << 8;
        assert_eq!(area.take(0, &registers), [], "acknowledging moves no fire-class state");
        registers[16] = NORMAL;
        assert_eq!(area.take(0, &registers)[0].value.to_string(), "normal");
    }

    #[test]
    fn a_fire_that_stands_before_the_first_poll_is_told_ahead() {
        let mut area = panel();
        let mut registers = vec![NORMAL; 125];
        registers[3] = FIRE;
        assert_eq!(area.take(0, &registers).len(), 1);
    }

    #[test]
    fn what_changed_in_a_poll_that_failed_is_told_by_the_next() {
        let mut area = panel();
        poll(&mut area, at(0), all(NORMAL));
        let mut registers = vec![NORMAL; 125];
        registers[16] = FAULT;
        area.take(0, &registers);
        assert_eq!(area.unanswered(1, at(1), Some(at(0))), Setback::Failed);
        area.take(0, &registers);
        area.take(1, &[NORMAL; 34]);
        assert_eq!(area.complete(at(1)).len(), 1);
    }

    #[test]
    fn a_refused_register_is_found_and_only_its_point_is_unknown() {
        let mut area = panel();
        let refusing = |read: Read| {
            let bad = Read { first: 40, count: 1, ..read };
            (!read.holds(bad)).then(|| vec![NORMAL; usize::from(read.count)])
        };
        let said = poll(&mut area, at(0), refusing);
        let unknown: Vec<&Observation> =
            said.iter().filter(|said| said.value == Value::Unknown).collect();
        let silenced_says_normal = said.len() == 319;
        assert!(silenced_says_normal);
        assert_eq!(unknown.len(), 1);
        assert_eq!((unknown[0].point, unknown[0].quality), (PointIndex(40), Quality::SensorFault));
        assert_eq!(poll(&mut area, at(0), all(NORMAL)), [], "it is not asked again at once");
        let back = poll(&mut area, at(1), all(NORMAL));
        assert_eq!(back.len(), 1, "it is asked again after a second");
        assert_eq!(back[0].value.to_string(), "normal");
    }

    #[test]
    fn a_part_that_stays_unanswered_in_a_living_device_is_set_aside() {
        let mut area = panel();
        poll(&mut area, at(0), all(NORMAL));
        assert_eq!(area.unanswered(2, at(1), Some(at(0))), Setback::Failed);
        assert_eq!(area.unanswered(2, at(2), Some(at(0))), Setback::Failed, "nothing else answers");
        assert_eq!(area.unanswered(2, at(3), Some(at(2))), Setback::SetAside);
        let said = area.complete(at(1));
        assert_eq!(said.len(), 125);
        assert!(said.iter().all(|said| said.value == Value::Unknown));
        assert_eq!(area.next_part(2, at(3)).map(|(number, _)| number), Some(3));
    }

    #[test]
    fn a_refused_part_is_asked_less_and_less_often() {
        let mut area = panel();
        area.cut(0);
        let mut now = at(0);
        area.unanswered(0, now, None);
        area.unanswered(0, at(1), Some(at(1)));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let before = now;
            while area.next_part(0, now).is_none_or(|(number, _)| number != 0) {
                now = now.plus(Millis::seconds(1));
            }
            pauses.push(now.since(before).get() / 1_000);
            area.unanswered(0, now, Some(now));
        }
        assert_eq!(pauses, [2, 2, 4, 8, 16, 30, 30]);
    }

    /// One thing that happens to a panel.
    #[derive(Debug, Clone)]
    enum Step {
        Change {
            register: u16,
            word: u16,
        },
        /// A poll whose requests meet these fates, and a good one for the rest.
        Poll(Vec<Fate>),
    }

    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Answered,
        Refused,
        Unanswered,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let word = prop_oneof![Just(NORMAL), Just(FIRE), Just(FAULT), any::<u16>()];
        let change =
            (0_u16..359, word).prop_map(|(register, word)| Step::Change { register, word });
        let fate = prop_oneof![6 => Just(Fate::Answered), 1 => Just(Fate::Refused), 1 => Just(Fate::Unanswered)];
        let poll = proptest::collection::vec(fate, 0..12).prop_map(Step::Poll);
        proptest::collection::vec(prop_oneof![2 => change, 1 => poll], 1..60)
    }

    proptest! {
        /// Whatever happens in between: what a complete poll has told is what the registers say,
        /// or unknown; what is told ahead belongs to the very request that was answered.
        #[test]
        fn what_is_told_is_what_stands_in_the_registers(steps in steps()) {
            let mut area = panel();
            let mut held = vec![NORMAL; 10_000];
            let mut told = std::collections::BTreeMap::new();
            let mut answered = None;
            let mut now = at(0);
            for step in steps.into_iter().chain([Step::Poll(Vec::new())]) {
                now = now.plus(Millis::seconds(40));
                let fates = match step {
                    Step::Change { register, word } => {
                        held[usize::from(register)] = word;
                        continue;
                    }
                    Step::Poll(fates) => fates,
                };
                let mut fates = fates.into_iter();
                let mut from = 0;
                let complete = loop {
                    let Some((part, read)) = area.next_part(from, now) else { break true };
                    let setback = match fates.next().unwrap_or(Fate::Answered) {
                        Fate::Answered => {
                            let registers =
                                &held[usize::from(read.first)..usize::try_from(read.end()).expect("small")];
                            let ahead = area.take(part, registers);
                            let of_part = |said: &Observation| {
                                let mut slots = area.slots.iter();
                                slots.any(|slot| slot.point == said.point && read.holds(slot.read))
                            };
                            prop_assert!(ahead.iter().all(of_part));
                            told.extend(ahead.into_iter().map(|said| (said.point, said)));
                            answered = Some(now);
                            from = part + 1;
                            continue;
                        }
                        Fate::Refused => area.refuse(part, now),
                        Fate::Unanswered => area.unanswered(part, now, answered),
                    };
                    match setback {
                        Setback::Cut => from = part,
                        Setback::SetAside => from = part + 1,
                        Setback::Failed => break false,
                    }
                };
                if complete {
                    told.extend(area.complete(now).into_iter().map(|said| (said.point, said)));
                    for slot in &area.slots {
                        let registers = &held[usize::from(slot.read.first)..][..1];
                        let said = &told[&slot.point];
                        let right = slot.says(Some(registers));
                        let unknown = slot.says(None);
                        prop_assert!(*said == right || *said == unknown, "{said:?}, {right:?}");
                    }
                }
            }
            let all_known = area.slots.iter().all(|slot| {
                let registers = &held[usize::from(slot.read.first)..][..1];
                told[&slot.point] == slot.says(Some(registers))
            });
            prop_assert!(all_known, "after a good poll nothing is unknown any more");
        }
    }
}
