//! A day of a line and its recorder in virtual time: what is allocated does not grow.
//!
//! Four devices over streams in memory: one healthy, one silent, one that refuses everything, and
//! one that dies and comes back every hour. Every two hours the line is exchanged for a new one as
//! a reload does it, and every three hours nobody takes its connections for ten minutes. The
//! allocator counts: whatever is held at the end of the day was held after its first hour.

#![expect(clippy::print_stdout, reason = "the bytes that are held are told")]

use std::alloc::System;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firegrid_gateway::clock::{Clock, built};
use firegrid_gateway::line;
use firegrid_gateway::line::endpoint::{Endpoint, Stream};
use firegrid_gateway::line::memory::Memory;
use firegrid_gateway::line::pulse::Pulse;
use firegrid_gateway::line::report::{self, Standing};
use firegrid_gateway::line::wire::Wire;
use firegrid_gateway::poll::News;
use firegrid_gateway::recorder::{Labels, Output, Recorder};
use firegrid_gateway::settings::Settings;
use firegrid_wire::span::{Lane, PerLane, SpanId};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HEALTHY: u8 = 1;
const SILENT: u8 = 2;
const REFUSES: u8 = 3;
const SICKLY: u8 = 4;

const HOUR: Duration = Duration::from_secs(3_600);
const OUTAGE: Duration = Duration::from_secs(600);

/// How much more than after the first hour may be held at the end.
const GROWS_AT_MOST: f64 = 1.05;

fn settings() -> Settings {
    let device = |unit: u8| {
        format!(
            "[[line.device]]\nname = \"pump{unit}\"\nunit_id = {unit}\n\
             profile = \"fire-pump-controller\"\nalarm_period = \"5s\"\nanalog_period = \"10s\"\n"
        )
    };
    let devices: String = [HEALTHY, SILENT, REFUSES, SICKLY].into_iter().map(device).collect();
    let text = format!(
        "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
         [[line]]\nname = \"room\"\naddress = \"b:1\"\n{devices}"
    );
    Settings::parse("day", &text).unwrap_or_else(|told| panic!("{told}"))
}

/// What the devices do now, and whether anybody can connect.
#[derive(Debug, Default)]
struct World {
    begun: AtomicU64,
    answers: AtomicU64,
}

impl World {
    fn hour(&self, clock: Clock) -> u64 {
        clock.elapsed().as_secs() / HOUR.as_secs()
    }

    fn is_out(&self, clock: Clock) -> bool {
        let elapsed = clock.elapsed();
        self.hour(clock) % 3 == 2 && elapsed.as_secs() % HOUR.as_secs() < OUTAGE.as_secs()
    }
}

/// Answers on one stream until it is dropped.
async fn serve(mut stream: DuplexStream, world: Arc<World>, clock: Clock) -> io::Result<()> {
    loop {
        let mut question = [0; 12];
        stream.read_exact(&mut question).await?;
        let (unit, function, count) = (question[6], question[7], question[11]);
        let pdu = match unit {
            SILENT => continue,
            SICKLY if world.hour(clock) % 2 == 1 => continue,
            REFUSES => vec![function | 0x80, 2],
            _ => {
                // Every answer is another one, so that something is told with every poll.
                let number = world.answers.fetch_add(1, Ordering::Relaxed) as u8;
                let bytes = if function <= 2 { count.div_ceil(8) } else { count * 2 };
                let held = std::iter::repeat_n(number % 4, usize::from(bytes));
                [function, bytes].into_iter().chain(held).collect()
            }
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        let length = (pdu.len() as u16 + 1).to_be_bytes();
        let frame = [&question[..4], &length, &[unit], &*pdu].concat();
        stream.write_all(&frame).await?;
    }
}

fn endpoint(world: &Arc<World>, clock: Clock) -> Endpoint {
    let world = Arc::clone(world);
    let opener = Box::new(move || {
        if world.is_out(clock) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        world.begun.fetch_add(1, Ordering::Relaxed);
        let (ours, theirs) = tokio::io::duplex(512);
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            // A stream that the line has dropped ends here, as it should.
            let _ended = serve(theirs, world, clock).await;
        });
        Ok(Box::new(ours) as Box<dyn Stream>)
    });
    Endpoint::in_memory(Wire::tcp(), opener)
}

/// The bytes that are allocated now.
fn held() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// What the recorder gives out is receipted at once.
fn settle(recorder: &mut Recorder, outputs: &mut Vec<Output>, clock: Clock) -> u64 {
    let mut batches = 0;
    while let Some(output) = outputs.pop() {
        if let Output::Append(batch) = output {
            batches += 1;
            recorder.durable(batch.lane, batch.name, clock.uptime(), outputs);
        }
    }
    batches
}

#[tokio::test(start_paused = true)]
async fn a_day_with_dead_devices_reloads_and_outages_holds_no_more_than_its_first_hour() {
    let (clock, settings, world) = (Clock::begin(), settings(), Arc::new(World::default()));
    let catalogue = settings.inventory.catalogue().hash();
    let labels = Labels { gateway: settings.gateway.clone(), catalogue };
    let mut recorder = Recorder::new(
        settings.inventory.clone(),
        labels,
        PerLane::default(),
        built(),
        clock.uptime(),
        clock.wall(),
        SpanId::from_bits(1),
    );
    let (mut after, mut batches, mut lost, mut polls) = (Vec::new(), 0, 0, 0);
    let begin = Instant::now();
    let mut running = None;
    for hour in 0..24 {
        if hour % 2 == 0 {
            let (news, heard) = mpsc::channel(64);
            let (shown, view) = report::shown();
            let audience =
                line::Audience { news, pulse: Pulse::default(), shown, memory: Memory::default() };
            let line = settings.lines[0].clone();
            let reading = line::run_over(endpoint(&world, clock), line, clock, audience);
            // Whoever was running ends when its task is aborted, as a reload does it.
            if let Some((task, _, _)) = running.replace((tokio::spawn(reading), heard, view)) {
                task.abort();
            }
        }
        let Some((_, heard, view)) = running.as_mut() else { panic!("a line runs") };
        let end = begin + HOUR * (hour + 1);
        let mut outputs = Vec::new();
        while let Ok(news) = timeout_at(end, heard.recv()).await {
            let news = news.expect("the line lives");
            lost += u64::from(matches!(news, News::Lost { .. }));
            polls += u64::from(matches!(news, News::Polled { lane: Lane::Urgent, .. }));
            recorder.news(news, clock.uptime(), &mut outputs);
            recorder.tick(clock.uptime(), &mut outputs);
            batches += settle(&mut recorder, &mut outputs, clock);
        }
        drop(outputs);
        let report = view.report();
        let dead = report.devices.iter().filter(|device| device.standing != Standing::Answers);
        assert_eq!(dead.count() as u32, 2 + hour % 2, "hour {hour}: {report:#?}");
        let refusing = report.devices.iter().filter(|device| 0 < device.exceptions);
        let refusing: Vec<u8> = refusing.map(|device| device.unit_id).collect();
        assert_eq!(refusing, [REFUSES], "an exception is counted, and silence is none");
        after.push(held());
    }
    let (first, last) = (after[0], after[23]);
    println!("held after each hour: {after:?}");
    println!(
        "{polls} polls, {batches} batches, {lost} losses, {} connections",
        world.begun.load(Ordering::Relaxed)
    );
    assert!(20_000 < polls && 1_000 < batches && 40 < lost, "a day has passed");
    assert!(last as f64 <= first as f64 * GROWS_AT_MOST, "{first} bytes have become {last}");
}
