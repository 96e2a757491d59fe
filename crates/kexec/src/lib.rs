//! Where a kexec or kdump image goes, what the next kernel is told, and what the dump holds.
//!
//! A [`Plan`] says what Linux does with an image, and why: nothing is loaded. It is made of a
//! [`Machine`](machine::Machine), of [`Facts`] about its kernel, and of what is to be loaded, a [`Request`]:
//!
//! ```
//! use kexec::{Facts, KernelImage, Purpose, Request, SegmentKind, SetupHeader};
//! use machine::{Machine, Snapshot, snapshot::{FirmwareMapEntry, Source}};
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
//!     }),
//!     initrd: Some(0x75_e1d8),
//!     command_line: "console=ttyS0",
//!     avoid_removable: false,
//!     purgatory: None,
//! };
//! let machine = Machine::of(&snapshot)?;
//! let plan = kexec::plan(&machine, &Facts::of(&snapshot), &request, &Rules::LINUX)?;
//! assert_eq!(plan.segment(SegmentKind::Kernel).unwrap().range.start(), 0x7c60_0000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is there
//! kexec_file_load of a bzImage on x86_64, as Linux 6.12 does it, for a reboot and for crashes: the segments, the
//! command line, the e820 map handed over with the 128 entries that it has room for, and the ranges of the dump.
//! The same of kexec_load, as kexec-tools 2.0.25 does it: DIMMs are in its map, which does not end at 128 entries.
//! Both loads of an Image on arm64, too: there the next kernel gets a copy of the boot's device tree, and [`NextChosen`]
//! is what that says; its size is told to the byte. [`Margins`] is what would still fit, [`remedies`] what would have a load taken
//! that is refused. [`findings`] says what is wrong with what is loaded or planned, and [`load_log`] what the kernel's log
//! tells of loads. [`dump`] holds the header of a dump, which [`images::core_header`] reads and writes, against a machine.
//! [`images`] reads kernels' headers. [`placement`] is the search for a hole by itself; [`candidates`] asks
//! [`rules`] where it may look. Both searches are there: of the resource tree, and of memblock where the kernel
//! keeps it. `tests/captures` holds the plans against what kernels and kexec-tools printed when they loaded.
//!
//! # What is not there yet
//! - The layout of other architectures. Of kexec_load: what options of kexec-tools change, such as `--mem-min`,
//!   `--mem-max`, `--pass-memmap-cmdline`, `--entry-32bit` and `--real-mode`.
//! - Plans for other images than a bzImage, an x86 ELF kernel and an arm64 Image: [`images`] reads an arm64 ELF kernel,
//!   too; an EFI zboot image has to be unpacked first.
//! - Signatures, lockdown and modules of security; the checks of a header's flags are in [`images`], which the command
//!   asks and a plan does not. A load that is planned here may still be refused.
//! - Control pages, which are no segments; segments in CMA areas (6.17). Kexec handover (6.16) follows its documents: no
//!   load with it was compared.
//! - On arm64: where the boot's device tree lies, so that an entry of its memory reservation block for itself is known by
//!   its size alone; what pages of 16 and 64 KiB change, with which nothing was compared; and the list of measurements
//!   (CONFIG_IMA_KEXEC) that grows the device tree.
//! - What a boot loader attached as setup_data: the kernel splits the map handed over around some of it, of the same
//!   use to the next kernel.
#![forbid(unsafe_code)]

mod arm64_error;
mod arm64_file;
mod arm64_plan;
mod arm64_tools;
pub mod candidates;
mod crash;
pub mod dump;
mod efi_runtime;
mod elf_error;
mod error;
mod facts;
pub mod finding;
pub mod findings;
mod ground;
mod handover;
mod limits;
pub mod load_log;
mod margins;
mod next_chosen;
mod next_kernel;
mod next_tree;
pub mod placement;
mod placing;
mod plan;
mod possible_cpus;
mod remedy;
mod request;
mod segment;
#[cfg(test)]
mod testing;
mod x86_elf;
mod x86_file;
mod x86_image;
mod x86_load;

pub use arm64_error::Arm64Error;
pub use crash::{CrashKernel, HeaderSize};
pub use efi_runtime::EfiRuntime;
pub use elf_error::ElfError;
pub use error::PlanError;
pub use facts::{Configured, Facts, LoadedDeviceTrees};
pub use firmware::e820::{E820Type, Entry};
pub use handover::Handover;
pub use margins::Margins;
pub use next_chosen::{NextChosen, ToldBy};
pub use next_kernel::{MOST_ENTRIES, NextMap};
pub use plan::{Plan, Purpose, plan};
pub use remedy::{Remedy, remedies};
pub use images::{Arm64Header, ElfKernel, ElfSegment, KernelImage, SetupHeader};
pub use request::{Purgatory, Request};
pub use segment::{MOST_SEGMENTS, Segment, SegmentKind};
