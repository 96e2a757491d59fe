use super::{life, two_nodes};
use crate::life::Life;

fn auto(ratio: &str) -> Life {
    let mut life = life(&two_nodes());
    life.must(&format!("policy online_policy=auto-movable {ratio}"));
    life
}

#[test]
fn memory_is_movable_until_the_ratio_of_the_node_is_used_up() {
    // Node 1 has 1 GiB of boot memory: 301 % of it is a little more than 3 GiB.
    let mut life = auto("ratio=301");
    life.must("add dimm 3G at 0x100000000 node 1");
    assert!(life.added().iter().all(|block| block.ends_with("Movable")));
    life.must("add dimm 128M at 0x200000000 node 1");
    assert_eq!(life.added().last().map(String::as_str), Some("64 online 1 Normal"));
    life.must("add dimm 128M at 0x210000000 node 0");
    assert_eq!(life.added().last().map(String::as_str), Some("66 online 0 Movable"));
}

#[test]
fn without_numa_awareness_only_the_sum_counts() {
    let mut life = auto("ratio=301 numa_aware=N");
    life.must("add dimm 4G at 0x100000000 node 1");
    assert!(life.added().iter().all(|block| block.ends_with("Movable")));
}

#[test]
fn a_dimm_is_movable_as_a_whole_or_not_at_all() {
    let mut life = auto("ratio=100");
    life.must("add dimm 1152M at 0x100000000 node 1");
    assert!(life.added().iter().all(|block| block.ends_with("Normal")));
}

/// The steps of captures/releases/7.3.4+deb13/life-auto-30, on nodes of other sizes: virtio-mem is judged block by
/// block, and its own kernel memory makes room for more movable memory.
#[test]
fn virtio_mem_is_judged_block_by_block() {
    let mut life = auto("ratio=30");
    life.must("add virtio-mem 512M at 0x100000000 node 1 up to 2G");
    assert_eq!(
        life.added(),
        ["32 online 1 Movable", "33 online 1 Movable", "34 online 1 Normal", "35 online 1 Normal"]
    );
}

/// Both nodes have a little less than 2 GiB of boot memory. The first device has 15 blocks in Movable and one in Normal,
/// which pays for one of them; what is left for others is a little less than two blocks.
#[test]
fn what_one_virtio_mem_device_uses_is_not_there_for_another() {
    let mut life = auto("ratio=100 numa_aware=N");
    life.must("add virtio-mem 2G at 0x100000000 node 1 up to 2G");
    assert_eq!(
        life.added().iter().filter(|block| block.ends_with("Movable")).count(),
        15,
        "{:?}",
        life.added()
    );
    life.must("add virtio-mem 384M at 0x200000000 node 1");
    let zones: Vec<_> = life.added().into_iter().skip(16).map(|block| block[12..].to_owned()).collect();
    // Its own block in Normal makes room for one more.
    assert_eq!(zones, ["Movable", "Normal", "Movable"]);
}

#[test]
fn a_ratio_of_0_makes_nothing_movable() {
    let mut life = auto("ratio=0");
    life.must("add dimm 128M at 0x100000000");
    assert_eq!(life.added(), ["32 online 0 Normal"]);
}
