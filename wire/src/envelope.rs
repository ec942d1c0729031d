//! The envelope: MQTT user properties, so that even an unreadable body still has a name.

use crate::span::{BatchName, SpanId};
use crate::time::GatewayTime;

/// What travels beside the body of a batch or a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The name of the batch; none on a beat.
    pub name: Option<BatchName>,
    /// When it was sent, in the time of the sender's current span.
    pub sent: GatewayTime,
    /// The sender's current span, which may be later than the batch's own.
    pub current: SpanId,
}

const SPAN: &str = "span";
const SEQ: &str = "seq";
const SENT: &str = "sent";
const CURRENT: &str = "current";

impl Envelope {
    /// The user properties. `sent` is in whole milliseconds since 1970.
    pub fn to_properties(&self) -> Vec<(String, String)> {
        let mut properties = Vec::with_capacity(4);
        if let Some(name) = self.name {
            properties.push((SPAN.to_owned(), name.span.to_string()));
            properties.push((SEQ.to_owned(), name.seq.to_string()));
        }
        properties.push((SENT.to_owned(), self.sent.millis().to_string()));
        properties.push((CURRENT.to_owned(), self.current.to_string()));
        properties
    }

    /// Reads the user properties; `None` if one is missing or unreadable.
    pub fn from_properties(properties: &[(String, String)]) -> Option<Envelope> {
        let find = |key: &str| {
            properties.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        let name = match (find(SPAN), find(SEQ)) {
            (Some(span), Some(seq)) => Some(format!("{span}/{seq}").parse().ok()?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        Some(Envelope {
            name,
            sent: GatewayTime::from_millis(find(SENT)?.parse().ok()?),
            current: find(CURRENT)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_reads_back_as_it_was_written() {
        let current = SpanId::from_bits(7);
        let sent = GatewayTime::from_millis(1_795_384_870_123);
        for name in [None, Some(BatchName { span: SpanId::from_bits(5), seq: 3 })] {
            let envelope = Envelope { name, sent, current };
            assert_eq!(Envelope::from_properties(&envelope.to_properties()), Some(envelope));
        }
    }

    #[test]
    fn half_a_name_is_no_envelope() {
        let mut properties = Envelope {
            name: None,
            sent: GatewayTime::from_millis(1),
            current: SpanId::from_bits(7),
        }
        .to_properties();
        properties.push(("seq".into(), "3".into()));
        assert_eq!(Envelope::from_properties(&properties), None);
    }
}
