//! What stands still costs no memory: a poll that brings nothing new allocates as often for a
//! hundred registers as for one, from the wire to the recorder.

#![expect(clippy::print_stdout, reason = "the figures are told")]

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firegrid_gateway::clock::{Clock, built};
use firegrid_gateway::line;
use firegrid_gateway::line::endpoint::{Endpoint, Stream};
use firegrid_gateway::line::memory::Memory;
use firegrid_gateway::line::pulse::Pulse;
use firegrid_gateway::line::report;
use firegrid_gateway::line::wire::Wire;
use firegrid_gateway::recorder::{Labels, Output, Recorder};
use firegrid_gateway::settings::Settings;
use firegrid_wire::span::{PerLane, SpanId};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout_at};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM_UP: Duration = Duration::from_secs(60);
const WATCHED: Duration = Duration::from_secs(120);

/// A device of so many registers, one point each, polled once in a second with one question.
fn settings(registers: u16) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = format!(
        "name = \"steady\"\nlabel = \"液位\"\nmanual = \"made for this test\"\nreads = {{}}\n\
         [[point]]\nsource = \"made for this test\"\nname = \"level-{{n}}\"\nlabel = \"{{n}} 号液位\"\n\
         each = {{ n = {{ from = 0, to = {}, step = 1 }} }}\nregister = 0\ntable = \"input\"\n\
         system = 11\npart = 92\n\
         number = {{ type = \"u16\", unit = \"mm\", plausible = [0.0, 20.0] }}\n",
        registers - 1
    );
    let text = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
        profiles = \"profiles\"\n[[line]]\nname = \"room\"\naddress = \"b:1\"\n\
        [[line.device]]\nname = \"tank\"\nunit_id = 1\nprofile = \"steady\"\nanalog_period = \"1s\"\n";
    std::fs::create_dir(folder.path().join("profiles")).expect("a folder");
    std::fs::write(folder.path().join("profiles/steady.toml"), profile).expect("a profile");
    std::fs::write(folder.path().join("gateway.toml"), text).expect("settings");
    let settings = Settings::read(&folder.path().join("gateway.toml"));
    settings.unwrap_or_else(|told| panic!("{told}"))
}

/// Answers always the same, without allocating.
async fn serve(mut stream: DuplexStream, answers: Arc<AtomicU64>, moves: bool) {
    let (mut question, mut answer) = ([0; 12], [0; 9 + 250]);
    while stream.read_exact(&mut question).await.is_ok() {
        let (count, number) = (question[11], answers.fetch_add(1, Ordering::Relaxed));
        let bytes = 2 * count;
        answer[..4].copy_from_slice(&question[..4]);
        answer[4..9].copy_from_slice(&[0, bytes + 3, question[6], question[7], bytes]);
        let level = if moves { number % 4 } else { 3 };
        for register in answer[9..].chunks_exact_mut(2) {
            register.copy_from_slice(&[0, level as u8]);
        }
        if stream.write_all(&answer[..9 + usize::from(bytes)]).await.is_err() {
            return;
        }
    }
}

/// How often memory was asked for in the watched time, and how often the device was.
async fn allocations(registers: u16, moves: bool) -> (usize, u64) {
    let (clock, settings) = (Clock::begin(), settings(registers));
    let labels = Labels {
        gateway: settings.gateway.clone(),
        catalogue: settings.inventory.catalogue().hash(),
    };
    let mut recorder = Recorder::new(
        settings.inventory.clone(),
        labels,
        PerLane::default(),
        built(),
        clock.uptime(),
        clock.wall(),
        SpanId::from_bits(1),
    );
    let answers = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&answers);
    let opener = Box::new(move || {
        let (ours, theirs) = tokio::io::duplex(512);
        tokio::spawn(serve(theirs, Arc::clone(&counted), moves));
        Ok(Box::new(ours) as Box<dyn Stream>)
    });
    let (news, mut heard) = mpsc::channel(64);
    let (shown, _view) = report::shown();
    let audience =
        line::Audience { news, pulse: Pulse::default(), shown, memory: Memory::default() };
    let endpoint = Endpoint::in_memory(Wire::tcp(), opener);
    let reading = line::run_over(endpoint, settings.lines[0].clone(), clock, audience);
    let task = tokio::spawn(reading);
    let mut outputs = Vec::with_capacity(64);
    let mut seen = Vec::with_capacity(2);
    let mut end = Instant::now() + WARM_UP;
    for _ in 0..2 {
        while let Ok(news) = timeout_at(end, heard.recv()).await {
            recorder.news(news.expect("the line lives"), clock.uptime(), &mut outputs);
            recorder.tick(clock.uptime(), &mut outputs);
            while let Some(output) = outputs.pop() {
                if let Output::Append(batch) = output {
                    recorder.durable(batch.lane, batch.name, clock.uptime(), &mut outputs);
                }
            }
        }
        let stats = COUNTED.stats();
        seen.push((stats.allocations + stats.reallocations, answers.load(Ordering::Relaxed)));
        end += WATCHED;
    }
    task.abort();
    (seen[1].0 - seen[0].0, seen[1].1 - seen[0].1)
}

#[tokio::test(start_paused = true)]
async fn what_stands_still_allocates_no_more_for_a_hundred_registers_than_for_one() {
    let (one, polls_of_one) = allocations(1, false).await;
    let (hundred, polls_of_hundred) = allocations(100, false).await;
    let (moving, _) = allocations(100, true).await;
    assert_eq!((polls_of_one, polls_of_hundred), (120, 120), "a poll is one question");
    let told = format!("1 register: {one}, 100: {hundred}, 100 that move: {moving}");
    println!("{told}");
    assert!(hundred.abs_diff(one) < 120, "less than one a poll: {told}");
    assert!(hundred + 100 * 120 / 2 < moving, "the counter counts: {told}");
}
