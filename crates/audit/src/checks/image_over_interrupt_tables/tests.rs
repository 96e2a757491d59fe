//! The device trees and logs of real machines are in tests/findings.rs: here are the edges.

use rules::Rules;

use super::tables;
use crate::subject::Subject;
use crate::testing::{IOMEM, x86};

#[test]
fn a_machine_without_a_device_tree_has_no_such_tables() {
    let log = "GICv3: using LPI property table @0x0000000041060000\n";
    let snapshot = x86(IOMEM, log, &[]);
    let machine = machine::Machine::of(&snapshot).unwrap();
    let subject = Subject::of(&machine, &Rules::LINUX);
    assert_eq!(machine.evidence.log.read().unwrap().quotes.interrupt_tables.len(), 1);
    assert!(tables(&subject).is_empty());
}
