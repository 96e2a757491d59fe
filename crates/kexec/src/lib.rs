//! Where a kexec or kdump image goes, what the next kernel is told, and what the dump contains.
//!
//! A [`Plan`] says where Linux would put an image, and why; nothing is loaded. It is computed from a
//! [`Machine`](machine::Machine) and a [`Request`], which describes the load:
//!
//! ```
//! use evidence::{Snapshot, Source, snapshot::FirmwareMapEntry};
//! use kexec::{Caller, KernelImage, Purpose, Request, SegmentKind, SetupHeader};
//! use machine::Machine;
//! use rules::{Loader, Rules};
//!
//! let map = FirmwareMapEntry { index: 0, start: 0x10_0000, last: 0x7ffd_ffff, kind: "System RAM".into() };
//! let snapshot = Snapshot {
//!     iomem: Source::Read("00100000-7ffdffff : System RAM\n".into()),
//!     firmware_memmap: Source::Read(vec![map]),
//!     ..Snapshot::default()
//! };
//! let request = Request {
//!     purpose: Purpose::Reboot,
//!     loader: Loader::KexecFileLoad,
//!     kernel: KernelImage::BzImage(SetupHeader {
//!         file_size: 0xb8_67c0,
//!         setup_sects: 39,
//!         pref_address: 0x100_0000,
//!         kernel_alignment: 0x20_0000,
//!         init_size: 0x37e_e000,
//!         cmdline_size: 2047,
//!         above_4g: true,
//!     }),
//!     initrd: Some(0x75_e1d8),
//!     command_line: "console=ttyS0",
//!     avoid_removable: false,
//!     without_cma: false,
//!     purgatory: None,
//!     tools: None,
//!     caller: Caller::KexecTools,
//! };
//! let plan = kexec::plan(&Machine::of(snapshot)?, &request, &Rules::LINUX)?;
//! assert_eq!(plan.segment(SegmentKind::Kernel).unwrap().range.start(), 0x7c60_0000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a plan is made
//! ```text
//! Request -> port::registry -> Port -> search ranges, dump, crash header   (kept in a LoadContext)
//!                                   -> begin: segments before the initrd, the next kernel's map, command line
//!                                   -> complete: all segments, for each initrd that is tried  (Plan, Margins)
//! ```
//! A [`port`] is one loader on one architecture: what it reads, and in which order it places segments. The
//! [`rules`] decide which memory may be used. [`search`] is only the search for a hole. `tests/captures`
//! compares plans with what kernels and kexec-tools printed during real loads. What a load by physmem itself holds is
//! made by [`contents`].
//!
//! # Not covered
//! - Options of kexec-tools that change a load: `--mem-min`, `--mem-max`, `--pass-memmap-cmdline`, `--entry-32bit`,
//!   `--real-mode`.
//! - By physmem itself ([`Caller::Physmem`]): anything but a bzImage on x86_64 and an Image on arm64. On x86_64, EFI's
//!   runtime services are not handed on; no digest is checked between the two kernels.
//! - Images other than a bzImage, an x86 ELF kernel and an arm64 Image. [`images`] reads more formats; a
//!   zboot image has to be unpacked first.
//! - Signatures and security modules. The kernel may still refuse a load that is planned here; [`permitted`] knows
//!   of settings that refuse every load.
//! - Control pages, which are not segments. Of a contiguous area (6.17) the kernel shows how many pages are
//!   allocated, not which.
//! - On arm64: the address of the boot device tree, whose own entry in the memory reservation block is
//!   therefore recognized by size only; pages of 16 and 64 KiB, other than by physmem; the list of measurements
//!   (CONFIG_IMA_KEXEC), which makes the device tree larger.
//! - setup_data from a boot loader: the kernel splits the map around some of it, without changing its
//!   meaning.
#![forbid(unsafe_code)]

pub mod assumed;
pub mod contents;
mod context;
pub mod dump;
mod error;
mod kho;
mod load;
mod margins;
mod permitted;
pub mod place;
mod plan;
pub mod port;
mod release;
mod remedy;
mod request;
mod segment;
pub mod tell;
#[cfg(test)]
mod testing;
pub mod trampoline;

pub use contents::{Contents, ContentsError, Files, Filled};
pub use dump::{CrashKernel, HeaderSize};
pub use error::{Arm64Error, ElfError, PlanError};
pub use evidence::{KernelText, Purpose, Running, RunningCrash};
pub use firmware::e820::{E820Type, Entry};
pub use images::{Arm64Header, ElfKernel, ElfSegment, KernelImage, SetupHeader};
pub use margins::Margins;
pub use permitted::permitted;
pub use place::{removable, search};
pub use plan::{Plan, plan};
pub use port::{purgatory, search_ranges};
pub use remedy::{Remedy, remedies};
pub use request::{Caller, Purgatory, Request};
pub use segment::{MOST_SEGMENTS, Segment, SegmentKind};
pub use tell::{NextChosen, NextMap, ToldBy};
