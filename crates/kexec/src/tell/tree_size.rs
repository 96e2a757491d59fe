//! The size of the device tree that is handed to the next kernel.
//!
//! It is the boot device tree with `/chosen` edited and all blocks packed
//! (drivers/of/kexec.c:of_kexec_alloc_and_setup_fdt, 6.12). The kernel edits it with libfdt, whose rules
//! determine the size (Devicetree Specification 0.4, chapter 5; libfdt.h): the value of an existing property
//! is replaced in place; a new property takes three cells plus its value in whole cells, and its name is
//! added to the strings unless it is already there, possibly as the end of another name; names are never
//! removed.
//!
//! kexec-tools also uses libfdt, and edits less: see [`Edits::loader`].

use firmware::fdt::{Fdt, Node};
use memblock::PhysRange;
use rules::Loader;

use crate::error::Arm64Error;

/// Bytes of a packed tree's header, of an entry of the memory reservation block, and of a cell.
const HEADER: u64 = 40;
const RESERVATION: u64 = 16;
const CELL: u64 = 4;
/// A node without properties: the begin token, `chosen` in whole cells, and the end token.
const CHOSEN: u64 = 16;
/// Bytes of `rng-seed` (drivers/of/kexec.c:RNG_SEED_SIZE, 6.12).
const RNG_SEED: u64 = 128;

/// What is written into a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edits<'a> {
    /// kexec_file_load writes all of the following. kexec-tools reserves nothing, marks nothing, renews a
    /// `kaslr-seed` only if there is one, and without an initial ramdisk removes this boot's only after
    /// packing the tree, so the size stays the same (kexec-tools 2.0.25, trees that it handed to kexec_load).
    pub(crate) loader: Loader,
    pub(crate) command_line: &'a str,
    pub(crate) has_initrd: bool,
    /// The crash kernel's areas; empty for a load that is not for crashes.
    pub(crate) crash_areas: &'a [PhysRange],
    /// Whether there are random numbers for `kaslr-seed` and `rng-seed`.
    pub(crate) seeds: bool,
}

/// Size in bytes of the tree that is handed over.
///
/// # Errors
///
/// [`Arm64Error::Cells`] when the root's cells are too small for the crash kernel's areas.
pub(crate) fn size(tree: &Fdt<'_>, edits: &Edits<'_>) -> Result<u64, Arm64Error> {
    let mut writing = Writing::of(tree);
    let is_by_kernel = edits.loader == Loader::KexecFileLoad;
    let is_crash = !edits.crash_areas.is_empty();
    if is_by_kernel {
        writing.delete("linux,elfcorehdr");
        writing.delete("linux,usable-memory-range");
    }
    for name in ["linux,initrd-start", "linux,initrd-end"] {
        if edits.has_initrd {
            writing.set(name, 8);
        } else if is_by_kernel {
            writing.delete(name);
        }
    }
    if is_crash {
        let pair = pair_of_cells(tree, edits.crash_areas)?;
        writing.set("linux,elfcorehdr", pair);
        writing.set("linux,usable-memory-range", pair.saturating_mul(length(edits.crash_areas)));
    }
    // With the trailing NUL.
    writing.set("bootargs", length(edits.command_line.as_bytes()).saturating_add(1));
    if is_by_kernel {
        writing.delete("kaslr-seed");
        if edits.seeds {
            writing.set("kaslr-seed", 8);
            writing.set("rng-seed", RNG_SEED);
        }
        writing.set("linux,booted-from-kexec", 0);
    }

    let reservations = if is_by_kernel {
        let added = u64::from(edits.has_initrd).saturating_add(u64::from(is_crash));
        length(&kept_reservations(tree, true)).saturating_add(added)
    } else {
        length(&kept_reservations(tree, false))
    };
    // A last, empty entry ends the block.
    let reservations = reservations.saturating_add(1);
    let blocks = writing.structure.saturating_add(length(&writing.strings));
    Ok(HEADER.saturating_add(reservations.saturating_mul(RESERVATION)).saturating_add(blocks))
}

fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// The child of the root that libfdt calls `/chosen`.
pub(crate) fn chosen<'a>(tree: &Fdt<'a>) -> Option<Node<'a>> {
    tree.root().children().find(|node| node.name() == "chosen")
}

/// Entries of the memory reservation block that are kept: all except the boot's initial ramdisk and the tree
/// itself, which a boot loader may have listed. The tree's address is not shown, so an entry of exactly its
/// size is assumed to be the tree. kexec-tools keeps all entries. `None` is an entry that wraps.
pub(crate) fn kept_reservations(tree: &Fdt<'_>, takes_own_out: bool) -> Vec<Option<PhysRange>> {
    let initrd = tree.chosen().ok().flatten().and_then(|chosen| chosen.initrd().ok().flatten());
    let own_size = u64::try_from(tree.total_size()).unwrap_or(u64::MAX);
    let entries = tree.memreserve().take_while(|entry| match entry {
        // An entry that wraps is copied like any other; an empty one ends the block.
        Err(fault) => matches!(fault, firmware::fdt::FdtError::Range { .. }) && !fault.is_empty_range(),
        Ok(_) => true,
    });
    let (mut has_own, mut has_initrd, mut kept) = (!takes_own_out, !takes_own_out, Vec::new());
    for entry in entries {
        match entry {
            Ok(range) if !has_own && range.size() == own_size => has_own = true,
            Ok(range) if !has_initrd && initrd == Some(range) => has_initrd = true,
            entry => kept.push(entry.ok()),
        }
    }
    kept
}

/// Bytes of an address and a size in the root's cells.
fn pair_of_cells(tree: &Fdt<'_>, areas: &[PhysRange]) -> Result<u64, Arm64Error> {
    let (address, size) = cells(tree, areas)?;
    Ok(u64::from(address).saturating_add(u64::from(size)).saturating_mul(CELL))
}

/// How many cells an address and a size have in the root, one or two, in which the areas can be written; libfdt assumes
/// 2 and 1 if these properties are missing.
pub(crate) fn cells(tree: &Fdt<'_>, areas: &[PhysRange]) -> Result<(u32, u32), Arm64Error> {
    let cells = |name: &[u8], default| match tree.root().property(name) {
        Some(property) => property.cell().unwrap_or(0),
        None => default,
    };
    let (address, size) = (cells(b"#address-cells", 2), cells(b"#size-cells", 1));
    let fits = |range: &&PhysRange| {
        let holds = |cells: u32, value: u64| match cells {
            1 => u32::try_from(value).is_ok(),
            2 => true,
            _ => false,
        };
        holds(address, range.last()) && holds(size, range.size())
    };
    match areas.iter().find(|range| !fits(range)) {
        Some(&range) => Err(Arm64Error::Cells { address, size, range }),
        None => Ok((address, size)),
    }
}

/// A tree being written: only what its size depends on.
#[derive(Clone, Debug)]
struct Writing {
    /// Bytes of the structure block.
    structure: u64,
    strings: Vec<u8>,
    /// Names and lengths of the properties of `/chosen`.
    properties: Vec<(Vec<u8>, u64)>,
}

impl Writing {
    fn of(tree: &Fdt<'_>) -> Self {
        let structure = u64::try_from(tree.structure_size()).unwrap_or(u64::MAX);
        let chosen = chosen(tree);
        let properties = chosen.iter().flat_map(Node::properties);
        Self {
            structure: if chosen.is_some() { structure } else { structure.saturating_add(CHOSEN) },
            strings: tree.strings().to_vec(),
            properties: properties.map(|p| (p.name().to_vec(), length(p.value()))).collect(),
        }
    }

    fn set(&mut self, name: &str, length: u64) {
        let cells = |length: u64| length.checked_next_multiple_of(CELL).unwrap_or(u64::MAX);
        if let Some((_, old)) = self.properties.iter_mut().find(|(known, _)| known == name.as_bytes()) {
            self.structure = self.structure.saturating_sub(cells(*old)).saturating_add(cells(length));
            *old = length;
            return;
        }
        self.structure = self.structure.saturating_add(3 * CELL).saturating_add(cells(length));
        self.properties.push((name.as_bytes().to_vec(), length));
        let terminated: Vec<u8> = name.bytes().chain([0]).collect();
        if !self.strings.windows(terminated.len()).any(|known| known == terminated) {
            self.strings.extend(terminated);
        }
    }

    fn delete(&mut self, name: &str) {
        let Some(at) = self.properties.iter().position(|(known, _)| known == name.as_bytes()) else { return };
        let (_, length) = self.properties.remove(at);
        let value = length.checked_next_multiple_of(CELL).unwrap_or(u64::MAX);
        self.structure = self.structure.saturating_sub(3 * CELL).saturating_sub(value);
    }
}

#[cfg(test)]
mod tests;
