//! The way from the inbox into the series store. A store that is dead delays nothing else.
//!
//! Reads the batches that wait longest, writes their analog readings, and only when the store
//! holds them durably tells the runner that the inbox may forget them. A batch may so be
//! written twice; the store takes the second as the first.
//!
//! Of a store elsewhere, which may answer from memory, a batch is kept for a while after the
//! answer. Should the store fail meanwhile, or the centre start again, it is written again.

use std::collections::HashSet;
use std::sync::Arc;

use firegrid_wire::names::FullPointId;
use firegrid_wire::pack;
use firegrid_wire::reading::{Reading, Value};
use firegrid_wire::time::{CentreTime, Millis};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::events::Wake;
use crate::series::{Row, SeriesStore, WriteError};
use crate::storage::inbox::{
    InboxBatch, InboxName, named, oldest, oldest_names, oldest_since, waiting,
};
use crate::storage::{Reader, StorageError};

/// Batches written to the store in one go.
const BATCHES_AT_ONCE: u32 = 256;

/// Batches that the runner was told of and that may still stand in the inbox. Beyond it nothing
/// is written until the runner has taken some out.
const TOLD_AT_MOST: usize = 20_000;

/// What may wait for the store; the oldest go first. At ten batches a second it is nearly three
/// hours of a dead store.
pub const QUOTA: Quota = Quota { batches: 100_000, bytes: 1024 * 1024 * 1024 };

/// After how many writes a store that is alive, but too slow, is found out.
const LOOK_AT_THE_QUOTA_EVERY: u32 = 64;

/// How much may wait for the store.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Batches.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Batches that may be written and still kept. Beyond it nothing is written until some may go.
const WRITTEN_AT_MOST: usize = 20_000;

/// How long the inbox is left alone when it is empty.
const LOOK_AGAIN_AFTER: Millis = Millis::new(200);

/// How long the store is left alone when it failed.
const RETRY_AFTER: Millis = Millis::seconds(5);

/// Drains the inbox until it is told to stop.
pub async fn drain(
    reader: Reader,
    store: Arc<dyn SeriesStore>,
    quota: Quota,
    runner: mpsc::Sender<Wake>,
    mut stop: watch::Receiver<bool>,
) {
    let mut done = Told::default();
    let mut kept = Kept::default();
    let mut writes: u32 = 0;
    while !*stop.borrow() {
        writes = writes.wrapping_add(1);
        if writes.is_multiple_of(LOOK_AT_THE_QUOTA_EVERY) {
            // Said of a store that writes; of one that does not, it is said below.
            let names = overflow(&reader, quota, &done).await.unwrap_or_default();
            if !names.is_empty() {
                done.add(&names);
                if runner.send(Wake::SeriesOverflow(names)).await.is_err() {
                    return;
                }
            }
        }
        let ripe = kept.ripe();
        if !ripe.is_empty() {
            done.add(&ripe);
            if runner.send(Wake::Stored(ripe)).await.is_err() {
                return;
            }
        }
        let pause = match drain_once(&reader, &*store, &mut done, &kept).await {
            Ok(stored) if stored.is_empty() => match done.look_back(&reader).await {
                Ok(true) => Millis::ZERO,
                Ok(false) => LOOK_AGAIN_AFTER,
                Err(error) => {
                    tracing::warn!(%error, "Series inbox not readable.");
                    RETRY_AFTER
                }
            },
            Ok(stored) if store.durable_after() != Millis::ZERO => {
                kept.keep(stored, store.durable_after());
                Millis::ZERO
            }
            Ok(stored) => {
                done.add(&stored);
                if runner.send(Wake::Stored(stored)).await.is_err() {
                    return;
                }
                Millis::ZERO
            }
            Err(NotDrained::Store(reason)) => {
                tracing::warn!(reason, "Series write postponed.");
                // Who knows what it still has of what it has answered for.
                kept = Kept::default();
                done.since = None;
                match overflow(&reader, quota, &done).await {
                    Ok(names) if names.is_empty() => RETRY_AFTER,
                    Ok(names) => {
                        done.add(&names);
                        if runner.send(Wake::SeriesOverflow(names)).await.is_err() {
                            return;
                        }
                        LOOK_AGAIN_AFTER
                    }
                    Err(error) => {
                        tracing::warn!(%error, "Series inbox not readable.");
                        RETRY_AFTER
                    }
                }
            }
            Err(NotDrained::Inbox(error)) => {
                tracing::warn!(%error, "Series inbox not readable.");
                RETRY_AFTER
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause.duration()) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Batches that the runner was told of. They stand in the inbox until its next commit, and what
/// came after them is written meanwhile.
#[derive(Default)]
struct Told {
    names: HashSet<InboxName>,
    /// When the last batch came that was read: earlier ones are all told. None: look at all.
    since: Option<CentreTime>,
}

impl Told {
    fn add(&mut self, names: &[InboxName]) {
        self.names.extend(names.iter().cloned());
    }

    /// The next batches that it was not told of.
    async fn next(&mut self, reader: &Reader) -> Result<Vec<InboxBatch>, StorageError> {
        if TOLD_AT_MOST <= self.names.len() {
            return Ok(Vec::new());
        }
        let mut since = self.since.unwrap_or(CentreTime::from_millis(i64::MIN));
        let mut limit = BATCHES_AT_ONCE;
        loop {
            let mut batches = oldest_since(reader, since, limit).await?;
            let is_page = batches.len() == limit as usize;
            let last = batches.last().map_or(since, |batch| batch.arrived);
            batches.retain(|batch| !self.names.contains(&batch.name));
            if !batches.is_empty() || !is_page {
                self.since = Some(last);
                return Ok(batches);
            }
            // A page of batches that are told: what came later stands behind it.
            if last == since { limit = limit.saturating_mul(2) } else { since = last }
        }
    }

    /// Nothing more came: forgets those that are gone, and begins with the oldest again. Whether
    /// one stands there that was not told.
    async fn look_back(&mut self, reader: &Reader) -> Result<bool, StorageError> {
        self.since = None;
        let limit = self.names.len() + TOLD_AT_MOST;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let standing = oldest_names(reader, limit).await?;
        let standing: HashSet<InboxName> = standing.into_iter().collect();
        self.names.retain(|name| standing.contains(name));
        Ok(self.names.len() < standing.len() && self.names.len() < TOLD_AT_MOST)
    }
}

/// Batches that were written and are still kept.
#[derive(Default)]
struct Kept {
    names: HashSet<InboxName>,
    waiting: JoinSet<Vec<InboxName>>,
}

impl Kept {
    fn keep(&mut self, names: Vec<InboxName>, lasting: Millis) {
        self.names.extend(names.iter().cloned());
        self.waiting.spawn(async move {
            tokio::time::sleep(lasting.duration()).await;
            names
        });
    }

    /// Those that were kept long enough.
    fn ripe(&mut self) -> Vec<InboxName> {
        let mut ripe = Vec::new();
        while let Some(Ok(names)) = self.waiting.try_join_next() {
            ripe.extend(names);
        }
        for name in &ripe {
            self.names.remove(name);
        }
        ripe
    }
}

/// Why nothing was drained.
enum NotDrained {
    Store(String),
    Inbox(StorageError),
}

/// Writes the oldest batches. Those that the runner was told of last may still stand there.
async fn drain_once(
    reader: &Reader,
    store: &dyn SeriesStore,
    told: &mut Told,
    kept: &Kept,
) -> Result<Vec<InboxName>, NotDrained> {
    let batches = if kept.names.is_empty() {
        told.next(reader).await.map_err(NotDrained::Inbox)?
    } else {
        oldest_but(reader, told, kept).await.map_err(NotDrained::Inbox)?
    };
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = batches.iter().flat_map(rows_of).collect();
    match store.write(rows).await {
        Ok(()) => {}
        Err(WriteError::TryAgain { reason }) => return Err(NotDrained::Store(reason)),
        Err(WriteError::SetAside { count, reason }) => {
            tracing::error!(count, reason, "Points set aside by the series store.");
        }
    }
    Ok(batches.into_iter().map(|batch| batch.name).collect())
}

/// The oldest batches that were not written yet. Those that were stand before them.
async fn oldest_but(
    reader: &Reader,
    told: &Told,
    kept: &Kept,
) -> Result<Vec<InboxBatch>, StorageError> {
    if WRITTEN_AT_MOST <= kept.names.len() {
        return Ok(Vec::new());
    }
    let limit = kept.names.len() + told.names.len() + BATCHES_AT_ONCE as usize;
    let names = oldest_names(reader, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let is_new = |name: &InboxName| !kept.names.contains(name) && !told.names.contains(name);
    let new = names.into_iter().filter(is_new);
    let mut batches = Vec::new();
    for name in new.take(BATCHES_AT_ONCE as usize) {
        batches.extend(named(reader, &name).await?);
    }
    Ok(batches)
}

/// The oldest batches of an inbox that holds too many, as many as are too many.
async fn overflow(
    reader: &Reader,
    quota: Quota,
    told: &Told,
) -> Result<Vec<InboxName>, StorageError> {
    let (mut batches, mut bytes) = waiting(reader).await?;
    let mut names = Vec::new();
    if batches <= quota.batches && bytes <= quota.bytes {
        return Ok(names);
    }
    for batch in oldest(reader, BATCHES_AT_ONCE).await? {
        if batches <= quota.batches && bytes <= quota.bytes {
            break;
        }
        batches = batches.saturating_sub(1);
        bytes = bytes.saturating_sub(batch.body.len() as u64);
        if !told.names.contains(&batch.name) {
            names.push(batch.name);
        }
    }
    Ok(names)
}

/// The analog readings of a batch. Its discrete ones stand in the table of readings.
fn rows_of(batch: &InboxBatch) -> Vec<Row> {
    let pack = match pack::decode(&batch.body) {
        Ok(pack) => pack,
        Err(error) => {
            // It could be read when it was admitted; the database has changed it since.
            let InboxName { gateway, batch } = &batch.name;
            tracing::error!(%gateway, %batch, %error, "Routine batch damaged in the inbox.");
            return Vec::new();
        }
    };
    let row = |(index, reading): (u32, Reading)| {
        let number = match reading.value {
            Value::Number(number, unit) => Some((number, unit)),
            Value::Unknown => None,
            Value::States(_) => return None,
        };
        Some(Row {
            point: FullPointId { gateway: batch.name.gateway.clone(), point: reading.point },
            time: reading.time,
            span: batch.name.batch.span,
            seq: batch.name.batch.seq,
            index,
            number,
            quality: reading.quality,
        })
    };
    pack.readings.into_iter().filter_map(row).collect()
}
