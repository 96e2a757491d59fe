//! The input of a boot, read from a machine that went through one.
//!
//! What the firmware and the boot loader handed over is read from where the kernel keeps it; what it keeps
//! nowhere, from the log. Nothing of what came of the boot is read.

mod arm64;
mod efi_of_iomem;
mod x86;

use firmware::log::MemblockCallKind;
use memblock::PhysRange;

use super::build::Build;
use super::input::{BootInput, Platform};
use super::log::LogFacts;
use super::numa_tables::{MemoryAffinity, NumaTables};
use super::seeds::Seed;
use crate::architecture::Architecture;
use crate::release::{NotARelease, Release};
use crate::resources::ResourceTree;
use crate::snapshot::{Snapshot, Source};
use crate::unknown::Unknown;

/// Why a boot's input could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Nothing shows the firmware's map.
    #[error("the firmware's memory map is not there: {0}")]
    NoMap(String),
    /// The boots of this architecture are not known.
    #[error("the boot of `{0}` is not known: x86_64 and aarch64 are")]
    Architecture(String),
    /// The release given is none.
    #[error(transparent)]
    Release(#[from] NotARelease),
}

/// Where seeds come from.
const LOG: &str = "from the kernel log";
const IOMEM: &str = "from /proc/iomem";

/// What is read for every architecture.
struct Reading<'a> {
    snapshot: &'a Snapshot,
    log: LogFacts,
    tree: Option<ResourceTree>,
    assumed: Vec<Unknown>,
    seeded: Vec<Seed>,
}

impl BootInput {
    /// Reads what a machine was booted with.
    ///
    /// What is not shown is assumed, and named in [`BootInput::assumed`].
    ///
    /// # Errors
    ///
    /// [`InputError`] when there is no firmware map, or when the architecture is another.
    pub fn of(snapshot: &Snapshot) -> Result<Self, InputError> {
        let log = snapshot.kernel_log.read().map_or("", String::as_str);
        let mut reading = Reading {
            snapshot,
            log: LogFacts::of(log),
            tree: snapshot.iomem.read().and_then(|text| ResourceTree::parse(text).ok()),
            assumed: Vec::new(),
            seeded: Vec::new(),
        };
        let release = reading.release();
        match reading.architecture()? {
            Architecture::X86_64 => reading.x86(release),
            Architecture::Arm64 => reading.arm64(release),
        }
    }
}

impl Reading<'_> {
    fn architecture(&self) -> Result<Architecture, InputError> {
        let snapshot = self.snapshot;
        match snapshot.architecture.read() {
            Some(word) => {
                Architecture::from_uname(word).ok_or_else(|| InputError::Architecture(word.clone()))
            }
            None if snapshot.boot_params.read().is_some() || snapshot.firmware_memmap.read().is_some() => {
                Ok(Architecture::X86_64)
            }
            None if snapshot.device_tree.read().is_some() => Ok(Architecture::Arm64),
            None => match snapshot.kernel_log.read() {
                Some(log) if log.contains("BIOS-e820: [mem ") => Ok(Architecture::X86_64),
                _ => Err(InputError::NoMap(
                    "neither boot parameters, nor /sys/firmware/memmap, nor a device tree, nor a log from the beginning".into(),
                )),
            },
        }
    }

    fn release(&mut self) -> Release {
        let text = self.snapshot.version.read().and_then(|version| {
            version.strip_prefix("Linux version ")?.split_whitespace().next()?.parse().ok()
        });
        text.unwrap_or_else(|| {
            self.assume("the kernel's release", "/proc/version is not there", "taken as 6.12");
            Release::v6_12()
        })
    }

    fn seed(&mut self, what: &str, why: &str) {
        self.seeded.push(Seed { what: what.to_owned(), why: why.to_owned() });
    }

    fn assume(&mut self, what: &str, why: &str, effect: &str) {
        self.assumed.push(Unknown::new(what, why, effect));
    }

    fn command_line(&mut self) -> String {
        if let Some(line) = self.snapshot.command_line.read() {
            return line.clone();
        }
        self.assume("the command line", "/proc/cmdline is not there", "taken as empty");
        String::new()
    }

    /// The tables about nodes: as the firmware left them, or as the log lists their entries.
    fn numa(&mut self) -> NumaTables {
        let mut tables = NumaTables::default();
        let table = |name: &str| self.snapshot.acpi_tables.get(name).and_then(Source::read);
        let srat = table("SRAT").map(|bytes| tables.read_srat(&bytes.0));
        let slit = table("SLIT").map(|bytes| tables.read_slit(&bytes.0));
        if let Some(Err(error)) = srat {
            let why = format!("/sys/firmware/acpi/tables/SRAT: {error}");
            self.assume("the SRAT", &why, "the log's list of its entries is used");
        }
        if let Some(Err(error)) = slit {
            let why = format!("/sys/firmware/acpi/tables/SLIT: {error}");
            self.assume("the SLIT", &why, "all nodes are taken to be equally far");
        }
        if !tables.has_srat {
            self.srat_of_log(&mut tables);
        }
        tables
    }

    fn srat_of_log(&self, tables: &mut NumaTables) {
        let log = self.snapshot.kernel_log.read().map_or("", String::as_str);
        let lines = firmware::log::srat(log.as_bytes()).filter_map(Result::ok);
        // The log gives node numbers, which the order of the domains decides: each node is its own domain.
        let affinity = |line: firmware::log::SratLine| MemoryAffinity {
            domain: line.node.get(),
            range: line.range,
            hot_pluggable: line.hotplug,
        };
        tables.memory = lines.map(affinity).collect();
        tables.has_srat = !tables.memory.is_empty();
        let last = tables.memory.iter().map(|memory| memory.domain).max();
        tables.initiators = last.map_or_else(Vec::new, |last| (0..=last).collect());
    }

    /// The kernel's image, from /proc/iomem: from its code to the end of its bss, in whole pages.
    fn kernel_image(&mut self, by_default: PhysRange) -> PhysRange {
        let parts = self.tree.iter().flat_map(|tree| tree.resources().iter()).filter(|resource| {
            matches!(&*resource.name, "Kernel code" | "Kernel rodata" | "Kernel data" | "Kernel bss")
        });
        // Without privilege all addresses read 0.
        let ranges = parts.filter_map(|resource| resource.range().ok()).filter(|range| range.start() > 0);
        let image = ranges.reduce(PhysRange::hull);
        if let Some(image) = image.and_then(|image| image.widen_to_multiples(4096)) {
            self.seed("where the kernel's image lies", IOMEM);
            return image;
        }
        self.assume(
            "where the kernel's image lies",
            "/proc/iomem does not show it",
            &format!("taken as {by_default}"),
        );
        by_default
    }

    /// What a build has, corrected by what the log of this very kernel shows.
    fn build(&mut self, release: &Release, architecture: Architecture) -> Build {
        let mut build = Build::of(release, architecture);
        if let Some(config) = self.snapshot.kernel_config.read() {
            build.correct(architecture, config);
        }
        if let Some(size) = self.log.node_data.filter(|size| *size != build.node_data) {
            build.node_data = size;
            self.seed("the size of each node's data", LOG);
        }
        let log = &self.log;
        if log.has_beginning {
            build.gib_pages = log.gib_pages;
        }
        if let Some(bits) = log.wide_addresses {
            build.arm64.virtual_bits = 52;
            build.arm64.physical_bits = bits;
        }
        match log.max_arch_pfn {
            // 46 bits of physical addresses with four levels, 52 with five.
            Some(pfn) if pfn <= 1 << 34 => build.page_table_levels = 4,
            Some(_) => build.page_table_levels = 5,
            None => {}
        }
        build
    }

    /// What the log, with memblock=debug, says a function reserved.
    fn reserved_by(&self, caller: &str) -> Vec<PhysRange> {
        let log = self.snapshot.kernel_log.read().map_or("", String::as_str);
        let calls = firmware::log::memblock_calls(log.as_bytes()).filter_map(Result::ok);
        let by_caller = calls.filter(|call| {
            call.kind == MemblockCallKind::Reserve && call.caller.starts_with(caller.as_bytes())
        });
        by_caller.map(|call| call.range).collect()
    }

    fn finish(
        mut self,
        release: Release,
        architecture: Architecture,
        platform: Platform,
        kernel_image: PhysRange,
        initrd: Option<PhysRange>,
    ) -> BootInput {
        BootInput {
            command_line: self.command_line(),
            platform,
            numa: self.numa(),
            kernel_image,
            initrd,
            build: self.build(&release, architecture),
            release,
            assumed: self.assumed,
            seeded: self.seeded,
        }
    }
}
