//! An empty database for one test, on either engine.

#[expect(unreachable_pub, dead_code, reason = "the system tests use the whole of it")]
#[path = "../../../tests/src/postgres.rs"]
mod postgres;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use firegrid_rules::escalation::Chain;
use firegrid_rules::routing::Routing;
use firegrid_rules::rulebook::Severity;
use firegrid_rules::ticket::{Setting, Ticket as Life};
use firegrid_wire::time::CentreTime;
use sqlx::{AnyConnection, Connection, Executor};

use self::postgres::Postgres;
use super::{Place, Reader, Transaction, Writer, open};

/// One server for all tests of this process; it ends with the process.
static SERVER: LazyLock<Postgres> = LazyLock::new(Postgres::start);

static DATABASES: AtomicU32 = AtomicU32::new(1);

/// A database that nobody has opened yet.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    pub(crate) place: Place,
    _folder: Option<Arc<tempfile::TempDir>>,
}

/// The life of a ticket that nobody has touched, in a county without people.
pub(crate) fn untouched(severity: Severity, opened: CentreTime) -> Life {
    let chain = Chain::of(&Routing::default(), "s1");
    Life::opened(Setting { terms: severity.terms(), chain: &chain }, opened, false).0
}

/// Each test once on SQLite, and once on PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* async fn $name:ident($scratch:ident) $body:block)*) => {
        $(
            $(#[$doc])*
            mod $name {
                #[allow(unused_imports, reason = "a check may need nothing of its surroundings")]
                use super::*;

                async fn check($scratch: crate::storage::scratch::Scratch) $body

                #[tokio::test]
                async fn on_sqlite() {
                    check(crate::storage::scratch::Scratch::sqlite()).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    check(crate::storage::scratch::Scratch::postgres()).await;
                }
            }
        )*
    };
}
pub(crate) use on_both_engines;

impl Scratch {
    /// A folder.
    pub(crate) fn sqlite() -> Scratch {
        let folder = tempfile::tempdir().expect("a folder");
        Scratch { place: Place::from(folder.path()), _folder: Some(Arc::new(folder)) }
    }

    /// A database on a real server.
    pub(crate) fn postgres() -> Scratch {
        let url = SERVER.database(&format!("scratch{}", DATABASES.fetch_add(1, Ordering::Relaxed)));
        Scratch { place: Place::postgres(&url).expect("an address"), _folder: None }
    }

    /// Opens it as the centre does.
    pub(crate) async fn open(&self) -> (Writer, Reader) {
        open(self.place.clone()).await.expect("a database")
    }
}

/// Another process begins to write at a place and does not end: commits fail after a moment,
/// or hang if the writer is patient.
pub(crate) async fn hold(place: &Place) -> Holder {
    let mut connection = other(place).await;
    match place {
        Place::Folder(_) => connection.execute("BEGIN IMMEDIATE").await.expect("held"),
        Place::Postgres(_) => {
            connection.execute("BEGIN; UPDATE tally SET value = value").await.expect("held")
        }
    };
    Holder(connection)
}

/// Another connection, which the rule of one writer does not know of.
async fn other(place: &Place) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(&place.url("rwc", "another")).await.expect("another connection")
}

/// A writer beside the one writer.
pub(crate) struct Second(AnyConnection, bool);

impl Second {
    pub(crate) async fn at(place: &Place) -> Second {
        let mut connection = other(place).await;
        if matches!(place, Place::Folder(_)) {
            connection.execute("PRAGMA busy_timeout = 20000").await.expect("patient");
        }
        Second(connection, false)
    }

    pub(crate) async fn begin(&mut self) -> Transaction<'_> {
        let inner = self.0.begin().await.expect("begun");
        Transaction { inner, in_doubt: &mut self.1 }
    }
}

/// What holds the database.
pub(crate) struct Holder(AnyConnection);

impl Holder {
    /// It ends at last.
    pub(crate) async fn release(mut self) {
        self.0.execute("ROLLBACK").await.expect("released");
        self.0.close().await.expect("closed");
    }
}

impl Writer {
    /// Makes a locked file hang as a server does: for long instead of for a moment.
    pub(crate) async fn be_patient(&mut self) {
        match self.place {
            Place::Folder(_) => {
                let told =
                    format!("PRAGMA busy_timeout = {}", Duration::from_secs(120).as_millis());
                self.connection.execute(sqlx::AssertSqlSafe(told)).await.expect("patient");
            }
            Place::Postgres(_) => {
                let told = "SET lock_timeout = '120s'";
                self.connection.execute(told).await.expect("patient");
            }
        }
    }

    /// The server ends the session that writes.
    pub(crate) async fn lose_the_connection(&mut self) {
        if let Place::Postgres(_) = self.place {
            let _ = self.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())").await;
        }
    }
}
