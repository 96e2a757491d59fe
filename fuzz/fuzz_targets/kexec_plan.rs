//! Plans of any kernel on any machine, by both loaders: segments lie apart, where memory may hold them.
#![no_main]

use evidence::Source;
use evidence::snapshot::{Bytes, FirmwareMapEntry, MemblockFiles};
use kexec::{Arm64Header, Caller, KernelImage, Purpose, Request, SetupHeader};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    is_arm64: bool,
    is_crash: bool,
    by_file: bool,
    avoid_removable: bool,
    header: (u32, u8, u64, u64, u32, u16),
    initrd: Option<u32>,
    command_line: &'a str,
    log: &'a str,
    device_tree: &'a [u8],
    iomem: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    // Mostly, a machine that has memory.
    let iomem = if input.iomem.len() < 16 {
        "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n  6b000000-7affffff : Crash kernel\n\
         100000000-13fffffff : System RAM\n140000000-17fffffff : System RAM (kmem)\n"
    } else {
        input.iomem
    };
    let entry = |index, start, last| FirmwareMapEntry { index, start, last, kind: "System RAM".into() };
    // What kexec-tools reads: it does not ask whether this kernel uses it, so only for a machine that does.
    let firmware_memmap = if iomem == input.iomem {
        Source::Missing
    } else {
        Source::Read(vec![entry(0, 0x1000, 0x9_fbff), entry(1, 0x10_0000, 0x7ffd_ffff)])
    };
    let snapshot = Snapshot {
        firmware_memmap,
        iomem: Source::Read(iomem.into()),
        architecture: Source::Read(if input.is_arm64 { "aarch64" } else { "x86_64" }.into()),
        kernel_log: Source::Read(input.log.into()),
        device_tree: Source::Read(Bytes(input.device_tree.to_vec())),
        memblock: MemblockFiles {
            memory: Source::Read(
                "   0: 0x0000000000100000..0x000000007ffdffff    0 NONE\n   1: 0x0000000140000000..0x000000017fffffff    0 DRV_MNG\n".into(),
            ),
            reserved: Source::Read("   0: 0x0000000001000000..0x0000000003ffffff    0 NONE\n".into()),
            ..MemblockFiles::default()
        },
        ..Snapshot::default()
    };
    let Ok(machine) = Machine::of(&snapshot) else { return };
    let (file_size, setup_sects, pref_address, kernel_alignment, init_size, cmdline_size) = input.header;
    let kernel = if input.is_arm64 {
        KernelImage::Arm64(Arm64Header {
            file_size: file_size.into(),
            text_offset: kernel_alignment,
            image_size: pref_address,
        })
    } else {
        KernelImage::BzImage(SetupHeader {
            file_size: file_size.into(),
            setup_sects,
            pref_address,
            kernel_alignment,
            init_size: init_size.into(),
            cmdline_size: cmdline_size.into(),
            above_4g: cmdline_size % 2 != 0,
        })
    };
    let request = Request {
        purpose: if input.is_crash { Purpose::Crash } else { Purpose::Reboot },
        loader: if input.by_file { Loader::KexecFileLoad } else { Loader::KexecLoad },
        kernel,
        initrd: input.initrd.map(u64::from),
        command_line: input.command_line,
        avoid_removable: input.avoid_removable,
        without_cma: false,
        purgatory: None,
        tools: None,
        caller: if setup_sects & 0x80 != 0 { Caller::Physmem } else { Caller::KexecTools },
    };
    match kexec::plan(&machine, &request, &Rules::LINUX) {
        Ok(plan) => {
            let tree = machine.resources().expect("a plan has read it");
            let ram: Vec<PhysRange> =
                tree.system_ram_not_driver_managed().filter_map(|r| r.range().ok()).collect();
            for (index, segment) in plan.segments.iter().enumerate() {
                assert!(segment.loaded <= segment.range.size());
                assert!(plan.segments[..index].iter().all(|other| !other.range.overlaps(segment.range)));
                assert!(ram.iter().any(|range| range.encloses(segment.range)), "{segment:?} in {iomem}");
            }
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            for remedy in kexec::remedies(&machine, &request, &Rules::LINUX, &error) {
                assert!(!remedy.to_string().is_empty());
            }
        }
    }
});
