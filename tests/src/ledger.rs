//! What a lane of the spool was given and what it has promised, kept outside of it.
//!
//! After every kill and every power cut the lane is opened again and compared: everything told
//! durable is there, nothing is there that was not given, names and order are whole, and what
//! was not receipted is sent again.

use std::collections::{HashMap, HashSet};

use firegrid_gateway::recorder::Batch;
use firegrid_gateway::spool::{Entry, MarkerLabels};
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::GatewayId;
use firegrid_wire::pack;
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::time::GatewayTime;

/// One lane's books.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Every name that was given, in order.
    given: Vec<BatchName>,
    places: HashMap<BatchName, usize>,
    /// So many of them are durable.
    durable: usize,
    /// So many of them are receipted.
    receipted: usize,
    /// So many of them the lane does not hand out any more. Fewer than are receipted if a
    /// receipt was not written down before a kill; it may still turn up after the next one.
    behind: usize,
    /// Which of them a torn disk has lost before they were durable, though what followed them
    /// survived: a marker stands for them.
    lost: HashSet<BatchName>,
}

impl Ledger {
    /// The lane is about to be given this batch.
    pub fn gives(&mut self, name: BatchName) {
        self.places.insert(name, self.given.len());
        self.given.push(name);
    }

    /// The lane has told that everything up to this name is durable.
    ///
    /// # Errors
    /// If nobody ever gave it that name.
    pub fn told_durable(&mut self, name: Option<BatchName>) -> Result<(), String> {
        self.durable = self.durable.max(self.count(name)?);
        Ok(())
    }

    /// The lane is about to be told that everything up to this name is receipted.
    ///
    /// # Errors
    /// If nobody ever gave it that name.
    pub fn receipts(&mut self, name: BatchName) -> Result<(), String> {
        let count = self.count(Some(name))?;
        self.receipted = self.receipted.max(count);
        self.behind = self.behind.max(count);
        Ok(())
    }

    /// The last name that was given.
    pub fn last(&self) -> Option<BatchName> {
        self.given.last().copied()
    }

    /// A name that is durable and not receipted, or the last that is both. No centre ever
    /// receipts up to the middle of a marker.
    pub fn receiptable(&self, random: &mut fastrand::Rng) -> Option<BatchName> {
        let last = self.durable.checked_sub(1)?;
        let name = self.given[random.usize(self.behind.min(last)..=last)];
        (!self.lost.contains(&name)).then_some(name)
    }

    /// How many batches wait for a receipt.
    pub fn outstanding(&self) -> usize {
        self.given.len() - self.behind
    }

    /// A lane that runs hands out this from its receipt on; with that it calls it durable.
    ///
    /// # Errors
    /// What is missing, doubled or not as it was given.
    pub fn hands_out(&mut self, entries: &[Entry]) -> Result<(), String> {
        let (from, to) = self.stretch(entries)?.unwrap_or((self.behind, self.behind));
        if from != self.behind || to < self.durable {
            return Err(format!("handed out {from}..{to}, not {}..{}", self.behind, self.durable));
        }
        self.durable = to;
        Ok(())
    }

    /// The lane was opened again, its last name is `last`, and it hands out `entries`.
    /// Answers how many batches that nobody had been told of are gone.
    ///
    /// # Errors
    /// What is missing, invented, doubled or out of order.
    pub fn opened_again(
        &mut self,
        entries: &[Entry],
        last: Option<BatchName>,
    ) -> Result<usize, String> {
        let end = self.count(last)?;
        if end < self.durable {
            return Err(format!("{} batches were durable, {end} are there", self.durable));
        }
        let (from, to) = self.stretch(entries)?.unwrap_or((end, end));
        if to != end {
            return Err(format!("ends at {to}, its last name is number {end}"));
        }
        if self.receipted < from {
            return Err(format!("begins at {from}, receipted are {}", self.receipted));
        }
        let gone = self.given.split_off(end);
        for name in &gone {
            self.places.remove(name);
        }
        // A receipt may be written down late: then it is sent again, which does no harm.
        (self.durable, self.behind) = (end, from);
        Ok(gone.len())
    }

    /// From where to where entries reach, if there are any; each follows the one before.
    fn stretch(&mut self, entries: &[Entry]) -> Result<Option<(usize, usize)>, String> {
        let mut stretch = None;
        for entry in entries {
            let place = self.place(entry.name)?;
            let begin = match marker_of(entry) {
                Some(first) => {
                    // Where a whole span is gone the end of the one before it is not known; the
                    // marker then begins with the name that would have followed.
                    let before = name(first.span, first.seq.saturating_sub(1));
                    let begin = self.place(first).or_else(|wrong| {
                        self.place(before).map_or(Err(wrong), |place| Ok(place + 1))
                    })?;
                    self.loses(begin, place)?;
                    begin
                }
                None if entry.body == body_of(entry.name) => place,
                None => return Err(format!("{} does not hold what it was given", entry.name)),
            };
            stretch = match stretch {
                None => Some((begin, place + 1)),
                Some((from, to)) if to == begin => Some((from, place + 1)),
                Some((_, to)) => return Err(format!("{begin} stands behind {to}")),
            };
        }
        Ok(stretch)
    }

    /// A marker stands for these: none of them may have been durable.
    fn loses(&mut self, first: usize, last: usize) -> Result<(), String> {
        for place in first..=last {
            let name = self.given[place];
            if place < self.durable && !self.lost.contains(&name) {
                return Err(format!("a marker for {name}, which was durable"));
            }
            self.lost.insert(name);
        }
        Ok(())
    }

    fn place(&self, name: BatchName) -> Result<usize, String> {
        self.places.get(&name).copied().ok_or_else(|| format!("{name} was never given"))
    }

    fn count(&self, last: Option<BatchName>) -> Result<usize, String> {
        last.map_or(Ok(0), |name| self.place(name).map(|place| place + 1))
    }
}

/// The first name that a marker stands for; nothing for a batch.
fn marker_of(entry: &Entry) -> Option<BatchName> {
    pack::decode(&entry.body).ok()?.head.marker.map(|marker| marker.first)
}

/// A batch of a lane. `before_span` is the lane's last name before the batch's span.
pub fn batch_of(lane: Lane, name: BatchName, before_span: Option<BatchName>) -> Batch {
    let newest = Some(GatewayTime::from_millis(name.seq as i64));
    Batch { lane, name, before_span, newest, body: body_of(name) }
}

/// The bytes of a batch follow from its name alone: some are short, some fill a message.
pub fn body_of(name: BatchName) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(name.span.bits() ^ name.seq);
    let records = match random.u8(0..10) {
        0 => random.usize(50..150),
        _ => random.usize(1..8),
    };
    let mut body = format!(r#"[{{"span":"{}","seq":{}}}"#, name.span, name.seq);
    for record in 0..records {
        let value = random.u32(..);
        body.push_str(&format!(r#",{{"n":"riser1/pressure","t":{record},"u":"Pa","v":{value}}}"#));
    }
    body.push(']');
    body.into_bytes()
}

/// What the lane's markers carry.
pub fn labels(lane: Lane) -> MarkerLabels {
    MarkerLabels { gateway: gateway(), lane, catalogue: catalogue() }
}

/// More than any of these runs writes: nothing becomes a marker for want of room.
pub const QUOTA: u64 = 1 << 30;

/// Whose lanes they are.
pub fn gateway() -> GatewayId {
    GatewayId::parse("mall-01").expect("a gateway id")
}

/// Its catalogue.
pub fn catalogue() -> CatalogueHash {
    CatalogueHash::parse("0123456789abcdef").expect("a hash")
}

/// The name of a batch.
pub fn name(span: SpanId, seq: u64) -> BatchName {
    BatchName { span, seq }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(seq: u64) -> BatchName {
        name(SpanId::from_bits(7), seq)
    }

    fn entry(seq: u64) -> Entry {
        Entry { name: number(seq), body: body_of(number(seq)), newest: None }
    }

    /// Five batches are given, three told durable, one receipted; then these are found.
    #[track_caller]
    fn check(found: &[u64], last: Option<u64>, good: bool) {
        let mut ledger = Ledger::default();
        (1..=5).for_each(|seq| ledger.gives(number(seq)));
        ledger.told_durable(Some(number(3))).expect("it was given");
        ledger.receipts(number(1)).expect("it was given");
        let entries: Vec<Entry> = found.iter().map(|seq| entry(*seq)).collect();
        let answer = ledger.opened_again(&entries, last.map(number));
        assert_eq!(answer.is_ok(), good, "{answer:?}");
    }

    #[test]
    fn the_ledger_sees_what_is_lost_doubled_invented_and_out_of_order() {
        check(&[2, 3], Some(3), true);
        check(&[1, 2, 3, 4, 5], Some(5), true);
        check(&[2], Some(2), false);
        check(&[3], Some(3), false);
        check(&[2, 3, 5], Some(5), false);
        check(&[2, 3, 3], Some(3), false);
        check(&[3, 2], Some(3), false);
        check(&[2, 3, 4, 5, 6], Some(6), false);
        check(&[2, 3], Some(4), false);
        check(&[], None, false);
    }

    #[test]
    fn the_ledger_sees_a_changed_body() {
        let mut ledger = Ledger::default();
        ledger.gives(number(1));
        let changed = Entry { body: b"[]".to_vec(), ..entry(1) };
        assert!(ledger.opened_again(&[changed], Some(number(1))).is_err());
    }
}
