use proptest::prelude::*;

use super::*;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

fn load(memory: PhysRange) -> CoreLoad {
    CoreLoad { memory, offset: memory.start(), virtual_address: 0 }
}

fn header(loads: &[PhysRange]) -> CoreHeader {
    let notes = vec![CoreNote { offset: 0x5000, size: 0x170 }];
    CoreHeader { machine: Machine::X86_64, notes, loads: loads.iter().copied().map(load).collect() }
}

#[test]
fn the_kernels_text_is_no_ram_of_its_own() {
    let (text, low, high) =
        (r(0x100_0000, 0x3c0_0000), r(0x10_0000, 0x4000_0000), r(0x5000_0000, 0x6000_0000));
    assert_eq!(header(&[text, low, high]).ram().collect::<Vec<_>>(), [low, high]);
    assert_eq!(header(&[low, high]).ram().collect::<Vec<_>>(), [low, high]);
}

#[test]
fn what_is_no_core_file_is_told_apart() {
    let good = header(&[r(0, 0x1000)]).to_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        CoreHeader::new(&bytes).unwrap_err().to_string()
    };
    assert!(with(0, 0).starts_with("byte 0x0: the magic is 0x464c4500"));
    assert_eq!(with(4, 1), "byte 0x4: EI_CLASS and EI_DATA is 0x101, expected 0x102: 64 bits, little endian");
    assert_eq!(with(0x10, 2), "byte 0x10: e_type is 0x2, expected 4, a core file");
    assert_eq!(with(0x12, 3), "byte 0x12: e_machine is 0x3, expected 62, x86-64, or 183, arm64");
    assert_eq!(with(0x36, 0), "byte 0x36: e_phentsize is 0x0, expected 56");
    assert_eq!(
        with(0x38, 9),
        "byte 0x40: the program headers has 0x1f8 bytes from there, but the file ends at byte 0xb0"
    );
    assert_eq!(
        CoreHeader::new(&good[..63]).unwrap_err().to_string(),
        "byte 0x0: the ELF header has 0x40 bytes from there, but the file ends at byte 0x3f"
    );
}

#[test]
fn memory_that_wraps_is_refused_with_its_place() {
    let mut bytes = header(&[r(0, 0x1000)]).to_bytes();
    // p_paddr of the second program header.
    bytes[64 + 56 + 0x18..64 + 56 + 0x20].fill(0xff);
    let error = CoreHeader::new(&bytes).unwrap_err();
    assert!(matches!(error, ImageError::Range { offset: 0x90, .. }), "{error}");
}

#[test]
fn more_headers_than_the_number_of_them_can_say_are_left_out() {
    let many: Vec<PhysRange> = (0..70_000_u64).map(|n| r(n * 0x2000, n * 0x2000 + 0x1000)).collect();
    let read = CoreHeader::new(&header(&many).to_bytes()).unwrap();
    assert_eq!(read.notes.len() + read.loads.len(), usize::from(u16::MAX));
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        notes in proptest::collection::vec(any::<(u64, u64)>(), 0..5),
        loads in proptest::collection::vec(any::<(u32, u32, u64, u64)>(), 0..20),
    ) {
        let header = CoreHeader {
            machine: Machine::Aarch64,
            notes: notes.into_iter().map(|(offset, size)| CoreNote { offset, size }).collect(),
            loads: loads
                .into_iter()
                .map(|(start, size, offset, virtual_address)| CoreLoad {
                    memory: PhysRange::from_size(start.into(), u64::from(size) + 1).unwrap(),
                    offset,
                    virtual_address,
                })
                .collect(),
        };
        prop_assert_eq!(CoreHeader::new(&header.to_bytes()).unwrap(), header);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), good in any::<bool>()) {
        let mut bytes = bytes;
        if good {
            let start = header(&[r(0, 0x1000)]).to_bytes();
            let length = bytes.len().min(0x10);
            bytes.splice(..length, start[..0x14].iter().copied());
        }
        let _ = CoreHeader::new(&bytes);
    }
}
