//! Somebody else's centre: the example of `wire/README.md`, in another language and with another
//! MQTT client, takes everything from a real gateway, killed and started again on both sides.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use system_tests::{Broker, Gateway, PANEL, Part, Site, World};

const NORMAL: u16 = 1 << 10;
const FIRE: u16 = 1 << 10 | 1 << 11 | 0x10;
const FAULT: u16 = 1 << 10 | 1 << 13;

/// The responder of the example.
struct Responder {
    world: World,
    broker: String,
    part: Part,
}

impl Responder {
    fn start(world: &World, broker: &Broker) -> Responder {
        let broker = broker.address();
        let part = launch(world, &broker);
        Responder { world: world.clone(), broker, part }
    }

    fn kill(&mut self) {
        self.part.kill();
    }

    fn start_again(&mut self) {
        self.part = launch(&self.world, &self.broker);
    }

    /// What it has committed, a line a batch.
    fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.world.path("journal.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// What a point has said, in the order in which it was committed, repetitions left out.
    fn said(&self, point: &str) -> Vec<String> {
        let journal = self.journal();
        let records = journal.iter().flat_map(|batch| batch["records"].as_array().expect("a list"));
        let words = records.filter(|record| record["n"] == point).map(|record| &record["vs"]);
        let mut said: Vec<String> = words.map(|word| word.as_str().unwrap_or("").into()).collect();
        said.dedup();
        said
    }
}

fn launch(world: &World, broker: &str) -> Part {
    let mut command = Command::new(system_tests::python());
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../wire/examples/receipt_responder.py"))
        .args(["--broker", broker, "--region", "demo-county", "--journal"])
        .arg(world.path("journal.jsonl"));
    Part::start(world, "responder", &mut command)
}

#[test]
fn the_example_of_another_language_loses_nothing_and_takes_nothing_twice() {
    let world = World::new();
    let broker = Broker::start(&world);
    let site = Site::start(&world);
    site.set(PANEL, 0, &[NORMAL; 159]);
    let mut responder = Responder::start(&world, &broker);
    let mut gateway = Gateway::start(&world, &broker, &site, |_| {});
    let point = "facp1/L1D017";
    let says = |responder: &Responder, words: &[&str]| responder.said(point) == words;
    world.until("the refresh is committed", || says(&responder, &["normal"]));

    site.set(PANEL, 16, &[FIRE]);
    world.until("the fire is committed", || says(&responder, &["normal", "fire"]));

    responder.kill();
    site.set(PANEL, 16, &[FAULT]);
    let two_reads =
        || site.answered().iter().any(|read| read.register == 16 && read.value == FAULT);
    world.until("the gateway has read the fault", two_reads);
    responder.start_again();
    world.until("the fault follows", || says(&responder, &["normal", "fire", "fault"]));

    responder.kill();
    gateway.kill();
    gateway.start_again();
    site.set(PANEL, 16, &[NORMAL]);
    responder.start_again();
    let all = ["normal", "fire", "fault", "normal"];
    world.until("the new span is committed", || says(&responder, &all));

    world.until("both lanes of both spans are committed", || ends(&responder).len() == 4);
    for batch in responder.journal() {
        assert_eq!(batch["what"], "new", "nothing was lost: {batch}");
    }
    let emptied = || {
        let log = std::fs::read_to_string(world.path("gateway.log")).unwrap_or_default();
        log.lines()
            .rfind(|line| line.contains("Beat."))
            .is_some_and(|line| line.contains("depth=0"))
    };
    world.until("the gateway has forgotten what was receipted", emptied);
}

/// The last number of every lane's span; numbers run without holes, and none comes twice.
fn ends(responder: &Responder) -> BTreeMap<(String, String), u64> {
    let mut ends = BTreeMap::new();
    for batch in responder.journal() {
        let (span, seq) =
            batch["name"].as_str().and_then(|name| name.split_once('/')).expect("a name");
        let lane = batch["lane"].as_str().expect("a lane").to_owned();
        let end = ends.entry((lane, span.to_owned())).or_insert(0);
        assert_eq!(seq.parse(), Ok(*end + 1), "{batch}");
        *end += 1;
    }
    ends
}
