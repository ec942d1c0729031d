//! Fires at random moments, and the time until the broker has acknowledged the batch that
//! tells them.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::Shape;
use crate::devices::Devices;
use crate::site::alarm_point;
use crate::tap::Tap;

/// The longest pause between two fires; the shortest is none.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A fire that is not acknowledged within this time ends the bench.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sets so many alarm registers to fire, each once; how long each took, in milliseconds, the
/// shortest first.
pub(crate) fn until_puback(devices: &Devices, tap: &Tap, shape: Shape, flips: usize) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut burnt = BTreeSet::new();
    let mut burning: HashMap<String, (usize, usize, Instant)> = HashMap::new();
    let mut took = Vec::new();
    let mut next = Instant::now();
    while took.len() < flips {
        if next <= Instant::now() && burnt.len() < flips {
            let place = (random.usize(1..=shape.devices), random.usize(0..shape.alarms));
            next = Instant::now() + LONGEST_PAUSE.mul_f64(random.f64());
            if burnt.insert(place) {
                let (unit, alarm) = place;
                burning.insert(alarm_point(unit, alarm), (unit, alarm, Instant::now()));
                devices.set_fire(unit, alarm, true);
            }
        }
        match tap.acknowledged().recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(acknowledged) => {
                for point in acknowledged.points {
                    let Some((unit, alarm, since)) = burning.remove(&point) else { continue };
                    took.push((acknowledged.at - since).as_secs_f64() * 1e3);
                    devices.set_fire(unit, alarm, false);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the tap has ended"),
        }
        if burnt.len() == flips {
            next = Instant::now() + LONGEST_PAUSE;
        }
        let overdue = burning.iter().find(|(_, (.., since))| PATIENCE < since.elapsed());
        assert!(overdue.is_none(), "a fire is not acknowledged: {overdue:?}");
    }
    took.sort_by(f64::total_cmp);
    took
}
