//! What is watched: points, gateways, places, events and curves.

use super::*;

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
    assert_eq!(
        health["gateways"],
        json!({ "total": 2, "online": 1, "conflicts": 0, "unassigned": 1 })
    );
    assert_eq!((&health["status"], &health["region_name"]), (&json!("degraded"), &json!("示范县")));
    let codes = health["problems"].as_array().expect("problems").iter();
    let codes: Vec<String> = codes.map(|problem| text(&problem["code"])).collect();
    assert_eq!(codes, ["gateways-offline", "unassigned"]);
    let gateways = world.get("gateways").await;
    let box_one = &gateways["items"][0];
    assert_eq!(box_one["spool"], json!({ "health": "failing", "depth": 12, "age_ms": 3_000 }));
    assert_eq!(box_one["lanes"]["urgent"]["want_refresh"], 4);
    assert_eq!((&box_one["refused_by_broker"], &box_one["taken_over"]), (&json!(2), &json!(1)));
    assert_eq!(gateways["items"][1]["taken_over"], 0);
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
                        changes: None,
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
