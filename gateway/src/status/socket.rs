//! Answers commands on this machine through a socket that only the gateway's own user may open,
//! so that nobody needs a second master on the bus to see what it says.
//!
//! A question is one line: `status text`, `status json`, `read text DEVICE`, `read json DEVICE`.
//! The answer is everything until the end: `+` and what was asked for, or `-` and why not.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{Desk, words};

/// Connections at a time.
const MOST_CONNECTIONS: usize = 4;

/// A question takes no more bytes.
const QUESTION_BYTES: u64 = 256;

/// An answer takes no more bytes: a device of 10,000 points takes two million.
const ANSWER_BYTES: u64 = 16 << 20;

/// A question and its answer take no longer.
const QUESTION_WITHIN: Duration = Duration::from_secs(10);

/// A listener that fails is not asked again at once.
const TAKE_AGAIN: Duration = Duration::from_millis(200);

/// Where the socket of a gateway with this data folder is.
pub fn path(data: &Path) -> PathBuf {
    data.join("control").join("socket")
}

/// Answers until it is dropped. The data folder must be this process's own.
pub async fn listen(data: PathBuf, desk: Desk) {
    let path = path(&data);
    let listener = match bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "The local socket cannot be opened.");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    // Whoever asked may have gone away, or taken too long.
                    let _ = tokio::time::timeout(QUESTION_WITHIN, answer(stream, desk)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "A connection to the local socket could not be taken.");
                tokio::time::sleep(TAKE_AGAIN).await;
            }
        }
    }
}

/// The folder around the socket is closed to others before the socket is there.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(stream: UnixStream, desk: Desk) -> io::Result<()> {
    let (ear, mut mouth) = stream.into_split();
    let mut question = String::new();
    BufReader::new(ear.take(QUESTION_BYTES)).read_line(&mut question).await?;
    let words: Vec<&str> = question.split_whitespace().collect();
    let said = match words.as_slice() {
        ["status", form] => match (desk.state().await, *form) {
            (Some(state), "json") => Ok(format!("{}\n", words::state_json(&state))),
            (Some(state), _) => Ok(words::state(&state)),
            (None, _) => Err("the service does not answer".to_owned()),
        },
        ["read", form, device] => match (desk.readings(device).await, *form) {
            (Some(readings), "json") => Ok(format!("{}\n", words::readings_json(&readings))),
            (Some(readings), _) => Ok(words::readings(&readings)),
            (None, _) => {
                Err(format!("there is no device {device}, or its line is too busy to say"))
            }
        },
        _ => Err("ask: status text|json, read text|json DEVICE".to_owned()),
    };
    let said = said.map_or_else(|no| format!("-{no}\n"), |yes| format!("+{yes}"));
    mouth.write_all(said.as_bytes()).await?;
    mouth.shutdown().await
}

/// Asks the gateway with this data folder.
pub async fn ask(data: &Path, question: &str) -> io::Result<String> {
    let asking = async {
        let mut stream = UnixStream::connect(path(data)).await?;
        stream.write_all(format!("{question}\n").as_bytes()).await?;
        let mut said = String::new();
        stream.take(ANSWER_BYTES).read_to_string(&mut said).await?;
        Ok(said)
    };
    tokio::time::timeout(QUESTION_WITHIN, asking).await?
}
