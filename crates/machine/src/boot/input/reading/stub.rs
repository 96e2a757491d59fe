//! The device tree of a machine that shows none: as empty as the one the EFI stub creates.

/// A tree with only `/chosen` (Devicetree Specification 0.4, 5.2 to 5.4).
pub(crate) fn tree() -> Vec<u8> {
    const BEGIN: u32 = 1;
    const END: u32 = 2;
    const FINISH: u32 = 9;
    const HEADER: u32 = 40;
    const RESERVED: u32 = 16;
    let chosen = [u32::from_be_bytes(*b"chos"), u32::from_be_bytes(*b"en\0\0")];
    let structure = [BEGIN, 0, BEGIN, chosen[0], chosen[1], END, END, FINISH];
    let length = 4 * 8;
    let at = HEADER + RESERVED;
    let total = at + length;
    // Magic, sizes and places; version 17, compatible with 16; no strings.
    let header = [0xd00d_feed, total, at, total, HEADER, 17, 16, 0, 0, length];
    // One pair of zeros ends the list of reserved memory.
    let words = header.into_iter().chain([0; 4]).chain(structure);
    words.flat_map(u32::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use firmware::fdt::Fdt;

    use crate::boot::{BootInput, Platform, predict};
    use evidence::{Snapshot, Source};
    use rules::Rules;

    #[test]
    fn the_tree_is_well_formed() {
        let bytes = super::tree();
        let tree = Fdt::new(&bytes).unwrap();
        assert_eq!(tree.total_size(), bytes.len());
        assert!(tree.chosen().unwrap().is_some());
    }

    fn nodes_of(log: &str) -> Vec<(u32, u64)> {
        let snapshot = Snapshot {
            architecture: Source::Read("aarch64".into()),
            kernel_log: Source::Read(log.into()),
            ..Snapshot::default()
        };
        let input = BootInput::of(&snapshot.into()).unwrap();
        assert!(matches!(input.platform, Platform::Arm64(_)));
        assert!(input.assumed.iter().any(|unknown| unknown.why.contains("/sys/firmware/fdt")));
        let prediction = predict(&input, &Rules::LINUX).unwrap();
        prediction.early_node_ranges.iter().map(|(node, range)| (*node, range.end())).collect()
    }

    #[test]
    fn a_log_without_a_tree_is_enough_for_an_answer() {
        let log = "ACPI: SRAT: Node 0 PXM 0 [mem 0x40000000-0x7fffffff]\n\
                   ACPI: SRAT: Node 1 PXM 1 [mem 0x80000000-0xbfffffff]\n\
                   Early memory node ranges\n  node   0: [mem 0x40000000-0x7fffffff]\n\
                   \u{20} node   1: [mem 0x80000000-0xbfffffff]\n";
        assert_eq!(nodes_of(log), [(0, 0x8000_0000), (1, 0xc000_0000)]);
    }

    #[test]
    fn an_efi_map_alone_is_enough_too() {
        let log = "efi:   0x000040000000-0x00007fffffff [Conventional Memory|   |  |  |WB|WT|WC|UC]\n\
                   efi:   0x000080000000-0x00008000ffff [Runtime Data|RUN|  |  |WB|WT|WC|UC]\n";
        assert_eq!(nodes_of(log).last().unwrap().1, 0x8001_0000);
    }
}
