//! Nothing is lost and nothing doubled, whatever dies.
fn main() {}
