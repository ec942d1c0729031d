//! Plays one story: a small box that behaves well, and an admission that takes what comes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{Catalogue, CatalogueHash};
use firegrid_wire::limits::BEAT_EVERY_MS;
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::{FullPointId, GatewayId, PointId};
use firegrid_wire::pack::{After, Head, Pack, Stretch};
use firegrid_wire::reading::Reading;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::story::{Deed, Read, Story};
use super::{Difference, GATEWAY};
use crate::decision::{At, Decision, Subject};
use crate::engine::{Admitted, ClearHold, Engine, HeadStanding, HeardBeat, NotYet, StateKey};
use crate::rulebook::{RuleId, Rulebook};

/// The beginning of every story on both clocks: 2026-11-22 in whole milliseconds since 1970.
const BEGIN: i64 = 1_795_305_600_000;

pub(super) fn play(story: &Story, rulebook: &Arc<Rulebook>) -> Vec<Difference> {
    let Some(gateway) = GatewayId::parse(GATEWAY).ok() else { return Vec::new() };
    let mut player = Player::new(gateway, story, rulebook);
    for step in &story.steps {
        player.reach(step.at);
        for deed in &step.deeds {
            player.does(deed);
        }
    }
    player.compare(&story.expected)
}

struct Player {
    engine: Engine,
    rulebook: Arc<Rulebook>,
    rows: BTreeMap<String, Vec<u8>>,
    gateway: GatewayId,
    known: bool,
    catalogue: Catalogue,
    hash: CatalogueHash,
    /// The centre's time since the beginning.
    now: Millis,
    decided: Vec<Decision>,
    differences: Vec<Difference>,
    site: Site,
    lanes: PerLane<Option<BatchName>>,
    orders: HashMap<(Lane, SpanId), u32>,
    deaf: bool,
    /// What the box holds in its spool because nobody has taken it.
    spool: VecDeque<Pack>,
}

/// The box.
struct Site {
    power: Power,
    cut: bool,
    next_beat: Millis,
    /// What its clock shows beyond the centre's.
    ahead: i64,
    sent: PerLane<Sent>,
}

enum Power {
    Off,
    On { span: SpanId },
}

/// What the box has sent in one lane.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    /// The last batch of the current span.
    head: Option<BatchName>,
    /// The last batch at all.
    last: Option<BatchName>,
    until: Option<GatewayTime>,
}

impl Player {
    fn new(gateway: GatewayId, story: &Story, rulebook: &Arc<Rulebook>) -> Player {
        let mut engine = Engine::new(Arc::clone(rulebook));
        engine.listening(CentreTime::from_millis(BEGIN), true);
        let mut player = Player {
            engine,
            rulebook: Arc::clone(rulebook),
            rows: BTreeMap::new(),
            gateway,
            known: story.known,
            hash: story.catalogue.hash(),
            catalogue: story.catalogue.clone(),
            now: Millis::ZERO,
            decided: Vec::new(),
            differences: Vec::new(),
            site: Site {
                power: Power::Off,
                cut: false,
                next_beat: Millis::ZERO,
                ahead: 0,
                sent: PerLane::default(),
            },
            lanes: PerLane::default(),
            orders: HashMap::new(),
            deaf: false,
            spool: VecDeque::new(),
        };
        player.tell_catalogue();
        player
    }

    /// Lets time come so far: beats are sent, and silence is judged when it falls due.
    fn reach(&mut self, until: Millis) {
        loop {
            let beat = match self.site.power {
                Power::On { .. } => Some(self.site.next_beat),
                Power::Off => None,
            };
            let silence = self.engine.deadline().map(|due| {
                let since = u64::try_from(due.millis() - BEGIN).unwrap_or_default();
                Millis::new(since).max(self.now)
            });
            let next = [silence, beat].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = next;
            if silence == Some(next) {
                self.engine.tick(self.centre(), &mut self.decided);
            } else {
                self.site.next_beat = next.plus(Millis::new(BEAT_EVERY_MS));
                self.beat(&[], None, false);
            }
        }
        self.now = until;
        self.engine.tick(self.centre(), &mut self.decided);
    }

    fn does(&mut self, deed: &Deed) {
        match deed {
            Deed::Sources(sources) => {
                for (point, source) in sources {
                    let points = self.catalogue.points.iter_mut();
                    points.filter(|entry| entry.n == *point).for_each(|entry| {
                        entry.source.clone_from(source);
                    });
                }
            }
            Deed::Vanish(points) => self.catalogue.points.retain(|e| !points.contains(&e.n)),
            Deed::Start { span, clock } => self.start(SpanId::from_bits(*span), *clock),
            Deed::Stop => self.site.power = Power::Off,
            Deed::Cut(cut) => {
                self.site.cut = *cut;
                self.deliver();
            }
            Deed::Read(read) => self.read(read),
            Deed::Beat { alarms, onset, lost } => self.beat(alarms, *onset, *lost),
            Deed::Marker { lane, fires, onset } => self.marker(*lane, fires, *onset),
            Deed::Heard => {
                self.engine.heard(&self.gateway, self.centre(), &mut self.decided);
            }
            Deed::Restart => self.restart(),
            Deed::Deaf(deaf) => {
                self.engine.tick(self.centre(), &mut self.decided);
                self.engine.listening(self.centre(), !deaf);
                self.deaf = *deaf;
                self.deliver();
            }
            Deed::Hold(true) => self.engine.hold_clears(&self.gateway, ClearHold::UntilLifted),
            Deed::Hold(false) => self.engine.lift_hold(&self.gateway),
            Deed::MayClose { point, rule, answer } => self.ask(point.as_ref(), rule, answer),
        }
    }

    fn start(&mut self, span: SpanId, clock: Option<Millis>) {
        if let Some(clock) = clock {
            self.site.ahead = clock.get().cast_signed() - self.now.get().cast_signed();
        }
        self.site.power = Power::On { span };
        self.site.next_beat = self.now.plus(Millis::new(BEAT_EVERY_MS));
        for lane in Lane::ALL {
            self.site.sent[lane].head = None;
            self.site.sent[lane].until = None;
        }
        if self.hash != self.catalogue.hash() {
            self.hash = self.catalogue.hash();
            self.tell_catalogue();
        }
    }

    fn tell_catalogue(&mut self) {
        if self.known {
            let now = self.centre();
            let (id, hash) = (&self.gateway, &self.hash);
            self.engine.catalogue(id, hash, &self.catalogue, now, &mut self.decided);
        }
    }

    fn read(&mut self, read: &Read) {
        let Power::On { span } = self.site.power else { return };
        let time = read.time.map_or(self.gateway_now(), at_gateway);
        for lane in Lane::ALL {
            let entries = read.said.iter().filter(|(point, _)| self.lane_of(point, lane));
            let readings: Vec<(u32, Reading)> = (1..)
                .zip(entries)
                .map(|(index, (point, value))| {
                    let (point, value) = (point.clone(), value.clone());
                    (index, Reading { point, time, value, quality: read.quality, changes: None })
                })
                .collect();
            if readings.is_empty() {
                continue;
            }
            let from = read.from.map(at_gateway).or(self.site.sent[lane].until).unwrap_or(time);
            let stretch = read.vouched.then_some(Stretch { from: from.min(time), until: time });
            self.send(lane, span, stretch, None, readings);
        }
    }

    /// A device's `comm` is told in every lane in which the device has points.
    fn lane_of(&self, point: &PointId, lane: Lane) -> bool {
        let mut entries = self.catalogue.points.iter().filter(|entry| entry.lane == lane);
        if point.is_comm() {
            return entries.any(|entry| entry.n.device() == point.device());
        }
        let listed = self.catalogue.points.iter().any(|entry| entry.n == *point);
        entries.any(|entry| entry.n == *point) || (!listed && lane == Lane::Urgent)
    }

    fn marker(&mut self, lane: Lane, fires: &[(PointId, String)], onset: Millis) {
        let Power::On { span } = self.site.power else { return };
        let fires = fires.iter().map(|(point, words)| LostFire {
            n: point.clone(),
            span,
            t: at_gateway(onset),
            vs: words.clone(),
        });
        let name = self.next_name(lane, span);
        let marker = Marker {
            first: name,
            ends: vec![SpanEnd { span, seq: name.seq }],
            since: None,
            until: None,
            reason: MarkerReason::Quota,
            fires: fires.collect(),
            more: More::default(),
        };
        self.send(lane, span, None, Some(marker), Vec::new());
    }

    fn next_name(&self, lane: Lane, span: SpanId) -> BatchName {
        self.site.sent[lane].head.map_or(BatchName { span, seq: 1 }, BatchName::next)
    }

    fn send(
        &mut self,
        lane: Lane,
        span: SpanId,
        stretch: Option<Stretch>,
        marker: Option<Marker>,
        readings: Vec<(u32, Reading)>,
    ) {
        let name = self.next_name(lane, span);
        let after = self.site.sent[lane].last.map_or(After::Nothing, After::Batch);
        let sent = &mut self.site.sent[lane];
        (sent.head, sent.last) = (Some(name), Some(name));
        sent.until = stretch.map(|stretch| stretch.until).or(sent.until);
        let head = Head {
            gateway: self.gateway.clone(),
            lane,
            name,
            after: (name.seq == 1).then_some(after),
            stretch,
            catalogue: self.hash.clone(),
            refresh: None,
            marker,
        };
        self.spool.push_back(Pack { head, readings, faults: Vec::new() });
        self.deliver();
    }

    /// Everything in the spool arrives, unless the link is cut or nobody listens.
    fn deliver(&mut self) {
        let Power::On { span: current } = self.site.power else { return };
        if self.site.cut || self.deaf {
            return;
        }
        while let Some(pack) = self.spool.pop_front() {
            let (lane, name) = (pack.head.lane, pack.head.name);
            let count = self.orders.len() as u32;
            let order = *self.orders.entry((lane, name.span)).or_insert(count);
            self.lanes[lane] = Some(name);
            let admitted = Admitted {
                gateway: &self.gateway,
                pack: &pack,
                span_order: order,
                hole: false,
                sent: self.gateway_now(),
                current,
                arrived: self.centre(),
            };
            self.engine.observe(admitted, &mut self.decided);
        }
    }

    fn beat(&mut self, alarms: &[(PointId, States)], onset: Option<Millis>, lost: bool) {
        let Power::On { span } = self.site.power else { return };
        let now = self.gateway_now();
        for lane in Lane::ALL {
            let sent = &mut self.site.sent[lane];
            sent.until = sent.head.map(|_| now).or(sent.until);
        }
        if self.site.cut || self.deaf {
            return;
        }
        let sent = self.site.sent;
        let heads = PerLane::from_fn(|lane| match (sent[lane].head, self.lanes[lane]) {
            (Some(head), Some(position)) if !lost && head.span == position.span => {
                HeadStanding::Judged { is_position: head == position }
            }
            (Some(_) | None, _) => HeadStanding::NotJudged,
        });
        let onset = onset.map_or(now, at_gateway);
        let alarms: Vec<BeatAlarm> = alarms
            .iter()
            .map(|(point, states)| BeatAlarm { n: point.clone(), vs: states.clone(), t: onset })
            .collect();
        let beat = Beat {
            span,
            clock: Clock::Synced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes: PerLane::from_fn(|lane| LaneBeat {
                head: sent[lane].head,
                until: sent[lane].head.map(|_| now),
            }),
            alarm_count: alarms.len() as u32,
            dead_letters: 0,
            taken_over: 0,
            alarms,
        };
        let heard = HeardBeat {
            gateway: &self.gateway,
            beat: &beat,
            sent: now,
            arrived: self.centre(),
            urgent_order: self.orders.get(&(Lane::Urgent, span)).copied(),
            heads,
        };
        self.engine.beat(heard, &mut self.decided);
    }

    fn restart(&mut self) {
        for (StateKey(key), row) in self.engine.changed() {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        let rows = self.rows.iter().map(|(key, row)| (StateKey(key.clone()), row.clone()));
        match Engine::restore(Arc::clone(&self.rulebook), rows) {
            Ok(engine) => self.engine = engine,
            Err(error) => self.differences.push(Difference::Restore(error.to_string())),
        }
        self.tell_catalogue();
        self.engine.listening(self.centre(), !self.deaf);
    }

    fn ask(&mut self, point: Option<&PointId>, rule: &RuleId, wanted: &str) {
        let gateway = self.gateway.clone();
        let subject = match point {
            Some(point) => Subject::Point(FullPointId { gateway, point: point.clone() }),
            None => Subject::Gateway(gateway),
        };
        let said = match self.engine.may_close(&subject, rule, self.centre()) {
            Ok(()) => "yes",
            Err(NotYet::Holds { .. }) => "holds",
            Err(NotYet::Calm { .. }) => "calm",
            Err(NotYet::Blind { .. }) => "blind",
            Err(NotYet::Mute(_)) => "mute",
            Err(NotYet::Doubtful(_)) => "doubtful",
            Err(NotYet::Unknown) => "unknown",
            Err(NotYet::Retired) => "retired",
            Err(NotYet::TwoBoxes) => "two-boxes",
        };
        if said != wanted {
            let (at, wanted, said) = (told(self.now), wanted.to_owned(), said.to_owned());
            self.differences.push(Difference::Answer { at, wanted, said });
        }
    }

    /// Every decision must be listed, and every one that is listed must have been made; the
    /// order of what happens at one moment does not matter.
    fn compare(mut self, expected: &[String]) -> Vec<Difference> {
        let mut wanted: Vec<String> = expected.iter().map(|line| plain(line)).collect();
        for decision in &self.decided {
            let line = line(decision);
            match wanted.iter().position(|wanted| *wanted == line) {
                Some(place) => drop(wanted.remove(place)),
                None => self.differences.push(Difference::Unlisted(line)),
            }
        }
        self.differences.extend(wanted.into_iter().map(Difference::Missing));
        self.differences
    }

    fn centre(&self) -> CentreTime {
        CentreTime::from_millis(BEGIN).plus(self.now)
    }

    fn gateway_now(&self) -> GatewayTime {
        GatewayTime::from_millis(BEGIN + self.now.get().cast_signed() + self.site.ahead)
    }
}

/// A moment of the box's clock.
fn at_gateway(moment: Millis) -> GatewayTime {
    GatewayTime::from_millis(BEGIN).plus(moment)
}

/// A decision as stories list it: moment, subject, rule, step, change, marks.
fn line(decision: &Decision) -> String {
    let subject = match &decision.subject {
        Subject::Point(point) => point.point.to_string(),
        Subject::Gateway(gateway) => gateway.to_string(),
    };
    let millis = match decision.at {
        At::Gateway(time) => time.millis(),
        At::Centre(time) => time.millis(),
    };
    let moment = told(Millis::new(u64::try_from(millis - BEGIN).unwrap_or_default()));
    let change = decision.change.as_str();
    let mut line = format!("{moment} {subject} {} {} {change}", decision.rule, decision.step);
    for mark in decision.marks.words() {
        line.push(' ');
        line.push_str(mark);
    }
    line
}

/// A line without the spaces that authors use to align it.
fn plain(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A moment without spaces: `29min59s`.
fn told(moment: Millis) -> String {
    const PARTS: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = moment.get();
    let mut text = String::new();
    for (unit, size) in PARTS {
        if size <= rest {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
