//! The centre: the project's judgement, its changes and its database, without its runner's
//! clock and queues.

mod tables;

use std::collections::VecDeque;
use std::sync::Arc;

use firegrid_ingest::judge::changes::Changes;
use firegrid_ingest::judge::events::{ConnectionName, Message, PointsAsked};
use firegrid_ingest::judge::judgement::Judgement;
use firegrid_ingest::judge::receipts::Owed;
use firegrid_ingest::storage::alarms::Alarm;
use firegrid_ingest::storage::commits::CommitNumber;
use firegrid_ingest::storage::inbox::{self, InboxName};
use firegrid_ingest::storage::{self, Reader, Writer};
use firegrid_rules::routing::{GridRow, Level, Routing};
use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::ticket::TermsOf;
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::time::CentreTime;

use super::panel::{POINTS, point_id};
use super::plan::Fault;
use super::world::{Event, World};

/// The centre's clock at the begin of the run. It is not the box's.
const BEGIN_MS: i64 = 1_795_000_003_000;

/// Messages that are judged in one group.
const GROUP: usize = 16;

/// A commit that failed is tried again after this long.
const RETRY_MS: u64 = 1_000;

/// The rules of the simulation: those that are shipped, with shorter patience for pressure.
const RULES: &str = r#"
[[rule]]
id = "W1"
kind = "sprinkler-pressure-low"
name = { zh = "喷淋末端静压不足", en = "Sprinkler end-test static pressure low" }
basis = "simulation [D]"
advice = { zh = "检查", en = "Check" }
applies_to = { unit = "Pa", tags = ["sprinkler-end"] }

[[rule.step]]
name = "low"
severity = "serious"
effect = "alarm"
when = { below = "0.10 MPa" }
for = "30s"
clear_for = "40s"
"#;

/// What the rules of the simulation ask for.
pub(crate) const LOW_FOR_MS: u64 = 30_000;
pub(crate) const LOW_CLEAR_FOR_MS: u64 = 40_000;
pub(crate) const FIRE_CLEAR_FOR_MS: u64 = 20_000;

/// The centre and what outlives its runs.
pub(crate) struct Centre {
    /// Its run.
    pub(crate) run: u64,
    /// Stands still.
    pub(crate) frozen: bool,
    /// Commits fail.
    pub(crate) commit_fails: bool,
    /// The series store takes nothing.
    pub(crate) series_fails: bool,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    /// Where a copy of its tables stands.
    copy: Option<std::path::PathBuf>,
    up: Option<Up>,
}

/// What a run of it has in memory.
struct Up {
    judgement: Judgement,
    writer: Writer,
    reader: Reader,
    waiting: PerLane<VecDeque<Message>>,
    listening: bool,
    work_due: bool,
    tick: u64,
    under_way: Option<UnderWay>,
}

/// A commit that is under way.
struct UnderWay {
    changes: Changes,
    owed: Owed,
    number: CommitNumber,
    /// It was tried before, and nobody knows whether it stands.
    again: bool,
}

/// The identity of the box.
pub(crate) fn gateway_id() -> GatewayId {
    GatewayId::parse("mall-01").expect("a gateway")
}

/// The centre's clock.
pub(crate) fn centre_time(now: u64) -> CentreTime {
    CentreTime::from_millis(BEGIN_MS + now as i64)
}

fn routing() -> Routing {
    let grid = |id: &str, level, parent: Option<&str>| GridRow {
        id: id.into(),
        level,
        parent: parent.map(str::to_owned),
        name: id.into(),
    };
    let grids = [
        grid("region", Level::Region, None),
        grid("l1", Level::Large, Some("region")),
        grid("m1", Level::Middle, Some("l1")),
        grid("s1", Level::Small, Some("m1")),
    ];
    Routing::build(grids, [], []).expect("a county")
}

impl Centre {
    /// One that has never run.
    pub(crate) fn new() -> Centre {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory).expect("a folder")
        } else {
            tempfile::tempdir().expect("a folder")
        };
        Centre {
            run: 0,
            frozen: false,
            commit_fails: false,
            series_fails: false,
            runtime,
            folder,
            copy: None,
            up: None,
        }
    }

    /// Whether it listens to the broker.
    pub(crate) fn listens(&self) -> bool {
        self.up.as_ref().is_some_and(|up| up.listening)
    }

    /// Lets go of the database.
    pub(crate) fn close(&mut self) {
        if let Some(up) = self.up.take() {
            self.runtime.block_on(async {
                up.reader.close().await;
                let _ = up.writer.close().await;
            });
        }
    }
}

impl World {
    /// The centre starts, from its database.
    pub(crate) fn start_centre(&mut self) {
        if self.centre.up.is_some() {
            return;
        }
        let now = centre_time(self.now);
        let folder = self.centre.folder.path().to_owned();
        let (judgement, writer, reader) = self.centre.runtime.block_on(async {
            let (writer, reader) = storage::open(&folder).await.expect("a database");
            let rules = Rulebook::shipped().overlaid("simulation", RULES).expect("rules");
            let region = RegionId::parse("region").expect("a region");
            let judgement = {
                let terms = TermsOf::default();
                Judgement::restore(&reader, Arc::new(rules), routing(), region, terms, now).await
            };
            (judgement.expect("restored"), writer, reader)
        });
        self.centre.run += 1;
        let run = self.centre.run;
        self.centre.up = Some(Up {
            judgement,
            writer,
            reader,
            waiting: PerLane::default(),
            listening: false,
            work_due: false,
            tick: u64::MAX,
            under_way: None,
        });
        self.say(|| format!("the centre starts, run {run}"));
        self.centre_hears_again();
        self.after(500, Event::CentreDrains(run));
        self.centre_work_soon();
    }

    /// It is killed. What was being committed may stand or not.
    pub(crate) fn centre_goes(&mut self, lasting: u64, fault: Fault, number: usize) {
        let Some(up) = &mut self.centre.up else { return };
        if let Some(under_way) = up.under_way.take()
            && !self.centre.commit_fails
            && self.rng.bool()
        {
            let UnderWay { changes, number, again, .. } = under_way;
            let written =
                self.centre.runtime.block_on(changes.commit(&mut up.writer, number, again));
            written.expect("a sound database");
            if !again {
                self.oracle.committed(&changes);
            }
            self.say(|| "what was under way stands".into());
        }
        self.centre.close();
        self.centre.frozen = false;
        self.goes_wrong(lasting, fault, number);
    }

    /// Its connections to the broker are gone.
    pub(crate) fn centre_goes_deaf(&mut self) {
        let now = centre_time(self.now);
        if let Some(up) = &mut self.centre.up {
            up.listening = false;
            for connection in [ConnectionName::Urgent, ConnectionName::Routine] {
                up.judgement.listening(connection, false, now);
            }
            self.centre_work_soon();
        }
    }

    /// They will stand again.
    pub(crate) fn centre_hears_again(&mut self) {
        let (run, wait) = (self.centre.run, self.rng.u64(50..500));
        self.after(wait, Event::CentreListens(run));
    }

    pub(crate) fn centre_listens(&mut self, run: u64) {
        let now = centre_time(self.now);
        if run != self.centre.run || self.broker.down {
            return;
        }
        let Some(up) = &mut self.centre.up else { return };
        if up.listening {
            return;
        }
        up.listening = true;
        for connection in [ConnectionName::Urgent, ConnectionName::Routine] {
            up.judgement.listening(connection, true, now);
        }
        self.tell_retained();
        self.centre_work_soon();
    }

    pub(crate) fn at_centre(&mut self, broker: u64, centre: u64, lane: Lane, message: Message) {
        if !self.is_of_this_broker(broker) || centre != self.centre.run {
            return;
        }
        let Some(up) = &mut self.centre.up else { return };
        if up.listening {
            up.waiting[lane].push_back(message);
            self.centre_work_soon();
        }
    }

    fn centre_work_soon(&mut self) {
        let run = self.centre.run;
        let wait = self.rng.u64(1..10);
        let Some(up) = &mut self.centre.up else { return };
        if !std::mem::replace(&mut up.work_due, true) {
            self.after(wait, Event::CentreWork(run));
        }
    }

    pub(crate) fn thaw_centre(&mut self) {
        self.centre.frozen = false;
        let run = self.centre.run;
        self.at(self.now, Event::CentreWork(run));
    }

    pub(crate) fn centre_works(&mut self, run: u64) {
        let now = centre_time(self.now);
        if run != self.centre.run || self.centre.frozen {
            return;
        }
        let Some(up) = &mut self.centre.up else { return };
        up.work_due = false;
        for _ in 0..GROUP {
            let next = up.waiting.urgent.pop_front();
            let Some(mut message) = next.or_else(|| up.waiting.routine.pop_front()) else { break };
            // It is read off the connection now.
            message.arrived = now;
            up.judgement.message(&message);
        }
        if !Lane::ALL.into_iter().all(|lane| up.waiting[lane].is_empty()) {
            self.centre_work_soon();
        }
        self.centre_goes_on();
    }

    pub(crate) fn centre_ticks(&mut self, run: u64) {
        let now = centre_time(self.now);
        if run != self.centre.run || self.centre.frozen {
            return;
        }
        let Some(up) = &mut self.centre.up else { return };
        up.tick = u64::MAX;
        up.judgement.tick(now);
        self.centre_goes_on();
    }

    /// Begins a commit if none is under way, and sees when it must be woken.
    fn centre_goes_on(&mut self) {
        let (run, takes) = (self.centre.run, self.rng.u64(2..40));
        let Some(up) = &mut self.centre.up else { return };
        if up.under_way.is_none() {
            let (changes, owed) = up.judgement.to_commit();
            if changes.is_empty() {
                let receipts = up.judgement.receipts(owed);
                self.centre_answers(receipts);
            } else {
                let number = CommitNumber::new();
                up.under_way = Some(UnderWay { changes, owed, number, again: false });
                self.after(takes, Event::CentreCommit(run));
            }
        } else if self.centre.commit_fails {
            let receipts = up.judgement.answers_to_beats();
            self.centre_answers(receipts);
        }
        let Some(up) = &mut self.centre.up else { return };
        for (_, hash) in up.judgement.catalogues_to_ask_for() {
            self.tell_catalogue(&hash);
        }
        let Some(up) = &mut self.centre.up else { return };
        let deadline = up.judgement.deadline().millis() - BEGIN_MS;
        let deadline = u64::try_from(deadline).unwrap_or(0).max(self.now + 1);
        if deadline < up.tick {
            up.tick = deadline;
            self.at(deadline, Event::CentreTick(run));
        }
    }

    pub(crate) fn centre_commits(&mut self, run: u64) {
        if run != self.centre.run {
            return;
        }
        let stands = self.rng.u8(0..4) == 0;
        if self.centre.frozen || (self.centre.commit_fails && !stands) {
            return self.after(RETRY_MS, Event::CentreCommit(run));
        }
        let Some(up) = &mut self.centre.up else { return };
        let Some(mut under_way) = up.under_way.take() else { return };
        let UnderWay { changes, number, again, .. } = &under_way;
        let written = self.centre.runtime.block_on(changes.commit(&mut up.writer, *number, *again));
        written.expect("a sound database");
        if !again {
            self.oracle.committed(changes);
        }
        if self.centre.commit_fails {
            // It stands, but its answer is lost: it is tried again.
            under_way.again = true;
            up.under_way = Some(under_way);
            return self.after(RETRY_MS, Event::CentreCommit(run));
        }
        let UnderWay { changes, owed, .. } = under_way;
        up.judgement.committed(&changes);
        let receipts = up.judgement.receipts(owed);
        self.say(|| {
            let lines = changes.alarm_lines.iter().map(|(id, line)| format!(" {} {id}", line.what));
            let at = changes.positions.values().map(|row| format!(" {}@{}", row.lane, row.name));
            format!("committed{}{}", at.collect::<String>(), lines.collect::<String>())
        });
        self.centre_answers(receipts);
        self.centre_goes_on();
    }

    fn centre_answers(&mut self, receipts: Vec<(GatewayId, firegrid_wire::receipt::Receipt)>) {
        for (_, receipt) in receipts {
            self.oracle.receipted(&receipt);
            if self.centre.listens() {
                self.answers_gateway(receipt);
            }
        }
    }

    pub(crate) fn centre_drains(&mut self, run: u64) {
        if run != self.centre.run || self.centre.up.is_none() {
            return;
        }
        self.after(2_000, Event::CentreDrains(run));
        if self.centre.series_fails || self.centre.frozen {
            return;
        }
        let Some(up) = &mut self.centre.up else { return };
        if up.judgement.series_waiting() == 0 {
            return;
        }
        let oldest = self.centre.runtime.block_on(inbox::oldest(&up.reader, 64));
        let oldest = oldest.expect("a sound database");
        let names: Vec<InboxName> = oldest.into_iter().map(|batch| batch.name).collect();
        self.oracle.in_the_series(&names);
        up.judgement.stored(names);
        self.centre_work_soon();
    }

    /// Whether a wall shows an alarm of fire for a point.
    pub(crate) fn centre_shows(&self, point: usize) -> bool {
        let id = point_id(point);
        let shows = |alarm: &Alarm| {
            alarm.kind == "fire" && alarm.point.as_ref() == Some(&id) && is_active(alarm)
        };
        let unrecorded = self.centre.up.as_ref().is_some_and(|up| {
            let under_way = up.under_way.as_ref().map(|under_way| &under_way.changes);
            up.judgement.unrecorded(under_way).iter().any(shows)
        });
        unrecorded || self.oracle.alarms().any(shows)
    }

    /// After the quiet end everything must be as it is.
    pub(crate) fn check_the_end(&mut self) {
        if self.oracle.has_twin {
            return;
        }
        for lane in Lane::ALL {
            let depth = self.boxes[0].depth(lane);
            let head = self.boxes[0].head(lane);
            let position = self.oracle.position(lane);
            // The last of it may be under way.
            if 3 < depth {
                self.oracle.broken("a lane does not reach its head", || {
                    format!("{lane}: {depth} wait, head {head:?}, position {position:?}")
                });
            }
        }
        self.oracle.check_what_was_promised(self.now);
        self.check_the_tables();
        let now = centre_time(self.now);
        let Some(up) = &self.centre.up else {
            return self.oracle.broken("the centre is gone", String::new);
        };
        let asked =
            PointsAsked { gateway: Some(gateway_id()), limit: 1_000, ..PointsAsked::default() };
        let points = up.judgement.points(&asked, now);
        for (place, (name, _, _)) in POINTS.into_iter().enumerate() {
            let said = self.panel.says(place);
            let id = point_id(place);
            let view = points.iter().find(|point| point.view.point.point == id);
            let value = view.and_then(|point| point.view.value.clone());
            if value != Some(said.value()) {
                self.oracle.broken("the centre sees something else", || {
                    format!("{name} is {said:?}, seen {view:?}")
                });
            }
            let sight = view.map(|point| point.view.sight);
            if !matches!(sight, Some(firegrid_rules::sight::Sight::Seen { .. })) {
                self.oracle.broken("a point is blind", || format!("{name}: {sight:?}"));
            }
            let raised = self.oracle.alarms().any(|alarm| {
                alarm.point.as_ref() == Some(&id) && is_active(alarm) && !alarm.body.retired
            });
            if said.is_alarming() && !raised {
                self.oracle.broken("what alarms is not raised", || format!("{name} is {said:?}"));
            }
            if said.is_calm() && raised {
                self.oracle.broken("what is calm is not cleared", || {
                    format!("{name} is {said:?}: {view:?}")
                });
            }
        }
    }
}

/// Whether an alarm lasts.
pub(crate) fn is_active(alarm: &Alarm) -> bool {
    use firegrid_rules::alarm::State;
    matches!(alarm.state, State::ActiveUnacked | State::ActiveAcked)
}
