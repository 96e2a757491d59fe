use super::{arm64, life, two_nodes, with_command_line};
use crate::life::{Errno, Life};

fn rule(life: &mut Life, event: &str) -> (Errno, &'static str) {
    let refusal = life.refuses(event);
    (refusal.errno, refusal.rule)
}

#[test]
fn an_offline_block_lists_the_zone_that_plain_online_picks_first() {
    let mut life = life(&two_nodes());
    life.must("policy state=offline");
    life.must("add dimm 512M at 0x140000000 node 1");
    assert_eq!(
        life.added(),
        ["40", "41", "42", "43"].map(|number| format!("{number} offline 1 Normal/Movable"))
    );
    // As in captures/x86/rt-dimm: once the last block is movable, those below may still go to Normal, but between two
    // movable blocks the default is Movable.
    life.must("online memory43 movable");
    assert_eq!(life.added()[0], "40 offline 1 Normal/Movable");
    life.must("online memory40 movable");
    assert_eq!(life.added()[1], "41 offline 1 Movable/Normal");
    life.must("online memory41");
    assert_eq!(life.added()[1], "41 online 1 Movable");
}

#[test]
fn with_movable_node_added_memory_is_movable() {
    let mut life = life(&with_command_line("movable_node"));
    life.must("add dimm 128M at 0x140000000 node 1");
    assert_eq!(life.added(), ["40 online 1 Movable"]);
}

#[test]
fn a_zone_shrinks_to_the_memory_that_is_left_at_its_ends_and_keeps_holes() {
    let mut life = life(&two_nodes());
    life.must("add dimm 512M at 0x140000000 node 1");
    let normal =
        |life: &Life| life.zones().span(1, crate::boot::zones::ZoneKind::Normal).map(|span| span.to_string());
    life.must("offline memory41");
    assert_eq!(normal(&life).as_deref(), Some("140000000-15fffffff"));
    life.must("offline memory40");
    assert_eq!(normal(&life).as_deref(), Some("150000000-15fffffff"));
    life.must("offline memory42-memory43");
    assert_eq!(normal(&life), None);
}

#[test]
fn refusals_come_in_the_order_of_linux() {
    let mut life = life(&two_nodes());
    life.must("pin memory0-memory1");
    assert_eq!(rule(&mut life, "offline memory0"), (Errno::Einval, "block-in-several-zones"));
    assert_eq!(rule(&mut life, "offline memory1"), (Errno::Ebusy, "unmovable-pages"));
    assert_eq!(rule(&mut life, "online memory2"), (Errno::Einval, "already-online"));
    assert_eq!(rule(&mut life, "offline memory99"), (Errno::Enoent, "no-such-block"));
    life.must("offline memory2");
    assert_eq!(rule(&mut life, "offline memory2"), (Errno::Einval, "already-offline"));
    life.must("unpin memory1");
    life.must("offline memory1");
}

#[test]
fn a_block_with_holes_cannot_go_offline() {
    let mut snapshot = two_nodes();
    snapshot.iomem = evidence::Source::Read("00100000-7ffdffff : System RAM\n".into());
    assert_eq!(rule(&mut life(&snapshot), "offline memory15"), (Errno::Einval, "block-with-holes"));
}

#[test]
fn boot_memory_stays_on_arm64() {
    let mut life = life(&arm64());
    assert_eq!(rule(&mut life, "offline memory9"), (Errno::Eperm, "boot-memory-stays"));
    life.must("add dimm 128M at 0x80000000 node 0");
    life.must("offline memory16");
}

#[test]
fn of_several_blocks_those_that_refuse_do_not_keep_the_others() {
    let mut life = life(&two_nodes());
    life.must("add dimm 512M at 0x140000000 node 1");
    life.must("pin memory41-memory42");
    life.must("offline memory43");
    let change = life.apply(&"offline memory40-memory43".parse().unwrap()).unwrap();
    let refused = change.refused.unwrap();
    assert_eq!(refused.rule, "unmovable-pages");
    assert!(refused.reason.starts_with("2 of 4 blocks refuse; memory41 "), "{}", refused.reason);
    let online: Vec<bool> =
        life.blocks().filter(|block| block.index >= 16).map(|block| block.is_online).collect();
    assert_eq!(online, [false, true, true, false]);
    assert_eq!(rule(&mut life, "offline memory41-memory42"), (Errno::Ebusy, "unmovable-pages"));
    assert_eq!(rule(&mut life, "offline memory43-memory50"), (Errno::Einval, "already-offline"));
}
