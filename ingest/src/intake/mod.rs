//! The intake: messages off the broker, and the decision what each of them is.

pub mod admission;
pub mod identity;
pub mod subscriber;
pub mod wish;
