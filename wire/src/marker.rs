//! A marker: what a box no longer has, told at the place where it stood.

use crate::names::PointId;
use crate::span::{BatchName, Seq, SpanId};
use crate::time::GatewayTime;

/// Stands in a lane instead of the batches it replaces. Its own name is the last of theirs.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Marker {
    /// The name of the first batch it replaces.
    pub first: BatchName,
    /// Every span it touches, with the last seq it replaces there, in the order of the spool.
    pub ends: Vec<SpanEnd>,
    /// The stretch of gateway time in which readings are missing, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<GatewayTime>,
    /// The end of that stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<GatewayTime>,
    /// Why the batches are gone.
    pub reason: MarkerReason,
    /// The points that were fire-class in what is gone, with their onset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fires: Vec<LostFire>,
    /// What it stands for and has no room to list.
    #[serde(default, skip_serializing_if = "More::is_nothing")]
    pub more: More,
}

/// How much more there is than a marker lists. Neither is ever told too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct More {
    /// Spans in the middle of `ends`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spans: u64,
    /// Entries behind those of `fires`, none more urgent than the last that is listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fires: u64,
}

impl More {
    /// All is listed.
    pub fn is_nothing(&self) -> bool {
        *self == More::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The last number of a span that a marker replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SpanEnd {
    /// The span.
    pub span: SpanId,
    /// The last seq of it that the marker stands for.
    pub seq: Seq,
}

/// Why batches are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkerReason {
    /// The lane's quota forced the oldest out.
    Quota,
    /// The disk gave back bytes that do not match their checksum.
    Damaged,
    /// The broker refused this very batch.
    Refused,
    /// The box forgot them on the centre's receipt, and the centre asks for them again: it was
    /// restored from a backup.
    Forgotten,
}

/// A point that was fire-class in what is gone.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LostFire {
    /// The point.
    pub n: PointId,
    /// The span its onset belongs to.
    pub span: SpanId,
    /// When it became fire-class.
    pub t: GatewayTime,
    /// Its fire-class words.
    pub vs: String,
}
