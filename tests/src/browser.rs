//! Node.js with a file of browser tests, and the steps that they ask of the world outside.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::World;
use crate::world::{programs, project};

/// Running tests of `ingest/web/browser`.
pub struct Browser {
    world: World,
    file: String,
    node: Child,
    steps: TcpListener,
}

/// After this long the tests of one file are given up: the demo's story takes five minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often it is looked whether the tests ask for a step or are done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Browser {
    /// Starts a file of tests against the centre on this port. Chromium and Node.js are those
    /// that `make tools web` has found or installed.
    pub fn look(world: &World, file: &str, port: u16) -> Browser {
        let steps = TcpListener::bind("127.0.0.1:0").expect("a port for the steps");
        steps.set_nonblocking(true).expect("a port that can be looked at");
        let control = steps.local_addr().expect("its address");
        let log = std::fs::File::create(world.log_of("browser")).expect("a log");
        let node = Command::new(project().join("ingest/web/build"))
            .args(["run", "node", "--test", "--test-reporter=spec", &format!("browser/{file}")])
            .env("CARGO_TARGET_DIR", programs().join(".."))
            .env("FIREGRID_URL", format!("http://127.0.0.1:{port}"))
            .env("FIREGRID_CONTROL", format!("http://{control}"))
            .env("FIREGRID_PATIENCE_MS", "60000")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("bash runs");
        Browser { world: world.clone(), file: file.to_owned(), node, steps }
    }

    /// Does the steps that the tests ask for until they are done; fails with what they said.
    #[track_caller]
    pub fn until_done(&mut self, mut step: impl FnMut(&str) -> Result<(), String>) {
        let begin = Instant::now();
        loop {
            let log = self.world.log_of("browser");
            let told = || std::fs::read_to_string(&log).unwrap_or_default();
            if PATIENCE < begin.elapsed() {
                panic!("{} is not done after {PATIENCE:?}:\n{}", self.file, told());
            }
            if let Ok((stream, _)) = self.steps.accept() {
                answer(stream, &mut step);
            }
            if let Some(ended) = self.node.try_wait().expect("it can be waited for") {
                assert!(ended.success(), "{}:\n{}\n{}", self.file, told(), self.world.state());
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// Answers one step when it is done: 200, or 400 with what was wrong.
fn answer(stream: TcpStream, step: &mut impl FnMut(&str) -> Result<(), String>) {
    stream.set_nonblocking(false).expect("a stream that waits");
    let mut back = stream.try_clone().expect("the way back");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let asked = lines.next().unwrap_or_default();
    let path = asked.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    // The rest of the question, so that closing does not cut the answer off.
    let _head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let (status, body) = match step(&path) {
        Ok(()) => ("200 OK", String::new()),
        Err(what) => ("400 Bad Request", what),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Whoever asked may have gone.
    let _ = back.write_all(answer.as_bytes());
}
