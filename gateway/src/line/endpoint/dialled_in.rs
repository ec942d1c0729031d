//! A door at which a converter calls: converters behind a mobile network or a firewall connect
//! to the box, and the box asks.
//!
//! ```text
//!             a caller that may                   a newer one
//!   (empty) ────────────────────► (one waits) ──────────────────► (the newer one waits)
//!      ▲                               │ taken by the line
//!      └───────────────────────────────┘
//! ```
//!
//! A converter that has lost its power does not hang up; so the newest caller is right, and the
//! one before is dropped. Whoever may not come in is turned away and told, once in a while.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firegrid_wire::time::Millis;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Stream;
use crate::clock::{Clock, Uptime};
use crate::line::connection::NoAnswer;
use crate::settings::Listen;

/// A stranger that knocks on is told once in so long; the others are counted.
const TELL_STRANGERS: Millis = Millis::seconds(60);

/// The pause after a caller could not be taken in, for example because there are too many files.
const TAKE_BREATH: Duration = Duration::from_millis(500);

/// A door that another line has not closed yet is tried again so soon.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct DialledIn {
    line: String,
    listen: Listen,
    clock: Clock,
    /// Whoever has called last and was not taken yet.
    caller: Arc<Caller>,
    porter: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Caller {
    waits: Mutex<Option<TcpStream>>,
    came: Notify,
}

impl DialledIn {
    pub(super) fn new(line: &str, listen: Listen, clock: Clock) -> DialledIn {
        DialledIn { line: line.to_owned(), listen, clock, caller: Arc::default(), porter: None }
    }

    /// Waits for a caller. The first time, the door is opened.
    pub(super) async fn open(&mut self, patience: Duration) -> Result<Box<dyn Stream>, NoAnswer> {
        if self.porter.as_ref().is_none_or(JoinHandle::is_finished) {
            let door = self.door(patience).await.map_err(NoAnswer::Unconnected)?;
            let (line, listen) = (self.line.clone(), self.listen.clone());
            let caller = Arc::clone(&self.caller);
            self.porter = Some(tokio::spawn(keep(door, line, listen, self.clock, caller)));
        }
        let came = async {
            loop {
                // Registered before looking: a caller between the two is not missed.
                let came = self.caller.came.notified();
                if let Some(stream) = self.caller.take() {
                    return stream;
                }
                came.await;
            }
        };
        timeout(patience, came)
            .await
            .map(|stream| Box::new(stream) as Box<dyn Stream>)
            .map_err(|_| NoAnswer::NobodyDialledIn)
    }

    /// Opens the door. A line that has just ended may not have closed it yet.
    async fn door(&self, patience: Duration) -> io::Result<TcpListener> {
        let begin = self.clock.elapsed();
        loop {
            match TcpListener::bind(self.listen.address).await {
                Err(cause)
                    if cause.kind() == io::ErrorKind::AddrInUse
                        && self.clock.elapsed().saturating_sub(begin) < patience =>
                {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                opened => return opened,
            }
        }
    }

    /// Whoever has called since the one in use.
    pub(super) fn newest(&mut self) -> Option<Box<dyn Stream>> {
        self.caller.take().map(|stream| Box::new(stream) as Box<dyn Stream>)
    }
}

impl Drop for DialledIn {
    fn drop(&mut self) {
        if let Some(porter) = &self.porter {
            porter.abort();
        }
    }
}

impl Caller {
    fn take(&self) -> Option<TcpStream> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn replace(&self, stream: TcpStream) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        self.came.notify_one();
    }
}

/// Opens to whoever may come in, until the line ends.
async fn keep(door: TcpListener, line: String, listen: Listen, clock: Clock, caller: Arc<Caller>) {
    let mut strangers = Strangers::default();
    loop {
        let accepted = async {
            let (stream, from) = door.accept().await?;
            stream.set_nodelay(true)?;
            io::Result::Ok((stream, from))
        };
        match accepted.await {
            Ok((stream, from)) if listen.from.is_none_or(|may| may == from.ip().to_canonical()) => {
                tracing::info!(line, %from, "Converter dialled in.");
                caller.replace(stream);
            }
            Ok((_, from)) => strangers.turn_away(&line, from, clock.uptime()),
            Err(cause) => {
                tracing::debug!(line, %cause, "Caller lost at the door.");
                tokio::time::sleep(TAKE_BREATH).await;
            }
        }
    }
}

/// How often strangers have knocked since they were told of.
#[derive(Default)]
struct Strangers {
    told: Option<Uptime>,
    untold: u64,
}

impl Strangers {
    fn turn_away(&mut self, line: &str, from: SocketAddr, now: Uptime) {
        self.untold += 1;
        if self.told.is_none_or(|told| TELL_STRANGERS <= now.since(told)) {
            tracing::warn!(line, %from, count = self.untold, "Stranger turned away.");
            (self.told, self.untold) = (Some(now), 0);
        }
    }
}
