//! The EFI memory map that a kernel prints with `efi=debug`.

use uefi_raw::table::boot::{MemoryAttribute, MemoryType};

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};
use crate::efi::Entry;

/// Which map a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EfiMap {
    /// The firmware's memory map.
    Firmware,
    /// The parts kept for runtime services, which x86 prints below `EFI runtime memory map:`.
    Runtime,
}

/// One line of an EFI memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EfiLine {
    /// 1-based line number.
    pub line: usize,
    /// The map it belongs to.
    pub map: EfiMap,
    /// Its range, type and attributes.
    pub entry: Entry,
}

/// The lines of the EFI memory map in a kernel log, in all its forms:
///
/// ```text
/// efi:   0x000040000000-0x000049ffffff [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
/// efi: mem00: [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0-0x9ffff] (0MB)
/// efi: mem00: [Conventional Memory|   |  |  |  |  |   |WB|WT|WC|UC] range=[0x0-0xa0000) (0MB)
/// efi: mem00: type=7, attr=0xf, range=[0x0-0xa0000) (0MB)
/// ```
///
/// A range that ends in `)` excludes its end: kernels before 4.7.
///
/// Source: `drivers/firmware/efi/efi.c:efi_md_typeattr_format`, `drivers/firmware/efi/efi-init.c:reserve_regions`,
/// `arch/x86/platform/efi/efi.c:efi_print_memmap`.
///
/// ```
/// # let text = b"[    0.0] efi:   0x000080000000-0x00009fffffff [Conventional|   |  |  |  |SP|  |  |  |  |  |   |WB|  |  |  ]";
/// use uefi_raw::table::boot::{MemoryAttribute, MemoryType};
/// let line = firmware::log::efi(text).next().unwrap()?;
/// assert_eq!(line.entry.kind, MemoryType::CONVENTIONAL);
/// assert!(line.entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE));
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn efi(text: &[u8]) -> EfiLines<'_> {
    EfiLines { lines: lines(text), map: EfiMap::Firmware }
}

/// Iterator over the EFI memory map lines of a kernel log, from [`efi`].
#[derive(Clone, Debug)]
pub struct EfiLines<'a> {
    lines: Lines<'a>,
    map: EfiMap,
}

impl Iterator for EfiLines<'_> {
    type Item = Result<EfiLine, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { lines, map } = self;
        lines.find_map(|(line, message)| read(line, message, map).transpose())
    }
}

fn read(line: usize, message: &[u8], map: &mut EfiMap) -> Result<Option<EfiLine>, LogError> {
    let mut cursor = Cursor::new(message, line, "EFI memory map");
    cursor.skip_blanks();
    if !cursor.skip("efi: ") && !cursor.skip("EFI: ") {
        return Ok(None);
    }
    if cursor.skip("EFI runtime memory map:") {
        *map = EfiMap::Runtime;
        return Ok(None);
    }
    let entry = if cursor.skip("  0x") {
        let message = message.trim_ascii_start();
        cursor = Cursor::new(message.get("efi:   ".len()..).unwrap_or(&[]), line, "EFI memory map");
        let bounds = cursor.bounds()?;
        cursor.expect(" ")?;
        let (kind, attributes) = type_and_attributes(&mut cursor)?;
        // A star marks ranges that the kernel keeps; see efi-init.c.
        cursor.skip("*");
        cursor.end()?;
        Entry { range: cursor.range(bounds)?, kind, attributes }
    } else if cursor.skip("mem") && cursor.rest().first().is_some_and(u8::is_ascii_digit) {
        cursor.decimal()?;
        cursor.expect(": ")?;
        let (kind, attributes) = if cursor.skip("type=") {
            old_type_and_attributes(&mut cursor)?
        } else {
            type_and_attributes(&mut cursor)?
        };
        cursor.expect(" range=[")?;
        let bounds = cursor.bounds()?;
        let range = if cursor.skip(")") {
            cursor.half_open(bounds)?
        } else {
            cursor.expect("]")?;
            cursor.range(bounds)?
        };
        Entry { range, kind, attributes }
    } else {
        return Ok(None);
    };
    Ok(Some(EfiLine { line, map: *map, entry }))
}

/// `7, attr=0xf,` after `type=`, as kernels before 3.18 print it.
fn old_type_and_attributes(cursor: &mut Cursor<'_>) -> Result<(MemoryType, MemoryAttribute), LogError> {
    let kind = MemoryType(cursor.decimal()?);
    cursor.expect(", attr=")?;
    let bits = cursor.hex()?;
    cursor.expect(",")?;
    Ok((kind, MemoryAttribute::from_bits_retain(bits)))
}

/// `[Conventional|   |…|WB|  |  |  ]`, or `[Conventional|attr=0x…]` if a bit has no name.
fn type_and_attributes(cursor: &mut Cursor<'_>) -> Result<(MemoryType, MemoryAttribute), LogError> {
    cursor.expect("[")?;
    let kind = kind(cursor)?;
    if cursor.skip("attr=") {
        let bits = cursor.hex()?;
        cursor.expect("]")?;
        return Ok((kind, MemoryAttribute::from_bits_retain(bits)));
    }
    let mut attributes = MemoryAttribute::empty();
    for cell in cursor.until(b']', "]")?.split(|byte| *byte == b'|') {
        attributes |= attribute(cell.trim_ascii()).ok_or_else(|| cursor.malformed("an EFI attribute"))?;
    }
    Ok((kind, attributes))
}

fn kind(cursor: &mut Cursor<'_>) -> Result<MemoryType, LogError> {
    if cursor.skip("type=") {
        let number = cursor.decimal()?;
        cursor.until(b'|', "|")?;
        return Ok(MemoryType(number));
    }
    Ok(match cursor.until(b'|', "|")?.trim_ascii() {
        b"Reserved" => MemoryType::RESERVED,
        b"Loader Code" => MemoryType::LOADER_CODE,
        b"Loader Data" => MemoryType::LOADER_DATA,
        b"Boot Code" => MemoryType::BOOT_SERVICES_CODE,
        b"Boot Data" => MemoryType::BOOT_SERVICES_DATA,
        b"Runtime Code" => MemoryType::RUNTIME_SERVICES_CODE,
        b"Runtime Data" => MemoryType::RUNTIME_SERVICES_DATA,
        b"Conventional" | b"Conventional Memory" => MemoryType::CONVENTIONAL,
        b"Unusable" | b"Unusable Memory" => MemoryType::UNUSABLE,
        b"ACPI Reclaim" | b"ACPI Reclaim Memory" => MemoryType::ACPI_RECLAIM,
        b"ACPI Mem NVS" | b"ACPI Memory NVS" => MemoryType::ACPI_NON_VOLATILE,
        b"MMIO" | b"Memory Mapped I/O" => MemoryType::MMIO,
        b"MMIO Port" | b"MMIO Port Space" => MemoryType::MMIO_PORT_SPACE,
        b"PAL Code" => MemoryType::PAL_CODE,
        b"Persistent" | b"Persistent Memory" => MemoryType::PERSISTENT_MEMORY,
        b"Unaccepted" => MemoryType::UNACCEPTED,
        _ => return Err(cursor.malformed("an EFI memory type")),
    })
}

fn attribute(cell: &[u8]) -> Option<MemoryAttribute> {
    Some(match cell {
        b"" => MemoryAttribute::empty(),
        b"RUN" | b"RT" => MemoryAttribute::RUNTIME,
        b"HP" => MemoryAttribute::HOT_PLUGGABLE,
        b"MR" => MemoryAttribute::MORE_RELIABLE,
        b"CC" => MemoryAttribute::CPU_CRYPTO,
        b"SP" => MemoryAttribute::SPECIAL_PURPOSE,
        b"NV" => MemoryAttribute::NON_VOLATILE,
        b"XP" => MemoryAttribute::EXECUTE_PROTECT,
        b"RP" => MemoryAttribute::READ_PROTECT,
        b"WP" => MemoryAttribute::WRITE_PROTECT,
        b"RO" => MemoryAttribute::READ_ONLY,
        b"UCE" => MemoryAttribute::UNCACHABLE_EXPORTED,
        b"WB" => MemoryAttribute::WRITE_BACK,
        b"WT" => MemoryAttribute::WRITE_THROUGH,
        b"WC" => MemoryAttribute::WRITE_COMBINE,
        b"UC" => MemoryAttribute::UNCACHEABLE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const ARM64: &[u8] = b"\
[    0.000000] efi: Processing EFI memory map:
[    0.000000] efi:   0x000040000000-0x000049ffffff [Conventional|   |  |MR|  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi:   0x00004b000000-0x00004b00ffff [Runtime Data|RUN|  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi: memattr:  0x7c0000-0x7cffff [Runtime Code|RUN|  |  |  |  |  |XP|  |  |  |   |  |  |  |  ]
[    0.000000] efi:   System Table         : 0x000000004b000000
";
    const X86: &[u8] = b"\
<6>[    0.000000] efi: Remove mem122: MMIO range=[0xffc00000-0xffffffff] (4MB) from e820 map
<6>[    0.000000] efi: mem00: [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0000000000000000-0x000000000009ffff] (0MB)
<6>[    0.468108] efi: EFI runtime memory map:
<6>[    0.468624] efi: mem00: [MMIO        |RUN|  |  |  |  |  |  |  |  |  |   |  |  |  |UC] range=[0x00000000ffc00000-0x00000000ffffffff] (4MB)
";

    #[test]
    fn arm64_lines_are_read_and_other_efi_lines_are_not() {
        let seen: Vec<_> = efi(ARM64).map(Result::unwrap).collect();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].entry.attributes, MemoryAttribute::MORE_RELIABLE | MemoryAttribute::WRITE_BACK);
        assert_eq!(seen[1].entry.kind, MemoryType::RUNTIME_SERVICES_DATA);
        assert_eq!(seen[1].entry.range.end(), 0x4b01_0000);
    }

    #[test]
    fn x86_lines_are_read_and_the_runtime_map_is_kept_separate() {
        let seen: Vec<_> = efi(X86).map(Result::unwrap).map(|l| (l.line, l.map, l.entry.kind)).collect();
        assert_eq!(
            seen,
            [(2, EfiMap::Firmware, MemoryType::CONVENTIONAL), (4, EfiMap::Runtime, MemoryType::MMIO),]
        );
    }

    #[test]
    fn a_range_that_ends_in_a_parenthesis_excludes_its_end() {
        let text = b"\
[    0.0] efi: mem36: [Conventional Memory|  |MR|  |  |  |  |   |WB|WT|WC|UC] range=[0x0000000100000000-0x0000000180000000) (2048MB)
 EFI: mem01: type=7, attr=0xf, range=[0x0000000000001000-0x0000000000054000) (0MB)
";
        let seen: Vec<_> = efi(text).map(|line| line.unwrap().entry).collect();
        assert_eq!((seen[0].range.end(), seen[1].range.end()), (0x1_8000_0000, 0x5_4000));
        assert!(seen[0].attributes.contains(MemoryAttribute::MORE_RELIABLE));
        assert_eq!((seen[1].kind, seen[1].attributes.bits()), (MemoryType::CONVENTIONAL, 0xf));
    }

    #[test]
    fn types_and_attributes_without_a_name_keep_their_numbers() {
        let text = b"efi: mem00: [type=1879048192|attr=0x0000001000000008] range=[0x0-0xfff] (0MB)";
        let entry = efi(text).next().unwrap().unwrap().entry;
        assert_eq!((entry.kind, entry.attributes.bits()), (MemoryType(0x7000_0000), 0x10_0000_0008));
    }

    #[test]
    fn an_unknown_attribute_is_an_error_not_a_missing_bit() {
        let text = b"efi:   0x0-0xfff [Conventional|ZZ|WB]";
        assert!(matches!(
            efi(text).next().unwrap(),
            Err(LogError::Malformed { expected: "an EFI attribute", .. })
        ));
    }
}
