//! Spans, lanes and the names of batches.
//!
//! A span is one unbroken stretch of a gateway's time. (gateway, span, lane, seq) names a
//! batch for ever; a new run never reuses a name. Which of two spans is the later is not
//! in their names: each side keeps the order in which it met them.

use std::fmt;
use std::str::FromStr;

/// 64 random bits, written as 16 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

impl SpanId {
    /// The span with these bits.
    pub const fn from_bits(bits: u64) -> SpanId {
        SpanId(bits)
    }

    /// The bits of the span.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for SpanId {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<SpanId, SpanError> {
        let plain = text.len() == 16
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .map(SpanId)
            .ok_or_else(|| SpanError { text: text.to_owned() })
    }
}

/// The two lanes. A point lives in one of them; urgent is served first at every queue.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Discrete points: states of detectors, modules, pumps.
    Urgent,
    /// Analog points: pressures, levels, temperatures.
    Routine,
}

impl Lane {
    /// Both lanes, urgent first.
    pub const ALL: [Lane; 2] = [Lane::Urgent, Lane::Routine];

    /// The lane as topics and settings write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Urgent => "urgent",
            Lane::Routine => "routine",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Lane, SpanError> {
        Lane::ALL
            .into_iter()
            .find(|lane| lane.as_str() == text)
            .ok_or_else(|| SpanError { text: text.to_owned() })
    }
}

/// A value for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PerLane<T> {
    /// For the urgent lane.
    pub urgent: T,
    /// For the routine lane.
    pub routine: T,
}

impl<T> PerLane<T> {
    /// Makes one value for each lane.
    pub fn from_fn(mut make: impl FnMut(Lane) -> T) -> PerLane<T> {
        PerLane { urgent: make(Lane::Urgent), routine: make(Lane::Routine) }
    }
}

impl<T> std::ops::Index<Lane> for PerLane<T> {
    type Output = T;
    fn index(&self, lane: Lane) -> &T {
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Routine => &self.routine,
        }
    }
}

impl<T> std::ops::IndexMut<Lane> for PerLane<T> {
    fn index_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Routine => &mut self.routine,
        }
    }
}

/// The number of a batch in its span and lane: 1, 2, 3 … without holes.
pub type Seq = u64;

/// The name of a batch inside its gateway and lane, written `{span}/{seq}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchName {
    /// The stretch of gateway time it belongs to.
    pub span: SpanId,
    /// Its number there, from 1.
    pub seq: Seq,
}

impl BatchName {
    /// The batch that follows in the same span.
    pub const fn next(self) -> BatchName {
        BatchName { span: self.span, seq: self.seq + 1 }
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.span, self.seq)
    }
}

impl FromStr for BatchName {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<BatchName, SpanError> {
        let refused = || SpanError { text: text.to_owned() };
        let (span, seq) = text.split_once('/').ok_or_else(refused)?;
        let seq: Seq = seq.parse().map_err(|_| refused())?;
        // i64 is what every database and most languages can hold.
        if seq == 0 || i64::try_from(seq).is_err() {
            return Err(refused());
        }
        Ok(BatchName { span: span.parse()?, seq })
    }
}

macro_rules! text_serde {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_serde!(SpanId);
text_serde!(BatchName);

/// A text that names no span, lane or batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no span, lane or batch")]
pub struct SpanError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_name_reads_back_as_it_was_written() {
        let name = BatchName { span: SpanId::from_bits(0x00ab_0000_0000_0001), seq: 17 };
        assert_eq!(name.to_string(), "00ab000000000001/17");
        assert_eq!(name.to_string().parse(), Ok(name));
    }

    #[test]
    fn a_name_that_could_be_read_in_two_ways_is_refused() {
        for text in ["AB00000000000001/1", "ab/1", "00ab000000000001/0", "00ab000000000001"] {
            assert!(text.parse::<BatchName>().is_err(), "{text}");
        }
    }
}
