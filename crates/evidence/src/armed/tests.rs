//! Crash kernels written by hand.

use images::core_header::{CoreLoad, CoreNote};
use images::elf::Machine;
use proptest::prelude::*;

use super::*;

const AREA: u64 = 0x6000_0000;
const SIZE: usize = 4 << 20;

/// The memory of one area.
struct Area(Vec<u8>);

impl Memory for Area {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
        let from = usize::try_from(at - AREA).unwrap();
        into.copy_from_slice(&self.0[from..from + into.len()]);
        Ok(())
    }
}

impl Area {
    fn new() -> Self {
        Self(vec![0; SIZE])
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let from = usize::try_from(at - AREA).unwrap();
        self.0[from..from + bytes.len()].copy_from_slice(bytes);
    }

    fn found(mut self, never_by_kernel: bool) -> Result<ArmedCrash, String> {
        let areas = [r(AREA, AREA + SIZE as u64)];
        let found = find(&areas, never_by_kernel, &mut self).map_err(|error| error.to_string())?;
        ArmedCrash::of(found)
    }
}

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// A header of the boot memory, and of more.
fn header(more: &[PhysRange]) -> Vec<u8> {
    let load = |memory: PhysRange| CoreLoad { memory, offset: memory.start(), virtual_address: 0 };
    let ranges = [r(0x20_0000, 0x40_0000), r(0x10_0000, AREA)];
    let loads = ranges.iter().chain(more).copied().map(load).collect();
    let notes = vec![CoreNote { offset: 0x1000, size: 0x170 }];
    CoreHeader { machine: Machine::X86_64, notes, loads }.to_bytes()
}

/// A zero page with one entry, filled in by this loader.
fn zero_page(loader: u8, line_at: u64, setup_data: u64) -> Vec<u8> {
    let mut page = vec![0; 0x1000];
    page[0x1e8] = 1;
    page[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    page[0x202..0x206].copy_from_slice(b"HdrS");
    page[0x210] = loader;
    page[0x228..0x22c].copy_from_slice(&u32::try_from(line_at).unwrap().to_le_bytes());
    page[0x250..0x258].copy_from_slice(&setup_data.to_le_bytes());
    page[0x2d0..0x2e4].copy_from_slice(&entry(0x1000, 0x9_f000, 1));
    page
}

fn entry(start: u64, size: u64, kind: u32) -> Vec<u8> {
    [start.to_le_bytes().as_slice(), &size.to_le_bytes(), &kind.to_le_bytes()].concat()
}

/// An image whose zero page and header lie there.
fn armed(area: &mut Area, loader: u8, page_at: u64, header_at: u64, more: &[PhysRange]) {
    let line_at = page_at + 0x1000;
    area.put(page_at, &zero_page(loader, line_at, 0));
    area.put(line_at, format!("elfcorehdr={header_at:#x} quiet\0").as_bytes());
    area.put(header_at, &header(more));
}

#[test]
fn what_the_kernel_loaded_is_found_with_its_map_and_command_line() {
    let mut area = Area::new();
    armed(&mut area, 0xd0, AREA + 0x3f_9000, AREA, &[r(1 << 32, 5 << 30)]);
    let found = area.found(false).unwrap();
    assert_eq!(found.header_at, AREA);
    assert_eq!(found.loads, [r(0x10_0000, AREA), r(1 << 32, 5 << 30)]);
    assert_eq!(found.command_line.unwrap(), "elfcorehdr=0x60000000 quiet");
    assert_eq!((found.map.len(), found.by_kernel), (1, Some(true)));
}

#[test]
fn a_zero_page_that_begins_in_the_middle_of_a_page_and_crosses_a_chunk_is_found() {
    let mut area = Area::new();
    armed(&mut area, 0xff, AREA + 0x2f_f7f0, AREA + 0x5d_000, &[]);
    let found = area.found(true).unwrap();
    assert_eq!((found.header_at, found.by_kernel), (AREA + 0x5d_000, Some(false)));
}

#[test]
fn entries_beyond_the_zero_page_are_read_from_setup_data() {
    let mut area = Area::new();
    armed(&mut area, 0xff, AREA + 0x10_0000, AREA, &[]);
    let (first, second) = (AREA + 0x20_0000, AREA + 0x20_1000);
    area.put(AREA + 0x10_0000, &zero_page(0xff, AREA + 0x10_1000, first));
    let node = |next: u64, kind: u32, size: u32| {
        [next.to_le_bytes().as_slice(), &kind.to_le_bytes(), &size.to_le_bytes()].concat()
    };
    area.put(first, &node(second, 9, 32));
    area.put(second, &[node(0, 1, 20), entry(0x10_0000, 0x10_0000, 2)].concat());
    let found = area.found(false).unwrap();
    assert_eq!(found.map.last().unwrap().range, r(0x10_0000, 0x20_0000));
}

#[test]
fn a_list_of_setup_data_that_leads_back_to_itself_ends() {
    let mut area = Area::new();
    armed(&mut area, 0xff, AREA + 0x10_0000, AREA, &[]);
    let node = AREA + 0x20_0000;
    area.put(AREA + 0x10_0000, &zero_page(0xff, AREA + 0x10_1000, node));
    area.put(node, &node.to_le_bytes());
    assert_eq!(area.found(false).unwrap().map.len(), 1);
}

#[test]
fn what_an_earlier_load_by_the_kernel_left_is_not_what_kexec_load_loaded() {
    let mut area = Area::new();
    armed(&mut area, 0xd0, AREA + 0x3f_9000, AREA, &[r(1 << 32, 5 << 30)]);
    armed(&mut area, 0xff, AREA + 0x3e_0000, AREA + 0x5d_000, &[]);
    assert_eq!(area.found(true).unwrap().header_at, AREA + 0x5d_000);
}

#[test]
fn a_kernel_in_the_initial_ramdisk_is_not_what_is_armed() {
    let mut area = Area::new();
    // In a kernel's file neither the loader's type nor the map is filled in.
    area.put(AREA + 0x3f_0000, &zero_page(0, 0, 0));
    area.put(AREA + 0x3e_0000, &zero_page(0xff, 0, 0));
    armed(&mut area, 0xd0, AREA + 0x20_0000, AREA, &[]);
    assert_eq!(area.found(false).unwrap().header_at, AREA);
}

#[test]
fn a_header_alone_counts_and_of_two_it_cannot_be_told_which_one_does() {
    let mut area = Area::new();
    area.put(AREA + 0x5d_000, &header(&[]));
    assert_eq!(Area(area.0.clone()).found(false).unwrap().command_line, None);
    area.put(AREA + 0x6d_000, &header(&[r(1 << 32, 5 << 30)]));
    assert!(area.found(false).unwrap_err().starts_with("2 dump headers"));
}

#[test]
fn memory_that_is_hidden_is_not_memory_without_an_image() {
    assert!(Area::new().found(false).unwrap_err().contains("reads as zeros"));
    let mut area = Area::new();
    area.put(AREA + 0x1234, b"something");
    assert_eq!(
        area.found(false).unwrap_err(),
        "the 4 MiB of the crash kernel's memory that were searched hold no dump header"
    );
}

#[test]
fn addresses_of_headers_are_read_in_each_form_that_linux_takes() {
    let at = |line: &str| {
        let mut area = Area::new();
        armed(&mut area, 0xff, AREA + 0x10_0000, AREA + 0x40_000, &[]);
        area.put(AREA + 0x50_000, &header(&[]));
        area.put(AREA + 0x10_1000, format!("{line}\0").as_bytes());
        area.found(false).map(|found| found.header_at)
    };
    for line in
        ["elfcorehdr=0x60040000", "a=b elfcorehdr=1573120K c", "elfcorehdr=0x1 elfcorehdr=4096@0x60040000"]
    {
        assert_eq!(at(line), Ok(AREA + 0x40_000), "{line}");
    }
    for line in ["elfcorehdr=", "elfcorehdr=é", "elfcorehdr=99999999999G", "elfcorehdr=0x1000", "quiet"] {
        assert!(at(line).unwrap_err().starts_with("2 dump headers"), "{line}");
    }
}

#[test]
fn memory_full_of_headers_is_read_no_more_than_the_limit_allows() {
    struct Counted(Vec<u8>, u64);
    impl Memory for Counted {
        fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
            self.1 += into.len() as u64;
            let page = self.0.iter().cycle().skip(usize::try_from(at % 0x1000).unwrap());
            into.iter_mut().zip(page).for_each(|(to, from)| *to = *from);
            Ok(())
        }
    }
    let mut page = header(&[]);
    page[0x38..0x3a].copy_from_slice(&0x8000_u16.to_le_bytes());
    page.resize(0x1000, 0);
    let mut memory = Counted(page, 0);
    assert!(find(&[r(AREA, AREA + (1 << 30))], false, &mut memory).is_err());
    assert!(memory.1 <= MOST_SEARCHED + (2 << 20), "{}", memory.1);
}

proptest! {
    #[test]
    fn no_garbage_in_this_memory_ends_the_search(changes in prop::collection::vec((0..0x3000_usize, any::<u8>()), 0..200)) {
        let mut area = Area::new();
        armed(&mut area, 0xd0, AREA + 0x1000, AREA, &[]);
        for (at, byte) in changes {
            area.0[at] = byte;
        }
        let _ = area.found(false);
    }
}
