//! By when something must be done: the terms of a severity, by the clock or in working days.

use std::fmt;
use std::str::FromStr;

use firegrid_wire::time::{CentreTime, Millis};

use crate::rulebook::Severity;

/// By when something must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Due {
    /// Taken.
    pub accept: CentreTime,
    /// Mended.
    pub rectify: CentreTime,
}

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// So long by the clock.
    Within(Millis),
    /// To the end of so many working days after today. Monday to Friday; a calendar of holidays
    /// is to join.
    WorkingDays(u32),
}

/// The terms of a severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Until somebody takes it.
    pub accept: Term,
    /// Until it is mended.
    pub rectify: Term,
    /// What the next level has, once a deadline has passed, until the one above it is asked.
    pub climb: Term,
}

/// The terms of every severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermsOf {
    /// Of a general hazard 一般, and of what is only worth knowing.
    pub general: Terms,
    /// Of an outstanding one 突出.
    pub serious: Terms,
    /// Of a major one 重大.
    pub major: Terms,
}

impl Default for TermsOf {
    fn default() -> TermsOf {
        TermsOf {
            general: Severity::General.terms(),
            serious: Severity::Serious.terms(),
            major: Severity::Major.terms(),
        }
    }
}

impl TermsOf {
    /// Those of one severity.
    pub const fn severity(&self, severity: Severity) -> Terms {
        match severity {
            Severity::Info | Severity::General => self.general,
            Severity::Serious => self.serious,
            Severity::Major => self.major,
        }
    }
}

impl Severity {
    /// The default terms (DESIGN §7): general 24 h and 15 days, serious 4 h and 3 working days,
    /// major 30 min and 24 h.
    pub const fn terms(self) -> Terms {
        const HOUR: u64 = 3_600;
        match self {
            Severity::Info | Severity::General => Terms {
                accept: Term::Within(Millis::seconds(24 * HOUR)),
                rectify: Term::Within(Millis::seconds(15 * 24 * HOUR)),
                climb: Term::Within(Millis::seconds(24 * HOUR)),
            },
            Severity::Serious => Terms {
                accept: Term::Within(Millis::seconds(4 * HOUR)),
                rectify: Term::WorkingDays(3),
                climb: Term::Within(Millis::seconds(4 * HOUR)),
            },
            Severity::Major => Terms {
                accept: Term::Within(Millis::seconds(HOUR / 2)),
                rectify: Term::Within(Millis::seconds(24 * HOUR)),
                climb: Term::Within(Millis::seconds(HOUR / 2)),
            },
        }
    }
}

impl Terms {
    /// The deadlines of a ticket that is opened now.
    pub fn from(self, opened: CentreTime) -> Due {
        Due { accept: self.accept.from(opened), rectify: self.rectify.from(opened) }
    }
}

/// What a proven or listed ticket has until somebody must look again: re-inspection within three
/// working days (120 号令).
pub const LOOK_AGAIN: Term = Term::WorkingDays(3);

/// The longest that a term may be, and the shortest: a deadline must lie ahead.
const LONGEST: Millis = Millis::seconds(3_660 * 24 * 3_600);
const SHORTEST: Millis = Millis::seconds(1);
const MOST_DAYS: u32 = 1_000;

/// What a term of working days ends with.
const WORKING_DAYS: [&str; 2] = ["working days", "working day"];

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Within(lasting) => lasting.fmt(f),
            Term::WorkingDays(1) => f.write_str("1 working day"),
            Term::WorkingDays(count) => write!(f, "{count} working days"),
        }
    }
}

impl FromStr for Term {
    type Err = TermError;

    /// Takes a length of time, `30min`, `24h`, `15d`, or `3 working days`.
    fn from_str(text: &str) -> Result<Term, TermError> {
        let refused = || TermError { text: text.to_owned() };
        if let Some(count) = WORKING_DAYS.iter().find_map(|end| text.strip_suffix(end)) {
            let count: u32 = count.trim().parse().map_err(|_| refused())?;
            let count = (1..=MOST_DAYS).contains(&count).then_some(count);
            return count.map(Term::WorkingDays).ok_or_else(refused);
        }
        let lasting: Millis = text.parse().map_err(|_| refused())?;
        let fits = (SHORTEST..=LONGEST).contains(&lasting).then_some(lasting);
        fits.map(Term::Within).ok_or_else(refused)
    }
}

/// A text that is no term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no term: write a length from {SHORTEST} to {LONGEST}, as in \"24h\" or \"15d\", or \
     1 to {MOST_DAYS} \"working days\""
)]
pub struct TermError {
    text: String,
}

/// China Standard Time, by which working days are counted.
const CHINA: Millis = Millis::seconds(8 * 3_600);

impl Term {
    /// The deadline that begins now.
    pub fn from(self, opened: CentreTime) -> CentreTime {
        const DAY: i64 = 24 * 3_600 * 1_000;
        match self {
            Term::Within(lasting) => opened.plus(lasting),
            Term::WorkingDays(count) => {
                let today = opened.plus(CHINA).millis().div_euclid(DAY);
                // 1970-01-01 was a Thursday: day 4 of a week that begins on Sunday.
                let works = |day: &i64| !matches!((day + 4).rem_euclid(7), 0 | 6);
                let last = (today + 1..).filter(works).nth(count.saturating_sub(1) as usize);
                let end = last.unwrap_or(today).saturating_add(1).saturating_mul(DAY);
                CentreTime::from_millis(end).minus(CHINA)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> CentreTime {
        CentreTime::from_millis(seconds * 1_000)
    }

    #[track_caller]
    fn check_term(severity: Severity, accept: i64, rectify: i64) {
        // 2026-11-20 was a Friday; 16:30 in China.
        let friday = 1_795_163_400;
        let due = severity.terms().from(at(friday));
        assert_eq!(due, Due { accept: at(friday + accept), rectify: at(friday + rectify) });
    }

    #[test]
    fn deadlines_count_from_the_opening() {
        check_term(Severity::General, 24 * HOUR, 15 * 24 * HOUR);
        check_term(Severity::Major, HOUR / 2, 24 * HOUR);
        // Monday, Tuesday, Wednesday; to the end of that day in China.
        check_term(Severity::Serious, 4 * HOUR, 5 * 24 * HOUR + 7 * HOUR + HOUR / 2);
    }

    #[test]
    fn a_term_is_a_length_or_working_days() {
        for text in ["90min", "15d", "3 working days", "1 working day"] {
            assert_eq!(text.parse::<Term>().expect("a term").to_string(), text);
        }
        for text in
            ["", "0h", "soon", "0 working days", "5000 working days", "4000d", "working days"]
        {
            assert!(text.parse::<Term>().is_err(), "{text:?}");
        }
    }
}
