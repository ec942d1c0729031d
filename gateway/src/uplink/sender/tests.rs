use firegrid_wire::beat::{Beat, Clock, SpoolHealth};
use firegrid_wire::span::SpanId;
use firegrid_wire::time::GatewayTime;

use super::*;

/// A sender, its lanes, and what it had done so far.
struct World {
    sender: Sender,
    now: Uptime,
    /// What stands in the urgent lane: lengths, from number 1 on.
    lane: Vec<usize>,
    read: usize,
    receipted: u64,
    done: Vec<Output>,
}

fn name(seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(1), seq }
}

fn beat(occasion: Occasion) -> OutgoingBeat {
    let beat = Beat {
        span: SpanId::from_bits(1),
        clock: Clock::Unsynced,
        spool: SpoolHealth::Ok,
        depth: 0,
        age: Millis::ZERO,
        lanes: PerLane::default(),
        alarms: Vec::new(),
        alarm_count: 0,
        dead_letters: 0,
        taken_over: 0,
    };
    OutgoingBeat { beat, sent: GatewayTime::from_millis(0), occasion }
}

fn receipt(says: LaneReceipt) -> Input {
    Input::Receipt(Receipt { lanes: PerLane { urgent: says, routine: LaneReceipt::default() } })
}

fn position(seq: u64) -> LaneReceipt {
    LaneReceipt { position: Some(name(seq)), ..LaneReceipt::default() }
}

impl World {
    /// Batches of these lengths in the urgent lane, and no connection.
    fn with(lane: &[usize]) -> World {
        World {
            sender: Sender::default(),
            now: Uptime::default(),
            lane: lane.to_vec(),
            read: 0,
            receipted: 0,
            done: Vec::new(),
        }
    }

    fn connect(&mut self) {
        self.sender.begin(0, self.now);
        self.hear(Input::Connected { receive_most: 20 });
        self.hear(Input::Subscribed);
        assert!(self.done.contains(&Output::Begin), "{:?}", self.done);
        self.done.retain(|output| matches!(output, Output::Batch(..)));
    }

    fn connected(lane: &[usize]) -> World {
        let mut world = World::with(lane);
        world.connect();
        world
    }

    fn hear(&mut self, input: Input) {
        self.sender.take(input, self.now);
        let unread = self.read < self.lane.len();
        self.sender.take(Input::Standing { lane: Lane::Urgent, unread }, self.now);
        while let Some(output) = self.sender.next(self.now) {
            if let Output::Read { lane: Lane::Urgent, reading, number } = output {
                if reading == Reading::FromReceipt {
                    self.read = self.receipted as usize;
                }
                let entries = (self.read..self.lane.len()).map(|at| Entry {
                    name: name(at as u64 + 1),
                    body: vec![0; self.lane[at]],
                    newest: None,
                });
                let entries = Some(entries.collect());
                self.read = self.lane.len();
                self.sender.take(Input::Read { lane: Lane::Urgent, number, entries }, self.now);
                continue;
            }
            if let Output::Receipt(Lane::Urgent, name) = output {
                self.receipted = name.seq;
            }
            self.done.push(output);
        }
    }

    fn after(&mut self, millis: u64) {
        self.now = self.now.plus(Millis::new(millis));
        self.hear(Input::Time);
    }

    fn acknowledge(&mut self, seq: u64) {
        self.hear(Input::Acknowledged(Ticket::Batch(Lane::Urgent, name(seq))));
    }

    /// Numbers of the batches that went out since it was last asked.
    fn sent(&mut self) -> Vec<u64> {
        let done = std::mem::take(&mut self.done);
        let batch = |output: Output| {
            if let Output::Batch(Lane::Urgent, entry) = output {
                Some(entry.name.seq)
            } else {
                None
            }
        };
        done.into_iter().filter_map(batch).collect()
    }

    fn refuse(&mut self, seq: u64, refusal: Refusal) {
        self.hear(Input::Refused(Ticket::Batch(Lane::Urgent, name(seq)), refusal));
    }

    fn gave_up(&mut self, seq: u64) -> bool {
        self.done.contains(&Output::Refused(Lane::Urgent, name(seq)))
    }
}

#[test]
fn nothing_goes_out_before_receipts_will_come() {
    let mut world = World::with(&[10]);
    world.sender.begin(0, world.now);
    world.hear(Input::Connected { receive_most: 20 });
    world.hear(Input::Beat(beat(Occasion::Regular)));
    assert_eq!(world.done, [Output::Subscribe]);
    world.after(15_000);
    assert!(matches!(world.done.last(), Some(Output::Leave(Left::Lost(Loss::Broken(_))))));
}

#[test]
fn one_goes_out_then_as_many_as_the_link_has_carried() {
    let mut world = World::connected(&[10; 4]);
    assert_eq!(world.sent(), [1]);
    world.acknowledge(1);
    assert_eq!(world.sent(), [0; 0], "a PUBACK is no receipt");
    world.hear(receipt(position(1)));
    assert_eq!(world.sent(), [2]);
}

#[test]
fn what_has_no_receipt_goes_out_again_from_the_last_receipt() {
    let mut world = World::connected(&[10; 2]);
    world.acknowledge(1);
    world.sent();
    world.after(5_000);
    assert_eq!(world.sent(), [1]);
}

#[test]
fn what_is_asked_for_and_not_under_way_is_the_spools_matter() {
    let mut world = World::connected(&[10; 2]);
    let ask = |seq| LaneReceipt { ask: Some(name(seq)), ..position(1) };
    world.hear(receipt(ask(7)));
    assert!(world.done.contains(&Output::Asked(Lane::Urgent, name(7))), "{:?}", world.done);
    world.acknowledge(1);
    world.acknowledge(2);
    world.sent();
    world.hear(receipt(ask(2)));
    assert_eq!(world.sent(), [2]);
}

#[test]
fn a_batch_is_given_up_when_it_was_refused_for_what_it_is_three_times() {
    let mut world = World::connected(&[10; 2]);
    for time in 1..=3 {
        assert_eq!(world.sent(), [1], "attempt {time}");
        world.refuse(1, Refusal::OfThis);
        assert_eq!(world.gave_up(1), time == 3);
        if time == 2 {
            // It is remembered beyond a connection.
            world.connect();
        } else {
            world.after(5_000);
        }
    }
}

#[test]
fn a_batch_that_is_refused_for_now_is_sent_for_ever() {
    let mut world = World::connected(&[10]);
    for _ in 0..10 {
        assert_eq!(world.sent(), [1]);
        world.refuse(1, Refusal::ForNow);
        assert!(!world.gave_up(1));
        world.after(5_000);
    }
}

#[test]
fn a_batch_that_was_taken_in_between_begins_to_count_anew() {
    let mut world = World::connected(&[10]);
    for _ in 0..5 {
        world.refuse(1, Refusal::OfThis);
        world.refuse(1, Refusal::OfThis);
        assert!(!world.gave_up(1));
        world.acknowledge(1);
    }
}

#[test]
fn the_longest_under_way_is_what_a_broker_finds_too_long() {
    let mut world = World::connected(&[10, 9_000]);
    world.acknowledge(1);
    world.hear(receipt(position(1)));
    for time in 1..=3 {
        assert_eq!(world.sent().last(), Some(&2), "{time}");
        world.hear(Input::Lost(Loss::TooLarge));
        assert_eq!(world.gave_up(2), time == 3, "{time}");
        world.connect();
    }
}

#[test]
fn silence_ends_a_connection_and_an_answer_keeps_it() {
    let mut world = World::connected(&[]);
    for occasion in [Occasion::Regular, Occasion::Immediate, Occasion::Regular] {
        world.hear(Input::Beat(beat(occasion)));
    }
    world.hear(receipt(LaneReceipt::default()));
    for _ in 0..2 {
        world.hear(Input::Beat(beat(Occasion::Regular)));
        assert!(!world.done.contains(&Output::Leave(Left::Unanswered)));
    }
    world.hear(Input::Beat(beat(Occasion::Regular)));
    assert_eq!(world.done.last(), Some(&Output::Leave(Left::Unanswered)));
}

#[test]
fn another_box_in_this_ones_place_is_told_before_leaving() {
    let mut world = World::connected(&[]);
    world.hear(Input::Lost(Loss::TakenOver));
    let left = Output::Leave(Left::Lost(Loss::TakenOver));
    assert_eq!(world.done, [Output::TakenOver, left]);
}

#[test]
fn what_the_link_could_not_take_goes_out_first_next_time() {
    let mut world = World::with(&[10; 2]);
    world.sender.begin(1, world.now);
    world.sender.take(Input::Connected { receive_most: 20 }, world.now);
    world.sender.take(Input::Subscribed, world.now);
    world.sender.take(Input::Beat(beat(Occasion::Regular)), world.now);
    while let Some(output) = world.sender.next(world.now) {
        if matches!(output, Output::Beat(_)) {
            world.sender.put_back(output);
            break;
        }
    }
    world.hear(Input::Time);
    assert!(matches!(world.done[..], [Output::Beat(_), Output::Retained(0), ..]));
}
