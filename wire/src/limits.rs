//! The limits of the contract, each with its reason. They stand here once.

/// A gateway cuts its batches at this many bytes: small enough that a live fire never
/// waits behind a long pack on a slow link (8 KiB is about 1 s at 64 kbit/s).
pub const BATCH_BYTES: usize = 8 * 1024;

/// Every receiver takes messages up to this many bytes, and no sender sends longer ones.
pub const MESSAGE_BYTES: usize = 64 * 1024;

/// A catalogue has at most so many pages: at 64 KiB each they describe some 100,000 points, and
/// bound what a centre keeps of a gateway that it does not trust.
pub const CATALOGUE_PAGES: u32 = 256;

/// At most this many fire-class points are listed in a regular beat; the count tells the rest.
pub const BEAT_ALARMS: usize = 200;

/// At most this many fire-class points are listed in the beat that is sent at once on a change.
pub const IMMEDIATE_BEAT_ALARMS: usize = 20;

/// A heartbeat is sent this often, in milliseconds.
pub const BEAT_EVERY_MS: u64 = 10_000;

/// Messages that are not retained expire at the broker after this many seconds:
/// the spool is the only queue.
pub const MESSAGE_EXPIRY_S: u32 = 30;

/// A sent batch without a receipt is sent again after this many milliseconds.
pub const RECEIPT_PATIENCE_MS: u64 = 5_000;

/// The wall clock may be off by this many milliseconds before a new span begins.
pub const CLOCK_STEP_MS: i64 = 5_000;

/// A discrete point that changes more often than this in a minute is bounded at the source.
pub const CHANGES_PER_MINUTE: u32 = 10;

/// A point not seen for this long is blind, or for three periods of its lane if that is longer.
pub const BLIND_AFTER_MS: u64 = 30_000;

/// The longest name of a region, gateway, device or point, in bytes.
pub const NAME_BYTES: usize = 48;
