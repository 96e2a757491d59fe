//! The kernel-log readers on logs of real kernels, checked against each other.

use firmware::e820::E820Type;
use firmware::efi::MemoryMap;
use firmware::log::{self, E820Map, EfiMap, LogError, MemblockLine, MemblockList};
use memblock::RangeError;

macro_rules! data {
    ($name:literal) => {
        ($name, include_bytes!(concat!("data/", $name)) as &[u8])
    };
}

const LOGS: [(&str, &[u8]); 7] = [
    data!("arm64-acpi-2node-crash.dmesg"),
    data!("arm64-acpi-midhp-movable_node.dmesg"),
    data!("arm64-dts-resv.dmesg"),
    data!("x86-kx-all-exec_s-90-second-kernel.dmesg"),
    data!("x86-n3-srathot-movable_node.dmesg"),
    data!("x86-p2-memmap-mixed.dmesg"),
    data!("x86-plain-2g-pvh.dmesg"),
];

fn log(name: &str) -> &'static [u8] {
    LOGS.iter().find(|(known, _)| *known == name).map_or(b"", |(_, text)| text)
}

fn map(text: &[u8], map: E820Map) -> Vec<(String, E820Type)> {
    log::e820(text)
        .map(Result::unwrap)
        .filter(|line| line.map == map)
        .map(|line| (line.entry.range.to_string(), line.entry.kind))
        .collect()
}

#[test]
fn no_line_of_a_real_log_is_malformed() {
    for (name, text) in LOGS {
        assert!(log::e820(text).all(|line| line.is_ok()), "{name}");
        assert!(log::srat(text).all(|line| line.is_ok()), "{name}");
        assert!(log::early_node_ranges(text).all(|line| line.is_ok()), "{name}");
        assert!(log::memblock(text).all(|line| line.is_ok()), "{name}");
        // Linux sometimes calls memblock with an empty range; nothing else is wrong with any call.
        for call in log::memblock_calls(text) {
            assert!(
                matches!(call, Ok(_) | Err(LogError::Range { source: RangeError::Empty { .. }, .. })),
                "{name}: {call:?}"
            );
        }
    }
}

#[test]
fn every_dump_has_the_number_of_regions_it_announces() {
    for (name, text) in LOGS {
        let mut announced = Vec::new();
        let mut listed = Vec::new();
        for line in log::memblock(text).map(Result::unwrap) {
            match line {
                // EFI on arm64 empties the table before it fills it; after a count of 0 no region follows.
                MemblockLine::Count { count: 0, .. } => {}
                MemblockLine::Count { list, count, .. } => announced.push((list, count)),
                MemblockLine::Region(region) if region.index == 0 => listed.push((region.list, 1)),
                MemblockLine::Region(region) => {
                    let (list, count) = listed.last_mut().unwrap();
                    assert_eq!((*list, *count), (region.list, region.index), "{name}");
                    *count += 1;
                }
                _ => {}
            }
        }
        assert!(announced.len() >= 2, "{name}");
        assert_eq!(announced, listed, "{name}");
    }
}

#[test]
fn early_node_ranges_are_the_memory_of_the_last_dump() {
    for (name, text) in LOGS {
        let regions: Vec<_> = log::memblock(text).regions().map(Result::unwrap).collect();
        let last = regions.iter().map(|region| region.dump).max().unwrap();
        let dumped: Vec<_> = regions
            .iter()
            .filter(|region| region.dump == last && region.list == MemblockList::Memory)
            .map(|region| region.range)
            .collect();
        let ranges: Vec<_> = log::early_node_ranges(text).map(|range| range.unwrap().range).collect();
        if !ranges.is_empty() {
            // The dump may have partial pages; the ranges are whole pages.
            let whole: Vec<_> = dumped.iter().filter_map(|range| range.shrink_to_multiples(4096)).collect();
            assert_eq!(ranges.len(), whole.len(), "{name}");
            assert!(ranges.iter().zip(&whole).all(|(range, dumped)| range.encloses(*dumped)), "{name}");
        }
    }
}

#[test]
fn memmap_parameters_appear_in_the_user_map_but_not_in_the_firmwares() {
    let text = log("x86-p2-memmap-mixed.dmesg");
    let (bios, user) = (map(text, E820Map::Bios), map(text, E820Map::User));
    assert_eq!((bios.len(), user.len()), (7, 13));
    let changed: Vec<_> = user.into_iter().filter(|entry| !bios.contains(entry)).collect();
    let expected = [
        ("00100000-2fffffff", E820Type::Ram),
        ("30000000-33ffffff", E820Type::Reserved),
        ("34000000-37ffffff", E820Type::Ram),
        ("38000000-39ffffff", E820Type::Acpi),
        ("3a000000-3fffffff", E820Type::Ram),
        ("40000000-4fffffff", E820Type::Pram),
        ("50000000-7ffdffff", E820Type::Ram),
    ];
    assert_eq!(changed, expected.map(|(range, kind)| (range.to_string(), kind)));
}

#[test]
fn a_kernel_started_by_kexec_also_prints_the_map_without_setup_data() {
    let text = log("x86-kx-all-exec_s-90-second-kernel.dmesg");
    assert_eq!(map(text, E820Map::Bios), map(text, E820Map::SetupData));
    assert!(map(log("x86-plain-2g-pvh.dmesg"), E820Map::SetupData).is_empty());
}

#[test]
fn an_efi_map_written_back_as_descriptors_is_read_like_its_log() {
    for ((name, text), (_, bytes)) in [
        (data!("x86-plain-2g-efi.dmesg"), data!("x86-plain-2g-efi.efimap")),
        (data!("arm64-efi-mirror-efi.dmesg"), data!("arm64-efi-mirror.efimap")),
        (data!("arm64-efi-sp-nosoftreserve-efi.dmesg"), data!("arm64-efi-sp-nosoftreserve.efimap")),
        (data!("arm64-acpi-2node-crash-efi.dmesg"), data!("arm64-acpi-2node-crash.efimap")),
    ] {
        let logged: Vec<_> = log::efi(text)
            .map(Result::unwrap)
            .filter(|line| line.map == EfiMap::Firmware)
            .map(|line| line.entry)
            .collect();
        let read: Vec<_> = MemoryMap::new(bytes, 48, 1).unwrap().entries().map(Result::unwrap).collect();
        assert!(logged.len() >= 7, "{name}");
        assert_eq!(logged, read, "{name}");
    }
}

#[test]
fn a_log_cut_anywhere_loses_only_its_last_line() {
    for (name, text) in LOGS {
        let text = &text[..text.len().min(4000)];
        let e820: Vec<_> = log::e820(text).collect();
        let regions: Vec<_> = log::memblock(text).collect();
        for len in 0..text.len() {
            let cut = &text[..len];
            let lines = log::lines(cut).count();
            for (ours, whole) in log::e820(cut).zip(&e820) {
                let line = ours.as_ref().map_or_else(LogError::line, |line| line.line);
                assert!(ours == *whole || line == lines, "{name} cut at {len}");
            }
            for (ours, whole) in log::memblock(cut).zip(&regions) {
                let line = ours.as_ref().map_or_else(LogError::line, MemblockLine::line);
                assert!(ours == *whole || line == lines, "{name} cut at {len}");
            }
        }
    }
}

#[test]
fn a_real_log_is_read_the_same_whatever_tool_prints_it() {
    for (name, text) in LOGS {
        for prefix in [
            "",
            "[Fri Nov 22 23:49:18 2026] ",
            "[    0.000000] host kernel: ",
            "Nov 22 23:49:18 host kernel: ",
            "[    0.000000] [    T0] ",
            "2026-11-22T23:49:18.123456+00:00 host kernel: [    0.000000] ",
        ] {
            let mut other = Vec::new();
            for (_, message) in log::lines(text) {
                other.extend([prefix.as_bytes(), message, b"\n"].concat());
            }
            assert!(log::lines(&other).eq(log::lines(text)), "{name} with {prefix}");
            assert!(log::e820(&other).eq(log::e820(text)), "{name} with {prefix}");
            assert!(log::memblock(&other).eq(log::memblock(text)), "{name} with {prefix}");
            assert!(log::early_node_ranges(&other).eq(log::early_node_ranges(text)), "{name} with {prefix}");
        }
    }
}
