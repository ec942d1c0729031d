//! What the API says when it does not do what was asked: problem details (RFC 9457), with the
//! reason for people in both languages.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::judge::door::Gone;
use crate::series::ReadError;
use crate::storage::StorageError;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

/// Why a request was not answered, by what to do about it.
#[derive(Debug)]
pub(super) enum Problem {
    /// The request cannot be understood. Change it.
    Misasked(Reason),
    /// There is no such thing.
    Missing(Reason),
    /// It exists, and this cannot be done with it.
    Method(Reason),
    /// It was asked under a name that is not answered.
    NotHere(Reason),
    /// It was understood and must not be done now; the reason says what is lacking.
    Refused(Reason),
    /// The centre cannot answer now. Ask again.
    TryAgain(Reason),
    /// Something in the tables cannot be read. A person must look at the centre's log.
    Broken(Reason),
}

/// The same for people who read Chinese and people who read English.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Reason {
    /// A word for programs, where there is one: `not-proven`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
    /// Chinese.
    pub(super) zh: String,
    /// English.
    pub(super) en: String,
}

/// How long to wait before asking again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

const PROBLEM: &str = "application/problem+json";
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static(PROBLEM);

impl Reason {
    /// Both languages.
    pub(super) fn new(zh: impl Into<String>, en: impl Into<String>) -> Reason {
        Reason { code: None, zh: zh.into(), en: en.into() }
    }

    /// Both languages, and a word for programs.
    pub(super) fn coded(
        code: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Reason {
        Reason { code: Some(code), ..Reason::new(zh, en) }
    }
}

impl Problem {
    /// A request that cannot be understood.
    pub(super) fn misasked(zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::Misasked(Reason::new(zh, en))
    }

    /// A thing that does not exist.
    pub(super) fn missing(zh: &str, en: &str) -> Problem {
        Problem::Missing(Reason::new(format!("没有{zh}。"), format!("There is no {en}.")))
    }

    /// Something the centre leans on does not answer.
    pub(super) fn try_again() -> Problem {
        Problem::TryAgain(Reason::new(
            "监控中心暂时无法回答，请重试。",
            "The centre cannot answer now; try again.",
        ))
    }

    /// The judge did not answer in time, or has stopped.
    pub(super) fn judge_silent() -> Problem {
        Problem::TryAgain(Reason::new(
            "研判程序没有应答，请重试。",
            "The judge does not answer; try again.",
        ))
    }

    fn parts(self) -> (StatusCode, &'static str, Reason) {
        match self {
            Problem::Misasked(reason) => {
                (StatusCode::BAD_REQUEST, "The request cannot be understood", reason)
            }
            Problem::Missing(reason) => (StatusCode::NOT_FOUND, "There is no such thing", reason),
            Problem::Method(reason) => {
                (StatusCode::METHOD_NOT_ALLOWED, "There is no such method here", reason)
            }
            Problem::NotHere(reason) => {
                (StatusCode::MISDIRECTED_REQUEST, "This name is not answered here", reason)
            }
            Problem::Refused(reason) => (StatusCode::CONFLICT, "This cannot be done now", reason),
            Problem::TryAgain(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, "The centre cannot answer now", reason)
            }
            Problem::Broken(reason) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Something stored cannot be read", reason)
            }
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Problem {
        match error {
            StorageError::TryAgain(cause) => {
                tracing::warn!(%cause, "A question of the API found the database busy.");
                Problem::try_again()
            }
            StorageError::Silent => Problem::try_again(),
            StorageError::Unopened { .. }
            | StorageError::InUse
            | StorageError::Replaced
            | StorageError::Strange { .. } => {
                tracing::error!(%error, "A question of the API met a row that cannot be read.");
                Problem::Broken(Reason::new(
                    "存储的数据无法读取，请查看监控中心日志。",
                    "What is stored cannot be read; look at the centre's log.",
                ))
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        match error {
            ReadError::TryAgain { reason } => {
                tracing::warn!(reason, "A question of the API found the series store busy.");
                Problem::try_again()
            }
            ReadError::Elsewhere { place } => Problem::Refused(Reason::coded(
                "series-elsewhere",
                format!("该时序库只接收写入、不支持 Flux 查询；曲线请到 {place} 查看。"),
                format!("The series store takes no Flux; look at the curves on {place}."),
            )),
            ReadError::Refused { reason } => Problem::misasked("曲线请求范围过大。", reason),
        }
    }
}

impl From<Gone> for Problem {
    fn from(_: Gone) -> Problem {
        Problem::judge_silent()
    }
}

/// The members of RFC 9457, and `reason` with both languages.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct Details {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    reason: Reason,
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&["400", "404", "500", "503"])
    }
}

/// The problems of what changes something.
pub(super) struct Refusal;

impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        described(&["400", "404", "409", "500", "503"])
    }
}

fn described(statuses: &[&str]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let described = |status: &&str| {
        let what = match *status {
            "400" => "The request cannot be understood",
            "404" => "There is no such thing",
            "409" => "It cannot be done now: the reason has a code",
            "503" => "The centre cannot answer now: try again",
            _ => "Something stored cannot be read",
        };
        let schema = Ref::from_schema_name("Details");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(what).content(PROBLEM, content);
        ((*status).to_owned(), RefOr::T(response.build()))
    };
    statuses.iter().map(described).collect()
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
