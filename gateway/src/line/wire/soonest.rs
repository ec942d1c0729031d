//! How soon each unit of a wire answers at best.
//!
//! Pure. A copy of an answer that a wire delays into the next question of the same unit comes
//! sooner than the unit ever answers, more often than not: it was on its way already. Such an
//! answer need not be wrong, but it is worth to be held.

use std::time::Duration;

/// After so many answers it is known how soon a unit answers.
const KNOWN_AFTER: u32 = 32;

/// What comes in less than this part of the soonest time is worth a look.
const PART: u32 = 4;

/// The best times of the units of a wire.
#[derive(Debug, Default)]
pub(crate) struct Soonest(Vec<Best>);

#[derive(Debug)]
struct Best {
    unit: u8,
    took: Duration,
    answers: u32,
}

impl Soonest {
    /// Whether an answer came much sooner than any answer of this unit before.
    pub(crate) fn is_beaten(&self, unit: u8, took: Duration) -> bool {
        let best = self.0.iter().find(|best| best.unit == unit);
        best.is_some_and(|best| KNOWN_AFTER <= best.answers && took * PART < best.took)
    }

    /// An answer that counts took so long.
    pub(crate) fn answered(&mut self, unit: u8, took: Duration) {
        match self.0.iter_mut().find(|best| best.unit == unit) {
            Some(best) => {
                best.took = best.took.min(took);
                best.answers = best.answers.saturating_add(1);
            }
            // A byte has 256 values: so many units there are at most.
            None => self.0.push(Best { unit, took, answers: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an answer is noticed after these, in milliseconds.
    #[track_caller]
    fn check(before: impl Iterator<Item = u64>, took: u64, noticed: bool) {
        let mut soonest = Soonest::default();
        before.for_each(|millis| soonest.answered(1, Duration::from_millis(millis)));
        assert_eq!(soonest.is_beaten(1, Duration::from_millis(took)), noticed);
        assert!(!soonest.is_beaten(2, Duration::ZERO), "nothing is known of another unit");
    }

    #[test]
    fn an_answer_much_sooner_than_any_before_is_noticed() {
        check((0..40).map(|number| 20 + number % 7), 4, true);
        check((0..40).map(|number| 20 + number % 7), 5, false);
    }

    #[test]
    fn a_unit_that_is_not_known_yet_or_often_quick_is_not() {
        check((0..10).map(|_| 20), 0, false);
        check((0..40).map(|number| 1 + number), 1, false);
    }
}
