//! The device tree that physmem hands to the next kernel on arm64: this boot's, with `/chosen` as the next boot needs it.
//!
//! What is written and removed is what kexec_file_load writes and removes (drivers/of/kexec.c, 6.12; dt-schema
//! chosen.yaml), except entries in the memory reservation block: a kernel reserves its initial ramdisk and the header
//! of a dump by itself, and what the interrupt controller uses is added. Nodes and properties keep their order; what nothing names is left out.

use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use firmware::fdt::{Fdt, Node};
use memblock::PhysRange;

use crate::error::Arm64Error;
use crate::tell::tree_size::{cells, kept_reservations};

/// The largest tree that an arm64 kernel takes (Documentation/arch/arm64/booting.rst, "Setup the device tree").
pub(crate) const MOST: u64 = 2 << 20;
/// The deepest node that Linux unpacks (drivers/of/fdt.c:FDT_MAX_DEPTH, 6.12).
const DEEPEST: usize = 64;
/// Where the header has the number of the boot CPU, `boot_cpuid_phys`.
const BOOT_CPU: std::ops::Range<usize> = 28..32;

/// What an earlier boot was told and the next one is not: where things were that are no longer there.
const STALE: [&str; 9] = [
    "linux,initrd-start",
    "linux,initrd-end",
    "linux,elfcorehdr",
    "linux,usable-memory-range",
    "kaslr-seed",
    "rng-seed",
    "linux,ima-kexec-buffer",
    "linux,kho-fdt",
    "linux,kho-scratch",
];

/// What `/chosen` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) command_line: &'a str,
    pub(crate) initrd: Option<PhysRange>,
    pub(crate) elfcorehdr: Option<PhysRange>,
    /// The crash kernel's areas; empty for a reboot.
    pub(crate) usable_memory: &'a [PhysRange],
    /// Memory that is in use and that is added to the memory reservation block, unless it is there already.
    pub(crate) reserved: &'a [PhysRange],
    /// Random bytes, from which the kernel chooses its addresses.
    pub(crate) kaslr_seed: [u8; 8],
    /// Random bytes.
    pub(crate) rng_seed: [u8; 32],
}

/// The tree. Its size depends on no address and no random byte in `chosen`. O(bytes of the tree).
///
/// # Errors
///
/// [`Arm64Error::DeviceTree`] or [`Arm64Error::Unwritable`] when this boot's cannot be read or written again,
/// [`Arm64Error::Cells`] when the root's cells are too small for the crash kernel's areas, [`Arm64Error::TreeTooLarge`].
pub(crate) fn write(tree: &[u8], chosen: &Chosen<'_>) -> Result<Vec<u8>, Arm64Error> {
    let boot = Fdt::new(tree)?;
    if boot.nodes().any(|(depth, _)| depth > DEEPEST) {
        return Err(unwritable(format!("a node lies deeper than {DEEPEST}")));
    }
    // Without what a boot loader left free behind its blocks.
    let size = boot.structure_size().saturating_add(boot.strings().len());
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    if size > MOST {
        return Err(Arm64Error::TreeTooLarge { size, most: MOST });
    }
    let mut model = DeviceTree::new();
    model.root = node(&boot.root())?;
    let kept: Vec<PhysRange> = kept_reservations(&boot, true).into_iter().flatten().collect();
    let added = chosen.reserved.iter().filter(|range| !kept.iter().any(|kept| kept.encloses(**range)));
    let entry = |range: &PhysRange| MemoryReservation::new(range.start(), range.size());
    model.memory_reservations = kept.iter().chain(added).map(entry).collect();
    let cells = cells(&boot, chosen.usable_memory)?;
    edit(model.root.add_child_mut(DeviceTreeNode::new_unchecked("chosen")), chosen, cells);
    let mut bytes = model.to_dtb();
    if let (Some(place), Some(cpu)) = (bytes.get_mut(BOOT_CPU), tree.get(BOOT_CPU)) {
        place.copy_from_slice(cpu);
    }
    // The writer takes two nodes, or properties, of one name in one node for one.
    if count(&boot) != count(&Fdt::new(&bytes)?) {
        return Err(unwritable("two nodes, or two properties, of one node have one name".to_owned()));
    }
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MOST { Err(Arm64Error::TreeTooLarge { size, most: MOST }) } else { Ok(bytes) }
}

const fn unwritable(why: String) -> Arm64Error {
    Arm64Error::Unwritable { why }
}

/// A node with all below it. Its names are not held against the specification, which boards' trees break: dtoolkit's
/// own reader would refuse those.
fn node(of: &Node<'_>) -> Result<DeviceTreeNode, Arm64Error> {
    let mut written = DeviceTreeNode::new_unchecked(of.name());
    for property in of.properties() {
        let name = std::str::from_utf8(property.name())
            .map_err(|_| unwritable(format!("the name of a property of {} is no text", of.name())))?;
        written.add_property(DeviceTreeProperty::new_unchecked(name, property.value()));
    }
    // Not deeper than DEEPEST.
    for child in of.children() {
        written.add_child(node(&child)?);
    }
    Ok(written)
}

/// Makes `/chosen` say what it has to. `cells` are those of an address and of a size.
fn edit(node: &mut DeviceTreeNode, chosen: &Chosen<'_>, cells: (u32, u32)) {
    for name in STALE {
        node.remove_property(name);
    }
    let mut set = |name: &str, value: Vec<u8>| {
        node.add_property(DeviceTreeProperty::new_unchecked(name, value));
    };
    let pairs = |ranges: &[PhysRange]| -> Vec<u8> {
        ranges
            .iter()
            .flat_map(|range| [cell(cells.0, range.start()), cell(cells.1, range.size())].concat())
            .collect()
    };
    if let Some(initrd) = chosen.initrd {
        set("linux,initrd-start", initrd.start().to_be_bytes().to_vec());
        set("linux,initrd-end", initrd.end().to_be_bytes().to_vec());
    }
    if let Some(header) = chosen.elfcorehdr {
        set("linux,elfcorehdr", pairs(&[header]));
    }
    if !chosen.usable_memory.is_empty() {
        set("linux,usable-memory-range", pairs(chosen.usable_memory));
    }
    set("bootargs", chosen.command_line.bytes().chain([0]).collect());
    set("kaslr-seed", chosen.kaslr_seed.to_vec());
    set("rng-seed", chosen.rng_seed.to_vec());
    set("linux,booted-from-kexec", Vec::new());
}

/// A number in one or two cells, which was checked to fit.
fn cell(cells: u32, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let unused = if cells == 1 { 4 } else { 0 };
    bytes.get(unused..).unwrap_or_default().to_vec()
}

/// How many nodes and properties there are beside `/chosen`.
fn count(tree: &Fdt<'_>) -> (usize, usize) {
    let is_chosen = |depth: usize, node: &Node<'_>| depth == 1 && node.name() == "chosen";
    let others = || tree.nodes().filter(|(depth, node)| !is_chosen(*depth, node));
    (others().count(), others().map(|(_, node)| node.properties().count()).sum())
}

#[cfg(test)]
mod tests;
