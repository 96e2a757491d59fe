//! Random events in the lives of random machines: after each, the library and a model that counts everything anew agree.
//!
//! ```text
//! cargo test -p physmem-machine --test life
//! crates/machine/tests/life/long.sh EVENTS [SEED]         more of them, with all processors
//! LIFE_SEED=4711 cargo test -p physmem-machine --test life    one life again
//! ```
//!
//! What is compared, after each event: the text of /proc/iomem, every memory block with its state, node and
//! `valid_zones`, the span and size of every zone, /sys/firmware/memmap, memblock's regions with their flags, the settings,
//! what each device has plugged and where it is online, and whether the loaded images are stale. Events are written as
//! words, read, and written again.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The numbers here are small, and chosen by the tests.
#![allow(clippy::cast_possible_truncation)]
// Independent facts.
#![allow(clippy::struct_excessive_bools)]
// Plain words before speed.
#![allow(clippy::format_push_string, clippy::option_map_unit_fn, clippy::needless_pass_by_value)]

mod compare;
mod events;
mod happen;
mod lives;
mod machines;
mod model;
mod random;
mod zones;
