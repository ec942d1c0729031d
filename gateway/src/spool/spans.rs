//! The spans of a lane in their order, each with its last number: what order is measured by,
//! and what a marker needs to name what it touches. It remembers beyond what is forgotten.

use firegrid_wire::marker::SpanEnd;
use firegrid_wire::pack::After;
use firegrid_wire::span::{BatchName, SpanId};

/// Spans of which nothing is held any more, but which can still be named. A box that is started
/// anew every hour remembers three weeks.
pub(super) const FORGOTTEN_SPANS: usize = 512;

/// Spans in the order in which they stood in the lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans {
    /// What stood before the first of them, if that is known.
    pub(super) before: Option<BatchName>,
    pub(super) ends: Vec<SpanEnd>,
}

impl Spans {
    /// A batch stands in the lane; another span ended before its own.
    pub(super) fn meet(&mut self, name: BatchName, before: Option<BatchName>) {
        let before = before.filter(|before| before.span != name.span);
        if let [.., known, end] = self.ends.as_mut_slice()
            && end.span == name.span
            && before.is_none_or(|before| before.span == known.span && before.seq <= known.seq)
        {
            end.seq = end.seq.max(name.seq);
            return;
        }
        if self.order(name.span).is_none() {
            self.ends.push(SpanEnd { span: name.span, seq: name.seq });
        }
        if let Some(before) = before.filter(|before| self.order(before.span).is_none()) {
            let place = self.order(name.span).unwrap_or_default();
            self.ends.insert(place, SpanEnd { span: before.span, seq: before.seq });
        }
        for known in [Some(name), before].into_iter().flatten() {
            if let Some(place) = self.order(known.span) {
                self.ends[place].seq = self.ends[place].seq.max(known.seq);
            }
        }
    }

    /// A batch is read whose span nobody has told of, because its segment could not be read when
    /// the lane was opened: the span stands behind that of the batch before it.
    pub(super) fn find(&mut self, name: BatchName, before: Option<BatchName>) {
        if self.order(name.span).is_none() {
            let behind = before.and_then(|before| self.order(before.span));
            let end = SpanEnd { span: name.span, seq: name.seq };
            self.ends.insert(behind.map_or(0, |place| place + 1), end);
        }
    }

    /// Takes up what was written down of the lane. What was met before and is not known to it
    /// stood before it, if it was followed by what it begins with; otherwise it came later.
    pub(super) fn remember(&mut self, known: &Spans) {
        let met = std::mem::replace(self, known.clone());
        let begin = known.ends.first().and_then(|first| met.order(first.span)).unwrap_or(0);
        if begin != 0 {
            self.before = met.before;
            self.ends.splice(..0, met.ends[..begin].iter().copied());
        }
        for SpanEnd { span, seq } in met.ends.into_iter().skip(begin) {
            self.meet(BatchName { span, seq }, None);
        }
    }

    /// The place of a span, if it is known. Late spans are asked for most.
    pub(super) fn order(&self, span: SpanId) -> Option<usize> {
        self.ends.iter().rposition(|end| end.span == span)
    }

    /// Whether a name stands at or before another one.
    pub(super) fn is_passed(&self, before: Option<BatchName>, name: BatchName) -> bool {
        let Some(before) = before else { return false };
        if before.span == name.span {
            return name.seq <= before.seq;
        }
        match (self.order(name.span), self.order(before.span)) {
            (Some(name), Some(before)) => name < before,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// What stood right before a name.
    pub(super) fn before(&self, name: BatchName) -> Option<BatchName> {
        if 1 < name.seq {
            return Some(BatchName { seq: name.seq - 1, ..name });
        }
        match self.order(name.span)?.checked_sub(1) {
            Some(place) => Some(self.end(place)),
            None => self.before,
        }
    }

    /// What a marker that begins with this name says of what stood before.
    pub(super) fn after(&self, first: BatchName) -> Option<After> {
        (first.seq == 1).then(|| self.before(first).map_or(After::Nothing, After::Batch))
    }

    /// The name itself, or the begin of the next span if its span ended before it.
    pub(super) fn at_or_behind(&self, name: BatchName) -> Option<BatchName> {
        let place = self.order(name.span)?;
        if name.seq <= self.ends[place].seq {
            return Some(name);
        }
        self.ends.get(place + 1).map(|next| BatchName { span: next.span, seq: 1 })
    }

    /// Every span between two names, with the last number of each.
    pub(super) fn touched(&self, first: BatchName, last: BatchName) -> Vec<SpanEnd> {
        let end = SpanEnd { span: last.span, seq: last.seq };
        match (self.order(first.span), self.order(last.span)) {
            (Some(from), Some(to)) if from < to => {
                self.ends[from..to].iter().copied().chain([end]).collect()
            }
            (Some(_) | None, Some(_) | None) => vec![end],
        }
    }

    /// Everything before this name is forgotten: of that, no more spans are kept than have room.
    pub(super) fn forget_before(&mut self, held: BatchName) {
        let place = self.order(held.span).unwrap_or_default();
        self.keep(self.ends.len() - place.saturating_sub(FORGOTTEN_SPANS));
    }

    /// The latest of them, for writing down.
    pub(super) fn latest(&self) -> Spans {
        let mut latest = self.clone();
        latest.keep(FORGOTTEN_SPANS);
        latest
    }

    fn keep(&mut self, count: usize) {
        let forgotten = self.ends.len().saturating_sub(count);
        if let Some(last) = forgotten.checked_sub(1) {
            self.before = Some(self.end(last));
            self.ends.drain(..forgotten);
        }
    }

    fn end(&self, place: usize) -> BatchName {
        let SpanEnd { span, seq } = self.ends[place];
        BatchName { span, seq }
    }
}
