//! Reading 65,536 memory blocks: physmem against `lsmem --sysroot`, on the same generated tree.
//!
//! `cargo bench -p physmem-host --bench lsmem`; the argument `-- BLOCKS` takes another number of blocks, and
//! `-- --keep` leaves the tree behind for a look or for other programs.
//!
//! The two take turns, so that whatever else the machine does hits both. `lsmem` is timed as a process, the
//! library as a call; a process that does nothing is timed beside them, to show what starting one costs.
//!
//! The time goes into the kernel's look-up of names. The library needs seven system calls a block where
//! `lsmem` needs nineteen, which makes it about twice as fast on one processor; the rest of the difference is
//! that it uses further processors, so on a busy machine the ratio is smaller.

// A benchmark may fail loudly: there is no result to give then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BLOCKS: u32 = 65_536;
const BLOCK_SIZE: u64 = 128 << 20;
const NODES: u32 = 8;
const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this, too, and then a small tree is enough to show that it works.
    let default = if arguments.iter().any(|argument| argument == "--bench") { BLOCKS } else { 256 };
    let blocks = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(default);
    let tree = Generated::new(blocks);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "{blocks} memory blocks on {NODES} nodes below {}, {processors} processors",
        tree.root.display()
    );

    let mut physmem = Vec::new();
    let mut programs: Vec<(&str, Vec<&str>, Vec<Duration>)> = vec![
        ("lsmem --sysroot TREE -J", vec!["-J"], Vec::new()),
        ("lsmem --sysroot TREE -J -a", vec!["-J", "-a"], Vec::new()),
        ("lsmem --sysroot TREE", vec![], Vec::new()),
    ];
    let has_lsmem =
        Command::new("lsmem").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_lsmem {
        println!(
            "lsmem is missing, so there is nothing to compare with: install util-linux (Debian, Fedora)"
        );
        programs.clear();
    }
    let mut nothing = Vec::new();
    for round in 0..=ROUNDS {
        let keep = |times: &mut Vec<Duration>, time| {
            // The first round fills the kernel's caches for both.
            if round > 0 {
                times.push(time);
            }
        };
        let start = Instant::now();
        let snapshot = host::read(&tree.root).expect("the generated tree is readable");
        keep(&mut physmem, start.elapsed());
        let read = snapshot.memory_blocks.read().expect("it has memory blocks");
        assert_eq!(read.blocks.len(), blocks as usize);
        assert!(read.blocks.iter().all(|block| block.nodes.len() == 1 && block.valid_zones.len() == 1));
        keep(&mut nothing, timed(&mut Command::new("true")));
        for (_, options, times) in &mut programs {
            let mut command = Command::new("lsmem");
            command.arg("--sysroot").arg(&tree.root).args(options.as_slice());
            keep(times, timed(&mut command));
        }
    }
    let ours = median(&mut physmem);
    println!("{:28} {:>9.1} ms", "host::read", milliseconds(ours));
    println!("{:28} {:>9.1} ms", "(a process that does nothing)", milliseconds(median(&mut nothing)));
    for (name, _, times) in &mut programs {
        let theirs = median(times);
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        println!("{name:28} {:>9.1} ms   {ratio:.1} times as long", milliseconds(theirs));
    }
    if arguments.iter().any(|argument| argument == "--keep") {
        println!("kept: {}", tree.keep().display());
    }
}

fn timed(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program starts");
    let time = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    time
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A tree that is removed at the end.
struct Generated {
    root: PathBuf,
    keep: bool,
}

impl Generated {
    /// In memory where there is such a file system: on a disk, removing half a million files takes minutes.
    fn new(blocks: u32) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let root = parent.join(format!("physmem-lsmem-{}", std::process::id()));
        let tree = Self { root, keep: false };
        generate(&tree.root, blocks).expect("a tree can be made in the temporary directory");
        tree
    }

    fn keep(mut self) -> PathBuf {
        self.keep = true;
        self.root.clone()
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// A machine with all its memory online: node by node, the upper half of each in zone Movable.
fn generate(root: &Path, blocks: u32) -> std::io::Result<()> {
    let memory = root.join("sys/devices/system/memory");
    let node = root.join("sys/devices/system/node");
    fs::create_dir_all(root.join("proc"))?;
    let end = u64::from(blocks) * BLOCK_SIZE - 1;
    fs::write(root.join("proc/iomem"), format!("00000000-{end:08x} : System RAM\n"))?;
    for number in 0..NODES {
        let directory = node.join(format!("node{number}"));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("cpulist"), format!("{number}\n"))?;
        fs::write(directory.join("distance"), "10 ".repeat(NODES as usize).trim_end().to_owned() + "\n")?;
    }
    for list in ["possible", "online", "has_memory", "has_cpu", "has_normal_memory"] {
        fs::write(node.join(list), format!("0-{}\n", NODES - 1))?;
    }
    let of_each = blocks.div_ceil(NODES).max(1);
    for number in 0..blocks {
        let directory = memory.join(format!("memory{number}"));
        fs::create_dir_all(&directory)?;
        let zone = if number % of_each >= of_each / 2 { "Movable" } else { "Normal" };
        fs::write(directory.join("state"), "online\n")?;
        fs::write(directory.join("valid_zones"), format!("{zone}\n"))?;
        fs::write(directory.join("phys_index"), format!("{number:08x}\n"))?;
        fs::write(directory.join("removable"), "1\n")?;
        fs::write(directory.join("phys_device"), "0\n")?;
        fs::write(directory.join("online"), "1\n")?;
        let its = number / of_each;
        symlink(format!("../../node/node{its}"), directory.join(format!("node{its}")))?;
        symlink(format!("../../memory/memory{number}"), node.join(format!("node{its}/memory{number}")))?;
    }
    fs::write(memory.join("block_size_bytes"), format!("{BLOCK_SIZE:x}\n"))?;
    fs::write(memory.join("auto_online_blocks"), "online\n")
}
