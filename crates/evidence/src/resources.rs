//! The kernel's resource tree, as shown in /proc/iomem.

use std::fmt;

use memblock::{PhysRange, RangeError};

bitflags::bitflags! {
    /// The memory-related kernel flags of a resource, as far as its name shows them (include/linux/ioport.h).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ResourceFlags: u32 {
        /// IORESOURCE_SYSTEM_RAM: memory managed by the page allocator, however it was added.
        const SYSTEM_RAM = 1;
        /// IORESOURCE_SYSRAM_DRIVER_MANAGED: System RAM added by a driver, never in the firmware's map. The kernel sets
        /// it exactly for the names `System RAM (DRIVER)` (mm/memory_hotplug.c:register_memory_resource).
        const SYSRAM_DRIVER_MANAGED = 2;
        /// IORESOURCE_BUSY: claimed by a driver or by the kernel itself. Known for System RAM and what the kernel puts
        /// inside it; /proc/iomem does not show it for devices.
        const BUSY = 4;
    }
}

impl ResourceFlags {
    /// The flags the kernel gives a resource with this name.
    ///
    /// ```
    /// use evidence::resources::ResourceFlags;
    /// let kmem = ResourceFlags::of_name("System RAM (kmem)");
    /// assert!(kmem.contains(ResourceFlags::SYSTEM_RAM | ResourceFlags::SYSRAM_DRIVER_MANAGED));
    /// assert!(ResourceFlags::of_name("System ROM").is_empty());
    /// ```
    pub fn of_name(name: &str) -> Self {
        match name {
            "System RAM" => Self::SYSTEM_RAM | Self::BUSY,
            "Kernel code" | "Kernel rodata" | "Kernel data" | "Kernel bss" | "Crash kernel" | "reserved" => {
                Self::BUSY
            }
            _ if name.starts_with("System RAM (") && name.ends_with(')') => {
                Self::SYSTEM_RAM | Self::SYSRAM_DRIVER_MANAGED | Self::BUSY
            }
            _ => Self::empty(),
        }
    }
}

/// One line of /proc/iomem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive: a resource may reach the end of the address space, which a [`PhysRange`] cannot.
    pub last: u64,
    /// The name, as printed.
    pub name: String,
    /// The flags its name implies.
    pub flags: ResourceFlags,
    /// Nesting depth; 0 at the top.
    pub depth: usize,
    /// The index of the parent resource.
    pub parent: Option<usize>,
    /// The number of digits each address was padded to.
    digits: [usize; 2],
    /// Its index in the tree.
    index: usize,
}

impl Resource {
    /// The addresses as a range.
    ///
    /// # Errors
    ///
    /// [`RangeError`] for the few resources no range can represent: those that reach the very last byte of the address
    /// space, or whose end is printed before the start.
    pub fn range(&self) -> Result<PhysRange, RangeError> {
        PhysRange::from_inclusive(self.start, self.last)
    }

    /// The driver's name in `System RAM (DRIVER)`.
    pub fn driver(&self) -> Option<&str> {
        self.name.strip_prefix("System RAM (")?.strip_suffix(')')
    }
}

/// The whole tree, in the order of /proc/iomem: parents before children, siblings by address.
///
/// # Invariants
///
/// `resources[i].parent == Some(p)` <=> p is the last index before i whose depth is one less, and `depth == 0` <=>
/// there is no parent. Printing the tree reproduces the text it was parsed from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTree {
    resources: Vec<Resource>,
    ends_with_newline: bool,
}

/// A line that is not in the kernel's format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found `{found}`")]
pub struct IomemError {
    /// Line number, from 1.
    pub line: usize,
    /// The expected format of the line.
    pub expected: &'static str,
    /// The line.
    pub found: String,
}

impl ResourceTree {
    /// Parses the text of /proc/iomem. O(bytes).
    ///
    /// # Errors
    ///
    /// [`IomemError`] at the first line that is not `START-END : NAME`, indented two spaces per level, with lowercase
    /// hexadecimal addresses.
    ///
    /// ```
    /// use evidence::resources::ResourceTree;
    /// let text = "00100000-7ffdffff : System RAM\n  01000000-01ffffff : Kernel code\n";
    /// let tree = ResourceTree::parse(text)?;
    /// assert_eq!(tree.resources()[1].parent, Some(0));
    /// assert_eq!(tree.to_string(), text);
    /// # Ok::<(), evidence::resources::IomemError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, IomemError> {
        let mut resources: Vec<Resource> = Vec::new();
        // The index of the last resource seen at each depth: the ancestors of the next line.
        let mut path: Vec<usize> = Vec::new();
        for (index, line) in text.split_terminator('\n').enumerate() {
            let error = |expected| IomemError { line: index + 1, expected, found: line.to_owned() };
            let body = line.trim_start_matches(' ');
            let indent = line.len() - body.len();
            if !indent.is_multiple_of(2) || indent / 2 > path.len() {
                return Err(error("two spaces for each level of nesting"));
            }
            let depth = indent / 2;
            let (addresses, name) = body.split_once(" : ").ok_or_else(|| error("`START-END : NAME`"))?;
            let (start, last) = addresses.split_once('-').ok_or_else(|| error("`START-END : NAME`"))?;
            let address =
                |digits| parse_address(digits).ok_or_else(|| error("an address of hexadecimal digits"));
            path.truncate(depth);
            let resource = Resource {
                start: address(start)?,
                last: address(last)?,
                name: name.to_owned(),
                flags: ResourceFlags::of_name(name),
                depth,
                parent: path.last().copied(),
                digits: [start.len(), last.len()],
                index: resources.len(),
            };
            path.push(resources.len());
            resources.push(resource);
        }
        Ok(Self { resources, ends_with_newline: text.is_empty() || text.ends_with('\n') })
    }

    /// Every resource, in the order of /proc/iomem.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The resource's ancestors, nearest first.
    pub fn ancestors(&self, resource: &Resource) -> impl Iterator<Item = &Resource> {
        std::iter::successors(self.parent(resource), |r| self.parent(r))
    }

    fn parent(&self, resource: &Resource) -> Option<&Resource> {
        self.resources.get(resource.parent?)
    }

    /// The resources that contain an address, outermost first.
    pub fn path_to(&self, address: u64) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |r| r.start <= address && address <= r.last)
    }

    /// The resources inside `range` and below `parent`, which belongs to this tree, at any depth.
    pub fn inside(&self, range: PhysRange, parent: &Resource) -> impl Iterator<Item = &Resource> {
        let (first, depth) = (parent.index.saturating_add(1), parent.depth);
        self.resources
            .iter()
            .skip(first)
            .take_while(move |r| r.depth > depth)
            .filter(move |r| r.start < range.end() && range.start() <= r.last)
    }

    /// System RAM at any depth, by ascending address; with `.rev()` descending, as kexec_file_load searches.
    ///
    /// This is kernel/resource.c:walk_system_ram_res and walk_system_ram_res_rev (6.12). It includes driver-managed
    /// memory, because a crash dump needs it. Code that places an image must exclude it with
    /// [`ResourceTree::system_ram_not_driver_managed`].
    pub fn system_ram(&self) -> impl DoubleEndedIterator<Item = &Resource> {
        self.resources.iter().filter(|r| r.flags.contains(ResourceFlags::SYSTEM_RAM))
    }

    /// System RAM that is not driver-managed: where a kexec image may be placed.
    pub fn system_ram_not_driver_managed(&self) -> impl DoubleEndedIterator<Item = &Resource> {
        self.system_ram().filter(|r| !r.flags.contains(ResourceFlags::SYSRAM_DRIVER_MANAGED))
    }
}

fn parse_address(digits: &str) -> Option<u64> {
    // from_str_radix also accepts a sign and uppercase digits. The kernel never prints these, and they would not be
    // reproduced.
    let plain = !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if plain && digits.len() <= 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// The format of /proc/iomem, byte for byte.
impl fmt::Display for ResourceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, r) in self.resources.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let [start_digits, last_digits] = r.digits;
            let indent = 2 * r.depth;
            write!(f, "{:indent$}{:0start_digits$x}-{:0last_digits$x} : {}", "", r.start, r.last, r.name)?;
        }
        if self.ends_with_newline && !self.resources.is_empty() {
            f.write_str("\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    const MACHINE: &str = "\
00001000-0009fbff : System RAM
00100000-7ffdefff : System RAM
  01000000-01ffffff : Kernel code
  6b000000-7affffff : Crash kernel
fffc0000-ffffffff : Reserved
100000000-17fdfffff : Persistent Memory
  100200000-17fdfffff : dax0.0
    108000000-17fdfffff : System RAM (kmem)
17fe00000-1ffdfffff : virtio2
  180000000-19fffffff : System RAM (virtio_mem)
";

    #[test]
    fn the_text_is_reproduced_byte_for_byte() {
        for text in ["", MACHINE, MACHINE.trim_end(), "0000-ffff : tiny\n", "00-ffffffffffffffff : all\n"] {
            assert_eq!(ResourceTree::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_walk_upwards_finds_system_ram_at_every_depth_and_the_walk_downwards_the_same_reversed() {
        let tree = ResourceTree::parse(MACHINE).unwrap();
        let up: Vec<_> = tree.system_ram().map(|r| r.start).collect();
        assert_eq!(up, [0x1000, 0x10_0000, 0x1_0800_0000, 0x1_8000_0000]);
        let down: Vec<_> = tree.system_ram().rev().map(|r| r.start).collect();
        assert_eq!(down, up.iter().rev().copied().collect::<Vec<_>>());
        let placeable: Vec<_> = tree.system_ram_not_driver_managed().map(|r| r.start).collect();
        assert_eq!(placeable, [0x1000, 0x10_0000]);
    }

    #[test]
    fn ancestors_lead_from_kmem_through_dax_to_persistent_memory() {
        let tree = ResourceTree::parse(MACHINE).unwrap();
        let kmem = &tree.resources()[7];
        assert_eq!(kmem.driver(), Some("kmem"));
        let names: Vec<_> = tree.ancestors(kmem).map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["dax0.0", "Persistent Memory"]);
    }

    #[test]
    fn a_resource_that_reaches_the_last_byte_is_kept_but_has_no_range() {
        let tree = ResourceTree::parse("00000000-ffffffffffffffff : all\n").unwrap();
        assert!(tree.resources()[0].range().is_err());
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number_and_the_expected_format() {
        for (text, line) in [
            ("00001000-0009fbff : System RAM\n\n", 2),
            ("00001000 : System RAM\n", 1),
            ("00001000-0009fbff System RAM\n", 1),
            (" 00001000-0009fbff : odd indent\n", 1),
            ("00001000-0009fbff : a\n    00001000-0009fbff : two levels at once\n", 2),
            ("0000100G-0009fbff : a\n", 1),
            ("+0001000-0009fbff : a\n", 1),
            ("00000000000001000-0009fbff : seventeen digits\n", 1),
            ("0000ABCD-0009fbff : uppercase\n", 1),
        ] {
            let error = ResourceTree::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
    }

    #[test]
    fn a_driver_name_needs_both_parentheses() {
        for name in ["System RAM (kmem", "System RAM kmem)", "System RAM(kmem)", "system ram"] {
            assert!(ResourceFlags::of_name(name).is_empty(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader_and_accepted_text_is_reproduced(text in "(?s).{0,200}") {
            if let Ok(tree) = ResourceTree::parse(&text) {
                prop_assert_eq!(tree.to_string(), text);
            }
        }

        #[test]
        fn text_that_looks_like_iomem_is_reproduced_too(
            lines in prop::collection::vec((0_usize..4, any::<u64>(), any::<u64>(), "[ -~]{0,12}"), 0..20)
        ) {
            let mut text = String::new();
            for (depth, start, last, name) in &lines {
                writeln!(text, "{:1$}{start:08x}-{last:08x} : {name}", "", depth * 2).unwrap();
            }
            if let Ok(tree) = ResourceTree::parse(&text) {
                prop_assert_eq!(tree.to_string(), text);
            }
        }
    }
}
