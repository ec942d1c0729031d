//! The scribe: the task that owns the connection that writes.
//!
//! Commits one set of changes at a time and says whether it stands. So a disk that hangs stops
//! neither the judgement nor the answers to beats and people; they only learn that nothing can
//! be recorded.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::changes::Changes;
use super::sweep::{STEP_EVERY, Sweep};
use crate::storage::commits::CommitNumber;
use crate::storage::{StorageError, Writer};

/// The runner's end of the scribe.
#[derive(Debug)]
pub struct Scribe {
    orders: mpsc::Sender<Arc<Changes>>,
    written: mpsc::Receiver<Result<Option<u64>, StorageError>>,
}

impl Scribe {
    /// Starts the scribe. It ends when its runner's end is dropped.
    pub fn start(writer: Writer, sweep: Sweep) -> Scribe {
        let (orders, orders_in) = mpsc::channel(1);
        let (written_out, written) = mpsc::channel(1);
        tokio::spawn(write(writer, sweep, orders_in, written_out));
        Scribe { orders, written }
    }

    /// Commits changes. At most one order may be under way.
    pub fn order(&self, changes: Arc<Changes>) {
        if self.orders.try_send(changes).is_err() {
            tracing::error!("The scribe takes no order.");
        }
    }

    /// What became of the order that is under way; the last event's id if there were events.
    /// Never comes while none is. None: the scribe is gone.
    pub async fn written(&mut self) -> Option<Result<Option<u64>, StorageError>> {
        self.written.recv().await
    }

    /// Lets go of the database.
    pub async fn close(mut self) {
        drop(self.orders);
        while self.written.recv().await.is_some() {}
    }
}

async fn write(
    mut writer: Writer,
    mut sweep: Sweep,
    mut orders: mpsc::Receiver<Arc<Changes>>,
    written: mpsc::Sender<Result<Option<u64>, StorageError>>,
) {
    let mut failed: Option<(Arc<Changes>, CommitNumber)> = None;
    let mut steps = tokio::time::interval(STEP_EVERY);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let changes = tokio::select! {
            biased;
            changes = orders.recv() => changes,
            _ = steps.tick() => {
                if failed.is_none() {
                    sweep.step(&mut writer).await;
                }
                continue;
            }
        };
        let Some(changes) = changes else { break };
        let again = failed.take().filter(|(before, _)| Arc::ptr_eq(before, &changes));
        let is_again = again.is_some();
        let number = again.map_or_else(CommitNumber::new, |(_, number)| number);
        let result = commit(&changes, &mut writer, number, is_again).await;
        if result.is_err() {
            failed = Some((changes, number));
        }
        if written.send(result).await.is_err() {
            break;
        }
    }
    if let Err(error) = writer.close().await {
        tracing::warn!(%error, "Database not closed in order.");
    }
}

/// Commits within the patience that there is with this database.
async fn commit(
    changes: &Changes,
    writer: &mut Writer,
    number: CommitNumber,
    again: bool,
) -> Result<Option<u64>, StorageError> {
    match writer.patience() {
        None => changes.commit(writer, number, again).await,
        Some(patience) => {
            let committing = changes.commit(writer, number, again);
            tokio::time::timeout(patience, committing).await.unwrap_or(Err(StorageError::Silent))
        }
    }
}
