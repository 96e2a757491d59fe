use evidence::Source;
use machine::{KernelState, Snapshot};

use super::*;
use crate::testing::{KERNEL, REQUEST};
use images::{KernelImage, SetupHeader};

const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-3fffffff : System RAM\n  \
                     20000000-21ffffff : Crash kernel\n";

fn state() -> KernelState {
    KernelState {
        firmware_map: Some(Vec::new()),
        possible_cpus: Some(2),
        crash_elfcorehdr_size: Some(917_616),
        ..KernelState::default()
    }
}

fn machine(iomem: &str, managed_pages: u64) -> Machine {
    let snapshot = Snapshot {
        iomem: Source::Read(iomem.into()),
        zoneinfo: Source::Read(format!(
            "Node 0, zone   Normal\n        managed  {managed_pages}\n  start_pfn:           256\n"
        )),
        architecture: Source::Read("x86_64".into()),
        ..Snapshot::default()
    };
    Machine { state: state(), ..Machine::of(&snapshot).unwrap() }
}

/// What is refused, and what would help.
fn of(machine: &Machine, request: &Request<'_>) -> (PlanError, Vec<Remedy>) {
    let error = plan(machine, request, &Rules::LINUX).unwrap_err();
    let remedies = remedies(machine, request, &Rules::LINUX, &error);
    (error, remedies)
}

#[test]
fn half_of_ram_binds_before_the_holes_do_and_both_sides_of_it_are_named() {
    let machine = machine(IOMEM, 0x4_0000);
    let large = Request { initrd: Some(0x2000_0000), ..REQUEST };
    let (error, remedies) = of(&machine, &large);
    // Half of 1 GiB. Beside the ramdisk: purgatory 5 pages, boot parameters 2, kernel 0x37ee.
    let size = 0x2000_0000 + 0x5000 + 0x2000 + 0x37e_e000;
    assert_eq!(error, PlanError::HalfOfRam { size, most: 0x2000_0000 });
    assert_eq!(error.errno(), Some("EINVAL"));
    let largest = 0x2000_0000 - 0x37f_5000;
    let more = 2 * 0x37f_5000;
    let expected = [Remedy::SmallerInitrd { largest, given: 0x2000_0000 }, Remedy::MoreRam { more }];
    assert_eq!(remedies, expected);
    // Each helps, and no smaller one would.
    let with = |initrd| plan(&machine, &Request { initrd: Some(initrd), ..REQUEST }, &Rules::LINUX);
    assert!(with(largest).is_ok() && with(largest + 1).is_err());
    let pages = 0x4_0000 + more / 0x1000;
    let ram = |pages| plan(&self::machine(IOMEM, pages), &large, &Rules::LINUX);
    assert!(ram(pages).is_ok() && ram(pages - 2).is_err());
}

#[test]
fn a_crash_kernel_that_is_too_small_is_told_the_least_that_holds_it() {
    // Each MiB more ends the search for the least elsewhere, with a kernel that may lie at any of them.
    let kernel = KernelImage::BzImage(SetupHeader { kernel_alignment: MIB, ..KERNEL });
    for mib in 0..8 {
        let initrd = Some(0x75_e1d8 + mib * MIB);
        let crash = Request { purpose: Purpose::Crash, kernel, initrd, ..REQUEST };
        let (error, found) = of(&machine(IOMEM, 0x4_0000), &crash);
        assert!(matches!(error, PlanError::NoHole { .. }), "{error}");
        let least = found.iter().find_map(|remedy| match remedy {
            Remedy::LargerCrashKernel { least, reserved: 0x200_0000 } => Some(*least),
            _ => None,
        });
        let with = |size: u64| {
            let iomem = IOMEM.replace("21ffffff", &format!("{:x}", 0x2000_0000 + size - 1));
            plan(&machine(&iomem, 0x4_0000), &crash, &Rules::LINUX)
        };
        assert!(least.is_some_and(|least| with(least).is_ok() && with(least - MIB).is_err()), "{found:?}");
    }
}

#[test]
fn without_a_reservation_the_least_one_is_named() {
    let none = "00001000-0009fbff : System RAM\n00100000-3fffffff : System RAM\n";
    let crash = Request { purpose: Purpose::Crash, ..REQUEST };
    let (error, remedies) = of(&machine(none, 0x4_0000), &crash);
    assert_eq!(error, PlanError::NoCrashKernel);
    assert!(matches!(remedies[..], [Remedy::LargerCrashKernel { reserved: 0, .. }]), "{remedies:?}");
    assert!(remedies[0].to_string().starts_with("crashkernel=66M is the least"), "{}", remedies[0]);
}

#[test]
fn where_handover_leaves_too_little_switching_it_off_helps() {
    let scratch = vec![PhysRange::new(0x1000_0000, 0x1600_0000).unwrap()];
    let mut machine = machine(IOMEM, 0x4_0000);
    machine.state.kho = Kho::On(scratch);
    let large = Request { initrd: Some(0x400_0000), ..REQUEST };
    let (error, remedies) = of(&machine, &large);
    assert_eq!(error.errno(), Some("EADDRNOTAVAIL"));
    assert!(remedies.contains(&Remedy::WithoutHandover), "{remedies:?}");
    assert!(matches!(remedies[0], Remedy::SmallerInitrd { .. }), "{remedies:?}");
}

#[test]
fn a_command_line_that_is_too_long_says_by_how_much() {
    let line = "x".repeat(2050);
    let (_, remedies) = of(&machine(IOMEM, 0), &Request { command_line: &line, ..REQUEST });
    assert_eq!(remedies, [Remedy::ShorterCommandLine { by: 34 }]);
    let shorter = "x".repeat(2016);
    let request = Request { command_line: &shorter, ..REQUEST };
    assert!(plan(&machine(IOMEM, 0), &request, &Rules::LINUX).is_ok());
}
