//! Plans of kexec_load with an ELF kernel held against what kexec-tools 2.0.25 printed, and against the map and the dump
//! that the next kernel saw.
//!
//! `tests/data/kexec_load_elf` holds a machine, its loads and what the next kernel said, for each of some guests.

use std::path::{Path, PathBuf};

use kexec::{Caller, ElfError, ElfKernel, ElfSegment, KernelImage, Plan, PlanError, Purpose, Request};
use machine::{EfiRuntime, Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::kexec_load::{joined, printed};
use crate::score;
use crate::tools_record::{Loaded, readelf};

/// A guest, and how many ranges EFI's runtime map has there.
///
/// All but plain-2g were planned before anybody had looked at what kexec-tools did, and were right but those with EFI: its
/// runtime map was taken to be handed on in efi-3g, and then `acpi_rsdp=` to be left out in efi-crash-5g.
const GUESTS: [(&str, u64); 7] = [
    ("plain-2g", 0),
    ("crash-2g", 0),
    ("efi-3g", 6),
    ("high-5g-long", 0),
    ("dimm", 0),
    ("512M", 0),
    ("efi-crash-5g", 6),
];

/// How far the kernel that was loaded for crashes was moved, to lie in a reservation at 512 MiB.
const MOVED: u64 = 0x2000_0000;

/// Debian's vmlinux of Linux 6.12.117, by its program headers, with each physical address so much higher.
fn vmlinux(moved: u64) -> ElfKernel {
    let segment = |(start, size): (u64, u64)| ElfSegment {
        memory: PhysRange::from_size(start + moved, size).unwrap(),
        loaded: size,
    };
    let parts =
        [(0x100_0000, 0x1b7_05f8), (0x2c0_0000, 0x70_1000), (0x330_1000, 0x3_9000), (0x333_a000, 0xec_6000)];
    ElfKernel { segments: parts.into_iter().map(segment).collect() }
}

fn data(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kexec_load_elf").join(guest)
}

/// One load: where it was made, what was printed, and what we plan.
struct Load {
    name: String,
    guest: &'static str,
    text: String,
    loaded: Loaded,
    plan: Result<Plan, PlanError>,
}

fn loads() -> Vec<Load> {
    let files = [("reboot.txt", 0), ("crash.txt", MOVED), ("crash-as-linked.txt", 0)];
    let of_guest = |(guest, efi_ranges): (&'static str, u64)| {
        let snapshot: Snapshot = host::read(&data(guest).join("machine.tar.gz")).unwrap();
        files.into_iter().filter_map(move |(file, moved)| {
            let text = std::fs::read_to_string(data(guest).join(file)).ok()?;
            let mut loaded = Loaded::of(&text);
            if loaded.initrd == 0 {
                // It was given, and kexec-tools did not get so far.
                loaded.initrd = 1;
            }
            let plan = plan(&snapshot, &loaded, &vmlinux(moved), efi_ranges);
            Some(Load { name: format!("{guest} {file}"), guest, text, loaded, plan })
        })
    };
    GUESTS.into_iter().flat_map(of_guest).collect()
}

fn plan(
    snapshot: &Snapshot,
    loaded: &Loaded,
    kernel: &ElfKernel,
    efi_ranges: u64,
) -> Result<Plan, PlanError> {
    let request = Request {
        purpose: loaded.purpose,
        loader: Loader::KexecLoad,
        kernel: KernelImage::Elf(kernel),
        initrd: Some(loaded.initrd),
        command_line: &loaded.given,
        avoid_removable: false,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: Caller::KexecTools,
    };
    let mut machine = Machine::of(snapshot).unwrap();
    if efi_ranges > 0 {
        machine.state.efi_runtime = Some(EfiRuntime { entries: efi_ranges, descriptor: 48 });
    }
    kexec::plan(&machine, &request, &Rules::LINUX)
}

#[test]
fn plans_are_what_kexec_tools_did() {
    let (mut wrong, mut right, mut planned) = (Vec::new(), 0, 0);
    for Load { name, loaded, plan, .. } in loads() {
        let record = &loaded.record;
        if record.segments.is_empty() {
            continue;
        }
        assert!(record.segments.len() >= 8 && record.map.len() >= 6, "{name}: {record:?}");
        let mut plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        plan.segments.sort_by_key(|segment| segment.range.start());
        let score = score(record, &plan);
        println!("{name:30}: {} / {}", score.right, score.right + score.wrong.len());
        right += score.right;
        planned += 1;
        wrong.extend(score.wrong.into_iter().map(|what| format!("{name}: {what}")));
    }
    println!("{planned} loads: {right} / {}", right + wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_kexec_tools_refused_has_no_plan_and_the_error_quotes_it() {
    let mut refused = 0;
    for Load { name, text, loaded, plan, .. } in loads() {
        let Some(words) = text.lines().find(|line| line.starts_with("Invalid memory segment")) else {
            continue;
        };
        assert!(loaded.purpose == Purpose::Crash && loaded.record.segments.is_empty(), "{name}");
        match plan {
            Err(PlanError::Elf(error @ ElfError::Outside { .. })) => {
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            other => panic!("{name}: {other:?}"),
        }
        refused += 1;
    }
    assert_eq!(refused, 8);
}

#[test]
fn the_next_kernel_prints_the_map_of_the_plan() {
    let mut held = 0;
    for Load { name, guest, loaded, plan, .. } in loads() {
        let file = match loaded.purpose {
            Purpose::Reboot => "second-kernel.txt",
            Purpose::Crash => "crash-kernel.txt",
        };
        let (Ok(log), Ok(plan)) = (std::fs::read_to_string(data(guest).join(file)), plan) else { continue };
        assert_eq!(joined(&plan.next_kernel), printed(&log), "{name}");
        held += 1;
    }
    assert_eq!(held, 7);
}

#[test]
fn the_dump_has_the_ranges_of_the_plan() {
    let mut held = 0;
    for Load { name, guest, loaded, plan, .. } in loads() {
        let Ok(vmcore) = std::fs::read_to_string(data(guest).join("vmcore.txt")) else { continue };
        if loaded.purpose == Purpose::Reboot || loaded.record.segments.is_empty() {
            continue;
        }
        assert_eq!(plan.unwrap().vmcore, readelf(&vmcore), "{name}");
        held += 1;
    }
    assert_eq!(held, 2);
}
