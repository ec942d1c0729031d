//! Answers HTTP questions on this machine: `/healthz`, `/metrics`, the page. The only file that
//! knows the HTTP library.
//!
//! Questions are GET and short, connections are few and end soon. It is not made to be reached
//! from outside: the settings let it listen on loopback addresses only.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::health::{Trouble, told};
use super::{Desk, metrics, page};

/// Connections at a time; who comes when all are taken waits in the system's queue.
const MOST_CONNECTIONS: usize = 8;

/// A question and its answer take no longer.
const QUESTION_WITHIN: Duration = Duration::from_secs(10);

/// The head of a question takes no more.
const HEAD_BYTES: usize = 8 * 1024;

/// A connection that could not be taken is not tried again at once: the cause may be one that
/// lasts, like too many open files.
const TAKE_AGAIN: Duration = Duration::from_millis(200);

/// Nothing of a page comes from elsewhere, and nothing of it runs.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'");

/// Answers until it is dropped. What cannot listen is told and tried again.
pub async fn serve(address: SocketAddr, desk: Desk) {
    let mut told = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !told {
                    tracing::warn!(%address, %error, "The status page cannot be shown.");
                }
                told = true;
                tokio::time::sleep(QUESTION_WITHIN).await;
            }
        }
    };
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    converse(stream, desk).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "A connection to the status page could not be taken.");
                tokio::time::sleep(TAKE_AGAIN).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, desk: Desk) {
    let answering = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(answer(&request, &desk).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(QUESTION_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answering);
    match tokio::time::timeout(QUESTION_WITHIN, conversation).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "A question of the status page broke off."),
        Err(_) => tracing::debug!("A question of the status page took too long."),
    }
}

async fn answer(request: &Request<Incoming>, desk: &Desk) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".to_owned());
    }
    let path = request.uri().path();
    match (path, path.strip_prefix("/device/")) {
        ("/healthz", _) => {
            let troubles = Trouble::of(desk.state().await.as_ref());
            let well = !troubles.iter().any(Trouble::is_of_gateway);
            let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            respond(status, JSON, format!("{}\n", told(&troubles)))
        }
        ("/metrics", _) => match desk.state().await {
            Some(state) => respond(StatusCode::OK, PROMETHEUS, metrics::text(&state)),
            None => silent(),
        },
        ("/", _) => match desk.state().await {
            Some(state) => respond(StatusCode::OK, HTML, page::overview(&state)),
            None => silent(),
        },
        (_, Some(device)) => match desk.readings(device).await {
            Some(readings) => respond(StatusCode::OK, HTML, page::device(&readings)),
            None => respond(StatusCode::NOT_FOUND, HTML, page::no_readings(device)),
        },
        (_, None) => respond(StatusCode::NOT_FOUND, TEXT, "/ /healthz /metrics\n".to_owned()),
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn silent() -> Response<Full<Bytes>> {
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{}\n", Trouble::Silent))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
