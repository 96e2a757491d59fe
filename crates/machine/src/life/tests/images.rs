use super::{life, two_nodes};

#[test]
fn the_crash_header_follows_blocks_and_misses_the_removal() {
    // The table of captures/x86/h1-repair.
    let mut life = life(&two_nodes());
    life.must("policy state=online_movable");
    life.must("add dimm 512M at 0x100000000 as d0");
    life.must("load kdump by file");
    life.must("add dimm 256M at 0x120000000 as d1");
    assert_eq!(life.images().stale_kdump(), None, "a block that goes online rebuilds the header");
    life.must("remove d0");
    let stale = life.images().stale_kdump().unwrap();
    assert!(
        stale.contains("since `remove d0`") && stale.contains("100000000-11fffffff, which is gone"),
        "{stale}"
    );
    life.must("offline memory36");
    assert_eq!(life.images().stale_kdump(), None, "the next memory event repairs it");
    life.must("remove d1");
    assert!(life.images().stale_kdump().is_some());
    life.must("load kdump by file");
    assert_eq!(life.images().stale_kdump(), None);
    life.must("policy state=offline");
    life.must("add dimm 256M at 0x130000000 as d2");
    let stale = life.images().stale_kdump().unwrap();
    assert!(stale.contains("does not list 130000000-13fffffff, until a block of it goes online"), "{stale}");
    life.must("online memory38");
    assert_eq!(life.images().stale_kdump(), None);
}

#[test]
fn nobody_rebuilds_the_header_of_kexec_load() {
    let mut life = life(&two_nodes());
    life.must("load kdump by load");
    life.must("add virtio-mem 128M at 0x100000000 node 1");
    assert!(life.images().stale_kdump().unwrap().contains("does not list 100000000-107ffffff"));
}

#[test]
fn an_image_in_a_dimm_that_goes_is_deadly() {
    let mut life = life(&two_nodes());
    life.must("add dimm 512M at 0x100000000 as d0");
    life.must("load kexec by file at 0x11c800000-0x11fffffff 0x7ffd0000-0x7ffdffff");
    life.must("remove d0");
    let stale = life.images().stale_kexec().unwrap();
    assert!(stale.contains("11c800000-11fffffff lies in memory that is gone"), "{stale}");
}

#[test]
fn only_kexec_load_tells_the_next_kernel_of_dimms() {
    let mut life = life(&two_nodes());
    life.must("add dimm 512M at 0x100000000 as d0");
    life.must("load kexec by file at 0x7f000000-0x7f0fffff");
    life.must("remove d0");
    assert_eq!(life.images().stale_kexec(), None);
    life.must("load kexec by load at 0x7f000000-0x7f0fffff");
    life.must("add dimm 256M at 0x120000000 as d1");
    assert!(life.images().stale_kexec().unwrap().contains("does not list 120000000-12fffffff"));
    life.must("remove d1");
    assert_eq!(life.images().stale_kexec(), None, "what came and went changes nothing");
}

#[test]
fn memory_that_went_and_came_back_leaves_an_image_as_it_was() {
    let mut life = life(&two_nodes());
    life.must("policy state=offline");
    life.must("add dimm 128M at 0x100000000");
    life.must("load kdump by load");
    life.must("load kexec by load at 0x1000000-0x1ffffff");
    life.must("remove 0x100000000");
    assert!(life.images().stale_kdump().is_some() && life.images().stale_kexec().is_some());
    life.must("add dimm 128M at 0x100000000");
    assert_eq!((life.images().stale_kdump(), life.images().stale_kexec()), (None, None));
}

#[test]
fn kexec_is_never_told_of_driver_managed_memory_and_kdump_is() {
    let mut life = life(&two_nodes());
    life.must("policy state=offline");
    life.must("load kdump by load");
    life.must("load kexec by load at 0x1000000-0x1ffffff");
    life.must("add kmem dax0.0 128M at 0x100000000");
    assert_eq!(life.images().stale_kexec(), None);
    assert!(life.images().stale_kdump().is_some());
}
