//! What the interface says of itself is so.

use super::*;

async fn document(world: &World) -> Json {
    let request = "GET /api/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let (status, _, body) = world.raw(request).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn members(value: &Json) -> impl Iterator<Item = (&String, &Json)> {
    value.as_object().into_iter().flatten()
}

/// What a schema requires, with that of the schemas it is made of.
fn required(schema: &Json, document: &Json) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let named = document.pointer(reference.trim_start_matches('#'));
        return required(named.unwrap_or_else(|| panic!("no {reference}")), document);
    }
    let own = schema["required"].as_array().into_iter().flatten().map(text);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(|part| required(part, document))).collect()
}

#[tokio::test]
async fn every_operation_says_what_it_is_and_how_it_fails() {
    let world = World::new().await;
    let document = document(&world).await;
    let mut operations = 0;
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            operations += 1;
            let name = format!("{method} {path}");
            assert!(text(&operation["summary"]).len() > 5, "{name}: {operation}");
            for status in ["400", "404", "503"] {
                let schema = &operation["responses"][status]["content"]["application/problem+json"]
                    ["schema"];
                let members = required(schema, &document);
                assert!(members.contains(&"reason".to_owned()), "{name} {status}: {operation}");
            }
            let conflict = operation["responses"]["409"].is_object();
            assert_eq!(conflict, method == "post", "{name}");
            assert_eq!(operation["requestBody"].is_object(), method == "post", "{name}");
        }
    }
    assert!(37 <= operations, "{operations}");
}

#[tokio::test]
async fn every_resource_answers_with_the_members_that_are_promised() {
    let world = World::new().await;
    world.judge(|judge| judge.points = some_points());
    let document = document(&world).await;
    let mut asked = 0;
    for (path, item) in members(&document["paths"]) {
        let operation = &item["get"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let needs = parameters.filter(|parameter| parameter["required"] == true).count();
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if needs != 0 || schema.is_null() {
            continue;
        }
        asked += 1;
        let answer = world.get(path.trim_start_matches("/api/v1/")).await;
        for member in required(schema, &document) {
            assert!(!answer[&member].is_null(), "{path}: {member} is not in {answer}");
        }
        let Some(first) = answer["items"].get(0) else { continue };
        let list = match schema["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')),
            None => Some(schema),
        };
        let entry = &list.expect("a schema")["properties"]["items"]["items"];
        let promised = required(entry, &document);
        assert!(!promised.is_empty(), "{path}: {entry}");
        for member in promised {
            assert!(first.get(&member).is_some(), "{path}: {member} is not in {first}");
        }
    }
    assert!(15 <= asked, "{asked}");
}
