//! Random sequences of all calls, made on ours and on Linux. After each call, answers and tables must be
//! equal, except for the differences in `referee::differences`.
//!
//! ```text
//! cargo test --release -p physmem-referee --test differential -- --operations 100000000
//! cargo test --release -p physmem-referee --test differential -- --seed 4711      one sequence again
//! ```
//!
//! In a debug build, only as many sequences as finish quickly.

#[cfg(not(linux_memblock))]
fn main() {
    println!("{}", referee::SKIPPED);
}

#[cfg(linux_memblock)]
fn main() -> std::process::ExitCode {
    compared::main()
}

#[cfg(linux_memblock)]
mod compared {
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::time::Instant;

    use referee::differences::Difference;
    use referee::linux::Linux;
    use referee::ours::Storage;
    use referee::sequence::{self, Tally};

    /// The default number of calls: in a debug build, few enough to wait for.
    const OPERATIONS: u64 = if cfg!(debug_assertions) { 60_000 } else { 10_000_000 };
    const AGAIN: &str = "cargo test --release -p physmem-referee --test differential --";
    /// The maximum average number of calls in a sequence, so that there are enough sequences.
    const PER_SEQUENCE: u64 = 100;
    /// Room for all regions of any sequence, and for all cuts that `free_all` may have to make.
    const CHUNKS: usize = 2000;

    #[derive(Clone, Copy)]
    struct Options {
        operations: u64,
        /// The first seed; sequences use this and the following seeds.
        from: u64,
        /// Only this one.
        seed: Option<u64>,
        /// This process's number and the number of processes. It uses the seeds with that remainder.
        worker: Option<(u64, u64)>,
    }

    pub(super) fn main() -> ExitCode {
        let options = match options() {
            Ok(options) => options,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        if options.seed.is_some() || options.worker.is_some() {
            return work(options);
        }
        // There is one Linux memblock per process.
        let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        println!(
            "comparing with Linux: {} calls, seeds from {}, {workers} processes",
            options.operations, options.from
        );
        let children: Vec<_> = (0..workers).map(|worker| spawn(options, worker, workers)).collect();
        let mut good = true;
        for child in children {
            good &= child.and_then(|mut child| child.wait()).is_ok_and(|status| status.success());
        }
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn options() -> Result<Options, String> {
        let mut options = Options { operations: OPERATIONS, from: 0, seed: None, worker: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().unwrap_or_default();
                value.parse().map_err(|_| format!("{argument}: expected a number, found {value:?}"))
            };
            match argument.as_str() {
                "--operations" => options.operations = number()?,
                "--from" => options.from = number()?,
                "--seed" => options.seed = Some(number()?),
                "--worker" => options.worker = Some((number()?, number()?)),
                // Options that `cargo test` passes to every test.
                _ => {}
            }
        }
        Ok(options)
    }

    fn spawn(options: Options, worker: u64, workers: u64) -> std::io::Result<Child> {
        let numbers =
            [options.operations / workers, options.from, worker, workers].map(|number| number.to_string());
        let [operations, from, worker, workers] = &numbers;
        Command::new(std::env::current_exe()?)
            .args(["--operations", operations, "--from", from, "--worker", worker, workers])
            .stdin(Stdio::null())
            .spawn()
    }

    /// The work of one process: sequences, until enough calls have been made.
    fn work(options: Options) -> ExitCode {
        let (mut linux, mut storage) = (Linux::lock(), Storage::new(CHUNKS));
        let (worker, workers) = options.worker.unwrap_or((0, 1));
        let start = Instant::now();
        let mut total = Tally::default();
        let mut seed = options.seed.unwrap_or(options.from + worker);
        loop {
            match sequence::run(seed, &mut storage, &mut linux) {
                Ok(tally) => total.add(&tally),
                Err(report) => {
                    println!("{report}once more: {AGAIN} --seed {seed}");
                    return ExitCode::FAILURE;
                }
            }
            seed += workers;
            let is_enough =
                total.calls >= options.operations && total.sequences >= options.operations / PER_SEQUENCE;
            if options.seed.is_some() || is_enough {
                break;
            }
        }
        print(&total, start.elapsed().as_secs_f64());
        ExitCode::SUCCESS
    }

    #[allow(clippy::cast_precision_loss)] // Rounded for display.
    fn print(total: &Tally, seconds: f64) {
        println!(
            "no divergence: {} calls in {} sequences, {seconds:.1} s; \
             tables of {:.1} regions on average and {} at most; {} calls not made",
            total.calls,
            total.sequences,
            total.regions as f64 / (3 * (total.calls + total.avoided)) as f64,
            total.most_regions,
            total.avoided,
        );
        println!(
            "allocations made: {} of {}; mirrored memory did not suffice for {}",
            total.allocations[1], total.allocations[0], total.mirror_fallbacks,
        );
        let met: Vec<String> = Difference::ALL
            .iter()
            .filter_map(|difference| Some(format!("{difference:?} {}", total.met.get(difference)?)))
            .collect();
        println!("deliberate differences met: {}", met.join(", "));
    }
}
