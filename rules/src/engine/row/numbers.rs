//! The numbers of a lane, many to a row.
//!
//! A routine lane tells a number of every point every few seconds, and on nearly all of them
//! nothing is found. A row for each would be most of what the centre writes. So what these points
//! said is written lane by lane: one row with all of them, the **ground**, and after it numbered
//! rows with what has changed since, the **layers**. Together they say exactly what a row for
//! each would. When the layers weigh as much as the ground, a new ground is laid.
//!
//! A layer belongs to its ground's generation; one of an earlier generation stands in a slot that
//! was not written again yet, and says nothing. A point on which anything is found, or that says
//! anything but a number, has a row of its own, and that one counts.
//!
//! ```text
//!   row:   form u8, generation u64, then entries to the end
//!   entry: place u32, flags u8, order u32, stamp u32, source u64, time i64, number f64,
//!          quality u8, unit (length u8, text), and if the place was not named before in this
//!          generation its point (length u8, text)
//! ```

use std::collections::BTreeMap;

use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::Lane;
use firegrid_wire::time::GatewayTime;

use crate::condition::{Evidence, Said};
use crate::engine::StateKey;
use crate::engine::lane::LaneState;
use crate::engine::point::{Point, Read};

/// What the last part of the key of such a row begins with. No device's name begins with `@`.
const KEY: &str = "@numbers/";

/// The slot of the ground.
const GROUND: u32 = 0;

/// The form of the rows.
const FORM: u8 = 1;

/// Layers weigh at least this much before a new ground is laid.
const LEAST_BYTES: usize = 32 * 1024;

/// Layers on one ground, so that a restart reads few.
const MOST_LAYERS: u32 = 512;

const NUMBERED: u8 = 1;
const BY_WORDS: u8 = 2;
const NAMED: u8 = 4;

/// What of a lane's numbers is written.
#[derive(Debug, Default)]
pub(in crate::engine) struct Numbers {
    /// The generation of the last ground that was ever laid; zero: none was.
    generation: u64,
    /// The ground that this process has laid; none: it has not yet.
    laid: Option<Laid>,
}

#[derive(Debug)]
struct Laid {
    ground_bytes: usize,
    layer_bytes: usize,
    layers: u32,
    /// The places that have a name in the ground or a layer.
    named: Vec<bool>,
}

/// Whether a point's memory can stand among the numbers of its lane.
pub(super) fn is_plain(lane: Lane, point: &Point) -> bool {
    let is_number =
        point.evidence().is_some_and(|evidence| matches!(evidence.said, Said::Number(..)));
    lane == Lane::Routine && is_number && !point.comm && point.is_bare()
}

/// The rest of a key, if it is one of these.
pub(super) fn slot(rest: &str) -> Option<&str> {
    rest.strip_prefix(KEY)
}

/// The key of a row.
pub(super) fn key(gateway: &GatewayId, lane: Lane, slot: u32) -> StateKey {
    StateKey(format!("{gateway}/{lane}/{KEY}{slot}"))
}

/// Writes the numbers at these places; `removed`: some point that may stand in a row is gone.
pub(super) fn write(
    gateway: &GatewayId,
    lane: &mut LaneState,
    changed: &[u32],
    removed: bool,
    rows: &mut Vec<(StateKey, Option<Vec<u8>>)>,
) {
    if changed.is_empty() && !(removed && lane.numbers.generation != 0) {
        return;
    }
    let LaneState { numbers, points, names, lane: name, .. } = lane;
    let lane_name = *name;
    let key = |slot: u32| key(gateway, lane_name, slot);
    let is_full = |laid: &Laid| {
        laid.ground_bytes.max(LEAST_BYTES) <= laid.layer_bytes || MOST_LAYERS <= laid.layers
    };
    if let Some(laid) = numbers.laid.as_mut().filter(|laid| !removed && !is_full(laid)) {
        let mut body = head(numbers.generation);
        for place in changed {
            let Some(point) = points.get(*place as usize).and_then(Option::as_ref) else {
                continue;
            };
            let known = laid.named.get(*place as usize).copied().unwrap_or_default();
            let id = if known { None } else { names.name(*place) };
            entry(*place, point, id.as_ref(), &mut body);
            laid.name(*place);
        }
        laid.layers += 1;
        laid.layer_bytes += body.len();
        rows.push((key(laid.layers), Some(body)));
        return;
    }
    numbers.generation += 1;
    let mut body = head(numbers.generation);
    let mut laid = Laid { ground_bytes: 0, layer_bytes: 0, layers: 0, named: Vec::new() };
    for (place, point) in (0..).zip(points.iter()) {
        if let Some(point) = point.as_ref().filter(|point| !point.has_own_row())
            && is_plain(lane_name, point)
            && let Some(id) = names.name(place)
        {
            entry(place, point, Some(&id), &mut body);
            laid.name(place);
        }
    }
    laid.ground_bytes = body.len();
    numbers.laid = Some(laid);
    rows.push((key(GROUND), Some(body)));
}

impl Laid {
    fn name(&mut self, place: u32) {
        let place = place as usize;
        if self.named.len() <= place {
            self.named.resize(place + 1, false);
        }
        self.named[place] = true;
    }
}

fn head(generation: u64) -> Vec<u8> {
    let mut body = vec![FORM];
    body.extend(generation.to_le_bytes());
    body
}

fn entry(place: u32, point: &Point, id: Option<&PointId>, to: &mut Vec<u8>) {
    let Some(Evidence { said: Said::Number(number, unit), quality }) = point.evidence() else {
        return;
    };
    let mut flags = 0;
    flags |= if point.is_numbered() { NUMBERED } else { 0 };
    flags |= if point.read == Read::ByWords { BY_WORDS } else { 0 };
    flags |= if id.is_some() { NAMED } else { 0 };
    to.extend(place.to_le_bytes());
    to.push(flags);
    to.extend(point.order.to_le_bytes());
    to.extend(point.stamp.to_le_bytes());
    to.extend(point.source.to_le_bytes());
    to.extend(point.time.millis().to_le_bytes());
    to.extend(number.to_le_bytes());
    to.push(quality.code());
    text(unit.as_str(), to);
    if let Some(id) = id {
        text(id.as_str(), to);
    }
}

/// A name or unit is far shorter than 256 bytes.
fn text(text: &str, to: &mut Vec<u8>) {
    to.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    to.extend(text.as_bytes());
}

/// The rows of one lane as they were stored, by slot.
#[derive(Debug, Default)]
pub(super) struct Stored(BTreeMap<u32, Vec<u8>>);

/// What a row says of one point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) id: PointId,
    pub(super) evidence: Evidence,
    pub(super) time: GatewayTime,
    pub(super) order: u32,
    pub(super) stamp: u32,
    pub(super) source: u64,
    pub(super) read: Read,
}

impl Stored {
    pub(super) fn take(&mut self, slot: &str, row: Vec<u8>) -> Result<(), String> {
        let slot = slot.parse().map_err(|_| format!("{slot:?} is no slot"))?;
        self.0.insert(slot, row);
        Ok(())
    }

    /// What the ground and its layers say together, and that the lane goes on behind them. The
    /// slot of a row that cannot be read is told with what is wrong.
    pub(super) fn told(&self, numbers: &mut Numbers) -> Result<Vec<Told>, (u32, String)> {
        let mut told: BTreeMap<u32, Told> = BTreeMap::new();
        for (slot, row) in &self.0 {
            let cut = || (*slot, "it is cut short or of another form".to_owned());
            let mut bytes = Bytes(row);
            if bytes.one() != Some(FORM) {
                return Err(cut());
            }
            let generation = bytes.u64().ok_or_else(cut)?;
            match (*slot, numbers.generation) {
                (GROUND, _) => numbers.generation = generation,
                (_, 0) => return Err((*slot, "it has no ground to stand on".to_owned())),
                (_, known) if known != generation => continue,
                (_, _) => {}
            }
            while !bytes.0.is_empty() {
                bytes.entry(&mut told).ok_or_else(cut)?;
            }
        }
        Ok(told.into_values().collect())
    }
}

/// What is left of a row.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn entry(&mut self, told: &mut BTreeMap<u32, Told>) -> Option<()> {
        let place = self.u32()?;
        let flags = self.one()?;
        let (order, stamp) = (self.u32()?, self.u32()?);
        let source = self.u64()?;
        let time = GatewayTime::from_millis(self.u64()?.cast_signed());
        let number = f64::from_bits(self.u64()?);
        let code = self.one()?;
        let quality = Quality::from_code(code)?;
        let unit: Unit = self.text()?.parse().ok()?;
        let id = match flags & NAMED {
            0 => told.get(&place)?.id.clone(),
            _ => PointId::parse(self.text()?).ok()?,
        };
        let read = match (flags & NUMBERED, flags & BY_WORDS) {
            (0, _) => Read::Never,
            (_, 0) => Read::ByCatalogue,
            (_, _) => Read::ByWords,
        };
        let evidence = Evidence { said: Said::Number(number, unit), quality };
        told.insert(place, Told { id, evidence, time, order, stamp, source, read });
        Some(())
    }

    fn one(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&str> {
        let length = usize::from(self.one()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}
