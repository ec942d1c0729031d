//! The registry over HTTP: out as sheets, in as sheets, and what is told of it.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn sheet(text: &str) -> String {
    STANDARD.encode(text)
}

/// A unit's row under another name, written by whoever writes.
async fn renamed(world: &mut World, name: &str) {
    let unit = storage::registry::Unit {
        id: "mall".into(),
        name: name.into(),
        grid: "east-1".into(),
        ..Default::default()
    };
    world
        .write(async |to| storage::registry::put_units(to, &[&unit]).await.expect("written"))
        .await;
}

#[tokio::test]
async fn a_sheet_goes_out_and_is_told_to_change_nothing_when_it_comes_back() {
    let world = World::new().await;
    let (status, head, body) = world
        .raw(
            "GET /api/v1/registry/units.csv?encoding=gb18030 HTTP/1.1\r\nhost: 127.0.0.1\r\n\
             connection: close\r\n\r\n",
        )
        .await;
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("charset=gb18030"), "{head}");
    assert!(head.contains("filename=\"units.csv\""), "{head}");
    let (_, units) = world.ask("GET", "registry/units.csv?language=en", None).await;
    let units = text(&units);
    assert!(units.starts_with("\u{feff}id,name,grid,address"), "{units}");
    let body = json!({ "by": "甲", "files": { "units": sheet(&units) } });
    let (status, told) = world.ask("POST", "registry/import?dry_run=true", Some(&body)).await;
    let nothing = json!({ "new": 0, "changed": 0, "retired": 0 });
    assert_eq!((status, &told["applied"]), (200, &json!(false)), "{told}");
    assert_eq!(told["counts"]["units"], nothing);
    assert_eq!(world.problem("GET", "registry/tables.csv", None).await.0, 404);
}

#[tokio::test]
async fn an_import_goes_through_the_judge_and_pages_see_the_new_names() {
    let mut world = World::new().await;
    let units = "id,name,grid\nmall,新商场,east-1\nschool,实验小学,east-2\n";
    renamed(&mut world, "别的商场").await;
    assert_eq!(world.items("units", "name").await, ["东门购物中心", "实验小学"]);
    let body = json!({ "by": "甲", "files": { "units": sheet(units) } });
    let (status, told) = world.ask("POST", "registry/import", Some(&body)).await;
    assert_eq!((status, &told["applied"]), (200, &json!(true)), "{told}");
    assert_eq!(told["counts"]["units"], json!({ "new": 0, "changed": 1, "retired": 0 }));
    world.judge(|judge| {
        let (by, action) = judge.actions.last().expect("an action");
        assert_eq!(by, "甲");
        assert!(matches!(action, Action::ImportRegistry(_)), "{action:?}");
    });
    assert_eq!(world.items("units", "name").await, ["别的商场", "实验小学"], "read again");
}

#[tokio::test]
async fn mistakes_are_told_by_row_and_nothing_is_asked_of_the_judge() {
    let world = World::new().await;
    let units = "id,name,grid\nmall,商场,nowhere\n,无名,east-1\n";
    let body = json!({ "by": "甲", "files": { "units": sheet(units) } });
    let (status, told) = world.ask("POST", "registry/import", Some(&body)).await;
    assert_eq!((status, &told["applied"]), (200, &json!(false)), "{told}");
    let mistakes = told["mistakes"].as_array().expect("mistakes").iter();
    let places: Vec<Json> =
        mistakes.map(|m| json!([m["file"], m["row"], m["column"], m["zh"].is_string()])).collect();
    assert_eq!(
        places,
        [json!(["units.csv", 2, "grid", true]), json!(["units.csv", 3, "id", true])]
    );
    world.judge(|judge| assert!(judge.actions.is_empty()));
    for (body, part) in [
        (json!({ "by": "甲", "files": {} }), "No sheet was sent"),
        (json!({ "by": "甲", "files": { "roads": "" } }), "no table \"roads\""),
        (json!({ "by": "甲", "files": { "units": "!" } }), "not base64"),
        (json!({ "by": "甲", "files": { "units": "", "units.csv": "" } }), "sent twice"),
        (json!({ "by": "", "files": { "units": "" } }), "name of a person"),
    ] {
        let (status, told) = world.problem("POST", "registry/import", Some(&body)).await;
        assert_eq!(status, 400, "{told}");
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
}

#[tokio::test]
async fn a_centre_whose_settings_name_files_refuses_to_be_changed_otherwise() {
    let world = World::with_files().await;
    let body = json!({ "by": "甲", "files": { "units": sheet("id,name,grid\n") } });
    for (path, body) in [
        ("registry/import", &body),
        ("gateways/mall-02/assign", &json!({ "by": "甲", "unit": "mall" })),
    ] {
        let (status, told) = world.ask("POST", path, Some(body)).await;
        assert_eq!((status, &told["reason"]["code"]), (409, &json!("registry-from-files")));
    }
    let (status, _) = world.ask("POST", "registry/import?dry_run=true", Some(&body)).await;
    assert_eq!(status, 200, "looking is allowed");
    world.judge(|judge| assert!(judge.actions.is_empty()));
}

#[tokio::test]
async fn coverage_counts_upwards_what_is_watched_below() {
    let mut world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    world
        .write(async |to| {
            let burns = alarm("a1", "fire", AlarmState::ActiveAcked, 1);
            let was_one = alarm("a2", "fire", AlarmState::ReturnedUnacked, 2);
            let valve = alarm("a3", "supervisory", AlarmState::ActiveUnacked, 3);
            for row in [burns, was_one, valve] {
                alarms::put(to, &row).await.expect("written");
            }
        })
        .await;
    let coverage = world.get("coverage").await;
    let items = coverage["items"].as_array().expect("items");
    let of = |id: &str| items.iter().find(|item| item["grid"] == id).expect("a grid");
    for id in ["county", "town", "east", "east-1"] {
        let grid = of(id);
        let points = json!([grid["gateways"], grid["points"], grid["watched"]]);
        assert_eq!(points, json!([1, 4, 2]), "{id}");
        assert_eq!((&grid["shielded"], &grid["blind"]), (&json!(1), &json!(1)), "{id}");
        assert_eq!((&grid["alarms"], &grid["fires"]), (&json!(3), &json!(1)), "{id}");
    }
    assert_eq!((&of("county")["units"], &of("east-1")["units"]), (&json!(2), &json!(1)));
    assert_eq!(of("east-2")["points"], 0);
}

#[tokio::test]
async fn people_buildings_and_devices_are_listed() {
    let world = World::new().await;
    assert_eq!(world.items("people?grid=east-1", "name").await, ["王春生"]);
    assert_eq!(world.get("people?role=brigade").await["items"][0]["grid_name"], "示范县");
    let building = world.get("buildings?unit=mall").await["items"][0].clone();
    assert_eq!((&building["use_zh"], &building["height"]), (&json!("商业"), &json!(23.8)));
    assert_eq!(world.items("devices?unit=mall", "device").await, ["facp1", "riser1"]);
    assert_eq!(world.items("devices?unit=school", "device").await, [""; 0]);
    let first = world.get("devices?limit=1").await;
    let next = format!("devices?after={}", text(&first["next"]));
    assert_eq!(world.items(&next, "device").await, ["riser1"]);
}
