//! The judge: what is admitted is judged and committed in one go, and only then receipted.
//!
//! Read it in this order: [`events`] (what can wake the runner), [`runner`] (the loop),
//! [`judgement`], [`arrivals`] and [`findings`] (what becomes of what arrives), [`changes`] and [`scribe`] (the commit),
//! [`receipts`], [`answers`], [`door`] and [`alert`] (what is said to whom), [`inbox`] (the way into the
//! series store).

pub mod alert;
pub mod answers;
pub mod arrivals;
pub mod changes;
pub mod door;
pub mod events;
pub mod findings;
pub mod gateway;
pub mod inbox;
pub mod judgement;
pub mod receipts;
pub mod runner;
pub mod scribe;

#[cfg(test)]
mod tests;
