//! The device trees and logs of real machines are in tests/captures: here are the edges.

use rules::Rules;

use super::super::scene::Scene;
use super::super::testing::{IOMEM, x86};
use super::tables;

#[test]
fn a_machine_without_a_device_tree_has_no_such_tables() {
    let log = "GICv3: using LPI property table @0x0000000041060000\n";
    let snapshot = x86(IOMEM, log, &[]);
    let machine = machine::Machine::of(&snapshot).unwrap();
    let scene = Scene::of(&snapshot, &machine, &Rules::LINUX);
    assert_eq!(scene.log_lines(&super::LINES).len(), 1);
    assert!(tables(&scene).is_empty());
}
