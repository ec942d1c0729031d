//! Which stretch of a lane is growing: what the engine's horizon says, merged where it touches.
//!
//! Asked after each batch and beat. A stretch grows while the horizon moves without a hole; after
//! one another begins, which tells what lies before it.

use firegrid_rules::engine::VouchedStretch;
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::judgement::Judgement;
use crate::storage::vouched::{Gap, Vouched};

impl Judgement {
    /// Something of a lane was judged: how far is it vouched for now?
    pub(super) fn vouched(&mut self, id: &GatewayId, lane: Lane, hole: bool, arrived: CentreTime) {
        let now = self.engine.vouched(id, lane);
        let Some(gateway) = self.gateways.get_mut(id) else { return };
        if hole {
            gateway.stretches[lane].hole();
        }
        let Some(Growing { span, from, until, gap }) = gateway.stretches[lane].grow(now) else {
            return;
        };
        let row = Vouched { gateway: id.clone(), lane, span, from, until, gap, changed: arrived };
        self.changes.vouched.insert((id.clone(), lane, span, from), row);
    }
}

/// The stretch that is growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growing {
    /// Its span.
    pub span: SpanId,
    /// Where it begins.
    pub from: GatewayTime,
    /// How far it goes.
    pub until: GatewayTime,
    /// What lies before it.
    pub gap: Gap,
}

/// What is known of a lane's stretches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretches {
    newest: Option<Growing>,
    /// Whether something was found missing since it last grew.
    hole: bool,
}

impl Stretches {
    /// Goes on with the stretch that is stored.
    pub fn restored(newest: Growing) -> Stretches {
        Stretches { newest: Some(newest), hole: false }
    }

    /// Something is missing from here on.
    pub fn hole(&mut self) {
        self.hole = true;
    }

    /// What the engine says now; the stretch as it must be written, if it has changed.
    pub fn grow(&mut self, now: Option<VouchedStretch>) -> Option<Growing> {
        let VouchedStretch { span, since, until } = now?;
        let same = self.newest.filter(|newest| newest.span == span);
        let touched = same.filter(|newest| since.is_none_or(|since| since <= newest.until));
        let grown = match (touched, same) {
            (Some(newest), _) if until <= newest.until => return None,
            (Some(newest), _) => Growing { until, ..newest },
            (None, same) => {
                let gap = match (self.hole, same) {
                    (true, _) => Gap::Hole,
                    (false, Some(_)) => Gap::Pause,
                    (false, None) => Gap::Span,
                };
                Growing { span, from: since.unwrap_or(until), until, gap }
            }
        };
        *self = Stretches { newest: Some(grown), hole: false };
        Some(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(second: i64) -> GatewayTime {
        GatewayTime::from_millis(second * 1_000)
    }

    /// What is written when the engine says one after the other: span, since, until; a span of 0
    /// is a hole in which nothing is vouched for.
    #[track_caller]
    fn check(said: &[(u64, Option<i64>, i64)], written: &[(u64, i64, i64, Gap)]) {
        let mut stretches = Stretches::default();
        let mut all = Vec::new();
        for (span, since, until) in said {
            if *span == 0 {
                stretches.hole();
                assert_eq!(stretches.grow(None), None);
                continue;
            }
            let span = SpanId::from_bits(*span);
            let now = VouchedStretch { span, since: since.map(t), until: t(*until) };
            all.extend(stretches.grow(Some(now)));
        }
        let written: Vec<Growing> = written
            .iter()
            .map(|(span, from, until, gap)| Growing {
                span: SpanId::from_bits(*span),
                from: t(*from),
                until: t(*until),
                gap: *gap,
            })
            .collect();
        assert_eq!(all, written);
    }

    #[test]
    fn stretches_that_touch_are_one() {
        check(
            &[(1, Some(0), 5), (1, Some(0), 9), (1, Some(9), 12)],
            &[(1, 0, 5, Gap::Span), (1, 0, 9, Gap::Span), (1, 0, 12, Gap::Span)],
        );
    }

    #[test]
    fn what_says_nothing_new_is_not_written() {
        check(&[(1, Some(0), 5), (1, Some(0), 5)], &[(1, 0, 5, Gap::Span)]);
    }

    #[test]
    fn after_a_pause_another_begins() {
        check(&[(1, Some(0), 5), (1, Some(8), 9)], &[(1, 0, 5, Gap::Span), (1, 8, 9, Gap::Pause)]);
    }

    #[test]
    fn after_a_hole_another_begins_and_says_so() {
        check(
            &[(1, Some(0), 5), (0, None, 0), (1, Some(8), 9), (1, Some(8), 10)],
            &[(1, 0, 5, Gap::Span), (1, 8, 9, Gap::Hole), (1, 8, 10, Gap::Hole)],
        );
    }

    #[test]
    fn a_new_span_may_begin_earlier() {
        check(
            &[(1, Some(100), 105), (2, Some(7), 9)],
            &[(1, 100, 105, Gap::Span), (2, 7, 9, Gap::Span)],
        );
    }

    #[test]
    fn a_restored_centre_goes_on_with_what_is_stored() {
        let span = SpanId::from_bits(1);
        let stored = Growing { span, from: t(0), until: t(5), gap: Gap::Pause };
        let mut stretches = Stretches::restored(stored);
        let now = VouchedStretch { span, since: None, until: t(9) };
        assert_eq!(stretches.grow(Some(now)), Some(Growing { until: t(9), ..stored }));
    }
}
