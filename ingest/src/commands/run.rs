//! `run`: the centre, until it is asked to stop.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use crate::service;
use crate::settings::Settings;

/// The file that is held locked while a centre uses a data folder.
const LOCK: &str = "lock";

/// Runs until a signal asks it to stop.
pub fn run(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    let _held = hold(&settings.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("nothing can be served on {}", settings.listen))?;
        tracing::info!(address = %listener.local_addr()?, "Listening.");
        service::run(settings, listener, stop_requested()).await
    })
}

/// Makes the data folder ours until the file is dropped: two centres on one folder would both
/// believe that they are the one writer.
pub fn hold(data: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(data)
        .with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    let path = data.join(LOCK);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another centre is running on the data folder {}", data.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

/// SIGTERM or SIGINT.
async fn stop_requested() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, "A signal cannot be waited for; stop with another one.");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => tracing::info!("Asked to stop (SIGTERM)."),
        () = wait(SignalKind::interrupt()) => tracing::info!("Asked to stop (SIGINT)."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_belongs_to_one_centre_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("var/ingest");
        let held = hold(&data).expect("ours");
        let error = hold(&data).expect_err("taken");
        assert!(error.to_string().contains("another centre is running"), "{error}");
        drop(held);
        hold(&data).expect("free again");
    }
}
