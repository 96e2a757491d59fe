//! The tables in readable form.

use alloc::collections::BTreeMap;

use memblock::Memblock;

use crate::serial::say;
use crate::size::Size;

/// Prints the tables as in `/sys/kernel/debug/memblock`, and then the owner of each reservation.
pub(crate) fn tables(memblock: &Memblock<'_>) {
    say!("memblock.memory:\n{}", memblock.memory());
    say!("memblock.reserved:\n{}", memblock.reserved());
    for owned in memblock.reserved_owners() {
        say!("reserved: {} for {}", owned.region.range, owned.owner.unwrap_or("somebody"));
    }
}

/// Prints how much is reserved for each owner. The sums are on the heap: the boot is over.
pub(crate) fn owners(memblock: &Memblock<'_>) {
    let mut sums = BTreeMap::<&str, u64>::new();
    for owned in memblock.reserved_owners() {
        *sums.entry(owned.owner.unwrap_or("somebody")).or_default() += owned.region.range.size();
    }
    for (owner, size) in sums {
        say!("kept: {} for {owner}", Size(size));
    }
}
