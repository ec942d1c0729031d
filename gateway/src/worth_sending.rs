//! Decides which readings are worth sending.
//!
//! Sits between the poller and the recorder's batches. A reading passes when its number moved
//! beyond the deadband, when its states or its quality changed, or when it is the first of its
//! point. Never drops the first reading of a fault, and never looks at a clock.
//!
//! What was last *read* stands beside what was last *sent*: a deadband is measured from what
//! the centre knows, and a refresh tells what the box knows.

use firegrid_wire::reading::{Quality, Value};

/// What a point said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its number or states.
    pub value: Value,
    /// How far to believe it.
    pub quality: Quality,
}

/// What the box remembers of one point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    read: Option<Said>,
    sent: Option<Said>,
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
}

impl Memory {
    /// Takes what was read; why it is worth sending, if it is.
    pub fn take(&mut self, read: Said, deadband: f64) -> Option<Worth> {
        let worth = worth(self.sent.as_ref(), &read, deadband);
        self.read = Some(read);
        worth
    }

    /// The last reading.
    pub fn read(&self) -> Option<&Said> {
        self.read.as_ref()
    }

    /// The last reading goes out now.
    pub fn send(&mut self) -> Option<&Said> {
        self.sent.clone_from(&self.read);
        self.sent.as_ref()
    }
}

fn worth(sent: Option<&Said>, read: &Said, deadband: f64) -> Option<Worth> {
    let Some(sent) = sent else { return Some(Worth::First) };
    if sent.quality != read.quality {
        return Some(Worth::Quality);
    }
    match (&sent.value, &read.value) {
        (Value::Number(before, unit), Value::Number(now, same)) if unit == same => {
            ((now - before).abs() > deadband).then_some(Worth::Moved)
        }
        (before, now) => (before != now).then_some(Worth::Changed),
    }
}

#[cfg(test)]
mod tests {
    use firegrid_wire::quantity::Unit;
    use firegrid_wire::state::{State, StateSet};

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
        assert_eq!(memory.send(), Some(&pascal(400_900.0)));
    }
}
