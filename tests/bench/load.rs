//! What the boxes of a bench have to tell: catalogues, and packs as the shipped batcher makes them.

use firegrid_wire::catalogue::{Catalogue, CatalogueHash, DeviceEntry, PointEntry};
use firegrid_wire::names::{DeviceId, GatewayId, PointId};
use firegrid_wire::pack::{After, Head, PackWriter, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, Seq, SpanId};
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::{GatewayTime, Millis};

/// One batch, ready to be sent.
pub(crate) struct Packed {
    pub(crate) name: BatchName,
    pub(crate) readings: u32,
    pub(crate) body: Vec<u8>,
}

/// One box: who it is, and what it has.
pub(crate) struct Site {
    pub(crate) gateway: GatewayId,
    pub(crate) pages: Vec<Vec<u8>>,
    pub(crate) hash: CatalogueHash,
    points: Vec<PointId>,
    random: fastrand::Rng,
    writer: Writer,
}

/// Where a box's lane stands.
struct Writer {
    lane: Lane,
    span: SpanId,
    next: Seq,
    until: GatewayTime,
}

impl Site {
    /// A box with so many points of a lane, a hundred to a device.
    pub(crate) fn new(number: usize, points: usize, lane: Lane, begin: GatewayTime) -> Site {
        let gateway = GatewayId::parse(&format!("box-{number:04}")).expect("a gateway");
        let devices = points.div_ceil(100);
        let device = |place: usize| DeviceId::parse(&format!("d{place:03}")).expect("a device");
        let entry = |place: usize| PointEntry {
            n: PointId::of(&device(place / 100), &format!("p{:02}", place % 100)).expect("a point"),
            label: format!("{place} 号测点"),
            lane,
            u: (lane == Lane::Routine).then_some(Unit::Pascal),
            system: 12,
            part: 99,
            zone: String::new(),
            tags: vec!["sprinkler-end".into()],
            limits: Default::default(),
            elevation: None,
            source: format!("127.0.0.1:502#{} holding {place}", place / 100),
        };
        let catalogue = Catalogue {
            devices: (0..devices)
                .map(|place| DeviceEntry {
                    n: device(place),
                    label: String::new(),
                    profile: "bench".into(),
                    alarm_period: Some(Millis::seconds(1)),
                    analog_period: Some(Millis::seconds(1)),
                })
                .collect(),
            points: (0..points).map(entry).collect(),
        };
        Site {
            gateway,
            pages: catalogue.pages(),
            hash: catalogue.hash(),
            points: catalogue.points.into_iter().map(|point| point.n).collect(),
            random: fastrand::Rng::with_seed(number as u64),
            writer: Writer {
                lane,
                span: SpanId::from_bits(fastrand::u64(..)),
                next: 1,
                until: begin,
            },
        }
    }

    /// The span of everything it tells.
    pub(crate) fn span(&self) -> SpanId {
        self.writer.span
    }

    /// Up to where it vouches.
    pub(crate) fn until(&self) -> GatewayTime {
        self.writer.until
    }

    /// So many rounds, in each of which every point tells once, in random order.
    pub(crate) fn rounds(&mut self, rounds: usize) -> Vec<Packed> {
        let mut packs = Vec::new();
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        for _ in 0..rounds {
            self.random.shuffle(&mut order);
            let begin = self.writer.until;
            let readings: Vec<Reading> = order
                .iter()
                .enumerate()
                .map(|(place, point)| Reading {
                    point: self.points[*point].clone(),
                    // A round is a second of polling.
                    time: begin.plus(Millis::new(1 + place as u64 * 998 / order.len() as u64)),
                    value: self.value(),
                    quality: Quality::Good,
                    changes: None,
                })
                .collect();
            self.pack(&readings, begin.plus(Millis::seconds(1)), &mut packs);
        }
        packs
    }

    /// One batch with one state of one point.
    pub(crate) fn state(&mut self, place: usize, states: &[State]) -> Packed {
        let time = self.writer.until.plus(Millis::new(1));
        let value = Value::States(StateSet::from_iter(states.iter().copied()).into());
        let reading = Reading {
            point: self.points[place].clone(),
            time,
            value,
            quality: Quality::Good,
            changes: None,
        };
        let mut packs = Vec::new();
        self.pack(&[reading], time, &mut packs);
        packs.pop().expect("a batch")
    }

    /// The name of a point.
    pub(crate) fn point(&self, place: usize) -> &PointId {
        &self.points[place]
    }

    fn value(&mut self) -> Value {
        match self.writer.lane {
            Lane::Routine => {
                let pascal = 400_000.0 + f64::from(self.random.u32(0..20_000)) / 2.0;
                Value::number(pascal, Unit::Pascal)
            }
            Lane::Urgent => Value::States(StateSet::NORMAL.into()),
        }
    }

    fn pack(&mut self, readings: &[Reading], until: GatewayTime, packs: &mut Vec<Packed>) {
        let mut writer = PackWriter::default();
        for reading in readings {
            if !writer.push(reading) {
                packs.push(self.finish(&mut writer, reading.time));
                writer.push(reading);
            }
        }
        packs.push(self.finish(&mut writer, until));
    }

    fn finish(&mut self, writer: &mut PackWriter, until: GatewayTime) -> Packed {
        let Writer { lane, span, next, until: from } = self.writer;
        let name = BatchName { span, seq: next };
        let head = Head {
            gateway: self.gateway.clone(),
            lane,
            name,
            after: (next == 1).then_some(After::Nothing),
            stretch: Some(Stretch { from, until }),
            catalogue: self.hash.clone(),
            refresh: None,
            marker: None,
        };
        let readings = writer.count();
        self.writer = Writer { next: next + 1, until, ..self.writer };
        Packed { name, readings, body: writer.finish(&head) }
    }
}
