//! How a request says what it wants: parameters, limits, cursors and bodies.
//!
//! Everything here came over the network. A parameter that nobody asks for is refused: a
//! misspelt filter must not show everything as if it had been applied.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;

use super::problem::Problem;

/// The longest value of a parameter; longer ones name nothing of ours.
const VALUE_BYTES: usize = 400;

/// The parameters of a request, each taken once.
#[derive(Debug)]
pub(super) struct Asked {
    left: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked, Problem> {
        let left = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::misasked("参数无法读取。", error.to_string()))?
            .0;
        if let Some((name, _)) = left.iter().find(|(_, value)| VALUE_BYTES < value.len()) {
            return Err(wrong(name, "过长", "is too long"));
        }
        Ok(Asked { left })
    }
}

impl Asked {
    /// The value of a parameter, if it is there.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let place = self.left.iter().position(|(written, _)| written == name);
        let value = place.map(|place| self.left.remove(place).1);
        if self.left.iter().any(|(written, _)| written == name) {
            return Err(wrong(name, "出现了两次", "stands there twice"));
        }
        Ok(value)
    }

    /// A parameter with a form of its own, if it is there.
    pub(super) fn optional<T: std::str::FromStr>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| wrong(name, "无法读取", "cannot be read"))
    }

    /// A parameter with a form of its own that must be there.
    pub(super) fn required<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Problem> {
        self.optional(name)?.ok_or_else(|| wrong(name, "缺失", "is missing"))
    }

    /// A moment in milliseconds since 1970, written as ISO 8601 or in seconds.
    pub(super) fn moment(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let moment = crate::calendar::moment(&text);
        moment.map(Some).ok_or_else(|| {
            wrong(
                name,
                "不是时间，请写 2026-11-22T08:00:00Z 或秒数",
                "is no moment: write 2026-11-22T08:00:00Z or seconds",
            )
        })
    }

    /// `true` or `false`; false if it is not there.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self.optional(name)?.unwrap_or(false))
    }

    /// How many entries are wanted: from 1; what is above `most` counts as `most`.
    pub(super) fn limit(&mut self, unless_said: usize, most: usize) -> Result<usize, Problem> {
        match self.optional("limit")?.unwrap_or(unless_said) {
            0 => Err(wrong("limit", "至少为 1", "must be at least 1")),
            limit => Ok(limit.min(most)),
        }
    }

    /// Refuses the parameters that nobody asked for.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(wrong(name, "不存在", "does not exist here")),
        }
    }
}

/// A list, and the cursor after which it goes on; none at its end.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Listed<T> {
    /// The entries, in the order that the resource promises.
    pub(super) items: Vec<T>,
    /// Give this as `after` to read on.
    pub(super) next: Option<String>,
}

impl<T> Listed<T> {
    /// Cuts off what is beyond `limit`. Ask for one entry more than the limit to make the end
    /// known.
    pub(super) fn cut(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Listed<T> {
        let more = limit < items.len();
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Listed { items, next }
    }
}

/// A JSON body. What cannot be read is told as a problem, never as another form of answer.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let axum::Json(body) = axum::Json::from_request(request, state).await.map_err(
            |error: axum::extract::rejection::JsonRejection| {
                Problem::misasked("请求正文无法读取。", error.body_text())
            },
        )?;
        Ok(Body(body))
    }
}

/// The longest name of a person, and the longest note, in characters.
const NAME_CHARACTERS: usize = 60;
const NOTE_CHARACTERS: usize = 500;

/// Who does something, until there are accounts.
pub(super) fn person(by: &str) -> Result<String, Problem> {
    let by = by.trim();
    let plain = !by.is_empty()
        && by.chars().count() <= NAME_CHARACTERS
        && !by.chars().any(char::is_control);
    if plain {
        return Ok(by.to_owned());
    }
    Err(Problem::misasked(
        format!("by 必须是 1 到 {NAME_CHARACTERS} 个字的姓名。"),
        format!("by must be the name of a person, 1 to {NAME_CHARACTERS} characters."),
    ))
}

/// What somebody writes about it; empty is nothing.
pub(super) fn note(note: Option<&str>) -> Result<Option<String>, Problem> {
    let note = note.unwrap_or("").trim();
    if NOTE_CHARACTERS < note.chars().count() {
        return Err(Problem::misasked(
            format!("说明最多 {NOTE_CHARACTERS} 个字。"),
            format!("The note must not be longer than {NOTE_CHARACTERS} characters."),
        ));
    }
    Ok((!note.is_empty()).then(|| note.to_owned()))
}

/// Why somebody does it: it must be said.
pub(super) fn reason(reason: &str) -> Result<String, Problem> {
    note(Some(reason))?
        .ok_or_else(|| Problem::misasked("请说明原因。", "Say why: reason is empty."))
}

fn wrong(name: &str, zh: &str, en: &str) -> Problem {
    let name: String = name.chars().take(40).collect();
    Problem::misasked(format!("参数 {name} {zh}。"), format!("The parameter {name} {en}."))
}
