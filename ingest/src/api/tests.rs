//! The API over real HTTP against real tables, with a judge that says what the test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use firegrid_rules::alarm::State as AlarmState;
use firegrid_rules::engine::{NotYet, PointView, Voice};
use firegrid_rules::rulebook::Severity;
use firegrid_rules::sight::{Blindness, Sight};
use firegrid_rules::ticket::State as TicketState;
use firegrid_wire::beat::{LaneBeat, SpoolHealth};
use firegrid_wire::catalogue::PointEntry;
use firegrid_wire::names::{FullPointId, GatewayId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::judge::events::{
    Action, BeatNow, Done, GatewayNow, Health, LaneNow, PointNow, PointsAsked, Question, Refused,
    Wake,
};
use crate::registry::{Import, Registry, RegistryFiles, Table};
use crate::series::Row;
use crate::series::embedded::Embedded;
use crate::storage::alarms::{Alarm, AlarmBody};
use crate::storage::events::NewEvent;
use crate::storage::history::{self, Book, HistoryLine};
use crate::storage::readings::StoredReading;
use crate::storage::scratch::untouched;
use crate::storage::tickets::{Ticket, TicketBody};
use crate::storage::{self, Transaction, Writer, alarms, events, readings, tickets};

mod document;
mod live;
mod missing;
mod people;
mod registry;
mod watched;

/// 2026-11-22T08:00:00Z.
const EIGHT: i64 = 1_795_334_400_000;

fn at(seconds: i64) -> CentreTime {
    CentreTime::from_millis(EIGHT + seconds * 1_000)
}

fn gateway_time(seconds: i64) -> GatewayTime {
    GatewayTime::from_millis(EIGHT + seconds * 1_000)
}

fn gateway() -> GatewayId {
    GatewayId::parse("mall-01").expect("a gateway")
}

fn point(text: &str) -> PointId {
    PointId::parse(text).expect("a point")
}

/// What the judge of the test says and was asked.
#[derive(Default)]
struct Judge {
    points: Vec<PointNow>,
    unrecorded: Vec<Alarm>,
    actions: Vec<(String, Action)>,
    refuses: Option<Refused>,
    /// Why a ticket may not be closed; none: it may.
    not_proven: Option<NotYet>,
}

struct World {
    _folder: tempfile::TempDir,
    address: SocketAddr,
    writer: Writer,
    series: Embedded,
    judge: Arc<Mutex<Judge>>,
    /// Tells those who follow that something was committed.
    changed: watch::Sender<u64>,
}

impl World {
    async fn new() -> World {
        World::begin(false).await
    }

    /// Of a centre whose settings name the files of its registry.
    async fn with_files() -> World {
        World::begin(true).await
    }

    async fn begin(registry_in_files: bool) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut writer, reader) = storage::open(folder.path()).await.expect("a database");
        let registry = registry(folder.path());
        let import = Import::new(registry, &Registry::default());
        import.store(&mut writer, at(0)).await.expect("stored");
        let series = Embedded::open(folder.path().join("series"), 400).expect("a store");
        let judge: Arc<Mutex<Judge>> = Arc::default();
        let (wakes, wakes_in) = mpsc::channel(16);
        let (changed, last_event) = watch::channel(0);
        tokio::spawn(play(wakes_in, Arc::clone(&judge)));
        let sources = Sources {
            region: firegrid_wire::names::RegionId::parse("county").expect("a region"),
            door: Door::new(wakes, last_event),
            reader,
            series: Arc::new(series.clone()),
            rulebook: Arc::new(Rulebook::shipped()),
            registry_in_files,
            clock: Clock::begin(None),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = router(sources, Router::new()).await.expect("a router");
        tokio::spawn(serve(listener, router, std::future::pending()));
        World { _folder: folder, address, writer, series, judge, changed }
    }

    async fn write(&mut self, put: impl AsyncFnOnce(&mut Transaction<'_>)) {
        let mut to = self.writer.begin().await.expect("begun");
        put(&mut to).await;
        to.commit().await.expect("committed");
    }

    fn judge(&self, change: impl FnOnce(&mut Judge)) {
        change(&mut self.judge.lock().expect("no player failed"));
    }

    /// Status, headers in lower case, and body.
    async fn raw(&self, request: &str) -> (u16, String, String) {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        // A refused body may end the connection before everything was sent.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, head.to_lowercase(), body.to_owned())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> (u16, Json) {
        let body = body.map_or(String::new(), Json::to_string);
        let request = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, head, body) = self.raw(&request).await;
        let chunked = head.contains("transfer-encoding: chunked");
        assert!(!chunked, "the tests' client reads whole bodies only");
        (status, serde_json::from_str(&body).unwrap_or(Json::String(body)))
    }

    #[track_caller]
    fn get(&self, path: &str) -> impl Future<Output = Json> {
        let caller = std::panic::Location::caller();
        async move {
            let (status, body) = self.ask("GET", path, None).await;
            assert_eq!(status, 200, "{path} at {caller}: {body}");
            body
        }
    }

    /// The status and the reason of a problem, in Chinese and English.
    async fn problem(&self, method: &str, path: &str, body: Option<&Json>) -> (u16, String) {
        let (status, body) = self.ask(method, path, body).await;
        assert_eq!(body["status"], json!(status), "{body}");
        assert_eq!(body["detail"], body["reason"]["en"], "{body}");
        (status, format!("{} {}", text(&body["reason"]["zh"]), text(&body["reason"]["en"])))
    }

    async fn items(&self, path: &str, field: &str) -> Vec<String> {
        let list = self.get(path).await;
        let items = list["items"].as_array().expect("items");
        items.iter().map(|item| text(&item[field])).collect()
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn registry(folder: &std::path::Path) -> Registry {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let files = [
        (
            Table::Grids,
            file(
                "grids.csv",
                "id,name,level,parent\ncounty,示范县,region,\ntown,城关镇,large,county\n\
             east,东门社区,middle,town\neast-1,一号网格,small,east\neast-2,二号网格,small,east\n",
            ),
        ),
        (
            Table::Units,
            file(
                "units.csv",
                "id,name,grid,address,contact,phone\n\
             mall,东门购物中心,east-1,东门街 18 号,控制室,0000-1\nschool,实验小学,east-2,,,\n",
            ),
        ),
        (Table::Gateways, file("gateways.csv", "gateway,unit\nmall-01,mall\n")),
        (
            Table::People,
            file(
                "people.csv",
                "id,name,role,phone,grid\nwang,王春生,网格员,1,east-1\nliu,刘,brigade,2,county\n",
            ),
        ),
        (
            Table::Buildings,
            file("buildings.csv", "id,unit,name,use,height\nmain,mall,主楼,商业,23.8\n"),
        ),
        (
            Table::Devices,
            file("devices.csv", "gateway,device,building\nmall-01,riser1,\nmall-01,facp1,main\n"),
        ),
    ];
    let files = RegistryFiles { files: files.into_iter().collect(), encoding: None };
    Registry::read(&files, None).expect("a registry")
}

/// Answers for the judge.
async fn play(mut wakes: mpsc::Receiver<Wake>, judge: Arc<Mutex<Judge>>) {
    while let Some(wake) = wakes.recv().await {
        let mut judge = judge.lock().expect("no test failed");
        match wake {
            Wake::Question(Question::Points(asked, answer)) => {
                drop(answer.send(points_asked(&judge.points, &asked)));
            }
            Wake::Question(Question::Gateways(answer)) => {
                drop(answer.send(vec![gateway_now(true), gateway_now(false)]));
            }
            Wake::Question(Question::Health(answer)) => drop(answer.send(health_now())),
            Wake::Question(Question::Proof(_, _, answer)) => {
                let _ = answer.send(judge.not_proven.map_or(Ok(()), Err));
            }
            Wake::Question(Question::Unrecorded(answer)) => {
                drop(answer.send(judge.unrecorded.clone()));
            }
            Wake::Action(asked) => {
                let is_registry = matches!(asked.action, Action::ImportRegistry(_));
                judge.actions.push((asked.by, asked.action));
                if is_registry {
                    drop(asked.answer.send(Ok(Done::Registered)));
                    continue;
                }
                let refused = judge.refuses.clone().unwrap_or(Refused::NotFound);
                drop(asked.answer.send(Err(refused)));
            }
            Wake::Message(_)
            | Wake::Listening { .. }
            | Wake::Stored(_)
            | Wake::SeriesOverflow(_)
            | Wake::Deadline
            | Wake::Stop => panic!("the API does not send {wake:?}"),
        }
    }
}

fn points_asked(points: &[PointNow], asked: &PointsAsked) -> Vec<PointNow> {
    let wanted = |point: &&PointNow| {
        let id = &point.view.point;
        asked.gateway.as_ref().is_none_or(|gateway| id.gateway == *gateway)
            && asked.point.as_ref().is_none_or(|only| id == only)
            && asked.after.as_ref().is_none_or(|after| after < id)
    };
    points.iter().filter(wanted).take(asked.limit).cloned().collect()
}

fn name(span: u64, seq: u64) -> BatchName {
    BatchName { span: SpanId::from_bits(span), seq }
}

fn gateway_now(online: bool) -> GatewayNow {
    GatewayNow {
        id: GatewayId::parse(if online { "mall-01" } else { "stray-9" }).expect("a gateway"),
        unit: online.then(|| "mall".to_owned()),
        online,
        heard: online.then(|| at(5)),
        beat: online.then(|| BeatNow {
            arrived: at(5),
            span: SpanId::from_bits(7),
            clock: firegrid_wire::beat::Clock::Unsynced,
            spool: SpoolHealth::Failing,
            depth: 12,
            age: Millis::seconds(3),
            sent: gateway_time(4),
            lanes: PerLane {
                urgent: LaneBeat { head: Some(name(7, 9)), until: Some(gateway_time(3)) },
                ..PerLane::default()
            },
            alarms: 1,
            dead_letters: 2,
            taken_over: 1,
        }),
        lanes: PerLane {
            urgent: LaneNow {
                want: Some(4),
                position: Some(name(7, 6)),
                horizon: Some(gateway_time(1)),
                spans: vec![name(7, 6), name(5, 30)],
            },
            ..PerLane::default()
        },
        catalogue: None,
        holes: 1,
        dead_letters: 2,
        conflict: None,
        presence: None,
    }
}

fn health_now() -> Health {
    Health {
        now: at(6),
        listening_urgent: true,
        listening_routine: true,
        commit_failing_since: None,
        commit_failure: None,
        committed: Some(at(4)),
        last_event: 3,
        series_waiting: 0,
        gateways: 2,
        unassigned: 1,
        unrecorded: 0,
        refused_messages: 0,
    }
}

fn point_now(name: &str, value: Value, sight: Sight, voice: Voice) -> PointNow {
    let id = point(name);
    let analog = matches!(value, Value::Number(..));
    PointNow {
        view: PointView {
            point: FullPointId { gateway: gateway(), point: id.clone() },
            value: Some(value),
            quality: Quality::Good,
            time: Some(gateway_time(1)),
            sight,
            voice,
            provisional: None,
            phases: Vec::new(),
        },
        entry: Some(Arc::new(PointEntry {
            n: id,
            label: format!("{name} 的标签"),
            lane: if analog { Lane::Routine } else { Lane::Urgent },
            u: analog.then_some(Unit::Pascal),
            system: 12,
            part: 99,
            zone: "3F".into(),
            tags: vec!["sprinkler-end".into()],
            limits: [("low".to_owned(), 150_000.0)].into(),
            elevation: None,
            source: String::new(),
        })),
        unit: Some("mall".into()),
    }
}

fn states(words: &str) -> Value {
    Value::States(States::from_words(words).expect("states"))
}

/// A pressure, a shielded fire, a normal detector, and one that is not seen.
fn some_points() -> Vec<PointNow> {
    let seen = Sight::Seen { last: at(5) };
    let blind = Sight::Blind { last: Some(at(1)), cause: Blindness::Silence };
    let muted = States::from_words("disabled").expect("states").set;
    vec![
        point_now("facp1/A", states("fire disabled"), seen, Voice::Mute(muted)),
        point_now("facp1/B", states("normal"), seen, Voice::Speaks),
        point_now("facp1/C", states("normal"), blind, Voice::Speaks),
        point_now("riser1/p", Value::number(412_000.0, Unit::Pascal), seen, Voice::Speaks),
    ]
}

fn alarm(id: &str, kind: &str, state: AlarmState, seconds: i64) -> Alarm {
    Alarm {
        id: id.to_owned(),
        kind: kind.to_owned(),
        rule: "FIRE".into(),
        step: "alarm".into(),
        severity: Severity::Major,
        gateway: gateway(),
        point: Some(point("facp1/A")),
        unit: Some("mall".into()),
        grid: Some("east-1".into()),
        state,
        body: AlarmBody {
            reason_zh: "读数：火警".into(),
            marks: vec!["shielded".into()],
            ..AlarmBody::default()
        },
        raised_t: Some(gateway_time(seconds - 1)),
        raised: at(seconds),
        changed: at(seconds),
        version: 1,
    }
}

fn a_ticket(id: &str, grid: &str, seconds: i64) -> Ticket {
    Ticket {
        id: id.to_owned(),
        kind: "pump-power".into(),
        rule: "P2".into(),
        severity: Severity::Serious,
        subject: format!("mall-01/pump1/{id}"),
        gateway: gateway(),
        point: Some(point("pump1/power")),
        unit: Some(if grid == "east-1" { "mall" } else { "school" }.into()),
        grid: grid.into(),
        grid_path: format!("county/town/east/{grid}"),
        life: untouched(Severity::Serious, at(seconds)),
        body: TicketBody::default(),
        changed: at(seconds),
        version: 1,
    }
}
