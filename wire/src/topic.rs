//! Topics, built and parsed in one place: `firegrid/1/{region}/gw/{gateway}/…`.

use std::fmt;

use crate::catalogue::CatalogueHash;
use crate::names::{GatewayId, RegionId};
use crate::span::Lane;

/// The version that every topic begins with. Its bytes are frozen by the files of `golden/firegrid-1`.
pub const VERSION: &str = "firegrid/1";

/// A topic of one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The region it belongs to.
    pub region: RegionId,
    /// The gateway that publishes below it, or reads there.
    pub gateway: GatewayId,
    /// What travels on it.
    pub channel: Channel,
}

/// What travels on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// Batches of a lane, QoS 1.
    Lane(Lane),
    /// Heartbeats, QoS 0.
    Beat,
    /// Receipts of the centre, QoS 1.
    Receipt,
    /// A page of a catalogue, QoS 1, retained.
    Catalogue(CatalogueHash, u32),
    /// Birth and last will, QoS 1, retained.
    Presence,
}

impl Topic {
    /// The topic of a gateway's channel.
    pub fn new(region: &RegionId, gateway: &GatewayId, channel: Channel) -> Topic {
        Topic { region: region.clone(), gateway: gateway.clone(), channel }
    }

    /// Reads a topic; `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Topic> {
        let rest = text.strip_prefix(VERSION)?.strip_prefix('/')?;
        let (region, rest) = rest.split_once("/gw/")?;
        let (gateway, channel) = rest.split_once('/')?;
        let channel = match channel.split_once('/') {
            None => match channel {
                "beat" => Channel::Beat,
                "receipt" => Channel::Receipt,
                "presence" => Channel::Presence,
                lane => Channel::Lane(lane.parse().ok()?),
            },
            Some(("catalogue", page)) => {
                let (hash, page) = page.split_once('/')?;
                Channel::Catalogue(CatalogueHash::parse(hash)?, page.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Topic {
            region: RegionId::parse(region).ok()?,
            gateway: GatewayId::parse(gateway).ok()?,
            channel,
        })
    }

    /// The filter under which the centre hears one channel of every gateway of a region.
    /// For catalogues it takes every page of every hash.
    pub fn filter(region: &RegionId, channel: &ChannelKind) -> String {
        let channel = match channel {
            ChannelKind::Lane(lane) => lane.as_str(),
            ChannelKind::Beat => "beat",
            ChannelKind::Catalogue => "catalogue/+/+",
            ChannelKind::Presence => "presence",
        };
        format!("{VERSION}/{region}/gw/+/{channel}")
    }
}

/// What the centre can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// Batches of a lane.
    Lane(Lane),
    /// Heartbeats.
    Beat,
    /// Catalogue pages.
    Catalogue,
    /// Birth and last will.
    Presence,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}/{}/gw/{}/", self.region, self.gateway)?;
        match &self.channel {
            Channel::Lane(lane) => write!(f, "{lane}"),
            Channel::Beat => f.write_str("beat"),
            Channel::Receipt => f.write_str("receipt"),
            Channel::Catalogue(hash, page) => write!(f, "catalogue/{hash}/{page}"),
            Channel::Presence => f.write_str("presence"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        assert_eq!(Topic::parse(text).map(|topic| topic.to_string()).as_deref(), Some(text));
    }

    #[test]
    fn every_topic_reads_back_as_it_was_written() {
        check("firegrid/1/demo/gw/mall-01/urgent");
        check("firegrid/1/demo/gw/mall-01/routine");
        check("firegrid/1/demo/gw/mall-01/beat");
        check("firegrid/1/demo/gw/mall-01/receipt");
        check("firegrid/1/demo/gw/mall-01/presence");
        check("firegrid/1/demo/gw/mall-01/catalogue/0123456789abcdef/3");
    }

    #[test]
    fn a_strange_topic_is_none_of_ours() {
        for text in [
            "firegrid/9/demo/gw/mall-01/urgent",
            "firegrid/1/demo/gw/mall-01",
            "firegrid/1/demo/gw//urgent",
            "firegrid/1/demo/gw/mall-01/other",
            "firegrid/1/demo/gw/mall-01/catalogue/xyz/1",
            "firegrid/1/de/mo/gw/mall-01/urgent",
        ] {
            assert_eq!(Topic::parse(text), None, "{text}");
        }
    }
}
