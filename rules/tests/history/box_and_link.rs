//! Makes calls of a history, as a box that behaves and an admission that takes all would.

use firegrid_rules::engine::HeadStanding;
use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::PointId;
use firegrid_wire::pack::{After, Head, Pack, Stretch};
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::{BEGIN, Batch, Call, Deed, KNOWN, POINTS, catalogue, gateway, point, value};

/// Makes calls of a history, as a box that behaves and an admission that takes all would.
pub fn calls(deeds: &[Deed]) -> Vec<Call> {
    let mut writer = Writer {
        calls: vec![Call::Listening(CentreTime::from_millis(BEGIN), true)],
        now: BEGIN,
        ahead: 0,
        span: SpanId::from_bits(1),
        spans: 1,
        which: 0,
        heads: PerLane::default(),
        until: PerLane::default(),
        fallen: None,
    };
    writer.refresh();
    deeds.iter().for_each(|deed| writer.write(deed));
    writer.calls
}

struct Writer {
    calls: Vec<Call>,
    now: i64,
    ahead: i64,
    span: SpanId,
    spans: u32,
    which: usize,
    heads: PerLane<Option<BatchName>>,
    until: PerLane<Option<i64>>,
    fallen: Option<usize>,
}

impl Writer {
    fn write(&mut self, deed: &Deed) {
        match deed {
            Deed::Batch { lane, pass, said, vouched, pause } => {
                self.now += pass.cast_signed();
                let gateway = self.now + self.ahead;
                let mut readings: Vec<Reading> = said
                    .iter()
                    .filter(|(place, ..)| POINTS[*place].1 == *lane)
                    .map(|(place, what, before)| {
                        let (value, quality) = value(*lane, *what);
                        let time = gateway - (before % (pass + 1)).cast_signed();
                        let time = GatewayTime::from_millis(time);
                        Reading { point: point(*place), time, value, quality, changes: None }
                    })
                    .collect();
                readings.sort_by_key(|reading| reading.time);
                let from = self.until[*lane].filter(|_| !pause).unwrap_or(gateway);
                self.batch(*lane, vouched.then_some((from, gateway)), None, readings);
            }
            Deed::Device { device, answers, pass, retold } => {
                self.now += pass.cast_signed();
                let name = ["d1", "d2"][*device];
                for lane in Lane::ALL {
                    let time = GatewayTime::from_millis(self.now + self.ahead);
                    let mut readings = Vec::new();
                    for (place, (id, at)) in POINTS.iter().enumerate() {
                        if *answers && *retold && *at == lane && id.starts_with(name) {
                            let (value, quality) = value(lane, self.calls.len() + place);
                            readings.push(Reading {
                                point: point(place),
                                time,
                                value,
                                quality,
                                changes: None,
                            });
                        }
                    }
                    let words = if *answers { "normal" } else { "fault" };
                    let comm = PointId::parse(&format!("{name}/comm")).expect("a point");
                    let value = Value::States(States::from_words(words).expect("states"));
                    readings.push(Reading {
                        point: comm,
                        time,
                        value,
                        quality: Quality::Good,
                        changes: None,
                    });
                    self.fallen = (!answers).then_some(*device);
                    self.batch(lane, None, None, readings);
                }
            }
            Deed::Beat { pass, lost, fires } => {
                self.now += pass.cast_signed();
                self.beat(*lost, fires);
            }
            Deed::Span { jump, catalogue } => {
                self.ahead += jump;
                self.spans += 1;
                self.span = SpanId::from_bits(u64::from(self.spans));
                self.which = (*catalogue).min(KNOWN);
                self.heads = PerLane::default();
                self.until = PerLane::default();
                self.refresh();
            }
            Deed::Marker { lane, fires } => {
                let name = self.next(*lane);
                let lost = fires.iter().map(|(place, before)| LostFire {
                    n: point(*place),
                    span: self.span,
                    t: GatewayTime::from_millis(self.now + self.ahead - before.cast_signed()),
                    vs: "fire".into(),
                });
                let marker = Marker {
                    first: name,
                    ends: vec![SpanEnd { span: self.span, seq: name.seq }],
                    since: None,
                    until: None,
                    reason: MarkerReason::Quota,
                    fires: lost.collect(),
                    more: More::default(),
                };
                self.batch(*lane, None, Some(marker), Vec::new());
            }
            Deed::Heard { pass } => {
                self.now += pass.cast_signed();
                self.calls.push(Call::Heard(self.centre()));
            }
            Deed::Tick { pass } => {
                self.now += pass.cast_signed();
                self.calls.push(Call::Tick(self.centre()));
            }
            Deed::Listening(listening) => {
                self.calls.push(Call::Tick(self.centre()));
                self.calls.push(Call::Listening(self.centre(), *listening));
            }
            Deed::Hold(true) => self.calls.push(Call::Hold),
            Deed::Hold(false) => self.calls.push(Call::Lift),
        }
    }

    fn refresh(&mut self) {
        let time = GatewayTime::from_millis(self.now + self.ahead);
        for lane in Lane::ALL {
            let places = (0..POINTS.len()).filter(|place| POINTS[*place].1 == lane);
            let readings = places.map(|place| {
                let (value, quality) = value(lane, self.calls.len() * 7 + place);
                Reading { point: point(place), time, value, quality, changes: None }
            });
            self.batch(lane, None, None, readings.collect());
        }
    }

    fn next(&self, lane: Lane) -> BatchName {
        self.heads[lane].map_or(BatchName { span: self.span, seq: 1 }, BatchName::next)
    }

    fn batch(
        &mut self,
        lane: Lane,
        stretch: Option<(i64, i64)>,
        marker: Option<Marker>,
        readings: Vec<Reading>,
    ) {
        let name = self.next(lane);
        self.heads[lane] = Some(name);
        let stretch = stretch.map(|(from, until)| Stretch {
            from: GatewayTime::from_millis(from.min(until)),
            until: GatewayTime::from_millis(until),
        });
        if let Some(stretch) = stretch {
            self.until[lane] = Some(stretch.until.millis());
        }
        let hash = if self.which == KNOWN {
            firegrid_wire::catalogue::CatalogueHash::parse("00000000000000ff").expect("a hash")
        } else {
            catalogue(self.which).hash()
        };
        let head = Head {
            gateway: gateway(),
            lane,
            name,
            after: (name.seq == 1).then_some(After::Nothing),
            stretch,
            catalogue: hash,
            refresh: None,
            marker,
        };
        let pack = Pack { head, readings: (1..).zip(readings).collect(), faults: Vec::new() };
        self.calls.push(Call::Batch(Batch {
            pack,
            order: self.spans,
            hole: false,
            sent: GatewayTime::from_millis(self.now + self.ahead),
            current: self.span,
            arrived: self.centre(),
        }));
    }

    fn beat(&mut self, lost: bool, fires: &[usize]) {
        let now = GatewayTime::from_millis(self.now + self.ahead);
        let heads = self.heads;
        let alarms: Vec<BeatAlarm> = fires
            .iter()
            .map(|place| BeatAlarm {
                n: point(*place),
                vs: States::from_words("fire").expect("states"),
                t: now,
            })
            .collect();
        if !lost {
            for lane in Lane::ALL {
                self.until[lane] = heads[lane].and(self.until[lane]).map(|_| now.millis());
            }
        }
        let beat = Beat {
            span: self.span,
            clock: Clock::Synced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes: PerLane::from_fn(|lane| LaneBeat {
                head: heads[lane],
                until: heads[lane].map(|_| now),
            }),
            alarm_count: alarms.len() as u32,
            dead_letters: 0,
            taken_over: 0,
            alarms,
        };
        let standing = |lane: Lane| match heads[lane] {
            Some(_) if !lost => HeadStanding::Judged { is_position: true },
            Some(_) | None => HeadStanding::NotJudged,
        };
        self.calls.push(Call::Beat {
            beat,
            sent: now,
            arrived: self.centre(),
            order: Some(self.spans),
            heads: PerLane::from_fn(standing),
        });
    }

    fn centre(&self) -> CentreTime {
        CentreTime::from_millis(self.now)
    }
}
