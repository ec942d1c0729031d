//! The broker between: it forgets, delays, drops and doubles, and gives a place to whoever
//! came last.

use std::collections::BTreeMap;

use firegrid_gateway::uplink::sender::{Input, Loss, Refusal, Ticket};
use firegrid_ingest::judge::events::{Content, Message};
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::MESSAGE_EXPIRY_S;
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane, PerLane};

use super::centre::{centre_time, gateway_id};
use super::world::{Event, OfGateway, World};

/// How long the fastest way takes, in one direction.
const SHORTEST_WAY_MS: u64 = 5;
const LONGEST_WAY_MS: u64 = 50;

/// What a box publishes.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    /// The connection is opened.
    Connect,
    /// It wants receipts.
    Subscribe,
    /// A batch, acknowledged under its ticket.
    Batch(Lane, Envelope, Vec<u8>, Ticket),
    /// A beat.
    Beat(Envelope, Vec<u8>),
    /// A page of a catalogue; none is presence.
    Retained(Option<(CatalogueHash, u32, Vec<u8>)>),
}

/// Which batch of a lane is refused for ever.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuses {
    /// None.
    #[default]
    None,
    /// The next that comes.
    Next,
    /// This one.
    This(BatchName),
}

/// The broker.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    /// Whether it is down.
    pub(crate) down: bool,
    /// Messages it drops, in percent.
    pub(crate) loss: u8,
    /// Messages it delivers twice, in percent.
    pub(crate) double: u8,
    /// What goes to the centre takes so much longer.
    pub(crate) delay: PerLane<u64>,
    /// What goes to a box takes so much longer.
    pub(crate) delay_down: u64,
    /// What it never lets pass.
    pub(crate) refuses: PerLane<Refuses>,
    run: u64,
    /// The connection that has the place, and its box.
    holder: Option<(u64, usize)>,
    subscribed: bool,
    retained: BTreeMap<(CatalogueHash, u32), Vec<u8>>,
    last_to_centre: PerLane<u64>,
    last_to_box: u64,
}

impl World {
    /// The broker is gone with all it had.
    pub(crate) fn broker_goes(&mut self) {
        let run = self.broker.run + 1;
        let holder = self.broker.holder.take();
        let Broker { loss, double, delay, delay_down, refuses, .. } = self.broker;
        self.broker = Broker {
            down: true,
            run,
            loss,
            double,
            delay,
            delay_down,
            refuses,
            ..Broker::default()
        };
        if let Some((connection, gateway)) = holder {
            self.tell_gateway(gateway, connection, Input::Lost(Loss::Broken("gone".into())));
        }
        self.centre_goes_deaf();
    }

    /// It is back, and knows nothing.
    pub(crate) fn broker_comes(&mut self) {
        self.broker.down = false;
        self.centre_hears_again();
    }

    /// A box sends a packet; how long it is decides how long the link is taken.
    pub(crate) fn sends_to_broker(
        &mut self,
        gateway: usize,
        connection: u64,
        packet: Packet,
        bytes: usize,
    ) {
        if self.boxes[gateway].swallowed {
            return;
        }
        let rate = self.plan.bytes_per_second;
        let way = self.rng.u64(SHORTEST_WAY_MS..LONGEST_WAY_MS);
        let link = &mut self.boxes[gateway].link_free;
        *link = (*link).max(self.now) + (bytes as u64 + 100) * 1_000 / rate;
        let at = (*link + way).max(self.boxes[gateway].link_last);
        self.boxes[gateway].link_last = at;
        self.at(at, Event::AtBroker(connection, packet));
    }

    pub(crate) fn at_broker(&mut self, connection: u64, packet: Packet) {
        let Some(gateway) = self.boxes.iter().position(|gateway| gateway.has(connection)) else {
            return;
        };
        if self.broker.down {
            return;
        }
        if let Packet::Connect = packet {
            return self.takes_place(gateway, connection);
        }
        if self.broker.holder != Some((connection, gateway)) {
            return;
        }
        match packet {
            Packet::Connect => {}
            Packet::Subscribe => {
                self.broker.subscribed = true;
                self.tell_gateway(gateway, connection, Input::Subscribed);
            }
            Packet::Batch(lane, envelope, body, ticket) => {
                if let Some(name) = envelope.name
                    && self.refuses(lane, name)
                {
                    let refused = Input::Refused(ticket, Refusal::OfThis);
                    return self.tell_gateway(gateway, connection, refused);
                }
                self.tell_gateway(gateway, connection, Input::Acknowledged(ticket));
                let content = Content::Batch { lane, envelope: Some(envelope), body };
                self.sends_to_centre(lane, content, true);
            }
            Packet::Beat(envelope, body) => {
                let content = Content::Beat { envelope: Some(envelope), body };
                self.sends_to_centre(Lane::Urgent, content, false);
            }
            Packet::Retained(page) => {
                self.tell_gateway(gateway, connection, Input::Acknowledged(Ticket::Retained));
                if let Some((hash, page, body)) = page {
                    self.broker.retained.insert((hash.clone(), page), body.clone());
                    self.sends_to_centre(
                        Lane::Urgent,
                        Content::CataloguePage { hash, page, body },
                        true,
                    );
                }
            }
        }
    }

    /// Whether it lets this one never pass. What stands in its place has another body, and passes.
    fn refuses(&mut self, lane: Lane, name: BatchName) -> bool {
        let gave_up = self.oracle.gave_up(lane, name);
        let refuses = &mut self.broker.refuses[lane];
        if *refuses == Refuses::Next {
            *refuses = Refuses::This(name);
        }
        *refuses == Refuses::This(name) && !gave_up
    }

    /// Whoever connects with the same identity takes the place.
    fn takes_place(&mut self, gateway: usize, connection: u64) {
        let before = self.broker.holder.replace((connection, gateway));
        self.broker.subscribed = false;
        if let Some((earlier, other)) = before
            && other != gateway
        {
            self.tell_gateway(other, earlier, Input::Lost(Loss::TakenOver));
        }
        self.tell_gateway(gateway, connection, Input::Connected { receive_most: 20 });
    }

    /// What the broker keeps goes to a centre that has subscribed.
    pub(crate) fn tell_retained(&mut self) {
        for ((hash, page), body) in self.broker.retained.clone() {
            self.sends_to_centre(Lane::Urgent, Content::CataloguePage { hash, page, body }, true);
        }
    }

    /// The centre subscribes to a catalogue that has not come.
    pub(crate) fn tell_catalogue(&mut self, hash: &CatalogueHash) {
        for ((of, page), body) in self.broker.retained.clone() {
            if of == *hash {
                let content = Content::CataloguePage { hash: of, page, body };
                self.sends_to_centre(Lane::Urgent, content, true);
            }
        }
    }

    fn sends_to_centre(&mut self, lane: Lane, content: Content, may_double: bool) {
        let lost = self.rng.u8(0..100) < self.broker.loss;
        if !self.centre.listens() || lost {
            return;
        }
        let way = self.rng.u64(SHORTEST_WAY_MS..LONGEST_WAY_MS) + self.broker.delay[lane];
        if MESSAGE_EXPIRY_S < (way / 1_000) as u32 {
            return;
        }
        let at = (self.now + way).max(self.broker.last_to_centre[lane]);
        self.broker.last_to_centre[lane] = at;
        let message = Message { gateway: gateway_id(), content, arrived: centre_time(at) };
        let (broker, centre) = (self.broker.run, self.centre.run);
        if may_double && self.rng.u8(0..100) < self.broker.double {
            let again = at + self.rng.u64(0..20_000);
            let event = Event::AtCentre(broker, centre, lane, Box::new(message.clone()));
            self.at(again, event);
        }
        self.at(at, Event::AtCentre(broker, centre, lane, Box::new(message)));
    }

    /// The centre answers; whoever has the place hears it.
    pub(crate) fn answers_gateway(&mut self, receipt: Receipt) {
        let lost = self.rng.u8(0..100) < self.broker.loss;
        let Some((connection, gateway)) = self.broker.holder else { return };
        if self.broker.down || !self.broker.subscribed || lost {
            return;
        }
        self.tell_gateway(gateway, connection, Input::Receipt(receipt));
    }

    fn tell_gateway(&mut self, gateway: usize, connection: u64, input: Input) {
        let way = self.rng.u64(SHORTEST_WAY_MS..LONGEST_WAY_MS) + self.broker.delay_down;
        let at = (self.now + way).max(self.broker.last_to_box);
        self.broker.last_to_box = at;
        let run = self.boxes[gateway].run_number();
        self.at(at, Event::Gateway(gateway, run, OfGateway::Hear(connection, input)));
    }

    /// The broker's run that a message belongs to.
    pub(crate) fn is_of_this_broker(&self, run: u64) -> bool {
        self.broker.run == run
    }
}
