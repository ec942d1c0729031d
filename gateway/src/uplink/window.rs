//! How much may be under way, and what must be sent again: go-back-N, without I/O.
//!
//! ```text
//!  ready ──next──► in flight ──receipt──► forgotten
//!    ▲                 │
//!    └── go back ◄─────┘  the oldest is without a receipt for 5 s, the centre asks,
//!        (the lane)       or the connection is a new one (both lanes)
//! ```
//!
//! A batch is in flight from its sending to its receipt; a PUBACK only says how fast the link
//! is. In flight, both lanes together, is at most what was PUBACKed in the last 2 s, and at
//! least one batch of each lane: a routine lane that waits for its receipts never holds up an
//! urgent batch. While an urgent batch waits, nothing routine is sent.

use std::collections::VecDeque;

use firegrid_wire::limits::RECEIPT_PATIENCE_MS;
use firegrid_wire::span::{BatchName, Lane, PerLane};
use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// The link's speed is measured over this long.
const MEASURED_OVER: Millis = Millis::seconds(2);

/// Never more than this is in flight, however fast the link: the centre has to take it too.
const MOST_BYTES: u64 = 512 * 1024;

/// What is in flight on one connection. The next connection begins with a new one.
#[derive(Debug, Default)]
pub(super) struct Window {
    in_flight: PerLane<VecDeque<Sent>>,
    acknowledged: VecDeque<(Uptime, u64)>,
    /// Given to the client and not PUBACKed, sent again or not: it still fills the link.
    unacknowledged: PerLane<VecDeque<(BatchName, u64)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    name: BatchName,
    bytes: u64,
    at: Uptime,
}

impl Window {
    /// The lane whose next batch may be sent now. `ready` is how long those batches are.
    pub(super) fn next(&mut self, now: Uptime, ready: PerLane<Option<u64>>) -> Option<Lane> {
        let lane = Lane::ALL.into_iter().find(|lane| ready[*lane].is_some())?;
        let bytes = ready[lane]?;
        let room = self.room(now);
        let fits = |others: u64| others + bytes <= room;
        let nothing_of_lane = self.in_flight[lane].is_empty();
        let others = Lane::ALL.into_iter().map(|lane| self.bytes_in_flight(lane)).sum();
        let link = self.open().map(|(_, _, bytes)| bytes).sum();
        let free = (nothing_of_lane && self.unacknowledged[lane].is_empty())
            || (fits(others) && fits(link));
        free.then_some(lane)
    }

    /// A batch goes out.
    pub(super) fn sent(&mut self, lane: Lane, name: BatchName, bytes: u64, now: Uptime) {
        self.in_flight[lane].push_back(Sent { name, bytes, at: now });
        self.unacknowledged[lane].push_back((name, bytes));
    }

    /// The batch that went out last did not go out after all.
    pub(super) fn not_sent(&mut self, lane: Lane) {
        self.in_flight[lane].pop_back();
        self.unacknowledged[lane].pop_back();
    }

    /// The broker has taken the oldest batch of the lane that it had not taken.
    pub(super) fn acknowledged(&mut self, lane: Lane, now: Uptime) {
        if let Some((_, bytes)) = self.unacknowledged[lane].pop_front() {
            self.acknowledged.push_back((now, bytes));
        }
    }

    /// The broker has refused it: it will be sent again, and says nothing about the link.
    pub(super) fn refused(&mut self, lane: Lane) {
        self.unacknowledged[lane].pop_front();
    }

    /// The centre has committed everything up to this name.
    pub(super) fn receipted(&mut self, lane: Lane, name: BatchName) {
        let sent = &mut self.in_flight[lane];
        let covered =
            sent.iter().rposition(|sent| sent.name.span == name.span && sent.name.seq <= name.seq);
        if let Some(place) = covered {
            sent.drain(..=place);
        }
    }

    /// Whether the lane must go back because the centre asks for a batch that was sent. What
    /// was not sent will be, without asking.
    pub(super) fn asked(&self, lane: Lane, name: BatchName) -> bool {
        self.in_flight[lane].iter().any(|sent| sent.name == name)
    }

    /// Whether the lane must go back because its oldest batch waits too long for its receipt.
    pub(super) fn is_overdue(&self, lane: Lane, now: Uptime) -> bool {
        self.in_flight[lane].front().is_some_and(|sent| overdue_at(sent) <= now)
    }

    /// The lane sends again from its last receipt.
    pub(super) fn go_back(&mut self, lane: Lane) {
        self.in_flight[lane].clear();
    }

    /// When something becomes overdue.
    pub(super) fn deadline(&self) -> Option<Uptime> {
        Lane::ALL.into_iter().filter_map(|lane| self.in_flight[lane].front().map(overdue_at)).min()
    }

    /// How many messages the broker has not taken.
    pub(super) fn open_messages(&self) -> usize {
        self.open().count()
    }

    /// The longest batch that the broker has not taken.
    pub(super) fn longest(&self) -> Option<(Lane, BatchName)> {
        self.open().max_by_key(|(_, _, bytes)| *bytes).map(|(lane, name, _)| (lane, name))
    }

    fn open(&self) -> impl Iterator<Item = (Lane, BatchName, u64)> {
        Lane::ALL.into_iter().flat_map(|lane| {
            self.unacknowledged[lane].iter().map(move |(name, bytes)| (lane, *name, *bytes))
        })
    }

    fn bytes_in_flight(&self, lane: Lane) -> u64 {
        self.in_flight[lane].iter().map(|sent| sent.bytes).sum()
    }

    /// What the link has shown that it carries.
    fn room(&mut self, now: Uptime) -> u64 {
        while self.acknowledged.front().is_some_and(|(at, _)| MEASURED_OVER < now.since(*at)) {
            self.acknowledged.pop_front();
        }
        self.acknowledged.iter().map(|(_, bytes)| bytes).sum::<u64>().min(MOST_BYTES)
    }
}

fn overdue_at(sent: &Sent) -> Uptime {
    sent.at.plus(Millis::new(RECEIPT_PATIENCE_MS))
}

#[cfg(test)]
mod tests {
    use firegrid_wire::span::SpanId;
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Uptime {
        Uptime::after(Millis::new(millis))
    }

    fn name(seq: u64) -> BatchName {
        BatchName { span: SpanId::from_bits(1), seq }
    }

    fn urgent(bytes: u64) -> PerLane<Option<u64>> {
        PerLane { urgent: Some(bytes), routine: None }
    }

    fn routine(bytes: u64) -> PerLane<Option<u64>> {
        PerLane { urgent: None, routine: Some(bytes) }
    }

    /// A window in which so many batches of 100 bytes were sent and PUBACKed at 0 ms.
    fn after_sending(count: u64) -> Window {
        let mut window = Window::default();
        for seq in 1..=count {
            window.sent(Lane::Routine, name(seq), 100, at(0));
            window.acknowledged(Lane::Routine, at(0));
        }
        window
    }

    #[test]
    fn one_batch_may_always_be_under_way() {
        let mut window = Window::default();
        assert_eq!(window.next(at(0), routine(100_000)), Some(Lane::Routine));
        window.sent(Lane::Routine, name(1), 100_000, at(0));
        assert_eq!(window.next(at(0), routine(1)), None);
    }

    #[test]
    fn in_flight_is_what_the_link_carried_in_two_seconds() {
        let mut window = after_sending(3);
        window.receipted(Lane::Routine, name(3));
        for seq in 4..=6 {
            assert_eq!(window.next(at(100), routine(100)), Some(Lane::Routine));
            window.sent(Lane::Routine, name(seq), 100, at(100));
        }
        assert_eq!(window.next(at(100), routine(100)), None, "300 bytes in two seconds");
        window.receipted(Lane::Routine, name(4));
        window.acknowledged(Lane::Routine, at(150));
        assert_eq!(window.next(at(200), routine(100)), Some(Lane::Routine));
        assert_eq!(window.next(at(2_140), routine(100)), None, "the first PUBACKs are too old");
    }

    #[test]
    fn a_puback_alone_makes_no_room() {
        let mut window = after_sending(1);
        assert_eq!(window.next(at(0), routine(100)), None);
        window.receipted(Lane::Routine, name(1));
        assert_eq!(window.next(at(0), routine(100)), Some(Lane::Routine));
    }

    #[test]
    fn urgent_goes_first_and_routine_waits_for_it() {
        let mut window = Window::default();
        let both = PerLane { urgent: Some(100), routine: Some(100) };
        assert_eq!(window.next(at(0), both), Some(Lane::Urgent));
        window.sent(Lane::Urgent, name(1), 100, at(0));
        assert_eq!(window.next(at(0), both), None);
        assert_eq!(window.next(at(0), routine(100)), Some(Lane::Routine));
    }

    #[test]
    fn a_routine_lane_without_receipts_does_not_hold_up_an_urgent_batch() {
        let mut window = after_sending(1);
        window.sent(Lane::Routine, name(2), 8_000, at(0));
        assert_eq!(window.next(at(0), urgent(8_000)), Some(Lane::Urgent));
    }

    #[test]
    fn a_batch_without_a_receipt_for_five_seconds_sends_its_lane_back() {
        let mut window = after_sending(2);
        assert_eq!(window.deadline(), Some(at(5_000)));
        assert!(!window.is_overdue(Lane::Routine, at(4_999)));
        assert!(window.is_overdue(Lane::Routine, at(5_000)));
        assert!(!window.is_overdue(Lane::Urgent, at(9_999)));
        window.go_back(Lane::Routine);
        assert_eq!(window.deadline(), None);
        assert_eq!(window.next(at(5_000), routine(100)), Some(Lane::Routine));
    }

    #[test]
    fn what_still_fills_the_link_is_not_sent_a_second_time() {
        let mut window = Window::default();
        window.sent(Lane::Routine, name(1), 8_000, at(0));
        window.go_back(Lane::Routine);
        assert_eq!(window.next(at(5_000), routine(8_000)), None);
        window.acknowledged(Lane::Routine, at(5_100));
        assert_eq!(window.next(at(5_100), routine(8_000)), Some(Lane::Routine));
    }

    #[test]
    fn a_receipt_covers_everything_before_it_and_nothing_of_an_unknown_span() {
        let mut window = after_sending(3);
        let earlier = BatchName { span: SpanId::from_bits(9), seq: 7 };
        window.receipted(Lane::Routine, earlier);
        assert!(window.asked(Lane::Routine, name(1)));
        window.receipted(Lane::Routine, name(2));
        assert!(!window.asked(Lane::Routine, name(2)));
        assert!(window.asked(Lane::Routine, name(3)));
        window.receipted(Lane::Routine, name(99));
        assert_eq!(window.deadline(), None);
    }

    #[test]
    fn a_refused_batch_says_nothing_about_the_link() {
        let mut window = Window::default();
        window.sent(Lane::Routine, name(1), 100, at(0));
        window.refused(Lane::Routine);
        window.sent(Lane::Routine, name(2), 100, at(0));
        assert_eq!(window.next(at(0), routine(1)), None);
    }

    /// A link with a rate, a centre that may be deaf: whatever they do, the bound holds, and
    /// once the centre hears, everything arrives.
    #[derive(Debug, Clone)]
    struct World {
        urgent: u64,
        routine: u64,
        bytes: u64,
        deaf_until: u64,
        puback_after: u64,
        receipt_after: u64,
        lost: Vec<bool>,
    }

    fn world() -> impl Strategy<Value = World> {
        (
            0..30_u64,
            1..60_u64,
            1..8_000_u64,
            0..20_000_u64,
            1..3_000_u64,
            1..4_000_u64,
            prop::collection::vec(any::<bool>(), 0..20),
        )
            .prop_map(|(urgent, routine, bytes, deaf_until, puback, receipt, lost)| {
                World {
                    urgent,
                    routine,
                    bytes,
                    deaf_until,
                    puback_after: puback,
                    receipt_after: receipt,
                    lost,
                }
            })
    }

    proptest! {
        #[test]
        fn everything_arrives_and_never_more_is_under_way_than_allowed(world in world()) {
            let mut window = Window::default();
            let total = PerLane { urgent: world.urgent, routine: world.routine };
            let mut next = PerLane { urgent: 1, routine: 1 };
            let mut position = PerLane { urgent: 0, routine: 0 };
            let mut forgotten = PerLane { urgent: 0, routine: 0 };
            let mut pubacks: VecDeque<(u64, Lane)> = VecDeque::new();
            let mut receipts: VecDeque<(u64, Lane, u64)> = VecDeque::new();
            let mut losses = world.lost.iter().copied();
            let mut now = 0;
            while Lane::ALL.iter().any(|lane| forgotten[*lane] < total[*lane]) {
                now += 10;
                prop_assert!(now < 3_600_000, "it stands still");
                while pubacks.front().is_some_and(|(due, _)| *due <= now) {
                    let (_, lane) = pubacks.pop_front().expect("a PUBACK");
                    window.acknowledged(lane, at(now));
                }
                while receipts.front().is_some_and(|(due, _, _)| *due <= now) {
                    let (_, lane, seq) = receipts.pop_front().expect("a receipt");
                    if seq != 0 {
                        window.receipted(lane, name(seq));
                        forgotten[lane] = seq.max(forgotten[lane]);
                        next[lane] = next[lane].max(forgotten[lane] + 1);
                    }
                }
                for lane in Lane::ALL {
                    if window.is_overdue(lane, at(now)) {
                        window.go_back(lane);
                        next[lane] = forgotten[lane] + 1;
                    }
                }
                loop {
                    let ready = PerLane::from_fn(|lane| {
                        (next[lane] <= total[lane]).then_some(world.bytes)
                    });
                    let Some(lane) = window.next(at(now), ready) else { break };
                    let alone = window.in_flight[lane].is_empty();
                    let seq = next[lane];
                    next[lane] += 1;
                    window.sent(lane, name(seq), world.bytes, at(now));
                    pubacks.push_back((now + world.puback_after, lane));
                    let heard = world.deaf_until <= now && !losses.next().unwrap_or(false);
                    if heard && seq <= position[lane] + 1 {
                        position[lane] = position[lane].max(seq);
                        receipts.push_back((now + world.receipt_after, lane, position[lane]));
                    }
                    let under_way: u64 =
                        Lane::ALL.into_iter().map(|lane| window.bytes_in_flight(lane)).sum();
                    prop_assert!(alone || under_way <= window.room(at(now)));
                }
            }
        }
    }
}
