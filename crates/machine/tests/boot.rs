//! Boots of random machines: whatever the firmware and the command line say, nothing panics, and what must
//! hold of every boot holds.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use firmware::e820::{E820Type, Entry};
use machine::boot::{
    self, BootInput, Build, MemoryAffinity, NumaTables, Platform, Prediction, X86Platform, ZoneKind,
};
use machine::{Architecture, Release};
use memblock::{NodeId, PhysRange, RegionFlags};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rules::Rules;

const MIB: u64 = 1 << 20;

/// Debug builds check every table after every call, which takes its time.
const CASES: u32 = if cfg!(debug_assertions) { 64 } else { 1024 };

/// Addresses near the edges that matter: pages, MiB, 4 GiB, and anywhere.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        16 => (0..(8_u64 << 10)).prop_map(|mib| mib * MIB),
        8 => (0..(2_u64 << 20)).prop_map(|page| page * 4096),
        4 => 0..(16_u64 << 30),
        1 => 0..(1_u64 << 46),
        1 => any::<u64>(),
    ]
}

fn range() -> impl Strategy<Value = PhysRange> {
    (address(), address())
        .prop_filter_map("a range is not empty", |(a, b)| PhysRange::new(a.min(b), a.max(b)).ok())
}

fn kind() -> impl Strategy<Value = E820Type> {
    prop_oneof![
        6 => Just(E820Type::Ram),
        2 => Just(E820Type::Reserved),
        1 => Just(E820Type::Acpi),
        1 => Just(E820Type::Pram),
        1 => Just(E820Type::SoftReserved),
        1 => any::<u32>().prop_map(E820Type::from),
    ]
}

/// Some RAM that a kernel can run in, and whatever else.
fn e820() -> impl Strategy<Value = Vec<Entry>> {
    let low = (256_u64..4096).prop_map(|mib| vec![(0, 0x9_fc00), (MIB, mib * MIB)]);
    let other = prop::collection::vec((range(), kind()), 0..8);
    (low, other).prop_map(|(low, other)| {
        let ram = low.into_iter().map(|(start, end)| (PhysRange::new(start, end).unwrap(), E820Type::Ram));
        ram.chain(other).map(|(range, kind)| Entry { range, kind }).collect()
    })
}

/// Nodes one behind the other from 0 on, and a window above for memory to come.
fn tidy_nodes() -> impl Strategy<Value = Vec<MemoryAffinity>> {
    prop::collection::vec((1_u64..4096, 0_u32..4, any::<bool>()), 1..8).prop_map(|blocks| {
        let mut start = 0;
        let mut memory = Vec::new();
        for (mib, domain, hot_pluggable) in blocks {
            let range = PhysRange::from_size(start, mib * MIB).unwrap();
            memory.push(MemoryAffinity { domain, range, hot_pluggable });
            start = range.end();
        }
        let range = PhysRange::from_size(start, 1 << 50).unwrap();
        memory.push(MemoryAffinity { domain: 3, range, hot_pluggable: true });
        memory
    })
}

fn numa() -> impl Strategy<Value = NumaTables> {
    let any_block = (0_u32..6, range(), any::<bool>())
        .prop_map(|(domain, range, hot_pluggable)| MemoryAffinity { domain, range, hot_pluggable });
    let memory = prop_oneof![3 => tidy_nodes(), 1 => prop::collection::vec(any_block, 0..8)];
    let of_slit = |from: u8, to: u8| if from == to { 10 } else { 20 + from * to };
    let plausible: Vec<Vec<u8>> = (0..4).map(|from| (0..4).map(|to| of_slit(from, to)).collect()).collect();
    let distances = prop_oneof![
        Just(Vec::new()),
        Just(plausible),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 3), 3),
    ];
    (any::<bool>(), prop::collection::vec(0_u32..6, 0..6), memory, distances).prop_map(
        |(has_srat, initiators, memory, distances)| NumaTables { has_srat, initiators, memory, distances },
    )
}

fn size() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u64..500).prop_map(|mib| format!("{mib}M")),
        (1_u64..3000).prop_map(|mib| format!("{mib}M")),
        (1_u64..8).prop_map(|gib| format!("{gib}G")),
        (0_u64..100).prop_map(|percent| format!("{percent}%")),
        any::<u64>().prop_map(|bytes| format!("{bytes:#x}")),
        "[0-9a-zA-Z%@:,.-]{0,8}",
    ]
}

fn parameter() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("mem="),
        Just("memmap="),
        Just("kernelcore="),
        Just("movablecore="),
        Just("crashkernel="),
        Just("log_buf_len="),
        Just("numa=fake="),
        Just("reserve_mem="),
        Just("swiotlb="),
    ];
    prop_oneof![
        6 => (name, size()).prop_map(|(name, size)| format!("{name}{size}")),
        2 => Just("movable_node".to_owned()),
        2 => (100_u64..2000).prop_map(|mib| format!("kernelcore={mib}M")),
        1 => Just("numa=off".to_owned()),
        2 => Just("kho=on".to_owned()),
        1 => (0_u64..600, 0_u64..600).prop_map(|(a, b)| format!("kho_scratch={a}M,{b}M,{a}M")),
        1 => (0_u32..400).prop_map(|percent| format!("kho_scratch={percent}%")),
        1 => Just("kernelcore=mirror".to_owned()),
        2 => (size(), size()).prop_map(|(a, b)| format!("memmap={a}@{b}")),
        2 => (size(), size()).prop_map(|(a, b)| format!("memmap={a}${b}")),
        1 => (size(), size(), 1..13, 1..13).prop_map(|(a, b, from, to)| format!("memmap={a}%{b}-{from}+{to}")),
        2 => (16_u64..600).prop_map(|mib| format!("crashkernel={mib}M")),
        2 => (16_u64..600).prop_map(|mib| format!("crashkernel={mib}M,high")),
        1 => size().prop_map(|size| format!("crashkernel={size},high")),
        1 => size().prop_map(|size| format!("crashkernel={size},low")),
        1 => (size(), size()).prop_map(|(a, b)| format!("crashkernel={a}@{b}")),
        1 => (size(), size(), size()).prop_map(|(a, b, c)| format!("crashkernel={a}-{b}:{c}")),
        1 => "[ -~]{0,20}",
    ]
}

fn input() -> impl Strategy<Value = BootInput> {
    let release = prop_oneof![Just("6.12"), Just("6.1"), Just("6.18"), Just("7.3")];
    let line = prop::collection::vec(parameter(), 0..5).prop_map(|words| words.join(" "));
    let initrd = (0..(4_u64 << 30), 1..(64 * MIB));
    let initrd = initrd.prop_map(|(start, size)| PhysRange::from_size(start, size).ok());
    let initrd = prop_oneof![4 => initrd, 1 => range().prop_map(Some), 1 => Just(None)];
    let flags = (any::<bool>(), any::<bool>());
    (e820(), numa(), line, release, initrd, flags).prop_map(
        |(e820, numa, command_line, release, initrd, (gib_pages, five_levels))| {
            let release: Release = release.parse().unwrap();
            let build = Build {
                gib_pages,
                page_table_levels: if five_levels { 5 } else { 4 },
                ..Build::of(&release, Architecture::X86_64)
            };
            BootInput {
                release,
                command_line,
                platform: Platform::X86(X86Platform { e820, ..X86Platform::default() }),
                numa,
                kernel_image: PhysRange::new(16 * MIB, 60 * MIB).unwrap(),
                initrd,
                build,
                assumed: Vec::new(),
                later: Vec::new(),
                cpus: None,
                handed_over: false,
                scratch_left: Vec::new(),
                handed_on: Vec::new(),
                seeded: Vec::new(),
            }
        },
    )
}

/// The whole state, for a message.
fn state(prediction: &Prediction) -> String {
    let line = |line: &boot::TraceLine| format!("{}: {} ({})", line.step.name, line.what, line.why);
    prediction.trace.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Each node's memory is in its zones, page for page, and in no zone twice; of mirrored memory, only the last.
fn zones_partition_memory(prediction: &Prediction, is_mirrored: bool) {
    let mut of_node = BTreeMap::<u32, u64>::new();
    for (node, range) in &prediction.early_node_ranges {
        *of_node.entry(*node).or_default() += range.size() / 4096;
        // Mirrored and other pages lie side by side, and their zones' spans overlap.
        if !is_mirrored {
            let zones = prediction.zones.iter().filter(|zone| zone.node == *node);
            let covered: u64 =
                zones.filter_map(|zone| zone.span.intersect(*range)).map(PhysRange::size).sum();
            assert_eq!(covered, range.size(), "[{range}] of node {node}\n{}", state(prediction));
        }
    }
    let mut of_zones = BTreeMap::<u32, u64>::new();
    for zone in &prediction.zones {
        *of_zones.entry(zone.node).or_default() += zone.present_pages;
    }
    if is_mirrored {
        // What is not mirrored and lies below a node's movable start, which is rounded up, is in neither zone's count
        // (mm/mm_init.c:zone_absent_pages_in_node, before 7.3).
        assert!(of_zones.iter().all(|(node, pages)| *pages <= of_node[node]), "{}", state(prediction));
    } else {
        assert_eq!(of_zones, of_node, "{}", state(prediction));
    }
}

/// What `movable_node` makes movable begins where memory is hot-pluggable; and whatever is movable comes out of
/// the highest zone.
fn movable_memory_is_what_the_rules_allow(prediction: &Prediction, movable_node: bool) {
    let highest = prediction.zone_limits.last().map(|(_, limits)| *limits);
    for zone in prediction.zones.iter().filter(|zone| zone.zone == ZoneKind::Movable) {
        let start = zone.span.start();
        assert_eq!(prediction.movable_start.get(&zone.node), Some(&start), "{}", state(prediction));
        let highest = highest.expect("memory has limits");
        assert!(zone.span.end() <= highest.end(), "{} of [{highest}]\n{}", zone.span, state(prediction));
        if movable_node {
            let is_first = |region: &&memblock::Region| {
                region.node == NodeId::new(zone.node) && region.flags.contains(RegionFlags::HOTPLUG)
            };
            let first = prediction.memory.iter().find(is_first);
            let first =
                first.unwrap_or_else(|| panic!("node {}: no HOTPLUG\n{}", zone.node, state(prediction)));
            assert!(start >= first.range.start() & !0xfff, "{}", state(prediction));
        } else {
            assert!(start >= highest.start(), "{}", state(prediction));
        }
    }
}

/// The areas are memory, aligned, and nobody else's.
fn the_crash_kernel_has_its_memory_alone(prediction: &Prediction) {
    let before = &prediction.dump.as_ref().expect("a boot that ends dumps").reserved;
    let crashkernel = &prediction.crashkernel;
    let areas: Vec<PhysRange> =
        [crashkernel.low, crashkernel.high].into_iter().flatten().map(|area| area.range).collect();
    for area in &areas {
        assert_eq!(area.start() % (16 * MIB), 0, "{area}\n{}", state(prediction));
        let reserved = before.iter().find(|region| region.range.overlaps(*area));
        assert_eq!(reserved, None, "{area}\n{}", state(prediction));
        let inside = prediction.memory.iter().filter_map(|region| region.range.intersect(*area));
        assert_eq!(inside.map(PhysRange::size).sum::<u64>(), area.size(), "{area}\n{}", state(prediction));
    }
    if let [a, b] = areas[..] {
        assert!(!a.overlaps(b), "{}", state(prediction));
    }
    assert!(crashkernel.error.is_none() || areas.is_empty(), "{}", state(prediction));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn whatever_is_booted_ends_in_a_state_that_can_be(input in input(), rules in 0..4_usize) {
        let Ok(prediction) = boot::predict(&input, Rules::ALL[rules]) else { return Ok(()) };
        if prediction.panic.is_some() {
            return Ok(());
        }
        let line = &input.command_line;
        zones_partition_memory(&prediction, line.contains("kernelcore=mirror"));
        let movable_node = machine::command_line::has(line, "movable_node");
        movable_memory_is_what_the_rules_allow(&prediction, movable_node);
        the_crash_kernel_has_its_memory_alone(&prediction);
    }

    #[test]
    fn the_same_input_always_ends_the_same(input in input()) {
        prop_assert_eq!(boot::predict(&input, &Rules::LINUX), boot::predict(&input, &Rules::LINUX));
    }
}

#[test]
fn most_random_machines_boot() {
    // The properties above say nothing of machines that panic: there must be others, with every feature.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut booted, mut movable, mut crash, mut nodes) = (0, 0, 0, 0);
    for _ in 0..200 {
        let input = input().new_tree(&mut runner).unwrap().current();
        let Ok(prediction) = boot::predict(&input, &Rules::LINUX) else { continue };
        booted += usize::from(prediction.panic.is_none());
        movable += usize::from(!prediction.movable_start.is_empty());
        crash += usize::from(prediction.crashkernel.main().is_some());
        nodes += usize::from(prediction.zones.iter().any(|zone| zone.node > 0));
    }
    assert!(booted > 100 && movable > 10 && crash > 20 && nodes > 20, "{booted} {movable} {crash} {nodes}");
}
