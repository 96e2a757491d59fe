//! Each deliberate difference, with Linux's answer and ours.

// Tests may panic, in their helpers too.
#![allow(clippy::unwrap_used)]

#[cfg(not(linux_memblock))]
#[test]
#[ignore = "SKIPPED: Linux's memblock is not built: run referee/build.sh"]
fn compared_with_linux() {}

#[cfg(linux_memblock)]
mod growth;

#[cfg(linux_memblock)]
mod shown {
    use memblock::{
        AllocFailure, Memblock, MemblockError, NodeId, PhysRange, RegionFlags, Request, TableKind,
    };
    use referee::linux::{Linux, LinuxError, Piece};
    use referee::operation::{AllocCall, Allocation, Answer, Operation, Side, Span};
    use referee::ours::{Ours, Storage};

    fn span(base: u64, end: u64) -> Span {
        Span { base, size: end - base }
    }

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    /// Base and end of the regions of a table.
    fn table(side: &mut impl Side, table: TableKind) -> Vec<(u64, u64)> {
        let mut rows = Vec::new();
        side.table(table, &mut rows);
        rows.iter().map(|row| (row.base, row.base + row.size)).collect()
    }

    /// Ours and Linux's, after the same calls.
    fn after<T>(calls: &[Operation], look: impl FnOnce(&mut Ours<'_>, &mut Linux) -> T) -> T {
        let (mut storage, mut linux) = (Storage::new(16), Linux::lock());
        let mut ours = Ours::new(&mut storage);
        for call in calls {
            for answer in [ours.apply(call), linux.apply(call)] {
                assert!(!matches!(answer, Answer::Failed(_)), "{call:x?}: {answer:?}");
            }
        }
        look(&mut ours, &mut linux)
    }

    /// The answers of both to the last of some calls.
    fn answers(calls: &[Operation], last: &Operation) -> [Answer; 2] {
        after(calls, |ours, linux| [ours.apply(last), linux.apply(last)])
    }

    const MIB: u64 = 1 << 20;

    fn allocation(size: u64, align: u64) -> Operation {
        Operation::Alloc(Allocation { call: AllocCall::PhysRange, size, align, start: 0, end: 0, node: None })
    }

    #[test]
    fn trimming_leaves_linuxs_total_too_large() {
        let calls = [Operation::Add(span(0x1800, 0x4800)), Operation::TrimMemory { align: 0x1000 }];
        after(&calls, |ours, linux| {
            let mut rows = Vec::new();
            let totals =
                [ours.table(TableKind::Memory, &mut rows), linux.table(TableKind::Memory, &mut rows)];
            assert_eq!((rows[0].size, totals), (0x2000, [0x2000, 0x3000]));
        });
    }

    #[test]
    fn linux_allocates_zero_bytes_past_the_end_of_memory() {
        let answers = answers(&[Operation::Add(span(MIB, 2 * MIB))], &allocation(0, 0x1000));
        assert_eq!(answers, [Answer::Address(None), Answer::Address(Some(2 * MIB))]);
    }

    #[test]
    fn keeping_everything_from_an_address_up_makes_linux_drop_reservations_there() {
        let calls = [
            Operation::Add(span(MIB, 2 * MIB)),
            Operation::Reserve(span(0x12_0000, 0x12_1000)),
            Operation::CapMemoryRange(Span { base: 0x11_0000, size: u64::MAX }),
        ];
        after(&calls, |ours, linux| {
            assert_eq!(table(ours, TableKind::Memory), table(linux, TableKind::Memory));
            assert_eq!(table(ours, TableKind::Reserved), [(0x12_0000, 0x12_1000)]);
            assert_eq!(table(linux, TableKind::Reserved), []);
        });
    }

    #[test]
    fn linux_misaligns_for_an_alignment_that_is_not_a_power_of_two() {
        let [ours, linux] = answers(&[Operation::Add(span(MIB, 2 * MIB))], &allocation(0x1000, 0x3000));
        assert_eq!(ours, Answer::Address(None));
        let Answer::Address(Some(address)) = linux else { panic!("{linux:?}") };
        assert_ne!(address % 0x3000, 0);
    }

    #[test]
    fn the_last_byte_of_the_address_space_is_dropped_by_linux_and_refused_by_ours() {
        let mut linux = Linux::lock();
        let page = 0_u64.wrapping_sub(0x1000);
        linux.add_node(page, 0x1000, None, 0).unwrap();
        assert!(linux.is_memory(u64::MAX - 1) && !linux.is_memory(u64::MAX));
        assert!(PhysRange::from_size(page, 0x1000).is_err());
    }

    #[test]
    fn an_alignment_of_0_means_a_cache_line_in_linux() {
        let calls = [Operation::Add(span(MIB, 2 * MIB))];
        after(&calls, |_, linux| {
            let address = linux.alloc(1, 0);
            assert!(address > MIB && address.is_multiple_of(32), "{address:#x}");
        });
        let mut memblock = Memblock::new();
        memblock.add(r(MIB, 2 * MIB)).unwrap();
        let failure = memblock.alloc(&Request { align: 0, ..Request::new(1) }).unwrap_err().failure;
        assert_eq!(failure, AllocFailure::Alignment);
    }

    #[test]
    fn reservations_outside_memory_make_linux_count_free_pages_below_zero() {
        let calls =
            [Operation::Add(span(0x10_0000, 0x10_1000)), Operation::Reserve(span(16 * MIB, 17 * MIB))];
        after(&calls, |ours, linux| {
            assert_eq!(linux.estimated_nr_free_pages(), (0xff_u64 << 12).wrapping_neg() >> 12);
            assert_eq!(ours.apply(&Operation::FreeSize), Answer::Numbers(vec![0x1000]));
        });
    }

    #[test]
    fn a_range_across_two_nodes_is_not_memory_to_linux() {
        let node = |number, span| Operation::AddNode { span, node: NodeId::new(number), flags: 0 };
        let calls = [node(0, span(0x1000, 0x2000)), node(1, span(0x2000, 0x3000))];
        let answers = answers(&calls, &Operation::IsRegionMemory(span(0x1800, 0x2800)));
        assert_eq!(answers, [Answer::Is(true), Answer::Is(false)]);
    }

    #[test]
    fn only_ours_reports_that_removed_memory_is_reserved() {
        let mut linux = Linux::lock();
        linux.add(MIB, MIB).unwrap();
        linux.reserve(MIB, 0x1000).unwrap();
        assert_eq!((linux.remove(MIB, MIB), linux.warnings()), (Ok(()), 0));

        let mut ours = Memblock::new();
        ours.add(r(MIB, 2 * MIB)).unwrap();
        ours.reserve(r(MIB, MIB + 0x1000)).unwrap();
        assert_eq!(ours.remove(r(MIB, 2 * MIB)).unwrap().still_reserved, 0x1000);
    }

    #[test]
    fn a_full_table_is_a_panic_in_linux_and_an_error_in_ours() {
        let page = |number: u64| r(number * 0x2000, number * 0x2000 + 0x1000);
        let mut linux = Linux::lock();
        linux.forbid_growth();
        let stopped = (1..).find_map(|number| linux.add(page(number).start(), 0x1000).err());
        assert_eq!(
            stopped,
            Some(LinuxError::Stopped(String::from("memblock: cannot resize memory array\n")))
        );

        let mut ours = Memblock::new();
        let error = (1..).find_map(|number| ours.reserve(page(number)).err()).unwrap();
        assert!(matches!(error, MemblockError::Full { table: TableKind::Reserved, .. }));
        let before = ours.reserved().len();
        ours.add(r(1 << 40, 2 << 40)).unwrap();
        // There is free memory, but no room to record the allocation.
        let request = Request { max: Some(u64::MAX), ..Request::new(64) };
        ours.reserve(r(1 << 41, (1 << 41) + 1)).unwrap_err();
        assert!(matches!(ours.alloc(&request).unwrap_err().failure, AllocFailure::Table(_)));
        assert_eq!(ours.reserved().len(), before);
    }

    #[test]
    fn linux_returns_an_empty_piece_between_different_reservations() {
        let noinit = RegionFlags::RSRV_NOINIT.bits();
        let calls = [
            Operation::Add(span(MIB, 2 * MIB)),
            Operation::Reserve(span(0x12_0000, 0x13_0000)),
            Operation::ReserveRegion { span: span(0x13_0000, 0x14_0000), node: None, flags: noinit },
        ];
        let [ours, linux] = answers(&calls, &Operation::WalkFree { node: None, flags: 0 });
        let piece = |(start, end)| Piece { start, end, nid: -1 };
        let pieces = |ends: &[(u64, u64)]| {
            let up: Vec<Piece> = ends.iter().copied().map(piece).collect();
            Answer::Pieces(up.clone(), up.into_iter().rev().collect())
        };
        assert_eq!(ours, pieces(&[(MIB, 0x12_0000), (0x14_0000, 2 * MIB)]));
        assert_eq!(linux, pieces(&[(MIB, 0x12_0000), (0x13_0000, 0x13_0000), (0x14_0000, 2 * MIB)]));
    }

    #[test]
    fn in_linux_an_empty_range_overlaps_the_region_around_it() {
        let question = Operation::OverlapsRegion(TableKind::Memory, Span { base: 0x11_0000, size: 0 });
        let answers = answers(&[Operation::Add(span(MIB, 2 * MIB))], &question);
        assert_eq!(answers, [Answer::Is(false), Answer::Is(true)]);
    }

    #[test]
    fn limiting_memory_leaves_linuxs_nomap_memory_in_pieces() {
        let nomap = RegionFlags::NOMAP.bits();
        let calls = [
            Operation::AddNode { span: span(MIB, 2 * MIB), node: None, flags: nomap },
            Operation::CapMemoryRange(span(0x12_0000, 0x18_0000)),
        ];
        after(&calls, |ours, linux| {
            assert_eq!(table(ours, TableKind::Memory), [(MIB, 2 * MIB)]);
            let pieces = [(MIB, 0x12_0000), (0x12_0000, 0x18_0000), (0x18_0000, 2 * MIB)];
            assert_eq!(table(linux, TableKind::Memory), pieces);
        });
    }

    #[test]
    fn trimming_at_the_end_of_the_address_space_makes_all_of_it_memory_in_linux() {
        let calls = [
            Operation::Add(span(0u64.wrapping_sub(0x800), u64::MAX)),
            Operation::TrimMemory { align: 0x1000 },
        ];
        after(&calls, |ours, linux| {
            assert_eq!(table(ours, TableKind::Memory), []);
            assert_eq!(table(linux, TableKind::Memory), [(0, 0u64.wrapping_sub(0x1000))]);
        });
    }

    #[test]
    fn memory_in_the_last_page_has_every_page_frame_in_linux() {
        let calls = [Operation::Add(span(0u64.wrapping_sub(0x800), u64::MAX))];
        let [ours, linux] = answers(&calls, &Operation::WalkPfns { node: None });
        let all = vec![Piece { start: 0, end: (1 << 52) - 1, nid: -1 }];
        assert_eq!([ours, linux], [Answer::Pieces(vec![], vec![]), Answer::Pieces(all.clone(), all)]);
    }

    #[test]
    fn regions_without_a_node_may_differ_in_linux() {
        const NUMA_NO_NODE: i64 = -1;
        let calls = [Operation::Add(span(MIB, 2 * MIB))];
        after(&calls, |ours, linux| {
            linux.set_raw_node(TableKind::Memory, MIB, 0x1000, NUMA_NO_NODE).unwrap();
            ours.apply(&Operation::SetNode {
                table: TableKind::Memory,
                span: span(MIB, MIB + 0x1000),
                node: None,
            });
            assert_eq!(table(ours, TableKind::Memory).len(), 1);
            assert_eq!(table(linux, TableKind::Memory).len(), 2);
        });
    }

    #[test]
    fn linux_lists_nomap_memory_twice_if_reservations_outgrow_their_array() {
        let mut calls = vec![Operation::AddNode {
            span: span(MIB, MIB + 0x1000),
            node: None,
            flags: RegionFlags::NOMAP.bits(),
        }];
        // Linux's array has room for 128 regions; a memory region that cuts the last reservation makes it
        // grow.
        calls.extend(
            (0..127).map(|number| Operation::Reserve(span(number * 0x2000, number * 0x2000 + 0x1000))),
        );
        calls.push(Operation::Reserve(span(16 * MIB, 17 * MIB)));
        let inside = span(16 * MIB + 0x1000, 16 * MIB + 0x2000);
        calls.push(Operation::AddNode { span: inside, node: NodeId::new(1), flags: 0 });
        after(&calls, |ours, linux| {
            let nomap = |answer| {
                let Answer::HandedOver(_, unfreed) = answer else { panic!("{answer:?}") };
                unfreed.iter().filter(|piece| (piece.start, piece.end) == (MIB, MIB + 0x1000)).count()
            };
            assert_eq!(nomap(ours.apply(&Operation::FreeAll { max_low_pfn: u64::MAX })), 1);
            assert_eq!(nomap(linux.free_all(u64::MAX)), 2);
        });
    }

    #[test]
    fn linux_merges_reservations_of_different_owners() {
        let mut linux = Linux::lock();
        linux.reserve(0x1000, 0x1000).unwrap();
        linux.reserve(0x2000, 0x1000).unwrap();
        assert_eq!(table(&mut linux, TableKind::Reserved), [(0x1000, 0x3000)]);

        let mut ours = Memblock::new();
        ours.reserve_for(r(0x1000, 0x2000), "one").unwrap();
        ours.reserve_for(r(0x2000, 0x3000), "another").unwrap();
        assert_eq!(ours.reserved().len(), 2);
    }
}
