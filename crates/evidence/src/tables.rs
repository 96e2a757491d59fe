//! A snapshot with other tables: the kernel's texts, written the way they are read.

use std::fmt::Write;

use memblock::{Region, RegionFlags};

use crate::snapshot::{FirmwareMapEntry, MemoryBlocks, Snapshot};
use crate::source::Source;
use crate::zones::Zone;

/// What a kernel shows of its memory at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// `/proc/iomem`.
    pub iomem: String,
    /// `/sys/devices/system/memory`.
    pub blocks: MemoryBlocks,
    /// The zones of every node.
    pub zones: Vec<Zone>,
    /// `/sys/firmware/memmap`; `None` leaves what the snapshot has.
    pub firmware_map: Option<Vec<FirmwareMapEntry>>,
    /// memblock's memory; `None` if the kernel does not keep it.
    pub memblock: Option<Vec<Region>>,
    /// `/sys/module/memory_hotplug/parameters`: names and values; others are left as they are.
    pub hotplug: Vec<(&'static str, String)>,
    /// Whether an image for the next kernel is loaded, and whether a crash kernel is; `None` leaves what the snapshot
    /// has.
    pub loaded: Option<[bool; 2]>,
}

impl Snapshot {
    /// The same machine with these tables instead of those that were read.
    ///
    /// ```
    /// use evidence::zones::Zone;
    /// use evidence::{Evidence, Snapshot, Tables};
    ///
    /// let zone = Zone { node: 0, name: "DMA".into(), start_pfn: 1, spanned: 4095, present: 3998, managed: 3840, cma: 0 };
    /// let tables = Tables { zones: vec![zone.clone()], ..Tables::default() };
    /// let evidence = Evidence::from(Snapshot::default().showing(tables));
    /// assert_eq!(evidence.zones.read(), Some(&vec![zone]));
    /// ```
    #[must_use]
    pub fn showing(mut self, tables: Tables) -> Self {
        self.iomem = Source::Read(tables.iomem);
        self.memory_blocks = Source::Read(tables.blocks);
        self.zoneinfo = Source::Read(zoneinfo(&tables.zones));
        if let Some(entries) = tables.firmware_map {
            self.firmware_memmap = Source::Read(entries);
        }
        if let Some(regions) = &tables.memblock {
            self.memblock.memory = Source::Read(memblock_text(regions));
        }
        for (name, value) in tables.hotplug {
            self.memory_hotplug.insert(name.to_owned(), Source::Read(value));
        }
        for (name, is) in
            ["kexec_loaded", "kexec_crash_loaded"].into_iter().zip(tables.loaded.into_iter().flatten())
        {
            self.kexec.insert(name.to_owned(), Source::Read(u8::from(is).to_string()));
        }
        // It was read from the memory of the machine as it was.
        if self.crash_image.read().is_some() {
            self.crash_image = Source::Missing;
        }
        self
    }

    /// Forgets what the running kernel shows that another boot would not: images that are loaded, and the memory hotplug
    /// settings that a command line made. What happens to added blocks was decided by the build if none did, and stays.
    pub fn forget_this_boot(&mut self, is_on_command_line: impl Fn(&str) -> bool) {
        self.kexec.clear();
        self.boot_id = Source::Missing;
        self.records.clear();
        self.memory_hotplug.retain(|name, _| !is_on_command_line(&format!("memory_hotplug.{name}")));
        if let Source::Read(blocks) = &mut self.memory_blocks
            && is_on_command_line("memhp_default_state")
        {
            blocks.auto_online = Source::Missing;
        }
    }

    /// What of the tables was not read that shows memory as it is now, in words; `None` if both are there.
    pub fn missing_tables(&self) -> Option<&'static str> {
        if self.iomem.read().is_none() {
            return Some("/proc/iomem was not read: nothing shows the memory");
        }
        let blocks = self.memory_blocks.read().is_none();
        blocks.then_some("/sys/devices/system/memory was not read: nothing shows the memory blocks")
    }
}

/// /proc/zoneinfo, as far as [`zones::parse`](crate::zones::parse) reads it.
fn zoneinfo(zones: &[Zone]) -> String {
    let mut text = String::new();
    for Zone { node, name, start_pfn, spanned, present, managed, cma } in zones {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "Node {node}, zone {name:>8}\n        spanned  {spanned}\n        present  {present}\n        managed  \
             {managed}\n        cma      {cma}\n  start_pfn:           {start_pfn}\n"
        );
    }
    text
}

/// A file of /sys/kernel/debug/memblock, as [`memblock_text::regions`](crate::memblock_text::regions) reads it. Like the
/// kernel, it prints the lowest flag alone.
///
/// ```
/// use evidence::memblock_text;
/// let text = "   0: 0x0000000000001000..0x0000000000001fff    1 DRV_MNG\n";
/// let regions: Vec<_> = memblock_text::regions(text).collect::<Result<_, _>>()?;
/// assert_eq!(evidence::tables::memblock_text(&regions), text);
/// # Ok::<(), memblock_text::MemblockTextError>(())
/// ```
pub fn memblock_text(regions: &[Region]) -> String {
    let mut text = String::new();
    for (index, region) in regions.iter().enumerate() {
        let node = region.node.map_or_else(|| "x".to_owned(), |node| node.get().to_string());
        let name = RegionFlags::SHORT_NAMES.iter().find(|(flag, _)| region.flags.contains(*flag));
        let flag = name.map_or("NONE", |(_, name)| name);
        let (start, last) = (region.range.start(), region.range.last());
        let _ = writeln!(text, "{index:4}: {start:#018x}..{last:#018x} {node:>4} {flag}");
    }
    text
}
