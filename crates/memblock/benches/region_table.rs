//! The region table and a flat sorted array (binary search, then memmove), measured in one run.
//!
//! `cargo bench -p physmem-memblock`: nanoseconds per operation, the minimum of several runs, and how many
//! times faster the table is.

// A benchmark may panic, these counts are exact as `f64`, and one-line passes are easier to compare.
#![allow(clippy::expect_used, clippy::cast_precision_loss, clippy::needless_for_each)]

use std::hint::black_box;
use std::time::Instant;

use memblock::{Chunk, PhysRange, Region, RegionFlags, RegionTable, ranges};

const SIZES: [usize; 5] = [16, 128, 1024, 10_240, 102_400];
const STRIDE: u64 = 0x4000;
const SIZE: u64 = 0x1000;

fn region(number: usize) -> Region {
    Region::plain(PhysRange::from_size((number as u64 + 1) * STRIDE, SIZE).expect("in range"))
}

/// The numbers below `n` in a fixed pseudo-random order.
fn shuffled(n: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..n).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for upper in (1..n).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        numbers.swap(upper, usize::try_from(state % (upper as u64 + 1)).expect("small"));
    }
    numbers
}

/// Part of a region, a different one in each turn.
fn middle(number: usize, turn: usize) -> PhysRange {
    let start = region(number).range.start() + 0x40 * (turn as u64 % 40);
    PhysRange::from_size(start + 0x40, 0x400).expect("in range")
}

fn chunks(n: usize) -> Vec<Chunk> {
    vec![Chunk::EMPTY; n / 24 + 16]
}

fn filled<'m>(storage: &'m mut [Chunk], numbers: &[usize]) -> RegionTable<'m> {
    let mut table = RegionTable::new();
    table.grow(storage).expect("first slab");
    for number in numbers {
        table.add(region(*number)).expect("room");
    }
    table
}

/// The baseline: a flat array with binary search.
#[derive(Clone, Default)]
struct Flat(Vec<Region>);

impl Flat {
    fn find(&self, address: u64) -> usize {
        self.0.partition_point(|region| region.range.end() <= address)
    }

    fn add(&mut self, region: Region) {
        let at = self.find(region.range.start());
        let joins_below = at > 0 && self.0[at - 1].merges_with(&region);
        let joins_above = self.0.get(at).is_some_and(|above| region.merges_with(above));
        assert!(!joins_below && !joins_above);
        self.0.insert(at, region);
    }

    fn last_gap(&self, size: u64) -> Option<u64> {
        let mut upper = u64::MAX;
        for region in self.0.iter().rev() {
            if upper != u64::MAX && upper - region.range.end() >= size {
                return Some(region.range.end());
            }
            upper = region.range.start();
        }
        (upper >= size).then(|| upper - size)
    }
}

/// Nanoseconds per operation: the minimum of several runs of `work`, which does `count` operations. Short
/// work is repeated inside a run, so that reading the clock does not matter.
fn time(count: usize, mut work: impl FnMut()) -> f64 {
    let (runs, repeats) = if count > 50_000 { (3, 1) } else { (15, 20_000 / count + 1) };
    let run = |_| {
        let start = Instant::now();
        (0..repeats).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / (count * repeats) as f64
    };
    (0..runs).map(run).fold(f64::MAX, f64::min)
}

/// Like [`time`], for work that consumes what `make` returns.
fn time_on<T>(count: usize, mut make: impl FnMut() -> T, mut work: impl FnMut(&mut T)) -> f64 {
    let run = |_| {
        let mut state = make();
        let start = Instant::now();
        work(&mut state);
        let elapsed = start.elapsed().as_secs_f64();
        black_box(&mut state);
        elapsed * 1e9 / count as f64
    };
    let runs = if count > 50_000 { 3 } else { 50 };
    (0..runs).map(run).fold(f64::MAX, f64::min)
}

fn report(name: &str, n: usize, table: f64, flat: f64) {
    println!("{name:<16} {n:>7} {table:>10.1} {flat:>12.1} {:>9.1}x", flat / table);
}

fn main() {
    println!("{:<16} {:>7} {:>10} {:>12} {:>10}", "operation", "regions", "table ns", "flat ns", "ratio");
    for n in SIZES {
        measure(n);
    }
    bulk(1_000_000);
    memory(102_400);
}

fn measure(n: usize) {
    let (sorted, random) = ((0..n).collect::<Vec<_>>(), shuffled(n));
    building(n, "add sorted", &sorted);
    building(n, "add random", &random);
    reading(n, &random);
    changing(n, &random);
}

fn building(n: usize, name: &str, order: &[usize]) {
    let mut storage = chunks(n);
    let mut table = filled(&mut storage, &[]);
    let of_table = time(n, || {
        table.clear();
        order.iter().for_each(|number| assert_eq!(table.add(region(*number)).expect("room"), SIZE));
    });
    let mut flat = Flat(Vec::with_capacity(n));
    let of_flat = time(n, || {
        flat.0.clear();
        order.iter().for_each(|number| flat.add(region(*number)));
    });
    report(name, n, of_table, of_flat);
}

fn reading(n: usize, random: &[usize]) {
    let mut storage = chunks(n);
    let table = filled(&mut storage, random);
    let flat = Flat((0..n).map(region).collect());
    let addresses: Vec<u64> = random.iter().map(|number| region(*number).range.start() + 8).collect();
    let of_table = time(n, || addresses.iter().for_each(|address| assert!(table.contains(*address))));
    let of_flat = time(n, || {
        addresses.iter().for_each(|address| assert!(flat.0[flat.find(*address)].range.start() <= *address));
    });
    report("lookup", n, of_table, of_flat);

    let of_table = time(n, || {
        table.iter().for_each(|region| assert!(black_box(region).range.end() > 0));
    });
    let of_flat = time(n, || {
        flat.0.iter().for_each(|region| assert!(black_box(*region).range.end() > 0));
    });
    report("iterate", n, of_table, of_flat);

    let mut memory = RegionTable::new();
    let all = PhysRange::new(0, (n as u64) * STRIDE).expect("not empty");
    memory.add(Region::plain(all)).expect("room");
    let of_table = time(n, || {
        ranges::difference(memory.iter(), table.iter())
            .for_each(|piece| assert!(black_box(piece).range.end() > 0));
    });
    println!("{:<16} {n:>7} {of_table:>10.1}   (memory minus reserved, per range)", "iterate free");

    // Only the gap below the first region has 16 KiB; all others have 12 KiB.
    let of_table = time(1, || assert!(table.last_gap(black_box(all), STRIDE).is_some()));
    let of_flat = time(200, || assert!(black_box(&flat).last_gap(STRIDE).is_some())) * 200.0;
    report("find worst gap", n, of_table, of_flat);

    let beyond = PhysRange::from_size((n as u64 + 5) * STRIDE, SIZE).expect("in range");
    let of_table = time(1, || assert!(!table.overlaps(black_box(beyond))));
    let of_flat = time(1, || assert!(flat.find(black_box(beyond).start()) == n));
    report("overlap missed", n, of_table, of_flat);
}

fn changing(n: usize, random: &[usize]) {
    let flat = Flat((0..n).map(region).collect());
    let mut storage = chunks(n);
    let mut table = filled(&mut storage, random);
    let regions: Vec<Region> = (0..n).map(region).collect();
    let of_table = time_on(
        n,
        || (),
        |()| {
            random.iter().for_each(|number| {
                table.remove(region(*number).range).expect("no memory needed");
            });
            table.add_all(regions.iter().copied()).expect("room");
        },
    );
    let of_flat = time_on(
        n,
        || flat.clone(),
        |flat| {
            random.iter().for_each(|number| {
                let at = flat.find(region(*number).range.start());
                flat.0.remove(at);
            });
        },
    );
    report("remove + rebuild", n, of_table, of_flat);

    let mut storage = chunks(3 * n + 4000);
    let mut table = filled(&mut storage, random);
    let marks: Vec<PhysRange> = (0..2000).map(|turn| middle(random[turn % n], turn)).collect();
    let start = Instant::now();
    for range in &marks {
        table.set_flags(*range, RegionFlags::HOTPLUG).expect("room");
    }
    let of_table = start.elapsed().as_secs_f64() * 1e9 / 2000.0;
    println!("{:<16} {n:>7} {of_table:>10.1}   (2000 sub-ranges of random regions)", "mark");
}

fn bulk(n: usize) {
    let unsorted: Vec<Region> = shuffled(n).into_iter().map(region).collect();
    let sort = time_on(
        n,
        || unsorted.clone(),
        |all| {
            all.sort_unstable_by_key(|region| region.range.start());
        },
    );
    let mut storage = chunks(n);
    let mut table = filled(&mut storage, &[]);
    let build = time_on(
        n,
        || unsorted.clone(),
        |all| {
            all.sort_unstable_by_key(|region| region.range.start());
            table.clear();
            table.add_all(all.iter().copied()).expect("room");
        },
    );
    println!("bulk build of {n}: {build:.1} ns per region, of which sorting {sort:.1}");
}

fn memory(n: usize) {
    for (name, order) in [("ascending", (0..n).collect::<Vec<_>>()), ("random", shuffled(n))] {
        let mut storage = chunks(n);
        let table = filled(&mut storage, &order);
        let used = (table.chunks() - table.vacant_chunks()) * size_of::<Chunk>() + size_of_val(&table);
        println!("memory, {n} regions added in {name} order: {:.1} bytes per region", used as f64 / n as f64);
    }
    println!("an empty table: {} bytes, room for 64 regions inside", size_of::<RegionTable<'_>>());
}
