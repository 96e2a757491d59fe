//! Plans held against what other releases did: 6.1 (asked by dynamic debug), 6.12, 6.18, 7.3, and 7.3 with kexec
//! handover.

use std::path::{Path, PathBuf};

use evidence::log::LoadLog;
use evidence::resources::ResourceTree;
use firmware::e820::E820Type;
use kexec::{Caller, Plan, Purpose, Request};
use machine::{EfiRuntime, Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::kexec_load::{joined, printed};
use crate::record::Record;
use crate::tools_record::{Loaded, readelf};
use crate::{kernel_of, score};

use Purpose::{Crash, Reboot};

/// A capture below `captures/releases`, its kernel, the loads it made, and how many facts they have.
type Row = (&'static str, &'static str, &'static [(&'static str, Purpose)], usize);

const BY_TOOLS: (&str, Purpose) = ("1-kexec_load.txt", Reboot);
const FILE: (&str, Purpose) = ("2-kexec_file_load.dmesg.txt", Reboot);
const CRASH_BY_TOOLS: (&str, Purpose) = ("3-kexec_load-crash.txt", Crash);
const FILE_CRASH: (&str, Purpose) = ("4-kexec_file_load-crash.dmesg.txt", Crash);
const WITHOUT_CMA: (&str, Purpose) = ("5-kexec_file_load-nocma.dmesg.txt", Reboot);

const ALL: &[(&str, Purpose)] = &[BY_TOOLS, FILE, CRASH_BY_TOOLS, FILE_CRASH];
const BY_KERNEL: &[(&str, Purpose)] = &[FILE, FILE_CRASH];

const ROWS: [Row; 11] = [
    ("6.1.0-57/kx-p2300-exec_s", "kernel-6.1.0-57.json", ALL, 115),
    ("6.1.0-57/kx-efi-exec_s", "kernel-6.1.0-57.json", ALL, 162),
    ("6.1.0-57/kx-n4-hot13-exec_s", "kernel-6.1.0-57.json", BY_KERNEL, 59),
    ("6.12.117+deb13/kx-p2300-exec_s", "kernel-6.12.117+deb13.json", ALL, 115),
    ("6.18.15+deb13/kx-p2300-exec_s", "kernel-6.18.15+deb13.json", ALL, 115),
    ("7.3.4+deb13/kx-p2300-exec_s", "kernel-7.3.4+deb13.json", ALL, 115),
    ("7.3.4+deb13/kx-efi-exec_s", "kernel-7.3.4+deb13.json", ALL, 160),
    ("7.3.4+deb13/kx-dimm-vmem-exec_s", "kernel-7.3.4+deb13.json", ALL, 123),
    (
        "7.3.4+deb13/kx-cma-exec_s",
        "kernel-7.3.4+deb13.json",
        &[BY_TOOLS, FILE, CRASH_BY_TOOLS, FILE_CRASH, WITHOUT_CMA],
        138,
    ),
    ("7.3.4+deb13/kx-crashcma-crash_s", "kernel-7.3.4+deb13.json", ALL, 116),
    ("7.3.4-kho/kx-kho-exec_s", "kernel-7.3.4-kho.json", &[BY_TOOLS, FILE, FILE_CRASH], 81),
];

fn releases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/releases")
}

/// One load: what was asked, and what was done.
struct Made {
    loader: Loader,
    purpose: Purpose,
    command_line: String,
    initrd: u64,
    without_cma: bool,
    record: Record,
}

impl Made {
    fn read(path: &Path, purpose: Purpose) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        if text.starts_with("###") {
            let Loaded { purpose, given, initrd, record } = Loaded::of(&text);
            return Self {
                loader: Loader::KexecLoad,
                purpose,
                command_line: given,
                initrd,
                without_cma: false,
                record,
            };
        }
        let log = LoadLog::of(&text);
        let load = log.last(purpose).unwrap_or_else(|| panic!("{}", path.display()));
        let initrd = load.segments.iter().find(|one| one.holds.as_deref() == Some("initrd"));
        let record = Record::all(&text).pop().unwrap();
        let line = record.command_line.as_str();
        // What the loader gave; the kernel puts the rest before it.
        let command_line = if purpose == Crash { line.split_once(' ').unwrap().1 } else { line };
        Self {
            loader: Loader::KexecFileLoad,
            purpose,
            command_line: command_line.to_owned(),
            initrd: initrd.unwrap().loaded,
            without_cma: path.ends_with(WITHOUT_CMA.0),
            record,
        }
    }

    fn plan(&self, machine: &Machine, row: &Row) -> Plan {
        let directory = releases().join(row.0.split_once('/').unwrap().0);
        let request = Request {
            purpose: self.purpose,
            loader: self.loader,
            kernel: kernel_of(&directory.join(row.1)),
            initrd: Some(self.initrd),
            command_line: &self.command_line,
            avoid_removable: false,
            without_cma: self.without_cma,
            purgatory: None,
            tools: None,
            caller: Caller::KexecTools,
        };
        kexec::plan(machine, &request, &Rules::LINUX).unwrap_or_else(|error| panic!("{}: {error}", row.0))
    }
}

fn machine(capture: &str) -> Machine {
    let snapshot: Snapshot = host::read(&releases().join(capture).join("10-setup.tar.gz")).unwrap();
    let mut machine = Machine::of(&snapshot).unwrap();
    // The guests' EFI has six ranges for run time, which these captures do not show.
    if capture.contains("efi") {
        machine.state.efi_runtime = Some(EfiRuntime { entries: 6, descriptor: 48 });
    }
    machine
}

#[test]
fn plans_are_what_each_release_did() {
    let mut wrong = Vec::new();
    for row in &ROWS {
        let machine = machine(row.0);
        let mut total = 0;
        for &(file, purpose) in row.2 {
            let made = Made::read(&releases().join(row.0).join("kexec").join(file), purpose);
            assert!(made.record.segments.len() >= 4, "{} {file}: {:?}", row.0, made.record);
            let mut plan = made.plan(&machine, row);
            if made.loader == Loader::KexecLoad {
                plan.segments.sort_by_key(|segment| segment.range.start());
            }
            let mut record = made.record;
            // 6.1 prints no map; see below for what its next kernel was told.
            if record.map.is_empty() && made.loader == Loader::KexecFileLoad {
                record.map = plan.next_kernel.iter().map(|e| (e.range, e.kind.number())).collect();
            }
            let score = score(&record, &plan);
            println!("{:33} {file:34} {} / {}", row.0, score.right, score.right + score.wrong.len());
            total += score.right;
            wrong.extend(score.wrong.into_iter().map(|what| format!("{} {file}: {what}", row.0)));
        }
        if total != row.3 {
            wrong.push(format!("{}: {total} facts are right, expected {}", row.0, row.3));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_6_1_does_not_print_its_next_kernel_does() {
    for row in ROWS.iter().filter(|row| row.0.starts_with("6.1.")) {
        let made = Made::read(&releases().join(row.0).join("kexec").join(FILE.0), Reboot);
        let second = host::read(&releases().join(row.0).join("90-second-kernel.tar.gz")).unwrap();
        let log = second.kernel_log.read().unwrap().clone();
        assert_eq!(joined(&made.plan(&machine(row.0), row).next_kernel), printed(&log), "{}", row.0);
    }
}

#[test]
fn the_contiguous_area_of_a_crash_kernel_is_its_ram_and_not_in_its_dump() {
    let row = &ROWS[9];
    let directory = releases().join(row.0);
    let made = Made::read(&directory.join("kexec").join(FILE_CRASH.0), Crash);
    let plan = made.plan(&machine(row.0), row);
    let vmcore = std::fs::read_to_string(directory.join("91-crash/vmcore.readelf.txt")).unwrap();
    assert_eq!(plan.vmcore, readelf(&vmcore));
    let iomem = std::fs::read_to_string(directory.join("91-crash/iomem.txt")).unwrap();
    let tree = ResourceTree::parse(&iomem).unwrap();
    let mut told: Vec<PhysRange> =
        plan.next_kernel.iter().filter(|e| e.kind == E820Type::Ram).map(|e| e.range).collect();
    told.sort_unstable();
    let theirs: Vec<PhysRange> = tree.system_ram().map(|resource| resource.range().unwrap()).collect();
    assert_eq!(told, theirs);
}
