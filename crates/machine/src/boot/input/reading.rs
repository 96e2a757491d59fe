//! The input of a boot, read from a machine that has booted.
//!
//! Firmware and boot loader input is read from where the kernel keeps it, or from the log if the kernel does not keep
//! it. The results of the boot are not read.

mod arm64;
mod efi_of_iomem;
mod stub;
mod x86;

use evidence::{BootLog, Evidence, KernelVersion, NotARelease, Release, ResourceTree, Source, Unknown};
use firmware::log::{MemblockList, SratLine};
use memblock::{PhysRange, RegionFlags};
use rules::MapHandedOn;

use crate::arch::Architecture;
use crate::boot::input::boot_input::{BootInput, KERNEL_IMAGE, Platform};
use crate::boot::input::build::Build;
use crate::boot::input::seeds::Seed;
use crate::boot::numa::tables::{MemoryAffinity, NumaTables};
use crate::releases::CHECKED_NAME;

/// Why a boot's input could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The firmware's map is not available from any source.
    #[error("the firmware's memory map is not there: {0}")]
    NoMap(String),
    /// Boots of this architecture are not supported.
    #[error("the boot of {} is not known: x86_64 and aarch64 are", Architecture::described(.0))]
    Architecture(String),
    /// The release is malformed.
    #[error(transparent)]
    Release(#[from] NotARelease),
}

const MIB: u64 = 1 << 20;
/// The source of seeds.
const LOG: &str = "from the kernel log";
/// The fact's name among what stands in for /proc.
const ARCHITECTURE: &str = "the architecture";
const IOMEM: &str = "from /proc/iomem";

/// What is read for every architecture.
struct Reading<'a> {
    evidence: &'a Evidence,
    log: &'a BootLog,
    tree: Option<&'a ResourceTree>,
    assumed: Vec<Unknown>,
    seeded: Vec<Seed>,
}

impl BootInput {
    /// Reads the input a machine was booted with.
    ///
    /// Input that is not available is assumed, and listed in [`BootInput::assumed`].
    ///
    /// # Errors
    ///
    /// [`InputError`] if there is no firmware map, or if the architecture is not supported.
    pub fn of(evidence: &Evidence) -> Result<Self, InputError> {
        let no_log = BootLog::default();
        let mut reading = Reading {
            evidence,
            log: evidence.log.read().unwrap_or(&no_log),
            tree: evidence.resources.read(),
            assumed: Vec::new(),
            seeded: Vec::new(),
        };
        reading.assumed.extend(evidence.stood_in());
        if reading.log.boot.has_gaps {
            let why = "a line such as `[...]` stands for lines that were left out of the log";
            let effect = "what is there is used: entries of the firmware's map, or all that a table of them said, may be missing";
            reading.assume("what the log says in its gaps", why, effect);
        }
        let release = reading.release();
        let architecture = reading.architecture()?;
        match architecture.facts().map_handed_on {
            MapHandedOn::E820 => reading.with_e820(architecture, release),
            MapHandedOn::BootFirmware => reading.with_boot_firmware(architecture, release),
        }
    }
}

impl Reading<'_> {
    fn architecture(&self) -> Result<Architecture, InputError> {
        let evidence = self.evidence;
        // The log's lines tell more than what stands in for a name.
        let is_named =
            evidence.architecture.read().is_some() && !evidence.stand_ins.contains_key(ARCHITECTURE);
        let narrow = Architecture::from_map(MapHandedOn::E820).and_then(Architecture::narrow);
        if let Some(narrow) = narrow.filter(|_| self.log.boot.narrow_end.is_some() && !is_named) {
            return Ok(narrow);
        }
        if let Some(word) = evidence.architecture.read() {
            return Architecture::from_uname(word)
                .filter(|architecture| architecture.facts().boots)
                .ok_or_else(|| InputError::Architecture(word.clone()));
        }
        let map = if evidence.boot_params.read().is_some() || evidence.firmware_memmap.read().is_some() {
            Some(MapHandedOn::E820)
        } else if evidence.device_tree.read().is_some() {
            Some(MapHandedOn::BootFirmware)
        } else {
            // Without an e820 map, memory of nodes or an EFI map by lines without numbers is arm64's.
            let is_arm64 = self.log.boot.names_arm64;
            self.log
                .has_e820_lines
                .then_some(MapHandedOn::E820)
                .or_else(|| is_arm64.then_some(MapHandedOn::BootFirmware))
        };
        map.and_then(Architecture::from_map).ok_or_else(|| {
            let others = "boot parameters, /sys/firmware/memmap and a device tree are missing";
            InputError::NoMap(format!("{others}, and {}", self.why_no_log()))
        })
    }

    /// What the log lacks, of which each alone would show memory.
    fn why_no_log(&self) -> String {
        let log = match &self.evidence.log {
            Source::Read(_) if self.log.boot.has_beginning => "the kernel log has no line of a map",
            Source::Read(_) => "the kernel log lacks its beginning",
            Source::Missing => return "so is a kernel log".into(),
            Source::Unreadable { why, .. } => return why.clone(),
        };
        format!(
            "{log} (`BIOS-e820: ...` of x86; `efi: ...`, with efi=debug, or `Early memory node ranges` of arm64)"
        )
    }

    fn release(&mut self) -> Release {
        self.evidence.version.read().and_then(KernelVersion::parsed).unwrap_or_else(|| {
            let effect = format!("taken as {CHECKED_NAME}");
            self.assume("the kernel's release", "/proc/version is not there", &effect);
            crate::releases::checked()
        })
    }

    fn seed(&mut self, what: &str, why: &str) {
        self.seeded.push(Seed { what: what.to_owned(), why: why.to_owned() });
    }

    fn assume(&mut self, what: &str, why: &str, effect: &str) {
        self.assumed.push(Unknown::new(what, why, effect));
    }

    fn command_line(&mut self) -> String {
        if let Some(line) = self.evidence.command_line.read() {
            return line.clone();
        }
        self.assume("the command line", "/proc/cmdline is not there", "taken as empty");
        String::new()
    }

    /// The tables about nodes: the firmware's, or else their entries as logged.
    fn numa(&mut self) -> NumaTables {
        let mut tables = NumaTables::default();
        let of_log = "the log's list of its entries is used, if there is one";
        self.table("SRAT", of_log, |bytes| tables.read_srat(bytes));
        let far = "all nodes are taken to be equally far";
        self.table("SLIT", far, |bytes| tables.read_slit(bytes));
        if !tables.has_srat {
            self.srat_of_log(&mut tables);
        }
        tables
    }

    /// Reads a table with `read`, which returns its sum. A damaged one is named, and only what it says is missing.
    fn table(
        &mut self,
        signature: &str,
        without: &str,
        read: impl FnOnce(&[u8]) -> Result<u8, firmware::acpi::AcpiError>,
    ) {
        let file = format!("/sys/firmware/acpi/tables/{signature}");
        let what = format!("the {signature}");
        match self.evidence.acpi_tables.get(signature) {
            Some(Source::Read(bytes)) => match read(&bytes.0) {
                Ok(0) => {}
                Ok(sum) => self.assume(
                    &format!("whether the {signature} is as the firmware made it"),
                    &format!("{file}: byte 0x9: the table sums to {sum:#04x}, expected 0"),
                    "it is used all the same: Linux warns of the checksum and uses the table",
                ),
                Err(error) => self.assume(&what, &format!("{file}: {error}"), without),
            },
            Some(Source::Unreadable { why, .. }) => self.assume(&what, why, without),
            Some(Source::Missing) | None => {}
        }
    }

    fn srat_of_log(&self, tables: &mut NumaTables) {
        // The log shows node numbers, which are assigned in the order of the domains: each node is its own domain.
        let affinity = |line: &SratLine| MemoryAffinity {
            domain: line.node.get(),
            range: line.range,
            hot_pluggable: line.hotplug,
        };
        tables.memory = self.log.srat.iter().map(affinity).collect();
        tables.has_srat = !tables.memory.is_empty();
        let last = tables.memory.iter().map(|memory| memory.domain).max();
        tables.initiators = last.map_or_else(Vec::new, |last| (0..=last).collect());
    }

    /// The kernel image, from /proc/iomem: from its code to the end of its bss, in whole pages.
    fn kernel_image(&mut self, by_default: PhysRange) -> PhysRange {
        let parts = self.tree.into_iter().flat_map(|tree| tree.resources().iter()).filter(|resource| {
            matches!(&*resource.name, "Kernel code" | "Kernel rodata" | "Kernel data" | "Kernel bss")
        });
        // Without privilege all addresses read as 0.
        let ranges = parts.filter_map(|resource| resource.range().ok()).filter(|range| range.start() > 0);
        let image = ranges.reduce(PhysRange::hull);
        if let Some(image) = image.and_then(|image| image.widen_to_multiples(4096)) {
            self.seed(KERNEL_IMAGE, IOMEM);
            return image;
        }
        if let Some(image) = self.log.boot.kernel_image.and_then(|image| image.widen_to_multiples(4096)) {
            self.seed(KERNEL_IMAGE, LOG);
            return image;
        }
        self.assume(KERNEL_IMAGE, "/proc/iomem does not show it", &format!("taken as {by_default}"));
        by_default
    }

    /// The build's properties, corrected by what this kernel's log shows.
    fn build(&mut self, release: &Release, architecture: Architecture) -> Build {
        let mut build = Build::of(release, architecture);
        if let Some(config) = self.evidence.configuration.read() {
            build.correct(architecture, config);
        }
        if let Some(size) = self.log.boot.node_data.filter(|size| *size != build.node_data) {
            build.node_data = size;
            self.seed("the size of each node's data", LOG);
        }
        let trampoline = self.log.memblock.first_request("reserve_real_mode");
        if let Some(size) = trampoline.filter(|size| *size != build.trampoline) {
            build.trampoline = size;
            self.seed("the size of the real-mode trampoline", LOG);
        }
        if let Some(size) = self.log.boot.low_cut.filter(|size| *size != build.low_cut) {
            build.low_cut = size;
            self.seed("how much low memory this build does not use", LOG);
        }
        let log = &self.log.boot;
        if log.has_beginning {
            build.gib_pages = log.gib_pages;
        }
        if let Some(bits) = log.wide_addresses {
            build.arm64.virtual_bits = 52;
            build.arm64.physical_bits = bits;
        }
        match log.max_arch_pfn {
            // 46 physical address bits with four levels, 52 with five.
            Some(pfn) if pfn <= 1 << 34 => build.page_table_levels = 4,
            Some(_) => build.page_table_levels = 5,
            None => {}
        }
        build
    }

    /// The scratch areas that an earlier kernel left, and what lies in them for this one: from the first dump of memblock,
    /// or else the areas from debugfs, which this kernel leaves to the next.
    fn handed_over(&mut self) -> (Vec<PhysRange>, Vec<PhysRange>) {
        if !self.log.boot.handed_over {
            return (Vec::new(), Vec::new());
        }
        let memory = self.log.memblock.first_dump(MemblockList::Memory);
        // The first MiB is marked, too, for the processors' trampoline.
        let of_dump =
            memory.filter(|one| one.flags.contains(RegionFlags::KHO_SCRATCH) && one.range.start() >= MIB);
        let mut areas: Vec<PhysRange> = of_dump.map(|region| region.range).collect();
        if areas.is_empty() {
            areas = self.evidence.handover_scratch.read().cloned().unwrap_or_default();
        }
        let reserved = self.log.memblock.first_dump(MemblockList::Reserved);
        let fixed = reserved.filter(|one| !one.flags.contains(RegionFlags::RSRV_KERN)).map(|one| one.range);
        let handed_on = fixed.filter(|range| areas.iter().any(|area| area.encloses(*range))).collect();
        self.seed("the scratch areas that the kernel before this one left", LOG);
        (areas, handed_on)
    }

    fn finish(
        mut self,
        release: Release,
        architecture: Architecture,
        platform: Platform,
        kernel_image: PhysRange,
        initrd: Option<PhysRange>,
    ) -> BootInput {
        let (scratch_left, handed_on) = self.handed_over();
        let stays_in_scratch =
            !scratch_left.is_empty() && architecture.facts().map_handed_on == MapHandedOn::E820;
        if self.log.boot.handed_over {
            let effect = if stays_in_scratch {
                "what it preserved is shown as free"
            } else {
                "predicted as a boot without a handover: early allocations then lie elsewhere, in the scratch areas"
            };
            self.assume(
                "what the kernel before this one preserved (KHO)",
                "its list lies in memory, and no file shows it",
                effect,
            );
        }
        BootInput {
            command_line: self.command_line(),
            platform,
            numa: self.numa(),
            kernel_image,
            initrd,
            build: self.build(&release, architecture),
            later: self.log.memblock.late.clone(),
            cpus: self.log.possible_cpus,
            handed_over: self.log.boot.handed_over,
            scratch_left,
            handed_on,
            release,
            assumed: self.assumed,
            seeded: self.seeded,
        }
    }
}
