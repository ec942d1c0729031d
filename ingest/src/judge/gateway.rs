//! What the judge knows of one gateway besides what the rules know.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use firegrid_wire::catalogue::{Catalogue, CatalogueHash, Page, PointEntry};
use firegrid_wire::limits::CATALOGUE_PAGES;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::presence::Presence;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::events::{BeatNow, CatalogueNow, GatewayNow, LaneNow};
use super::vouched::Stretches;
use crate::intake::admission::LaneState;
use crate::intake::identity::Voices;
use crate::intake::wish::Wish;

/// Catalogues kept of a gateway: the newest, and what a backlog may still name.
const CATALOGUES_KEPT: usize = 4;

/// A gateway is online while beats come at least this often: three of them.
const ONLINE_FOR: Millis = Millis::seconds(30);

/// A catalogue that batches name and that is not known is asked for again after so long.
const CATALOGUE_PATIENCE: Millis = Millis::seconds(30);

/// Spans of a lane that are shown.
const SPANS_SHOWN: usize = 8;

/// What is known of one gateway.
#[derive(Debug)]
pub struct Gateway {
    /// The unit it belongs to.
    pub unit: Option<String>,
    /// What was admitted of its lanes.
    pub lanes: PerLane<LaneState>,
    /// What is wanted of its lanes.
    pub wishes: PerLane<Wish>,
    /// What of its lanes is committed; receipts tell nothing else.
    pub committed: PerLane<Option<BatchName>>,
    /// How far its lanes are vouched for.
    pub stretches: PerLane<Stretches>,
    /// The spans that speak under its name.
    pub voices: Voices,
    /// Since when two boxes seem to use its name.
    pub conflict: Option<CentreTime>,
    /// When anything of it came.
    pub heard: Option<CentreTime>,
    /// Its last beat.
    pub beat: Option<BeatNow>,
    /// What the broker keeps of its connection.
    pub presence: Option<Presence>,
    /// Its catalogues.
    pub catalogues: Catalogues,
    /// Holes recorded.
    pub holes: u64,
    /// Dead letters written.
    pub dead_letters: u64,
}

impl Gateway {
    /// A gateway that was never heard.
    pub fn new(unit: Option<String>) -> Gateway {
        Gateway {
            unit,
            lanes: PerLane::default(),
            wishes: PerLane::default(),
            committed: PerLane::default(),
            stretches: PerLane::default(),
            voices: Voices::default(),
            conflict: None,
            heard: None,
            beat: None,
            presence: None,
            catalogues: Catalogues::default(),
            holes: 0,
            dead_letters: 0,
        }
    }

    /// Whether admission knows a span to stand before the one that speaks now.
    pub fn is_older(&self, span: SpanId) -> bool {
        let Some(current) = self.voices.current() else { return false };
        Lane::ALL.into_iter().any(|lane| {
            match (self.lanes[lane].order(span), self.lanes[lane].order(current)) {
                (Some(order), Some(newest)) => order < newest,
                (Some(_), None) => true,
                (None, _) => false,
            }
        })
    }

    /// Something is missing in a lane: a refresh is wanted.
    pub fn want(&mut self, lane: Lane, now: CentreTime) {
        self.wishes[lane] = self.wishes[lane].want(now);
    }

    /// How it stands.
    pub fn now(
        &self,
        id: &GatewayId,
        horizons: PerLane<Option<GatewayTime>>,
        now: CentreTime,
    ) -> GatewayNow {
        let online = self.beat.is_some_and(|beat| now.since(beat.arrived) <= ONLINE_FOR);
        GatewayNow {
            id: id.clone(),
            unit: self.unit.clone(),
            online,
            heard: self.heard,
            beat: self.beat,
            lanes: PerLane::from_fn(|lane| LaneNow {
                position: self.committed[lane],
                want: self.wishes[lane].wanted(),
                horizon: horizons[lane],
                spans: self.lanes[lane].newest_spans(SPANS_SHOWN),
            }),
            catalogue: self.catalogues.now(),
            holes: self.holes,
            dead_letters: self.dead_letters,
            conflict: self.conflict,
            presence: self.presence.clone(),
        }
    }
}

/// The catalogues of a gateway: complete ones, and those of which pages are missing.
#[derive(Debug, Default)]
pub struct Catalogues {
    pages: BTreeMap<CatalogueHash, BTreeMap<u32, Page>>,
    /// In the order in which their first page came.
    order: Vec<CatalogueHash>,
    whole: HashMap<CatalogueHash, usize>,
    entries: HashMap<PointId, Arc<PointEntry>>,
    /// The one that the last batch named.
    named: Option<CatalogueHash>,
    /// Those that batches named before they were known.
    missed: BTreeSet<CatalogueHash>,
    /// Since when the named one is waited for, or asked for last.
    waiting: Option<CentreTime>,
}

/// What a page brought.
#[derive(Debug, Clone, PartialEq)]
pub enum PageBrought {
    /// It was here already, or it is none of this catalogue.
    Nothing,
    /// It is new, but others are missing.
    Part,
    /// The catalogue is complete now.
    Whole {
        /// All of it.
        catalogue: Box<Catalogue>,
        /// Whether batches were judged without it.
        missed: bool,
    },
}

impl Catalogues {
    /// Takes in a page. Also answers the catalogues that had to make room.
    pub fn take(&mut self, page: &Page) -> (PageBrought, Vec<CatalogueHash>) {
        let unfit = page.page == 0 || page.pages < page.page || CATALOGUE_PAGES < page.pages;
        if unfit || self.pages.get(&page.hash).is_some_and(|had| had.contains_key(&page.page)) {
            return (PageBrought::Nothing, Vec::new());
        }
        if !self.order.contains(&page.hash) {
            self.order.push(page.hash.clone());
        }
        let pages = self.pages.entry(page.hash.clone()).or_default();
        pages.insert(page.page, page.clone());
        let brought = match Catalogue::from_pages(pages.values()) {
            None => PageBrought::Part,
            Some(catalogue) => {
                self.whole.insert(page.hash.clone(), catalogue.points.len());
                let missed = self.missed.remove(&page.hash);
                if self.named.as_ref().is_none_or(|named| *named == page.hash) {
                    self.show(&page.hash);
                }
                PageBrought::Whole { catalogue: Box::new(catalogue), missed }
            }
        };
        (brought, self.make_room(&page.hash))
    }

    /// A batch names the catalogue under which it was made.
    pub fn name(&mut self, hash: &CatalogueHash) {
        if self.named.as_ref() != Some(hash) {
            self.named = Some(hash.clone());
            self.show(hash);
        }
        if !self.whole.contains_key(hash) && self.missed.len() < CATALOGUES_KEPT {
            self.missed.insert(hash.clone());
        }
    }

    /// A catalogue of which all pages have come.
    pub fn whole(&self, hash: &CatalogueHash) -> Option<Catalogue> {
        self.whole.get(hash)?;
        self.pages.get(hash).and_then(|pages| Catalogue::from_pages(pages.values()))
    }

    /// The catalogue to ask the broker for again: batches name it, and its pages have not come.
    pub fn to_ask_for(&mut self, now: CentreTime) -> Option<CatalogueHash> {
        let named = self.named.as_ref().filter(|named| !self.whole.contains_key(*named));
        let Some(named) = named else {
            self.waiting = None;
            return None;
        };
        let since = *self.waiting.get_or_insert(now);
        if now.since(since) < CATALOGUE_PATIENCE {
            return None;
        }
        self.waiting = Some(now);
        Some(named.clone())
    }

    /// What the catalogue says of a point.
    pub fn entry(&self, point: &PointId) -> Option<Arc<PointEntry>> {
        self.entries.get(point).cloned()
    }

    fn now(&self) -> Option<CatalogueNow> {
        let hash = self.named.as_ref().or(self.order.last())?;
        Some(CatalogueNow { hash: hash.clone(), points: self.whole.get(hash).copied() })
    }

    /// Descriptions are shown by the catalogue that batches name now.
    fn show(&mut self, hash: &CatalogueHash) {
        if !self.whole.contains_key(hash) {
            return;
        }
        let points = self.pages.get(hash).into_iter().flat_map(|pages| pages.values());
        let points = points.flat_map(|page| page.points.iter());
        self.entries = points.map(|entry| (entry.n.clone(), Arc::new(entry.clone()))).collect();
    }

    fn make_room(&mut self, newest: &CatalogueHash) -> Vec<CatalogueHash> {
        let mut gone = Vec::new();
        while CATALOGUES_KEPT < self.order.len() {
            let Some(place) = self
                .order
                .iter()
                .position(|hash| hash != newest && self.named.as_ref() != Some(hash))
            else {
                break;
            };
            let hash = self.order.remove(place);
            self.pages.remove(&hash);
            self.whole.remove(&hash);
            gone.push(hash);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_that_batches_name_is_asked_for_until_it_has_come() {
        let catalogue = Catalogue::default();
        let (hash, pages) = (catalogue.hash(), catalogue.pages());
        let mut catalogues = Catalogues::default();
        let mut asks = |seconds: i64, known: bool| {
            if known {
                for body in &pages {
                    let page = serde_json::from_slice(body).expect("a page");
                    catalogues.take(&page);
                }
            }
            catalogues.name(&hash);
            catalogues.to_ask_for(CentreTime::from_millis(seconds * 1_000)).is_some()
        };
        assert!(!asks(0, false), "it may still be on its way");
        assert!(!asks(29, false));
        assert!(asks(30, false));
        assert!(!asks(59, false), "the broker has its time to answer");
        assert!(asks(60, false));
        assert!(!asks(90, true));
        assert!(!asks(200, false));
    }
}
