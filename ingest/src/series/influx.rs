//! A series store on an InfluxDB 2, or on any server that takes its writes.
//!
//! One row is one line: measurement [`MEASUREMENT`], tags `gateway`, `point`, `quality`, `unit`,
//! fields `number` (absent if the device could not say), `seq`, `index`, `span`. Quality and
//! unit are tags because servers that know numbers only (VictoriaMetrics) keep no words as
//! fields. The server takes two lines with one name and one nanosecond for the same, and that
//! is how a row is written again without harm: its nanosecond is its millisecond and, below
//! it, a place made of seq, index and span, so that two readings of one millisecond stay two.
//!
//! The crate renders no line and reads no answer here: its reader panics on empty values, and
//! its client waits for ever unless it is given one that does not.

mod flux;
mod line;
mod refused;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use firegrid_wire::names::FullPointId;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use influxdb2::{Client, ClientBuilder, RequestError};
use reqwest::{StatusCode, Url};

use self::refused::{Refused, RefusedLine};
use super::{
    Answer, BUCKETS_PER_ANSWER, Bucket, ROWS_PER_ANSWER, ReadError, Row, SeriesStore, WriteError,
};

/// The name of every line.
pub const MEASUREMENT: &str = "firegrid";

/// Lines in one request.
const LINES_AT_ONCE: usize = 5_000;

/// The longest answer that is read. The largest honest one is a tenth of it.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The longest piece of a server's complaint that is passed on.
const LONGEST_REASON: usize = 300;

/// A server and how to speak to it, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct InfluxPlace {
    /// `http://host:port`; `https` only with the feature `influx-tls`.
    pub url: String,
    /// The organisation.
    pub org: String,
    /// The bucket.
    pub bucket: String,
    /// The token. Empty: none is sent. It is never shown.
    pub token: String,
    /// How long one request may take.
    pub timeout: Millis,
    /// How long after its answer a batch is still kept in the inbox.
    pub durable_after: Millis,
}

impl fmt::Debug for InfluxPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InfluxPlace").field(&self.to_string()).finish()
    }
}

impl fmt::Display for InfluxPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InfluxPlace { url, org, bucket, .. } = self;
        write!(f, "InfluxDB {url} org {org:?} bucket {bucket:?}")
    }
}

/// Whether a text is the address of a server; if not, why.
pub fn check_url(text: &str) -> Result<(), String> {
    let example = "write it as in \"http://127.0.0.1:8086\"";
    // The text itself is not repeated: a password may stand in it.
    let url = Url::parse(text).map_err(|_| format!("this is no address of a server: {example}"))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "influx-tls") => {}
        "https" => return Err("this program was built without the feature influx-tls".to_owned()),
        _ => return Err(format!("this is no address of a server: {example}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("name and password do not belong here: use token or token_file".to_owned());
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !url.has_host() || !bare {
        return Err(format!("only host and port are wanted here: {example}"));
    }
    Ok(())
}

/// The store.
pub struct Influx {
    place: InfluxPlace,
    writer: Client,
    http: reqwest::Client,
    refused: Refused,
}

impl Influx {
    /// Makes ready to speak to a server, which may be dead. Rows that it will never take are
    /// written down in `refused`.
    pub fn open(place: InfluxPlace, refused: PathBuf) -> io::Result<Influx> {
        check_url(&place.url).map_err(io::Error::other)?;
        let timeout = Duration::from_millis(place.timeout.get());
        // A token is sent to nobody but the server that was named: no redirects, no proxy.
        let builder = || {
            let policy = reqwest::redirect::Policy::none();
            reqwest::Client::builder().timeout(timeout).redirect(policy).no_proxy()
        };
        let writer = ClientBuilder::with_builder(
            builder(),
            place.url.as_str(),
            place.org.as_str(),
            place.token.as_str(),
        );
        let writer = writer.build().map_err(io::Error::other)?;
        let http = builder().build().map_err(io::Error::other)?;
        Ok(Influx { place, writer, http, refused: Refused::new(refused) })
    }

    async fn write_all(&self, rows: Vec<Row>) -> Result<(), WriteError> {
        let lines: Vec<String> = rows.iter().map(line::of_row).collect();
        let mut refused = Vec::new();
        for lines in lines.chunks(LINES_AT_ONCE) {
            self.write_lines(lines, &mut refused).await?;
        }
        let Some(first) = refused.first() else { return Ok(()) };
        let (count, reason) = (refused.len(), first.reason.clone());
        if let Err(error) = self.refused.keep(refused).await {
            tracing::error!(%error, "Refused points not written down.");
        }
        Err(WriteError::SetAside { count, reason })
    }

    /// Writes lines; those that the server will never take are found by halving.
    async fn write_lines(
        &self,
        lines: &[String],
        refused: &mut Vec<RefusedLine>,
    ) -> Result<(), WriteError> {
        let mut pieces = vec![lines];
        while let Some(lines) = pieces.pop() {
            match self.post(lines.join("\n")).await {
                Ok(()) => {}
                Err(Unwritten::Later(reason)) => return Err(WriteError::TryAgain { reason }),
                Err(Unwritten::Never(reason)) => match lines {
                    [] => {}
                    [line] => refused.push(RefusedLine { line: line.clone(), reason }),
                    lines => {
                        let (first, second) = lines.split_at(lines.len() / 2);
                        pieces.extend([second, first]);
                    }
                },
            }
        }
        Ok(())
    }

    async fn post(&self, body: String) -> Result<(), Unwritten> {
        let InfluxPlace { org, bucket, .. } = &self.place;
        let answer = self.writer.write_line_protocol(org, bucket, body).await;
        answer.map_err(|error| match error {
            RequestError::Http { status, text } => {
                let reason = format!("{status}: {}", shortened(&text));
                if is_about_the_lines(status) {
                    Unwritten::Never(reason)
                } else {
                    Unwritten::Later(reason)
                }
            }
            other @ (RequestError::ReqwestProcessing { .. }
            | RequestError::Serializing { .. }
            | RequestError::Deserializing { .. }) => {
                Unwritten::Later(shortened(&other.to_string()))
            }
        })
    }

    async fn ask(&self, question: String) -> Result<Vec<flux::Record>, ReadError> {
        let busy = |reason: String| ReadError::TryAgain { reason };
        let body = serde_json::json!({
            "query": question,
            "type": "flux",
            "dialect": { "annotations": [], "header": true, "delimiter": "," },
        });
        let mut url = Url::parse(&self.place.url).map_err(|error| busy(error.to_string()))?;
        url.set_path("/api/v2/query");
        url.query_pairs_mut().append_pair("org", &self.place.org);
        let mut request = self.http.post(url).header("content-type", "application/json");
        if !self.place.token.is_empty() {
            request = request.header("authorization", format!("Token {}", self.place.token));
        }
        let sent = request.header("accept", "application/csv").body(body.to_string()).send().await;
        let mut answer = sent.map_err(|error| busy(shortened(&error.to_string())))?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(piece) =
            answer.chunk().await.map_err(|error| busy(shortened(&error.to_string())))?
        {
            if LONGEST_ANSWER < text.len() + piece.len() {
                return Err(busy("the answer of the series store is too long".into()));
            }
            text.extend_from_slice(&piece);
        }
        if status != StatusCode::OK {
            let said = String::from_utf8_lossy(&text);
            if flux::is_unknown_here(status.as_u16(), &said) {
                return Err(ReadError::Elsewhere { place: self.place.to_string() });
            }
            return Err(busy(format!("{status}: {}", shortened(&said))));
        }
        flux::records(&text).map_err(busy)
    }
}

/// Why lines were not written.
enum Unwritten {
    Later(String),
    Never(String),
}

/// Whether this answer is about the lines. 401, 403 or 404 are about token and bucket: the
/// lines wait until a person has mended that.
fn is_about_the_lines(status: StatusCode) -> bool {
    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY]
        .contains(&status)
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(LONGEST_REASON).collect()
}

impl SeriesStore for Influx {
    fn write(&self, rows: Vec<Row>) -> Answer<'_, (), WriteError> {
        Box::pin(self.write_all(rows))
    }

    fn durable_after(&self) -> Millis {
        self.place.durable_after
    }

    /// How long a bucket keeps its rows is said where the bucket was made.
    fn forget(&self, _now: CentreTime) -> Answer<'_, (), WriteError> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn raw(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError> {
        Box::pin(async move {
            if to <= from {
                return Ok(Vec::new());
            }
            let limit = limit.min(ROWS_PER_ANSWER);
            let question = flux::raw(&self.place.bucket, &point, from, to, limit);
            let records = self.ask(question).await?;
            let mut rows: Vec<Row> = records
                .iter()
                .map(|record| flux::row(record, &point))
                .collect::<Result<_, String>>()
                .map_err(|reason| ReadError::TryAgain { reason })?;
            rows.truncate(limit);
            Ok(rows)
        })
    }

    fn buckets(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError> {
        Box::pin(async move {
            if to <= from {
                return Ok(Vec::new());
            }
            if step == Millis::ZERO || BUCKETS_PER_ANSWER < to.since(from).get() / step.get() {
                let reason = format!(
                    "a step of {step} is too short: ask for at most {BUCKETS_PER_ANSWER} steps"
                );
                return Err(ReadError::Refused { reason });
            }
            let question = flux::buckets(&self.place.bucket, &point, from, to, step);
            let records = self.ask(question).await?;
            flux::spreads(&records, step).map_err(|reason| ReadError::TryAgain { reason })
        })
    }
}

#[cfg(test)]
mod tests;
