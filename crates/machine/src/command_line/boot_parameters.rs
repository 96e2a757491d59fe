//! Every parameter that affects how a boot uses physical memory, read in one pass.

use crate::command_line::acpi::Acpi;
use crate::command_line::cma::Cma;
use crate::command_line::cpus::Cpus;
use crate::command_line::crashkernel::Crashkernel;
use crate::command_line::debug::Debug;
use crate::command_line::direct_map::DirectMap;
use crate::command_line::efi::Efi;
use crate::command_line::hotplug::Hotplug;
use crate::command_line::huge_pages::HugePages;
use crate::command_line::image::Image;
use crate::command_line::kho::Kho;
use crate::command_line::map_edit::MapEdits;
use crate::command_line::movable::Movable;
use crate::command_line::numa::Numa;
use crate::command_line::reserve_mem::{self, NamedReservation};
use crate::command_line::swiotlb::Swiotlb;
use crate::command_line::unread;
use crate::command_line::values::grammar::{Word, words};
use crate::command_line::values::remark::{Remark, Remarks};
use crate::releases::{self, MEM_LIMITS_MEMBLOCK, Target, is_known};
use evidence::Release;

use crate::arch::Architecture;

/// Bytes of a command line that the kernel keeps, without the trailing NUL (`COMMAND_LINE_SIZE`, 2048 on x86 and
/// arm64).
const MAX_LINE: usize = 2047;

/// What a command line asks of physical memory, for one architecture and release. A parameter that is absent, or has a
/// refused value, keeps its default.
///
/// ```
/// use machine::command_line::BootParameters;
/// use machine::{Architecture, Release};
///
/// let line = "ro mem=0 movable_node crashkernel=256M kho=on -- memmap=1G";
/// let parameters = BootParameters::parse(line, Architecture::X86_64, &machine::releases::checked());
/// assert!(parameters.movable.movable_node);
/// assert_eq!(parameters.map.edits, []);
///
/// let remarks: Vec<_> = parameters.remarks.iter().map(|remark| remark.parameter.as_str()).collect();
/// assert_eq!(remarks, ["mem=0", "kho=on"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootParameters {
    /// `mem=`, `memmap=`.
    pub map: MapEdits,
    /// `crashkernel=`.
    pub crashkernel: Crashkernel,
    /// `kernelcore=`, `movablecore=`, `movable_node`.
    pub movable: Movable,
    /// `numa=`.
    pub numa: Numa,
    /// `memhp_default_state=`, `memory_hotplug.*=`.
    pub hotplug: Hotplug,
    /// The valid `reserve_mem=` parameters, in order.
    pub reserve_mem: Vec<NamedReservation>,
    /// `kho=`, `kho_scratch=`.
    pub kho: Kho,
    /// `cma=`, `cma_pernuma=`, `numa_cma=`, `hugetlb_cma=`.
    pub cma: Cma,
    /// `hugepages=`, `hugepagesz=`, `default_hugepagesz=`.
    pub huge_pages: HugePages,
    /// `efi=`, `add_efi_memmap`, `noefi`.
    pub efi: Efi,
    /// `acpi=`, `acpi_no_memhotplug`.
    pub acpi: Acpi,
    /// `gbpages`, `rodata=` and the other parameters that affect how memory is mapped.
    pub direct_map: DirectMap,
    /// `nokaslr`, `initrd=`, `initrdmem=`, `elfcorehdr=`.
    pub image: Image,
    /// `nr_cpus=`, `maxcpus=`, `possible_cpus=`.
    pub cpus: Cpus,
    /// `swiotlb=`.
    pub swiotlb: Swiotlb,
    /// `log_buf_len=`, `memblock=`, `memtest=` and the like.
    pub debug: Debug,
    /// What the kernel refuses, misreads or does not know, in the order of the line, with `crashkernel=` last.
    pub remarks: Vec<Remark>,
}

impl BootParameters {
    /// Parses a command line. Never fails: problems are listed in [`BootParameters::remarks`].
    pub fn parse(command_line: &str, architecture: Architecture, release: &Release) -> Self {
        let target = Target::new(architecture, release.clone());
        let mut this = Self::default();
        let mut remarks = Remarks::default();
        let line = kept(command_line, &mut remarks);
        let mut huge_page_size = None;
        for word in words(line) {
            let Some(row) = releases::find(word.name) else {
                unread::remark(&word, &mut remarks);
                continue;
            };
            word.raw.clone_into(&mut remarks.current);
            match row.why_unknown(&target) {
                Some(why) => remarks.say(format!("not known to this kernel: {why}"), row.source),
                None => this.read(row.name, &word, &target, &mut huge_page_size, &mut remarks),
            }
        }
        this.crashkernel = Crashkernel::parse(line, &target, &mut remarks);
        this.remarks = remarks.list;
        this
    }

    /// Whether a remark says that the kernel does not boot with this line.
    pub fn is_fatal(&self) -> bool {
        self.remarks.iter().any(|remark| remark.is_fatal)
    }

    #[rustfmt::skip]
    fn read(
        &mut self,
        name: &str,
        word: &Word<'_>,
        target: &Target,
        huge_page_size: &mut Option<u64>,
        remarks: &mut Remarks,
    ) {
        let value = word.value;
        match name {
            "mem" if is_known(MEM_LIMITS_MEMBLOCK, target) => self.map.arm64_mem(value, remarks),
            "mem" => self.map.mem(value, remarks),
            "memmap" => self.map.memmap(value, remarks),
            "kernelcore" => self.movable.kernelcore(value, remarks),
            "movablecore" => self.movable.movablecore(value, remarks),
            "movable_node" => self.movable.node(value, remarks),
            "numa" => self.numa.parse(value, target, remarks),
            "memhp_default_state" => self.hotplug.default_state(value, remarks),
            "memory_hotplug.memmap_on_memory" => self.hotplug.memmap_on_memory(value, target, remarks),
            "memory_hotplug.online_policy" => self.hotplug.online_policy(value, remarks),
            "memory_hotplug.auto_movable_ratio" => self.hotplug.auto_movable_ratio(value, remarks),
            "memory_hotplug.auto_movable_numa_aware" => self.hotplug.numa_aware(value, target, remarks),
            "reserve_mem" => reserve_mem::parse(&mut self.reserve_mem, value, remarks),
            "kho" => self.kho.enable(value, target, remarks),
            "kho_scratch" => self.kho.scratch(value, remarks),
            "cma" => self.cma.default_area(value, remarks),
            "cma_pernuma" => self.cma.per_numa(value, remarks),
            "numa_cma" => self.cma.numa(value, remarks),
            "hugetlb_cma" => self.cma.hugetlb(value, remarks),
            "hugepages" => self.huge_pages.pool(value, huge_page_size, remarks),
            "hugepagesz" => *huge_page_size = HugePages::page_size(value, remarks),
            "default_hugepagesz" => self.huge_pages.default_size = HugePages::page_size(value, remarks),
            "efi" => self.efi.words(value, remarks),
            "noefi" => self.efi.noruntime = true,
            "add_efi_memmap" => self.efi.add_efi_memmap = true,
            "acpi" => self.acpi.mode(value, target, remarks),
            "acpi_no_memhotplug" => self.acpi.no_memhotplug = true,
            "gbpages" | "nogbpages" => self.direct_map.gbpages = Some(name == "gbpages"),
            "no5lvl" => self.direct_map.no5lvl = true,
            "rodata" => self.direct_map.rodata(value, target, remarks),
            "debug_pagealloc" => self.direct_map.debug_pagealloc(value, target, remarks),
            "kfence.sample_interval" => self.direct_map.kfence(value, remarks),
            "nokaslr" => self.image.nokaslr = true,
            "initrd" | "initrdmem" => self.image.initrd(value, remarks),
            "elfcorehdr" => self.image.elfcorehdr(value, remarks),
            "nr_cpus" => self.cpus.nr_cpus(value, remarks),
            "maxcpus" => self.cpus.maxcpus(value, remarks),
            "possible_cpus" => self.cpus.possible_cpus(value, remarks),
            "swiotlb" => self.swiotlb.parse(value, remarks),
            "log_buf_len" => self.debug.log_buf_len(value, remarks),
            "memblock" => self.debug.memblock(value, remarks),
            "memtest" => self.debug.memtest(value, remarks),
            "mminit_loglevel" => self.debug.mminit_loglevel(value),
            "memory_corruption_check" => self.debug.corruption_check(value, remarks),
            "memory_corruption_check_period" => self.debug.corruption_check_period(value, remarks),
            "memory_corruption_check_size" => self.debug.corruption_check_size(value, remarks),
            // crashkernel= is searched for in the whole line; other rows exist only in old kernels.
            _ => {}
        }
    }
}

/// The part of a line that the kernel keeps.
fn kept<'a>(line: &'a str, remarks: &mut Remarks) -> &'a str {
    if line.len() <= MAX_LINE {
        return line;
    }
    let (kept, lost) = line.split_at(line.floor_char_boundary(MAX_LINE));
    lost.trim().clone_into(&mut remarks.current);
    let what = format!("cut off: the kernel keeps {MAX_LINE} bytes of its command line");
    remarks.say(what, "COMMAND_LINE_SIZE (x86, arm64)");
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::releases::TABLE;

    fn parse(line: &str, architecture: Architecture, release: &str) -> BootParameters {
        BootParameters::parse(line, architecture, &release.parse().unwrap())
    }

    fn remarked(parameters: &BootParameters) -> Vec<&str> {
        parameters.remarks.iter().map(|remark| remark.parameter.as_str()).collect()
    }

    #[test]
    fn a_line_without_memory_parameters_asks_for_nothing() {
        let line =
            "BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet console=ttyS0 panic=-1 systemd.unit=x \"a b\" mem_x=1";
        assert_eq!(parse(line, Architecture::X86_64, "6.12"), BootParameters::default());
    }

    #[test]
    fn every_parameter_of_the_table_is_read() {
        // Parameters of old kernels, and those found by searching the whole line.
        let unread = ["crashkernel", "reservelow", "efi_fake_mem", "reservetop", "vmalloc"];
        let values =
            ["1", "debug", "off", "1M,1M,1M", "1M:1:x", "0:1M", "1G", "offline", "contig-zones", "", "1,1"];
        let rows = TABLE.iter().filter(|row| !row.name.contains('=') && !unread.contains(&row.name));
        for row in rows {
            let touches = |architecture| {
                let lines = values.iter().map(|value| format!("hugepagesz=2M {}={value}", row.name));
                let lines = lines.chain([format!("{} hugepages=1", row.name)]);
                let base = parse("hugepagesz=2M", architecture, "6.18");
                lines.into_iter().any(|line| {
                    let read = BootParameters { remarks: vec![], ..parse(&line, architecture, "6.18") };
                    read != base
                })
            };
            assert!(touches(Architecture::X86_64) || touches(Architecture::Arm64), "{}", row.name);
        }
    }

    #[test]
    fn dashes_count_as_underscores_and_quotes_are_dropped() {
        let line = "movable-node \"kernelcore=1G\" log-buf-len=\"1M\"";
        let parameters = parse(line, Architecture::X86_64, "6.12");
        assert!(parameters.movable.movable_node);
        assert_eq!(parameters.movable.kernelcore.bytes, 1 << 30);
        assert_eq!(parameters.debug.log_buf_len, [1 << 20]);
        assert_eq!(parameters.remarks, []);
    }

    #[test]
    fn unknown_parameters_are_remarked_on_and_not_read() {
        let line = "memmap=64M$1G reserve_mem=4M:2M:trace kho=on gbpages efi_fake_mem=1G@2G:0x10";
        let arm64 = parse(line, Architecture::Arm64, "6.1");
        assert_eq!(arm64.remarks.len(), 5);
        assert_eq!(BootParameters { remarks: vec![], ..arm64 }, BootParameters::default());
        let x86 = parse(line, Architecture::X86_64, "6.12");
        assert_eq!(remarked(&x86), ["kho=on", "efi_fake_mem=1G@2G:0x10"]);
        assert_eq!((x86.map.edits.len(), x86.reserve_mem.len()), (1, 1));
    }

    #[test]
    fn mem_is_an_address_on_x86_and_an_amount_on_arm64() {
        let x86 = parse("mem=1G", Architecture::X86_64, "6.12").map;
        assert_eq!((x86.edits.len(), x86.arm64_limit, x86.hot_add_limit), (1, None, Some(1 << 30)));
        let arm64 = parse("mem=1G", Architecture::Arm64, "6.12").map;
        assert_eq!((arm64.edits.len(), arm64.arm64_limit, arm64.is_user_defined), (0, Some(1 << 30), false));
    }

    #[test]
    fn a_missing_value_can_stop_the_boot() {
        for line in ["kernelcore", "swiotlb", "initrd", "memmap=exact"] {
            assert!(parse(line, Architecture::X86_64, "6.12").is_fatal(), "{line}");
        }
        assert!(!parse("movablecore mem numa cma", Architecture::X86_64, "6.12").is_fatal());
    }

    #[test]
    fn everything_past_byte_2047_is_lost() {
        let line = format!("{}movable_node numa=off", "x ".repeat(1018));
        let parameters = parse(&line, Architecture::X86_64, "6.12");
        assert_eq!(line.len(), 2036 + 21);
        assert!(!parameters.numa.off && !parameters.movable.movable_node);
        let fits = format!("{}movable_node", "x ".repeat(1017));
        assert!(parse(&fits, Architecture::X86_64, "6.12").movable.movable_node);
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(line in "\\PC*", names in proptest::collection::vec((0..TABLE.len(), "\\PC{0,12}"), 0..6)) {
            let given = names.iter().map(|(row, value)| format!("{}={value}", TABLE[*row].name));
            let line = given.chain([line]).collect::<Vec<_>>().join(" ");
            for architecture in [Architecture::X86_64, Architecture::Arm64] {
                for release in ["5.10", "6.1", "6.12", "6.18"] {
                    parse(&line, architecture, release);
                }
            }
        }
    }
}
