//! The judge: what is admitted is judged and committed in one go, and only then receipted.
//!
//! Read it in this order: [`events`] (what can wake the runner), [`runner`] (the loop),
//! [`judgement`], [`arrivals`], [`findings`] and [`vouched`] (what becomes of what arrives), [`changes`], [`scribe`] and
//! [`sweep`] (the commit, and what happens between two), [`receipts`], [`answers`], [`door`] and [`alert`] (what is said
//! to whom), [`inbox`] (the way into the
//! series store).

pub mod alert;
pub mod answers;
pub mod arrivals;
pub mod changes;
mod deeds;
pub mod door;
pub mod events;
pub mod findings;
pub mod gateway;
pub mod inbox;
pub mod judgement;
pub mod receipts;
mod registry;
pub mod runner;
pub mod scribe;
pub mod sweep;
pub mod vouched;

#[cfg(test)]
mod tests;
