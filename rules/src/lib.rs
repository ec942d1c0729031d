//! The judgement: readings in, decisions with reasons out.
//!
//! Pure: it knows nothing of files, networks, databases and clocks. Time is an argument, the
//! next deadline an answer; the same inputs in the same order give the same decisions.
