//! Unflattening the device tree into structures.

use firmware::fdt::Fdt;
use memblock::Request;

use crate::boot::arm64::reserved_memory::{self, ReservedMemory};
use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::input::build::Arm64Build;
use crate::boot::trace::Step;

/// Structures are aligned to this (`__alignof__(struct device_node)`).
const ALIGN: u64 = 8;

/// Prepares reserved memory for drivers, and allocates a structure for each node and property. Returns whether there is
/// a default CMA area now.
pub(super) fn unflatten(
    early: &mut Early<'_>,
    tree: &Fdt<'_>,
    input: &BootInput,
    reserved: &ReservedMemory,
) -> Result<bool, Halt> {
    let has_default_cma = reserved_memory::prepare(early, input, reserved)?;
    early.begin(Step {
        name: "unflatten_device_tree",
        source: "drivers/of/fdt.c:__unflatten_device_tree, unflatten_dt_nodes (6.12)",
    });
    let request = Request { align: ALIGN, ..Request::new(size(tree, &input.build.arm64)) };
    early.try_alloc(&request, "a structure for each node and property of the device tree")?;
    Ok(has_default_cma)
}

/// The total size of all structures, one after another: for each node its structure and name, for each property its
/// structure, and for a node without a `name` property one more structure plus the name. A 4-byte marker follows.
pub(super) fn size(tree: &Fdt<'_>, build: &Arm64Build) -> u64 {
    let mut size: u64 = 0;
    let mut take = |bytes: u64| {
        size = size.checked_next_multiple_of(ALIGN).unwrap_or(u64::MAX).saturating_add(bytes);
    };
    let with_nul = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_add(1);
    for (_, node) in tree.nodes() {
        take(build.device_node.saturating_add(with_nul(node.name())));
        let mut has_name = false;
        for property in node.properties() {
            has_name |= property.name() == b"name";
            take(build.property);
        }
        if !has_name {
            let name = node.name().split_once('@').map_or(node.name(), |(name, _)| name);
            take(build.property.saturating_add(with_nul(name)));
        }
    }
    size.checked_next_multiple_of(4).unwrap_or(u64::MAX).saturating_add(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_a_real_machine_takes_the_size_its_kernel_logged() {
        let blob = include_bytes!("../../../../firmware/tests/data/arm64-dts-resv.fdt");
        let tree = Fdt::new(blob).unwrap();
        assert_eq!(size(&tree, &Arm64Build::of(&crate::releases::checked())), 52452);
    }
}
