//! A centre that is put back on a copy of its tables, and batches that the broker never takes.

use std::collections::BTreeMap;

use firegrid_wire::marker::Marker;
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::state::State;

use super::{Oracle, key};

/// What was committed when a copy was made.
pub(super) struct Copy {
    rows: std::collections::HashMap<(Lane, BatchName, u32), firegrid_wire::reading::Reading>,
    packs: std::collections::BTreeSet<super::Name>,
    ends: std::collections::HashMap<(Lane, firegrid_wire::span::SpanId), firegrid_wire::span::Seq>,
    markers: Vec<(Lane, Marker)>,
    set_aside: std::collections::BTreeSet<(Lane, super::Name)>,
    positions: firegrid_wire::span::PerLane<Option<BatchName>>,
    alarms: BTreeMap<String, firegrid_ingest::storage::alarms::Alarm>,
    raised: BTreeMap<String, super::Moment>,
    cleared: BTreeMap<String, super::Moment>,
}

impl Oracle {
    /// The tables of the centre are copied.
    pub(crate) fn copies_centre(&mut self) {
        self.copy = Some(Copy {
            rows: self.rows.clone(),
            packs: self.packs.clone(),
            ends: self.ends.clone(),
            markers: self.markers.clone(),
            set_aside: self.set_aside.clone(),
            positions: self.positions,
            alarms: self.alarms.clone(),
            raised: self.raised.clone(),
            cleared: self.cleared.clone(),
        });
    }

    /// The centre knows again what it knew then, and no more.
    pub(crate) fn restores_centre(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        self.centre_restored = true;
        self.seen.count("centre: restored from a backup", 1);
        self.seen.count("centre: rows a backup lacked", self.rows.len() - copy.rows.len());
        self.rows = copy.rows;
        self.packs = copy.packs;
        self.ends = copy.ends;
        self.markers = copy.markers;
        self.set_aside = copy.set_aside;
        self.positions = copy.positions;
        self.alarms = copy.alarms;
        self.raised = copy.raised;
        self.cleared = copy.cleared;
    }

    /// A box gives a batch up that the broker has refused three times.
    pub(crate) fn gives_up(&mut self, lane: Lane, name: BatchName) {
        self.seen.count("box: a batch refused for good", 1);
        self.given_up.insert((lane, key(name)));
    }

    /// Whether a marker stands in its place.
    pub(crate) fn gave_up(&self, lane: Lane, name: BatchName) -> bool {
        self.given_up.contains(&(lane, key(name)))
    }

    /// A fire that only a marker tells has its alarm: one that was not cleared before, or stands.
    pub(super) fn check_marked_fires(&mut self, marker: &Marker) {
        for lost in &marker.fires {
            let states = firegrid_wire::state::States::from_words(&lost.vs).unwrap_or_default();
            if !states.set.iter().any(|state| state == State::Fire) {
                continue;
            }
            self.seen.count("centre: fires told by markers", 1);
            let moment = (self.order_of(lost.span), lost.t.millis());
            let stands = self.alarms.values().any(|alarm| {
                alarm.kind == "fire"
                    && alarm.point.as_ref() == Some(&lost.n)
                    && self.cleared.get(&alarm.id).is_none_or(|cleared| moment <= *cleared)
            });
            if !stands {
                self.broken("a fire that only a marker tells is raised", || format!("{lost:?}"));
            }
        }
    }
}
