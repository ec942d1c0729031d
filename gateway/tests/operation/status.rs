//! What the gateway shows of itself: over HTTP on its own machine, and through its socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::program::Program;

/// A gateway with a status page, and where that is.
fn shown(change: impl FnOnce(String) -> String) -> (Program, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let status = format!("[status]\naddress = \"{address}\"\n[broker]");
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start_in(folder, |text| change(text.replacen("[broker]", &status, 1)));
    program.wait_until("the page is there", || TcpStream::connect(address).is_ok());
    (program, address)
}

/// Status, head and body of an answer.
fn get(address: SocketAddr, question: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let head = format!("{question} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a question");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

#[test]
fn a_gateway_that_reads_its_lines_is_well_and_one_whose_line_is_gone_says_why_not() {
    let (program, address) = shown(|text| text);
    program.wait_polled(&[0, 1], 5);
    program.wait_until("it is well", || get(address, "GET /healthz").0 == 200);
    let (status, _, body) = get(address, "GET /healthz");
    assert_eq!((status, body.trim()), (200, "{\"healthy\":true,\"reasons\":[]}"));
    let a = format!("\"{}\"", program.address(0));
    let written = std::fs::read_to_string(program.file()).expect("the settings");
    program.reload(&written.replacen(&a, "\"127.0.0.1:1\"", 1));
    let unwell = || get(address, "GET /healthz").0 == 503;
    program.wait_until("the line is missed", unwell);
    let (_, _, body) = get(address, "GET /healthz");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["reasons"][0], "line a is not reachable");
}

#[test]
fn prometheus_finds_what_is_measured_and_every_number_under_one_head() {
    let (program, address) = shown(|text| text);
    program.wait_polled(&[0, 1], 20);
    let count = "firegrid_gateway_device_response_seconds_count{line=\"b\",device=\"b-pump\"}";
    let counted =
        |text: &str| text.lines().any(|line| line.starts_with(count) && !line.ends_with(" 0"));
    program.wait_until("answers are counted", || counted(&get(address, "GET /metrics").2));
    let (status, head, text) = get(address, "GET /metrics");
    assert_eq!(status, 200);
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().expect("a name").to_owned();
            assert_eq!(text.matches(&format!("# TYPE {family} ")).count(), 1, "{family}");
        } else if !line.starts_with("# TYPE ") {
            let (name, number) = line.rsplit_once(' ').expect("a number");
            assert!(name.starts_with(&family), "{line} stands under {family}");
            assert!(number.parse::<f64>().is_ok(), "{line}");
        }
    }
    for name in ["line_reachable{line=\"a\"} 1", "spool_batches{lane=\"urgent\"}", "devices 2"] {
        assert!(text.contains(&format!("firegrid_gateway_{name}")), "{name}: {text}");
    }
}

#[test]
fn the_page_shows_lines_devices_and_what_was_last_read() {
    let (program, address) = shown(|text| text);
    program.wait_polled(&[0, 1], 5);
    program.wait_until("the devices are shown", || get(address, "GET /").2.contains("a-pump"));
    let (status, head, page) = get(address, "GET /");
    assert_eq!(status, 200);
    assert!(head.to_lowercase().contains("default-src 'none'"), "{head}");
    for hint in ["mall-01", "b-pump", "待发数据", "时钟"] {
        assert!(page.contains(hint), "{hint}: {page}");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    let (status, _, page) = get(address, "GET /device/b-pump");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("b-pump/"), "{page}");
    assert_eq!(get(address, "GET /device/nobody").0, 404);
    assert_eq!(get(address, "GET /nothing").0, 404);
    assert_eq!(get(address, "POST /").0, 405);
    let long = format!("GET /{}", "x".repeat(100_000));
    let mut stream = TcpStream::connect(address).expect("a connection");
    // It may hang up before everything is said.
    let _ = stream.write_all(long.as_bytes());
    let _ = stream.read_to_string(&mut String::new());
    program.wait_polled(&[0, 1], 5);
    program.reload("nonsense [");
    program.wait_until("the mistakes are shown", || {
        get(address, "GET /").2.contains("旧设置仍然有效")
    });
}

/// Runs the program beside the one that works.
fn beside(program: &Program, arguments: &[&str]) -> (Option<i32>, String) {
    let file = program.file();
    let ran = Command::new(env!("CARGO_BIN_EXE_firegrid-gateway"))
        .args(arguments)
        .arg("--settings")
        .arg(file)
        .output()
        .expect("the program can be started");
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn commands_speak_with_the_gateway_that_runs_and_never_with_the_bus() {
    let program = Program::start();
    program.wait_polled(&[0, 1], 5);
    let socket = program.folder.path().join("data/control/socket");
    program.wait_until("the socket is there", || socket.exists());
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
    };
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().expect("a folder")), 0o700);
    let shown = || beside(&program, &["status"]).1.contains("b-pump");
    program.wait_until("the devices are told", shown);
    let (code, said) = beside(&program, &["status", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let state: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(state["lines"][1]["devices"][0]["name"], "b-pump");
    let (code, said) = beside(&program, &["read", "a-pump", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let readings: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(readings["points"].as_array().map(Vec::len), Some(15), "{readings}");
    assert_eq!(beside(&program, &["read", "nobody"]).0, Some(1));
    // Settings that are being written, and wrong, do not hinder those who look.
    let broken = program.site().replacen("unit_id = 3", "unit_id = 300", 1);
    program.reload(&broken);
    let told = || beside(&program, &["status"]).1.contains("line[0].device[0].unit_id");
    program.wait_until("the mistake is told", told);
    assert_eq!(program.connections(0), 1);
    assert!(program.stop());
}
