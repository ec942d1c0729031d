//! A reading: point, gateway time, what it says, and how far to believe it.

use std::fmt;

use crate::names::PointId;
use crate::quantity::Unit;
use crate::state::States;
use crate::time::GatewayTime;

/// One thing a point said at one moment of gateway time.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The point inside its gateway.
    pub point: PointId,
    /// When the device answered.
    pub time: GatewayTime,
    /// What it said.
    pub value: Value,
    /// How far to believe it.
    pub quality: Quality,
    /// It ends a minute in which the point changed too often for all of it to be told: how often.
    pub changes: Option<u32>,
}

/// What a point says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite number in a unit of the SenML registry. Build it with [`Value::number`].
    Number(f64, Unit),
    /// A set of states.
    States(States),
    /// The device cannot say.
    Unknown,
}

impl Value {
    /// A number; `Unknown` if it is not finite, which no reader could take.
    pub fn number(number: f64, unit: Unit) -> Value {
        if number.is_finite() { Value::Number(number, unit) } else { Value::Unknown }
    }

    /// The states, if it has any to tell.
    pub fn states(&self) -> Option<&States> {
        match self {
            Value::States(states) => Some(states),
            Value::Number(..) | Value::Unknown => None,
        }
    }

    /// Whether fire, prealarm or supervisory is in it.
    pub fn is_fire_class(&self) -> bool {
        self.states().is_some_and(|states| states.set.is_fire_class())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number, unit) => write!(f, "{number} {unit}"),
            Value::States(states) => write!(f, "{states}"),
            Value::Unknown => f.write_str(crate::state::UNKNOWN_WORD),
        }
    }
}

/// How far to believe a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// As good as the device can tell.
    #[default]
    Good,
    /// Outside what the profile calls plausible.
    OutOfRange,
    /// The sensor says, or its current shows (NAMUR NE 43), that it is out of order.
    SensorFault,
    /// The raw value has not moved for longer than a living sensor can rest.
    Stuck,
}

impl Quality {
    /// Every quality there is.
    pub const ALL: [Quality; 4] =
        [Quality::Good, Quality::OutOfRange, Quality::SensorFault, Quality::Stuck];

    /// The word of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::OutOfRange => "out-of-range",
            Quality::SensorFault => "sensor-fault",
            Quality::Stuck => "stuck",
        }
    }

    /// Its number where it is kept in bytes.
    pub const fn code(self) -> u8 {
        match self {
            Quality::Good => 0,
            Quality::OutOfRange => 1,
            Quality::SensorFault => 2,
            Quality::Stuck => 3,
        }
    }

    /// The quality of a number.
    pub fn from_code(code: u8) -> Option<Quality> {
        Quality::ALL.into_iter().find(|quality| quality.code() == code)
    }

    /// The quality that a word means.
    pub fn from_word(word: &str) -> Option<Quality> {
        Quality::ALL.into_iter().find(|quality| quality.as_str() == word)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Quality {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Quality {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Quality::from_word(&word)
            .ok_or_else(|| serde::de::Error::custom(format_args!("{word:?} is no quality")))
    }
}
