//! What an event costs in the life of a machine of 64 TiB, beside smaller ones.
//!
//! `cargo bench -p physmem-machine --bench life`; the argument `-- BLOCKS` takes another number of memory blocks for the
//! largest machine.
//!
//! The machines have 1,024, 32,768 and 524,288 memory blocks of 128 MiB: half of it boot memory on eight nodes, half of it
//! DIMMs of 1 GiB. They take turns in one process, so that whatever else the computer does hits all of them; each number is
//! the best of the rounds. The cost of an event must not grow with the number of blocks: ratios are against the smallest
//! machine. A tree that is deeper, and does not fit the processor's caches, costs more; a walk over all blocks would cost
//! 512 times as much.

// A benchmark may fail loudly: there is no result to give then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
use evidence::{Snapshot, Source};
use machine::Machine;
use machine::life::{Event, Life};

const BLOCK: u64 = 128 << 20;
/// Blocks of a DIMM.
const DIMM: u64 = 8;
const NODES: u64 = 8;
const EVENTS: u64 = 10_000;
const ROUNDS: usize = 5;
const VIRTIO: u64 = 100;

/// A machine of so many blocks.
fn snapshot(blocks: u64) -> Snapshot {
    let boot = blocks / 2;
    let per_node = boot / NODES;
    let line = |text: &mut String, first: u64, count: u64| {
        writeln!(text, "{:08x}-{:08x} : System RAM", first * BLOCK, (first + count) * BLOCK - 1).unwrap();
    };
    // A block is free between two nodes, and between two DIMMs.
    let mut iomem = String::new();
    let mut zones = String::new();
    let mut log = String::from("[    0.000000] Early memory node ranges\n");
    let mut all: Vec<(u64, u64)> = Vec::new();
    for node in 0..NODES {
        let first = 32 + node * (per_node + 1);
        line(&mut iomem, first, per_node);
        all.extend((first..first + per_node).map(|number| (number, node)));
        let (start, end) = (first * BLOCK, (first + per_node) * BLOCK);
        writeln!(log, "[    0.000000]   node {node:3}: [mem {start:#018x}-{:#018x}]", end - 1).unwrap();
        let pages = per_node * BLOCK / 4096;
        writeln!(
            zones,
            "Node {node}, zone   Normal\n        spanned  {pages}\n        present  {pages}\n        managed  {pages}\n  \
             start_pfn:           {}",
            start / 4096
        )
        .unwrap();
    }
    let mut entries: Vec<(u64, u64)> =
        (0..NODES).map(|node| (32 + node * (per_node + 1), per_node)).collect();
    let first = 32 + NODES * (per_node + 1);
    for dimm in 0..boot / DIMM {
        let first = first + dimm * (DIMM + 1);
        line(&mut iomem, first, DIMM);
        entries.push((first, DIMM));
        all.extend((first..first + DIMM).map(|number| (number, dimm % NODES)));
    }
    let boot_last = 32 + NODES * (per_node + 1);
    let block = |(number, node): (u64, u64)| MemoryBlock {
        number,
        state: if number < boot_last { BlockState::Online } else { BlockState::Offline },
        nodes: vec![u32::try_from(node).unwrap()],
        valid_zones: if number < boot_last { vec!["Normal".into()] } else { Vec::new() },
        firmware_node: None,
    };
    let entry = |(index, (first, count)): (u32, (u64, u64))| FirmwareMapEntry {
        index,
        start: first * BLOCK,
        last: (first + count) * BLOCK - 1,
        kind: "System RAM".to_owned(),
    };
    let read = |text: &str| Source::Read(text.to_owned());
    Snapshot {
        architecture: read("x86_64"),
        version: read("Linux version 6.12.30 (x)"),
        command_line: read("quiet"),
        kernel_log: Source::Read(log),
        iomem: Source::Read(iomem),
        zoneinfo: Source::Read(zones),
        firmware_memmap: Source::Read((0..).zip(entries).map(entry).collect()),
        memory_blocks: Source::Read(MemoryBlocks {
            block_size: BLOCK,
            auto_online: read("offline"),
            blocks: all.into_iter().map(block).collect(),
            ..MemoryBlocks::default()
        }),
        ..Snapshot::default()
    }
}

/// The MiB of so many blocks.
const fn mib(blocks: u64) -> u64 {
    blocks * (BLOCK >> 20)
}

struct Subject {
    blocks: u64,
    life: Life,
    /// The first block of the room for devices of this benchmark.
    room: u64,
    /// The first block of DIMMs.
    dimms: u64,
    /// What starting cost.
    begin: Duration,
    /// The best time of each scenario.
    best: Vec<Duration>,
}

impl Subject {
    fn new(blocks: u64) -> Self {
        let snapshot = snapshot(blocks);
        let start = Instant::now();
        let life = Life::of(&Machine::of(&snapshot).unwrap()).unwrap();
        let begin = start.elapsed();
        assert_eq!(life.block_table().len() as u64, blocks / 2 / NODES * NODES + blocks / 2 / DIMM * DIMM);
        let dimms = 32 + NODES * (blocks / 2 / NODES + 1);
        let room = (dimms + blocks / 2 / DIMM * (DIMM + 1)).next_multiple_of(64);
        Self { blocks, life, room, dimms, begin, best: vec![Duration::MAX; SCENARIOS.len()] }
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            let change = self.life.apply(event).unwrap_or_else(|refusal| panic!("{event}: {refusal}"));
            assert!(change.refused.is_none(), "{event}: {change:?}");
            black_box(change);
        }
    }

    fn tell(&mut self, words: &[&str]) {
        let events: Vec<Event> = words.iter().map(|words| words.parse().unwrap()).collect();
        self.apply(&events);
    }

    /// Places in no order, the same for each machine.
    fn place(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    }

    /// A DIMM comes, goes online, offline, and leaves, at one place after the other.
    fn come_and_go(&self, blocks: u64) -> Vec<Event> {
        let events = (0..EVENTS / 4).flat_map(|number| {
            let first = self.room + Self::place(number) % 4096 * 64;
            let (at, last) = (first * BLOCK, first + blocks - 1);
            [
                format!("add dimm {}M at {at:#x} node {}", mib(blocks), number % NODES),
                format!("online memory{first}-memory{last}"),
                format!("offline memory{first}-memory{last}"),
                format!("remove {at:#x}"),
            ]
        });
        events.map(|words| words.parse().unwrap()).collect()
    }

    /// DIMMs that are there go online and offline.
    fn switch(&self) -> Vec<Event> {
        let count = self.blocks / 2 / DIMM;
        let events = (0..EVENTS / 2).flat_map(|number| {
            let block = self.dimms + Self::place(number) % count * (DIMM + 1) + number % DIMM;
            [format!("online memory{block} movable"), format!("offline memory{block}")]
        });
        events.map(|words| words.parse().unwrap()).collect()
    }

    /// virtio-mem devices grow and shrink by a block.
    fn resize(&self) -> Vec<Event> {
        let share = self.share();
        let events = (0..EVENTS).map(|number| {
            let size = if (number / VIRTIO).is_multiple_of(2) { share / 2 + 1 } else { share / 2 };
            format!("resize vm{} to {}M", number % VIRTIO, mib(size))
        });
        events.map(|words| words.parse().unwrap()).collect()
    }

    /// The blocks of a virtio-mem device's region: the devices are as large as the machine.
    fn share(&self) -> u64 {
        (self.blocks / VIRTIO).next_multiple_of(2).max(4)
    }

    fn add_virtio(&mut self) {
        let share = self.share();
        self.tell(&["policy online_policy=auto-movable ratio=1000 state=online"]);
        for number in 0..VIRTIO {
            let at = (self.room + 4096 * 64 + number * (share + 1)) * BLOCK;
            let (size, most) = (mib(share / 2), mib(share));
            let node = number % NODES;
            self.tell(&[&format!(
                "add virtio-mem {size}M at {at:#x} node {node} up to {most}M as vm{number}"
            )]);
        }
    }

    fn remove_virtio(&mut self) {
        for number in 0..VIRTIO {
            self.tell(&[&format!("resize vm{number} to 0"), &format!("remove vm{number}")]);
        }
        self.tell(&["policy online_policy=contig-zones state=offline"]);
    }

    fn run(&mut self, scenario: usize) {
        let events = match SCENARIOS[scenario].1 {
            Kind::ComeAndGo(blocks) => self.come_and_go(blocks),
            Kind::Switch => self.switch(),
            Kind::Images => {
                self.tell(&["load kdump by file", "load kexec by load at 0x200000000-0x201ffffff"]);
                self.come_and_go(1)
            }
            Kind::AutoMovable => {
                self.add_virtio();
                self.tell(&["policy state=offline"]);
                self.come_and_go(1)
            }
            Kind::Resize => {
                self.add_virtio();
                self.resize()
            }
        };
        let start = Instant::now();
        self.apply(&events);
        self.best[scenario] = self.best[scenario].min(start.elapsed());
        match SCENARIOS[scenario].1 {
            Kind::Images => self.tell(&["unload kdump", "unload kexec"]),
            Kind::AutoMovable | Kind::Resize => self.remove_virtio(),
            Kind::ComeAndGo(_) | Kind::Switch => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// DIMMs of so many blocks.
    ComeAndGo(u64),
    Switch,
    Images,
    AutoMovable,
    Resize,
}

const SCENARIOS: [(&str, Kind); 6] = [
    ("a DIMM of 1 block: add, online, offline, remove", Kind::ComeAndGo(1)),
    ("a DIMM of 8 blocks: add, online, offline, remove", Kind::ComeAndGo(8)),
    ("a block of a DIMM: online, offline", Kind::Switch),
    ("a DIMM of 1 block, with kexec and kdump loaded", Kind::Images),
    ("a DIMM of 1 block, auto-movable, 100 virtio-mem", Kind::AutoMovable),
    ("100 virtio-mem, auto-movable: grow, shrink", Kind::Resize),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this, too, and then a small machine is enough to show that it works.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let default = if is_bench { 524_288 } else { 2_048 };
    let most = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(default);
    let mut sizes = vec![1_024, 32_768, most];
    sizes.retain(|size| *size <= most);
    let rounds = if is_bench { ROUNDS } else { 1 };
    let mut subjects: Vec<Subject> = sizes.into_iter().map(Subject::new).collect();
    for scenario in 0..SCENARIOS.len() {
        for _ in 0..rounds {
            for subject in &mut subjects {
                subject.run(scenario);
            }
        }
    }
    println!("{EVENTS} events, nanoseconds each, best of {rounds}; ratio to the first machine in brackets\n");
    print!("{:50}", "memory blocks of 128 MiB");
    for subject in &subjects {
        print!("{:>17}", subject.blocks);
    }
    println!();
    for (index, (name, _)) in SCENARIOS.iter().enumerate() {
        print!("{name:50}");
        let nanoseconds = |subject: &Subject| subject.best[index].as_nanos() / u128::from(EVENTS);
        let first = subjects.first().map_or(1, nanoseconds).max(1);
        for subject in &subjects {
            let own = nanoseconds(subject);
            print!("{own:>10} ({}.{})", own / first, own * 10 / first % 10);
        }
        println!();
    }
    print!("{:50}", "to begin: Machine::of and Life::of, ms");
    for subject in &subjects {
        print!("{:>10}       ", subject.begin.as_millis());
    }
    println!();
    for subject in &subjects {
        assert_eq!(subject.life.disagreement(), None);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("peak memory of the process, all machines: {}", peak.map_or("not shown", str::trim));
}
