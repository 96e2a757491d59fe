use evidence::Snapshot;
use evidence::Source;

use super::{arm64, life, two_nodes};
use crate::life::{Errno, Life, What};

fn memblock(life: &Life) -> String {
    evidence::tables::memblock_text(&life.memblock().unwrap().iter().collect::<Vec<_>>())
}

#[test]
fn a_dimm_joins_the_resources_and_the_firmware_map_and_goes_online_by_the_policy() {
    let mut life = life(&two_nodes());
    life.must("add dimm 256M at 0x100000000 node 0");
    assert!(life.iomem().ends_with("\n100000000-10fffffff : System RAM\n"));
    assert_eq!(life.added(), ["32 online 0 Normal", "33 online 0 Normal"]);
    let map = life.firmware_records().unwrap();
    assert_eq!((map[1].index, map[1].start, map[1].last), (1, 1 << 32, 0x1_0fff_ffff));
}

#[test]
fn driver_managed_memory_never_joins_the_firmware_map() {
    let mut life = life(&two_nodes());
    life.must("add kmem dax0.0 256M at 0x100000000 node 0 as dax0.0");
    life.must("add virtio-mem 256M at 0x200000000 node 1 as virtio2");
    assert_eq!(life.firmware_records().unwrap().len(), 1);
    let text = life.iomem();
    assert!(
        text.contains("100000000-10fffffff : dax0.0\n  100000000-10fffffff : System RAM (kmem)\n"),
        "{text}"
    );
    assert!(
        text.contains("200000000-20fffffff : virtio2\n  200000000-20fffffff : System RAM (virtio_mem)\n")
    );
}

#[test]
fn memblock_gets_the_flag_of_the_driver_where_it_is_kept() {
    let mut life = life(&arm64());
    life.must("add dimm 128M at 0x80000000 node 0 as dimm0");
    life.must("add kmem dax0.0 128M at 0x88000000 node 0");
    let text = memblock(&life);
    assert_eq!(
        text,
        "   0: 0x0000000000100000..0x0000000087ffffff    0 NONE\n   1: 0x0000000088000000..0x000000008fffffff    0 DRV_MNG\n"
    );
    life.must("remove dimm0");
    assert!(memblock(&life).starts_with("   0: 0x0000000000100000..0x000000007fffffff    0 NONE\n"));
}

#[test]
fn kmem_uses_only_whole_blocks_of_each_range_and_says_what_is_lost() {
    let mut life = life(&two_nodes());
    let change = life.must("add kmem dax0.0 1022M at 0x100200000 and 256M at 0x200000000 node 0");
    assert!(life.iomem().contains("  108000000-13fffffff : System RAM (kmem)\n"));
    let lost = change.items.iter().find(|item| item.what == What::Device).unwrap();
    assert_eq!(lost.after.as_deref(), Some("1152M used"));
    let none = life.refuses("add kmem dax1.0 252M at 0x300200000 node 0");
    assert_eq!((none.errno, none.rule), (Errno::Einval, "no-whole-block"));
}

#[test]
fn what_a_dax_device_lies_on_is_made_if_it_is_not_there() {
    let mut life = life(&two_nodes());
    life.must("add kmem dax0.0 1028M at 0x100000000 node 0 over region0");
    let text = life.iomem();
    let expected = "100000000-1403fffff : region0\n  100000000-13fffffff : dax0.0\n    100000000-13fffffff : System RAM (kmem)\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn each_refusal_has_the_errno_of_linux() {
    let mut life = life(&two_nodes());
    let rule = |life: &mut crate::life::Life, event| {
        let refusal = life.refuses(event);
        (refusal.errno, refusal.rule)
    };
    assert_eq!(rule(&mut life, "add dimm 100M at 0x100000000"), (Errno::Einval, "whole-blocks-only"));
    assert_eq!(rule(&mut life, "add dimm 128M at 0x100100000"), (Errno::Einval, "whole-blocks-only"));
    assert_eq!(rule(&mut life, "add dimm 128M at 0x100000000 node 3"), (Errno::Einval, "node-not-possible"));
    assert_eq!(rule(&mut life, "add dimm 128M at 0x40000000 node 0"), (Errno::Eexist, "resource-in-the-way"));
    assert_eq!(
        rule(&mut life, "add dimm 128M at 0x10000000000000 node 0"),
        (Errno::E2big, "beyond-the-direct-map")
    );
    assert_eq!(rule(&mut life, "add dimm 0 at 0x100000000"), (Errno::Einval, "no-such-range"));
    life.must("add dimm 128M at 0x100000000 as dimm0");
    assert_eq!(rule(&mut life, "add dimm 128M as dimm0"), (Errno::Eexist, "device-exists"));
    assert_eq!(rule(&mut life, "resize dimm0 to 128M"), (Errno::Eopnotsupp, "only-virtio-mem-resizes"));
    assert_eq!(
        rule(&mut life, "add kmem dax0.0 128M at 0x200000000 online offline"),
        (Errno::Eopnotsupp, "driver-cannot-choose")
    );
}

#[test]
fn without_the_acpi_driver_a_dimm_stays_unused() {
    let mut life = life(&super::with_command_line("acpi_no_memhotplug"));
    assert_eq!(life.refuses("add dimm 128M at 0x100000000").rule, "no-acpi-memory-driver");
    life.must("add virtio-mem 128M at 0x100000000");
}

#[test]
fn a_newer_kmem_driver_may_choose_the_state_itself() {
    let newer = Snapshot { version: Source::Read("Linux version 7.3.4 (x)".into()), ..two_nodes() };
    let mut life = life(&newer);
    life.must("add kmem dax0.0 128M at 0x100000000 online online_movable");
    assert_eq!(life.added(), ["32 online 0 Movable"]);
}

/// A machine of 2 GiB: 128 GiB have 2 GiB of struct pages.
#[test]
fn the_struct_pages_of_added_memory_must_fit_into_kernel_zones() {
    let mut life = life(&two_nodes());
    let refusal = life.refuses("add dimm 128G at 0x100000000 node 0");
    assert_eq!((refusal.errno, refusal.rule), (Errno::Enomem, "no-room-for-struct-pages"));
    life.must("add dimm 64G at 0x100000000 node 0 as d0");
    // What went online in a kernel zone makes room for more.
    life.must("add dimm 128G at 0x2000000000 node 0");
    life.must("policy state=online_movable");
    assert_eq!(life.refuses("add dimm 16T at 0x10000000000 node 0").errno, Errno::Enomem);
}

#[test]
fn balloons_join_their_neighbors_and_dimms_do_not() {
    let mut life = life(&two_nodes());
    life.must("add hv-balloon 128M at 0x100000000");
    life.must("add hv-balloon 128M at 0x108000000");
    assert!(life.iomem().ends_with("100000000-10fffffff : System RAM\n"));
    life.must("add dimm 128M at 0x110000000");
    assert!(life.iomem().ends_with("110000000-117ffffff : System RAM\n"));
}

#[test]
fn struct_pages_lie_in_the_memory_itself_only_if_they_fill_huge_pages() {
    let mut snapshot = two_nodes();
    snapshot.memory_hotplug.insert("memmap_on_memory".into(), Source::Read("Y".into()));
    let mut life = life(&snapshot);
    life.must("add dimm 256M at 0x100000000");
    let memmap = |life: &crate::life::Life, number| life.block_table().get(number).unwrap().memmap;
    assert_eq!((memmap(&life, 32), memmap(&life, 33)), (2 << 20, 2 << 20));
    life.must("add virtio-mem 128M at 0x200000000");
    assert_eq!(memmap(&life, 64), 0, "virtio-mem never does this");
}

#[test]
fn two_devices_do_not_share_an_address() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 128M at 0x100000000 up to 1G as virtio2");
    assert_eq!(life.refuses("add dimm 128M at 0x120000000").rule, "device-in-the-way");
}

#[test]
fn a_range_that_fails_is_left_out_unless_it_is_the_first() {
    let mut life = life(&two_nodes());
    life.must("add dimm 128M at 0x140000000");
    let change =
        life.must("add kmem dax0.0 128M at 0x100000000 and 64M at 0x120000000 and 256M at 0x150000000");
    assert!(life.iomem().contains("150000000-15fffffff : dax0.0\n"), "{change:?}");
    life.must("add kmem dax1.0 128M at 0x180000000 and 128M at 0xffffffff00000000");
    assert_eq!(life.devices().iter().last().map(|device| device.ranges.len()), Some(1));
    assert_eq!(
        life.refuses("add kmem dax2.0 128M at 0x40000000 and 128M at 0x190000000").rule,
        "resource-in-the-way"
    );
}
