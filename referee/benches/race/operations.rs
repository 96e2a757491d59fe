//! The timed operations. Each returns nanoseconds per call, and does the same for both libraries.
//!
//! Regions of 8 KiB lie 8 KiB apart, so that none merge. Everything an operation needs is in the tables
//! before the clock starts.

use std::hint::black_box;

use fastrand::Rng;
use memblock::TableKind;
use referee::linux::RawRegion;

use crate::clock::{time, typical};
use crate::library::{Library, Tables, region};

const BASE: u64 = 0x1_0000_0000;
const STRIDE: u64 = 0x4000;
const SIZE: u64 = 0x2000;

const fn address(number: usize) -> u64 {
    BASE + number as u64 * STRIDE
}

/// All addresses of the regions, and 1 MiB on both sides.
fn everything(n: usize) -> [RawRegion; 1] {
    [region(BASE - 0x10_0000, n as u64 * STRIDE + 0x20_0000)]
}

fn regions(n: usize) -> Vec<RawRegion> {
    (0..n).map(|number| region(address(number), SIZE)).collect()
}

fn shuffled(n: usize, random: &mut Rng) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..n).collect();
    random.shuffle(&mut numbers);
    numbers
}

/// Nanoseconds for each of `calls`.
fn per_call(nanoseconds: f64, calls: usize) -> f64 {
    // Counts of calls are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let calls = calls as f64;
    nanoseconds / calls
}

/// How often to repeat `calls` calls in one run, to get at least 20,000 of them.
fn repeats(calls: usize) -> usize {
    if calls > 2000 { 1 } else { 20_000 / calls }
}

/// Free places that Linux requires in an array before it removes or marks anything.
const SPARE: usize = 2;

/// Builds something with `n` calls several times, each time from the same start and in a different order, and
/// checks that `table` then has `expected` regions.
fn build<L: Library>(
    library: &mut L,
    n: usize,
    random: &mut Rng,
    memory: &[RawRegion],
    (table, expected): (TableKind, usize),
    mut call: impl FnMut(&mut L::Tables<'_>, u64),
) -> f64 {
    let stretches: Vec<f64> = (0..repeats(n))
        .map(|_| {
            let order = shuffled(n, random);
            let mut tables = library.start(if memory.is_empty() { n } else { n + 1 + SPARE }, memory, &[]);
            let spent = time(|| order.iter().for_each(|number| call(&mut tables, address(*number))));
            assert_eq!(tables.len(table), expected);
            spent
        })
        .collect();
    per_call(typical(stretches), n)
}

pub(crate) fn add_random<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    build(library, n, random, &[], (TableKind::Memory, n), |tables, start| tables.add(start, SIZE))
}

pub(crate) fn add_sorted<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    let stretches: Vec<f64> = (0..repeats(n))
        .map(|_| {
            let mut tables = library.start(n, &[], &[]);
            let spent = time(|| (0..n).for_each(|number| tables.add(address(number), SIZE)));
            assert_eq!(tables.len(TableKind::Memory), n);
            spent
        })
        .collect();
    per_call(typical(stretches), n)
}

pub(crate) fn reserve_random<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    build(library, n, random, &[], (TableKind::Reserved, n), |tables, start| tables.reserve(start, SIZE))
}

/// Cuts holes into one region.
pub(crate) fn remove_punch_random<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    let all = everything(n);
    build(library, n, random, &all, (TableKind::Memory, n + 1), |tables, start| tables.remove(start, SIZE))
}

/// Frees whole regions, up to 128 of them, among `n`.
pub(crate) fn phys_free_random<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    let (freed, reserved) = ((n / 2).min(128), regions(n));
    let mut tables = library.start(n + SPARE, &everything(n), &reserved);
    let stretches: Vec<f64> = (0..repeats(freed).min(if n > 5000 { 4 } else { usize::MAX }))
        .map(|_| {
            let order = shuffled(n, random);
            let some = &order[..freed];
            let spent = time(|| some.iter().for_each(|number| tables.free(address(*number), SIZE)));
            assert_eq!(tables.len(TableKind::Reserved), n - freed);
            for number in some {
                tables.reserve(address(*number), SIZE);
            }
            spent
        })
        .collect();
    per_call(typical(stretches), freed)
}

pub(crate) fn is_memory<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    let mut tables = library.start(n + SPARE, &regions(n), &[]);
    let addresses: Vec<u64> = (0..4096).map(|_| random.u64(BASE..address(n))).collect();
    let mut found = 0;
    let spent = time(|| {
        for _ in 0..10 {
            found += addresses.iter().filter(|address| tables.is_memory(**address)).count();
        }
    });
    assert!(black_box(found) > 0);
    per_call(spent, 10 * addresses.len())
}

/// Marks 2000 parts of random regions. With few regions, most of them are already marked.
pub(crate) fn mark_hotplug_subrange<L: Library>(library: &mut L, n: usize, random: &mut Rng) -> f64 {
    const MARKS: usize = 2000;
    let mut tables = library.start(n + 2 * MARKS + SPARE, &regions(n), &[]);
    let parts: Vec<u64> = (0..MARKS).map(|_| address(random.usize(..n)) + 0x1000).collect();
    let spent = time(|| parts.iter().for_each(|start| tables.mark_hotplug(*start, 0x800)));
    assert!(tables.len(TableKind::Memory) > n);
    per_call(spent, MARKS)
}

/// A walk over memory minus reservations, per piece.
pub(crate) fn iterate_free_per_range<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    let mut tables = library.start(n + SPARE, &everything(n), &regions(n));
    let walks = if n > 10_000 { 5 } else { 100_000 / n };
    let spent = time(|| {
        for _ in 0..walks {
            black_box(tables.free_size());
        }
    });
    per_call(spent, walks * (n + 1))
}

/// Asks about a place above all reservations: Linux checks every reservation first.
pub(crate) fn is_region_reserved_miss_high<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    let mut tables = library.start(n + SPARE, &everything(n), &regions(n));
    let calls = if n > 50_000 { 100 } else { (10_000_000 / n).min(20_000) };
    let spent = time(|| {
        for _ in 0..calls {
            assert!(!tables.is_region_reserved(black_box(address(n - 1) + 0x3000), 8));
        }
    });
    per_call(spent, calls)
}

/// Looks for 64 KiB, which fit only in the lowest hole.
pub(crate) fn find_worst_last_hole<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    let mut tables = library.start(n + SPARE, &everything(n), &regions(n));
    tables.reserve(address(n - 1), 64 << 20);
    let calls = if n > 5000 { 200 } else { 2000 };
    let spent = time(|| {
        for _ in 0..calls {
            assert_eq!(tables.find(black_box(0x1_0000), 0x1000), BASE - 0x1_0000);
        }
    });
    per_call(spent, calls)
}

/// Allocates 64 KiB in the lowest hole and frees them.
pub(crate) fn alloc_free_worst_last_hole<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    let mut tables = library.start(n + SPARE, &everything(n), &regions(n));
    tables.reserve(address(n - 1), 64 << 20);
    let calls = if n > 5000 { 200 } else { 2000 };
    let spent = time(|| {
        for _ in 0..calls {
            let found = tables.alloc(black_box(0x1_0000), 0x1000);
            tables.free(found, 0x1_0000);
        }
    });
    assert_eq!(tables.len(TableKind::Reserved), n);
    per_call(spent, calls)
}

/// Allocates 4 KiB at multiples of 8 KiB, which never merge, until there are `n` of them. For very large `n`,
/// only the last 200: Linux would take minutes for all.
pub(crate) fn alloc_fragmenting<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    const PAGE: u64 = 0x1000;
    let calls = if n > 50_000 { 200 } else { n };
    // The allocations of the previous calls: the lower half of each 8 KiB from the top down.
    let end = BASE + n as u64 * 2 * PAGE;
    let memory = [region(BASE, end - BASE)];
    let before: Vec<_> = (calls..n).map(|number| region(BASE + number as u64 * 2 * PAGE, PAGE)).collect();
    let stretches: Vec<f64> = (0..repeats(calls))
        .map(|_| {
            let mut tables = library.start(n, &memory, &before);
            let spent = time(|| {
                for _ in 0..calls {
                    black_box(tables.alloc(black_box(PAGE), 2 * PAGE));
                }
            });
            assert_eq!(tables.len(TableKind::Reserved), n);
            spent
        })
        .collect();
    per_call(typical(stretches), calls)
}

/// Allocates pages one below the other at the top of memory, with `n` memory regions below.
pub(crate) fn alloc_4k_top_unfragmented<L: Library>(library: &mut L, n: usize, _: &mut Rng) -> f64 {
    const CALLS: usize = 2000;
    let mut memory = regions(n);
    memory.push(region(address(n) + 0x1_0000, 64 << 20));
    let mut tables = library.start(n + 1 + SPARE, &memory, &[]);
    let spent = time(|| {
        for _ in 0..CALLS {
            black_box(tables.alloc(black_box(0x1000), 0x1000));
        }
    });
    assert_eq!(tables.len(TableKind::Reserved), 1);
    per_call(spent, CALLS)
}
