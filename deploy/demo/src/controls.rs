//! `GET /api/v1/demo`: the scenes of the demo, and which of them play. `POST /api/v1/demo/{scene}`
//! begins one. Only the demo has this.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::scenes::{Scene, Stage};

pub(crate) fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/api/v1/demo", get(list))
        .route("/api/v1/demo/{scene}", post(begin))
        .with_state(stage)
}

async fn list(State(stage): State<Arc<Stage>>) -> Json<serde_json::Value> {
    let scenes: Vec<serde_json::Value> = Scene::ALL
        .into_iter()
        .map(|scene| {
            let ((zh, en), (description, description_en)) = (scene.name(), scene.description());
            serde_json::json!({
                "id": scene.word(),
                "zh": zh,
                "en": en,
                "description": description,
                "description_en": description_en,
                "running": stage.is_playing(scene),
            })
        })
        .collect();
    Json(serde_json::json!({
        "holds": "演示缩短了规则的等待时间（deploy/demo/overlay.toml），实际部署以随附规则为准。",
        "holds_en": "The demo shortens the holds of the rules (deploy/demo/overlay.toml); a real \
                     centre uses the shipped ones.",
        "scenes": scenes,
    }))
}

async fn begin(
    State(stage): State<Arc<Stage>>,
    Path(word): Path<String>,
) -> (StatusCode, Json<serde_json::Value>) {
    let Some(scene) = Scene::ALL.into_iter().find(|scene| scene.word() == word) else {
        let body = serde_json::json!({ "status": 404, "title": "There is no such scene" });
        return (StatusCode::NOT_FOUND, Json(body));
    };
    let already = stage.is_playing(scene);
    tokio::spawn(async move {
        if let Err(error) = stage.play(scene, 0).await {
            tracing::error!(%error, "A scene of the demo has failed.");
        }
    });
    let body = serde_json::json!({ "id": scene.word(), "running": true, "already": already });
    (StatusCode::ACCEPTED, Json(body))
}
