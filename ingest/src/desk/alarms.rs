//! The book of alarms that are not closed: decisions and deeds in, rows out.
//!
//! What the judgement raised stands here until a person has closed it, through every restart.
//! An occurrence that somebody closed and that goes on nevertheless is a new alarm: it sounds.
//! Pure: numbers the lines, and leaves the writing to the commit.

use std::collections::{BTreeMap, HashMap};

use firegrid_rules::alarm::{Event, State};
use firegrid_rules::decision::{At, Change, Decision, Marks};
use firegrid_rules::incident::{self, Other};
use firegrid_rules::lifecycle::{self, Actor, Answer};
use firegrid_rules::rulebook::Severity;
use firegrid_wire::names::GatewayId;
use firegrid_wire::time::{CentreTime, Millis};
use serde_json::{Value, json};

use super::case::{Owner, check_latest, id_of, place, told};
use super::tickets::deeds::Doing;
use crate::judge::changes::Changes;
use crate::judge::events::{Done, Refused};
use crate::storage::alarms::{Alarm, AlarmBody, Deed};
use crate::storage::events::NewEvent;
use crate::storage::history::{HistoryLine, LastLine};

/// Every alarm that is not closed.
#[derive(Debug, Default)]
pub struct AlarmBook {
    open: BTreeMap<String, (Alarm, Option<LastLine>)>,
    /// The alarm that stands for an occurrence, where its id is not the occurrence's own.
    renamed: HashMap<String, String>,
}

/// Something the centre found out about itself or about a box's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAlarm<'a> {
    /// What: `two-boxes`, `second-box-fire`, `fires-not-listed`, `restored-spool`,
    /// `restored-centre`, `dead-letter`, `centre-deaf` …
    pub kind: &'static str,
    /// What makes it one case.
    pub cause: String,
    /// How grave it is.
    pub severity: Severity,
    /// Whose.
    pub gateway: &'a GatewayId,
    /// In Chinese: what, and why.
    pub zh: (&'static str, String),
    /// In English: what, and why.
    pub en: (&'static str, String),
    /// Whether it lasts, or is over at once.
    pub lasts: Lasts,
}

/// How long something that the centre found out goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// Until [`AlarmBook::own_over`].
    UntilOver,
    /// It is over at once and only to be taken: the next case is another alarm.
    Once,
    /// It is over at once, and told again and again while it goes on: the same cause is another
    /// alarm only after so long.
    Repeated(Millis),
}

impl AlarmBook {
    /// The book as it was committed: open alarms, and the last line of each.
    pub fn restored(alarms: Vec<Alarm>, lines: Vec<(String, LastLine)>) -> AlarmBook {
        let mut lines: HashMap<String, LastLine> = lines.into_iter().collect();
        let open = alarms.into_iter().map(|alarm| {
            let last = lines.remove(&alarm.id);
            (alarm.id.clone(), (alarm, last))
        });
        let mut book = AlarmBook { open: open.collect(), renamed: HashMap::new() };
        for id in book.open.keys() {
            if let Some((occurrence, _)) = id.split_once(AGAIN) {
                book.renamed.insert(occurrence.to_owned(), id.clone());
            }
        }
        book
    }

    /// The alarms that are not closed.
    pub fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values().map(|(alarm, _)| alarm)
    }

    /// The judgement decided something about an alarm.
    pub fn decided(
        &mut self,
        decision: &Decision,
        owner: &Owner,
        zone: Option<&str>,
        to: &mut Changes,
    ) {
        let occurrence = id_of(decision);
        let id = self.renamed.get(&occurrence).unwrap_or(&occurrence).clone();
        let when = decision.arrived;
        let line = told(decision);
        match decision.change {
            Change::Raised if self.open.contains_key(&id) => {}
            Change::Raised => self.raise(occurrence, decision, owner, zone, to),
            Change::Relapsed => {
                if !self.happened(&id, Event::Relapsed, when, "relapsed", line, to) {
                    let again = format!("{occurrence}{AGAIN}{}", when.millis());
                    self.renamed.insert(occurrence, again.clone());
                    self.raise(again, decision, owner, zone, to);
                }
            }
            Change::Calmed => self.noted(&id, when, "calmed", line, to),
            Change::Confirmed => self.confirmed(&id, decision, line, to),
            Change::Revised => self.noted(&id, when, "rule-changed", line, to),
            Change::Cleared => {
                self.happened(&id, Event::Cleared, when, "cleared", line, to);
            }
            Change::Retired => {
                self.happened(&id, Event::Retired, when, "retired", line, to);
            }
        }
    }

    /// The centre found something out.
    pub fn own(&mut self, own: OwnAlarm<'_>, owner: &Owner, now: CentreTime, to: &mut Changes) {
        if self.knows(&own, now) || self.counts_on(&own, to) {
            return;
        }
        let over = own.lasts != Lasts::UntilOver;
        let id = own_id(own.kind, own.gateway, &own.cause);
        let id = if over { format!("{id}~{}", now.millis()) } else { id };
        let ((name_zh, reason_zh), (name_en, reason_en)) = (own.zh, own.en);
        let body = AlarmBody {
            name_zh: Some(name_zh.to_owned()),
            reason_zh: reason_zh.clone(),
            name_en: Some(name_en.to_owned()),
            reason_en: reason_en.clone(),
            returned: over.then(|| now.millis()),
            ..AlarmBody::default()
        };
        let alarm = Alarm {
            id,
            kind: own.kind.to_owned(),
            rule: GatewayId::CENTRE.to_owned(),
            step: own.kind.to_owned(),
            severity: own.severity,
            gateway: own.gateway.clone(),
            point: None,
            unit: owner.unit.clone(),
            grid: Some(owner.grid.clone()),
            state: if over { State::ReturnedUnacked } else { State::ActiveUnacked },
            body,
            raised_t: None,
            raised: now,
            changed: now,
            version: 0,
        };
        self.open_new(alarm, json!({ "zh": reason_zh, "en": reason_en }), to);
    }

    /// Whether an open alarm stands for this very case, taken or not.
    pub fn knows(&self, own: &OwnAlarm<'_>, now: CentreTime) -> bool {
        let id = own_id(own.kind, own.gateway, &own.cause);
        match own.lasts {
            Lasts::UntilOver => self.open.contains_key(&id),
            Lasts::Once => false,
            Lasts::Repeated(again) => {
                let moments = format!("{id}~");
                let cases = self.open.range(moments.clone()..);
                let mut cases = cases.take_while(|(id, _)| id.starts_with(&moments));
                cases.any(|(_, (alarm, _))| now.since(alarm.raised) < again)
            }
        }
    }

    /// While nobody has taken an alarm of this kind, further ones only count on it: what a
    /// network sends must not fill the list.
    fn counts_on(&mut self, own: &OwnAlarm<'_>, to: &mut Changes) -> bool {
        let mut open = self.open.values_mut().map(|(alarm, _)| alarm);
        let same = |alarm: &&mut Alarm| {
            alarm.kind == own.kind && alarm.gateway == *own.gateway && alarm.state.sounds()
        };
        let Some(alarm) = open.find(same) else { return false };
        alarm.body.relapses = alarm.body.relapses.saturating_add(1);
        alarm.body.reason_zh.clone_from(&own.zh.1);
        alarm.body.reason_en.clone_from(&own.en.1);
        to.alarms.insert(alarm.id.clone(), alarm.clone());
        true
    }

    /// What the centre found out is over.
    pub fn own_over(
        &mut self,
        kind: &'static str,
        gateway: &GatewayId,
        now: CentreTime,
        to: &mut Changes,
    ) {
        let over: Vec<String> = self
            .open()
            .filter(|alarm| alarm.kind == kind && alarm.gateway == *gateway)
            .map(|alarm| alarm.id.clone())
            .collect();
        for id in over {
            self.happened(&id, Event::Cleared, now, "cleared", json!({}), to);
        }
    }

    /// Takes every alarm of an incident that nobody has taken.
    pub fn take_incident(
        &mut self,
        incident: &str,
        doing: Doing<'_>,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        let belongs = |alarm: &&Alarm| {
            alarm.body.incident.as_ref().is_some_and(|place| place.incident == incident)
        };
        let members: Vec<&Alarm> = self.open().filter(belongs).collect();
        let first = members.first().ok_or(Refused::NotFound)?;
        let (by, state) = (first.body.acknowledged.clone(), first.state.as_str());
        let untaken = members.iter().filter(|alarm| alarm.state.sounds());
        let ids: Vec<String> = untaken.map(|alarm| alarm.id.clone()).collect();
        if ids.is_empty() {
            return Err(Refused::AlreadySo { by, state });
        }
        let mut taken = Vec::new();
        for id in ids {
            match self.act(&id, Event::Acknowledge, doing, to)? {
                Done::Alarm(alarm) => taken.push(*alarm),
                Done::Incident(_) | Done::Ticket(_) | Done::Settled(_) | Done::Registered => {}
            }
        }
        Ok(Done::Incident(taken))
    }

    /// Alarms whose unit or gateway belongs to somebody else now are theirs.
    pub fn moved(
        &mut self,
        owner_of: impl Fn(&GatewayId) -> Owner,
        now: CentreTime,
        to: &mut Changes,
    ) {
        let ids: Vec<String> = self.open.keys().cloned().collect();
        for id in ids {
            let Some((alarm, _)) = self.open.get_mut(&id) else { continue };
            let owner = owner_of(&alarm.gateway);
            if alarm.unit == owner.unit && alarm.grid.as_ref() == Some(&owner.grid) {
                continue;
            }
            let line = json!({
                "from": { "unit": alarm.unit, "grid": alarm.grid },
                "to": { "unit": owner.unit, "grid": owner.grid },
            });
            (alarm.unit, alarm.grid) = (owner.unit, Some(owner.grid));
            self.write_line(&id, now, None, "moved", line, to);
            self.tell(&id, "moved", to);
        }
    }

    /// A person takes or closes an alarm.
    pub fn act(
        &mut self,
        id: &str,
        event: Event,
        doing: Doing<'_>,
        to: &mut Changes,
    ) -> Result<Done, Refused> {
        let Doing { by, now, seen } = doing;
        let (alarm, last) = self.open.get(id).ok_or(Refused::NotFound)?;
        check_latest(seen, last.as_ref())?;
        let deed = lifecycle::Deed { who: Actor::Person(by.to_owned()), when: now };
        let (what, note) = match &event {
            Event::Acknowledge => ("acknowledged", json!({})),
            Event::Close { verdict, exception } => {
                ("closed", json!({ "verdict": verdict, "exception": exception }))
            }
            Event::Relapsed | Event::Cleared | Event::Retired => return Err(Refused::NotFound),
        };
        match alarm.state.step(event.clone(), deed) {
            Answer::Done(state, _) => {
                self.change(id, state, &event, Some(by), now);
                self.write_line(id, now, Some(by), what, note, to);
                self.tell(id, what, to);
                let (alarm, last) = self.open.remove(id).ok_or(Refused::NotFound)?;
                if alarm.state != State::Closed {
                    self.open.insert(id.to_owned(), (alarm.clone(), last));
                }
                Ok(Done::Alarm(Box::new(alarm)))
            }
            Answer::AlreadySo => Err(Refused::AlreadySo {
                by: alarm.body.acknowledged.clone(),
                state: alarm.state.as_str(),
            }),
            Answer::Refused(refusal) => Err(refusal.into()),
        }
    }

    fn raise(
        &mut self,
        id: String,
        decision: &Decision,
        owner: &Owner,
        zone: Option<&str>,
        to: &mut Changes,
    ) {
        let (gateway, point) = place(&decision.subject);
        let joined = (decision.kind == FIRE).then(|| {
            let of_unit = |alarm: &&Alarm| match &owner.unit {
                Some(unit) => alarm.unit.as_ref() == Some(unit),
                None => alarm.gateway == *gateway,
            };
            let others =
                self.open.values().map(|(alarm, _)| alarm).filter(of_unit).filter_map(|alarm| {
                    Some(Other {
                        place: alarm.body.incident.as_ref()?,
                        zone: alarm.body.zone.as_deref(),
                        state: alarm.state,
                        returned: alarm.body.returned.map(CentreTime::from_millis),
                    })
                });
            incident::join(&id, zone, decision.arrived, others)
        });
        let body = AlarmBody {
            zone: zone.map(str::to_owned),
            quiet: joined.as_ref().is_some_and(|joined| !joined.sounds),
            incident: joined.map(|joined| joined.place),
            reason_zh: decision.reason.zh(),
            reason_en: decision.reason.to_string(),
            marks: decision.marks.words().into_iter().map(str::to_owned).collect(),
            ..AlarmBody::default()
        };
        let alarm = Alarm {
            id,
            kind: decision.kind.clone(),
            rule: decision.rule.to_string(),
            step: decision.step.clone(),
            severity: decision.severity,
            gateway: gateway.clone(),
            point: point.cloned(),
            unit: owner.unit.clone(),
            grid: Some(owner.grid.clone()),
            state: State::ActiveUnacked,
            body,
            raised_t: match decision.at {
                At::Gateway(time) => Some(time),
                At::Centre(_) => None,
            },
            raised: decision.arrived,
            changed: decision.arrived,
            version: 0,
        };
        self.open_new(alarm, told(decision), to);
    }

    /// A numbered reading says what only a heartbeat had told: the mark leaves.
    fn confirmed(&mut self, id: &str, decision: &Decision, line: Value, to: &mut Changes) {
        let when = decision.arrived;
        let Some((alarm, _)) = self.open.get_mut(id) else { return };
        let before = alarm.body.marks.len();
        alarm.body.marks.retain(|mark| mark != Marks::PROVISIONAL);
        if alarm.body.marks.len() < before {
            alarm.changed = when;
            alarm.body.reason_zh = decision.reason.zh();
            alarm.body.reason_en = decision.reason.to_string();
            self.write_line(id, when, None, "confirmed", line, to);
            self.tell(id, "confirmed", to);
        }
    }

    /// Something is said of an alarm that changes nothing of its state.
    fn noted(
        &mut self,
        id: &str,
        when: CentreTime,
        what: &'static str,
        line: Value,
        to: &mut Changes,
    ) {
        let Some((alarm, _)) = self.open.get_mut(id) else { return };
        alarm.changed = when;
        self.write_line(id, when, None, what, line, to);
        self.tell(id, what, to);
    }

    fn open_new(&mut self, alarm: Alarm, line: Value, to: &mut Changes) {
        let (id, now) = (alarm.id.clone(), alarm.raised);
        self.open.insert(id.clone(), (alarm, None));
        self.write_line(&id, now, None, "raised", line, to);
        self.tell(&id, "raised", to);
    }

    /// Something happened to an alarm by itself. `false`: there is no such alarm, or it is over.
    fn happened(
        &mut self,
        id: &str,
        event: Event,
        when: CentreTime,
        what: &'static str,
        line: Value,
        to: &mut Changes,
    ) -> bool {
        let Some((alarm, _)) = self.open.get(id) else { return false };
        let deed = lifecycle::Deed { who: Actor::Judgement, when };
        let state = match alarm.state.step(event.clone(), deed) {
            Answer::Done(state, _) => state,
            Answer::AlreadySo => alarm.state,
            Answer::Refused(_) => return false,
        };
        self.change(id, state, &event, None, when);
        self.write_line(id, when, None, what, line, to);
        self.tell(id, what, to);
        true
    }

    fn change(&mut self, id: &str, state: State, event: &Event, by: Option<&str>, now: CentreTime) {
        let Some((alarm, _)) = self.open.get_mut(id) else { return };
        alarm.state = state;
        alarm.changed = now;
        let deed = by.map(|by| Deed { by: by.to_owned(), at: now.millis() });
        match event {
            Event::Relapsed => {
                alarm.body.relapses = alarm.body.relapses.saturating_add(1);
                (alarm.body.acknowledged, alarm.body.quiet) = (None, false);
            }
            Event::Cleared => alarm.body.returned = Some(now.millis()),
            Event::Retired => alarm.body.retired = true,
            Event::Acknowledge => alarm.body.acknowledged = deed,
            Event::Close { verdict, exception } => {
                alarm.body.closed = deed;
                alarm.body.verdict = Some(*verdict);
                alarm.body.exception = exception.clone();
            }
        }
    }

    /// Numbers a line, and puts the alarm as it stands among the changes.
    fn write_line(
        &mut self,
        id: &str,
        at: CentreTime,
        who: Option<&str>,
        what: &'static str,
        body: Value,
        to: &mut Changes,
    ) {
        let Some((alarm, last)) = self.open.get_mut(id) else { return };
        let n = last.as_ref().map_or(0, |last| last.n) + 1;
        let (who, what) = (who.map(str::to_owned), what.to_owned());
        *last = Some(LastLine { n, at, who: who.clone(), what: what.clone() });
        alarm.version = n;
        let line = HistoryLine { n, at, who, what, body };
        to.alarm_lines.push((id.to_owned(), line));
        to.alarms.insert(id.to_owned(), alarm.clone());
    }

    fn tell(&self, id: &str, what: &'static str, to: &mut Changes) {
        let Some((alarm, _)) = self.open.get(id) else { return };
        let body = json!({
            "id": id,
            "what": what,
            "kind": alarm.kind,
            "state": alarm.state,
            "severity": alarm.severity.as_str(),
            "gateway": alarm.gateway,
            "point": alarm.point,
            "unit": alarm.unit,
            "grid": alarm.grid,
            "incident": alarm.body.incident,
            "sounds": alarm.sounds(),
            "version": alarm.version,
        });
        to.events.push(NewEvent { kind: "alarm", body, at: alarm.changed });
    }
}

/// The kind whose alarms of one unit are one incident.
const FIRE: &str = "fire";

/// What stands between an occurrence and the moment at which it became an alarm again.
const AGAIN: &str = "~again~";

fn own_id(kind: &str, gateway: &GatewayId, cause: &str) -> String {
    format!("{gateway}~{kind}~{cause}").replace('/', "~")
}
