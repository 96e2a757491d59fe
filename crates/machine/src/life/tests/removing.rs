use evidence::snapshot::FirmwareMapEntry;

use super::{life, two_nodes};
use crate::life::Errno;

#[test]
fn an_eject_takes_blocks_offline_and_leaves_nothing() {
    let snapshot = two_nodes();
    let (mut life, before) = (life(&snapshot), life(&snapshot));
    life.must("add dimm 512M at 0x140000000 node 2 as dimm0");
    let change = life.must("remove dimm0");
    assert_eq!((life.iomem(), life.memory_blocks()), (before.iomem(), before.memory_blocks()));
    assert_eq!(life.firmware_records(), before.firmware_records());
    let last = change.items.last().map(|item| (item.what.as_str(), item.before.as_deref()));
    assert_eq!(last, Some(("node", Some("node2"))));
    // The kernel numbers the entries of the map on, as in captures/releases/7.3.4+deb13/life-mixed.
    life.must("add dimm 128M at 0x140000000");
    assert_eq!(life.firmware_records().unwrap()[1].index, 2);
}

/// As in captures/x86/rt-dimm: one block was in Normal and stayed; the others, Movable before, came back to Normal.
#[test]
fn an_eject_that_fails_puts_blocks_online_where_the_policy_puts_them_now() {
    let mut life = life(&two_nodes());
    life.must("policy state=online_movable");
    life.must("add dimm 512M at 0x140000000 node 1 as hd1");
    life.must("offline memory40");
    life.must("online memory40 kernel");
    life.must("pin memory40");
    let change = life.apply(&"remove hd1".parse().unwrap()).unwrap();
    assert_eq!(
        change.refused.map(|refusal| (refusal.errno, refusal.rule)),
        Some((Errno::Ebusy, "unmovable-pages"))
    );
    assert_eq!(life.added(), ["40", "41", "42", "43"].map(|number| format!("{number} online 1 Normal")));
    assert_eq!(life.disagreement(), None);
}

#[test]
fn kmem_gives_memory_back_only_once_all_of_it_is_offline() {
    let mut life = life(&two_nodes());
    life.must("add kmem dax0.0 256M at 0x100000000 node 0");
    assert_eq!(life.refuses("remove dax0.0").rule, "blocks-still-online");
    life.must("offline memory32-memory33");
    life.must("remove dax0.0");
    assert!(!life.iomem().contains("dax0.0"));
}

#[test]
fn what_no_device_brought_cannot_be_removed() {
    let mut life = life(&two_nodes());
    let refusal = life.refuses("remove 0x40000000");
    assert_eq!((refusal.errno, refusal.rule), (Errno::Enodev, "no-such-device"));
    assert!(refusal.reason.contains("boot memory"), "{}", refusal.reason);
    life.must("add xen 128M at 0x100000000");
    assert_eq!(life.refuses("remove 0x100000000").rule, "balloons-keep-blocks");
}

#[test]
fn a_device_without_a_name_takes_its_resource_with_it() {
    let snapshot = two_nodes();
    let (mut life, before) = (life(&snapshot), life(&snapshot).iomem());
    life.must("add kmem 256M at 0x100000000");
    life.must("offline memory32-memory33");
    life.must("remove 0x100000000");
    life.must("add virtio-mem 256M at 0x100000000");
    life.must("resize 'virtio-mem at 0x100000000' to 0");
    life.must("remove 'virtio-mem at 0x100000000'");
    assert_eq!(life.iomem(), before);
}

#[test]
fn only_an_entry_of_system_ram_leaves_the_firmwares_map_with_its_memory() {
    let mut snapshot = two_nodes();
    if let evidence::Source::Read(entries) = &mut snapshot.firmware_memmap {
        let kind = "Soft Reserved".to_owned();
        entries.push(FirmwareMapEntry { index: 1, start: 0x1_0000_0000, last: 0x1_0fff_ffff, kind });
    }
    let mut life = life(&snapshot);
    life.must("add kmem dax0.0 256M at 0x100000000 over 'Soft Reserved'");
    life.must("offline memory32-memory33");
    life.must("remove dax0.0");
    assert_eq!(life.firmware_records(), snapshot.firmware_memmap.read().cloned());
}

#[test]
fn virtio_mem_of_a_capture_shrinks_to_nothing_and_leaves_once() {
    let mut first = life(&two_nodes());
    first.must("add virtio-mem 256M at 0x100000000 node 1 up to 1G as virtio2");
    let mut life = life(&first.snapshot(&two_nodes()));
    life.must("resize virtio2 to 0");
    life.must("load kdump by load");
    let change = life.must("remove virtio2");
    assert_eq!(change.items.len(), 1, "{change:?}");
    assert_eq!(life.images().stale_kdump(), None);
}
