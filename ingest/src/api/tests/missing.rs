//! What is missing, what could not be read, and who speaks twice.

use crate::judge::events::POINTS_PER_ANSWER;

use super::*;
use crate::storage::conflicts::{self, ConflictBatch, ConflictSpan};
use crate::storage::dead_letters::{self, DeadLetter};
use crate::storage::holes::{self, Hole};
use crate::storage::vouched::{self, Gap, Vouched};

fn hole(seq: u64, kind: &str, seconds: i64) -> Hole {
    Hole {
        gateway: gateway(),
        lane: Lane::Urgent,
        told_by: name(7, seq),
        kind: kind.to_owned(),
        body: json!({ "told": { "marker": { "reason": "quota" } } }),
        arrived: at(seconds),
    }
}

fn letter(id: &str, seconds: i64) -> DeadLetter {
    DeadLetter {
        id: id.to_owned(),
        gateway: gateway(),
        topic: "urgent".into(),
        name: Some(name(7, 3)),
        index: None,
        reason: "expected value".into(),
        body: b"{not json".to_vec(),
        arrived: at(seconds),
    }
}

#[tokio::test]
async fn holes_are_listed_with_their_evidence_and_no_page_skips_one() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            for row in [hole(1, "marker", 5), hole(2, "marker", 5), hole(3, "unreadable", 5)] {
                holes::put(to, &row).await.expect("written");
            }
            let elsewhere = GatewayId::parse("stray-9").expect("a gateway");
            let row = Hole { gateway: elsewhere, ..hole(4, "marker", 6) };
            holes::put(to, &row).await.expect("written");
        })
        .await;
    let mut told = Vec::new();
    let mut path = "holes?limit=1".to_owned();
    loop {
        let page = world.get(&path).await;
        told.extend(page["items"].as_array().expect("items").iter().map(|it| text(&it["told_by"])));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("holes?limit=1&after={next}");
    }
    let span = SpanId::from_bits(7);
    assert_eq!(told, [4, 3, 2, 1].map(|seq| format!("{span}/{seq}")));
    let markers = world.get("holes?gateway=mall-01&kind=marker").await;
    assert_eq!(markers["items"].as_array().map(Vec::len), Some(2));
    let marker = &markers["items"][0];
    assert_eq!(marker["evidence"]["told"]["marker"]["reason"], "quota");
    assert_eq!((&marker["kind_zh"], &marker["lane"]), (&json!("网关已丢弃"), &json!("urgent")));
    let (status, _) = world.problem("GET", "holes?gatway=mall-01", None).await;
    assert_eq!(status, 400, "a misspelt filter shows not everything");
}

#[tokio::test]
async fn a_dead_letter_opens_to_its_bytes() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            for row in [letter("mall-01~urgent~a", 1), letter("mall-01~urgent~b", 2)] {
                dead_letters::put(to, &row).await.expect("written");
            }
        })
        .await;
    let ids = ["mall-01~urgent~b", "mall-01~urgent~a"];
    assert_eq!(world.items("dead-letters?gateway=mall-01", "id").await, ids);
    assert_eq!(world.items("dead-letters?gateway=stray-9", "id").await, [""; 0]);
    let first = world.get("dead-letters?limit=1").await;
    let next = format!("dead-letters?after={}", text(&first["next"]));
    assert_eq!(world.items(&next, "id").await, ids[1..]);
    let one = world.get("dead-letters/mall-01~urgent~a").await;
    assert_eq!((&one["text"], &one["hex"]), (&json!("{not json"), &json!("7b6e6f74206a736f6e")));
    assert_eq!((&one["reason"], &one["bytes"]), (&json!("expected value"), &json!(9)));
    assert_eq!(world.problem("GET", "dead-letters/none", None).await.0, 404);
}

#[tokio::test]
async fn a_conflict_opens_to_what_the_second_box_said() {
    let mut world = World::new().await;
    world
        .write(async |to| {
            conflicts::put(to, &gateway(), at(3)).await.expect("written");
            let row = ConflictSpan { lane: Lane::Urgent, span: SpanId::from_bits(7), end: 9 };
            conflicts::put_span(to, &gateway(), &row).await.expect("written");
            let row = ConflictBatch {
                gateway: gateway(),
                lane: Lane::Urgent,
                name: name(7, 9),
                body: b"[]".to_vec(),
                arrived: at(4),
            };
            conflicts::put_batch(to, &row).await.expect("written");
        })
        .await;
    assert_eq!(world.items("conflicts", "gateway").await, ["mall-01"]);
    assert_eq!(world.items("conflicts?gateway=stray-9", "gateway").await, [""; 0]);
    let one = world.get("conflicts/mall-01").await;
    assert_eq!(one["spans"][0]["position"], json!(name(7, 9)));
    assert_eq!(
        (&one["batches"][0]["text"], &one["since"]),
        (&json!("[]"), &json!("2026-11-22T08:00:03.000Z"))
    );
    assert_eq!(world.problem("GET", "conflicts/stray-9", None).await.0, 404);
}

#[tokio::test]
async fn a_gateway_tells_its_lag_its_clock_and_its_blind_devices() {
    let world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    let one = world.get("gateways/mall-01").await;
    assert_eq!((&one["clock"], &one["clock_offset_ms"]), (&json!("unsynced"), &json!(1_000)));
    let urgent = &one["lanes"]["urgent"];
    assert_eq!((&urgent["behind"], &urgent["behind_ms"]), (&json!(3), &json!(3_000)));
    assert_eq!((&urgent["position"], &urgent["head"]), (&json!(name(7, 6)), &json!(name(7, 9))));
    assert_eq!(urgent["spans"], json!([name(7, 6), name(5, 30)]));
    assert_eq!(one["lanes"]["routine"]["behind"], json!(null));
    assert_eq!(
        one["blind_devices"],
        json!([
            { "device": "facp1", "points": 1, "since": "2026-11-22T08:00:01.000Z" }
        ])
    );
    assert_eq!(world.problem("GET", "gateways/nobody", None).await.0, 404);
}

#[tokio::test]
async fn blind_devices_are_told_of_a_gateway_with_more_points_than_one_answer_holds() {
    let world = World::new().await;
    let seen = Sight::Seen { last: at(5) };
    let blind = Sight::Blind { last: Some(at(1)), cause: Blindness::Silence };
    world.judge(|judge| {
        judge.points = (0..POINTS_PER_ANSWER + 5)
            .map(|number| {
                let sight = if number < POINTS_PER_ANSWER { seen } else { blind };
                point_now(&format!("facp1/P{number:05}"), states("normal"), sight, Voice::Speaks)
            })
            .collect();
    });
    let one = world.get("gateways/mall-01").await;
    assert_eq!(one["blind_devices"][0]["points"], json!(5), "{one}");
}

#[tokio::test]
async fn what_was_vouched_for_is_told_per_lane_and_no_page_skips_a_stretch() {
    let mut world = World::new().await;
    let stretch = |span: u64, from: i64, until: i64, gap: Gap| Vouched {
        gateway: gateway(),
        lane: Lane::Urgent,
        span: SpanId::from_bits(span),
        from: gateway_time(from),
        until: gateway_time(until),
        gap,
        changed: at(until),
    };
    world
        .write(async |to| {
            // Two spans that begin in the same moment: the clock fell back.
            for row in [
                stretch(7, 10, 20, Gap::Span),
                stretch(7, 25, 40, Gap::Pause),
                stretch(8, 25, 60, Gap::Span),
                stretch(8, 70, 80, Gap::Hole),
                Vouched { lane: Lane::Routine, ..stretch(7, 10, 90, Gap::Span) },
            ] {
                vouched::put(to, &row).await.expect("written");
            }
        })
        .await;
    let day = format!(
        "vouched?gateway=mall-01&lane=urgent&from={}&to={}&limit=1",
        shown::at_gateway(gateway_time(15)),
        shown::at_gateway(gateway_time(75)),
    );
    let mut told = Vec::new();
    let mut path = day.clone();
    loop {
        let page = world.get(&path).await;
        told.extend(page["items"].as_array().expect("items").iter().map(|it| text(&it["gap"])));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{day}&after={next}");
    }
    assert_eq!(told, ["span", "pause", "span", "hole"]);
    let routine = world.get("vouched?gateway=mall-01&lane=routine&from=0&to=2000000000").await;
    let one = &routine["items"][0];
    assert_eq!(one["until"], json!(shown::at_gateway(gateway_time(90))));
    assert_eq!(one["gap_zh"], json!("网关启动或时钟校正"));
    let (status, _) = world.problem("GET", "vouched?gateway=mall-01", None).await;
    assert_eq!(status, 400, "of which lane must be said");
}
