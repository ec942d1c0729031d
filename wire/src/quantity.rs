//! Quantities: the units a number may carry, all from the SenML units registry (RFC 8428 §12.1).
//!
//! A gateway converts to these before anything is sent; nobody downstream guesses a unit.

use std::fmt;
use std::str::FromStr;

macro_rules! units {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $zh:literal, $shown:literal, $factor:literal;)*) => {
        /// A unit of the SenML registry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Unit { $($(#[$doc])* $name,)* }

        impl Unit {
            /// Every unit there is.
            pub const ALL: &'static [Unit] = &[$(Unit::$name,)*];

            /// The unit as the wire writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Unit::$name => $text,)* }
            }

            /// What it measures, in Chinese.
            pub const fn zh(self) -> &'static str {
                match self { $(Unit::$name => $zh,)* }
            }

            /// How people read it: the unit they expect and the factor to it.
            pub const fn shown(self) -> (&'static str, f64) {
                match self { $(Unit::$name => ($shown, $factor),)* }
            }
        }
    };
}

units! {
    /// Pressure. People in the field read MPa.
    Pascal = "Pa", "压力", "MPa", 1e-6;
    /// Height of water.
    Metre = "m", "液位", "m", 1.0;
    /// Temperature.
    Celsius = "Cel", "温度", "°C", 1.0;
    /// Current.
    Ampere = "A", "电流", "A", 1.0;
    /// Voltage.
    Volt = "V", "电压", "V", 1.0;
    /// Frequency.
    Hertz = "Hz", "频率", "Hz", 1.0;
    /// Flow, litres per second.
    LitrePerSecond = "l/s", "流量", "L/s", 1.0;
    /// A share: 1 is the whole.
    Ratio = "/", "比例", "%", 100.0;
    /// Something counted.
    Count = "count", "计数", "", 1.0;
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Unit, UnitError> {
        Unit::ALL
            .iter()
            .copied()
            .find(|unit| unit.as_str() == text)
            .ok_or_else(|| UnitError { text: text.to_owned() })
    }
}

impl serde::Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A unit that the contract does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no unit here: use one of Pa, m, Cel, A, V, Hz, l/s, / or count")]
pub struct UnitError {
    text: String,
}
