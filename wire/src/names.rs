//! Names: region, gateway, device, point.
//!
//! A name is safe everywhere it travels: in an MQTT topic, a SenML name, a file path and a
//! URL. Its only door is `parse`; inside the program a name is always well formed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::NAME_BYTES;

macro_rules! plain_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes 1 to 48 letters, digits, `-`, `_` or `.`, beginning with a letter or digit.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                if is_plain(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError { what: $what, text: text.to_owned() })
                }
            }

            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text_in_serde!($name);
    };
}

/// `Display`, `FromStr` and serde for a type whose text form is its `parse` and `as_str`.
macro_rules! text_in_serde {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

plain_name!(
    /// The root of a grid tree (a county), and the part of the work one ingest process holds.
    RegionId, "region"
);
plain_name!(
    /// One edge box. Equals the MQTT client id and the certificate's name; unique in the
    /// installation. [`GatewayId::CENTRE`] is the centre's own and refused in settings.
    GatewayId, "gateway"
);
plain_name!(
    /// One Modbus slave (panel, pressure transmitter, pump controller) of a gateway.
    DeviceId, "device"
);

impl GatewayId {
    /// The id under which the centre states facts of its own.
    pub const CENTRE: &'static str = "centre";
}

/// A point inside a gateway: `{device}/{point}`, for example `facp1/L1D017`.
///
/// The point `comm` of every device is Firegrid's own: it tells whether the device answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PointId(Arc<str>);

impl PointId {
    /// The point name that tells whether a device answers.
    pub const COMM: &'static str = "comm";

    /// Takes `{device}/{point}`, both plain names.
    pub fn parse(text: &str) -> Result<PointId, NameError> {
        match text.split_once('/') {
            Some((device, point)) if is_plain(device) && is_plain(point) => {
                Ok(PointId(text.into()))
            }
            Some(_) | None => Err(NameError { what: "point", text: text.to_owned() }),
        }
    }

    /// Joins a device with a point name.
    pub fn of(device: &DeviceId, point: &str) -> Result<PointId, NameError> {
        PointId::parse(&format!("{device}/{point}"))
    }

    /// The `comm` point of a device.
    pub fn comm(device: &DeviceId) -> PointId {
        PointId(format!("{device}/{}", PointId::COMM).into())
    }

    /// `{device}/{point}`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the stroke.
    pub fn device(&self) -> &str {
        self.0.split_once('/').map_or("", |(device, _)| device)
    }

    /// The part behind the stroke.
    pub fn point(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, point)| point)
    }

    /// Whether this is a device's `comm` point.
    pub fn is_comm(&self) -> bool {
        self.point() == PointId::COMM
    }
}

text_in_serde!(PointId);

/// A point in the whole installation: `{gateway}/{device}/{point}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FullPointId {
    /// The box the point belongs to.
    pub gateway: GatewayId,
    /// The point inside the box.
    pub point: PointId,
}

impl FullPointId {
    /// Takes `{gateway}/{device}/{point}`.
    pub fn parse(text: &str) -> Result<FullPointId, NameError> {
        let refused = || NameError { what: "full point", text: text.to_owned() };
        let (gateway, point) = text.split_once('/').ok_or_else(refused)?;
        Ok(FullPointId {
            gateway: GatewayId::parse(gateway).map_err(|_| refused())?,
            point: PointId::parse(point).map_err(|_| refused())?,
        })
    }
}

impl fmt::Display for FullPointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.gateway, self.point)
    }
}

impl FromStr for FullPointId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        FullPointId::parse(text)
    }
}

impl serde::Serialize for FullPointId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for FullPointId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        FullPointId::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a {what} name: use 1 to {NAME_BYTES} letters, digits, hyphens, underscores \
     or dots, beginning with a letter or digit{}",
    if self.what.ends_with("point") { "; parts are joined by a stroke" } else { "" }
)]
pub struct NameError {
    what: &'static str,
    text: String,
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=NAME_BYTES).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, good: bool) {
        assert_eq!(GatewayId::parse(text).is_ok(), good, "{text:?}");
    }

    #[test]
    fn a_name_is_plain_in_every_place_it_travels() {
        check("mall-01", true);
        check("7.east_wing", true);
        check("", false);
        check("-front", false);
        check("a/b", false);
        check("a+b", false);
        check("a#b", false);
        check("商场", false);
        check(&"a".repeat(48), true);
        check(&"a".repeat(49), false);
    }

    #[test]
    fn a_point_knows_its_device_and_its_own_name() {
        let point = PointId::parse("facp1/L1D017").expect("a point");
        assert_eq!((point.device(), point.point()), ("facp1", "L1D017"));
        let full = FullPointId::parse("mall-01/facp1/L1D017").expect("a full point");
        assert_eq!((full.gateway.as_str(), &full.point), ("mall-01", &point));
        assert_eq!(full.to_string(), "mall-01/facp1/L1D017");
    }

    #[test]
    fn a_point_without_a_device_is_refused() {
        for text in ["L1D017", "/L1D017", "facp1/", "a/b/c"] {
            assert!(PointId::parse(text).is_err(), "{text:?}");
        }
    }
}
