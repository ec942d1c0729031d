//! What people read of alarms and tickets, what they may do, and what is refused.

use super::*;
use crate::desk::tickets::deeds::TicketDeed;

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
            history::put_line(to, Book::Alarms, "a/1", &line).await.expect("written");
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
        let deed = TicketDeed::Close { note: Some("已合闸".into()), exception: None };
        let close = Action::Ticket { ticket: "a/b".into(), deed, seen: None };
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
    assert!(body.contains("Firegrid"), "{body}");
}

#[tokio::test]
async fn what_people_do_with_a_ticket_goes_to_the_judge_with_the_version_they_saw() {
    let world = World::new().await;
    let reason = "不属于本网格";
    for (path, mut body, deed) in [
        ("submit", json!({ "note": "已更换" }), TicketDeed::Submit { note: Some("已更换".into()) }),
        ("return", json!({ "reason": reason }), TicketDeed::Return { reason: reason.into() }),
        (
            "hand-over",
            json!({ "reason": reason, "to": "li" }),
            TicketDeed::HandOver { to: Some("li".into()), reason: reason.into() },
        ),
        ("void", json!({ "reason": reason }), TicketDeed::Void { reason: reason.into() }),
    ] {
        world.judge(|judge| judge.refuses = Some(Refused::NotFound));
        body["by"] = json!("王");
        body["version"] = json!(3);
        let (status, _) = world.problem("POST", &format!("tickets/t1/{path}"), Some(&body)).await;
        assert_eq!(status, 404);
        let asked = Action::Ticket { ticket: "t1".into(), deed, seen: Some(3) };
        world.judge(|judge| assert_eq!(judge.actions.pop(), Some(("王".to_owned(), asked))));
    }
    let bare = json!({ "by": "王", "reason": " " });
    let (status, told) = world.problem("POST", "tickets/t1/void", Some(&bare)).await;
    assert_eq!((status, told.contains("请说明原因")), (400, true), "{told}");
}

#[tokio::test]
async fn the_second_to_act_is_told_who_was_first_and_what() {
    let world = World::new().await;
    let last =
        history::LastLine {
            n: 4, at: at(0), who: Some("李值班".into()), what: "accepted".into()
        };
    world.judge(|judge| judge.refuses = Some(Refused::NotLatest(last)));
    let body = json!({ "by": "王", "version": 3 });
    let (status, answer) = world.ask("POST", "tickets/t1/accept", Some(&body)).await;
    assert_eq!((status, &answer["reason"]["code"]), (409, &json!("not-latest")));
    let told = text(&answer["reason"]["zh"]);
    assert!(told.contains("李值班") && told.contains("accepted"), "{told}");
}

#[tokio::test]
async fn a_ticket_tells_whose_turn_it_is_and_what_its_sensor_proves() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            tickets::put(to, &a_ticket("t1", "east-1", 0)).await.expect("written");
            let mut hidden = a_ticket("t2", "east-1", 1);
            hidden.life.folded =
                Some(firegrid_rules::ticket::Folded { into: "t1".into(), since: at(1) });
            tickets::put(to, &hidden).await.expect("written");
        })
        .await;
    let of = Millis::seconds(1_800);
    let since = Some(firegrid_rules::decision::At::Centre(at(60)));
    world.judge(|judge| judge.not_proven = Some(NotYet::Calm { since, of }));
    let ticket = world.get("tickets/t1").await;
    assert_eq!(ticket["hides"], 1);
    assert_eq!(ticket["holder"]["level"], "region");
    assert_eq!(ticket["next"]["what"], "accept");
    assert_eq!(ticket["evidence"]["proven"], false);
    assert_eq!(ticket["evidence"]["calm_since"], "2026-11-22T08:01:00.000Z");
    assert_eq!(ticket["evidence"]["closable_from"], "2026-11-22T08:31:00.000Z");
    assert_eq!(world.items("tickets", "id").await, ["t1"], "what is hidden stands in no list");
    assert_eq!(world.items("tickets?folded_into=t1", "id").await, ["t2"]);
    assert_eq!(world.items("tickets?severity=major", "id").await, [""; 0]);
    assert_eq!(world.items("tickets?unit=mall&kind=pump-power", "id").await, ["t1"]);
    world.judge(|judge| judge.not_proven = None);
    assert_eq!(world.get("tickets/t1").await["evidence"]["proven"], true);
}
