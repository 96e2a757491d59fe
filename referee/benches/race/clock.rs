//! Time that this thread spent, not counting what measuring costs.

use std::sync::LazyLock;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Stretches below this are timed by the wall clock. The clock of CPU time is a system call that takes longer
/// than what is measured then; and so short a stretch is seldom interrupted, which the median forgives.
const SHORT: f64 = 50_000.0;

/// What a stretch of nothing takes: by the wall clock, and by the thread's.
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

// Nanoseconds lose nothing as `f64` for the first three months.
#[allow(clippy::cast_precision_loss)]
fn thread_time() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// The middle of some numbers; of an even count, the upper of the two in the middle.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    quantile(numbers, 0.5)
}

/// The mean of the middle half of some numbers: as deaf to interruptions as the median, but finer than the
/// clock's step.
pub(crate) fn typical(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    #[allow(clippy::cast_precision_loss)]
    let count = middle.len() as f64;
    middle.iter().sum::<f64>() / count
}

/// The number below which that part of all numbers lies.
pub(crate) fn quantile(numbers: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len() - 1)).copied().unwrap_or(f64::NAN)
}
