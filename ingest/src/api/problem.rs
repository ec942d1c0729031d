//! What the API says when it does not do what was asked: problem details (RFC 9457), with the
//! reason for people in both languages.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request was not answered, by what to do about it.
#[derive(Debug)]
pub enum Problem {
    /// The request cannot be understood. Change it.
    Misasked(Reason),
    /// There is no such thing.
    Missing(Reason),
    /// It was understood and must not be done now; the reason says what is lacking.
    Refused(Reason),
    /// The centre cannot answer now. Ask again.
    TryAgain(Reason),
}

/// The same for people who read Chinese and people who read English.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// How long to wait before asking again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

impl Reason {
    /// Both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Reason {
        Reason { zh: zh.into(), en: en.into() }
    }
}

impl Problem {
    /// A request that cannot be understood.
    pub fn misasked(zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::Misasked(Reason::new(zh, en))
    }

    /// A thing that does not exist.
    pub fn missing(what: &str) -> Problem {
        Problem::Missing(Reason::new(format!("没有 {what}。"), format!("There is no {what}.")))
    }

    /// Something the centre leans on does not answer.
    pub fn try_again() -> Problem {
        Problem::TryAgain(Reason::new(
            "监控中心暂时无法回答，请重试。",
            "The centre cannot answer now; try again.",
        ))
    }

    fn parts(self) -> (StatusCode, &'static str, Reason) {
        match self {
            Problem::Misasked(reason) => {
                (StatusCode::BAD_REQUEST, "The request cannot be understood", reason)
            }
            Problem::Missing(reason) => (StatusCode::NOT_FOUND, "There is no such thing", reason),
            Problem::Refused(reason) => (StatusCode::CONFLICT, "This cannot be done now", reason),
            Problem::TryAgain(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, "The centre cannot answer now", reason)
            }
        }
    }
}

/// The members of RFC 9457, and `reason` with both languages.
#[derive(serde::Serialize)]
struct Details {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    reason: Reason,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, reason) = self.parts();
        let detail = reason.en.clone();
        let details =
            Details { r#type: "about:blank", title, status: status.as_u16(), detail, reason };
        let mut response = (status, Json(details)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
