//! The plain page at `/`: alarms, tickets with their grids, points with a pressure curve,
//! gateways with what is missing of them and its evidence. Chinese with English beside it.
//!
//! Files of the program, served as they are; everything else the page asks of the API. Nothing
//! comes from outside, and nothing that comes from the API is taken for markup.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The page may load its own files and ask its own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file: its path, its media type, its text.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("index.html")),
    ("/page/page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("/page/icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("/page/main.js", SCRIPT, include_str!("main.js")),
    ("/page/act.js", SCRIPT, include_str!("act.js")),
    ("/page/alarms.js", SCRIPT, include_str!("alarms.js")),
    ("/page/centre.js", SCRIPT, include_str!("centre.js")),
    ("/page/coverage.js", SCRIPT, include_str!("coverage.js")),
    ("/page/curve.js", SCRIPT, include_str!("curve.js")),
    ("/page/draw.js", SCRIPT, include_str!("draw.js")),
    ("/page/failing.js", SCRIPT, include_str!("failing.js")),
    ("/page/gateways.js", SCRIPT, include_str!("gateways.js")),
    ("/page/person.js", SCRIPT, include_str!("person.js")),
    ("/page/points.js", SCRIPT, include_str!("points.js")),
    ("/page/sound.js", SCRIPT, include_str!("sound.js")),
    ("/page/tickets.js", SCRIPT, include_str!("tickets.js")),
];

/// The page's routes.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, media, text)| {
        router.route(path, get(move || async move { file(media, text) }))
    })
}

fn file(media: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A page of an older program must not speak with a newer one.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_another_names_is_served() {
        let paths: Vec<&str> = FILES.iter().map(|(path, ..)| *path).collect();
        for (path, _, text) in FILES {
            let imports = text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            for name in imports {
                assert!(paths.contains(&format!("/page/{name}").as_str()), "{path} wants {name}");
            }
            let links = text.split("=\"/page/").skip(1).filter_map(|rest| rest.split('"').next());
            for name in links {
                assert!(paths.contains(&format!("/page/{name}").as_str()), "{path} wants {name}");
            }
        }
    }

    #[test]
    fn nothing_of_the_page_comes_from_outside_or_is_taken_for_markup() {
        for (path, _, text) in FILES {
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!text.contains(forbidden), "{path} holds {forbidden}");
            }
            let outside = text
                .match_indices("://")
                .map(|(place, _)| text[..place].rsplit(['"', ' ', '\'', '(']).next().unwrap_or(""))
                .filter(|scheme| scheme.starts_with("http"))
                .count();
            let namespaces = text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(outside, namespaces, "{path} names another server");
            assert!(
                !text.contains("style=") && !text.contains("onclick="),
                "{path} breaks the policy"
            );
        }
    }
}
