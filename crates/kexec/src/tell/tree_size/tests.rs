use proptest::prelude::*;

use super::*;

/// Structure block and strings of a tree whose `/chosen` has these properties.
fn tree(chosen: &[(&str, &[u8])], cells: &[(&str, u32)], reserved: &[(u64, u64)]) -> Vec<u8> {
    let (mut structure, mut strings) = (Vec::new(), Vec::new());
    let word = |out: &mut Vec<u8>, word: u32| out.extend(word.to_be_bytes());
    let mut property = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
        word(out, 3);
        word(out, u32::try_from(value.len()).unwrap());
        word(out, u32::try_from(strings.len()).unwrap());
        strings.extend(name.bytes().chain([0]));
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    };
    structure.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    for (name, value) in cells {
        property(&mut structure, name, &value.to_be_bytes());
    }
    structure.extend(b"\0\0\0\x01chosen\0\0");
    for (name, value) in chosen {
        property(&mut structure, name, value);
    }
    structure.extend([0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 9]);
    blob(&structure, &strings, reserved)
}

fn blob(structure: &[u8], strings: &[u8], reserved: &[(u64, u64)]) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).unwrap();
    let structure_at = 40 + 16 * (reserved.len() + 1);
    let strings_at = structure_at + structure.len();
    let mut blob = Vec::new();
    for word in
        [0xd00d_feed, size(strings_at + strings.len()), size(structure_at), size(strings_at), 40, 17, 16, 0]
    {
        blob.extend(u32::to_be_bytes(word));
    }
    blob.extend([size(strings.len()), size(structure.len())].map(u32::to_be_bytes).concat());
    for (address, size) in reserved.iter().chain([&(0, 0)]) {
        blob.extend([address.to_be_bytes(), size.to_be_bytes()].concat());
    }
    blob.extend(structure);
    blob.extend(strings);
    blob
}

const CELLS: [(&str, u32); 2] = [("#address-cells", 2), ("#size-cells", 2)];
const NOTHING: Edits<'_> = Edits {
    loader: Loader::KexecFileLoad,
    command_line: "",
    has_initrd: false,
    crash_areas: &[],
    seeds: false,
};

/// How much larger than the packed tree the next one is.
fn growth(blob: &[u8], edits: &Edits<'_>) -> i64 {
    let size = size(&Fdt::new(blob).unwrap(), edits).unwrap();
    i64::try_from(size).unwrap() - i64::try_from(blob.len()).unwrap()
}

/// What is always added to a tree without either: `bootargs` with its NUL, and `linux,booted-from-kexec`.
const ALWAYS: i64 = 12 + 4 + 9 + 12 + 24;

#[test]
fn a_property_takes_three_cells_its_value_in_whole_cells_and_its_name() {
    let bare = tree(&[], &CELLS, &[]);
    assert_eq!(growth(&bare, &NOTHING), ALWAYS);
    // 3 bytes and the NUL are one cell, 4 bytes are two.
    let with = |command_line| growth(&bare, &Edits { command_line, ..NOTHING });
    assert_eq!((with("123"), with("1234")), (ALWAYS, ALWAYS + 4));
    let initrd = growth(&bare, &Edits { has_initrd: true, ..NOTHING });
    assert_eq!(initrd, ALWAYS + 2 * (12 + 8) + 19 + 17 + 16);
    let seeds = growth(&bare, &Edits { seeds: true, ..NOTHING });
    assert_eq!(seeds, ALWAYS + 12 + 8 + 11 + 12 + 128 + 9);
}

#[test]
fn what_is_there_is_replaced_in_place_and_what_is_taken_out_leaves_its_name() {
    let blob = tree(&[("bootargs", b"long enough\0"), ("linux,initrd-start", &[0; 4])], &CELLS, &[]);
    let own = ALWAYS - (12 + 4 + 9);
    assert_eq!(growth(&blob, &NOTHING), own - 8 - (12 + 4));
    let initrd = Edits { has_initrd: true, ..NOTHING };
    // Start grows by a cell, end is new.
    assert_eq!(growth(&blob, &initrd), own - 8 + 4 + (12 + 8 + 17) + 16);
    // A seed goes even where there is none to take its place.
    let blob = tree(&[("kaslr-seed", &[0; 8])], &CELLS, &[]);
    assert_eq!(growth(&blob, &NOTHING), ALWAYS - (12 + 8));
}

#[test]
fn a_name_that_ends_another_is_not_written_again() {
    let blob = tree(&[("my-linux,booted-from-kexec", b"")], &CELLS, &[]);
    assert_eq!(growth(&blob, &NOTHING), ALWAYS - 24);
    let blob = tree(&[("linux,booted-from-kexec-2", b"")], &CELLS, &[]);
    assert_eq!(growth(&blob, &NOTHING), ALWAYS);
}

#[test]
fn each_area_of_a_crash_kernel_is_a_pair_by_the_roots_cells() {
    let areas =
        [PhysRange::new(0x1_0000_0000, 0x1_1000_0000).unwrap(), PhysRange::new(0x1000, 0x2000).unwrap()];
    let bare = tree(&[], &CELLS, &[]);
    let names = 17 + 26 + 16;
    let crash = |crash_areas| growth(&bare, &Edits { crash_areas, ..NOTHING });
    assert_eq!(crash(&areas), ALWAYS + names + (12 + 16) + (12 + 32));
    assert_eq!(crash(&areas[1..]), ALWAYS + names + (12 + 16) + (12 + 16));
    // libfdt takes two cells and one where the root does not say.
    let silent = tree(&[], &[], &[]);
    assert_eq!(
        growth(&silent, &Edits { crash_areas: &areas[1..], ..NOTHING }),
        ALWAYS + names + 2 * (12 + 12)
    );
    let narrow = tree(&[], &[("#address-cells", 1), ("#size-cells", 1)], &[]);
    let narrow = Fdt::new(&narrow).unwrap();
    let edits = Edits { crash_areas: &areas, ..NOTHING };
    assert_eq!(size(&narrow, &edits), Err(Arm64Error::Cells { address: 1, size: 1, range: areas[0] }));
}

#[test]
fn reservations_stay_but_those_of_the_boots_initial_ramdisk_and_of_the_tree_itself() {
    let chosen: [(&str, &[u8]); 2] = [
        ("linux,initrd-start", &0x4800_0000_u32.to_be_bytes()),
        ("linux,initrd-end", &0x4800_1234_u64.to_be_bytes()),
    ];
    let taken_out = -2 * 12 - 4 - 8;
    let of =
        |reserved: &[(u64, u64)]| growth(&tree(&chosen, &CELLS, reserved), &NOTHING) - ALWAYS - taken_out;
    assert_eq!(of(&[(0x4800_0000, 0x1000), (0x5000_0000, 1)]), 0);
    assert_eq!(of(&[(0x4800_0000, 0x1234), (0x5000_0000, 1)]), -16);
    let own_size = tree(&chosen, &CELLS, &[(1, 1)]).len() as u64;
    assert_eq!(of(&[(0x4a00_0000, own_size)]), -16);
    // One of no bytes ends the block, and what stands behind it is lost.
    assert_eq!(of(&[(0x5000_0000, 0), (0x5000_0000, 1)]), -32);
}

#[test]
fn a_tree_without_chosen_gets_one() {
    let blob = blob(b"\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x09", b"", &[]);
    assert_eq!(growth(&blob, &NOTHING), ALWAYS + 16);
}

const REAL: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-kexec-dt-vmem-stage2.fdt");

#[test]
fn a_tree_that_was_handed_over_and_is_handed_on_stays_as_large() {
    // It comes with all that is written but `rng-seed`, which the kernel wipes when it has read it: that much grows.
    let tree = Fdt::new(REAL).unwrap();
    let line = tree.chosen().unwrap().unwrap().bootargs().unwrap();
    let command_line = std::str::from_utf8(line).unwrap();
    let edits = Edits { command_line, has_initrd: true, seeds: true, ..NOTHING };
    assert_eq!(growth(REAL, &edits), 12 + 128);
}

proptest! {
    #[test]
    fn a_real_tree_with_any_bytes_changed_is_refused_or_has_a_size(
        changes in prop::collection::vec((0..REAL.len(), any::<u8>()), 0..6),
        end in prop_oneof![3 => Just(REAL.len()), 1 => 0..REAL.len()],
    ) {
        let mut bytes = REAL.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(end);
        let area = [PhysRange::new(0x4000_0000, 0x5000_0000).unwrap()];
        let edits = Edits { command_line: "quiet", has_initrd: true, crash_areas: &area, seeds: true, ..NOTHING };
        if let Ok(tree) = Fdt::new(&bytes) {
            // What is written is all that is added, whatever the tree says.
            let written = 40 + 16 * (tree.memreserve().count() + 3) + 16 + 512;
            if let Ok(size) = size(&tree, &edits) {
                let most = tree.structure_size() + tree.strings().len() + written;
                prop_assert!(size <= most as u64, "{size:#x}, most {most:#x}");
            }
        }
    }
}
