//! Observed behavior of Linux 6.12.117 for each value.

use proptest::prelude::*;

use super::*;
use crate::command_line::values::remark::Remark;

const M: u64 = 1 << 20;

fn range(start: u64, size: u64) -> PhysRange {
    PhysRange::from_size(start, size).unwrap()
}

fn memmap(values: &[&str]) -> (MapEdits, Vec<Remark>) {
    let (mut map, mut remarks) = (MapEdits::default(), Remarks::default());
    for value in values {
        map.memmap(Some(value), &mut remarks);
    }
    (map, remarks.list)
}

fn mem(values: &[Option<&str>]) -> (MapEdits, Vec<Remark>) {
    let (mut map, mut remarks) = (MapEdits::default(), Remarks::default());
    for value in values {
        map.mem(*value, &mut remarks);
    }
    (map, remarks.list)
}

#[test]
fn each_form_is_one_edit() {
    let region = range(768 * M, 64 * M);
    for (value, expected) in [
        ("64M@768M", MapEdit::Add { range: region, kind: E820Type::Ram }),
        ("64M#768M", MapEdit::Add { range: region, kind: E820Type::Acpi }),
        ("64M$768M", MapEdit::Add { range: region, kind: E820Type::Reserved }),
        ("64M!768M", MapEdit::Add { range: region, kind: E820Type::Pram }),
        ("64M%768M+3", MapEdit::Add { range: region, kind: E820Type::Acpi }),
        ("64M%768M", MapEdit::Remove { range: region, kind: None }),
        ("64M%768M-1", MapEdit::Remove { range: region, kind: Some(E820Type::Ram) }),
        (
            "64M%768M-1+0xefffffff",
            MapEdit::Convert { range: region, from: E820Type::Ram, to: E820Type::SoftReserved },
        ),
        ("1G", MapEdit::LimitRam { from: 1024 * M }),
        ("exactmap", MapEdit::Exact),
    ] {
        let (map, remarks) = memmap(&[value]);
        assert_eq!((map.edits, map.is_user_defined), (vec![expected], true), "{value}");
        assert_eq!(remarks, [], "{value}");
    }
}

#[test]
fn a_list_is_edited_in_order() {
    let (map, _) = memmap(&["exactmap,640K@0", "1500M@1M"]);
    let ram = |start, size| MapEdit::Add { range: range(start, size), kind: E820Type::Ram };
    assert_eq!(map.edits, [MapEdit::Exact, ram(0, 640 << 10), ram(M, 1500 * M)]);
}

#[test]
fn text_after_a_complete_value_is_ignored_but_the_value_counts() {
    let (map, remarks) = memmap(&["1Gx", "64M$768Mjunk", "exactmapfoo"]);
    assert_eq!((map.edits.len(), remarks.len()), (3, 2));
    let (map, _) = memmap(&["64M%768M-1+2x"]);
    assert_eq!((map.edits.len(), map.is_user_defined), (0, true));
}

#[test]
fn an_item_without_a_size_is_silently_ignored() {
    let (map, remarks) = memmap(&["", "foo", "@1G"]);
    assert_eq!((map, remarks.len()), (MapEdits::default(), 3));
}

#[test]
fn a_size_of_0_adds_nothing_but_without_an_address_it_removes_all_ram() {
    let (map, _) = memmap(&["0@1G", "0$1G", "0%1G-1+2"]);
    assert_eq!((map.edits.len(), map.is_user_defined), (0, true));
    for value in ["0", "exact"] {
        let (map, remarks) = memmap(&[value]);
        assert_eq!(map.edits, [MapEdit::LimitRam { from: 0 }]);
        assert!(remarks[0].is_fatal, "{value}");
    }
}

#[test]
fn some_values_stop_the_kernel() {
    for value in ["64M%768M-1+1", "16P@0xfffffffffffff000"] {
        let (map, remarks) = memmap(&[value]);
        assert_eq!(map.edits, [], "{value}");
        assert!(remarks[0].is_fatal, "{value}");
    }
}

#[test]
fn every_mem_cuts_and_the_last_limits_hot_add() {
    let (map, remarks) = mem(&[Some("1000M"), Some("1500M")]);
    let expected = [1000, 1500].map(|from| MapEdit::LimitRam { from: from * M });
    assert_eq!((map.edits.as_slice(), map.hot_add_limit), (expected.as_slice(), Some(1500 * M)));
    assert_eq!(remarks, []);
}

#[test]
fn a_refused_mem_still_makes_the_map_user_defined() {
    for (value, is_user_defined) in
        [(Some("0"), true), (Some("abc"), true), (Some(""), true), (None, false), (Some("nopentium"), false)]
    {
        let (map, remarks) = mem(&[value]);
        assert_eq!(map, MapEdits { is_user_defined, ..MapEdits::default() }, "{value:?}");
        assert_eq!(remarks.len(), 1, "{value:?}");
    }
}

#[test]
fn arm64_uses_the_last_limit_and_0_means_no_limit() {
    let (mut map, mut remarks) = (MapEdits::default(), Remarks::default());
    map.arm64_mem(Some("64G"), &mut remarks);
    map.arm64_mem(Some("900M"), &mut remarks);
    assert_eq!((map.arm64_limit, remarks.list.len()), (Some(900 * M), 0));
    map.arm64_mem(Some("abc"), &mut remarks);
    assert_eq!((map.arm64_limit, remarks.list.len()), (Some(0), 1));
}

proptest! {
    #[test]
    fn no_text_panics_the_parser(value in "[0-9xKMGTPE@#$!%+,-]{0,24}|\\PC*") {
        memmap(&[&value]);
        mem(&[Some(&value)]);
    }
}
