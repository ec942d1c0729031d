//! `backup`: a copy of the tables while the centre runs. `restored`: what is to be said after
//! they were put back by other means.

use std::path::Path;

use anyhow::Context;

use super::run::hold;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::storage::{self, backup};

/// Copies the tables into a new file.
pub fn backup(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    to: &Path,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    let now = Clock::begin(None).now();
    runtime()?.block_on(backup::copy(&settings.storage, to, now))?;
    tracing::info!(file = %to.display(), "Tables copied.");
    Ok(())
}

/// Marks the tables as put back, so that the next start tells it.
pub fn restored(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    let _held = hold(&settings.data)?;
    let now = Clock::begin(None).now();
    runtime()?.block_on(async {
        let (mut writer, _) = storage::open(settings.storage.clone()).await?;
        let mut to = writer.begin().await?;
        backup::put_restored(&mut to, now).await?;
        to.commit().await?;
        writer.close().await.context("the database is not closed in order")
    })?;
    tracing::info!("The next start tells that the tables were put back.");
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
