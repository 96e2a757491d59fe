use super::{life, two_nodes};
use crate::life::{DeviceKind, Life};

fn plugged(life: &Life) -> u64 {
    life.devices()
        .iter()
        .map(|device| match &device.kind {
            DeviceKind::VirtioMem(virtio) => virtio.plugged_bytes() >> 20,
            _ => 0,
        })
        .sum()
}

/// The steps of captures/x86/rt-virtio-mem.
#[test]
fn it_grows_and_shrinks_by_blocks_and_a_block_may_be_plugged_in_part() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 0 at 0x100000000 node 1 up to 2G as virtio2");
    assert!(life.iomem().ends_with("100000000-17fffffff : virtio2\n"));
    life.must("resize virtio2 to 1G");
    assert!(life.iomem().ends_with("  100000000-13fffffff : System RAM (virtio_mem)\n"));
    life.must("resize virtio2 to 512M");
    assert!(life.iomem().ends_with("  100000000-11fffffff : System RAM (virtio_mem)\n"));
    life.must("resize virtio2 to 544M");
    assert!(life.iomem().ends_with("  100000000-127ffffff : System RAM (virtio_mem)\n"));
    assert_eq!(plugged(&life), 544);
    life.must("resize virtio2 to 0");
    assert!(life.iomem().ends_with("100000000-17fffffff : virtio2\n"));
    life.must("remove virtio2");
}

#[test]
fn its_region_need_not_start_at_a_block() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 512M at 0x17fe00000 node 1 up to 2G as virtio2");
    assert!(
        life.iomem()
            .contains("17fe00000-1ffdfffff : virtio2\n  180000000-19fffffff : System RAM (virtio_mem)\n")
    );
}

/// As in captures/releases/7.3.4+deb13/life-auto-30, where blocks 32 and 33 were movable and the rest was not.
#[test]
fn movable_blocks_go_first_and_from_the_end() {
    let mut life = life(&two_nodes());
    life.must("policy state=offline");
    life.must("add virtio-mem 640M at 0x100000000 node 1 up to 2G as virtio2");
    life.must("online memory32-memory33 movable");
    life.must("online memory34-memory36 kernel");
    life.must("resize virtio2 to 128M");
    assert_eq!(life.added(), ["34 online 1 Normal"]);
}

#[test]
fn a_block_with_pages_that_cannot_move_stays_and_others_go_instead() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 512M at 0x100000000 node 1 up to 2G as virtio2");
    life.must("pin memory35");
    life.must("resize virtio2 to 256M");
    assert_eq!(life.added(), ["32 online 1 Normal", "35 online 1 Normal"]);
    let change = life.must("resize virtio2 to 0");
    assert_eq!(life.added(), ["35 online 1 Normal"]);
    let said = change.items.iter().find(|item| item.what.as_str() == "device").unwrap();
    assert!(said.reason.contains("pages that cannot move"), "{}", said.reason);
}

#[test]
fn the_driver_stops_at_1_gib_that_nobody_puts_online_and_goes_on_when_somebody_does() {
    let mut life = life(&two_nodes());
    life.must("policy state=offline");
    life.must("add virtio-mem 1536M at 0x100000000 node 1 up to 2G as virtio2");
    assert_eq!(plugged(&life), 1024);
    life.must("online memory32-memory35 movable");
    assert_eq!(plugged(&life), 1536);
}

#[test]
fn large_device_blocks_come_and_go_as_a_whole() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 1G at 0x100000000 node 1 up to 2G in 512M as virtio2");
    assert_eq!(life.added().len(), 8);
    life.must("pin memory39");
    life.must("resize virtio2 to 512M");
    assert_eq!(life.added().first().map(String::as_str), Some("36 online 1 Normal"));
    assert_eq!(plugged(&life), 512);
}

#[test]
fn what_is_requested_must_be_whole_device_blocks_that_the_device_has() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 0 at 0x100000000 up to 1G as virtio2");
    assert_eq!(life.refuses("resize virtio2 to 1M").rule, "requested-size");
    assert_eq!(life.refuses("resize virtio2 to 2G").rule, "requested-size");
    assert_eq!(life.refuses("add virtio-mem 128M at 0x130000000 up to 1G").rule, "resource-in-the-way");
}

/// As in captures/releases/7.3.4+deb13/life-mixed, where the driver was loaded before the first state was captured.
#[test]
fn a_device_whose_driver_is_loaded_already_keeps_its_resource() {
    let mut machine = two_nodes();
    machine.iomem = machine.iomem.map(|text| format!("{text}100000000-17fffffff : virtio2\n"));
    let mut life = life(&machine);
    life.must("add virtio-mem 256M at 0x100000000 node 1 up to 2G as virtio2");
    let expected = "\n100000000-17fffffff : virtio2\n  100000000-10fffffff : System RAM (virtio_mem)\n";
    assert!(life.iomem().ends_with(expected), "{}", life.iomem());
}

#[test]
fn a_device_does_not_take_a_resource_of_another_size() {
    let mut machine = two_nodes();
    machine.iomem = machine.iomem.map(|text| format!("{text}100000000-13fffffff : virtio2\n"));
    let mut life = life(&machine);
    let event = "add virtio-mem 256M at 0x100000000 node 1 up to 2G as virtio2".parse().unwrap();
    assert_eq!(life.apply(&event).unwrap_err().rule, "resource-in-the-way");
    assert!(life.iomem().ends_with("\n100000000-13fffffff : virtio2\n"));
}

#[test]
fn of_a_device_block_of_several_memory_blocks_each_goes_offline_before_it_leaves() {
    let mut life = life(&two_nodes());
    life.must("add virtio-mem 512M at 0x100000000 node 1 up to 2G in 256M as virtio2");
    life.must("offline memory32");
    life.must("resize virtio2 to 0");
    assert_eq!(life.added(), [""; 0]);
}
