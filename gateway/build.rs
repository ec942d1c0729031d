//! Tells the program when it was built, as whole seconds since 1970.
//!
//! No box was ever started before its program was built: a clock that says otherwise has lost
//! its battery. `SOURCE_DATE_EPOCH` makes the build reproducible.

use std::time::UNIX_EPOCH;

fn main() {
    let now = || UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=FIREGRID_BUILT_AT={}", given.unwrap_or_else(now));
}
