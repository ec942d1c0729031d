#![expect(clippy::print_stdout, reason = "a test without a server says so")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::SpanId;

use super::*;
use crate::series::Spread;

/// What the server does with a request, by its first line and body.
type Behaviour = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// A server on the loopback: one request a connection. It hangs where it has no answer.
struct Server {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(behaviour: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let hears = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (behaviour, hears) = (behaviour.clone(), hears.clone());
                std::thread::spawn(move || serve(stream, &*behaviour, &hears));
            }
        });
        Server { url, heard }
    }

    fn always(status: &'static str, body: &'static str) -> Server {
        Server::start(move |_, _| Some(answer(status, body)))
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("heard").clone()
    }
}

fn serve(mut stream: std::net::TcpStream, behaviour: &Behaviour, heard: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 65_536];
    let (head, body) = loop {
        let Ok(read) = stream.read(&mut piece) else { return };
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if length <= body.len() {
            break (head, body.to_owned());
        }
    };
    heard.lock().expect("heard").push(format!("{head}\n\n{body}"));
    match behaviour(&head, &body) {
        Some(answer) => drop(stream.write_all(answer.as_bytes())),
        // Until the client has gone.
        None => drop(stream.read(&mut piece)),
    }
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn place(url: &str) -> InfluxPlace {
    InfluxPlace {
        url: url.to_owned(),
        org: "fire".into(),
        bucket: "series".into(),
        token: "very-secret".into(),
        timeout: Millis::new(300),
        durable_after: Millis::seconds(10),
    }
}

fn store(server: &Server) -> (Influx, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = folder.path().join("refused.lp");
    (Influx::open(place(&server.url), refused).expect("a store"), folder)
}

fn row(seq: u64, index: u32, number: f64) -> Row {
    Row {
        point: FullPointId::parse("mall-01/riser1/pressure").expect("a point"),
        time: GatewayTime::from_millis(1_764_000_000_123),
        span: SpanId::from_bits(7),
        seq,
        index,
        number: Some((number, Unit::Pascal)),
        quality: Quality::Good,
    }
}

fn moment(line: &str) -> i64 {
    line.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a moment")
}

#[test]
fn a_row_is_a_line_and_always_the_same_line() {
    let text = line::of_row(&row(3, 5, 350_000.5));
    assert_eq!(
        text,
        "firegrid,gateway=mall-01,point=riser1/pressure,quality=good,unit=Pa \
         number=350000.5,seq=3i,index=5i,span=\"0000000000000007\" 1764000000123040965"
    );
    let unknown = Row { number: None, quality: Quality::SensorFault, ..row(3, 5, 0.0) };
    assert!(line::of_row(&unknown).starts_with(
        "firegrid,gateway=mall-01,point=riser1/pressure,quality=sensor-fault seq=3i,"
    ));
}

#[test]
fn readings_of_one_millisecond_stay_two() {
    let mut moments = std::collections::HashSet::new();
    for seq in 1..=40 {
        for index in 0..50 {
            let moment = moment(&line::of_row(&row(seq, index, 1.0)));
            assert_eq!(moment.div_euclid(1_000_000), 1_764_000_000_123);
            assert!(moments.insert(moment), "{seq}/{index} has the moment of another");
        }
    }
}

#[test]
fn the_token_is_never_shown() {
    let place = place("http://127.0.0.1:8086");
    assert!(!format!("{place:?} {place:#?} {place}").contains("secret"));
    assert!(format!("{place}").contains("http://127.0.0.1:8086"));
}

#[tokio::test]
async fn what_is_written_reaches_the_bucket_with_the_token() {
    let server = Server::always("204 No Content", "");
    let (store, _folder) = store(&server);
    store.write(vec![row(1, 0, 1.0), row(1, 1, 2.0)]).await.expect("written");
    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    for part in [
        "post /api/v2/write?bucket=series&org=fire&precision=ns",
        "authorization: token very-secret",
    ] {
        assert!(heard[0].contains(part), "{part:?} is not in {}", heard[0]);
    }
    assert_eq!(heard[0].matches("firegrid,gateway=mall-01").count(), 2);
    assert_eq!(store.durable_after(), Millis::seconds(10));
}

#[tokio::test]
async fn whatever_is_not_about_the_lines_is_tried_again() {
    for server in [
        Server::always("429 Too Many Requests", "slow down"),
        Server::always("500 Internal Server Error", "oh"),
        Server::always("503 Service Unavailable", ""),
        Server::always("401 Unauthorized", "token"),
        Server::always("404 Not Found", "bucket"),
        Server::always("307 Temporary Redirect", ""),
        Server::always("200 OK", "<html>a page of a proxy</html>"),
        Server::start(|_, _| Some("no HTTP at all\r\n\r\n".into())),
        Server::start(|_, _| None),
        Server { url: "http://127.0.0.1:1".into(), heard: Arc::default() },
    ] {
        let (store, folder) = store(&server);
        let written = store.write(vec![row(1, 0, 1.0)]).await;
        let Err(WriteError::TryAgain { reason }) = written else { panic!("{written:?}") };
        assert!(!reason.contains("secret"), "{reason}");
        assert!(!folder.path().join("refused.lp").exists());
    }
}

#[tokio::test]
async fn a_line_that_is_never_taken_does_not_take_the_others_with_it() {
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let takes = taken.clone();
    let server = Server::start(move |_, body| {
        if body.contains("seq=13i") {
            return Some(answer("400 Bad Request", "{\"message\":\"field type\nconflict\"}"));
        }
        takes.lock().expect("taken").extend(body.lines().map(str::to_owned));
        Some(answer("204 No Content", ""))
    });
    let (store, folder) = store(&server);
    let rows: Vec<Row> = (1..=40).map(|seq| row(seq, 0, 1.0)).collect();
    let written = store.write(rows).await;
    let Err(WriteError::SetAside { count: 1, reason }) = written else { panic!("{written:?}") };
    assert!(reason.contains("conflict"), "{reason}");
    assert_eq!(taken.lock().expect("taken").len(), 39);
    let kept = std::fs::read_to_string(folder.path().join("refused.lp")).expect("kept");
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines.len(), 2, "{kept}");
    assert!(lines[0].starts_with("# 400 Bad Request") && lines[0].contains("conflict"), "{kept}");
    assert!(lines[1].contains("seq=13i"), "{kept}");
}

fn all_time() -> (GatewayTime, GatewayTime) {
    (GatewayTime::from_millis(0), GatewayTime::from_millis(i64::MAX))
}

#[tokio::test]
async fn rows_come_back_from_csv() {
    let server = Server::always(
        "200 OK",
        ",result,table,gateway,index,ns,number,point,quality,seq,span,unit\r\n\
         ,_result,0,mall-01,5,1764000000123040965,350000.5,riser1/pressure,good,3,0000000000000007,Pa\r\n\
         ,_result,0,mall-01,6,1764000000123040966,,riser1/pressure,stuck,3,0000000000000007,\r\n\r\n",
    );
    let (store, _folder) = store(&server);
    let (from, to) = all_time();
    let rows = store.raw(row(1, 0, 0.0).point, from, to, 10).await.expect("rows");
    let unknown = Row { number: None, quality: Quality::Stuck, ..row(3, 6, 0.0) };
    assert_eq!(rows, [row(3, 5, 350_000.5), unknown]);
    assert!(server.heard()[0].contains("authorization: token very-secret"));
}

#[tokio::test]
async fn spreads_come_back_from_csv_in_the_unit_with_the_most_readings() {
    let server = Server::always(
        "200 OK",
        ",result,table,ns,unit,value,what\r\n\
         ,_result,0,61000000000,,3,all\r\n,_result,0,61000000000,Pa,2,good\r\n\
         ,_result,0,61000000000,V,1,good\r\n,_result,0,61000000000,V,9,mean\r\n\
         ,_result,0,61000000000,Pa,1,min\r\n,_result,0,61000000000,Pa,1.5,mean\r\n\
         ,_result,0,61000000000,Pa,2,max\r\n\r\n,result,table,ns,unit,value,what\r\n\
         ,_result,1,120000000000,,4,all\r\n",
    );
    let (store, _folder) = store(&server);
    let (from, to) = (GatewayTime::from_millis(61_000), GatewayTime::from_millis(200_000));
    let point = row(1, 0, 0.0).point;
    let buckets = store.buckets(point, from, to, Millis::seconds(60)).await.expect("buckets");
    let spread = Some(Spread { min: 1.0, mean: 1.5, max: 2.0, unit: Unit::Pascal });
    let start = GatewayTime::from_millis;
    assert_eq!(
        buckets,
        [
            Bucket { start: start(60_000), count: 3, spread },
            Bucket { start: start(120_000), count: 4, spread: None },
        ]
    );
}

#[tokio::test]
async fn no_answer_of_a_server_is_taken_for_rows_or_breaks_anything() {
    let point = row(1, 0, 0.0).point;
    let (from, to) = all_time();
    for (status, body) in [
        ("200 OK", "\u{0}\u{1}garbage"),
        ("200 OK", ",result,table,ns\r\n,_result,0,\r\n"),
        ("200 OK", "error,reference\r\nquery killed,897\r\n"),
        ("500 Internal Server Error", "oh"),
        ("404 Not Found", "{\"code\":\"not found\",\"message\":\"could not find bucket\"}"),
    ] {
        let server = Server::always(status, body);
        let (store, _folder) = store(&server);
        let read = store.raw(point.clone(), from, to, 10).await;
        assert!(matches!(read, Err(ReadError::TryAgain { .. })), "{body:?}: {read:?}");
    }
    let (store, _folder) = store(&Server::start(|_, _| None));
    let read = store.raw(point.clone(), from, to, 10).await;
    assert!(matches!(read, Err(ReadError::TryAgain { .. })), "{read:?}");
}

#[tokio::test]
async fn a_server_without_flux_is_named() {
    let said = "unsupported path requested: \"/api/v2/query\"";
    let (store, _folder) = store(&Server::always("400 Bad Request", said));
    let (from, to) = all_time();
    let read = store.raw(row(1, 0, 0.0).point, from, to, 10).await;
    let Err(ReadError::Elsewhere { place }) = read else { panic!("{read:?}") };
    assert!(place.contains("http://127.0.0.1") && !place.contains("secret"), "{place}");
}

/// The contract with a real InfluxDB 2, or with what takes its place.
#[tokio::test]
async fn a_real_server_keeps_what_it_answered_for() {
    let variable = |name: &str| std::env::var(format!("FIREGRID_INFLUX_{name}")).ok();
    let Some(url) = variable("URL") else {
        println!("not run: no server is named in FIREGRID_INFLUX_URL, _ORG, _BUCKET, _TOKEN");
        return;
    };
    let place = InfluxPlace {
        org: variable("ORG").unwrap_or_else(|| "firegrid".into()),
        bucket: variable("BUCKET").unwrap_or_else(|| "firegrid".into()),
        token: variable("TOKEN").unwrap_or_default(),
        timeout: Millis::seconds(10),
        ..place(&url)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let store = Influx::open(place, folder.path().join("refused.lp")).expect("a store");
    let span = SpanId::from_bits(fastrand::u64(..));
    let rows: Vec<Row> = (0..100)
        .map(|index| Row {
            span,
            number: (index % 7 != 0).then_some((2.0, Unit::Pascal)),
            ..row(1, index, 0.0)
        })
        .collect();
    for _ in 0..2 {
        store.write(rows.clone()).await.expect("written");
    }
    let point = row(1, 0, 0.0).point;
    let from = row(1, 0, 0.0).time;
    let to = from.plus(Millis::new(1));
    match store.raw(point.clone(), from, to, ROWS_PER_ANSWER).await {
        Err(ReadError::Elsewhere { place }) => println!("{place} has no Flux: written only"),
        read => {
            let read = read.expect("rows");
            let ours: Vec<Row> = read.into_iter().filter(|row| row.span == span).collect();
            assert_eq!(ours, rows);
            let buckets =
                store.buckets(point, from, to, Millis::seconds(1)).await.expect("buckets");
            assert!(100 <= buckets[0].count, "{buckets:?}");
            assert_eq!(buckets[0].spread.map(|spread| spread.mean), Some(2.0));
        }
    }
}
