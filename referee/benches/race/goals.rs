//! How many times faster than Linux each operation should be.

/// The goal for an operation among `n` regions, if there is one.
pub(crate) fn goal(operation: &str, n: usize) -> Option<f64> {
    match (operation, n) {
        ("is_memory" | "iterate_free_per_range", _) | (_, 16) => Some(1.0),
        ("add_sorted" | "find_worst_last_hole", 1024) => Some(20.0),
        ("add_random" | "reserve_random" | "remove_punch_random" | "phys_free_random", 1024) => Some(8.0),
        ("add_sorted" | "find_worst_last_hole", 10_240) => Some(200.0),
        (
            "add_random"
            | "reserve_random"
            | "remove_punch_random"
            | "phys_free_random"
            | "alloc_fragmenting"
            | "is_region_reserved_miss_high"
            | "mark_hotplug_subrange",
            10_240,
        ) => Some(50.0),
        ("add_sorted" | "find_worst_last_hole", 102_400) => Some(1500.0),
        ("add_random" | "reserve_random" | "remove_punch_random" | "phys_free_random", 102_400) => {
            Some(400.0)
        }
        _ => None,
    }
}

/// Bytes of storage for each region, at most.
pub(crate) const BYTES_PER_REGION: f64 = 40.0;
/// Building a table of unsorted regions in one call takes at most this many times as long as sorting them.
pub(crate) const BULK_BUILD: f64 = 3.0;
