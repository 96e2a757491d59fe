//! Plans of kexec_load on arm64 held against what Debian's kexec-tools 2.0.25 printed when they loaded, and what the
//! next kernels found in their device trees. All but the machine of the refusal were planned for before anybody looked.

use std::path::PathBuf;

use firmware::fdt::{Chosen, Fdt};
use kexec::{
    Arm64Error, Arm64Header, Caller, KernelImage, Plan, PlanError, Purpose, Request, SegmentKind, ToldBy,
};
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules};
use serde_json::Value;

use crate::Score;
use Purpose::{Crash, Reboot};

/// Each machine, and what for.
const LOADS: [(&str, Purpose); 7] = [
    ("high", Reboot),
    ("high", Crash),
    ("no-initrd", Reboot),
    ("resv", Reboot),
    ("resv", Crash),
    ("vmem", Reboot),
    ("vmem", Crash),
];

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/arm64-tools-{name}"))
}

fn plan(name: &str, purpose: Purpose) -> Result<Plan, PlanError> {
    let json = std::fs::read(directory(name).join("machine.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let number = |name: &str| json["kernel"][name].as_u64().unwrap();
    let kernel = Arm64Header {
        file_size: number("file_size"),
        text_offset: number("text_offset"),
        image_size: number("image_size"),
    };
    let snapshot: Snapshot = host::read(&directory(name).join("before.tar.gz")).unwrap();
    let stage = if purpose == Crash { 3 } else { 2 };
    let command_line = format!("{} lab.stage={stage}", snapshot.command_line.read().unwrap());
    let request = Request {
        purpose,
        loader: Loader::KexecLoad,
        kernel: KernelImage::Arm64(kernel),
        initrd: json["initrd"].as_u64(),
        command_line: &command_line,
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };
    kexec::plan(&Machine::of(&snapshot).unwrap(), &request, &Rules::LINUX)
}

fn printed(name: &str, purpose: Purpose) -> String {
    let log = if purpose == Crash { "panic" } else { "load" };
    std::fs::read_to_string(directory(name).join(format!("kexec/{log}.txt"))).unwrap()
}

/// Start, `memsz` and `bufsz` of each segment, in the order of `kexec -d`: by address.
fn segments(log: &str) -> Vec<[u64; 3]> {
    let values = |field: &str| -> Vec<u64> {
        let lines = log.lines().filter(|line| line.starts_with("segment["));
        let values = lines.filter_map(|line| line.split_once(']')?.1.strip_prefix(field)?.split_once("0x"));
        values.map(|(_, digits)| u64::from_str_radix(digits, 16).unwrap()).collect()
    };
    let (starts, sizes, loaded) = (values(".mem "), values(".memsz "), values(".bufsz "));
    assert!(starts.len() == sizes.len() && sizes.len() == loaded.len());
    std::iter::zip(starts, std::iter::zip(sizes, loaded))
        .map(|(start, (size, loaded))| [start, size, loaded])
        .collect()
}

/// `0000000040000000-00000000a99fffff (0)`
fn dumped(log: &str) -> Vec<PhysRange> {
    let ranges = log.lines().filter_map(|line| line.strip_suffix(" (0)")?.split_once('-'));
    let address = |digits| u64::from_str_radix(digits, 16).unwrap();
    ranges.map(|(start, last)| PhysRange::from_inclusive(address(start), address(last)).unwrap()).collect()
}

fn score_next_kernel(score: &mut Score, plan: &Plan, second: &Snapshot) {
    let tree = Fdt::new(&second.device_tree.read().unwrap().0).unwrap();
    let found: Chosen<'_> = tree.chosen().unwrap().unwrap();
    let told = plan.chosen.as_ref().unwrap();
    let size = plan.segment(SegmentKind::DeviceTree).unwrap().loaded;
    score.fact("totalsize", &size, &(tree.total_size() as u64));
    score.fact("initrd", &told.initrd, &found.initrd().unwrap());
    score.fact("elfcorehdr", &told.elfcorehdr, &found.elfcorehdr().unwrap());
    score.fact("bootargs", &plan.command_line.as_bytes(), &found.bootargs().unwrap());
    let usable: Vec<PhysRange> = found.usable_memory_ranges().map(Result::unwrap).collect();
    score.list("usable range", &told.usable_memory, &usable);
    score.fact("reservations", &told.reserved.len(), &tree.memreserve().count());
}

#[test]
fn plans_of_kexec_load_on_arm64_are_what_kexec_tools_did() {
    let mut wrong = Vec::new();
    for (name, purpose) in LOADS {
        let log = printed(name, purpose);
        let plan = plan(name, purpose).unwrap();
        let mut score = Score::default();
        let mut ours: Vec<[u64; 3]> =
            plan.segments.iter().map(|s| [s.range.start(), s.range.size(), s.loaded]).collect();
        ours.sort_unstable();
        let theirs = segments(&log);
        assert!(theirs.len() >= 3, "{name}: {log}");
        score.fact("number of segments", &ours.len(), &theirs.len());
        for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
            score.fact("segment", ours, theirs);
        }
        score.list("range of the dump", &plan.vmcore, &dumped(&log));
        assert_eq!(plan.vmcore.is_empty(), purpose == Reboot);
        let stage = if purpose == Crash { "stage3" } else { "stage2" };
        if let Ok(second) = host::read(&directory(name).join(format!("{stage}.tar.gz"))) {
            score_next_kernel(&mut score, &plan, &second);
        }
        let told_by = if purpose == Crash { ToldBy::UsableMemoryRange } else { ToldBy::MemoryNodes };
        score.fact("told by", &plan.chosen.as_ref().unwrap().memory, &told_by);
        println!("arm64-tools-{name} {purpose:?}: {} / {}", score.right, score.right + score.wrong.len());
        wrong.extend(score.wrong.into_iter().map(|what| format!("{name} {purpose:?}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_kexec_tools_refused_for_the_seed_is_refused() {
    for purpose in [Reboot, Crash] {
        assert!(printed("seed", purpose).contains("kaslr-seed is not wiped to 0"));
        assert_eq!(plan("seed", purpose), Err(PlanError::Arm64(Arm64Error::SeedNotWiped)));
    }
}
