//! The API over real HTTP against real tables, with a judge that says what the test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use firegrid_rules::alarm::State as AlarmState;
use firegrid_rules::engine::{PointView, Voice};
use firegrid_rules::rulebook::Severity;
use firegrid_rules::sight::{Blindness, Sight};
use firegrid_rules::ticket::{self, State as TicketState};
use firegrid_wire::beat::SpoolHealth;
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
    Action, BeatNow, GatewayNow, Health, LaneNow, PointNow, PointsAsked, Question, Refused, Wake,
};
use crate::registry::{Registry, RegistryFiles};
use crate::series::Row;
use crate::series::embedded::Embedded;
use crate::storage::alarms::{Alarm, AlarmBody, HistoryLine};
use crate::storage::events::NewEvent;
use crate::storage::readings::StoredReading;
use crate::storage::tickets::{Ticket, TicketBody};
use crate::storage::{self, Transaction, Writer, alarms, events, readings, tickets};

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
}

struct World {
    _folder: tempfile::TempDir,
    address: SocketAddr,
    writer: Writer,
    series: Embedded,
    judge: Arc<Mutex<Judge>>,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut writer, reader) = storage::open(folder.path()).await.expect("a database");
        let registry = registry(folder.path());
        registry.store(&mut writer, at(0)).await.expect("stored");
        let series = Embedded::open(folder.path().join("series"), 400).expect("a store");
        let judge: Arc<Mutex<Judge>> = Arc::default();
        let (wakes, wakes_in) = mpsc::channel(16);
        tokio::spawn(play(wakes_in, Arc::clone(&judge)));
        let sources = Sources {
            region: firegrid_wire::names::RegionId::parse("county").expect("a region"),
            door: Door::new(wakes, watch::channel(0).1),
            reader,
            series: Arc::new(series.clone()),
            rulebook: Arc::new(Rulebook::shipped()),
            clock: Clock::begin(None),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = router(sources).await.expect("a router");
        tokio::spawn(serve(listener, router, std::future::pending()));
        World { _folder: folder, address, writer, series, judge }
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
    let files = RegistryFiles {
        grids: file(
            "grids.csv",
            "id,name,level,parent\ncounty,示范县,region,\ntown,城关镇,large,county\n\
             east,东门社区,middle,town\neast-1,一号网格,small,east\neast-2,二号网格,small,east\n",
        ),
        units: file(
            "units.csv",
            "id,name,grid,address,contact,phone\n\
             mall,东门购物中心,east-1,东门街 18 号,控制室,0000-1\nschool,实验小学,east-2,,,\n",
        ),
        gateways: file("gateways.csv", "gateway,unit\nmall-01,mall\n"),
    };
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
            Wake::Question(Question::Unrecorded(answer)) => {
                drop(answer.send(judge.unrecorded.clone()));
            }
            Wake::Action(asked) => {
                judge.actions.push((asked.by, asked.action));
                let refused = judge.refuses.clone().unwrap_or(Refused::NotFound);
                drop(asked.answer.send(Err(refused)));
            }
            Wake::Message(_)
            | Wake::Listening { .. }
            | Wake::Stored(_)
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
        }),
        lanes: PerLane {
            urgent: LaneNow { want: Some(4), ..LaneNow::default() },
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
        life: ticket::Ticket::opened(Severity::Serious, at(seconds), false),
        body: TicketBody::default(),
        changed: at(seconds),
    }
}

#[tokio::test]
async fn an_alarm_says_what_where_and_whom_to_call() {
    let mut world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    world
        .write(async |to| {
            let fire = alarm("a/1", "fire", AlarmState::ActiveUnacked, 10);
            alarms::put(to, &fire).await.expect("written");
            let line = HistoryLine {
                n: 1,
                at: at(10),
                who: None,
                what: "raised".into(),
                body: json!({ "why": "reading" }),
            };
            alarms::put_line(to, "a/1", &line).await.expect("written");
        })
        .await;
    let alarms = world.get("alarms").await;
    let fire = &alarms["items"][0];
    for (field, value) in [
        ("kind", json!("fire")),
        ("title", json!("火灾报警")),
        ("point", json!("mall-01/facp1/A")),
        ("label", json!("facp1/A 的标签")),
        ("unit", json!("mall")),
        ("unit_name", json!("东门购物中心")),
        ("phone", json!("0000-1")),
        ("grid", json!("east-1")),
        ("state", json!("active-unacked")),
        ("raised", json!("2026-11-22T08:00:09.000Z")),
        ("arrived", json!("2026-11-22T08:00:10.000Z")),
        ("marks", json!(["shielded"])),
        ("recorded", json!(true)),
        ("acknowledged", json!(null)),
    ] {
        assert_eq!(fire[field], value, "{field}: {fire}");
    }
    let names: Vec<&Json> = ["region", "large", "middle", "small"]
        .iter()
        .map(|level| &fire["grid_path"][level]["name"])
        .collect();
    assert_eq!(names, ["示范县", "城关镇", "东门社区", "一号网格"]);
    let one = world.get("alarms/a%2F1").await;
    assert_eq!(one["history"][0]["what"], "raised");
    assert_eq!(world.problem("GET", "alarms/nothing", None).await.0, 404);
}

#[tokio::test]
async fn alarms_are_filtered_and_paged_the_newest_first() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            for (id, kind, state, seconds) in [
                ("a1", "fire", AlarmState::Closed, 1),
                ("a2", "fire", AlarmState::ActiveUnacked, 2),
                ("a3", "prealarm", AlarmState::ReturnedAcked, 3),
                ("a4", "fire", AlarmState::ActiveAcked, 3),
            ] {
                alarms::put(to, &alarm(id, kind, state, seconds)).await.expect("written");
            }
        })
        .await;
    assert_eq!(world.items("alarms", "id").await, ["a4", "a3", "a2", "a1"]);
    assert_eq!(world.items("alarms?state=open", "id").await, ["a4", "a3", "a2"]);
    assert_eq!(world.items("alarms?state=closed", "id").await, ["a1"]);
    assert_eq!(world.items("alarms?kind=fire&state=open", "id").await, ["a4", "a2"]);
    assert_eq!(world.items("alarms?unit=school", "id").await, [""; 0]);
    let first = world.get("alarms?limit=2").await;
    let next = text(&first["next"]);
    assert_eq!(world.items(&format!("alarms?limit=2&after={next}"), "id").await, ["a2", "a1"]);
    assert_eq!(world.get(&format!("alarms?limit=2&after={next}")).await["next"], json!(null));
}

#[tokio::test]
async fn a_fire_that_could_not_be_recorded_is_shown_all_the_same() {
    let mut world = World::new().await;
    let fire = alarm("a1", "fire", AlarmState::ActiveUnacked, 10);
    world.judge(|judge| judge.unrecorded = vec![fire.clone()]);
    let shown = world.get("alarms?state=open").await;
    assert_eq!(
        (&shown["items"][0]["id"], &shown["items"][0]["recorded"]),
        (&json!("a1"), &json!(false))
    );
    world.write(async |to| alarms::put(to, &fire).await.expect("written")).await;
    let shown = world.get("alarms?state=open").await;
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["items"][0]["recorded"], json!(true));
}

#[tokio::test]
async fn tickets_are_listed_by_grid_with_everything_below_it() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            tickets::put(to, &a_ticket("t1", "east-1", 1)).await.expect("written");
            tickets::put(to, &a_ticket("t2", "east-2", 2)).await.expect("written");
            let mut closed = a_ticket("t3", "east-2", 3);
            closed.life.state = TicketState::Closed;
            tickets::put(to, &closed).await.expect("written");
        })
        .await;
    assert_eq!(world.items("tickets", "id").await, ["t3", "t2", "t1"]);
    assert_eq!(world.items("tickets?grid=county", "id").await, ["t3", "t2", "t1"]);
    assert_eq!(world.items("tickets?grid=east-1", "id").await, ["t1"]);
    assert_eq!(world.items("tickets?grid=town&state=open", "id").await, ["t2", "t1"]);
    assert_eq!(world.items("tickets?state=accept", "id").await, ["t2", "t1"]);
    assert_eq!(world.problem("GET", "tickets?grid=nowhere", None).await.0, 404);
    let one = world.get("tickets/t1").await;
    for (field, value) in [
        ("kind", json!("pump-power")),
        ("title", json!("消防水泵电源故障")),
        ("severity", json!("serious")),
        ("state", json!("accept")),
        ("state_zh", json!("待接单")),
        ("unit", json!("mall")),
        ("grid", json!("east-1")),
        (
            "grid_path",
            json!({
                "region": { "id": "county", "name": "示范县" },
                "large": { "id": "town", "name": "城关镇" },
                "middle": { "id": "east", "name": "东门社区" },
                "small": { "id": "east-1", "name": "一号网格" },
            }),
        ),
        ("opened", json!("2026-11-22T08:00:01.000Z")),
        ("history", json!([])),
    ] {
        assert_eq!(one[field], value, "{field}: {one}");
    }
    assert_eq!(one["deadlines"]["accept"], "2026-11-22T12:00:01.000Z");
}

#[tokio::test]
async fn a_refused_closing_says_why_in_both_languages() {
    let world = World::new().await;
    world.judge(|judge| {
        judge.refuses = Some(Refused::NotAllowed {
            code: "not-proven",
            zh: "故障仍存在，不能结案".into(),
            en: "the condition still holds".into(),
        });
    });
    let body = json!({ "by": " 王网格员 ", "note": "已合闸" });
    let (status, answer) = world.ask("POST", "tickets/a%2Fb/close", Some(&body)).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(
        answer["reason"],
        json!({ "code": "not-proven", "zh": "故障仍存在，不能结案", "en": "the condition still holds" })
    );
    world.judge(|judge| {
        let close = Action::CloseTicket {
            ticket: "a/b".into(),
            note: Some("已合闸".into()),
            exception: None,
        };
        assert_eq!(judge.actions, [("王网格员".to_owned(), close)]);
    });
}

#[tokio::test]
async fn every_refusal_of_the_judge_has_its_own_answer() {
    let world = World::new().await;
    let by = Some(crate::storage::alarms::Deed { by: "李值班".into(), at: EIGHT });
    for (refused, status, part) in [
        (Refused::NotFound, 404, "There is no"),
        (
            Refused::AlreadySo { by, state: "active-acked" },
            409,
            "李值班 已于 2026-11-22T08:00:00.000Z",
        ),
        (Refused::AlreadySo { by: None, state: "closed" }, 409, "closed already"),
        (Refused::NotRecorded, 503, "was not done"),
        (Refused::Gone, 503, "does not answer"),
    ] {
        world.judge(|judge| judge.refuses = Some(refused.clone()));
        let body = json!({ "by": "王" });
        let (got, reason) = world.problem("POST", "alarms/a1/acknowledge", Some(&body)).await;
        assert_eq!(got, status, "{refused:?}");
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_before_anybody_is_asked() {
    let world = World::new().await;
    let long = "王".repeat(61);
    for (path, body) in [
        ("alarms/a1/acknowledge", json!({})),
        ("alarms/a1/acknowledge", json!({ "by": "  " })),
        ("alarms/a1/acknowledge", json!({ "by": "a\nb" })),
        ("alarms/a1/acknowledge", json!({ "by": long })),
        ("alarms/a1/acknowledge", json!({ "by": 7 })),
        ("alarms/a1/acknowledge", json!({ "by": "王", "as": "root" })),
        ("alarms/a1/acknowledge", json!([])),
        ("alarms/a1/close", json!({ "by": "王" })),
        ("alarms/a1/close", json!({ "by": "王", "verdict": "maybe" })),
        ("tickets/t1/close", json!({ "by": "王", "note": "长".repeat(501) })),
        (
            "tickets/t1/close",
            json!({ "by": "王", "exception": { "reason": "拆除", "second": "王" } }),
        ),
        ("tickets/t1/close", json!({ "by": "王", "exception": { "reason": " ", "second": "李" } })),
        ("gateways/no name/settle", json!({ "by": "王" })),
    ] {
        let path = path.replace(' ', "%20");
        let (status, reason) = world.problem("POST", &path, Some(&body)).await;
        assert!(status == 400 || path.contains("%20"), "{status} {path} {body}: {reason}");
    }
    world.judge(|judge| assert_eq!(judge.actions, []));
    for path in [
        "alarms?sate=open",
        "alarms?state=burning",
        "alarms?limit=0",
        "alarms?limit=many",
        "alarms?after=x",
        "tickets?state=x",
        "points?gateway=a/b",
        "points?notable=yes",
        "points?lane=fast",
        "series",
        "series?point=x",
        "series?point=a/b/c&from=yesterday",
        "series?point=a/b/c&step=often",
        "series?point=a/b/c&step=0s",
        "series?point=a/b/c&from=0&step=1ms",
        "events?after=-1",
        "grids?level=huge",
        "health?x=1",
        "alarms?limit=1&limit=2",
        "units?retired=1",
    ] {
        assert_eq!(world.problem("GET", path, None).await.0, 400, "{path}");
    }
    world.judge(|judge| judge.points = some_points());
    for after in ["", "~", "x~1", "1~x", "1~18446744073709551615", "9~9~9~9", "1~00~1"] {
        for point in ["riser1/p", "facp1/A"] {
            let path = format!("series?point=mall-01/{point}&after={after}");
            assert_eq!(world.problem("GET", &path, None).await.0, 400, "{path}");
        }
    }
    let long = format!("alarms?kind={}", "x".repeat(401));
    assert_eq!(world.problem("GET", &long, None).await.0, 400);
    assert_eq!(world.problem("GET", "nothing", None).await.0, 404);
}

#[tokio::test]
async fn the_network_cannot_fill_the_memory_or_speak_another_form() {
    let world = World::new().await;
    let huge = json!({ "by": "x".repeat(100_000) });
    let (status, _) = world.ask("POST", "tickets/t1/close", Some(&huge)).await;
    assert_eq!(status, 400);
    // A form of another site's page needs no leave of the browser; it must find no ear.
    let form = "POST /api/v1/tickets/t1/accept HTTP/1.1\r\nhost: localhost:80\r\n\
                connection: close\r\ncontent-type: text/plain\r\ncontent-length: 12\r\n\r\n{\"by\":\"x\"}  ";
    assert_eq!(world.raw(form).await.0, 400);
    world.judge(|judge| assert_eq!(judge.actions, []));
    let delete = "DELETE /api/v1/tickets HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(world.raw(delete).await.0, 405);
}

#[tokio::test]
async fn only_loopback_names_are_answered() {
    let world = World::new().await;
    for (host, status) in [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8080", 421),
        ("192.168.1.4", 421),
    ] {
        let request =
            format!("GET /api/v1/grids HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(world.raw(&request).await.0, status, "{host}");
    }
}

#[tokio::test]
async fn the_page_is_served_with_its_policy() {
    let world = World::new().await;
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let (status, head, body) = world.raw(request).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(head.contains("text/html"), "{head}");
    assert!(body.contains("火网"), "{body}");
}

#[tokio::test]
async fn a_point_says_what_it_reads_and_why_its_calm_proves_nothing() {
    let world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    let points = world.get("points").await;
    let [shielded, normal, unseen, pressure] =
        points["items"].as_array().expect("items").as_slice()
    else {
        panic!("{points}")
    };
    assert_eq!(shielded["value"]["text"], "fire disabled");
    assert_eq!(shielded["value"]["zh"], "火警 屏蔽");
    assert_eq!((&shielded["can_speak"], &normal["can_speak"]), (&json!(false), &json!(true)));
    assert!(text(&shielded["why_not"]["zh"]).contains("屏蔽"), "{shielded}");
    assert_eq!(unseen["sight"]["state"], "blind");
    assert!(text(&unseen["why_not"]["en"]).contains("its gateway is silent"), "{unseen}");
    assert_eq!(pressure["value"]["number"], 412_000.0);
    assert_eq!(
        (&pressure["value"]["shown"], &pressure["value"]["shown_unit"]),
        (&json!(0.412), &json!("MPa"))
    );
    assert_eq!(pressure["unit_name"], "东门购物中心");
    assert_eq!(world.items("points?lane=routine", "point").await, ["mall-01/riser1/p"]);
    let notable = ["mall-01/facp1/A", "mall-01/facp1/C"];
    assert_eq!(world.items("points?notable=true", "point").await, notable);
    assert_eq!(world.items("points?gateway=other", "point").await, [""; 0]);
    let first = world.get("points?limit=3").await;
    let next = text(&first["next"]);
    assert_eq!(
        world.items(&format!("points?limit=3&after={next}"), "point").await,
        ["mall-01/riser1/p"]
    );
}

#[tokio::test]
async fn health_tells_how_much_is_watched_and_what_is_wrong() {
    let world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    let health = world.get("health").await;
    assert_eq!(health["points"], json!({ "total": 4, "speaking": 2 }));
    assert_eq!(health["gateways"], json!({ "total": 2, "online": 1, "unassigned": 1 }));
    assert_eq!((&health["status"], &health["region_name"]), (&json!("degraded"), &json!("示范县")));
    assert_eq!(health["problems"][0]["code"], "unassigned");
    let gateways = world.get("gateways").await;
    let box_one = &gateways["items"][0];
    assert_eq!(box_one["spool"], json!({ "health": "failing", "depth": 12, "age_ms": 3_000 }));
    assert_eq!(box_one["lanes"]["urgent"]["want_refresh"], 4);
    assert_eq!(gateways["items"][1]["unit"], json!(null));
}

#[tokio::test]
async fn grids_and_units_are_listed_with_their_way_up() {
    let world = World::new().await;
    assert_eq!(world.items("grids?level=small", "id").await, ["east-1", "east-2"]);
    assert_eq!(world.items("grids?parent=county", "name").await, ["城关镇"]);
    assert_eq!(world.items("grids?limit=2&after=county", "id").await, ["east", "east-1"]);
    assert_eq!(world.items("units?grid=east", "id").await, ["mall", "school"]);
    let units = world.get("units?grid=east-1").await;
    assert_eq!(units["items"][0]["gateways"], json!(["mall-01"]));
    assert_eq!(units["items"][0]["grid_path"]["large"]["name"], "城关镇");
}

#[tokio::test]
async fn events_are_followed_without_skipping_one() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            let event = |n: i64| NewEvent { kind: "alarm", body: json!({ "n": n }), at: at(n) };
            events::put(to, &[event(1), event(2), event(3)]).await.expect("written");
        })
        .await;
    assert_eq!(world.get("events?latest=true").await["next"], "3");
    let first = world.get("events?after=0&limit=2").await;
    assert_eq!((&first["items"][1]["id"], &first["next"]), (&json!(2), &json!("2")));
    assert_eq!(world.items("events?after=2", "id").await, ["3"]);
    let at_end = world.get("events?after=3").await;
    assert_eq!((&at_end["items"], &at_end["next"]), (&json!([]), &json!("3")));
    let beyond = world.get("events?after=99").await;
    assert_eq!((&beyond["gap"], &beyond["next"]), (&json!(true), &json!("3")));
}

#[tokio::test]
async fn a_curve_has_its_buckets_its_unit_and_the_limits_of_the_rules() {
    let world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    let row = |seconds: i64, index: u32, number: f64| Row {
        point: FullPointId { gateway: gateway(), point: point("riser1/p") },
        time: gateway_time(seconds),
        span: SpanId::from_bits(7),
        seq: 1,
        index,
        number: Some((number, Unit::Pascal)),
        quality: Quality::Good,
    };
    let rows = vec![row(0, 1, 4e5), row(10, 2, 5e5), row(10, 3, 6e5), row(60, 4, 7e5)];
    world.series.write(rows).await.expect("written");
    let range =
        "series?point=mall-01/riser1/p&from=2026-11-22T08:00:00Z&to=2026-11-22T16:01:01%2B08:00";
    let curve = world.get(&format!("{range}&step=60s")).await;
    assert_eq!(
        curve["buckets"],
        json!([
            { "start": "2026-11-22T08:00:00.000Z", "min": 4e5, "mean": 5e5, "max": 6e5, "count": 3 },
            { "start": "2026-11-22T08:01:00.000Z", "min": 7e5, "mean": 7e5, "max": 7e5, "count": 1 },
        ])
    );
    assert_eq!((&curve["unit"], &curve["shown_unit"]), (&json!("Pa"), &json!("MPa")));
    let limits = curve["rule_limits"].as_array().expect("limits");
    let limits: Vec<(String, f64)> = limits
        .iter()
        .map(|limit| (text(&limit["step"]), limit["value"].as_f64().expect("a number")))
        .collect();
    assert_eq!(limits, [("warn".to_owned(), 150_000.0), ("hazard".to_owned(), 50_000.0)]);

    // Row by row, two of which share their moment.
    let mut told = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.get(&format!("{range}&limit=1{after}")).await;
        told.extend(page["items"].as_array().expect("items").iter().map(|row| text(&row["index"])));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(told, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_discrete_points_history_is_words() {
    let mut world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    world
        .write(async |to| {
            for (index, words) in [(1, "fire"), (2, "fire disabled"), (3, "normal")] {
                let row = StoredReading {
                    gateway: gateway(),
                    lane: Lane::Urgent,
                    batch: BatchName { span: SpanId::from_bits(7), seq: 4 },
                    index,
                    reading: Reading {
                        point: point("facp1/A"),
                        time: gateway_time(1),
                        value: states(words),
                        quality: Quality::Good,
                    },
                    arrived: at(2),
                };
                readings::put(to, &row).await.expect("written");
            }
        })
        .await;
    let range = "series?point=mall-01/facp1/A&from=2026-11-22&to=2026-11-23";
    let rows = world.get(&format!("{range}&limit=2")).await;
    assert_eq!(rows["items"][1]["value"]["states"], json!(["fire", "disabled"]));
    assert_eq!(
        (&rows["items"][0]["seq"], &rows["items"][0]["span"]),
        (&json!(4), &json!("0000000000000007"))
    );
    let next = text(&rows["next"]);
    assert_eq!(world.items(&format!("{range}&limit=2&after={next}"), "index").await, ["3"]);
    assert_eq!(world.problem("GET", &format!("{range}&step=1min"), None).await.0, 400);
    // Unknown to the judge and its catalogues, but not to the tables.
    world.judge(|judge| judge.points.clear());
    assert_eq!(world.items(range, "index").await, ["1", "2", "3"]);
}
