//! Time: the gateway's, the centre's, and how long something lasts.
//!
//! The two clocks are two types, because a deadline of one must never be compared with the
//! other. Both count whole milliseconds since 1970-01-01T00:00:00Z; on the wire they are
//! seconds with three decimals. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i64);

        impl $name {
            /// Whole milliseconds since 1970.
            pub const fn from_millis(millis: i64) -> Self {
                Self(millis)
            }

            /// Whole milliseconds since 1970.
            pub const fn millis(self) -> i64 {
                self.0
            }

            /// This moment and some time after it.
            pub const fn plus(self, lasting: Millis) -> Self {
                Self(self.0.saturating_add_unsigned(lasting.0))
            }

            /// This moment and some time before it.
            pub const fn minus(self, lasting: Millis) -> Self {
                Self(self.0.saturating_sub_unsigned(lasting.0))
            }

            /// How long ago `earlier` was; zero if it was not earlier.
            pub const fn since(self, earlier: Self) -> Millis {
                let difference = self.0.saturating_sub(earlier.0);
                Millis(if difference < 0 { 0 } else { difference.unsigned_abs() })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_f64(seconds_of(self.0))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let seconds = f64::deserialize(from)?;
                millis_of(seconds).map(Self).ok_or_else(|| {
                    serde::de::Error::custom(format_args!("{seconds} is not a time in seconds"))
                })
            }
        }
    };
}

instant!(
    /// A moment on a gateway's clock. Inside a span it never runs backwards; two spans'
    /// times can be compared only for display.
    GatewayTime
);
instant!(
    /// A moment on the centre's clock: when something arrived, when silence became too long.
    CentreTime
);

/// How long something lasts, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Millis(u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);

    /// Whole milliseconds.
    pub const fn new(millis: u64) -> Millis {
        Millis(millis)
    }

    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Millis {
        Millis(seconds.saturating_mul(1_000))
    }

    /// Whole milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The same for a runtime's timers.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Both one after the other.
    pub const fn plus(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }

    /// What is left of it; zero if nothing is.
    pub const fn minus(self, other: Millis) -> Millis {
        Millis(self.0.saturating_sub(other.0))
    }

    /// So many times as long.
    pub const fn times(self, count: u64) -> Millis {
        Millis(self.0.saturating_mul(count))
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Millis {
        Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The units people write, longest first so that printing picks the largest that fits.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS
            .into_iter()
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
            .unwrap_or(("s", 1_000));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl FromStr for Millis {
    type Err = LastingError;

    /// Takes a whole number and a unit: `500ms`, `30s`, `5min`, `2h`, `15d`.
    fn from_str(text: &str) -> Result<Millis, LastingError> {
        let refused = || LastingError { text: text.to_owned() };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refused())?;
        let (_, size) =
            UNITS.into_iter().find(|(name, _)| *name == unit.trim()).ok_or_else(refused)?;
        number.checked_mul(size).map(Millis).ok_or_else(refused)
    }
}

impl serde::Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Millis {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that does not say how long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} does not say how long: write a whole number and ms, s, min, h or d, as in \"30s\""
)]
pub struct LastingError {
    text: String,
}

/// Milliseconds as the seconds of the wire. Exact to the millisecond until the year 287396.
fn seconds_of(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// The wire's seconds as whole milliseconds; `None` outside the years 1970 to 9999.
fn millis_of(seconds: f64) -> Option<i64> {
    const END_OF_9999: f64 = 253_402_300_800.0;
    (0.0..END_OF_9999).contains(&seconds).then(|| (seconds * 1_000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_keeps_every_millisecond() {
        for millis in [0, 1, 999, 1_795_384_870_123, 1_795_384_870_999, 253_402_300_799_999] {
            let text = serde_json::to_string(&GatewayTime::from_millis(millis)).expect("json");
            let back: GatewayTime = serde_json::from_str(&text).expect("a time");
            assert_eq!(back.millis(), millis, "{text}");
        }
    }

    #[test]
    fn a_time_outside_the_calendar_is_refused() {
        for text in ["-1.0", "1e300", "253402300800", "null", "\"now\""] {
            assert!(serde_json::from_str::<GatewayTime>(text).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, millis: Option<u64>) {
        assert_eq!(text.parse::<Millis>().ok().map(Millis::get), millis, "{text:?}");
    }

    #[test]
    fn people_write_how_long_in_their_own_units() {
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("5 min", Some(300_000));
        check("2h", Some(7_200_000));
        check("15d", Some(1_296_000_000));
        check("30", None);
        check("s", None);
        check("-5s", None);
        check("1.5s", None);
        check("99999999999999999999d", None);
    }

    #[test]
    fn a_length_prints_in_its_largest_whole_unit() {
        for text in ["500ms", "90s", "5min", "2h", "15d", "0s"] {
            assert_eq!(text.parse::<Millis>().expect("a length").to_string(), text);
        }
    }
}
