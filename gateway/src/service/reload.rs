//! New settings while the gateway runs: read beside the work, and compared with those in force.
//!
//! ```text
//!  asked ──► read, on a thread of its own ──► no mistake: taken up
//!                                        └──► mistakes: every one is told, the old ones stay
//! ```
//!
//! What cannot change while the gateway runs (its names, its data folder) is told as a mistake
//! like any other: a reload is taken up as a whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firegrid_wire::document::{Mistake, Mistakes};
use firegrid_wire::time::GatewayTime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::lines::Meant;
use crate::settings::Settings;
use crate::uplink::Pages;

/// Where new settings come from, and who asks for them.
#[derive(Debug)]
pub struct Reloads {
    /// The settings file.
    pub file: PathBuf,
    /// A reload is asked for.
    pub asked: mpsc::Receiver<()>,
}

/// How the last reload went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReload {
    /// When, by the wall clock.
    pub at: GatewayTime,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The new settings are in force.
    TakenUp,
    /// The old ones are, because the new ones have mistakes.
    Refused(Mistakes),
}

/// What the loop waits for.
#[derive(Debug)]
pub(super) enum Reload {
    /// Nobody can ask for one.
    Never,
    /// Nothing is being read.
    Idle(Reloads),
    /// The file is being read. Who asks meanwhile is heard afterwards.
    Reading(Reloads, JoinHandle<Result<Box<Fresh>, Mistakes>>),
}

/// What has come.
#[derive(Debug)]
pub(super) enum Step {
    Asked,
    Read(Result<Box<Fresh>, Mistakes>),
}

/// Settings that nothing has come of yet.
#[derive(Debug)]
pub(super) struct Fresh {
    /// All but the lines and what the centre alone is told.
    pub(super) settings: Settings,
    pub(super) lines: Vec<Meant>,
    pub(super) catalogue: Pages,
}

impl From<Settings> for Fresh {
    fn from(mut settings: Settings) -> Fresh {
        let lines = std::mem::take(&mut settings.lines).into_iter().map(Meant::of).collect();
        let inventory = Arc::unwrap_or_clone(std::mem::take(&mut settings.inventory));
        let (catalogue, inventory) = inventory.hand_over();
        settings.inventory = Arc::new(inventory);
        Fresh { settings, lines, catalogue: Pages::of(&catalogue) }
    }
}

impl Reload {
    /// The next thing that comes. May be dropped and called again without loss.
    pub(super) async fn next(&mut self) -> Step {
        match self {
            Reload::Never => std::future::pending().await,
            Reload::Idle(reloads) => match reloads.asked.recv().await {
                Some(()) => Step::Asked,
                None => std::future::pending().await,
            },
            Reload::Reading(reloads, reading) => Step::Read(match reading.await {
                Ok(read) => read,
                Err(error) => {
                    let what = format!("the reader has failed: {error}");
                    Err(Mistakes(vec![mistake(&reloads.file, "", what)]))
                }
            }),
        }
    }

    /// Begins to read. Whoever reads has the disk to wait for, and the loop has not.
    pub(super) fn begin(&mut self) {
        *self = match std::mem::replace(self, Reload::Never) {
            Reload::Idle(reloads) => {
                let file = reloads.file.clone();
                let reading = tokio::task::spawn_blocking(move || {
                    Ok(Box::new(Settings::read(&file)?.into()))
                });
                Reload::Reading(reloads, reading)
            }
            Reload::Reading(reloads, reading) => Reload::Reading(reloads, reading),
            Reload::Never => Reload::Never,
        };
    }

    /// Takes what was read, unless it changes what cannot change.
    pub(super) fn end(
        &mut self,
        read: Result<Box<Fresh>, Mistakes>,
        in_force: &Settings,
    ) -> Result<Box<Fresh>, Mistakes> {
        let mut file = PathBuf::new();
        *self = match std::mem::replace(self, Reload::Never) {
            Reload::Idle(reloads) | Reload::Reading(reloads, _) => {
                file.clone_from(&reloads.file);
                Reload::Idle(reloads)
            }
            Reload::Never => Reload::Never,
        };
        let fresh = read?;
        let mistakes = needs_restart(&file, in_force, &fresh.settings);
        if mistakes.0.is_empty() { Ok(fresh) } else { Err(mistakes) }
    }
}

fn needs_restart(file: &Path, before: &Settings, after: &Settings) -> Mistakes {
    let keys = [
        ("region", before.region != after.region),
        ("gateway", before.gateway != after.gateway),
        ("data", before.data != after.data),
    ];
    let changed = keys.into_iter().filter(|(_, changed)| *changed);
    let what = "this cannot change while the gateway runs: set it back, or restart the service";
    Mistakes(changed.map(|(key, _)| mistake(file, key, what.to_owned())).collect())
}

fn mistake(file: &Path, path: &str, what: String) -> Mistake {
    Mistake { file: file.display().to_string(), path: path.to_owned(), what }
}
