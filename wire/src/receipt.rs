//! The receipt: what is safe at the centre, and what it wants.

use crate::span::{BatchName, PerLane};

/// The centre's answer, per lane. It moves a spool forward only; lower than known is ignored,
/// and a position in a span the spool does not know moves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// What is said of each lane.
    #[serde(flatten)]
    pub lanes: PerLane<LaneReceipt>,
}

/// The receipt of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct LaneReceipt {
    /// Everything up to here is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<BatchName>,
    /// In answer to a duplicate: everything of that span and lane up to it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<BatchName>,
    /// Send again from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<BatchName>,
    /// A refresh is wanted. Each number is answered once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub want: Option<u64>,
}

impl Receipt {
    /// The bytes of the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers only: writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Receipt, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
