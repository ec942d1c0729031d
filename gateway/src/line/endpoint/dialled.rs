//! A device or a converter that takes connections, perhaps at two addresses.
//!
//! ```text
//!              no connection, or nobody answers
//!   primary ───────────────────────────────────► backup
//!      ▲                                            │  the same
//!      └────────────────────────────────────────────┤
//!      ▲    the primary takes a connection again    │
//!      └────────────────────────────────────────────┘
//! ```
//!
//! "Nobody answers" is decided by the connection: as many questions in vain, one after the other,
//! as make every device of the line lost. On the backup, the primary is tried every 30 s beside
//! the polls: the connection is made by a task of its own and taken over when it stands. When
//! the primary was left because it took connections but nobody answered there, that pause
//! doubles each time, up to ten minutes: every return costs polls then.

use std::time::Duration;

use firegrid_wire::time::Millis;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::timeout;

use super::Stream;
use crate::clock::Uptime;
use crate::line::connection::NoAnswer;
use crate::settings::{Address, Dialled};

/// The pause before the primary is tried again.
const TRY_PRIMARY: Millis = Millis::seconds(30);

/// The longest such pause, of a primary that connects and does not answer.
const TRY_PRIMARY_LAST: Millis = Millis::seconds(600);

/// A try of the primary is given up after this long.
const TRY_FOR: Duration = Duration::from_secs(5);

pub(super) struct Dial {
    line: String,
    to: Dialled,
    by: By,
    pause: Millis,
}

enum By {
    Primary,
    Backup { again: Uptime, attempt: Option<oneshot::Receiver<TcpStream>> },
}

impl Dial {
    pub(super) fn new(line: &str, to: Dialled) -> Dial {
        Dial { line: line.to_owned(), to, by: By::Primary, pause: TRY_PRIMARY }
    }

    /// Connects where it did last, or else to the other address.
    pub(super) async fn open(
        &mut self,
        patience: Duration,
        now: Uptime,
    ) -> Result<Box<dyn Stream>, NoAnswer> {
        let Some(backup) = &self.to.backup else {
            return Ok(Box::new(connect(&self.to.address, patience).await?));
        };
        let (first, second) = match self.by {
            By::Primary => (&self.to.address, backup),
            By::Backup { .. } => (backup, &self.to.address),
        };
        let stream = match connect(first, patience).await {
            Ok(stream) => stream,
            Err(cause) => {
                let stream = connect(second, patience).await.map_err(|_| cause)?;
                self.pause = TRY_PRIMARY;
                self.change(now);
                stream
            }
        };
        Ok(Box::new(stream))
    }

    /// The primary, if it takes connections again. It is tried beside the polls.
    pub(super) fn better(&mut self, now: Uptime) -> Option<Box<dyn Stream>> {
        let By::Backup { again, attempt } = &mut self.by else { return None };
        let Some(under_way) = attempt else {
            if *again <= now {
                *attempt = Some(try_beside(self.to.address.clone()));
            }
            return None;
        };
        match under_way.try_recv() {
            Ok(stream) => {
                self.change(now);
                Some(Box::new(stream))
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => {
                (*attempt, *again) = (None, now.plus(self.pause));
                None
            }
        }
    }

    /// Goes over to the other address, if there is one.
    pub(super) fn is_mute(&mut self, now: Uptime) -> bool {
        if self.to.backup.is_none() {
            return false;
        }
        if matches!(self.by, By::Primary) {
            self.pause = self.pause.times(2).min(TRY_PRIMARY_LAST);
        }
        self.change(now);
        true
    }

    fn change(&mut self, now: Uptime) {
        let line = self.line.as_str();
        self.by = match self.by {
            By::Primary => {
                tracing::warn!(line, primary = %self.to.address, "Line uses its backup.");
                By::Backup { again: now.plus(self.pause), attempt: None }
            }
            By::Backup { .. } => {
                tracing::info!(line, primary = %self.to.address, "Line uses its primary again.");
                By::Primary
            }
        };
    }
}

/// Connects while the line goes on.
fn try_beside(address: Address) -> oneshot::Receiver<TcpStream> {
    let (stands, stream) = oneshot::channel();
    tokio::spawn(async move {
        if let Ok(stream) = connect(&address, TRY_FOR).await {
            // The line may have ended meanwhile.
            let _nobody_waits = stands.send(stream);
        }
    });
    stream
}

async fn connect(address: &Address, patience: Duration) -> Result<TcpStream, NoAnswer> {
    let stream = timeout(patience, TcpStream::connect((address.host(), address.port())))
        .await
        .map_err(|_| NoAnswer::ConnectedTooLate)?
        .map_err(NoAnswer::Unconnected)?;
    stream.set_nodelay(true).map_err(NoAnswer::Unconnected)?;
    Ok(stream)
}
