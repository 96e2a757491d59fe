//! The x86 bzImage: real-mode setup code, then a kernel that unpacks itself.
//!
//! Source: Linux `Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header" and "Details of Header
//! Fields". Bits 5 and 6 of `xloadflags` are not described there; their names are from the interface header
//! `arch/x86/include/uapi/asm/bootparam.h`.

use std::ops::Range;

use memblock::PhysRange;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::ImageError;
use super::wire::{slice, view};

mod loadable;

pub use loadable::{Paging, Unloadable};

bitflags::bitflags! {
    /// `loadflags`: those that a kernel sets in its file.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct LoadFlags: u8 {
        /// `LOADED_HIGH`: the kernel is made for 1 MiB (a bzImage), not for 64 KiB (a zImage).
        const LOADED_HIGH = 1 << 0;
        // Others are the boot loader's.
        const _ = !0;
    }

    /// `xloadflags`: what a kernel of protocol 2.12 or later can do; empty before.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct XLoadFlags: u16 {
        /// `XLF_KERNEL_64`: there is a 64-bit entry, 0x200 bytes into the kernel.
        const KERNEL_64 = 1 << 0;
        /// `XLF_CAN_BE_LOADED_ABOVE_4G`: kernel, command line and ramdisk may lie above 4 GiB.
        const CAN_BE_LOADED_ABOVE_4G = 1 << 1;
        /// `XLF_EFI_HANDOVER_32`: 32-bit EFI may enter the kernel at `handover_offset`.
        const EFI_HANDOVER_32 = 1 << 2;
        /// `XLF_EFI_HANDOVER_64`: 64-bit EFI may enter the kernel 0x200 bytes after `handover_offset`.
        const EFI_HANDOVER_64 = 1 << 3;
        /// `XLF_EFI_KEXEC`: EFI's runtime services can be handed to this kernel by kexec.
        const EFI_KEXEC = 1 << 4;
        /// `XLF_5LEVEL`: the kernel may be entered with 5-level page tables.
        const FIVE_LEVEL = 1 << 5;
        /// `XLF_5LEVEL_ENABLED`: the kernel was built to use them.
        const FIVE_LEVEL_ENABLED = 1 << 6;
        // Flags of later kernels.
        const _ = !0;
    }
}

/// What a bzImage's setup header says. Fields that came with a later protocol than the kernel's are `None`,
/// empty, or the value that boot.rst gives for kernels without them.
///
/// ```no_run
/// use images::{BzImage, bz_image::Paging};
///
/// let bytes = std::fs::read("/boot/vmlinuz")?;
/// let kernel = BzImage::new(&bytes)?;
/// kernel.check_kexec_file_load(Paging::FourLevel)?;
/// println!("needs {:?} bytes at a multiple of {:?}", kernel.init_size, kernel.kernel_alignment);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BzImage {
    /// The boot protocol's version, major number in the high byte: `0x20f` is 2.15.
    pub version: u16,
    /// 512-byte sectors of setup code, without the boot sector; a 0 in the header is given as 4.
    pub setup_sects: u8,
    /// Where the protected-mode kernel lies in the file, in bytes: after the setup code, as long as `syssize`
    /// says. Before protocol 2.04 the size is unknown, and this extends to the end of the file. A signature
    /// may follow.
    pub kernel: Range<usize>,
    /// The length of the file in bytes.
    pub file_size: usize,
    /// `loadflags`.
    pub load_flags: LoadFlags,
    /// `xloadflags`, since 2.12.
    pub xload_flags: XLoadFlags,
    /// Whether the kernel runs where it is loaded, since 2.05; if not, it moves itself to `pref_address`.
    pub relocatable: bool,
    /// The alignment that a relocatable kernel's address must have, or since 2.10 should have, in bytes: a
    /// power of two. Since 2.05; also `None` for a kernel that is not relocatable and gives none.
    pub kernel_alignment: Option<u32>,
    /// The smallest alignment with which the kernel starts, in bytes. Since 2.10, and optional.
    pub min_alignment: Option<u32>,
    /// The preferred load address. Since 2.10, and optional.
    pub pref_address: Option<u64>,
    /// Bytes that the kernel needs from its runtime address on before it knows the memory map. Since 2.10.
    pub init_size: Option<u32>,
    /// The longest command line in bytes, without the trailing NUL; 255 before 2.06.
    pub cmdline_size: u32,
    /// The highest address that a byte of the initial ramdisk may have; `0x37ff_ffff` before 2.03. With
    /// [`XLoadFlags::CAN_BE_LOADED_ABOVE_4G`], a 64-bit loader may still put it higher.
    pub initrd_addr_max: u32,
    /// Where in the file the kernel's compressed payload lies. Since 2.08, and optional.
    pub payload: Option<Range<usize>>,
    /// Where `kernel_info` lies, in bytes from the kernel's start. Since 2.15.
    pub kernel_info_offset: Option<u32>,
}

/// The setup header from `setup_sects` on.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireHeader {
    setup_sects: u8,
    _root_flags: U16,
    syssize: U32,
    _ram_size: U16,
    _vid_mode: U16,
    _root_dev: U16,
    boot_flag: U16,
    _jump: U16,
    header: [u8; 4],
    version: U16,
    _realmode_swtch: U32,
    _start_sys_seg: U16,
    _kernel_version: U16,
    _type_of_loader: u8,
    loadflags: u8,
    _pad_to_initrd_addr_max: [u8; 0x22c - 0x212],
    initrd_addr_max: U32,
    kernel_alignment: U32,
    relocatable_kernel: u8,
    min_alignment: u8,
    xloadflags: U16,
    cmdline_size: U32,
    _hardware_subarch: [u8; 12],
    payload_offset: U32,
    payload_length: U32,
    _setup_data: U64,
    pref_address: U64,
    init_size: U32,
    _handover_offset: U32,
    kernel_info_offset: U32,
}

const HEADER: usize = 0x1f1;
const SECTOR: usize = 512;
const _: () = assert!(HEADER + core::mem::offset_of!(WireHeader, header) == 0x202);
const _: () = assert!(HEADER + core::mem::offset_of!(WireHeader, initrd_addr_max) == 0x22c);
const _: () = assert!(HEADER + core::mem::offset_of!(WireHeader, payload_offset) == 0x248);
const _: () = assert!(HEADER + size_of::<WireHeader>() == 0x26c);

impl BzImage {
    /// Whether `bytes` have `HdrS` at byte `0x202`.
    pub fn has_marks(bytes: &[u8]) -> bool {
        bytes.get(0x202..0x206) == Some(b"HdrS")
    }

    /// Reads and checks the setup header of `bytes`, a whole file.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooShort`] when header, setup code or kernel do not fit into the file,
    /// [`ImageError::Value`] for a value that boot.rst does not allow, [`ImageError::Range`] when the preferred
    /// address and the size wrap.
    pub fn new(bytes: &[u8]) -> Result<Self, ImageError> {
        let wire: &WireHeader = view(bytes, HEADER, "the setup header")?;
        let value = |what, offset, found, expected| ImageError::Value { what, offset, found, expected };
        if wire.boot_flag.get() != 0xaa55 {
            return Err(value("boot_flag", 0x1fe, wire.boot_flag.get().into(), "0xaa55"));
        }
        if wire.header != *b"HdrS" {
            let found = u32::from_le_bytes(wire.header).into();
            return Err(value("the setup header's magic", 0x202, found, "0x53726448, \"HdrS\""));
        }
        let version = wire.version.get();
        if version < 0x200 {
            return Err(value("the protocol version", 0x206, version.into(), "0x200 or more"));
        }
        let setup_sects = if wire.setup_sects == 0 { 4 } else { wire.setup_sects };
        let kernel = kernel(bytes, wire, version, setup_sects)?;
        let relocatable = version >= 0x205 && wire.relocatable_kernel != 0;
        let alignment = wire.kernel_alignment.get();
        let asks_alignment = version >= 0x205 && (relocatable || alignment != 0);
        if asks_alignment && !alignment.is_power_of_two() {
            return Err(value("kernel_alignment", 0x230, alignment.into(), "a power of two"));
        }
        let exponent = Some(wire.min_alignment).filter(|exponent| version >= 0x20a && *exponent != 0);
        let min_alignment = exponent
            .map(|exponent| {
                1_u32.checked_shl(exponent.into()).ok_or_else(|| {
                    value(
                        "min_alignment",
                        0x235,
                        exponent.into(),
                        "the exponent of a power of two, at most 31",
                    )
                })
            })
            .transpose()?;
        let pref_address = Some(wire.pref_address.get()).filter(|start| version >= 0x20a && *start != 0);
        let init_size = (version >= 0x20a).then(|| wire.init_size.get());
        if init_size == Some(0) {
            return Err(value("init_size", 0x260, 0, "the memory that the kernel needs to start, in bytes"));
        }
        if let (Some(start), Some(size)) = (pref_address, init_size) {
            let what = "init_size bytes at pref_address";
            PhysRange::from_size(start, size.into()).map_err(|source| ImageError::Range {
                what,
                offset: 0x258,
                source,
            })?;
        }
        let kernel_info_offset = (version >= 0x20f).then(|| wire.kernel_info_offset.get());
        if let Some(offset) = kernel_info_offset.filter(|offset| u64::from(*offset) >= kernel.len() as u64) {
            let expected = "an offset within the kernel, of syssize paragraphs";
            return Err(value("kernel_info_offset", 0x268, offset.into(), expected));
        }
        Ok(Self {
            version,
            setup_sects,
            payload: payload(bytes, wire, version, &kernel)?,
            kernel,
            file_size: bytes.len(),
            load_flags: LoadFlags::from_bits_retain(wire.loadflags),
            xload_flags: XLoadFlags::from_bits_retain(if version >= 0x20c {
                wire.xloadflags.get()
            } else {
                0
            }),
            relocatable,
            kernel_alignment: asks_alignment.then_some(alignment),
            min_alignment,
            pref_address,
            init_size,
            cmdline_size: if version >= 0x206 { wire.cmdline_size.get() } else { 255 },
            initrd_addr_max: if version >= 0x203 { wire.initrd_addr_max.get() } else { 0x37ff_ffff },
            kernel_info_offset,
        })
    }

    /// The memory that the kernel uses before it knows the memory map, if it is loaded at `load_address`: the
    /// rule for the runtime start address in boot.rst, "init_size".
    ///
    /// `None` when the header does not say, before protocol 2.10, or when the range would wrap.
    pub fn runtime_range(&self, load_address: u64) -> Option<PhysRange> {
        let start = if self.relocatable {
            load_address.checked_next_multiple_of(self.kernel_alignment?.into())?
        } else {
            self.pref_address?
        };
        PhysRange::from_size(start, self.init_size?.into()).ok()
    }
}

/// Where the protected-mode kernel lies.
fn kernel(
    bytes: &[u8],
    wire: &WireHeader,
    version: u16,
    setup_sects: u8,
) -> Result<Range<usize>, ImageError> {
    // One byte of sectors: at most 128 KiB.
    let start = (usize::from(setup_sects) + 1) * SECTOR;
    slice(bytes, 0, start as u64, "the setup code")?;
    let rest = bytes.len().saturating_sub(start);
    let size = if version >= 0x204 { u64::from(wire.syssize.get()) * 16 } else { rest as u64 };
    // The size is rounded up to a paragraph; the file need not be padded that far.
    slice(bytes, start as u64, size.saturating_sub(15), "the kernel, by syssize,")?;
    if size == 0 {
        let expected = "the kernel's size in paragraphs of 16 bytes";
        return Err(ImageError::Value { what: "syssize", offset: 0x1f4, found: 0, expected });
    }
    let size = usize::try_from(size).unwrap_or(rest).min(rest);
    Ok(start..start.saturating_add(size))
}

/// Where the compressed kernel lies in the file; it must be inside the kernel.
fn payload(
    bytes: &[u8],
    wire: &WireHeader,
    version: u16,
    kernel: &Range<usize>,
) -> Result<Option<Range<usize>>, ImageError> {
    let (offset, length) = (wire.payload_offset.get(), wire.payload_length.get());
    if version < 0x208 || offset == 0 {
        return Ok(None);
    }
    let start = (kernel.start as u64).saturating_add(offset.into());
    let what = "the payload, by payload_offset and payload_length,";
    let end = start.saturating_add(length.into());
    slice(bytes, start, length.into(), what)?;
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= kernel.end => Ok(Some(start..end)),
        _ => Err(ImageError::TooShort { what, start, size: length.into(), len: kernel.end }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
