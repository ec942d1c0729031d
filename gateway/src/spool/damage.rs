//! What is missing between two batches, and the marker that says so.
//!
//! The names of a lane follow each other without holes. So damage needs no record of its own:
//! what lies between the name before it and the name behind it is what is gone. What can still
//! be read in the rubble of an urgent batch and was fire-class is told with the marker.

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::marker::{MarkerReason, More, SpanEnd};
use firegrid_wire::names::GatewayId;
use firegrid_wire::pack::After;
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::time::GatewayTime;

use super::gone::{Fires, Gone};

/// What a marker carries besides what it stands for.
#[derive(Debug, Clone)]
pub struct MarkerLabels {
    /// Whose spool it is.
    pub gateway: GatewayId,
    /// Which lane of it.
    pub lane: Lane,
    /// The hash of the catalogue of this run.
    pub catalogue: CatalogueHash,
}

/// Batches that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    first: BatchName,
    after: Option<After>,
    ends: Vec<SpanEnd>,
    last: BatchName,
}

impl Missing {
    /// What lacks between the name that stood `before` a place and the batch that stands there.
    /// `before_span` is what stood before that batch's span. Without a name before, whatever
    /// could have stood there lacks.
    pub(super) fn between(
        before: Option<BatchName>,
        next: BatchName,
        before_span: Option<BatchName>,
    ) -> Option<Missing> {
        let begin = BatchName { span: next.span, seq: 1 };
        let end_of_span = (1 < next.seq).then(|| BatchName { seq: next.seq - 1, ..next });
        let after = Some(before_span.map_or(After::Nothing, After::Batch));
        let Some(before) = before else {
            return match (end_of_span, before_span) {
                (Some(last), _) => Some(Missing::one(begin, after, last)),
                (None, Some(last)) => Missing::until(None, last),
                (None, None) => None,
            };
        };
        if before.span == next.span {
            let gone = before.seq + 1 < next.seq;
            return end_of_span
                .filter(|_| gone)
                .map(|last| Missing::one(before.next(), None, last));
        }
        let earlier = before_span.and_then(|end| Missing::until(Some(before), end));
        match (earlier, end_of_span) {
            (None, None) => None,
            (None, Some(last)) => Some(Missing::one(begin, after, last)),
            (Some(missing), None) => Some(missing),
            (Some(mut missing), Some(last)) => {
                missing.ends.push(SpanEnd { span: last.span, seq: last.seq });
                missing.last = last;
                Some(missing)
            }
        }
    }

    /// What lacks behind the name that stood `before` a place, up to a name and with it.
    pub(super) fn until(before: Option<BatchName>, last: BatchName) -> Option<Missing> {
        let begin = BatchName { span: last.span, seq: 1 };
        let Some(before) = before else {
            return Some(Missing::one(begin, Some(After::Nothing), last));
        };
        if before.span == last.span {
            return (before.seq < last.seq).then(|| Missing::one(before.next(), None, last));
        }
        // Where the earlier span ended is gone too; at least one batch of it is claimed.
        let mut missing = Missing::one(before.next(), None, last);
        missing.ends.insert(0, SpanEnd { span: before.span, seq: before.seq + 1 });
        Some(missing)
    }

    fn one(first: BatchName, after: Option<After>, last: BatchName) -> Missing {
        Missing { first, after, ends: vec![SpanEnd { span: last.span, seq: last.seq }], last }
    }

    /// The name of the marker: the last of what it stands for.
    #[cfg(test)]
    fn name(&self) -> BatchName {
        self.last
    }

    /// What the marker says. `rubble` is what stands at the place of the missing batches.
    pub(super) fn gone(
        self,
        since: Option<GatewayTime>,
        until: Option<GatewayTime>,
        rubble: &[u8],
    ) -> Gone {
        let fires = Fires::in_rubble(rubble, self.first.span);
        let Missing { first, after, ends, last } = self;
        let (reason, more) = (MarkerReason::Damaged, More::default());
        Gone { first, after, ends, last, since, until, reason, fires, more }
    }
}

#[cfg(test)]
mod tests {
    use firegrid_wire::marker::LostFire;
    use firegrid_wire::pack;
    use firegrid_wire::span::SpanId;

    use super::*;

    fn name(text: &str) -> BatchName {
        let (span, seq) = text.split_once('/').expect("a name");
        let span = SpanId::from_bits(span.parse().expect("a span"));
        BatchName { span, seq: seq.parse().expect("a number") }
    }

    fn text(missing: Option<Missing>) -> String {
        let Some(missing) = missing else { return "nothing".into() };
        let short = |name: BatchName| format!("{}/{}", name.span.bits(), name.seq);
        let ends: Vec<String> =
            missing.ends.iter().map(|end| format!("{}/{}", end.span.bits(), end.seq)).collect();
        let after = match missing.after {
            None => String::new(),
            Some(After::Nothing) => " after nothing".into(),
            Some(After::Batch(name)) => format!(" after {}", short(name)),
        };
        format!("from {}{after} to {}", short(missing.first), ends.join(", "))
    }

    #[track_caller]
    fn check(before: &str, next: &str, before_span: &str, expected: &str) {
        let optional = |text: &str| (!text.is_empty()).then(|| name(text));
        let missing = Missing::between(optional(before), name(next), optional(before_span));
        assert_eq!(text(missing), expected);
    }

    #[test]
    fn names_that_follow_each_other_miss_nothing() {
        check("", "1/1", "", "nothing");
        check("1/4", "1/5", "", "nothing");
        check("1/4", "2/1", "1/4", "nothing");
    }

    #[test]
    fn a_hole_inside_a_span_is_missing() {
        check("1/4", "1/6", "", "from 1/5 to 1/5");
        check("1/4", "1/9", "", "from 1/5 to 1/8");
    }

    #[test]
    fn the_end_of_a_span_and_the_begin_of_the_next_are_missing() {
        check("1/4", "2/1", "1/7", "from 1/5 to 1/7");
        check("1/4", "2/3", "1/4", "from 2/1 after 1/4 to 2/2");
        check("1/4", "2/3", "1/7", "from 1/5 to 1/7, 2/2");
    }

    #[test]
    fn a_whole_span_in_the_hole_is_missing_with_its_end() {
        check("1/4", "3/2", "2/8", "from 1/5 to 1/5, 2/8, 3/1");
    }

    #[test]
    fn what_lacks_at_the_begin_of_a_spool_follows_what_stood_before_its_span() {
        check("", "1/3", "", "from 1/1 after nothing to 1/2");
        check("", "2/3", "1/9", "from 2/1 after 1/9 to 2/2");
        check("", "2/1", "1/9", "from 1/1 after nothing to 1/9");
    }

    #[test]
    fn every_marker_can_be_read_by_the_contract() {
        let labels = MarkerLabels {
            gateway: GatewayId::parse("mall-01").expect("a gateway"),
            lane: Lane::Urgent,
            catalogue: CatalogueHash::parse("0123456789abcdef").expect("a hash"),
        };
        for (before, next, before_span) in [
            ("1/4", "1/6", ""),
            ("1/4", "2/3", "1/4"),
            ("1/4", "3/2", "2/8"),
            ("1/4", "2/3", "1/7"),
        ] {
            let before_span = (!before_span.is_empty()).then(|| name(before_span));
            let missing = Missing::between(Some(name(before)), name(next), before_span);
            let missing = missing.expect("something is missing");
            let rubble = br#"[{"bn":"mall-01/","span":"0000000000000002","seq":1},{"n":"facp1/L1D017","t":10.5,"vs":"fire disabled"},{"n":"facp1/L1D018","t":11,"vs":"nor#mal"},{"n":"facp1/L1D0"#;
            let name = missing.name();
            let body = missing.gone(None, None, rubble).encode(&labels, 0);
            let pack = pack::decode(&body).expect("a marker");
            assert_eq!(pack.head.name, name);
            let marker = pack.head.marker.expect("a marker");
            assert_eq!(marker.reason, MarkerReason::Damaged);
            let fire = LostFire {
                n: "facp1/L1D017".parse().expect("a point"),
                span: SpanId::from_bits(2),
                t: GatewayTime::from_millis(10_500),
                vs: "fire".into(),
            };
            assert_eq!(marker.fires, [fire]);
        }
    }
}
