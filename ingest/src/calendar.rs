//! Moments as people and file names write them: ISO 8601 in UTC, and the days of the calendar.
//!
//! Pure arithmetic on milliseconds since 1970. Knows nothing of time zones, working days and
//! leap seconds, and reads no clock.

use std::fmt;

/// How many milliseconds a day has.
const DAY_MILLIS: i64 = 86_400_000;

/// The first and the last day that four digits of a year can name, counted from 1970-01-01.
const FIRST_DAY: i64 = -719_528;
const LAST_DAY: i64 = 2_932_896;

/// A day of the calendar in UTC, between the years 0 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day in which a moment lies. Moments beyond the calendar belong to its first or last.
    pub fn of(millis: i64) -> Day {
        Day(millis.div_euclid(DAY_MILLIS).clamp(FIRST_DAY, LAST_DAY))
    }

    /// Its first millisecond.
    pub fn begin(self) -> i64 {
        self.0 * DAY_MILLIS
    }

    /// The day so many days before.
    pub fn before(self, days: u32) -> Day {
        Day((self.0 - i64::from(days)).max(FIRST_DAY))
    }

    /// Reads `2026-11-22`.
    pub fn parse(text: &str) -> Option<Day> {
        let mut parts = text.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = digits(parts.next()?, 2)?;
        let day = digits(parts.next()?, 2)?;
        if parts.next().is_some() {
            return None;
        }
        let found = Day(days_from_date(year, month, day)?);
        // A 31st of June counts on into July and so reads back differently.
        (found.date() == (year, month, day)).then_some(found)
    }

    /// Year, month from 1, day from 1.
    fn date(self) -> (i64, i64, i64) {
        // Years begin in March here, so that the leap day is the last of its year. 400 years
        // always have 146 097 days.
        let since_march_of_year_zero = self.0 - FIRST_DAY - 60;
        let era = since_march_of_year_zero.div_euclid(146_097);
        let day_of_era = since_march_of_year_zero.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (year, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A moment as `2026-11-22T08:01:10.123Z`, from milliseconds since 1970.
pub fn iso(millis: i64) -> String {
    let day = Day::of(millis);
    let rest = (millis - day.begin()).clamp(0, DAY_MILLIS - 1);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, thousandths) = (rest / 1_000 % 60, rest % 1_000);
    format!("{day}T{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}Z")
}

/// Milliseconds since 1970 of a moment that somebody wrote: ISO 8601 with `Z` or an offset
/// (`2026-11-22T16:01:10.123+08:00`, seconds and their parts may be left out), a day alone, or
/// seconds since 1970 with up to three decimals. `None` if it is none of these.
pub fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(day) = Day::parse(text) {
        return Some(day.begin());
    }
    match text.split_once(['T', 't']) {
        Some((date, time)) => {
            let (time, offset) = split_offset(time)?;
            Some(Day::parse(date)?.begin() + time_of_day(time)? - offset)
        }
        None => seconds(text),
    }
}

/// The time of a day and its offset from UTC in milliseconds. A form that arrived over a URL
/// may have lost its plus to a space.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let place = time.rfind(['+', '-', ' '])?;
    let (time, offset) = time.split_at(place);
    let (sign, offset) = offset.split_at(1);
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if 14 < hours || 59 < minutes {
        return None;
    }
    let size = (hours * 60 + minutes) * 60_000;
    Some((time, if sign == "-" { -size } else { size }))
}

fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let rest = parts.next().unwrap_or("00");
    if parts.next().is_some() || 23 < hours || 59 < minutes {
        return None;
    }
    let (seconds, decimals) = rest.split_once('.').unwrap_or((rest, "0"));
    let seconds = digits(seconds, 2)?;
    if 59 < seconds {
        return None;
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + thousandths(decimals)?)
}

fn seconds(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || 12 < whole.len() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis = whole.parse::<i64>().ok()? * 1_000 + thousandths(decimals)?;
    (millis < (LAST_DAY + 1) * DAY_MILLIS).then_some(millis)
}

/// Decimals of a second as thousandths; what is finer is cut off.
fn thousandths(decimals: &str) -> Option<i64> {
    let plain =
        (1..=9).contains(&decimals.len()) && decimals.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| format!("{decimals:0<3}")[..3].parse().ok()).flatten()
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01; `None` for a month that does not exist.
fn days_from_date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era + 60 + FIRST_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, again: &str) {
        let millis = moment(text).expect("a moment");
        assert_eq!(iso(millis), again, "{text}");
    }

    #[test]
    fn a_moment_is_read_in_every_way_people_write_it() {
        check("2026-11-22T08:01:10.123Z", "2026-11-22T08:01:10.123Z");
        check("2026-11-22T16:01:10.123+08:00", "2026-11-22T08:01:10.123Z");
        check("2026-11-22T16:01:10 08:00", "2026-11-22T08:01:10.000Z");
        check("2026-11-22T01:30-05:30", "2026-11-22T07:00:00.000Z");
        check("2026-11-22T08:01:10.1239999Z", "2026-11-22T08:01:10.123Z");
        check("2026-11-22", "2026-11-22T00:00:00.000Z");
        check("1795334470.5", "2026-11-22T08:01:10.500Z");
        check("0", "1970-01-01T00:00:00.000Z");
        check("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z");
        check("2000-03-01T00:00Z", "2000-03-01T00:00:00.000Z");
        check("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "-1",
            "1e9",
            "NaN",
            "2026-13-01",
            "2026-02-29",
            "2026-11-22T24:00Z",
            "2026-11-22T08:01:10",
            "2026-11-22T08:01:60Z",
            "2026-11-22T08:01:10.Z",
            "2026-1-1",
            "9999999999999999999999",
            "999999999999",
            "2026-11-22T08:01:10+99:00",
            "2026-00-10",
            "2026-11-22T08:01:10.1234567890Z",
            "２０２６-11-22",
            "é",
            "T",
            "TZ",
            "2026-11-22T+",
        ] {
            assert_eq!(moment(text), None, "{text:?}");
        }
    }

    #[test]
    fn any_number_of_milliseconds_can_be_shown() {
        assert_eq!(iso(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
    }

    proptest::proptest! {
        #[test]
        fn every_day_reads_back_and_follows_the_one_before(number in FIRST_DAY..=LAST_DAY) {
            let day = Day(number);
            proptest::prop_assert_eq!(Day::parse(&day.to_string()), Some(day));
            proptest::prop_assert!(day.before(1).to_string() < day.to_string() || number == FIRST_DAY);
        }

        #[test]
        fn no_text_brings_the_reader_down(text in "\\PC{0,40}") {
            moment(&text);
        }
    }
}
