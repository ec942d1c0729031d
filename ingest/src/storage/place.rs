//! Where the tables stand: a SQLite file in a folder of ours, or a PostgreSQL database. Here and
//! nowhere else the two differ.
//!
//! | | SQLite | PostgreSQL |
//! | --- | --- | --- |
//! | a commit answers when | it is on the disk (`synchronous = FULL`) | it is on the disk, and on every synchronous replica (`synchronous_commit = on`) |
//! | only one centre writes, because | it holds the data folder locked | its session holds a lock of the database |
//! | a connection that is lost | cannot be | is made anew, and writes only if nobody else wrote meanwhile |
//! | an answer that does not come | is waited for: it cannot be taken back | is given up after [`ANSWER_PATIENCE`]; the number of the commit tells whether it stood |

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use super::StorageError;

/// How many answers the API may be reading at the same time.
const READERS: u32 = 4;

/// How long a question of the API waits for a free reader. While a server is dead, an alarm that
/// needs no database is shown only after it.
const READER_PATIENCE: Duration = Duration::from_secs(2);

/// How long a server may take to answer a commit before its connection is given up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// How long a new connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// The name of the database in the data folder.
pub(super) const FILE: &str = "firegrid.db";

/// What SQLite is told of a connection that writes.
const SQLITE_WRITING: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA busy_timeout = 500; PRAGMA journal_size_limit = 67108864";

/// What SQLite is told of a connection that reads.
const SQLITE_READING: &str = "PRAGMA query_only = 1; PRAGMA busy_timeout = 5000";

/// What PostgreSQL is told of a session that writes. A machine that vanishes is noticed after
/// about ten seconds, before the next centre gives up waiting for the lock.
const POSTGRES_WRITING: &str = "SET synchronous_commit = on; SET client_min_messages = warning; \
     SET idle_in_transaction_session_timeout = '60s'; \
     SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";

/// How long a session waits for a lock. A test does not wait for a machine that vanished.
const POSTGRES_PATIENCE: &str =
    if cfg!(test) { "SET lock_timeout = '1s'" } else { "SET lock_timeout = '20s'" };

/// What PostgreSQL is told of a session that reads.
const POSTGRES_READING: &str =
    "SET default_transaction_read_only = on; SET statement_timeout = '30s'";

/// The lock that a writing session holds. The number is "firegrid" in ASCII.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_lock(7379555244276083044)";

/// Where the tables stand.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A file in this folder.
    Folder(PathBuf),
    /// A database at this address. It may hold a password and is never shown.
    Postgres(String),
}

impl Place {
    /// Reads the address of a PostgreSQL database.
    pub fn postgres(url: &str) -> Result<Place, NoPlace> {
        let scheme = ["postgres://", "postgresql://"];
        let readable = url.parse::<AnyConnectOptions>().is_ok();
        if scheme.iter().any(|scheme| url.starts_with(scheme)) && readable {
            Ok(Place::Postgres(url.to_owned()))
        } else {
            Err(NoPlace)
        }
    }

    /// Whether nothing was ever written there; of a server nobody knows before asking it.
    pub fn is_new(&self) -> bool {
        match self {
            Place::Folder(folder) => !folder.join(FILE).exists(),
            Place::Postgres(_) => false,
        }
    }

    /// How long one commit may take before its connection is given up.
    pub(super) fn answer_patience(&self) -> Option<Duration> {
        match self {
            Place::Folder(_) => None,
            Place::Postgres(_) => Some(ANSWER_PATIENCE),
        }
    }

    /// Opens the connection that writes. `name` is told to a server as the session's own.
    pub(super) async fn writing(&self, name: &str) -> Result<AnyConnection, StorageError> {
        let connecting = async {
            let mut connection = AnyConnection::connect(&self.url("rwc", name)).await?;
            match self {
                Place::Folder(_) => {
                    connection.execute(SQLITE_WRITING).await?;
                }
                Place::Postgres(_) => {
                    connection.execute(POSTGRES_WRITING).await?;
                    connection.execute(POSTGRES_PATIENCE).await?;
                    // A session of this very process that a broken connection left behind.
                    sqlx::query(
                        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE application_name = $1 AND datname = current_database() \
                         AND pid <> pg_backend_pid()",
                    )
                    .bind(name)
                    .execute(&mut connection)
                    .await?;
                    connection.execute(POSTGRES_LOCK).await?;
                }
            }
            Ok::<_, sqlx::Error>(connection)
        };
        match tokio::time::timeout(CONNECT_PATIENCE, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if is_held(&error) => Err(StorageError::InUse),
            Ok(Err(error)) => Err(self.unopened(&error)),
            Err(_) => Err(self.unopened(&"it does not answer")),
        }
    }

    /// Connections that read; they are made when they are needed.
    pub(super) fn reading(&self) -> Result<AnyPool, StorageError> {
        let told = match self {
            Place::Folder(_) => SQLITE_READING,
            Place::Postgres(_) => POSTGRES_READING,
        };
        let options: AnyConnectOptions = self
            .url("ro", "firegrid-ingest reader")
            .parse()
            .map_err(|error: sqlx::Error| self.unopened(&error))?;
        Ok(AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READER_PATIENCE)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(told).await.map(|_| ()) })
            })
            .connect_lazy_with(options))
    }

    pub(super) fn unopened(&self, error: &(impl fmt::Display + ?Sized)) -> StorageError {
        StorageError::Unopened { place: self.to_string(), reason: error.to_string() }
    }

    pub(super) fn url(&self, mode: &str, name: &str) -> String {
        match self {
            Place::Folder(folder) => file_url(&folder.join(FILE), mode),
            Place::Postgres(url) => {
                let between = if url.contains('?') { '&' } else { '?' };
                format!("{url}{between}application_name={}", escaped(name.as_bytes()))
            }
        }
    }
}

impl From<&Path> for Place {
    fn from(folder: &Path) -> Place {
        Place::Folder(folder.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(folder: &PathBuf) -> Place {
        Place::Folder(folder.clone())
    }
}

/// Without the password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => write!(f, "{}", folder.join(FILE).display()),
            Place::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                write!(f, "postgres://{}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no address of a database. The text is not told: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a database: write it as in \"postgres://user@host/database\"")]
pub struct NoPlace;

/// Whether a server refused a lock because another session holds it.
fn is_held(error: &sqlx::Error) -> bool {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// The address of a SQLite file, whatever letters its path is made of.
pub(super) fn file_url(file: &Path, mode: &str) -> String {
    format!("sqlite://{}?mode={mode}", escaped(file.as_os_str().as_encoded_bytes()))
}

/// Bytes as they may stand in an address.
fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
