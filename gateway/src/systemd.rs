//! What systemd is told: that the gateway is ready, reads its settings anew, stops, and lives.
//!
//! A message is a datagram, and one to a listener that does not read waits. So a thread of its
//! own sends: whoever tells never waits, and what finds no room is not told. Without systemd
//! nobody listens, and nothing is said.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use firegrid_wire::time::Millis;
use sd_notify::NotifyState;

/// Messages that wait for a listener that does not read. One that is so far behind has missed
/// signs of life by then, and does what it does about that.
const MESSAGES_WAITING: usize = 16;

/// How long a stopping process waits until its last message is taken.
const LAST_WORD_WITHIN: Duration = Duration::from_millis(200);

/// The listener, if there is one.
#[derive(Debug)]
pub enum Systemd {
    /// Nobody is told.
    Absent,
    /// The one of the process's environment.
    Listens {
        /// How often it wants a sign of life, if it watches.
        watchdog: Option<Millis>,
        /// The thread that sends.
        mouth: SyncSender<Message>,
    },
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It works.
    Ready,
    /// The settings are read anew.
    Reloading,
    /// It ends.
    Stopping,
    /// Every part of it stirs.
    Alive,
}

/// A message on its way to the thread that sends.
#[derive(Debug)]
pub struct Message {
    told: Told,
    /// Dropped when it was sent.
    sent: SyncSender<()>,
}

impl Systemd {
    /// Who listens to this process.
    pub fn of_process() -> std::io::Result<Systemd> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Systemd::Absent);
        }
        // Three signs of life in the time of one: two may be late.
        let watchdog = sd_notify::watchdog_enabled().map(|most| Millis::from(most / 3));
        let (mouth, messages) = sync_channel(MESSAGES_WAITING);
        std::thread::Builder::new().name("systemd".into()).spawn(move || send_all(&messages))?;
        Ok(Systemd::Listens { watchdog, mouth })
    }

    /// How often it wants a sign of life.
    pub fn watchdog(&self) -> Option<Millis> {
        match self {
            Systemd::Absent => None,
            Systemd::Listens { watchdog, .. } => *watchdog,
        }
    }

    /// Tells it, if there is room; the last word is waited for a little.
    pub fn tell(&self, told: Told) {
        let Systemd::Listens { mouth, .. } = self else { return };
        let (sent, is_sent) = sync_channel(0);
        if mouth.try_send(Message { told, sent }).is_err() {
            tracing::debug!(?told, "systemd does not listen.");
            return;
        }
        match told {
            Told::Ready | Told::Reloading | Told::Alive => {}
            Told::Stopping => {
                // The sender's end is dropped, never used: this only ends sooner.
                let _ = is_sent.recv_timeout(LAST_WORD_WITHIN);
            }
        }
    }
}

fn send_all(messages: &Receiver<Message>) {
    while let Ok(Message { told, sent }) = messages.recv() {
        let answer = match told {
            Told::Ready => sd_notify::notify(&[NotifyState::Ready]),
            Told::Reloading => NotifyState::monotonic_usec_now()
                .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
            Told::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            Told::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        };
        drop(sent);
        if let Err(error) = answer {
            tracing::debug!(%error, ?told, "systemd could not be told.");
        }
    }
}
