//! The e820 maps that an x86 kernel prints.

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};
use crate::e820::{E820Type, Entry};

/// Which map a line belongs to. A log has several, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum E820Map {
    /// `BIOS-e820:`, the firmware's map after the kernel sorted it and resolved overlaps; also `BIOS-e801:`,
    /// `BIOS-88:` and `BIOS-provided:`, which firmware without e820 and other boot loaders give.
    Bios,
    /// `extended:`, the same with the entries that did not fit the zero page, which holds 128; a boot loader,
    /// the EFI stub or kexec puts those into `setup_data`.
    Extended,
    /// `user:`, the map after `mem=` and `memmap=`; printed only if one of them changed it.
    User,
    /// `reserve setup_data:`, the map with a loader's `setup_data` nodes cut out; seen after kexec.
    SetupData,
    /// `modified:`, the map after the kernel's own changes, if there were any.
    Modified,
    /// `Xen:`, the map a Xen PV guest starts from.
    Xen,
}

/// One line of an e820 map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct E820Line {
    /// 1-based line number.
    pub line: usize,
    /// The map it belongs to.
    pub map: E820Map,
    /// Its range and type.
    pub entry: Entry,
}

/// The lines of all e820 maps in a kernel log.
///
/// Source: `arch/x86/kernel/e820.c:e820__print_table`. Both the wording of 6.12 and that of later releases
/// (`System RAM`, `device reserved`, `persistent RAM (type 7)`) are known. The `[gap …]` lines of later
/// releases add no information and are ignored. Known, too, is the wording of kernels before 3.5, whose second
/// address is excluded: `BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)`. Blanks before a line do
/// not matter.
///
/// ```
/// use firmware::e820::E820Type;
/// use firmware::log::{self, E820Map};
///
/// let text = b"<6>[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable\n";
/// let line = log::e820(text).next().unwrap()?;
/// assert_eq!((line.line, line.map, line.entry.kind), (1, E820Map::Bios, E820Type::Ram));
/// assert_eq!(line.entry.range.end(), 0x7ffe_0000);
/// # Ok::<(), log::LogError>(())
/// ```
pub fn e820(text: &[u8]) -> E820Lines<'_> {
    E820Lines { lines: lines(text) }
}

/// Iterator over the e820 lines of a kernel log, from [`e820`].
#[derive(Clone, Debug)]
pub struct E820Lines<'a> {
    lines: Lines<'a>,
}

impl Iterator for E820Lines<'_> {
    type Item = Result<E820Line, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|(line, message)| read(line, message).transpose())
    }
}

const MAPS: [(&str, E820Map); 9] = [
    ("BIOS-e820: ", E820Map::Bios),
    ("BIOS-e801: ", E820Map::Bios),
    ("BIOS-88: ", E820Map::Bios),
    ("BIOS-provided: ", E820Map::Bios),
    ("extended: ", E820Map::Extended),
    ("user: ", E820Map::User),
    ("reserve setup_data: ", E820Map::SetupData),
    ("modified: ", E820Map::Modified),
    ("Xen: ", E820Map::Xen),
];

fn read(line: usize, message: &[u8]) -> Result<Option<E820Line>, LogError> {
    let mut cursor = Cursor::new(message, line, "e820 map");
    cursor.skip_blanks();
    let Some((_, map)) = MAPS.into_iter().find(|(prefix, _)| cursor.skip(prefix)) else {
        return Ok(None);
    };
    if cursor.skip("[gap ") {
        return Ok(None);
    }
    if is_old(cursor.rest()) {
        return read_old(cursor).map(|entry| Some(E820Line { line, map, entry }));
    }
    // Any message may start with "user: " or similar; only "BIOS-e820: " is unmistakable.
    if map != E820Map::Bios && !cursor.rest().starts_with(b"[mem ") {
        return Ok(None);
    }
    cursor.expect("[mem ")?;
    let bounds = cursor.bounds()?;
    cursor.expect("]")?;
    let kind = kind(&mut cursor)?;
    cursor.end()?;
    Ok(Some(E820Line { line, map, entry: Entry { range: cursor.range(bounds)?, kind } }))
}

/// Whether 16 digits and a dash follow: the form of kernels before 3.5.
fn is_old(rest: &[u8]) -> bool {
    let digits = rest.get(..16).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    digits && rest.get(16..19) == Some(b" - ")
}

/// `0000000000000000 - 000000000009fc00 (usable)`; the second address is excluded.
fn read_old(mut cursor: Cursor<'_>) -> Result<Entry, LogError> {
    let start = cursor.long_bare_hex()?;
    cursor.expect(" - ")?;
    let end = cursor.long_bare_hex()?;
    cursor.skip_blanks();
    // A type without a name has no parentheses: `type 20`.
    let has_parentheses = cursor.skip("(");
    let kind = kind(&mut cursor)?;
    if has_parentheses {
        cursor.expect(")")?;
    }
    cursor.end()?;
    Ok(Entry { range: cursor.half_open((start, end))?, kind })
}

/// The firmware's map in a log, including the entries that did not fit the zero page; of a Xen guest, the map
/// that Xen provides. An excerpt may have only a later map, which counts then: `user:`, or `modified:`. Empty
/// if the log has none.
///
/// Source: `arch/x86/kernel/e820.c:e820__memory_setup_extended`, which prints the whole map again, sorted.
///
/// ```
/// use firmware::log;
///
/// let text = b"BIOS-e820: [mem 0x0-0xfff] usable\n\
///              extended: [mem 0x0-0xfff] usable\nextended: [mem 0x2000-0x2fff] usable\n";
/// assert_eq!(log::e820_of_firmware(text).count(), 2);
/// ```
pub fn e820_of_firmware(text: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    let lines = || e820(text).filter_map(Result::ok);
    let order = [E820Map::Extended, E820Map::Bios, E820Map::Xen, E820Map::User, E820Map::Modified];
    let map = order.into_iter().find(|map| lines().any(|line| line.map == *map)).unwrap_or(E820Map::Bios);
    lines().filter(move |line| line.map == map).map(|line| line.entry)
}

fn kind(cursor: &mut Cursor<'_>) -> Result<E820Type, LogError> {
    const WORDS: [(&str, E820Type); 10] = [
        ("usable", E820Type::Ram),
        ("System RAM", E820Type::Ram),
        ("reserved", E820Type::Reserved),
        ("device reserved", E820Type::Reserved),
        ("soft reserved", E820Type::SoftReserved),
        ("ACPI data", E820Type::Acpi),
        ("ACPI reclaimable", E820Type::Acpi),
        ("ACPI NVS", E820Type::Nvs),
        ("unusable", E820Type::Unusable),
        ("MMIO", E820Type::Reserved),
    ];
    cursor.skip_blanks();
    if let Some((_, kind)) = WORDS.into_iter().find(|(word, _)| cursor.skip(word)) {
        return Ok(kind);
    }
    if cursor.skip("persistent (type ") || cursor.skip("persistent RAM (type ") {
        let number = cursor.decimal()?;
        cursor.expect(")")?;
        return Ok(E820Type::from(number));
    }
    if cursor.skip("type ") {
        return cursor.decimal().map(E820Type::from);
    }
    Err(cursor.malformed("an e820 type"))
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use memblock::RangeError;

    use super::*;

    #[test]
    fn each_map_of_a_log_keeps_its_tag() {
        let text = b"\
<6>[    0.000000] BIOS-provided physical RAM map:
<6>[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
<6>[    0.000000] extended physical RAM map:
<6>[    0.000000] extended: [mem 0x0000000000000000-0x000000000009fbff] usable
<6>[    0.000000] user-defined physical RAM map:
<6>[    0.000000] user: [mem 0x0000000040000000-0x000000004fffffff] persistent (type 12)
<6>[    0.000000] extended physical RAM map:
<6>[    0.000000] reserve setup_data: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] modified: [mem 0x0000000000000000-0x0000000000000fff] reserved
";
        let seen: Vec<_> = e820(text).map(Result::unwrap).map(|l| (l.line, l.map, l.entry.kind)).collect();
        assert_eq!(
            seen,
            [
                (2, E820Map::Bios, E820Type::Ram),
                (4, E820Map::Extended, E820Type::Ram),
                (6, E820Map::User, E820Type::Pram),
                (8, E820Map::SetupData, E820Type::Ram),
                (9, E820Map::Modified, E820Type::Reserved),
            ]
        );
    }

    #[test]
    fn every_type_is_read_back_from_its_printed_form() {
        for number in (0..20).chain([0xefff_ffff, u32::MAX]) {
            let kind = E820Type::from(number);
            let text = format!("BIOS-e820: [mem 0x1000-0x1fff] {kind}");
            assert_eq!(e820(text.as_bytes()).next().unwrap().unwrap().entry.kind, kind, "{text}");
        }
    }

    #[test]
    fn the_wording_of_later_releases_is_known_and_gaps_are_ignored() {
        let text = b"\
BIOS-e820: [gap 0x00000000000a0000-0x00000000000effff]
BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff]  System RAM
BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff]  device reserved
BIOS-e820: [mem 0x0000000000300000-0x00000000003fffff]  persistent RAM (type 7)
";
        let kinds: Vec<_> = e820(text).map(|line| line.unwrap().entry.kind).collect();
        assert_eq!(kinds, [E820Type::Ram, E820Type::Reserved, E820Type::Pmem]);
    }

    #[test]
    fn the_map_of_an_old_kernel_ends_before_its_second_address() {
        let text = b"\
 BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)
[    0.000000]  BIOS-88: 0000000000100000 - 0000000000200000 (ACPI data)
[    0.8]  Xen: 0000000000300000 - 0000000000400000 (reserved)
 modified: 0000000000400000 - 0000000000500000 type 20
";
        let seen: Vec<_> =
            e820(text).map(Result::unwrap).map(|l| (l.map, l.entry.range.end(), l.entry.kind)).collect();
        assert_eq!(
            seen,
            [
                (E820Map::Bios, 0x9_fc00, E820Type::Ram),
                (E820Map::Bios, 0x20_0000, E820Type::Acpi),
                (E820Map::Xen, 0x40_0000, E820Type::Reserved),
                (E820Map::Modified, 0x50_0000, E820Type::from(20)),
            ]
        );
    }

    #[test]
    fn xens_map_stands_for_the_firmwares_and_an_excerpt_may_have_a_later_one() {
        let xen = b"Xen: [mem 0x0-0xfff] usable\nmodified: [mem 0x0-0x7ff] usable\n";
        assert_eq!(e820_of_firmware(xen).map(|entry| entry.range.end()).collect::<Vec<_>>(), [0x1000]);
        assert_eq!(e820_of_firmware(b"user: [mem 0x0-0x7ff] usable\n").count(), 1);
    }

    #[test]
    fn a_line_cut_short_is_an_error_with_its_number_and_the_next_line_follows() {
        let text = b"BIOS-e820: [mem 0x0000000\nBIOS-e820: [mem 0x0-0xfff] usable\n";
        let seen: Vec<_> = e820(text).collect();
        assert_eq!(seen[0], Err(LogError::Malformed { line: 1, what: "e820 map", expected: "-" }));
        assert_eq!(seen[1].unwrap().line, 2);
    }

    #[test]
    fn any_message_may_start_with_user_but_only_the_map_with_bios_e820() {
        let seen: Vec<_> = e820(b"user: logged in\nmodified: nothing\nBIOS-e820: nothing").collect();
        assert_eq!(seen, [Err(LogError::Malformed { line: 3, what: "e820 map", expected: "[mem " })]);
    }

    #[test]
    fn an_empty_firmware_entry_is_reported_not_dropped() {
        // The kernel's output for an entry at 0x1000 of size 0.
        let text = b"BIOS-e820: [mem 0x0000000000001000-0x0000000000000fff] reserved";
        let error = e820(text).next().unwrap().unwrap_err();
        assert!(matches!(
            error,
            LogError::Range { line: 1, source: RangeError::Empty { start: 0x1000 }, .. }
        ));
    }
}
