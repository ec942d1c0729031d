//! How a lane lets go of batches: on a receipt, when its quota is reached, when the broker
//! refuses one; and what it answers when it is asked for what it let go of.
//!
//! ```text
//!   forgotten            │ marker │ batch │ batch │ batch …        quota reached:
//!                          └─ M ◄────┴───────┘                     the oldest join the marker
//!   … 7/3  7/4  8/1  8/2 │ batch │ batch …                         asked for 7/4:
//!          └──── M ────┘                                           a marker says 7/4 to 8/2
//! ```
//!
//! At most one marker stands at the lane's begin. It is written down with the lane's state and
//! flushed before any segment is removed, before anybody is told of it, and again with every
//! new segment: whenever the power fails, either the batches or the marker are there.

use std::io;

use firegrid_wire::marker::{MarkerReason, More};
use firegrid_wire::span::BatchName;

use super::gone::{Gone, MOST_BREVITY};
use super::lane::{Before, Lane, Place, Position};
use super::reading::Item;
use super::record::{MOST_REFUSED, StateRecord};
use super::storage::Storage;

/// What a lane does when it is asked to send again from a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is held, and sent again.
    Held,
    /// It was forgotten: a marker that says so is sent first.
    Forgotten,
    /// Its span is not known: what is not receipted is sent again.
    Unknown,
}

impl<S: Storage> Lane<S> {
    /// Everything up to this name is committed at the centre; whether that moved anything.
    /// A name of a span that is not known, or lower than what is known, moves nothing.
    pub fn receipt(&mut self, name: BatchName) -> bool {
        let mut moved = false;
        if self.spans.order(name.span).is_some() {
            loop {
                let mut behind = self.front;
                let Ok(item) = self.next(&mut behind) else { break };
                let Some(Item { entry, counts, .. }) = item else {
                    (self.depth, self.oldest) = (0, None);
                    break;
                };
                if !self.spans.is_passed(Some(name), entry.name) {
                    self.oldest = entry.newest;
                    break;
                }
                if self.front.is_begin() {
                    self.marker = None;
                }
                self.refused.retain(|refused| *refused != entry.name);
                self.brevity = 0;
                self.depth = self.depth.saturating_sub(counts);
                self.front = behind;
                self.position.name = Some(entry.name);
                self.position.is_written = false;
                moved = true;
            }
        }
        if (self.cursor.segment, self.cursor.offset) < (self.front.segment, self.front.offset) {
            self.cursor = self.front;
        }
        self.remove_forgotten();
        moved
    }

    /// Removes the segments before the front, or whose place the marker has taken.
    pub(super) fn remove_forgotten(&mut self) {
        if self.pending.restated {
            // What is to be restated may be durable nowhere but in a segment it will replace.
            return;
        }
        let gone = self.marker.as_ref().map(|gone| gone.last).or(self.front.before);
        while let [first, second, ..] = self.segments.make_contiguous() {
            let replaced = match second.before {
                // Nothing of it ever counted.
                Before::Known(_) if second.before == first.before => true,
                Before::Known(last) => last.is_none_or(|last| self.spans.is_passed(gone, last)),
                Before::Damaged => first.last.is_none_or(|last| self.spans.is_passed(gone, last)),
            };
            let passed = first.number < self.front.segment || replaced;
            if !passed || self.storage.remove(first.number).is_err() {
                break;
            }
            self.segments.pop_front();
        }
        if let Some(Before::Known(Some(held))) = self.segments.front().map(|first| first.before) {
            self.spans.forget_before(held);
        }
    }

    /// Lets the oldest segments become a marker until what is pending fits into the quota. The
    /// last segment always stays.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        let needed = self.pending.bytes.len() as u64;
        let most = self.quota.saturating_sub(needed);
        while most < self.held() && 1 < self.segments.len() {
            let count = self.segments.len();
            // What joins a marker is what is gone, not what the broker lets pass.
            let brevity = std::mem::take(&mut self.brevity);
            let replaced = self.replace_oldest();
            self.brevity = brevity;
            replaced?;
            self.remove_forgotten();
            if self.segments.len() == count {
                // It cannot be removed now; nothing is lost by holding it longer.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets whatever of the oldest segment is not receipted join the marker.
    fn replace_oldest(&mut self) -> io::Result<()> {
        let [oldest, next, ..] = &*self.segments.make_contiguous() else { return Ok(()) };
        let (number, boundary) = (oldest.number, next.before);
        let mut gone: Option<Gone> = None;
        let (mut place, mut replaced) = (self.front, 0);
        loop {
            let mut behind = place;
            let item = match self.next(&mut behind) {
                Ok(Some(item)) => item,
                Ok(None) => break,
                // After a few attempts it is passed over like damage.
                Err(_) => continue,
            };
            let name = item.entry.name;
            let belongs = match boundary {
                Before::Known(last) => self.spans.is_passed(last, name),
                Before::Damaged => behind.segment <= number,
            };
            if !belongs {
                break;
            }
            replaced += item.counts;
            let next = Gone::of_marker(&item.entry.body).unwrap_or_else(|| {
                let (after, newest) = (self.spans.after(name), item.entry.newest);
                Gone::batch(name, after, newest, &item.entry.body, MarkerReason::Quota)
            });
            match &mut gone {
                Some(gone) => gone.join(next),
                None => gone = Some(next),
            }
            place = behind;
        }
        let Some(gone) = gone else { return Ok(()) };
        tracing::error!(
            lane = %self.labels.lane,
            first = %gone.first,
            last = %gone.last,
            "The quota is reached, the oldest batches become a marker."
        );
        self.stand_at_begin(gone)?;
        self.depth = self.depth.saturating_sub(replaced) + 1;
        Ok(())
    }

    /// Makes a marker durable that stands before everything that is held, and sends from there.
    fn stand_at_begin(&mut self, gone: Gone) -> io::Result<()> {
        let marker = gone.encode(&self.labels, 0);
        self.write_state(StateRecord { position: None, marker, ..self.state() })?;
        self.position = Position { name: None, is_written: true };
        self.oldest = gone.until.or(self.oldest);
        self.marker = Some(gone);
        (self.front, self.cursor) = (Place::default(), Place::default());
        Ok(())
    }

    /// The centre asks to send again from a name. After an error nothing has changed, and it
    /// may be asked again.
    pub fn asked(&mut self, name: BatchName) -> io::Result<Asked> {
        self.rewind();
        if self.spans.order(name.span).is_none() {
            return Ok(Asked::Unknown);
        }
        let Some(name) = self.spans.at_or_behind(name) else { return Ok(Asked::Held) };
        let mut begin = Place::default();
        let held = self.next(&mut begin)?.map(|item| item.first);
        let forgotten = match held {
            Some(held) => self.spans.before(held),
            None => self.last,
        };
        match forgotten.filter(|last| self.spans.is_passed(Some(*last), name)) {
            Some(last) => self.tell_forgotten(name, last).map(|()| Asked::Forgotten),
            None => self.go_back_to(name).map(|()| Asked::Held),
        }
    }

    /// A marker says that everything between two names is forgotten; one that stood at the
    /// lane's begin follows right behind and joins it.
    fn tell_forgotten(&mut self, first: BatchName, last: BatchName) -> io::Result<()> {
        let mut gone = Gone {
            first,
            after: self.spans.after(first),
            ends: self.spans.touched(first, last),
            last,
            since: None,
            until: None,
            reason: MarkerReason::Forgotten,
            fires: Default::default(),
            more: More::default(),
        };
        tracing::error!(
            lane = %self.labels.lane,
            %first,
            %last,
            "The centre asks for what it had receipted, a marker says that it is forgotten."
        );
        if let Some(marker) = self.marker.clone() {
            gone.join(marker);
            return self.stand_at_begin(gone);
        }
        let receipted = self.front;
        self.stand_at_begin(gone)?;
        self.count_up_to(receipted)
    }

    /// Sends again from a name that is held, receipted or not.
    fn go_back_to(&mut self, name: BatchName) -> io::Result<()> {
        if self.marker.is_some() || !self.spans.is_passed(self.front.before, name) {
            return Ok(());
        }
        let receipted = self.front;
        let mut place = Place::default();
        loop {
            let mut behind = place;
            let item = self.next(&mut behind)?;
            if item.is_none_or(|item| self.spans.is_passed(Some(item.entry.name), name)) {
                break;
            }
            place = behind;
        }
        // A restart may send from later on; then the centre asks again.
        (self.front, self.cursor) = (place, place);
        self.count_up_to(receipted)
    }

    /// The front has gone back: what was receipted up to a place counts again.
    fn count_up_to(&mut self, receipted: Place) -> io::Result<()> {
        let mut place = self.front;
        while let Some(Item { entry, counts, .. }) = self.next(&mut place)? {
            let beyond = (receipted.segment, receipted.offset) < (place.segment, place.offset);
            if beyond && counts != 0 && !self.spans.is_passed(receipted.before, entry.name) {
                break;
            }
            self.depth += counts;
        }
        Ok(())
    }

    /// The broker refuses this very batch for good: a marker takes its place, which is durable
    /// when this returns. A marker that is refused itself is told again with less in it. Whether
    /// anything changed; what is receipted stays as it is.
    pub fn refused(&mut self, name: BatchName) -> io::Result<bool> {
        let stands = |lane: &Lane<S>, last| lane.spans.is_passed(last, name);
        let marker = self.marker.as_ref().map(|gone| gone.last);
        if marker == Some(name) {
            return Ok(self.shorten(name));
        }
        let before = marker.or(self.front.before);
        if !stands(self, self.last) || stands(self, before) {
            return Ok(false);
        }
        if self.refused.contains(&name) || self.last_marker == Some(name) {
            return Ok(self.shorten(name));
        }
        if MOST_REFUSED <= self.refused.len() {
            return Ok(false);
        }
        let mut state = self.state();
        state.refused.push(name);
        self.write_state(state)?;
        self.refused.push(name);
        self.dead_letters = self.dead_letters.saturating_add(1);
        self.rewind();
        tracing::error!(
            lane = %self.labels.lane,
            batch = %name,
            "The broker refuses a batch, a marker takes its place."
        );
        Ok(true)
    }

    /// The broker refuses even the marker: it lists half as much from now on, so that whatever
    /// stands behind it is not held up for ever. Whether that was possible.
    fn shorten(&mut self, marker: BatchName) -> bool {
        self.rewind();
        if MOST_BREVITY <= self.brevity {
            return false;
        }
        self.brevity += 1;
        self.dead_letters = self.dead_letters.saturating_add(1);
        tracing::error!(
            lane = %self.labels.lane,
            batch = %marker,
            "The broker refuses a marker, it is told again with less in it."
        );
        true
    }
}
