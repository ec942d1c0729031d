//! New settings by SIGHUP: broken ones change nothing and are told, good ones are taken up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firegrid_gateway::simulate::Simulator;

use crate::program::{Program, site};

/// Settings with mistakes, made from good ones, and what must be told of each.
fn broken(good: &str) -> Vec<(String, Vec<&'static str>)> {
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    vec![
        (String::new(), vec!["region", "gateway", "data", "broker", "line: without"]),
        ("this is no TOML [[".to_owned(), vec!["gateway.toml"]),
        (with("unit_id = 3", "unit_id = 300"), vec!["line[0].device[0].unit_id"]),
        (with("fire-pump-controller", "fire-pump"), vec!["there is no profile"]),
        (with("127.0.0.1:1\"", "127.0.0.1\""), vec!["broker.address"]),
        (with("\"100ms\"", "\"1ms\""), vec!["line[0].device[0].alarm_period"]),
        (with("name = \"b\"", "name = \"a\""), vec!["line[1].name"]),
        (with("mall-01", "mall-02"), vec!["gateway: this cannot change while the gateway runs"]),
        (with("/data\"", "/other\""), vec!["data: this cannot change while the gateway runs"]),
        (
            with("region", "speed = 3\nregion").replacen("unit_id = 3", "unit_id = 0", 1),
            vec!["speed", "line[0].device[0].unit_id"],
        ),
    ]
}

/// The longest time in which a line was not asked anything.
struct Watcher {
    stop: std::sync::mpsc::Sender<()>,
    watching: std::thread::JoinHandle<Vec<Duration>>,
}

impl Watcher {
    fn of(program: &Program) -> Watcher {
        let (stop, stopped) = std::sync::mpsc::channel();
        let simulators = Arc::clone(&program.simulators);
        let watching = std::thread::spawn(move || {
            let begin = Instant::now();
            let mut seen: Vec<_> = simulators.iter().map(|one| (one.requests(), begin)).collect();
            let mut longest = vec![Duration::ZERO; seen.len()];
            while stopped.recv_timeout(Duration::from_millis(2)).is_err() {
                for (place, count) in simulators.iter().map(Simulator::requests).enumerate() {
                    let (before, since) = seen[place];
                    longest[place] = longest[place].max(since.elapsed());
                    if count != before {
                        seen[place] = (count, Instant::now());
                    }
                }
            }
            longest
        });
        Watcher { stop, watching }
    }

    fn end(self) -> Vec<Duration> {
        self.stop.send(()).expect("the watcher");
        self.watching.join().expect("the watcher")
    }
}

#[test]
fn ten_broken_settings_in_turn_never_stop_the_polling_and_every_mistake_is_told() {
    let mut program = Program::start();
    let good = program.site();
    let broken = broken(&good);
    assert_eq!(broken.len(), 10);
    program.wait_polled(&[0, 1], 5);
    let watcher = Watcher::of(&program);
    for (number, (text, told)) in broken.iter().enumerate() {
        let before = program.log().len();
        program.reload(text);
        program.wait_told("RELOADING=1");
        program.wait_told("READY=1");
        let kept =
            || program.log().matches("The old settings stay in force.").count() == number + 1;
        program.wait_until("the old settings stay", kept);
        let log = program.log()[before..].to_owned();
        for hint in told {
            assert!(log.contains(hint), "{hint:?} of file {number} is not told:\n{log}");
        }
        program.wait_polled(&[0, 1], 5);
    }
    println!("longest pauses between two questions of the lines: {:?}", watcher.end());
    let log = program.log();
    for stopped in ["Device lost", "Line not reachable", "a new span begins"] {
        assert!(!log.contains(stopped), "{log}");
    }

    // Then a good one: the pump of line a is read more slowly, line b goes on.
    program.reload(&good.replacen("\"100ms\"", "\"150ms\"", 1));
    program.wait_until("taken up", || program.log().contains("The new settings are in force."));
    program.wait_told("WATCHDOG=1");
    program.wait_polled(&[0, 1], 5);
    assert!(!program.log().contains("Device lost"), "{}", program.log());
    assert!(program.stop());
}

#[test]
fn a_line_goes_and_comes_while_the_other_one_is_polled_on_the_same_connection() {
    let program = Program::start();
    let good = program.site();
    program.wait_polled(&[0, 1], 5);
    let b = program.address(1);
    let in_force = || program.log().matches("The new settings are in force.").count();
    program.reload(&site(program.folder.path(), &[("b", b)]));
    program.wait_until("line a is gone", || in_force() == 1);
    program.wait_polled(&[1], 5);
    let left = program.simulators[0].requests();
    program.wait_polled(&[1], 20);
    assert_eq!(program.simulators[0].requests(), left, "line a is not read any more");
    program.reload(&good);
    program.wait_until("line a is back", || in_force() == 2);
    program.wait_polled(&[0, 1], 5);
    assert_eq!(program.connections(1), 1, "line b was never opened anew");
    assert_eq!(program.connections(0), 2);
    assert!(!program.log().contains("Device lost"), "{}", program.log());
}
