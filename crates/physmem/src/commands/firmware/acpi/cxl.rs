//! The CEDT: where CXL memory may appear.

use firmware::acpi::{AcpiError, Table};
use firmware::cedt::{Cedt, Entry};

use super::super::decoded::{Cell, Decoded};
use super::{other, sound};

pub(super) fn decode(table: Table<'_>, decoded: &mut Decoded) -> Result<(), AcpiError> {
    let entries = sound(Cedt::from_table(table)?.entries(), decoded);
    let (mut bridges, mut windows) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::HostBridge(bridge) => bridges.push(vec![
                ("uid", Cell::number(bridge.uid)),
                ("cxl_version", Cell::number(bridge.cxl_version)),
                ("registers", Cell::Range(Some(bridge.registers))),
            ]),
            Entry::FixedMemoryWindow(window) => windows.push(vec![
                ("range", Cell::Range(Some(window.window))),
                ("ways", Cell::number(window.ways)),
                ("granularity", Cell::Size(Some(window.granularity.into()))),
                ("volatile", Cell::Flag(window.volatile())),
                ("persistent", Cell::Flag(window.persistent())),
                ("targets", Cell::Numbers(window.targets().map(u64::from).collect())),
            ]),
            Entry::XorInterleaveMath(_) => {}
            Entry::Other { offset, kind, len } => decoded.note(other(offset, kind, len)),
        }
    }
    decoded.section("windows", windows);
    decoded.section("host-bridges", bridges);
    Ok(())
}
