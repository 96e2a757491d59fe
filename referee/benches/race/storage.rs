//! Building a large table in one call, and the memory a table takes.

use fastrand::Rng;
use memblock::{Chunk, PhysRange, Region, RegionTable};

use crate::clock::{median, time};
use crate::goals::{BULK_BUILD, BYTES_PER_REGION};

fn region(number: usize) -> Region {
    Region::plain(PhysRange::from_size((number as u64 + 1) * 0x4000, 0x2000).expect("in range"))
}

fn shuffled(n: usize) -> Vec<Region> {
    let mut regions: Vec<Region> = (0..n).map(region).collect();
    Rng::with_seed(1).shuffle(&mut regions);
    regions
}

/// A million unordered regions in one table, compared with the time for sorting alone.
#[allow(clippy::cast_precision_loss)] // Counts are far below 2^52.
pub(crate) fn bulk_build() {
    const N: usize = 1_000_000;
    let unsorted = shuffled(N);
    let mut chunks = vec![Chunk::EMPTY; N / 24 + 16];
    let (mut sorts, mut builds) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let mut regions = unsorted.clone();
        sorts.push(time(|| regions.sort_unstable_by_key(|region| region.range.start())));

        let mut regions = unsorted.clone();
        let mut table = RegionTable::new();
        table.grow(&mut chunks).expect("first slab");
        builds.push(time(|| table.add_unsorted(&mut regions).expect("room")));
        assert_eq!(table.len(), N);
    }
    let [sort, build] = [sorts, builds].map(|times| median(times) / N as f64);
    let ratio = build / sort;
    let met = if ratio <= BULK_BUILD { "met" } else { "MISSED" };
    println!(
        "bulk_build of {N}: {build:.1} ns per region, of which sorting {sort:.1}: {ratio:.2} times as long, \
         goal {BULK_BUILD} {met}"
    );
}

/// Storage used per region.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn bytes_per_region() {
    const N: usize = 102_400;
    for (name, regions) in [("ascending", (0..N).map(region).collect()), ("random", shuffled(N))] {
        let mut chunks = vec![Chunk::EMPTY; N / 24 + 16];
        let mut table = RegionTable::new();
        table.grow(&mut chunks).expect("first slab");
        for region in regions {
            table.add(region).expect("room");
        }
        let used = (table.chunks() - table.vacant_chunks()) * size_of::<Chunk>() + size_of_val(&table);
        let each = used as f64 / N as f64;
        let met = if each <= BYTES_PER_REGION { "met" } else { "MISSED" };
        println!("bytes_per_region, {N} added in {name} order: {each:.1}, goal {BYTES_PER_REGION} {met}");
    }
}
