//! Presence: birth and last will. Decorative; online and offline come from beats.

/// What a broker keeps of a gateway's connection.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Presence {
    /// Whether the connection stands.
    pub state: Connection,
    /// The version of the gateway's software.
    pub version: String,
}

/// Whether a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// It was opened.
    Online,
    /// It broke, or was closed.
    Offline,
}

impl Presence {
    /// The bytes of the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings only: writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Presence, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
