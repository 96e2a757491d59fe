//! Firmware tables and maps, each in its own file: recognized by content, and combined into a machine that has
//! not booted yet.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use evidence::snapshot::{Bytes, SCHEMA};
use evidence::{Snapshot, Source};
use firmware::acpi::{AcpiError, HEADER_SIZE, Table};
use firmware::e820::{BootParams, E820Error};
use firmware::fdt::{Fdt, FdtError};
use firmware::slit::Slit;
use firmware::srat::Srat;

use crate::firmware_input::kind::Kind;
use crate::firmware_input::{acpidump, magic, text};
use crate::root::source::nonsense;

/// The largest file: no table or log is larger.
const LARGEST: u64 = 256 << 20;
/// The flattened device tree's first bytes (Devicetree Specification 0.4, 5.2).
pub(crate) const DEVICE_TREE: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];
/// An x86 zero page, and where its signature is (Documentation/arch/x86/boot.rst).
pub(crate) const ZERO_PAGE: usize = 4096;
pub(crate) const HDRS: std::ops::Range<usize> = 0x202..0x206;

/// Why firmware files could not be read as one machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirmwareFileError {
    /// A file could not be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not from firmware.
    #[error(
        "{path}: {what}; expected a flattened device tree (/sys/firmware/fdt, *.dtb), an ACPI SRAT or SLIT \
         (/sys/firmware/acpi/tables), an x86 zero page (/sys/kernel/boot_params/data), or text with lines \
         like `BIOS-e820: [mem 0x...-0x...] usable` or those of efi=debug"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        what: &'static str,
    },
    /// The file is a capture, not from firmware.
    #[error("{path} is {what}: give it with --from")]
    Capture {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A device tree that cannot be read.
    #[error("{path} is a damaged flattened device tree: {source}")]
    DeviceTree {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: FdtError,
    },
    /// An ACPI table that cannot be read.
    #[error("{path} is a damaged ACPI {signature}: {source}")]
    Acpi {
        /// The file.
        path: PathBuf,
        /// The table's signature.
        signature: String,
        /// What is wrong, and where.
        source: AcpiError,
    },
    /// An ACPI table that does not affect a boot's memory.
    #[error("{path} is an ACPI {signature}, which does not affect a boot: only SRAT and SLIT do")]
    OtherAcpi {
        /// The file.
        path: PathBuf,
        /// The table's signature.
        signature: String,
    },
    /// A zero page that cannot be read.
    #[error("{path} is a damaged x86 zero page: {source}")]
    ZeroPage {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: E820Error,
    },
    /// A line that begins like one of a memory map but is malformed.
    #[error("{path}: {source}")]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong, in which line, and what was expected.
        source: firmware::log::LogError,
    },
    /// Two files of the same kind.
    #[error("{path} is {what}, and so is another file: give only one of them")]
    Twice {
        /// The second of them.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Two files of different architectures.
    #[error("{path} is {what} of {architecture}, and another file is of {other}: give files of one machine")]
    TwoArchitectures {
        /// The second of them.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The architecture it is of.
        architecture: &'static str,
        /// The architecture of the other.
        other: &'static str,
    },
    /// Only tables about nodes, which do not say where memory is.
    #[error(
        "none of the files is a memory map: an SRAT or SLIT says which node memory belongs to, not where \
         memory is; add a device tree, a zero page or text with an e820 map"
    )]
    NoMap,
}

/// Reads a machine that has not booted yet from its firmware tables and maps.
///
/// A device tree makes it an arm64 machine, with the tree's `bootargs` as command line; a zero page or an e820
/// map makes it x86. A kernel log may accompany either, and also provides the command line and release.
///
/// # Errors
///
/// [`FirmwareFileError`] names the file, what is wrong with it, and what was expected. A damaged table beside a good
/// map is no error: in the snapshot it is unreadable, for that reason.
pub fn read_firmware(paths: &[PathBuf]) -> Result<Snapshot, FirmwareFileError> {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut machine = Snapshot { schema: SCHEMA, origin: names.join(" "), ..Snapshot::default() };
    let mut seen: Vec<Kind> = Vec::new();
    let mut damaged = Vec::new();
    for (path, bytes) in parts(paths)? {
        let kind = add(&mut machine, path, bytes, &mut damaged)?;
        if seen.iter().any(|other| other.what == kind.what) {
            return Err(FirmwareFileError::Twice { path: path.clone(), what: kind.what });
        }
        let other = seen.iter().find_map(|other| other.architecture);
        if let (Some(architecture), Some(other)) = (kind.architecture, other)
            && architecture != other
        {
            return Err(FirmwareFileError::TwoArchitectures {
                path: path.clone(),
                what: kind.what,
                architecture,
                other,
            });
        }
        seen.push(kind);
    }
    let Some(architecture) = seen.iter().find_map(|kind| kind.architecture) else {
        return Err(damaged.into_iter().next().unwrap_or(FirmwareFileError::NoMap));
    };
    machine.architecture = Source::Read(architecture.into());
    Ok(machine)
}

/// The content of each file; of the text of `acpidump`, the tables that affect a boot.
fn parts(paths: &[PathBuf]) -> Result<Vec<(&PathBuf, Vec<u8>)>, FirmwareFileError> {
    let mut parts = Vec::new();
    for path in paths {
        let bytes = whole(path)?;
        let tables = acpidump::tables(&String::from_utf8_lossy(&bytes));
        let about_nodes = |table: &Vec<u8>| table.starts_with(b"SRAT") || table.starts_with(b"SLIT");
        let tables: Vec<_> = tables.into_iter().filter(about_nodes).collect();
        if tables.is_empty() {
            parts.push((path, bytes));
        } else {
            parts.extend(tables.into_iter().map(|table| (path, table)));
        }
    }
    Ok(parts)
}

/// Adds a file to the machine; returns what it is. A damaged table is also added to `damaged`: whatever else the files
/// say does not depend on it.
fn add(
    machine: &mut Snapshot,
    path: &Path,
    bytes: Vec<u8>,
    damaged: &mut Vec<FirmwareFileError>,
) -> Result<Kind, FirmwareFileError> {
    let of = || path.to_owned();
    let unknown = |what| Err(FirmwareFileError::Unknown { path: path.to_owned(), what });
    if bytes.is_empty() {
        return unknown("it is empty");
    }
    // Nothing in a damaged table says whose it is.
    let nobody = |kind: Kind| Kind { architecture: None, ..kind };
    let mut unreadable = |fault: FirmwareFileError| {
        let source = nonsense(fault.to_string());
        damaged.push(fault);
        source
    };
    if bytes.starts_with(&DEVICE_TREE) {
        let line = match Fdt::new(&bytes).and_then(|tree| tree.chosen()) {
            Ok(chosen) => chosen.and_then(|chosen| chosen.bootargs()),
            Err(source) => {
                machine.device_tree = unreadable(FirmwareFileError::DeviceTree { path: of(), source });
                return Ok(nobody(Kind::DEVICE_TREE));
            }
        };
        if let Some(line) = line
            && machine.command_line == Source::Missing
        {
            machine.command_line = Source::Read(String::from_utf8_lossy(line).into_owned());
        }
        machine.device_tree = Source::Read(Bytes(bytes));
        return Ok(Kind::DEVICE_TREE);
    }
    if let Some(signature) = acpi_signature(&bytes) {
        // Linux only warns about a wrong checksum.
        let (kind, checked) = match &*signature {
            "SRAT" => {
                (Kind::SRAT, Table::without_checksum(&bytes, *b"SRAT").and_then(Srat::from_table).map(drop))
            }
            "SLIT" => {
                (Kind::SLIT, Table::without_checksum(&bytes, *b"SLIT").and_then(Slit::from_table).map(drop))
            }
            _ => return Err(FirmwareFileError::OtherAcpi { path: of(), signature }),
        };
        let table = match checked {
            Ok(()) => Source::Read(Bytes(bytes)),
            Err(source) => {
                let signature = signature.clone();
                unreadable(FirmwareFileError::Acpi { path: of(), signature, source })
            }
        };
        machine.acpi_tables.insert(signature, table);
        return Ok(kind);
    }
    if bytes.len() == ZERO_PAGE && bytes.get(HDRS) == Some(b"HdrS") {
        if let Err(source) = BootParams::new(&bytes) {
            machine.boot_params = unreadable(FirmwareFileError::ZeroPage { path: of(), source });
            return Ok(nobody(Kind::ZERO_PAGE));
        }
        machine.boot_params = Source::Read(Bytes(bytes));
        return Ok(Kind::ZERO_PAGE);
    }
    if bytes.get(HDRS) == Some(b"HdrS") {
        return unknown("it looks like an x86 zero page or kernel image, but a zero page has 4096 bytes");
    }
    if let Some(what) = archive(&bytes) {
        return Err(FirmwareFileError::Capture { path: of(), what });
    }
    if bytes.contains(&0) {
        return unknown(magic::name(&bytes).unwrap_or("it is neither a known table nor text"));
    }
    let text = String::from_utf8_lossy(&bytes);
    match text::read(machine, &text) {
        Ok(Some(kind)) => Ok(kind),
        Ok(None) => unknown("it is text without a memory map"),
        Err(source) => Err(FirmwareFileError::Text { path: of(), source }),
    }
}

/// Four letters and the length of the whole table (ACPI 6.5, 5.2.6); a truncated table still has its name.
pub(crate) fn acpi_signature(bytes: &[u8]) -> Option<String> {
    let signature = bytes.get(..4)?;
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let is_name = signature.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    // A log may begin with `SRAT: PXM`.
    let is_text = bytes.get(4..8)?.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let is_known = matches!(signature, b"SRAT" | b"SLIT" | b"HMAT" | b"CEDT" | b"MSCT") && !is_text;
    let length = usize::try_from(length).ok()?;
    let fits = is_known || length >= HEADER_SIZE && length == bytes.len();
    (is_name && fits).then(|| String::from_utf8_lossy(signature).into_owned())
}

/// A file that `--from` reads.
fn archive(bytes: &[u8]) -> Option<&'static str> {
    let is_packed = [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"]
        .iter()
        .any(|magic| bytes.starts_with(magic));
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    if is_packed || is_tar {
        return Some("an archive");
    }
    bytes.starts_with(b"{").then_some("a snapshot in JSON, or looks like one")
}

pub(crate) fn whole(path: &Path) -> Result<Vec<u8>, FirmwareFileError> {
    let failed = |source| FirmwareFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(failed(io::Error::other(format!("more than {} MiB", LARGEST >> 20))));
    }
    Ok(bytes)
}
