//! The tables of the centre: copied, put back, and read again.

use firegrid_ingest::storage::{self, readings};
use firegrid_wire::names::FullPointId;
use firegrid_wire::time::GatewayTime;

use super::super::panel::{POINTS, point_id};
use super::super::plan::Fault;
use super::super::world::World;
use super::{centre_time, gateway_id};

impl World {
    /// Its tables are copied while it runs.
    pub(crate) fn copy_centre(&mut self) {
        if self.centre.up.is_none() || self.centre.copy.is_some() {
            return;
        }
        let place = storage::Place::Folder(self.centre.folder.path().to_owned());
        let to = self.centre.folder.path().join("copy");
        let copied = storage::backup::copy(&place, &to, centre_time(self.now));
        self.centre.runtime.block_on(copied).expect("a copy");
        self.centre.copy = Some(to);
        self.oracle.copies_centre();
    }

    /// It is put back on the copy: what it committed since is gone with the old tables.
    pub(crate) fn restore_centre(&mut self, lasting: u64, fault: Fault, number: usize) {
        let Some(copy) = self.centre.copy.take() else { return };
        if self.centre.up.is_none() {
            return;
        }
        self.centre_goes(lasting, fault, number);
        let folder = self.centre.folder.path();
        let tables = folder.join("firegrid.db");
        for more in ["-wal", "-shm"] {
            let mut name = tables.clone().into_os_string();
            name.push(more);
            if std::path::Path::new(&name).exists() {
                std::fs::remove_file(name).expect("its journal is removed");
            }
        }
        std::fs::rename(copy, tables).expect("the copy stands in its place");
        self.oracle.restores_centre();
    }

    /// What can be read back from the tables is what was committed.
    pub(super) fn check_the_tables(&mut self) {
        let Some(up) = &self.centre.up else { return };
        for place in 0..POINTS.len() {
            let point = point_id(place);
            let full = FullPointId { gateway: gateway_id(), point: point.clone() };
            let (from, to) = (GatewayTime::from_millis(0), GatewayTime::from_millis(i64::MAX));
            let read = readings::of_point(&up.reader, &full, from, to, None, u32::MAX);
            let read = self.centre.runtime.block_on(read).expect("a sound database");
            self.oracle.reads_back(&point, &read);
        }
    }
}
