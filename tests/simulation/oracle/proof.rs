//! Whether what was raised and cleared is borne out by what was read.

use std::collections::BTreeMap;

use firegrid_wire::reading::Value;
use firegrid_wire::span::{Lane, SpanId};

use super::super::centre::{FIRE_CLEAR_FOR_MS, LOW_CLEAR_FOR_MS, LOW_FOR_MS};
use super::super::panel::{CHANGING, POINTS, Said, point_id};
use super::{Oracle, PAUSE_MS, Poll};

impl Oracle {
    pub(super) fn check_raised(&mut self, place: usize, span: SpanId, t: i64, id: &str) {
        let kind = self.alarms.get(id).map(|alarm| alarm.kind.clone()).unwrap_or_default();
        match POINTS[place].2 {
            Lane::Urgent => {
                let burns = |(at, says): &Poll| {
                    *at == t && says[place].is_some_and(|said| said.is_due(&kind))
                };
                let seen = self.polls_of(span, place).iter().any(burns);
                let marked = self.markers.iter().any(|(_, marker)| !marker.fires.is_empty());
                if !seen && !marked {
                    self.broken("no alarm is invented", || format!("{id} at {t} in {span}"));
                }
            }
            Lane::Routine => {
                let from = t - LOW_FOR_MS as i64;
                // A hole does not stop what holds on both of its sides.
                let against = self.polls_of(span, place).iter().find(|(at, says)| {
                    (from..t).contains(at) && says[place].is_some_and(Said::is_calm)
                });
                // What held when the copy was made holds on behind the hole that it tells of.
                if let (Some((at, _)), false) = (against.copied(), self.centre_restored) {
                    self.broken("a low pressure is proven", || format!("{id}: calm at {at}"));
                }
                if let Some(since) = self.begins(place, span, t, Said::is_alarming)
                    && since != from
                {
                    self.broken("a deadline falls when it is due", || {
                        format!("{id}: low since {since}, raised at {t}")
                    });
                }
            }
        }
    }

    pub(super) fn check_cleared(&mut self, place: usize, span: SpanId, t: i64, id: &str) {
        let lasting = match POINTS[place].2 {
            Lane::Urgent => FIRE_CLEAR_FOR_MS,
            Lane::Routine => LOW_CLEAR_FOR_MS,
        };
        let kind = self.alarms.get(id).map(|alarm| alarm.kind.clone()).unwrap_or_default();
        let calm = |said: Said| said.is_calm_of(&kind);
        let from = t - lasting as i64;
        if let Some(why) = self.gap(place, span, from, t, calm) {
            self.broken("calm is proven before anything clears", || {
                format!("{id} in {span} [{from}, {t}]: {why}")
            });
        }
        if let Some(since) = self.begins(place, span, t, calm)
            && since != from
        {
            self.broken("a deadline falls when it is due", || {
                format!("{id}: calm since {since}, cleared at {t}")
            });
        }
        let inherits = place == CHANGING && self.catalogue_changed;
        let before = self.raised.get(id).map(|(order, _)| *order);
        let changed =
            self.made.values().filter(|made| made.after_change).map(|made| made.place).min();
        if inherits && changed.is_some() && before.is_some() {
            let first = self
                .made
                .iter()
                .filter(|(_, made)| made.after_change)
                .map(|((_, name), _)| self.order_of(name.span))
                .min();
            if before < first && first <= Some(self.order_of(span)) {
                self.broken("a changed point clears nothing of its predecessor", || id.to_owned());
            }
        }
    }

    fn polls_of(&self, span: SpanId, place: usize) -> &[Poll] {
        self.polls.get(&(span, POINTS[place].1)).map_or(&[], Vec::as_slice)
    }

    /// What is wrong with a stretch in which the point should have been read all the time and
    /// should have said this.
    fn gap(
        &self,
        place: usize,
        span: SpanId,
        from: i64,
        to: i64,
        says: impl Fn(Said) -> bool,
    ) -> Option<String> {
        let mut last = None;
        for (at, all) in self.polls_of(span, place) {
            if *at < from {
                last = Some(*at);
                continue;
            }
            if let Some(last) = last
                && PAUSE_MS < at - last.max(from)
            {
                return Some(format!("not read between {last} and {at}"));
            }
            if to <= *at {
                return None;
            }
            match all[place] {
                Some(said) if says(said) => {}
                Some(_) | None => return Some(format!("{:?} was read at {at}", all[place])),
            }
            if last.is_none() && PAUSE_MS < at - from {
                return Some(format!("not read before {at}"));
            }
            last = Some(*at);
        }
        let seen = last.is_some_and(|last| to - PAUSE_MS <= last);
        (!seen).then(|| format!("last read at {last:?}"))
    }

    /// Since when a point has said this without a pause up to a moment, if the reading before
    /// said otherwise and there was no pause either. While the box holds a chattering point it
    /// tells `unknown` in its place: what follows begins when the box lets it speak again. A
    /// marker is a hole: nothing is said of what reaches across it.
    fn begins(
        &self,
        place: usize,
        span: SpanId,
        to: i64,
        says: impl Fn(Said) -> bool,
    ) -> Option<i64> {
        let mut begins = None;
        let mut last: Option<(i64, bool)> = None;
        for (at, all) in self.polls_of(span, place) {
            if to < *at {
                break;
            }
            let holds = all[place].is_some_and(&says);
            let paused = last.is_none_or(|(last, _)| 2_500 < at - last);
            begins = match (holds, last) {
                (false, _) => None,
                (true, _) if paused => return None,
                (true, Some((_, false))) => Some(*at),
                (true, Some((_, true)) | None) => begins,
            };
            last = Some((*at, holds));
        }
        let begins = self.after_chatter(place, span, begins?, to)?;
        let marked = self.markers.iter().any(|(lane, marker)| {
            let touches = marker.ends.iter().any(|end| end.span == span);
            let before = marker.until.is_some_and(|until| until.millis() < begins);
            *lane == POINTS[place].2 && touches && !before
        });
        (!marked).then_some(begins)
    }

    /// When the box told what a point says after it had last held it, if it had since then.
    fn after_chatter(&self, place: usize, span: SpanId, since: i64, to: i64) -> Option<i64> {
        let (_, _, lane) = POINTS[place];
        let id = point_id(place);
        let mut told = BTreeMap::new();
        for ((of, name), made) in &self.made {
            if *of != lane || name.span != span {
                continue;
            }
            for (index, reading) in &made.readings {
                let at = reading.time.millis();
                if reading.point == id && (since..=to).contains(&at) {
                    told.insert((name.seq, *index), (at, reading.value == Value::Unknown));
                }
            }
        }
        let mut begins = Some(since);
        for (at, held) in told.into_values() {
            begins = if held { None } else { begins.or(Some(at)) };
        }
        begins
    }
}
