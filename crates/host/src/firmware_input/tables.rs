//! What is in one file from firmware, without combining it with others.

use std::path::Path;

use evidence::Snapshot;
use firmware::e820::BootParams;

use crate::firmware_input::file::{DEVICE_TREE, FirmwareFileError, HDRS, ZERO_PAGE, acpi_signature, whole};
use crate::firmware_input::{acpidump, magic, text};

/// One table or map. Binary ones are only recognized, not checked: decoding them says what is wrong.
#[derive(Clone, Debug)]
pub enum FirmwareTable {
    /// A flattened device tree.
    DeviceTree(Vec<u8>),
    /// An ACPI table of any signature.
    Acpi(Vec<u8>),
    /// An x86 zero page.
    ZeroPage(Vec<u8>),
    /// Text with a map.
    Map {
        /// `text with an e820 map` or `text with an EFI memory map`.
        what: &'static str,
        /// What the text says; an EFI map is also there as the e820 map that a boot loader makes of it.
        snapshot: Box<Snapshot>,
    },
}

/// The tables in a file, recognized by content: one, or all of the text of `acpidump`.
///
/// # Errors
///
/// [`FirmwareFileError`] if the file cannot be read, is from something else than firmware, or is text with a malformed
/// line.
pub fn read_firmware_tables(path: &Path) -> Result<Vec<FirmwareTable>, FirmwareFileError> {
    let bytes = whole(path)?;
    let unknown = |what| Err(FirmwareFileError::Unknown { path: path.to_owned(), what });
    if bytes.is_empty() {
        return unknown("it is empty");
    }
    if bytes.starts_with(&DEVICE_TREE) {
        return Ok(vec![FirmwareTable::DeviceTree(bytes)]);
    }
    if acpi_signature(&bytes).is_some() {
        return Ok(vec![FirmwareTable::Acpi(bytes)]);
    }
    // The EFI stub leaves no signature in it.
    let is_page = bytes.get(HDRS) == Some(b"HdrS") || BootParams::new(&bytes).is_ok();
    if bytes.len() == ZERO_PAGE && is_page {
        return Ok(vec![FirmwareTable::ZeroPage(bytes)]);
    }
    if let Some(what) = magic::name(&bytes) {
        return unknown(what);
    }
    if bytes.contains(&0) {
        return unknown("it is neither a known table nor text");
    }
    let text = String::from_utf8_lossy(&bytes);
    let dumped = acpidump::tables(&text);
    if !dumped.is_empty() {
        return Ok(dumped.into_iter().map(FirmwareTable::Acpi).collect());
    }
    let mut snapshot = Snapshot::default();
    match text::read(&mut snapshot, &text) {
        Ok(Some(kind)) => Ok(vec![FirmwareTable::Map { what: kind.what, snapshot: Box::new(snapshot) }]),
        Ok(None) => unknown("it is text without a memory map"),
        Err(source) => Err(FirmwareFileError::Text { path: path.to_owned(), source }),
    }
}
