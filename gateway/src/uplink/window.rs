//! How much may be in flight: go-back-N, both lanes together.
//!
//! In flight is what is sent and not receipted. It may be as many bytes as the broker has
//! acknowledged in the last two seconds, and at least one batch; so a slow link is never
//! filled with a backlog behind which a live fire would wait. What is not receipted within
//! five seconds is sent again from the last receipt. Knows names and sizes only; sends nothing
//! and reads no clock.

use std::collections::VecDeque;

use firegrid_wire::limits::RECEIPT_PATIENCE_MS;
use firegrid_wire::span::{BatchName, Lane, PerLane};
use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// The broker's acknowledgements of this long count.
const LOOKS_BACK: Millis = Millis::seconds(2);

/// What is in flight and how fast the broker takes it. Begin with a new one on every connection.
#[derive(Debug, Default)]
pub struct Window {
    in_flight: PerLane<VecDeque<Sent>>,
    bytes_in_flight: u64,
    acknowledged: VecDeque<(Uptime, u64)>,
    bytes_acknowledged: u64,
}

#[derive(Debug)]
struct Sent {
    name: BatchName,
    bytes: u64,
    at: Uptime,
    acknowledged: bool,
}

impl Window {
    /// Whether a batch of this many bytes may be sent now.
    pub fn has_room(&mut self, bytes: u64, now: Uptime) -> bool {
        while let Some((_, old)) =
            self.acknowledged.pop_front_if(|(at, _)| LOOKS_BACK < now.since(*at))
        {
            self.bytes_acknowledged -= old;
        }
        self.bytes_in_flight == 0 || self.bytes_in_flight + bytes <= self.bytes_acknowledged
    }

    /// A batch was sent.
    pub fn sent(&mut self, lane: Lane, name: BatchName, bytes: u64, now: Uptime) {
        self.bytes_in_flight += bytes;
        self.in_flight[lane].push_back(Sent { name, bytes, at: now, acknowledged: false });
    }

    /// The broker has taken a batch. It stays in flight until it is receipted.
    pub fn acknowledged(&mut self, lane: Lane, name: BatchName, now: Uptime) {
        let first =
            self.in_flight[lane].iter_mut().find(|sent| sent.name == name && !sent.acknowledged);
        if let Some(sent) = first {
            sent.acknowledged = true;
            self.bytes_acknowledged += sent.bytes;
            self.acknowledged.push_back((now, sent.bytes));
        }
    }

    /// The lane was receipted: only what the spool still holds is in flight.
    pub fn receipted(&mut self, lane: Lane, still_held: impl Fn(BatchName) -> bool) {
        let mut gone = 0;
        self.in_flight[lane].retain(|sent| {
            let held = still_held(sent.name);
            gone += if held { 0 } else { sent.bytes };
            held
        });
        self.bytes_in_flight -= gone;
    }

    /// The lane is sent again from its last receipt: nothing of it is in flight.
    pub fn go_back(&mut self, lane: Lane) {
        let gone: u64 = self.in_flight[lane].drain(..).map(|sent| sent.bytes).sum();
        self.bytes_in_flight -= gone;
    }

    /// The lanes whose oldest batch in flight has waited too long for its receipt.
    pub fn overdue(&self, now: Uptime) -> impl Iterator<Item = Lane> {
        Lane::ALL.into_iter().filter(move |lane| self.due(*lane).is_some_and(|due| due <= now))
    }

    /// When the next batch in flight will have waited too long.
    pub fn deadline(&self) -> Option<Uptime> {
        Lane::ALL.into_iter().filter_map(|lane| self.due(lane)).min()
    }

    fn due(&self, lane: Lane) -> Option<Uptime> {
        let oldest = self.in_flight[lane].front()?;
        Some(oldest.at.plus(Millis::new(RECEIPT_PATIENCE_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::span::SpanId;

    const LANE: Lane = Lane::Urgent;

    fn name(seq: u64) -> BatchName {
        BatchName { span: SpanId::from_bits(1), seq }
    }

    fn at(millis: u64) -> Uptime {
        Uptime::after(Millis::new(millis))
    }

    #[test]
    fn one_batch_may_always_be_in_flight_and_no_second_before_the_broker_took_it() {
        let mut window = Window::default();
        assert!(window.has_room(1_000_000, at(0)));
        window.sent(LANE, name(1), 100, at(0));
        assert!(!window.has_room(1, at(0)));
        window.acknowledged(LANE, name(1), at(10));
        assert!(!window.has_room(1, at(10)), "it is not receipted");
        window.receipted(LANE, |held| held != name(1));
        assert!(window.has_room(100, at(10)));
    }

    #[test]
    fn the_window_grows_with_what_the_broker_takes_and_shrinks_when_it_stands_still() {
        let mut window = Window::default();
        for seq in 1..=10 {
            window.sent(LANE, name(seq), 100, at(0));
            window.acknowledged(LANE, name(seq), at(100));
            window.receipted(LANE, |_| false);
        }
        window.sent(Lane::Routine, name(1), 900, at(100));
        assert!(window.has_room(100, at(2_100)), "both lanes share 1000 bytes");
        assert!(!window.has_room(101, at(2_100)));
        assert!(!window.has_room(1, at(2_101)), "the acknowledgements are too old");
    }

    #[test]
    fn an_acknowledgement_counts_once() {
        let mut window = Window::default();
        window.sent(LANE, name(1), 100, at(0));
        window.acknowledged(LANE, name(1), at(1));
        window.acknowledged(LANE, name(1), at(1));
        window.receipted(LANE, |held| held != name(1));
        window.sent(LANE, name(2), 60, at(1));
        assert!(!window.has_room(60, at(1)));
    }

    #[test]
    fn what_is_not_receipted_in_time_is_due_again() {
        let mut window = Window::default();
        window.sent(LANE, name(1), 100, at(1_000));
        window.sent(LANE, name(2), 100, at(2_000));
        assert_eq!(window.deadline(), Some(at(6_000)));
        assert_eq!(window.overdue(at(5_999)).count(), 0);
        assert_eq!(window.overdue(at(6_000)).collect::<Vec<_>>(), [LANE]);
        window.receipted(LANE, |held| held != name(1));
        assert_eq!(window.deadline(), Some(at(7_000)));
        window.go_back(LANE);
        assert_eq!(window.deadline(), None);
        assert!(window.has_room(1_000, at(7_000)));
    }

    #[test]
    fn a_receipt_beyond_what_is_in_flight_empties_it() {
        let mut window = Window::default();
        window.sent(LANE, name(2), 100, at(0));
        window.receipted(LANE, |held| 1 < held.seq);
        assert!(!window.has_room(1, at(0)));
        window.receipted(LANE, |held| 5 < held.seq);
        assert!(window.has_room(1, at(0)));
    }
}
