//! The judgement: readings in, decisions with reasons out.
//!
//! Pure: it knows nothing of files, networks, databases and clocks. Time is an argument, the
//! next deadline an answer; the same inputs in the same order give the same decisions.
//!
//! Read it in this order:
//!
//! 1. [`rulebook`], [`condition`], [`beside`] — what is judged, what a condition says of a reading,
//!    and which other points a rule looks at
//! 2. [`phase`], [`window`], [`sight`] — what time does to a condition, and what silence means
//! 3. [`decision`], [`engine`] — readings, beats and silence in, decisions out
//! 4. [`alarm`], [`incident`], [`ticket`], [`folding`], [`lifecycle`] — what people do with a
//!    decision, and which of them belong together
//! 5. [`routing`], [`escalation`] — whose job it is, and whose next
//! 6. [`scenario`] — how a rule's author proves what it does

pub mod alarm;
pub mod beside;
pub mod condition;
pub mod decision;
pub mod engine;
pub mod escalation;
pub mod folding;
pub mod incident;
pub mod lifecycle;
pub mod phase;
pub mod routing;
pub mod rulebook;
pub mod scenario;
pub mod sight;
pub mod ticket;
pub mod window;
pub mod word;
