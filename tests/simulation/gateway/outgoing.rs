//! What a box does with what its recorder and its sender decide.

use firegrid_gateway::recorder::Output as Recorded;
use firegrid_gateway::spool::Reading;
use firegrid_gateway::uplink::sender::{Input, Output, Ticket};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::span::Lane;

use super::super::broker::Packet;
use super::super::world::{Event, OfGateway, World};
use super::{POSITION_AFTER_MS, READ_AHEAD_BYTES, told};

impl World {
    pub(super) fn connect(&mut self, number: usize) {
        let connection = self.rng.u64(..);
        let linked = self.boxes[number].linked;
        let Some(run) = &mut self.boxes[number].run else { return };
        let now = run.uptime(self.now);
        run.connection = Some(connection);
        run.sender.begin(run.pages.len() + 1, now);
        if linked {
            self.sends_to_broker(number, connection, Packet::Connect, 100);
        }
        self.settle(number, Vec::new());
    }

    /// The connection of a box breaks, and it notices.
    pub(crate) fn drop_connection(&mut self, number: usize) {
        let run_number = self.boxes[number].runs;
        let Some(run) = &self.boxes[number].run else { return };
        let Some(connection) = run.connection else { return };
        let broken = firegrid_gateway::uplink::sender::Loss::Broken("cut".into());
        let hear = OfGateway::Hear(connection, Input::Lost(broken));
        self.after(1, Event::Gateway(number, run_number, hear));
    }

    pub(super) fn hear(&mut self, number: usize, connection: u64, input: Input) {
        let gateway = &mut self.boxes[number];
        let broken = matches!(input, Input::Lost(_));
        if gateway.swallowed && !broken {
            return;
        }
        let Some(run) = &mut gateway.run else { return };
        if run.connection != Some(connection) {
            return;
        }
        let now = run.uptime(self.now);
        run.sender.take(input, now);
        self.settle(number, Vec::new());
    }

    /// Carries out what the recorder and the sender want until they want no more.
    pub(super) fn settle(&mut self, number: usize, mut recorded: Vec<Recorded>) {
        loop {
            for output in std::mem::take(&mut recorded) {
                self.carry_out(number, output);
            }
            let Some(run) = &mut self.boxes[number].run else { return };
            let now = run.uptime(self.now);
            for lane in Lane::ALL {
                let unread = run.lanes[lane].has_unread();
                run.sender.take(Input::Standing { lane, unread }, now);
            }
            while let Some(output) = self.boxes[number].run.as_mut().and_then(|run| {
                let now = run.uptime(self.now);
                run.sender.next(now)
            }) {
                self.send(number, output, &mut recorded);
            }
            if recorded.is_empty() {
                break;
            }
        }
        let run_number = self.boxes[number].runs;
        let Some(run) = &mut self.boxes[number].run else { return };
        let deadline = run.recorder.deadline();
        let deadline = run.sender.deadline().map_or(deadline, |sender| sender.min(deadline));
        let at = run.at(deadline).max(self.now + 1);
        if at < run.wake {
            run.wake = at;
            self.at(at, Event::Gateway(number, run_number, OfGateway::Wake));
        }
    }

    fn carry_out(&mut self, number: usize, output: Recorded) {
        match output {
            Recorded::Append(batch) => {
                self.oracle.seen.count("box: batches made", 1);
                self.oracle.made(number, &batch);
                self.say(|| {
                    let body = String::from_utf8_lossy(&batch.body).into_owned();
                    format!("box {number} makes {} {} {body}", batch.lane, batch.name)
                });
                let wait = self.rng.u64(1..20);
                let lane = batch.lane;
                if let Some(run) = &mut self.boxes[number].run {
                    run.lanes[lane].append(&batch);
                }
                self.flush_soon(number, lane, wait);
            }
            Recorded::Beat(beat) => {
                let Some(run) = &mut self.boxes[number].run else { return };
                let now = run.uptime(self.now);
                if run.sender.is_ready() {
                    run.sender.take(Input::Beat(beat), now);
                }
            }
            Recorded::LetGo(lane) => {
                self.oracle.seen.count("box: changes let go", 1);
                self.oracle.lets_go(lane);
                self.say(|| format!("box {number} lets changes of {lane} go"));
            }
        }
    }

    fn send(&mut self, number: usize, output: Output, recorded: &mut Vec<Recorded>) {
        let Some(run) = &mut self.boxes[number].run else { return };
        let now = run.uptime(self.now);
        let connection = run.connection.unwrap_or(0);
        let clock = run.recorder.clock();
        match output {
            Output::Subscribe => self.sends_to_broker(number, connection, Packet::Subscribe, 100),
            Output::Begin => run.recorder.connected(now, recorded),
            Output::Want(lane, wanted) => run.recorder.want(lane, wanted, now, recorded),
            Output::TakenOver => self.say(|| format!("box {number} is taken over")),
            Output::Receipt(lane, name) => {
                run.lanes[lane].receipt(name);
                let standing = run.lanes[lane].standing(run.failing[lane]);
                let told = told(&standing);
                run.recorder.standing(lane, told);
                if run.lanes[lane].position_moved() {
                    self.flush_soon(number, lane, POSITION_AFTER_MS);
                }
            }
            Output::Asked(lane, name) => {
                // A disk that fails now is asked again by the next receipt.
                let _ = run.lanes[lane].asked(name);
                self.say(|| format!("box {number} is asked for {lane} {name}"));
            }
            Output::Refused(lane, name) => {
                // A disk that fails now is told by the next refusal.
                if run.lanes[lane].refused(name).unwrap_or(false) {
                    self.oracle.gives_up(lane, name);
                }
                self.say(|| format!("box {number} is refused {lane} {name}"));
            }
            Output::Read { lane, reading, number: asked } => {
                if reading == Reading::FromReceipt {
                    run.lanes[lane].rewind();
                }
                let entries = run.lanes[lane].read(READ_AHEAD_BYTES).ok();
                run.sender.take(Input::Read { lane, number: asked, entries }, now);
                let unread = run.lanes[lane].has_unread();
                run.sender.take(Input::Standing { lane, unread }, now);
            }
            Output::Beat(beat) => {
                let envelope = Envelope { name: None, sent: beat.sent, current: beat.beat.span };
                let body = beat.beat.to_bytes();
                let bytes = body.len();
                self.sends_to_broker(number, connection, Packet::Beat(envelope, body), bytes);
            }
            Output::Retained(place) => {
                let page = place.checked_sub(1).and_then(|at| {
                    Some((run.hash.clone(), at as u32 + 1, run.pages.get(at)?.clone()))
                });
                let bytes = page.as_ref().map_or(20, |(_, _, body)| body.len());
                self.sends_to_broker(number, connection, Packet::Retained(page), bytes);
            }
            Output::Batch(lane, entry) => {
                let envelope =
                    Envelope { name: Some(entry.name), sent: clock.at(now), current: clock.span() };
                let ticket = Ticket::Batch(lane, entry.name);
                let bytes = entry.body.len();
                self.oracle.sent(number, lane, entry.name);
                let packet = Packet::Batch(lane, envelope, entry.body, ticket);
                self.sends_to_broker(number, connection, packet, bytes);
            }
            Output::Leave(why) => {
                run.connection = None;
                let run_number = self.boxes[number].runs;
                self.say(|| format!("box {number} leaves: {why:?}"));
                let wait = self.rng.u64(500..5_000);
                self.after(wait, Event::Gateway(number, run_number, OfGateway::Connect));
            }
        }
    }
}
