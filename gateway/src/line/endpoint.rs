//! Where a line leads: whatever opens a stream of bytes towards its devices.
//!
//! Knows how to come to a stream, and nothing of what is said on it.

mod dialled;
mod dialled_in;
mod serial;

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::NoAnswer;
use super::wire::Wire;
use crate::clock::{Clock, Uptime};
use crate::settings::{Leads, Serial};
use dialled::Dial;
use dialled_in::DialledIn;

/// What carries bytes to the devices of a line, and back.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Stream for T {}

/// Opens streams towards a line.
pub struct Endpoint {
    wire: Wire,
    way: Way,
}

enum Way {
    Dial(Dial),
    Serial(Serial),
    DialledIn(DialledIn),
    InMemory(Opener),
}

/// Makes streams on demand.
pub type Opener = Box<dyn FnMut() -> io::Result<Box<dyn Stream>> + Send>;

impl Endpoint {
    /// Where the settings say. Nothing is opened yet.
    pub fn new(line: &str, leads: &Leads, clock: Clock) -> Endpoint {
        match leads {
            Leads::Tcp(to) => Endpoint::dial(line, Wire::tcp(), to),
            Leads::RtuOverTcp(to) => Endpoint::dial(line, Wire::rtu_over_tcp(), to),
            Leads::Serial(serial) => {
                Endpoint { wire: Wire::serial(serial.clone()), way: Way::Serial(serial.clone()) }
            }
            Leads::Listen(listen) => Endpoint {
                wire: Wire {
                    heartbeat: listen.heartbeat.as_ref().map_or(Vec::new(), |it| it.bytes().into()),
                    ..Wire::dialled_in(listen.framing)
                },
                way: Way::DialledIn(DialledIn::new(line, listen.clone(), clock)),
            },
        }
    }

    /// Takes streams from whoever made the line. So tests keep the other end in their hands, and
    /// time is theirs.
    pub fn in_memory(wire: Wire, opener: Opener) -> Endpoint {
        Endpoint { wire, way: Way::InMemory(opener) }
    }

    fn dial(line: &str, wire: Wire, to: &crate::settings::Dialled) -> Endpoint {
        let dial = Dial::new(line, to.clone());
        Endpoint { wire, way: Way::Dial(dial) }
    }

    /// What has to be known of the wire.
    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// A new stream.
    pub(super) async fn open(
        &mut self,
        patience: Duration,
        now: Uptime,
    ) -> Result<Box<dyn Stream>, NoAnswer> {
        match &mut self.way {
            Way::Dial(dial) => dial.open(patience, now).await,
            Way::Serial(port) => serial::open(port).map_err(NoAnswer::Unconnected),
            Way::DialledIn(door) => door.open(patience).await,
            Way::InMemory(opener) => opener().map_err(NoAnswer::Unconnected),
        }
    }

    /// A stream that is better than the one in use.
    pub(super) fn better(&mut self, now: Uptime) -> Option<Box<dyn Stream>> {
        match &mut self.way {
            Way::Dial(dial) => dial.better(now),
            Way::DialledIn(door) => door.newest(),
            Way::Serial(_) | Way::InMemory(_) => None,
        }
    }

    /// Nobody answers on the stream any more; whether there is another way.
    pub(super) fn is_mute(&mut self, now: Uptime) -> bool {
        match &mut self.way {
            Way::Dial(dial) => dial.is_mute(now),
            Way::Serial(_) | Way::DialledIn(_) | Way::InMemory(_) => false,
        }
    }
}
