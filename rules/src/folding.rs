//! Folding: one cause, one ticket. A cause hides its effects and lists them.
//!
//! ```text
//!   gateway ─► device ─► loop ─► point
//! ```
//!
//! - Which kinds are effects of which says the rulebook (`caused_by`); whether this effect lies
//!   under that cause says [`covers`].
//! - A cause hides while its condition holds. Once it is calm its effects have [`PATIENCE`] to
//!   heal by themselves; then what is still wrong unfolds.
//! - Alarms are never folded.
//!
//! Pure: the book of tickets does it.

use firegrid_wire::names::{FullPointId, PointId};
use firegrid_wire::time::Millis;

use crate::decision::Subject;

/// How long after its cause is calm an effect may take to heal before it is a ticket of its own.
/// A device that answers again has read all its points within seconds, and each proves its calm
/// with its next polls.
pub const PATIENCE: Millis = Millis::seconds(120);

/// The point that every device has for itself.
const COMM: &str = "/comm";

/// Whether what is wrong with `effect` can come of what is wrong with `cause`: all of a gateway,
/// all of the device whose `comm` it is (and `comm` itself), and what is named below a loop's point
/// (`facp1/L1` covers `facp1/L1D017` and not `facp1/L17`).
pub fn covers(cause: &Subject, effect: &Subject) -> bool {
    match (cause, effect) {
        (Subject::Gateway(gateway), Subject::Point(point)) => *gateway == point.gateway,
        (Subject::Point(cause), Subject::Point(effect)) => {
            cause.gateway == effect.gateway && is_below(&cause.point, &effect.point)
        }
        (Subject::Gateway(_) | Subject::Point(_), Subject::Gateway(_)) => false,
    }
}

/// Where something stands in the order of causes: the lower, the more it hides.
pub fn rank(subject: &Subject) -> u8 {
    match subject {
        Subject::Gateway(_) => 0,
        Subject::Point(FullPointId { point, .. }) if point.as_str().ends_with(COMM) => 1,
        Subject::Point(_) => 2,
    }
}

fn is_below(cause: &PointId, effect: &PointId) -> bool {
    // The same point under another rule: a device that does not answer is not faulty beside it.
    if cause == effect {
        return true;
    }
    let (cause, effect) = (cause.as_str(), effect.as_str());
    let device = cause.strip_suffix(COMM);
    if let Some(of_device) = device.and_then(|device| effect.strip_prefix(device)) {
        return of_device.starts_with('/');
    }
    let rest = effect.strip_prefix(cause);
    rest.is_some_and(|rest| rest.starts_with(|next: char| !next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use firegrid_wire::names::GatewayId;

    use super::*;

    fn subject(text: &str) -> Subject {
        match FullPointId::parse(text) {
            Ok(point) => Subject::Point(point),
            Err(_) => Subject::Gateway(GatewayId::parse(text).expect("a gateway")),
        }
    }

    #[track_caller]
    fn check(cause: &str, effect: &str, covered: bool) {
        assert_eq!(covers(&subject(cause), &subject(effect)), covered, "{cause} › {effect}");
    }

    #[test]
    fn a_gateway_covers_everything_of_its_own() {
        check("mall-01", "mall-01/facp1/comm", true);
        check("mall-01", "mall-01/facp1/L1D017", true);
        check("mall-01", "mall-02/facp1/comm", false);
        check("mall-01", "mall-01", false);
    }

    #[test]
    fn a_device_that_does_not_answer_covers_its_points() {
        check("mall-01/facp1/comm", "mall-01/facp1/L1D017", true);
        check("mall-01/facp1/comm", "mall-01/facp10/L1D017", false);
        check("mall-01/facp1/comm", "mall-01/facp1/comm", true);
        check("mall-01/facp1/comm", "mall-01", false);
    }

    #[test]
    fn a_loop_covers_the_points_that_are_named_below_it() {
        check("mall-01/facp1/L1", "mall-01/facp1/L1D017", true);
        check("mall-01/facp1/L1", "mall-01/facp1/L17", false);
        check("mall-01/facp1/L1D017", "mall-01/facp1/L1D018", false);
    }

    #[test]
    fn the_higher_cause_comes_first() {
        let ranks =
            ["mall-01", "mall-01/facp1/comm", "mall-01/facp1/L1"].map(|it| rank(&subject(it)));
        assert!(ranks.is_sorted());
    }
}
