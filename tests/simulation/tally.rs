//! What the runs really contained, so that nobody takes a simulation in which nothing happened
//! for a proof.

use std::collections::BTreeMap;
use std::fmt;

/// How often something happened in one run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Seen(BTreeMap<String, u64>);

impl Seen {
    /// It happened so often.
    pub(crate) fn count(&mut self, what: impl Into<String>, often: usize) {
        if 0 < often {
            *self.0.entry(what.into()).or_default() += often as u64;
        }
    }
}

/// What happened in many runs: in how many of them, and how often in all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    runs: u64,
    seen: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    /// One more run.
    pub(crate) fn add(&mut self, run: &Seen) {
        self.runs += 1;
        for (what, often) in &run.0 {
            let (runs, all) = self.seen.entry(what.clone()).or_default();
            *runs += 1;
            *all += often;
        }
    }

    /// Those of these that never happened.
    pub(crate) fn missing(&self, of: &[&'static str]) -> Vec<&'static str> {
        of.iter().copied().filter(|what| !self.seen.contains_key(*what)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32} {:>7} {:>10}", format!("of {} seeds", self.runs), "seeds", "times")?;
        for (what, (runs, all)) in &self.seen {
            writeln!(f, "{what:<32} {runs:>7} {all:>10}")?;
        }
        Ok(())
    }
}
