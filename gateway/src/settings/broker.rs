//! The broker: where it is, whom to trust there, and who the box is.

use std::path::{Path, PathBuf};

use firegrid_wire::document::Table;

use super::address::Address;
use crate::uplink::{Identity, Tls, TlsFiles};

/// The MQTT broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Host and port.
    pub address: Address,
    /// Another way to the same centre, tried in turn when this one is not there.
    pub backup: Option<Address>,
    /// Certificates; without them nothing is encrypted.
    pub tls: Option<Tls>,
}

impl Broker {
    /// A broker without a backup and without TLS.
    pub fn plain(address: Address) -> Broker {
        Broker { address, backup: None, tls: None }
    }
}

/// Reads the table; relative files are looked for beside the settings.
pub(super) fn read_broker(table: &Table<'_>, beside: &Path) -> Option<Broker> {
    let address: Option<Address> = table.required_text("address");
    let backup: Option<Address> = table.optional_text("backup");
    if backup.is_some() && backup == address {
        table.tell("backup", "this is the same address: leave it out");
    }
    let tls = table.table("tls").map(|table| read_tls(&table, beside));
    Some(Broker {
        address: address?,
        backup,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

fn read_tls(table: &Table<'_>, beside: &Path) -> Option<Tls> {
    let file = |key| table.optional::<PathBuf>(key).map(|path| beside.join(path));
    let ca = table.required::<PathBuf>("ca").map(|path| beside.join(path));
    let (certificate, key) = (file("certificate"), file("key"));
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            table.tell("key", "a certificate is of no use without its key");
            None
        }
        (None, Some(_)) => {
            table.tell("certificate", "a key is of no use without its certificate");
            None
        }
    };
    let server_name = table.optional("server_name");
    let read = Tls::read(TlsFiles { ca: ca?, identity, server_name });
    read.map_err(|mistakes| {
        mistakes.into_iter().for_each(|mistake| table.tell(mistake.key, mistake.what));
    })
    .ok()
}
