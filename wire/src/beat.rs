//! The heartbeat: what a box vouches for right now, and which of its points are fire-class.
//!
//! A beat is not durable. What it says counts only as far as the centre has judged the
//! batch it names as `head`; its alarms are provisional until a numbered reading follows.

use crate::names::PointId;
use crate::span::{BatchName, PerLane, SpanId};
use crate::state::States;
use crate::time::{GatewayTime, Millis};

/// One heartbeat. `sent` travels in the envelope.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Beat {
    /// The sender's current span.
    pub span: SpanId,
    /// Whether the wall clock of this span was set by a time server.
    pub clock: Clock,
    /// Whether the spool can still make things durable.
    pub spool: SpoolHealth,
    /// Batches in the spool without a receipt.
    pub depth: u64,
    /// How old the oldest of them is.
    pub age: Millis,
    /// What is vouched for, per lane.
    pub lanes: PerLane<LaneBeat>,
    /// Fire-class points, newest first, fire before prealarm before supervisory.
    #[serde(default)]
    pub alarms: Vec<BeatAlarm>,
    /// How many points are fire-class in all.
    #[serde(default)]
    pub alarm_count: u32,
    /// Batches of this run that the broker refused for good, so that markers stand in their
    /// place.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_letters: u32,
    /// How often in this run another client took over the connection of this gateway's id.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_over: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a beat says of one lane; the two were read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct LaneBeat {
    /// The last durable batch of the current span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<BatchName>,
    /// Up to here nothing happened that `head` and what stands before it do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<GatewayTime>,
}

/// A point that is fire-class now.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BeatAlarm {
    /// The point inside its gateway.
    pub n: PointId,
    /// Everything the point says, for example `fire disabled`.
    #[serde(with = "words")]
    pub vs: States,
    /// When it became fire-class, in the beat's span.
    pub t: GatewayTime,
}

/// Whether a span's wall clock can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The operating system says that the clock is synchronised.
    Synced,
    /// Nobody has set it.
    Unsynced,
}

/// Whether a spool can make things durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpoolHealth {
    /// It can.
    Ok,
    /// A flush took over a second, or there is no space.
    Failing,
}

impl Beat {
    /// The bytes of the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists only: writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Beat, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

mod words {
    use crate::state::States;

    pub(super) fn serialize<S: serde::Serializer>(
        states: &States,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(states)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<States, D::Error> {
        use serde::Deserialize;
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Ok(States::from_words(&text).unwrap_or_default())
    }
}
