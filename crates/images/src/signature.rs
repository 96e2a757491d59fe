//! Whether a kernel image carries a signature.
//!
//! A kernel that demands one looks for it in the image's certificate table, as UEFI Secure Boot does: the image is an EFI
//! program. Whether the signature is good, and its key trusted, only the kernel can say.
//!
//! Source: PE Format (Microsoft), "Optional Header Data Directories", the fifth: Certificate Table.

/// `e_lfanew`: where the PE header begins.
const PE_OFFSET: usize = 0x3c;
/// Of the PE header: its signature and the COFF header, behind which the optional header begins.
const OPTIONAL_HEADER: usize = 24;
/// The magic of an optional header of 64 bits, PE32+.
const PE32_PLUS: u16 = 0x20b;
/// Of that: `NumberOfRvaAndSizes`, and the directories behind it, 8 bytes each.
const DIRECTORIES: usize = 108;
const CERTIFICATES: usize = 4;

/// Whether the image has a certificate table. False for whatever is no EFI program.
///
/// ```
/// assert!(!images::signature::is_there(b"MZ, and nothing else"));
/// ```
pub fn is_there(image: &[u8]) -> bool {
    certificates(image).is_some_and(|(offset, size)| {
        let end = u64::from(offset).saturating_add(size.into());
        offset != 0 && size != 0 && end <= image.len() as u64
    })
}

/// Where the certificate table lies in the file, and its size.
fn certificates(image: &[u8]) -> Option<(u32, u32)> {
    let number =
        |at: usize| -> Option<u32> { image.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) };
    let pe = usize::try_from(number(PE_OFFSET)?).ok()?;
    let is_pe = image.starts_with(b"MZ") && image.get(pe..)?.starts_with(b"PE\0\0");
    let optional = pe.checked_add(OPTIONAL_HEADER)?;
    let magic = image.get(optional..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))?;
    let directories = optional.checked_add(DIRECTORIES)?;
    let count = usize::try_from(number(directories)?).ok()?;
    if !is_pe || magic != PE32_PLUS || count <= CERTIFICATES {
        return None;
    }
    let table = directories.checked_add(4 + 8 * CERTIFICATES)?;
    Some((number(table)?, number(table.checked_add(4)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EFI program with a certificate table here, of this size.
    fn program(offset: u32, size: u32) -> Vec<u8> {
        let mut bytes = vec![0; 0x400];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"MZ");
        put(0x3c, &0x80_u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x98, &PE32_PLUS.to_le_bytes());
        put(0x98 + 108, &16_u32.to_le_bytes());
        put(0x98 + 112 + 32, &offset.to_le_bytes());
        put(0x98 + 112 + 36, &size.to_le_bytes());
        bytes
    }

    #[test]
    fn a_certificate_table_inside_the_file_is_a_signature() {
        assert!(is_there(&program(0x300, 0x100)));
        for (offset, size) in [(0, 0), (0, 0x100), (0x300, 0), (0x300, 0x101), (u32::MAX, u32::MAX)] {
            assert!(!is_there(&program(offset, size)), "{offset:#x} {size:#x}");
        }
    }

    #[test]
    fn what_is_no_efi_program_or_cut_off_has_none() {
        let whole = program(0x300, 0x100);
        for length in 0..whole.len() {
            assert!(!is_there(&whole[..length]), "{length:#x}");
        }
        for at in [0, 0x80, 0x98, 0x98 + 108] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            // With 17 directories there still is a fifth.
            assert_eq!(is_there(&bytes), at == 0x98 + 108 && bytes[at] > 4, "{at:#x}");
        }
    }
}
