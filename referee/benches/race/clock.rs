//! The time this thread spent, without the cost of measuring.

use std::sync::LazyLock;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Shorter intervals are timed by the wall clock. Reading CPU time is a system call, which takes longer than
/// such an interval; and interruptions of so short an interval are rare, and the median ignores them.
const SHORT: f64 = 50_000.0;

/// The duration of an empty interval, by the wall clock and by the thread's clock.
static NOTHING: LazyLock<(f64, f64)> = LazyLock::new(|| {
    let mut samples: Vec<_> = (0..1001).map(|_| both(|| ())).collect();
    (median(samples.iter().map(|sample| sample.0)), median(samples.drain(..).map(|sample| sample.1)))
});

/// Nanoseconds that `work` takes.
pub(crate) fn time(work: impl FnOnce()) -> f64 {
    let nothing = *NOTHING;
    let (wall, thread) = both(work);
    let spent = if wall < SHORT { wall - nothing.0 } else { thread - nothing.1 };
    spent.max(0.0)
}

fn both(work: impl FnOnce()) -> (f64, f64) {
    let thread_start = thread_time();
    let wall_start = Instant::now();
    work();
    let wall = wall_start.elapsed().as_secs_f64() * 1e9;
    (wall, thread_time() - thread_start)
}

// Nanoseconds are exact as `f64` for the first three months.
#[allow(clippy::cast_precision_loss)]
fn thread_time() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// The median; for an even count, the upper of the two middle numbers.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    quantile(numbers, 0.5)
}

/// The mean of the middle half of some numbers: as robust against interruptions as the median, but finer than
/// the clock's resolution.
pub(crate) fn typical(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    #[allow(clippy::cast_precision_loss)]
    let count = middle.len() as f64;
    middle.iter().sum::<f64>() / count
}

/// The number below which this part of all numbers lies.
pub(crate) fn quantile(numbers: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len() - 1)).copied().unwrap_or(f64::NAN)
}
