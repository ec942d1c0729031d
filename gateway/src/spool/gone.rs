//! What a marker stands for: a stretch of the lane that cannot be handed out any more, gathered
//! batch by batch, and the bytes that say so.
//!
//! Nothing fire-class is passed over: bodies are searched record by record, also where they are
//! damaged. If a bit of what is found is wrong, a fire too many is looked at.

use std::collections::BTreeMap;

use firegrid_wire::limits::MESSAGE_BYTES;
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::PointId;
use firegrid_wire::pack::{self, After, Head};
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::state::{State, StateSet, States};
use firegrid_wire::time::GatewayTime;

use super::damage::MarkerLabels;

/// More spans than this are not listed: the first ones stay, in which the centre may stand, and
/// the last ones. How many are left out is told.
const MOST_SPANS: usize = 384;

/// Of the listed spans, one in so many is one of the first.
const FIRST_SPANS: usize = 3;

/// Halved so often, a marker lists no fire and two spans; there is no shorter one.
pub(super) const MOST_BREVITY: u32 = 10;

/// Bytes of a marker for its fires: what spans and labels leave of a message.
const FIRE_BYTES: usize = MESSAGE_BYTES - (MOST_SPANS * 48 + 2 * 1024);

/// A stretch of the lane that is gone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gone {
    pub(super) first: BatchName,
    pub(super) after: Option<After>,
    pub(super) ends: Vec<SpanEnd>,
    pub(super) last: BatchName,
    pub(super) since: Option<GatewayTime>,
    pub(super) until: Option<GatewayTime>,
    pub(super) reason: MarkerReason,
    pub(super) fires: Fires,
    /// What a marker that joined it could not list.
    pub(super) more: More,
}

/// The fire-class points in it. A point stands there once for every fire-class state that it
/// took on, each with its first time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fires(BTreeMap<PointId, Vec<LostFire>>);

impl Gone {
    /// One batch, with whatever its bytes still say.
    pub(super) fn batch(
        name: BatchName,
        after: Option<After>,
        newest: Option<GatewayTime>,
        body: &[u8],
        reason: MarkerReason,
    ) -> Gone {
        let scraps = Scraps::of(body, name.span);
        Gone {
            first: name,
            after,
            ends: vec![SpanEnd { span: name.span, seq: name.seq }],
            last: name,
            since: scraps.since.or(newest),
            until: newest,
            reason,
            fires: scraps.fires,
            more: More::default(),
        }
    }

    /// What a marker's bytes say. `None` if they are no marker.
    pub(super) fn of_marker(body: &[u8]) -> Option<Gone> {
        let Head { name, after, marker, .. } = pack::decode(body).ok()?.head;
        let Marker { first, ends, since, until, reason, fires, more } = marker?;
        let mut found = Fires::default();
        // They are listed by their weight, not in their order: each counts.
        for fire in fires {
            found.0.entry(fire.n.clone()).or_default().push(fire);
        }
        let fires = found;
        Some(Gone { first, after, ends, last: name, since, until, reason, fires, more })
    }

    /// What follows it is gone too.
    pub(super) fn join(&mut self, next: Gone) {
        if self.ends.last().is_some_and(|end| Some(end.span) == next.ends.first().map(|e| e.span)) {
            self.ends.pop();
        }
        self.ends.extend(next.ends);
        self.last = next.last;
        self.until = self.until.max(next.until);
        self.reason = worse(self.reason, next.reason);
        self.more.spans = self.more.spans.saturating_add(next.more.spans);
        self.more.fires = self.more.fires.saturating_add(next.more.fires);
        next.fires.0.into_values().flatten().for_each(|fire| self.fires.add(fire));
    }

    /// The bytes of the marker that stands in its place. With every step of brevity it lists
    /// half as much, and counts what it does not list.
    pub(super) fn encode(&self, labels: &MarkerLabels, brevity: u32) -> Vec<u8> {
        let mut ends = self.ends.clone();
        let mut more = self.more;
        let most = (MOST_SPANS >> brevity).max(2);
        if most < ends.len() {
            let first = (most / FIRST_SPANS).max(1);
            let left_out = ends.drain(first..ends.len() - (most - first)).count();
            more.spans = more.spans.saturating_add(left_out as u64);
        }
        let fires = match labels.lane {
            Lane::Urgent => {
                let (fires, left_out) = self.fires.listed(FIRE_BYTES >> brevity);
                more.fires = more.fires.saturating_add(left_out as u64);
                fires
            }
            Lane::Routine => Vec::new(),
        };
        let head = Head {
            gateway: labels.gateway.clone(),
            lane: labels.lane,
            name: self.last,
            after: self.after,
            stretch: None,
            catalogue: labels.catalogue.clone(),
            refresh: None,
            marker: Some(Marker {
                first: self.first,
                ends,
                since: self.since,
                until: self.until.filter(|until| self.since.is_none_or(|since| since <= *until)),
                reason: self.reason,
                fires,
                more,
            }),
        };
        pack::encode(&head, [])
    }
}

impl Fires {
    /// The fire-class points in some bytes, which may be damaged.
    pub(super) fn in_rubble(rubble: &[u8], first_span: SpanId) -> Fires {
        Scraps::of(rubble, first_span).fires
    }

    fn add(&mut self, fire: LostFire) {
        let known = self.0.entry(fire.n.clone()).or_default();
        let told = known.iter().fold(StateSet::NORMAL, |told, known| told.union(set(&known.vs)));
        if told.intersection(set(&fire.vs)) != set(&fire.vs) {
            known.push(fire);
        }
    }

    /// Fire before prealarm before supervisory, then by time: if not all have room, the least
    /// urgent ones are left out; how many.
    fn listed(&self, most_bytes: usize) -> (Vec<LostFire>, usize) {
        let mut fires: Vec<&LostFire> = self.0.values().flatten().collect();
        fires.sort_by_key(|fire| (rank(set(&fire.vs)), fire.t));
        let mut bytes = 0;
        let fits = |fire: &&LostFire| {
            // What stands around name and words, quotes and brackets included.
            bytes += fire.n.as_str().len() + fire.vs.len() + 80;
            bytes <= most_bytes
        };
        let listed: Vec<LostFire> = fires.iter().copied().take_while(fits).cloned().collect();
        let left_out = fires.len() - listed.len();
        (listed, left_out)
    }
}

fn set(words: &str) -> StateSet {
    States::from_words(words).unwrap_or_default().set
}

fn rank(set: StateSet) -> u8 {
    if set.has(State::Fire) {
        0
    } else if set.has(State::Prealarm) {
        1
    } else {
        2
    }
}

/// Of two reasons, the one for which more has to be done.
fn worse(one: MarkerReason, other: MarkerReason) -> MarkerReason {
    let weight = |reason| match reason {
        MarkerReason::Forgotten => 0,
        MarkerReason::Quota => 1,
        MarkerReason::Refused => 2,
        MarkerReason::Damaged => 3,
    };
    if weight(one) < weight(other) { other } else { one }
}

/// What the bytes of a batch say, read record by record.
#[derive(Default)]
struct Scraps {
    since: Option<GatewayTime>,
    fires: Fires,
}

/// What a record of a batch may say.
#[derive(serde::Deserialize)]
struct Scrap {
    span: Option<SpanId>,
    from: Option<GatewayTime>,
    n: Option<PointId>,
    t: Option<GatewayTime>,
    vs: Option<String>,
}

impl Scraps {
    fn of(bytes: &[u8], first_span: SpanId) -> Scraps {
        let mut span = first_span;
        let mut scraps = Scraps::default();
        for begin in bytes.split_inclusive(|byte| *byte == b'}') {
            let Some(open) = begin.iter().rposition(|byte| *byte == b'{') else { continue };
            let Ok(scrap) = serde_json::from_slice::<Scrap>(&begin[open..]) else { continue };
            span = scrap.span.unwrap_or(span);
            let earliest = [scraps.since, scrap.from, scrap.t].into_iter().flatten().min();
            scraps.since = earliest;
            let (Some(n), Some(t), Some(words)) = (scrap.n, scrap.t, scrap.vs) else { continue };
            let fire_class = set(&words).intersection(StateSet::FIRE_CLASS);
            if !fire_class.is_normal() {
                scraps.fires.add(LostFire { n, span, t, vs: fire_class.to_string() });
            }
        }
        scraps
    }
}
