//! The only queue: batches on the disk until the centre has receipted them.
//!
//! Sits between the recorder and the uplink. Each lane has a folder of segment files and one
//! thread that owns it. What it promises:
//!
//! - A batch is handed to the uplink, and named to anyone, only after it was flushed.
//! - A batch is forgotten only on the centre's receipt, never because it was sent.
//! - After a kill or a power cut every batch that was durable is there again, and none that
//!   was not made; where the disk gives back other bytes than it was given, a marker stands in
//!   the place of what is gone.
//! - The last name of a lane outlives its receipt, as durably as the batch did.
//! - It always starts. A disk that is full or fails makes it `failing`; it tries again and
//!   never claims what is not so.
//!
//! It never looks into a batch, never decides what is worth keeping, and holds no bodies in
//! memory but those that are pending and those that were just asked for.

mod damage;
mod forgetting;
mod gone;
mod lane;
mod reading;
mod record;
mod recovery;
mod spans;
mod storage;
mod writer;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firegrid_wire::span::{self, PerLane};

pub use damage::MarkerLabels;
pub use forgetting::Asked;
pub use lane::{Entry, Lane};
pub use storage::{Files, SegmentNumber, Storage};
pub use writer::{LaneSpool, Reading, Standing};

use crate::recorder::{Labels, Recovered};

/// Both lanes, open. The folder is free again when both threads have ended.
#[derive(Debug)]
pub struct Spool {
    /// One thread each.
    pub lanes: PerLane<LaneSpool>,
    /// What the lanes had when they were opened.
    pub recovered: PerLane<Recovered>,
}

/// Why a spool does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works with the folder.
    #[error("{0} is used by another process: every gateway needs a data folder of its own")]
    Taken(PathBuf),
    /// The folder cannot be made or read.
    #[error("{folder} cannot be used for the spool")]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl Spool {
    /// Opens the spool of a folder, which is made if it is missing. Reads the disk, so it may
    /// take a while: not for a task that others wait for.
    /// `quotas` are the bytes of batches that each lane may hold.
    pub fn open(folder: &Path, labels: &Labels, quotas: &PerLane<u64>) -> Result<Spool, OpenError> {
        let unusable = |cause| OpenError::Unusable { folder: folder.to_owned(), cause };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::create(folder.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Taken(folder.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        let lock = Arc::new(lock);
        let open = |lane: span::Lane| -> io::Result<(LaneSpool, Recovered)> {
            let files = Files::open(&folder.join(lane.as_str()))?;
            let labels = MarkerLabels {
                gateway: labels.gateway.clone(),
                lane,
                catalogue: labels.catalogue.clone(),
            };
            LaneSpool::start(files, labels, quotas[lane], Arc::clone(&lock))
        };
        let (urgent, had_urgent) = open(span::Lane::Urgent).map_err(unusable)?;
        let (routine, had_routine) = open(span::Lane::Routine).map_err(unusable)?;
        Ok(Spool {
            lanes: PerLane { urgent, routine },
            recovered: PerLane { urgent: had_urgent, routine: had_routine },
        })
    }
}

#[cfg(test)]
mod tests;
