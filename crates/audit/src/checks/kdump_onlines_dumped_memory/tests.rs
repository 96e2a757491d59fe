use evidence::Source;
use evidence::snapshot::BlockState::{Offline, Online};
use rules::Loader;

use crate::finding::Code;
use kexec::Purpose;

use crate::testing::{DIMM, IOMEM, crash_load, found, of_plan, plan, r, the, x86};

const CODE: Code = Code::KdumpOnlinesDumpedMemory;

#[test]
fn a_crash_kernel_without_the_parameter_takes_the_dimm() {
    let iomem = IOMEM.to_owned() + DIMM;
    let finding = the(&x86(&iomem, &crash_load("nr_cpus=1", &[]), &[Online, Online]), CODE);
    assert_eq!(finding.evidence[0], "100000000-10fffffff (256M): ACPI hot-add (PNP0C80:00), online");
    assert!(finding.evidence[1].ends_with("nr_cpus=1"), "{finding:?}");
}

#[test]
fn with_the_parameter_or_without_a_dimm_it_takes_nothing() {
    let iomem = IOMEM.to_owned() + DIMM;
    let kept_off = x86(&iomem, &crash_load("acpi_no_memhotplug", &[]), &[Online, Online]);
    assert_eq!(found(&kept_off, CODE), []);
    assert_eq!(found(&x86(IOMEM, &crash_load("", &[]), &[]), CODE), []);
    let virtio = IOMEM.to_owned() + "100000000-10fffffff : System RAM (virtio_mem)\n";
    assert_eq!(found(&x86(&virtio, &crash_load("", &[]), &[Online, Online]), CODE), []);
}

#[test]
fn the_running_crash_kernel_has_taken_what_is_online() {
    let of = |line: &str, state| {
        let mut snapshot = x86(&(IOMEM.to_owned() + DIMM), "", &[state, state]);
        snapshot.command_line = Source::Read(line.into());
        found(&snapshot, CODE).len()
    };
    assert_eq!(of("elfcorehdr=0x60000000", Online), 1);
    assert_eq!(of("elfcorehdr=0x60000000", Offline), 0);
    assert_eq!(of("quiet", Online), 0);
}

#[test]
fn a_planned_crash_kernel_is_judged_by_its_line_too() {
    let snapshot = x86(&(IOMEM.to_owned() + DIMM), "", &[Online, Online]);
    let mut plan = plan(Purpose::Crash, r(0x6000_0000, 0x6010_0000));
    plan.vmcore.push(r(0x1_0000_0000, 0x1_1000_0000));
    let [finding] = &of_plan(&snapshot, &plan, Loader::KexecFileLoad)[..] else { panic!() };
    assert_eq!(finding.code, CODE);
    plan.command_line = "acpi_no_memhotplug".into();
    assert_eq!(of_plan(&snapshot, &plan, Loader::KexecFileLoad), []);
}
