//! The spool keeps its word: random `kill -9` moments of its writer on real files, and random
//! power cuts on a simulated disk. `make kill-test` does 2,000 of each, `KILLS=n` any number.
#![expect(clippy::print_stdout, reason = "a seed and what was counted belong to a test's output")]

mod killed;
mod power;

/// How many kills and how many power cuts there are.
fn kills() -> usize {
    std::env::var("KILLS").map_or(100, |kills| kills.parse().expect("KILLS is a number"))
}

/// The seed of this run, printed so that it can be given again.
fn seed() -> u64 {
    let seed = std::env::var("FIREGRID_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("FIREGRID_SEED={seed}");
    seed
}
