use memblock::PhysRange;

use super::{KdumpCompressed, is_flattened};
use crate::ImageError;
use crate::elf::Machine;

/// A header of this version, for a machine of so many page frames of 4 KiB.
fn header(version: u32, frames: u32) -> Vec<u8> {
    let mut bytes = vec![0; 0x1100];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"KDUMP   ");
    put(8, &version.to_le_bytes());
    put(0x0c + 4 * 65, b"x86_64");
    put(0x1ac, &0x1000_u32.to_le_bytes());
    put(0x1b0, &2_u32.to_le_bytes());
    put(0x1b4, &2_u32.to_le_bytes());
    if version < 6 {
        put(0x1b8, &frames.to_le_bytes());
    } else {
        put(0x1b8, &7_u32.to_le_bytes());
        put(0x1060, &u64::from(frames).to_le_bytes());
    }
    bytes
}

#[test]
fn the_first_bitmap_lies_behind_the_sub_header_whatever_the_version() {
    for version in [5, 6] {
        let dump = KdumpCompressed::new(&header(version, 100)).unwrap();
        assert_eq!((dump.machine, dump.page, dump.frames), (Machine::X86_64, 0x1000, 100));
        assert_eq!((dump.bitmap, dump.bitmap_size), (0x3000, 13));
    }
}

#[test]
fn a_dump_that_was_not_written_to_its_end_says_so() {
    let mut bytes = header(6, 100);
    assert!(!KdumpCompressed::new(&bytes).unwrap().is_incomplete);
    bytes[0x1a8] = 1 | 8;
    assert!(KdumpCompressed::new(&bytes).unwrap().is_incomplete);
}

#[test]
fn bits_are_page_frames_and_runs_of_them_ranges() {
    let dump = KdumpCompressed::new(&header(6, 20)).unwrap();
    let r = |start, end| PhysRange::new(start, end).unwrap();
    // Bits beyond the last frame mean nothing.
    let ranges = dump.memory(0, &[0b1000_0110, 0b0000_0001, 0b1111_1000]);
    assert_eq!(ranges, [r(0x1000, 0x3000), r(0x7000, 0x9000), r(0x1_3000, 0x1_4000)]);
    assert_eq!(dump.memory(1, &[0xff]), [r(0x8000, 0x1_0000)]);
    assert_eq!(dump.memory(0, &[0; 3]), []);
}

#[test]
fn a_header_that_is_cut_off_anywhere_is_an_error() {
    let whole = header(6, 100);
    for length in 0..0x1068 {
        assert!(KdumpCompressed::new(&whole[..length]).is_err(), "{length:#x}");
    }
    assert!(KdumpCompressed::new(&whole[..0x1068]).is_ok());
}

#[test]
fn impossible_values_are_named() {
    let of = |at: usize, value: u32| {
        let mut bytes = header(6, 100);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        match KdumpCompressed::new(&bytes) {
            Err(ImageError::Value { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of(0x1ac, 0), "block_size");
    assert_eq!(of(0x1ac, 0x1800), "block_size");
    assert_eq!(of(0x1b4, 0), "bitmap_blocks");
    assert_eq!(of(0x0c + 4 * 65, 0x3933_7369), "utsname.machine");
    assert_eq!(of(0, 0), "the signature");
    assert!(is_flattened(b"makedumpfile\0\0\0\0"));
}
