//! The pages of `ingest/web`, embedded in the program: live wall, alarms, tickets, grids …
//!
//! `make web` builds them; without that the program stands as well, and says at `/` how they are
//! built. Files of the program, served as they are; everything else they ask of the API. Nothing
//! comes from outside.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};

/// The pages may load their own files and ask their own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// What stands at `/` while the pages are not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\">\
    <title>Firegrid</title><h1>页面尚未构建</h1>\
    <p>请运行 <code>make web</code>（需要 Node.js 20.19 以上）后重新编译。接口在 \
    <a href=\"/api/v1/health\">/api/v1</a> 正常工作。</p>\
    <p lang=\"en\">The pages are not built: run <code>make web</code> (Node.js 20.19 or newer) and \
    build again. The API works at <a href=\"/api/v1/health\">/api/v1</a>.</p></html>";

const HTML: &str = "text/html; charset=utf-8";

/// What `npm run build` has made.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

/// The pages' routes.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || index()))
        .route("/index.html", get(async || index()))
        .route("/icon.svg", get(async || file("icon.svg")))
        .route(
            "/assets/{name}",
            get(async |Path(name): Path<String>| file(&format!("assets/{name}"))),
        )
}

fn index() -> Response {
    match Built::get("index.html") {
        Some(_) => file("index.html"),
        None => answer(HTML, "no-store", NOT_BUILT.as_bytes().to_vec()),
    }
}

fn file(path: &str) -> Response {
    let Some(EmbeddedFile { data, .. }) = Built::get(path) else {
        return (StatusCode::NOT_FOUND, "没有这个文件。There is no such file.").into_response();
    };
    // The name of an asset changes with its content. The page itself must be asked for each time:
    // one of an older program must not speak with a newer one.
    let lasts = path.starts_with("assets/");
    let kept = if lasts { "public, max-age=31536000, immutable" } else { "no-cache" };
    answer(media(path), kept, data.into_owned())
}

fn answer(media: &'static str, kept: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, kept),
    ];
    (headers, body).into_response()
}

fn media(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => HTML,
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_and_everything_it_loads_is_served_or_it_says_how_it_is_built() {
        let page = index();
        assert_eq!(page.status(), StatusCode::OK);
        let body = axum::body::to_bytes(page.into_body(), 1 << 20).await.expect("a page");
        let html = String::from_utf8_lossy(&body);
        let loaded = html.split("=\"./").skip(1).filter_map(|rest| rest.split('"').next());
        for path in loaded {
            assert_eq!(file(path).status(), StatusCode::OK, "{path}");
        }
        assert!(html.contains("assets/") || html.contains("make web"), "{html}");
    }

    #[test]
    fn what_is_not_there_is_not_found_and_nothing_of_the_page_comes_from_outside() {
        assert_eq!(file("assets/../Cargo.toml").status(), StatusCode::NOT_FOUND);
        if let Some(index) = Built::get("index.html") {
            assert!(!String::from_utf8_lossy(&index.data).contains("://"));
        }
    }
}
