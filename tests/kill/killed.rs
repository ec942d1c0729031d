//! `kill -9` of a process that writes a spool on real files.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use firegrid_gateway::recorder::Labels;
use firegrid_gateway::spool::{Entry, Reading, Spool};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use system_tests::ledger::{self, Ledger};

use crate::{kills, seed};

/// The writer is killed within so many milliseconds of its start.
const LONGEST_LIFE: u64 = 25;

/// So many kills hit the same folder; then a new one is begun.
const KILLS_OF_A_FOLDER: usize = 50;

/// What a run has seen, printed at its end.
#[derive(Debug, Default)]
struct Seen {
    given: usize,
    durable: usize,
    receipts: usize,
    gone: usize,
    before_it_opened: usize,
}

#[test]
fn what_was_told_durable_survives_a_kill_at_any_moment() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut seen = Seen::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut ledgers = PerLane::<Ledger>::default();
    for kill in 0..kills() {
        if kill % KILLS_OF_A_FOLDER == 0 {
            folder = tempfile::tempdir().expect("a folder");
            ledgers = PerLane::default();
        }
        let said = live_and_die(folder.path(), &mut random);
        seen.take(&said);
        for line in said.lines() {
            note(&mut ledgers, line).unwrap_or_else(|wrong| panic!("kill {kill}: {wrong}"));
        }
        let found = runtime.block_on(opened(folder.path()));
        for lane in Lane::ALL {
            let (entries, last) = &found[lane];
            let gone = ledgers[lane].opened_again(entries, *last);
            seen.gone += gone.unwrap_or_else(|wrong| panic!("kill {kill}, {lane}: {wrong}"));
        }
    }
    println!("{} kills: {seen:?}", kills());
    assert!(seen.durable > kills() && seen.receipts > kills() / 4, "too little: {seen:?}");
}

/// Starts the writer, kills it at some moment, and answers what it has said.
fn live_and_die(folder: &Path, random: &mut fastrand::Rng) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spool-writer"))
        .arg(folder)
        .arg(random.u64(..).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer starts");
    let mut output = child.stdout.take().expect("its output");
    let (speaks, spoken) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut said = vec![0];
        let begun = output.read_exact(&mut said);
        // Nobody waits for it in the kills that may come before it has opened.
        let _ = speaks.send(());
        begun.map_or(Ok(0), |()| output.read_to_end(&mut said)).map(|_| said)
    });
    if random.u8(0..8) != 0 {
        spoken.recv().expect("the reader tells");
    }
    std::thread::sleep(Duration::from_micros(random.u64(0..LONGEST_LIFE * 1_000)));
    child.kill().expect("it lives until it is killed");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), None, "it ended by itself, see its output");
    let said = reader.join().expect("the reader ends").expect("a pipe");
    let mut said = String::from_utf8(said).expect("plain text");
    // The last line may be torn; then its step has not been made.
    said.truncate(said.rfind('\n').map_or(0, |end| end + 1));
    said
}

fn note(ledgers: &mut PerLane<Ledger>, line: &str) -> Result<(), String> {
    let mut words = line.split(' ');
    let mut word = || words.next().ok_or_else(|| format!("a line too short: {line:?}"));
    let lane = word()?;
    let lane = Lane::ALL.into_iter().find(|known| known.as_str() == lane);
    let ledger = &mut ledgers[lane.ok_or_else(|| format!("no lane: {line:?}"))?];
    let what = word()?;
    let name = read_name(word()?);
    match (what, name) {
        ("found", found) if found == ledger.last() => Ok(()),
        ("found", _) => Err(format!("{line:?}, but the last was {:?}", ledger.last())),
        ("gives", Some(name)) => {
            ledger.gives(name);
            Ok(())
        }
        ("durable", Some(name)) => ledger.told_durable(Some(name)),
        ("receipts", Some(name)) => ledger.receipts(name),
        (_, _) => Err(format!("not understood: {line:?}")),
    }
}

fn read_name(text: &str) -> Option<BatchName> {
    let (span, seq) = text.split_once('/')?;
    let span = SpanId::from_bits(u64::from_str_radix(span, 16).ok()?);
    Some(ledger::name(span, seq.parse().ok()?))
}

/// Opens the spool as a restarted gateway does, and reads all that waits in each lane.
async fn opened(folder: &Path) -> PerLane<(Vec<Entry>, Option<BatchName>)> {
    let labels = Labels { gateway: ledger::gateway(), catalogue: ledger::catalogue() };
    let spool = Spool::open(folder, &labels, &PerLane::from_fn(|_| ledger::QUOTA))
        .expect("the dead writer holds no lock");
    let mut found = PerLane::<(Vec<Entry>, Option<BatchName>)>::default();
    for lane in Lane::ALL {
        found[lane].1 = spool.recovered[lane].last;
        let mut reading = Reading::FromReceipt;
        loop {
            let read = spool.lanes[lane].read(reading, 1 << 20).await;
            let read = read.expect("the lane lives").expect("a sound disk");
            if read.is_empty() {
                break;
            }
            found[lane].0.extend(read);
            reading = Reading::Onward;
        }
        spool.lanes[lane].stop().await;
    }
    found
}

impl Seen {
    fn take(&mut self, said: &str) {
        let count = |what: &str| said.lines().filter(|line| line.contains(what)).count();
        self.given += count(" gives ");
        self.durable += count(" durable ");
        self.receipts += count(" receipts ");
        self.before_it_opened += usize::from(said.is_empty());
    }
}
