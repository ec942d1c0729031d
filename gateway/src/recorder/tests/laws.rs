//! What holds for every history: random news, a disk that is sometimes slow, clocks that are
//! set, devices that die.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use firegrid_wire::names::PointId;
use proptest::prelude::*;

use super::*;

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Poll(usize, [bool; 2]),
    Ahead,
    Lose(u32),
    Disk(bool),
    Flush(usize),
    Want(bool, u64),
    SetWall(i64),
    Exchange,
    Beat,
}

const POLLS: [(DeviceIndex, Lane, &[u32]); 5] = [
    (FACP, Lane::Urgent, &[SMOKE1, SMOKE2]),
    (RISER1, Lane::Routine, &[PRESSURE1]),
    (RISER2, Lane::Routine, &[PRESSURE2]),
    (PUMP, Lane::Urgent, &[RUNNING]),
    (PUMP, Lane::Routine, &[CURRENT]),
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![Just(0), 1..50_u64, 100..1_500_u64, Just(20_000)].prop_map(Step::Pass),
        12 => (0..5_usize, any::<[bool; 2]>()).prop_map(|(poll, moves)| Step::Poll(poll, moves)),
        1 => Just(Step::Ahead),
        1 => (0..4_u32).prop_map(Step::Lose),
        1 => any::<bool>().prop_map(Step::Disk),
        2 => (1..4_usize).prop_map(Step::Flush),
        1 => (any::<bool>(), 0..4_u64).prop_map(|(urgent, number)| Step::Want(urgent, number)),
        1 => prop_oneof![Just(-300_000), Just(-2_000), Just(3_000), Just(60_000)]
            .prop_map(Step::SetWall),
        1 => Just(Step::Exchange),
        2 => Just(Step::Beat),
    ]
}

/// Devices whose points say something new with every change, and what they have said. The
/// quality of a state tells it from the one before last.
#[derive(Default)]
struct Devices {
    spoken: BTreeSet<usize>,
    counts: BTreeMap<u32, u64>,
    said: BTreeMap<PointId, Vec<String>>,
}

impl Devices {
    /// The observations of a poll: at first all points, then those that move.
    fn poll(&mut self, poll: usize, moves: [bool; 2]) -> Vec<Observation> {
        let (_, _, points) = POLLS[poll];
        let first = self.spoken.insert(poll);
        let moving = points.iter().zip(moves).filter(|(_, moves)| *moves || first);
        moving.map(|(point, _)| self.change(*point)).collect()
    }

    fn change(&mut self, point: u32) -> Observation {
        let count = self.counts.entry(point).or_insert(0);
        *count += 1;
        let mut observation = match point {
            SMOKE1 | SMOKE2 | RUNNING => {
                state(point, [&[State::Fault][..], &[State::Fire], &[]][*count as usize % 3])
            }
            PRESSURE1.. => number(point, *count as f64 * 2_000.0),
        };
        observation.quality = Quality::ALL[*count as usize % 2];
        let name = inventory().point(observation.point).entry.n.clone();
        let text = format!("{} {}", observation.value, observation.quality);
        self.said.entry(name).or_default().push(text);
        observation
    }
}

/// What was told of a lane so far, and whether it was lawful.
#[derive(Default)]
struct Told {
    last: Option<BatchName>,
    /// Per span: the last number, and up to where batches and beats have vouched.
    spans: HashMap<SpanId, (u64, Option<GatewayTime>, Option<GatewayTime>)>,
    readings: BTreeMap<PointId, Vec<String>>,
}

impl Told {
    fn take(&mut self, pack: &Pack) -> Result<(), TestCaseError> {
        let name = pack.head.name;
        let (seq, vouched, told) = self.spans.entry(name.span).or_default();
        prop_assert_eq!(name.seq, *seq + 1, "numbers have no holes");
        *seq = name.seq;
        let after = (name.seq == 1).then(|| self.last.map_or(After::Nothing, After::Batch));
        prop_assert_eq!(pack.head.after, after);
        self.last = Some(name);
        let times: Vec<GatewayTime> = pack.readings.iter().map(|(_, read)| read.time).collect();
        prop_assert!(times.is_sorted(), "records are sorted by time");
        for (_, reading) in &pack.readings {
            if pack.head.refresh.is_none() && !reading.point.is_comm() {
                let promised = (*vouched).max(*told);
                prop_assert!(promised <= Some(reading.time), "{:?} {:?}", promised, reading);
            }
            let text = format!("{} {}", reading.value, reading.quality);
            self.readings.entry(reading.point.clone()).or_default().push(text);
        }
        if let Some(Stretch { from, until }) = pack.head.stretch {
            prop_assert!(from <= until);
            prop_assert!(*vouched <= Some(from), "stretches overlap: {:?} {:?}", vouched, from);
            *vouched = Some(until);
        }
        Ok(())
    }

    fn take_beat(&mut self, lane: firegrid_wire::beat::LaneBeat) -> Result<(), TestCaseError> {
        let Some(head) = lane.head else {
            prop_assert_eq!(lane.until, None, "nothing is vouched for without a head");
            return Ok(());
        };
        let (_, _, told) = self.spans.entry(head.span).or_default();
        prop_assert!(*told <= lane.until, "what beats vouch for runs backwards");
        *told = lane.until;
        Ok(())
    }
}

/// A run, and the witness of everything that comes out of it.
struct Witness {
    run: Run,
    devices: Devices,
    told: PerLane<Told>,
}

impl Witness {
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let Witness { run, devices, told } = self;
        match step {
            Step::Pass(millis) => run.pass(millis),
            Step::Poll(poll, moves) => {
                let (device, lane, _) = POLLS[poll];
                run.poll(device, lane, devices.poll(poll, moves));
            }
            Step::Ahead => {
                let changed = vec![devices.change(SMOKE1)];
                run.news(News::Ahead { device: FACP, at: run.now, changed });
            }
            Step::Lose(device) => run.lose(DeviceIndex(device)),
            Step::Disk(works) => run.disk_works = works,
            Step::Flush(count) => run.flush(count),
            Step::Want(urgent, number) => {
                run.want(if urgent { Lane::Urgent } else { Lane::Routine }, number);
            }
            Step::SetWall(by) => {
                run.set_wall(by);
            }
            Step::Exchange => {
                let kept = [FACP, RISER1, RISER2, PUMP].map(|device| (device, device));
                run.exchange(inventory(), kept.to_vec());
            }
            Step::Beat => {
                let durable = run.durable;
                let beat = run.beat();
                for lane in Lane::ALL {
                    let head = durable[lane].filter(|name| name.span == beat.span);
                    prop_assert_eq!(beat.lanes[lane].head, head, "the head is durable");
                    told[lane].take_beat(beat.lanes[lane])?;
                }
            }
        }
        for pack in self.run.packs.drain(..) {
            self.told[pack.head.lane].take(&pack)?;
        }
        Ok(())
    }

    /// Everything is flushed and told.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        self.step(Step::Disk(true))?;
        self.step(Step::Flush(usize::MAX))?;
        self.step(Step::Pass(1_000))?;
        prop_assert_eq!(&self.run.let_go, &[] as &[Lane]);
        Ok(())
    }

    fn told_of(&self, point: &PointId) -> Vec<String> {
        Lane::ALL
            .iter()
            .filter_map(|lane| self.told[*lane].readings.get(point))
            .flatten()
            .cloned()
            .collect()
    }
}

fn witness() -> Witness {
    Witness { run: Run::new(), devices: Devices::default(), told: PerLane::default() }
}

proptest! {
    #[test]
    fn numbers_and_promises_hold_in_every_history(
        steps in prop::collection::vec(step(), 0..120)
    ) {
        let mut witness = witness();
        for step in steps {
            witness.step(step)?;
        }
        witness.finish()?;
        for (point, said) in &witness.devices.said {
            let told = witness.told_of(point);
            prop_assert_eq!(told.last(), said.last(), "{} ends as it was last read", point);
        }
    }

    #[test]
    fn every_change_of_devices_that_live_is_told_exactly_once(
        polls in prop::collection::vec((0..5_usize, any::<[bool; 2]>(), 0..400_u64, any::<bool>()), 1..80)
    ) {
        let mut witness = witness();
        for (poll, moves, millis, works) in polls {
            witness.step(Step::Disk(works))?;
            witness.step(Step::Pass(millis))?;
            witness.step(Step::Poll(poll, moves))?;
        }
        witness.finish()?;
        for (point, said) in &witness.devices.said {
            prop_assert_eq!(&witness.told_of(point), said, "{}", point);
        }
    }

    #[test]
    fn a_disk_that_was_slow_for_a_while_costs_no_change(
        polls in prop::collection::vec((0..5_usize, any::<[bool; 2]>(), 1..400_u64), 100..300)
    ) {
        let mut witness = witness();
        witness.step(Step::Disk(false))?;
        for (poll, moves, millis) in polls {
            witness.step(Step::Pass(millis))?;
            witness.step(Step::Poll(poll, moves))?;
        }
        witness.finish()?;
        for (point, said) in &witness.devices.said {
            let mut told = witness.told_of(point);
            told.dedup();
            prop_assert_eq!(&told, said, "{}", point);
        }
    }
}
