//! How the way to the centre stands, for whoever looks.

use firegrid_wire::time::Millis;

use crate::clock::Uptime;
use crate::settings::Address;

/// What the uplink shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The broker that is connected to, or tried.
    pub broker: Option<Address>,
    /// Since when a connection stands on which receipts come.
    pub connected: Option<Uptime>,
    /// How many of those there were.
    pub connections: u64,
    /// How many receipts have come.
    pub receipts: u64,
    /// When the last one came.
    pub answered: Option<Uptime>,
    /// Why the last connection ended, if none stands since.
    pub trouble: Option<String>,
}

impl Standing {
    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// For how long the centre has not answered; since the begin if it never did.
    pub fn silence(&self, now: Uptime) -> Millis {
        now.since(self.answered.unwrap_or_default())
    }

    pub(super) fn connected_to(&mut self, now: Uptime) {
        self.connected = Some(now);
        self.connections += 1;
        self.trouble = None;
    }

    pub(super) fn answered(&mut self, now: Uptime) {
        self.answered = Some(now);
        self.receipts += 1;
    }

    pub(super) fn left(&mut self, why: String) {
        self.connected = None;
        self.trouble = Some(why);
    }
}
