//! A new migration is embedded even if no source has changed.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
