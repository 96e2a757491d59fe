//! A plan for a machine of 100,000 ranges, against reading its /proc/iomem.
//!
//! `cargo bench -p physmem-kexec --bench plan`; the argument `-- RANGES` takes another number.
//!
//! The two take turns in one process, so that whatever else the machine does hits both. Reading is opening and
//! parsing the text, from a file in memory where there is such a file system: a kernel that prints it takes longer.
//! A plan here is the whole of it: where an image may lie, its segments, the map, and the largest initial ramdisk.

// A benchmark may fail loudly: there is no result to give then.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use evidence::ResourceTree;
use evidence::Source;
use evidence::snapshot::FirmwareMapEntry;
use kexec::{Caller, KernelImage, Purpose, Request, SetupHeader};
use machine::{Machine, Snapshot};
use rules::{Loader, Rules};

const RANGES: u64 = 100_000;
const ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this, too, and then a small machine is enough to show that it works.
    let default = if arguments.iter().any(|argument| argument == "--bench") { RANGES } else { 100 };
    let ranges = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(default);

    // 64 MiB each, and 64 MiB between them: every one could hold the kernel.
    let bounds = |n: u64| (n << 27, (n << 27) + (64 << 20) - 1);
    let mut iomem = String::new();
    for (start, last) in (1..=ranges).map(bounds) {
        writeln!(iomem, "{start:08x}-{last:08x} : System RAM").unwrap();
    }
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let file = parent.join(format!("physmem-plan-{}", std::process::id()));
    std::fs::write(&file, &iomem).unwrap();
    let entry = |(n, (start, last))| FirmwareMapEntry { index: n, start, last, kind: "System RAM".into() };
    let snapshot = Snapshot {
        iomem: Source::Read(iomem),
        architecture: Source::Read("x86_64".into()),
        firmware_memmap: Source::Read((0..).zip((1..=ranges).map(bounds)).map(entry).collect()),
        ..Snapshot::default()
    };
    let machine = Machine::of(&snapshot).unwrap();
    let request = |loader| Request {
        purpose: Purpose::Reboot,
        loader,
        kernel: KernelImage::BzImage(SetupHeader {
            file_size: 0xb8_67c0,
            setup_sects: 39,
            pref_address: 0x100_0000,
            kernel_alignment: 0x20_0000,
            init_size: 0x37e_e000,
            cmdline_size: 2047,
            above_4g: true,
        }),
        initrd: Some(0x75_e1d8),
        command_line: "quiet",
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };

    let mut reading = Vec::new();
    let mut plans = [Loader::KexecFileLoad, Loader::KexecLoad].map(|loader| (loader, Vec::new()));
    for round in 0..=ROUNDS {
        let keep = |times: &mut Vec<Duration>, start: Instant| {
            // The first round fills the caches for all.
            if round > 0 {
                times.push(start.elapsed());
            }
        };
        let start = Instant::now();
        let tree = ResourceTree::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        keep(&mut reading, start);
        assert_eq!(tree.resources().len() as u64, ranges);
        for (loader, times) in &mut plans {
            let start = Instant::now();
            let plan = kexec::plan(&machine, &request(*loader), &Rules::LINUX).unwrap();
            keep(times, start);
            assert!(plan.margins.largest_initrd > 0);
        }
    }
    let reading = median(&mut reading);
    println!("{ranges} ranges");
    println!("{:28} {:>9.2} ms", "reading /proc/iomem", reading.as_secs_f64() * 1e3);
    for (loader, times) in &mut plans {
        let ours = median(times);
        let ratio = reading.as_secs_f64() / ours.as_secs_f64();
        let name = format!("plan of {}", loader.as_str());
        println!("{name:28} {:>9.2} ms   reading takes {ratio:.1} times as long", ours.as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&file).unwrap();
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
