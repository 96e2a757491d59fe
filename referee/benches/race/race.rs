//! Which operations run, how often, and how the results are printed.

use fastrand::Rng;
use referee::linux::Linux;

use crate::clock::{median, quantile};
use crate::goals::goal;
use crate::library::Ours;
use crate::operations as op;
use crate::storage;
use crate::trace::{CAPTURES, Trace};

const SIZES: [usize; 5] = [16, 128, 1024, 10_240, 102_400];

struct Operation {
    name: &'static str,
    ours: fn(&mut Ours, usize, &mut Rng) -> f64,
    linux: fn(&mut Linux, usize, &mut Rng) -> f64,
}

macro_rules! operations {
    ($($name:ident)*) => {
        [$(Operation { name: stringify!($name), ours: op::$name, linux: op::$name }),*]
    };
}

const OPERATIONS: [Operation; 13] = operations! {
    add_sorted
    add_random
    reserve_random
    remove_punch_random
    phys_free_random
    is_memory
    mark_hotplug_subrange
    iterate_free_per_range
    is_region_reserved_miss_high
    find_worst_last_hole
    alloc_free_worst_last_hole
    alloc_fragmenting
    alloc_4k_top_unfragmented
};

/// Runs the operations named, or all if none is.
pub(crate) fn run(arguments: &[String]) {
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let names: Vec<&String> = words.into_iter().filter(|word| word.parse::<usize>().is_err()).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| name.contains(*wanted));

    let (mut ours, mut linux) = (Ours::default(), Linux::lock());
    println!(
        "{:<30} {:>7} {:>10} {:>11} {:>8}  {:<17} {:>6}",
        "operation", "regions", "ours ns", "Linux ns", "ratio", "half of the runs", "goal"
    );
    let sizes = if sizes.is_empty() { &SIZES[..] } else { &sizes };
    for operation in OPERATIONS.iter().filter(|operation| is_wanted(operation.name)) {
        for n in sizes {
            compare(operation, *n, &mut ours, &mut linux);
        }
    }
    if is_wanted("trace") {
        for capture in CAPTURES {
            replay(capture, &mut ours, &mut linux);
        }
    }
    if is_wanted("bulk_build") {
        storage::bulk_build();
    }
    if is_wanted("bytes_per_region") {
        storage::bytes_per_region();
    }
}

/// Turns of each side; fewer if Linux takes seconds for one.
fn runs(n: usize) -> u64 {
    match n {
        50_000.. => 3,
        5000.. => 7,
        _ => 15,
    }
}

fn compare(operation: &Operation, n: usize, ours: &mut Ours, linux: &mut Linux) {
    let turns = (0..runs(n)).map(|run| {
        let seeded = || Rng::with_seed(run);
        ((operation.ours)(ours, n, &mut seeded()), (operation.linux)(linux, n, &mut seeded()))
    });
    report(operation.name, n, &turns.collect::<Vec<_>>(), goal(operation.name, n));
}

fn replay(capture: &str, ours: &mut Ours, linux: &mut Linux) {
    let trace = Trace::of(capture);
    let turns: Vec<_> = (0..15).map(|_| (trace.replay(ours), trace.replay(linux))).collect();
    report(&format!("trace {capture}"), trace.len(), &turns, None);
}

/// One line of the table, from our nanoseconds and Linux's.
fn report(name: &str, n: usize, turns: &[(f64, f64)], goal: Option<f64>) {
    let of_ours = median(turns.iter().map(|turn| turn.0));
    let of_linux = median(turns.iter().map(|turn| turn.1));
    let ratio_at = |part| quantile(turns.iter().map(|(ours, linux)| linux / ours), part);
    let ratio = of_linux / of_ours;
    let goal = goal.map_or(String::new(), |goal| {
        let met = match () {
            () if ratio >= goal => "met",
            () if ratio_at(0.75) >= goal => "within noise",
            () => "MISSED",
        };
        format!("{goal:>6} {met}")
    });
    let spread = format!("{:.2} to {:.2}", ratio_at(0.25), ratio_at(0.75));
    println!("{name:<30} {n:>7} {of_ours:>10.1} {of_linux:>11.1} {ratio:>8.2}  {spread:<17} {goal}");
}
