//! A judge in a folder of its own, and a gateway that says what it is told to say.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firegrid_rules::routing::{GridRow, Level, PersonRow, Role, Routing, UnitRow};
use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::ticket::TermsOf;
use firegrid_wire::beat::{Beat, BeatAlarm, Clock as Synced, LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::{Catalogue, CatalogueHash, DeviceEntry, PointEntry};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More, SpanEnd};
use firegrid_wire::names::{DeviceId, FullPointId, GatewayId, PointId, RegionId};
use firegrid_wire::pack::{self, After, Head, RefreshPiece, Stretch};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::desk::tickets::deeds::TicketDeed;
use crate::judge::alert::Alert;
use crate::judge::door::Door;
use crate::judge::events::{
    Action, ConnectionName, Content, Done, GatewayNow, Message, Refused, Wake,
};
use crate::judge::inbox;
use crate::judge::judgement::Judgement;
use crate::judge::runner::{Lines, Runner};
use crate::series::{Answer, Bucket, ReadError, Row, SeriesStore, WriteError};
use crate::storage::gateways::Gateway;
use crate::storage::retention::Retention;
use crate::storage::scratch::{Holder, Scratch, hold};
use crate::storage::{Place, Reader, backup, gateways};

/// Where the alert command writes what it is told.
const ALERTS: &str = "alerts";

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The gateway's clock at second 0.
const BEGIN: i64 = 1_795_384_800_000;

/// Somebody does something with a ticket, whatever stands of it.
pub(super) fn doing(ticket: &str, deed: TicketDeed) -> Action {
    Action::Ticket { ticket: ticket.to_owned(), deed, seen: None }
}

/// A centre and its gateway.
pub(super) struct Centre {
    scratch: Scratch,
    pub(super) id: GatewayId,
    pub(super) reader: Reader,
    pub(super) door: Door,
    clock: Clock,
    pub(super) control: mpsc::Sender<Wake>,
    urgent: mpsc::Sender<Message>,
    routine: mpsc::Sender<Message>,
    receipts: mpsc::Receiver<(GatewayId, Receipt)>,
    runner: JoinHandle<()>,
    alerted: tempfile::TempDir,
    catalogue: CatalogueHash,
}

/// How long the centre's writer waits for a lock.
enum Patience {
    Usual,
    Long,
}

/// Another process that holds the database.
pub(super) struct Lock(Holder);

impl Centre {
    /// With a gateway of the registry.
    pub(super) async fn start() -> Centre {
        Centre::start_as("mall-01").await
    }

    /// With its tables in this database.
    pub(super) async fn start_on(scratch: Scratch) -> Centre {
        Centre::begin(scratch, "mall-01", Patience::Usual).await
    }

    /// With its tables in this database, and a gateway of any name.
    pub(super) async fn start_stranger_on(scratch: Scratch, id: &str) -> Centre {
        Centre::begin(scratch, id, Patience::Usual).await
    }

    /// With its tables in this database, for whose locks it waits long.
    pub(super) async fn start_patient(scratch: Scratch) -> Centre {
        Centre::begin(scratch, "mall-01", Patience::Long).await
    }

    /// With a gateway of any name; the registry knows mall-01.
    pub(super) async fn start_as(id: &str) -> Centre {
        Centre::begin(Scratch::sqlite(), id, Patience::Usual).await
    }

    async fn begin(scratch: Scratch, id: &str, patience: Patience) -> Centre {
        let (mut writer, reader) = scratch.open().await;
        let mut to = writer.begin().await.expect("begun");
        let known = CentreTime::from_millis(0);
        let row =
            Gateway { id: "mall-01".parse().expect("an id"), unit: Some("mall".into()), known };
        gateways::put(&mut to, &[row]).await.expect("written");
        to.commit().await.expect("committed");
        writer.close().await.expect("closed");
        reader.close().await;
        let catalogue = Catalogue::default().hash();
        Centre::open(scratch, id.parse().expect("an id"), catalogue, patience).await
    }

    /// `kill -9`, and a new process on the same data.
    pub(super) async fn kill_and_start_again(&mut self) {
        self.kill().await;
        let (scratch, catalogue) = (self.scratch.clone(), self.catalogue.clone());
        *self = Centre::open(scratch, self.id.clone(), catalogue, Patience::Usual).await;
    }

    async fn open(
        scratch: Scratch,
        id: GatewayId,
        catalogue: CatalogueHash,
        patience: Patience,
    ) -> Centre {
        let (mut writer, reader) = scratch.open().await;
        match patience {
            Patience::Usual => {}
            Patience::Long => writer.be_patient().await,
        }
        let clock = Clock::begin(None);
        let region = RegionId::parse("region").expect("a region");
        let judgement = Judgement::restore(
            &reader,
            Arc::new(Rulebook::shipped()),
            routing(),
            region,
            TermsOf::default(),
            clock.now(),
        )
        .await
        .expect("restored");
        let (control, control_in) = mpsc::channel(16);
        let (urgent, urgent_in) = mpsc::channel(64);
        let (routine, routine_in) = mpsc::channel(64);
        let (receipts_out, receipts) = mpsc::channel(64);
        let (catalogues, _) = mpsc::channel(64);
        let (last_event, last_event_in) = watch::channel(0);
        let lines = Lines {
            control: control_in,
            urgent: urgent_in,
            routine: routine_in,
            receipts: receipts_out,
            catalogues,
            last_event,
            refused: Arc::default(),
        };
        let alerted = tempfile::tempdir().expect("a folder");
        let tell = format!("cat >> {}", alerted.path().join(ALERTS).display());
        let alert = Alert::with(vec!["/bin/sh".into(), "-c".into(), tell], Millis::new(50));
        let kept = Retention::default();
        let runner = Runner::new(judgement, writer, kept, lines, clock.clone()).alerting(alert);
        let runner = tokio::spawn(runner.run());
        for connection in [ConnectionName::Urgent, ConnectionName::Routine] {
            let wake = Wake::Listening { connection, listening: true, at: clock.now() };
            control.send(wake).await.expect("the runner runs");
        }
        let door = Door::new(control.clone(), last_event_in);
        // Answered after the commit, and so after the receipts that listening brings.
        let nothing = doing("none", TicketDeed::Accept);
        assert_eq!(door.act("nobody", nothing).await, Err(Refused::NotFound));
        let mut centre = Centre {
            scratch,
            id,
            reader,
            door,
            clock,
            control,
            urgent,
            routine,
            receipts,
            runner,
            alerted,
            catalogue,
        };
        while centre.receipt_now().is_some() {}
        centre
    }

    /// A batch of the lane. `after` is "none", a name, or nothing.
    pub(super) async fn batch(
        &self,
        lane: Lane,
        name: BatchName,
        after: &str,
        readings: &[(&str, &str)],
    ) {
        let body = self.bytes(lane, name, after, readings);
        self.raw(lane, Some(name), &body).await;
    }

    /// A whole refresh in one piece.
    pub(super) async fn refresh(
        &self,
        lane: Lane,
        name: BatchName,
        after: &str,
        readings: &[(&str, &str)],
    ) {
        let head = Head { refresh: Some(RefreshPiece::Last), ..self.head(lane, name, after, 0) };
        self.raw(lane, Some(name), &pack::encode(&head, &read(readings, 0))).await;
    }

    /// An urgent batch that vouches up to a second of gateway time, with readings of it.
    pub(super) async fn batch_at(&self, name: BatchName, second: i64, readings: &[(&str, &str)]) {
        let stretch = Some(Stretch { from: at(0), until: at(second) });
        let head = Head { stretch, ..self.head(Lane::Urgent, name, "", second) };
        self.raw(Lane::Urgent, Some(name), &pack::encode(&head, &read(readings, second))).await;
    }

    /// A marker from `first` up to its own name.
    pub(super) async fn marker(
        &self,
        name: BatchName,
        first: BatchName,
        reason: MarkerReason,
        fires: &[(&str, &str)],
    ) {
        self.longer_marker(name, first, reason, fires, More::default()).await;
    }

    /// The same, with more in it than it lists.
    pub(super) async fn longer_marker(
        &self,
        name: BatchName,
        first: BatchName,
        reason: MarkerReason,
        fires: &[(&str, &str)],
        more: More,
    ) {
        let fires = fires.iter().map(|(point, words)| LostFire {
            n: PointId::parse(point).expect("a point"),
            span: first.span,
            t: at(1),
            vs: (*words).to_owned(),
        });
        let marker = Marker {
            first,
            ends: vec![SpanEnd { span: name.span, seq: name.seq }],
            since: Some(at(0)),
            until: Some(at(1)),
            reason,
            fires: fires.collect(),
            more,
        };
        let head =
            Head { marker: Some(marker), stretch: None, ..self.head(Lane::Urgent, name, "", 0) };
        self.raw(Lane::Urgent, Some(name), &pack::encode(&head, &[])).await;
    }

    /// An urgent batch that lost what travels beside it.
    pub(super) async fn nameless(&self, body: &[u8]) {
        let lane = Lane::Urgent;
        self.send(Content::Batch { lane, envelope: None, body: body.to_vec() }).await;
    }

    /// What kinds of alarms are open, in the order of their words.
    pub(super) async fn alarm_kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> =
            self.alarms().await.into_iter().map(|alarm| alarm.kind).collect();
        kinds.sort();
        kinds
    }

    /// An urgent batch that vouches for the time between two seconds.
    pub(super) async fn batch_between(&self, name: BatchName, after: &str, from: i64, until: i64) {
        let stretch = Some(Stretch { from: at(from), until: at(until) });
        let head = Head { stretch, ..self.head(Lane::Urgent, name, after, until) };
        self.raw(Lane::Urgent, Some(name), &pack::encode(&head, &[])).await;
    }

    /// Asks with beats until a receipt wants nothing of the urgent lane.
    pub(super) async fn receipt_wanting_nothing(&mut self) -> Receipt {
        loop {
            self.beat(1).await;
            let receipt = self.receipt().await;
            if receipt.lanes[Lane::Urgent].want.is_none() {
                return receipt;
            }
        }
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) {
        if !self.runner.is_finished() {
            self.runner.abort();
            let _ = (&mut self.runner).await;
        }
        self.reader.clone().close().await;
    }

    /// The bytes of a batch.
    pub(super) fn bytes(
        &self,
        lane: Lane,
        name: BatchName,
        after: &str,
        readings: &[(&str, &str)],
    ) -> Vec<u8> {
        pack::encode(&self.head(lane, name, after, 0), &read(readings, 0))
    }

    /// An urgent batch of an earlier span, sent by the run whose span is `current`.
    pub(super) async fn backlog(&self, name: BatchName, current: u64) {
        let current = SpanId::from_bits(current);
        let envelope = Some(Envelope { name: Some(name), sent: at(0), current });
        let body = self.bytes(Lane::Urgent, name, "", &[]);
        self.send(Content::Batch { lane: Lane::Urgent, envelope, body }).await;
    }

    /// Any bytes under a name.
    pub(super) async fn raw(&self, lane: Lane, name: Option<BatchName>, body: &[u8]) {
        let current = name.map_or(SpanId::from_bits(1), |name| name.span);
        let envelope = Some(Envelope { name, sent: at(0), current });
        let content = Content::Batch { lane, envelope, body: body.to_vec() };
        let message = Message { gateway: self.id.clone(), content, arrived: self.clock.now() };
        let to = match lane {
            Lane::Urgent => &self.urgent,
            Lane::Routine => &self.routine,
        };
        to.send(message).await.expect("the runner runs");
    }

    /// Anything.
    pub(super) async fn send(&self, content: Content) {
        let message = Message { gateway: self.id.clone(), content, arrived: self.clock.now() };
        self.urgent.send(message).await.expect("the runner runs");
    }

    /// A beat that vouches for nothing.
    pub(super) async fn beat(&self, span: u64) {
        self.send_beat(span, 0, PerLane::default(), Vec::new()).await;
    }

    /// A beat that names a point as burning, a second after everything else.
    pub(super) async fn beat_with_fire(&self, span: u64, point: &str) {
        let alarm = BeatAlarm {
            n: PointId::parse(point).expect("a point"),
            vs: States::from_words("fire").expect("states"),
            t: at(1),
        };
        self.send_beat(span, 1, PerLane::default(), vec![alarm]).await;
    }

    /// A beat that vouches for the urgent lane up to a second.
    pub(super) async fn beat_until(&self, span: u64, second: i64, head: BatchName) {
        let mut lanes = PerLane::<LaneBeat>::default();
        lanes[Lane::Urgent] = LaneBeat { head: Some(head), until: Some(at(second)) };
        self.send_beat(span, second, lanes, Vec::new()).await;
    }

    async fn send_beat(
        &self,
        span: u64,
        second: i64,
        lanes: PerLane<LaneBeat>,
        alarms: Vec<BeatAlarm>,
    ) {
        let span = SpanId::from_bits(span);
        let beat = Beat {
            span,
            clock: Synced::Synced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes,
            alarm_count: alarms.len() as u32,
            dead_letters: 0,
            taken_over: 0,
            alarms,
        };
        let envelope = Some(Envelope { name: None, sent: at(second), current: span });
        let content = Content::Beat { envelope, body: beat.to_bytes() };
        let message = Message { gateway: self.id.clone(), content, arrived: self.clock.now() };
        self.urgent.send(message).await.expect("the runner runs");
    }

    /// The gateway's catalogue: a pump whose power is watched.
    pub(super) async fn catalogue(&mut self) {
        self.catalogue_saying("电源").await;
    }

    /// The same, with the point under this label.
    pub(super) async fn catalogue_saying(&mut self, label: &str) {
        let catalogue = Catalogue {
            devices: vec![DeviceEntry {
                n: DeviceId::parse("pump1").expect("a device"),
                label: "消防泵".into(),
                profile: "pump".into(),
                alarm_period: Some(Millis::new(500)),
                analog_period: None,
            }],
            points: vec![PointEntry {
                n: PointId::parse("pump1/power").expect("a point"),
                label: label.into(),
                lane: Lane::Urgent,
                u: None,
                system: 11,
                part: 95,
                zone: String::new(),
                tags: Vec::new(),
                limits: std::collections::BTreeMap::new(),
                elevation: None,
                source: "test".into(),
            }],
        };
        self.catalogue = catalogue.hash();
        for (page, body) in (1..).zip(catalogue.pages()) {
            let hash = catalogue.hash();
            let content = Content::CataloguePage { hash, page, body };
            let message = Message { gateway: self.id.clone(), content, arrived: self.clock.now() };
            self.urgent.send(message).await.expect("the runner runs");
        }
    }

    /// The next receipt for the gateway.
    pub(super) async fn receipt(&mut self) -> Receipt {
        let receipt = tokio::time::timeout(PATIENCE, self.receipts.recv()).await;
        let (gateway, receipt) = receipt.expect("a receipt in time").expect("the runner runs");
        assert_eq!(gateway, self.id);
        receipt
    }

    /// A receipt that is here already.
    pub(super) fn receipt_now(&mut self) -> Option<Receipt> {
        self.receipts.try_recv().ok().map(|(_, receipt)| receipt)
    }

    /// Waits for a receipt with this position.
    pub(super) async fn until_position(&mut self, lane: Lane, name: BatchName) {
        while self.receipt().await.lanes[lane].position != Some(name) {}
    }

    /// Waits until the centre says that it cannot commit, and why.
    pub(super) async fn until_commits_fail(&self) -> String {
        let failing = async {
            loop {
                let health = self.door.health().await.expect("the runner runs");
                if let Some(why) = health.commit_failure {
                    return why;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, failing).await.expect("commits fail in time")
    }

    /// Waits until so many alarms are shown as not yet recorded.
    pub(super) async fn until_unrecorded(&self, count: usize) {
        let shown = async {
            while self.door.unrecorded().await.expect("the runner runs").len() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect("shown in time");
    }

    /// Waits until the alert command was told of something; what it was told then.
    pub(super) async fn alert(&self, what: &str) -> serde_json::Value {
        let file = self.alerted.path().join(ALERTS);
        let told = async {
            loop {
                let told = std::fs::read_to_string(&file).unwrap_or_default();
                let lines = told.lines().filter_map(|line| serde_json::from_str(line).ok());
                let found = lines.rev().find(|line: &serde_json::Value| line["what"] == what);
                if let Some(found) = found {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("an alert in time")
    }

    /// A person does something.
    pub(super) async fn act(&self, by: &str, action: Action) -> Result<Done, Refused> {
        self.door.act(by, action).await
    }

    /// The gateway as the centre sees it.
    pub(super) async fn gateway(&self) -> GatewayNow {
        let all = self.door.gateways().await.expect("the runner runs");
        all.into_iter().find(|gateway| gateway.id == self.id).expect("it is known")
    }

    /// Another process begins to write and does not end.
    pub(super) async fn lock_the_database(&self) -> Lock {
        Lock(hold(&self.scratch.place).await)
    }

    /// Drains the inbox into a store in memory, until the inbox is empty; what the store got.
    pub(super) async fn drain(&self) -> Vec<(String, f64)> {
        let store = Arc::new(Remembering::default());
        self.drain_into(store.clone(), inbox::QUOTA, 0).await;
        let rows = store.0.lock().expect("rows").clone();
        rows.into_iter()
            .filter_map(|row| Some((row.point.point.to_string(), row.number?.0)))
            .collect()
    }

    /// Lets a store that cannot write try to drain the inbox, until only so many wait.
    pub(super) async fn drain_into_a_dead_store(&self, quota: inbox::Quota, left: u64) {
        self.drain_into(Arc::new(Dead), quota, left).await;
    }

    pub(super) async fn drain_into(
        &self,
        store: Arc<dyn SeriesStore>,
        quota: inbox::Quota,
        left: u64,
    ) {
        let (stop, stopped) = watch::channel(false);
        let (reader, control) = (self.reader.clone(), self.control.clone());
        let drain = tokio::spawn(inbox::drain(reader, store, quota, control, stopped));
        let drained = async {
            while self.door.health().await.expect("the runner runs").series_waiting != left {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, drained).await.expect("drained in time");
        stop.send_replace(true);
        drain.await.expect("it ends");
    }

    /// Copies the tables as `firegrid-ingest backup` does.
    pub(super) async fn back_up(&self, to: &Path) {
        backup::copy(&self.scratch.place, to, self.clock.now()).await.expect("a copy");
    }

    /// `kill -9`, and a new process elsewhere, on a copy of the tables.
    pub(super) async fn kill_and_put_back(&mut self, copy: &Path) {
        self.kill().await;
        self.scratch = Scratch::sqlite();
        let Place::Folder(folder) = &self.scratch.place else { panic!("it is a folder") };
        std::fs::copy(copy, folder.join("firegrid.db")).expect("put back");
        self.kill_and_start_again().await;
    }

    fn head(&self, lane: Lane, name: BatchName, after: &str, second: i64) -> Head {
        Head {
            gateway: self.id.clone(),
            lane,
            name,
            after: match after {
                "" => None,
                "none" => Some(After::Nothing),
                name => Some(After::Batch(name.parse().expect("a name"))),
            },
            stretch: Some(Stretch { from: at(0), until: at(second) }),
            catalogue: self.catalogue.clone(),
            refresh: None,
            marker: None,
        }
    }
}

impl Lock {
    /// It ends at last.
    pub(super) async fn release(self) {
        self.0.release().await;
    }
}

/// A message that may be read or not: bytes of ours, cut and changed, under any name. Never in
/// the routine lane.
pub(super) fn any_message() -> impl Strategy<Value = Content> {
    let parts = (0_u8..5, 1_u64..4, 1_u64..5, any::<bool>(), vec(any::<u8>(), 0..40), 0_usize..400);
    parts.prop_map(|(kind, span, seq, named, noise, cut)| {
        let span = SpanId::from_bits(span);
        let name = named.then_some(BatchName { span, seq });
        let envelope = Some(Envelope { name, sent: at(seq as i64), current: span });
        let head = format!(
            "[{{\"bn\":\"mall-01/\",\"span\":\"{span}\",\"lane\":\"urgent\",\"seq\":{seq},{}\
             \"from\":1,\"until\":2,\"cat\":\"0123456789abcdef\"}},\
             {{\"n\":\"a/b\",\"t\":1.5,\"vs\":\"fire disabled\"}}]",
            if seq == 1 { "\"after\":\"none\"," } else { "" }
        );
        let mut body = head.into_bytes();
        body.truncate(body.len().saturating_sub(cut.saturating_sub(200)));
        if let Some(place) = noise.first().map(|n| usize::from(*n) % (body.len() + 1)) {
            let keep = if cut % 3 == 0 { noise.len() } else { 0 };
            body.splice(place..place, noise.iter().take(keep).copied());
        }
        let hash = Catalogue::default().hash();
        match kind {
            0 | 1 => Content::Batch { lane: Lane::Urgent, envelope, body },
            2 => Content::Beat { envelope, body: noise },
            3 => Content::CataloguePage { hash, page: 1, body: noise },
            4.. => Content::TooLong {
                topic: "urgent",
                lane: named.then_some(Lane::Urgent),
                envelope,
                bytes: 70_000,
                beginning: noise,
            },
        }
    })
}

/// Every moment there is.
pub(super) fn all_time() -> (GatewayTime, GatewayTime) {
    (GatewayTime::from_millis(0), GatewayTime::from_millis(i64::MAX))
}

pub(super) fn at(second: i64) -> GatewayTime {
    GatewayTime::from_millis(BEGIN + second * 1_000)
}

/// Readings of a second: state words, or a number in Pa.
fn read(readings: &[(&str, &str)], second: i64) -> Vec<Reading> {
    let value = |text: &str| match text.parse::<f64>() {
        Ok(number) => Value::number(number, Unit::Pascal),
        Err(_) => Value::States(States::from_words(text).expect("states")),
    };
    let reading = |(point, text): &(&str, &str)| Reading {
        point: PointId::parse(point).expect("a point"),
        time: at(second),
        value: value(text),
        quality: Quality::Good,
        changes: None,
    };
    readings.iter().map(reading).collect()
}

pub(super) fn routing() -> Routing {
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
    let units = [UnitRow { id: "mall".into(), grid: "s1".into() }];
    let worker = PersonRow {
        id: "wang".into(),
        name: "王".into(),
        role: Role::GridWorker,
        phone: String::new(),
        grid: "s1".into(),
    };
    Routing::build(grids, units, [worker]).expect("a county")
}

/// A series store in memory.
#[derive(Default)]
pub(super) struct Remembering(pub(super) Mutex<Vec<Row>>);

/// A series store that is dead.
struct Dead;

impl SeriesStore for Dead {
    fn write(&self, _rows: Vec<Row>) -> Answer<'_, (), WriteError> {
        let reason = "it is dead".to_owned();
        Box::pin(std::future::ready(Err(WriteError::TryAgain { reason })))
    }

    fn forget(&self, _now: CentreTime) -> Answer<'_, (), WriteError> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn raw(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn buckets(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl SeriesStore for Remembering {
    fn write(&self, rows: Vec<Row>) -> Answer<'_, (), WriteError> {
        self.0.lock().expect("rows").extend(rows);
        Box::pin(std::future::ready(Ok(())))
    }

    fn forget(&self, _now: CentreTime) -> Answer<'_, (), WriteError> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn raw(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn buckets(
        &self,
        _point: FullPointId,
        _from: GatewayTime,
        _to: GatewayTime,
        _step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
