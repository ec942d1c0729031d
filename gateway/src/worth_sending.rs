//! Decides which readings are worth sending.
//!
//! Sits between the poller and the recorder's batches. A reading passes when its number moved
//! beyond the deadband, when its states or its quality changed, or when it is the first of its
//! point. Never drops the first reading of a fault, and never looks at a clock.
//!
//! What was last *read* stands beside what was last *sent*: a deadband is measured from what
//! the centre knows, and a refresh tells what the box knows.
//!
//! A discrete point that chatters is bounded: after ten changes in a minute the next one is
//! *held*, and the point stands as `unknown` until the minute is over; then its last state goes
//! out, and says how often the point changed in that minute. A fire-class state that was not sent
//! in that minute is never held.

use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::state::StateSet;
use firegrid_wire::time::{GatewayTime, Millis};

/// Changes of a discrete point are counted for this long.
const MINUTE: Millis = Millis::seconds(60);

/// What a point said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its number or states.
    pub value: Value,
    /// How far to believe it.
    pub quality: Quality,
}

/// What the box remembers of one point. There are up to a hundred thousand of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    read: Option<Kept>,
    sent: Option<Kept>,
    /// Of a discrete point, once it was read.
    chatter: Option<Box<Chatter>>,
}

/// What a point said, packed. Words of a newer gateway are none of this one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    Number(f64, Unit, Quality),
    States(StateSet, Quality),
    Unknown(Quality),
}

/// How often a discrete point changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Chatter {
    minute: Minute,
    /// How often it changed in the minute that is over, if not all of that was told.
    untold: Option<u32>,
}

/// A minute in which the changes of a point are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Minute {
    begin: GatewayTime,
    /// Those that went out, and those that were read.
    changes: u32,
    read: u32,
    /// The fire-class states that were sent in it.
    fires: StateSet,
    /// Whether a change is held: the point then stands as `unknown`.
    holds: bool,
}

/// Why a reading passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// The centre has never been told of this point.
    First,
    /// Its number moved beyond the deadband.
    Moved,
    /// Its states changed, or it can say something again, or no longer.
    Changed,
    /// It is to be believed more, or less.
    Quality,
    /// It changes too often: it stands as `unknown` until the minute is over.
    Held,
}

impl Memory {
    /// Takes what was read; why it is worth sending, if it is.
    pub fn take(&mut self, read: Said, deadband: f64) -> Option<Worth> {
        let read = Kept::of(&read);
        self.read = Some(read);
        worth(self.sent, read, deadband)
    }

    /// The last reading.
    pub fn read(&self) -> Option<Said> {
        self.read.map(Kept::said)
    }

    /// Takes what a discrete point said at a time; why it is worth sending, if it is. `most`
    /// changes pass in a minute.
    pub fn take_discrete(&mut self, read: Said, time: GatewayTime, most: u32) -> Option<Worth> {
        let read = Kept::of(&read);
        let worth = worth(self.sent, read, 0.0);
        let fires = read.fire_class();
        let moved = self.read.is_some_and(|before| before != read);
        self.read = Some(read);
        let anew =
            Minute { begin: time, changes: 0, read: 0, fires: StateSet::NORMAL, holds: false };
        let chatter =
            self.chatter.get_or_insert_with(|| Box::new(Chatter { minute: anew, untold: None }));
        let before = chatter.minute;
        if !before.lasts(time) {
            **chatter = Chatter { minute: anew, untold: before.holds.then_some(before.read) };
        }
        let minute = &mut chatter.minute;
        minute.read = minute.read.saturating_add(u32::from(moved));
        let worth = worth?;
        let is_new_fire = fires.intersection(minute.fires) != fires;
        if minute.changes < most || is_new_fire {
            minute.changes += 1;
            minute.fires = minute.fires.union(fires);
            minute.holds = false;
            return Some(worth);
        }
        minute.holds = true;
        let stands_unknown = matches!(self.sent, Some(Kept::Unknown(_)));
        (!stands_unknown).then_some(Worth::Held)
    }

    /// Whether a change is held whose minute is over.
    pub fn is_due(&self, time: GatewayTime) -> bool {
        self.minute().is_some_and(|minute| minute.holds && !minute.lasts(time))
    }

    /// Whether a change is held.
    pub fn holds(&self) -> bool {
        self.minute().is_some_and(|minute| minute.holds)
    }

    /// The last reading goes out now; while a change is held, that the point is unknown.
    pub fn send(&mut self) -> Option<Said> {
        self.sent = match self.read {
            Some(read) if self.holds() => Some(Kept::Unknown(read.quality())),
            read => read,
        };
        self.sent.map(Kept::said)
    }

    /// How often the point changed in a minute that is over and of which not all was told; to be
    /// told once, with what goes out now.
    pub fn untold(&mut self) -> Option<u32> {
        self.chatter.as_mut().and_then(|chatter| chatter.untold.take())
    }

    /// A refresh tells the point: a fire-class state as it is, also while a change is held.
    pub fn refresh(&mut self) -> Option<Said> {
        if self.read.is_some_and(|read| !read.fire_class().is_normal()) {
            self.sent = self.read;
            return self.sent.map(Kept::said);
        }
        self.send()
    }

    fn minute(&self) -> Option<Minute> {
        self.chatter.as_ref().map(|chatter| chatter.minute)
    }
}

impl Kept {
    fn of(said: &Said) -> Kept {
        match &said.value {
            Value::Number(number, unit) => Kept::Number(*number, *unit, said.quality),
            Value::States(states) => Kept::States(states.set, said.quality),
            Value::Unknown => Kept::Unknown(said.quality),
        }
    }

    fn said(self) -> Said {
        match self {
            Kept::Number(number, unit, quality) => {
                Said { value: Value::Number(number, unit), quality }
            }
            Kept::States(set, quality) => Said { value: Value::States(set.into()), quality },
            Kept::Unknown(quality) => Said { value: Value::Unknown, quality },
        }
    }

    fn quality(self) -> Quality {
        match self {
            Kept::Number(.., quality) | Kept::States(_, quality) | Kept::Unknown(quality) => {
                quality
            }
        }
    }

    fn fire_class(self) -> StateSet {
        match self {
            Kept::States(set, _) => set.intersection(StateSet::FIRE_CLASS),
            Kept::Number(..) | Kept::Unknown(_) => StateSet::NORMAL,
        }
    }
}

impl Minute {
    /// Time may have gone back with a new span: then it is over too.
    fn lasts(&self, time: GatewayTime) -> bool {
        self.begin <= time && time.since(self.begin) < MINUTE
    }
}

fn worth(sent: Option<Kept>, read: Kept, deadband: f64) -> Option<Worth> {
    let Some(sent) = sent else { return Some(Worth::First) };
    if sent.quality() != read.quality() {
        return Some(Worth::Quality);
    }
    match (sent, read) {
        (Kept::Number(before, unit, _), Kept::Number(now, same, _)) if unit == same => {
            ((now - before).abs() > deadband).then_some(Worth::Moved)
        }
        (before, now) => (before != now).then_some(Worth::Changed),
    }
}

#[cfg(test)]
mod tests {
    use firegrid_wire::limits::CHANGES_PER_MINUTE as MOST;
    use firegrid_wire::state::{State, StateSet};
    use proptest::prelude::*;

    use super::*;

    fn pascal(number: f64) -> Said {
        Said { value: Value::number(number, Unit::Pascal), quality: Quality::Good }
    }

    fn states(states: &[State]) -> Said {
        let set: StateSet = states.iter().copied().collect();
        Said { value: Value::States(set.into()), quality: Quality::Good }
    }

    #[track_caller]
    fn check(readings: &[Said], expected: &[Option<Worth>]) {
        let mut memory = Memory::default();
        let answers: Vec<Option<Worth>> = readings
            .iter()
            .map(|said| {
                let worth = memory.take(said.clone(), 1_000.0);
                if worth.is_some() {
                    memory.send();
                }
                worth
            })
            .collect();
        assert_eq!(answers, expected);
    }

    #[test]
    fn the_first_reading_of_a_point_passes() {
        check(&[pascal(400_000.0)], &[Some(Worth::First)]);
        check(&[states(&[])], &[Some(Worth::First)]);
    }

    #[test]
    fn a_number_passes_when_it_moved_beyond_its_deadband() {
        check(
            &[pascal(400_000.0), pascal(401_000.0), pascal(398_999.0)],
            &[Some(Worth::First), None, Some(Worth::Moved)],
        );
    }

    #[test]
    fn a_number_that_creeps_passes_when_it_has_crept_far_from_what_was_sent() {
        check(
            &[pascal(400_000.0), pascal(400_700.0), pascal(401_400.0)],
            &[Some(Worth::First), None, Some(Worth::Moved)],
        );
    }

    #[test]
    fn a_state_passes_when_it_comes_and_when_it_goes() {
        check(
            &[states(&[]), states(&[State::Fault]), states(&[State::Fault]), states(&[])],
            &[Some(Worth::First), Some(Worth::Changed), None, Some(Worth::Changed)],
        );
    }

    #[test]
    fn a_sensor_that_breaks_inside_its_deadband_passes() {
        let broken = Said { quality: Quality::SensorFault, ..pascal(400_000.0) };
        check(
            &[pascal(400_000.0), broken.clone(), broken],
            &[Some(Worth::First), Some(Worth::Quality), None],
        );
    }

    #[test]
    fn a_number_that_can_no_longer_be_told_passes() {
        let unknown = Said { value: Value::Unknown, quality: Quality::Good };
        check(
            &[pascal(400_000.0), unknown.clone(), unknown, pascal(400_000.0)],
            &[Some(Worth::First), Some(Worth::Changed), None, Some(Worth::Changed)],
        );
    }

    #[test]
    fn a_refresh_tells_what_was_read_and_not_what_was_sent() {
        let mut memory = Memory::default();
        memory.take(pascal(400_000.0), 1_000.0);
        memory.send();
        assert_eq!(memory.take(pascal(400_900.0), 1_000.0), None);
        assert_eq!(memory.send(), Some(pascal(400_900.0)));
    }

    /// What a discrete point that says this, one after the other so many milliseconds apart,
    /// sends: with its time.
    fn sent(memory: &mut Memory, said: &[(u64, StateSet)]) -> Vec<(i64, Value)> {
        let (mut now, mut sent) = (0, Vec::new());
        for (after, set) in said {
            now += *after as i64;
            let time = GatewayTime::from_millis(now);
            let read = Said { value: Value::States((*set).into()), quality: Quality::Good };
            if memory.take_discrete(read, time, MOST).is_some() {
                sent.extend(memory.send().map(|said| (now, said.value.clone())));
            }
        }
        sent
    }

    #[test]
    fn a_point_that_chatters_stands_as_unknown_until_its_minute_is_over() {
        let mut memory = Memory::default();
        let fault = StateSet::from(State::Fault);
        let mut said: Vec<(u64, StateSet)> = (0..40)
            .map(|turn| (1_000, if turn % 2 == 0 { StateSet::NORMAL } else { fault }))
            .collect();
        let told = sent(&mut memory, &said);
        assert_eq!(told.len(), 11, "{told:?}");
        assert_eq!(told[10].1, Value::Unknown);
        assert!(memory.holds() && !memory.is_due(GatewayTime::from_millis(60_999)));
        assert!(memory.is_due(GatewayTime::from_millis(61_000)));
        said.push((60_000, fault));
        let told = sent(&mut Memory::default(), &said);
        assert_eq!(told.last(), Some(&(100_000, Value::States(fault.into()))));
    }

    #[test]
    fn what_ends_such_a_minute_says_how_often_the_point_changed_in_it() {
        let mut memory = Memory::default();
        let fault = StateSet::from(State::Fault);
        let turn =
            |turn: u64| (1_000, if turn.is_multiple_of(2) { StateSet::NORMAL } else { fault });
        let chatter: Vec<(u64, StateSet)> = (0..40).map(turn).collect();
        sent(&mut memory, &chatter);
        assert_eq!(memory.untold(), None, "the minute is not over");
        let read = Said { value: Value::States(fault.into()), quality: Quality::Good };
        let worth = memory.take_discrete(read, GatewayTime::from_millis(61_000), MOST);
        assert_eq!(worth, Some(Worth::Changed));
        assert_eq!((memory.untold(), memory.untold()), (Some(39), None), "it is told once");
    }

    #[test]
    fn a_refresh_tells_a_held_fire_and_no_held_calm() {
        let mut memory = Memory::default();
        let fire = StateSet::from(State::Fire);
        let chatter: Vec<(u64, StateSet)> = (0..21)
            .map(|turn| (1_000, if turn % 2 == 0 { StateSet::NORMAL } else { fire }))
            .collect();
        sent(&mut memory, &chatter);
        assert_eq!(memory.refresh().map(|said| said.value.clone()), Some(Value::Unknown));
        sent(&mut memory, &[(22_000, fire)]);
        assert!(memory.refresh().is_some_and(|said| said.value.is_fire_class()));
    }

    proptest! {
        #[test]
        fn the_last_state_gets_out_no_new_fire_is_held_and_the_number_is_bounded(
            said in prop::collection::vec((0..20_000_u64, 0..5_usize), 1..200)
        ) {
            let sets = [
                StateSet::NORMAL,
                State::Fault.into(),
                State::Fire.into(),
                State::Prealarm.into(),
                StateSet::from(State::Fire).with(State::Disabled),
            ];
            let mut memory = Memory::default();
            let (mut now, mut told) = (0_i64, Vec::<(i64, Value)>::new());
            let mut calm = false;
            for (after, set) in said.iter().map(|(after, set)| (*after, sets[*set])) {
                now += after as i64;
                let time = GatewayTime::from_millis(now);
                let value = Value::States(set.into());
                let read = Said { value: value.clone(), quality: Quality::Good };
                if memory.take_discrete(read, time, MOST).is_some() {
                    told.extend(memory.send().map(|said| (now, said.value.clone())));
                }
                let stands = told.last().map(|(_, value)| value.clone());
                calm |= stands.is_some_and(|stands| stands != value && stands != Value::Unknown);
                // Each fire-class state has been told in the last minute, or is told now.
                for state in [State::Fire, State::Prealarm].into_iter().filter(|s| set.has(*s)) {
                    let lately = told.iter().rev().any(|(_, value)| {
                        value.states().is_some_and(|states| states.set.has(state))
                    });
                    prop_assert!(lately, "{state:?} is held");
                }
                let minute = told.iter().filter(|(at, _)| now - 60_000 < *at).count();
                prop_assert!(minute <= 2 * (10 + 1 + 2 * 2), "{} in a minute", minute);
            }
            prop_assert!(!calm, "what stands is neither what the point says nor unknown");
            let last = memory.read().expect("it was read");
            let over = GatewayTime::from_millis(now + 60_000);
            if memory.take_discrete(last.clone(), over, MOST).is_some() {
                memory.send();
            }
            prop_assert_eq!(memory.sent.map(Kept::said), Some(last), "the last state gets out");
        }
    }
}
