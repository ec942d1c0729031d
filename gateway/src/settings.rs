//! From file and environment to checked settings; all mistakes are told at once.
//!
//! What stands in [`Settings`] is what is meant: addresses are addresses, every device has its
//! profile, every point its registers. Nothing is started while it is read, and a program that
//! has one mistake to tell starts with nothing.

mod address;
mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firegrid_wire::document::{Document, Mistakes, Table};
use firegrid_wire::names::{GatewayId, RegionId};

pub use address::{Address, AddressError};

use crate::inventory::Inventory;
use file::File;

/// Everything the edge box is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The part of the work the box belongs to; the first level of its topics.
    pub region: RegionId,
    /// The box's name, given by the centre.
    pub gateway: GatewayId,
    /// The folder of the spool.
    pub data: PathBuf,
    /// Where batches are published.
    pub broker: Broker,
    /// Every device and point of the box.
    pub inventory: Arc<Inventory>,
}

/// The MQTT broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Host and port.
    pub address: Address,
}

impl Settings {
    /// Reads a file and the environment of the process.
    pub fn read(path: &Path) -> Result<Settings, Mistakes> {
        Settings::check(File::read(path, std::env::vars())?)
    }

    /// Takes a text under a name, without the environment.
    pub fn parse(name: &str, text: &str) -> Result<Settings, Mistakes> {
        Settings::check(File::parse(name, text, [])?)
    }

    fn check(file: File) -> Result<Settings, Mistakes> {
        file.document(settings)
    }
}

fn settings(document: &Document) -> Option<Settings> {
    let root = document.root();
    let region = root.required_text("region");
    let gateway = gateway(&root);
    let data: Option<PathBuf> = root.required("data");
    let broker = root.required_table("broker").and_then(|table| broker(&table));
    let inventory = Arc::default();
    Some(Settings { region: region?, gateway: gateway?, data: data?, broker: broker?, inventory })
}

fn gateway(root: &Table<'_>) -> Option<GatewayId> {
    let gateway: GatewayId = root.required_text("gateway")?;
    if gateway.as_str() == GatewayId::CENTRE {
        root.tell("gateway", "\"centre\" is the monitoring centre's own name: choose another");
        return None;
    }
    Some(gateway)
}

fn broker(table: &Table<'_>) -> Option<Broker> {
    Some(Broker { address: table.required_text("address")? })
}
