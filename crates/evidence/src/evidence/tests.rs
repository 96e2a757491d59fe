use super::*;

fn files(starts: &str, sizes: &str) -> HandoverFiles {
    HandoverFiles { scratch_phys: Source::Read(starts.into()), scratch_len: Source::Read(sizes.into()) }
}

#[test]
fn scratch_areas_follow_the_order_of_debugfs() {
    let shown = scratch(&files("0x40000000\n0x1000000\n0x0\n", "0x8000000\n0x100000\n0x0\n"));
    let range = |start, size| PhysRange::from_size(start, size).unwrap();
    assert_eq!(shown, Source::Read(vec![range(0x4000_0000, 0x800_0000), range(0x100_0000, 0x10_0000)]));
}

#[test]
fn scratch_files_that_disagree_or_overflow_are_unreadable() {
    for (starts, sizes) in
        [("0x1000\n", "0x1000\n0x1000\n"), ("x\n", "0x1000\n"), ("0xfffffffffffff000\n", "0x2000\n")]
    {
        let found = scratch(&files(starts, sizes));
        assert!(matches!(found, Source::Unreadable { .. }), "{starts:?}");
    }
    assert_eq!(scratch(&HandoverFiles::default()), Source::Missing);
}

#[test]
fn text_that_does_not_parse_is_reported_with_its_file() {
    let snapshot = Snapshot {
        iomem: Source::Read("nonsense\n".into()),
        possible_cpus: Source::Read("3-1".into()),
        ..Snapshot::default()
    };
    let evidence = Evidence::from(snapshot);
    assert!(evidence.iomem_error.is_some());
    let Source::Unreadable { why, .. } = evidence.resources else { panic!("a tree of nonsense") };
    assert!(why.starts_with("/proc/iomem: "), "{why}");
    assert!(matches!(evidence.possible_cpus, Source::Unreadable { .. }));
}
