//! Admission: is this batch new, a duplicate, behind a gap, a hole, or another box's?
//!
//! One [`LaneState`] per gateway and lane. Order is the order of first admission of the spans,
//! then seq; never a timestamp. The answers are those of PROTOCOL.md §4:
//!
//! - **New**: seq is position + 1 in its span; or seq 1 whose `after` is the position.
//! - **New, with hole**: seq 1 whose `after` is behind the position, or none.
//! - **Duplicate**: at or before the end of its span.
//! - **Gap**: further than that, or `after` in a span that is not known. It is asked for, and
//!   again as long as nothing comes: what was asked may be lost, and what was receipted once a
//!   box tells only when it is asked.
//! - **Hole**: a marker in which the position lies; that is tested before its `after`.
//! - **Conflict**: a batch of an earlier span, beyond its end: another box with this identity.
//!
//! A gap that no box can fill must not stop a lane for ever: if the very same batch comes again
//! and again for a minute and the position does not move, the box no longer holds what lies
//! between (its spool sends from its oldest batch on), and the batch is New, with hole. A marker
//! of what the box forgot on receipts is its answer to our own question and stands at the front
//! of its lane: where nothing is known of the lane it is admitted at once.
//!
//! A body that cannot be read is admitted by the name on its envelope ([`Kind::Unreadable`]).
//! Pure: reads no body, keeps no reading, writes nothing.

use std::collections::HashMap;

use firegrid_rules::engine::HeadStanding;
use firegrid_wire::marker::{MarkerReason, SpanEnd};
use firegrid_wire::pack::{After, Head};
use firegrid_wire::span::{BatchName, Seq, SpanId};
use firegrid_wire::time::{CentreTime, Millis};

/// Spans a lane remembers. A box begins one per start; at ten starts a day it is a year. The
/// oldest is forgotten first, and a batch of it would then be a gap.
pub const SPANS_KEPT: usize = 4_096;

/// How often and for how long the same batch must come before a gap is given up.
const IMPASSE_TIMES: u32 = 4;
const IMPASSE_LASTS: Millis = Millis::seconds(60);

/// After so long the same is asked for again.
const ASK_AGAIN: Millis = Millis::seconds(10);

/// What admission must know of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: BatchName,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a batch is, as far as admission goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// Readings. `after` is there exactly when seq is 1.
    Batch(Option<After>),
    /// What the box no longer has.
    Marker {
        /// The first batch it replaces.
        first: BatchName,
        /// The last number of every span it touches.
        ends: &'a [SpanEnd],
        /// What stood before its first.
        after: Option<After>,
        /// Whether it replaces what was receipted once ([`MarkerReason::Forgotten`]).
        forgotten: bool,
    },
    /// A body that cannot be read.
    Unreadable,
}

impl<'a> Candidate<'a> {
    /// The batch that a head describes.
    pub fn of(head: &'a Head) -> Candidate<'a> {
        let kind = match &head.marker {
            None => Kind::Batch(head.after),
            Some(marker) => Kind::Marker {
                first: marker.first,
                ends: &marker.ends,
                after: head.after,
                forgotten: marker.reason == MarkerReason::Forgotten,
            },
        };
        Candidate { name: head.name, kind }
    }
}

/// What a batch is to the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// To be judged.
    New {
        /// What is missing before it, if something is.
        hole: Option<HoleKind>,
    },
    /// A marker, to be recorded and judged.
    Hole {
        /// Whether what stood before it is missing too.
        notice: bool,
    },
    /// Everything of its span up to it is here.
    Duplicate,
    /// Something is missing before it.
    Gap {
        /// What to ask for; nothing if that was asked just now.
        ask: Option<BatchName>,
    },
    /// It comes from another box with the same identity.
    Conflict {
        /// Whether it follows what is kept of that box; only then it is kept and receipted.
        keep: bool,
    },
}

/// Why something is missing before a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoleKind {
    /// The spool stands behind what it once delivered, or is new: restored or lost.
    RestoredSpool,
    /// The box no longer holds what lies between.
    Forgotten,
}

/// What the centre has of a lane.
#[derive(Debug, Clone, Default)]
pub struct LaneState {
    position: Option<BatchName>,
    spans: HashMap<SpanId, Place>,
    next_order: u32,
    apart: HashMap<SpanId, Seq>,
    asked: Option<(BatchName, CentreTime)>,
    impasse: Option<Impasse>,
    changed: Vec<SpanId>,
    changed_apart: Vec<SpanId>,
}

/// Where a span stands in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The order of first admission.
    pub order: u32,
    /// The last number.
    pub end: Seq,
}

/// The earliest batch behind a gap, and how often it came since the position moved.
#[derive(Debug, Clone, Copy)]
struct Impasse {
    name: BatchName,
    after: Option<SpanId>,
    since: CentreTime,
    times: u32,
}

impl LaneState {
    /// A lane as it was committed.
    pub fn restored(
        position: BatchName,
        spans: impl IntoIterator<Item = (SpanId, Place)>,
        apart: impl IntoIterator<Item = (SpanId, Seq)>,
    ) -> LaneState {
        let spans: HashMap<SpanId, Place> = spans.into_iter().collect();
        let next_order = spans.values().map(|place| place.order + 1).max().unwrap_or(0);
        let apart = apart.into_iter().collect();
        LaneState { position: Some(position), spans, next_order, apart, ..LaneState::default() }
    }

    /// Up to where everything was admitted.
    pub fn position(&self) -> Option<BatchName> {
        self.position
    }

    /// The spans that were admitted last, each with its last number, the newest first.
    pub fn newest_spans(&self, most: usize) -> Vec<BatchName> {
        let mut spans: Vec<(&SpanId, &Place)> = self.spans.iter().collect();
        spans.sort_by_key(|(_, place)| std::cmp::Reverse(place.order));
        spans.truncate(most);
        spans.into_iter().map(|(span, place)| BatchName { span: *span, seq: place.end }).collect()
    }

    /// The order in which a span was first admitted; none if it was not.
    pub fn order(&self, span: SpanId) -> Option<u32> {
        self.spans.get(&span).map(|place| place.order)
    }

    /// The spans whose place has changed since the last call.
    pub fn changed_spans(&mut self) -> Vec<(SpanId, Place)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|span| Some((span, *self.spans.get(&span)?))).collect()
    }

    /// The spans of a second box that were heard further since the last call.
    pub fn changed_apart(&mut self) -> Vec<(SpanId, Seq)> {
        let changed = std::mem::take(&mut self.changed_apart);
        changed.into_iter().filter_map(|span| Some((span, *self.apart.get(&span)?))).collect()
    }

    /// Says what a batch is, and moves on if it is New or a Hole.
    pub fn admit(&mut self, candidate: &Candidate<'_>, arrived: CentreTime) -> Admission {
        let mut admission = self.decide(candidate);
        if matches!(admission, Admission::Gap { .. }) && self.is_impasse(candidate, arrived) {
            admission = match candidate.kind {
                Kind::Marker { .. } => Admission::Hole { notice: true },
                Kind::Batch(_) | Kind::Unreadable => {
                    Admission::New { hole: Some(HoleKind::Forgotten) }
                }
            };
        }
        match admission {
            Admission::New { .. } | Admission::Hole { .. } => self.move_on(candidate),
            Admission::Gap { .. } => {
                return Admission::Gap { ask: self.ask_behind(candidate.name, arrived) };
            }
            Admission::Conflict { keep: true } => {
                let end = self.apart.entry(candidate.name.span).or_default();
                *end = candidate.name.seq.max(*end);
                self.changed_apart.push(candidate.name.span);
            }
            Admission::Duplicate | Admission::Conflict { keep: false } => {}
        }
        admission
    }

    /// Where the head that a beat names stands.
    pub fn standing(&self, head: Option<BatchName>) -> HeadStanding {
        let judged = head
            .filter(|head| self.spans.get(&head.span).is_some_and(|place| head.seq <= place.end));
        match (judged, self.position) {
            (Some(head), Some(position)) if head.span == position.span => {
                HeadStanding::Judged { is_position: head == position }
            }
            (Some(_), _) => HeadStanding::JudgedInOlderSpan,
            (None, _) => HeadStanding::NotJudged,
        }
    }

    /// What to ask for when something behind the position is known to exist; nothing if that was
    /// asked just now.
    pub fn ask_behind(&mut self, known: BatchName, now: CentreTime) -> Option<BatchName> {
        let wanted = match self.position {
            Some(position) => position.next(),
            None => BatchName { span: known.span, seq: 1 },
        };
        let before = self.asked.filter(|(name, _)| *name == wanted);
        // A clock that was set back delays no question.
        if before.is_some_and(|(_, at)| at <= now && now.since(at) < ASK_AGAIN) {
            return None;
        }
        self.asked = Some((wanted, now));
        Some(wanted)
    }

    /// What a batch is, if nothing has been waited for.
    fn decide(&self, candidate: &Candidate<'_>) -> Admission {
        let name = candidate.name;
        match (self.spans.get(&name.span), &candidate.kind) {
            (Some(place), _) if name.seq <= place.end => Admission::Duplicate,
            (Some(place), kind) if self.position.is_none_or(|at| at.span != name.span) => {
                let is_marker = matches!(kind, Kind::Marker { .. });
                let kept = self.apart.get(&name.span).copied().unwrap_or(place.end);
                Admission::Conflict { keep: is_marker || name.seq <= kept.saturating_add(1) }
            }
            (_, Kind::Marker { forgotten: true, .. }) if self.position.is_none() => {
                Admission::Hole { notice: false }
            }
            (_, Kind::Marker { first, ends, after, .. }) => {
                self.decide_marker(*first, ends, *after)
            }
            (Some(place), Kind::Batch(_) | Kind::Unreadable) if name.seq == place.end + 1 => {
                Admission::New { hole: None }
            }
            (Some(_), Kind::Batch(_) | Kind::Unreadable) => Admission::Gap { ask: None },
            (None, Kind::Batch(after)) if name.seq == 1 => match self.follows(*after) {
                Follows::Position => Admission::New { hole: None },
                Follows::Earlier => Admission::New { hole: Some(HoleKind::RestoredSpool) },
                Follows::Unknown => Admission::Gap { ask: None },
            },
            (None, Kind::Unreadable) if name.seq == 1 && self.position.is_none() => {
                Admission::New { hole: None }
            }
            (None, Kind::Batch(_) | Kind::Unreadable) => Admission::Gap { ask: None },
        }
    }

    /// A marker whose own end is not here yet: the position lies inside it, or stands before its
    /// first batch as it would before any other.
    fn decide_marker(&self, first: BatchName, ends: &[SpanEnd], after: Option<After>) -> Admission {
        let inside = |position: BatchName| ends.iter().any(|end| end.span == position.span);
        match self.position {
            Some(position) if first.span == position.span => {
                if first.seq <= position.seq.saturating_add(1) {
                    Admission::Hole { notice: false }
                } else {
                    Admission::Gap { ask: None }
                }
            }
            Some(position) if inside(position) => Admission::Hole { notice: false },
            Some(_) if self.spans.contains_key(&first.span) => Admission::Hole { notice: true },
            Some(_) | None if first.seq == 1 => match self.follows(after) {
                Follows::Position => Admission::Hole { notice: false },
                Follows::Earlier => Admission::Hole { notice: true },
                Follows::Unknown => Admission::Gap { ask: None },
            },
            Some(_) | None => Admission::Gap { ask: None },
        }
    }

    /// Where what stood before the first batch of a new span stands.
    fn follows(&self, after: Option<After>) -> Follows {
        match (self.position, after) {
            (None, None | Some(After::Nothing)) => Follows::Position,
            (None, Some(After::Batch(_))) => Follows::Unknown,
            (Some(_), None | Some(After::Nothing)) => Follows::Earlier,
            (Some(position), Some(After::Batch(after))) if after == position => Follows::Position,
            (Some(position), Some(After::Batch(after))) if after.span == position.span => {
                if after.seq < position.seq { Follows::Earlier } else { Follows::Unknown }
            }
            (Some(_), Some(After::Batch(after))) if self.spans.contains_key(&after.span) => {
                Follows::Earlier
            }
            (Some(_), Some(After::Batch(_))) => Follows::Unknown,
        }
    }

    /// Closes what the batch or marker closes, and stands behind it.
    fn move_on(&mut self, candidate: &Candidate<'_>) {
        let name = candidate.name;
        if let Kind::Marker { ends, .. } = candidate.kind {
            ends.iter().filter(|end| end.span != name.span).for_each(|end| self.close(*end));
        }
        self.close(SpanEnd { span: name.span, seq: name.seq });
        self.position = Some(name);
        (self.asked, self.impasse) = (None, None);
        self.forget_the_oldest();
    }

    fn close(&mut self, end: SpanEnd) {
        let next = self.next_order;
        let place = self.spans.entry(end.span).or_insert(Place { order: next, end: 0 });
        place.end = place.end.max(end.seq);
        if place.order == next {
            self.next_order += 1;
        }
        self.changed.push(end.span);
    }

    /// Their rows stay in the database; they are read and forgotten again at the next start.
    fn forget_the_oldest(&mut self) {
        while SPANS_KEPT < self.spans.len() {
            let oldest = self.spans.iter().min_by_key(|(_, place)| place.order);
            let Some(oldest) = oldest.map(|(span, _)| *span) else { return };
            self.spans.remove(&oldest);
            self.apart.remove(&oldest);
        }
    }

    /// Counts how often the earliest batch behind the gap came. A box sends from its oldest
    /// batch on, so what comes first again and again is the oldest it holds.
    fn is_impasse(&mut self, candidate: &Candidate<'_>, now: CentreTime) -> bool {
        let name = candidate.name;
        let anew = Impasse { name, after: span_before(&candidate.kind), since: now, times: 1 };
        let impasse = self.impasse.get_or_insert(Impasse { times: 0, ..anew });
        let is_earlier = (name.span == impasse.name.span && name.seq < impasse.name.seq)
            || impasse.after == Some(name.span);
        if is_earlier {
            *impasse = anew;
        } else if name == impasse.name {
            impasse.times = impasse.times.saturating_add(1);
        }
        name == impasse.name
            && IMPASSE_TIMES <= impasse.times
            && IMPASSE_LASTS <= now.since(impasse.since)
    }
}

/// Where what stood before the first batch of a new span stands.
enum Follows {
    /// It is the position; or nothing stood there, and there is no position yet.
    Position,
    /// It is behind the position, or nothing stood there.
    Earlier,
    /// It has not been seen.
    Unknown,
}

/// The span that stood before a batch, as far as it tells.
fn span_before(kind: &Kind<'_>) -> Option<SpanId> {
    match kind {
        Kind::Batch(Some(After::Batch(name)))
        | Kind::Marker { after: Some(After::Batch(name)), .. } => Some(name.span),
        Kind::Batch(Some(After::Nothing) | None)
        | Kind::Marker { after: Some(After::Nothing) | None, .. }
        | Kind::Unreadable => None,
    }
}

#[cfg(test)]
mod tests;
