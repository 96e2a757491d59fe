use std::fmt::Write;

use evidence::Source;
use rules::Loader;

use crate::finding::{Code, Severity};
use kexec::Purpose;

use super::{E820Type, Entry};
use crate::testing::{IOMEM, found, of_plan, plan, r, set, the, x86};

const CODE: Code = Code::NextKernelMapOverflow;

/// The machine, with so many reserved resources above its RAM.
fn with_reserved(count: u64) -> String {
    let mut iomem = IOMEM.to_owned();
    for start in (0..count).map(|n| 0x8000_0000 + n * 0x2000) {
        writeln!(iomem, "{start:08x}-{:08x} : Reserved", start + 0xfff).unwrap();
    }
    iomem
}

#[test]
fn the_129th_entry_is_the_crash_kernels_ram() {
    // One of low RAM, one of the crash kernel, and what is reserved.
    let finding = the(&x86(&with_reserved(127), "", &[]), CODE);
    assert_eq!(finding.severity, Severity::Error);
    assert!(
        finding.what.contains("128 of 129 entries") && finding.what.contains("no RAM above 1 MiB"),
        "{finding:?}"
    );
    assert_eq!(found(&x86(&with_reserved(126), "", &[]), CODE), []);
}

#[test]
fn kexec_load_hands_over_all_entries() {
    let mut snapshot = x86(&with_reserved(127), "", &[]);
    if let Source::Read(blocks) = &mut snapshot.memory_blocks {
        blocks.crash_hotplug = Source::Read("0".into());
    }
    assert_eq!(found(&snapshot, CODE), []);
    // With nothing loaded the file says nothing about the next load.
    set(&mut snapshot, "kexec_crash_loaded", "0");
    assert!(the(&snapshot, CODE).what.starts_with("a crash kernel would be told"));
}

#[test]
fn a_firmware_map_of_129_entries_is_cut_off_at_a_reboot() {
    let with = |count: u64| {
        let mut log = String::new();
        for start in (0..count).map(|n| 0x8000_0000 + n * 0x2000) {
            writeln!(log, "BIOS-e820: [mem {start:#018x}-{:#018x}] reserved", start + 0xfff).unwrap();
        }
        x86(IOMEM, &log, &[])
    };
    let finding = the(&with(127), CODE);
    assert_eq!(finding.severity, Severity::Warning, "{finding:?}");
    assert!(finding.evidence[1].starts_with("lost: 800fc000-800fcfff"), "{finding:?}");
    assert_eq!(found(&with(126), CODE), []);
}

#[test]
fn a_plan_says_itself_what_is_lost() {
    let snapshot = x86(IOMEM, "", &[]);
    let mut plan = plan(Purpose::Crash, r(0x6000_0000, 0x6010_0000));
    assert_eq!(of_plan(&snapshot, &plan, Loader::KexecFileLoad), []);
    plan.next_kernel_lacks.push(Entry { range: r(0x1_0000_0000, 0x1_1000_0000), kind: E820Type::Ram });
    let [finding] = &of_plan(&snapshot, &plan, Loader::KexecFileLoad)[..] else { panic!() };
    assert_eq!((finding.code, finding.severity), (CODE, Severity::Error));
}
