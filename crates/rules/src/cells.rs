//! The cells of the rules' tables: each a name, a source, the cases that decide, and the reasons.

use super::{Answer, Case, Consequence, Loader, MapHandedOn, Question, Rule, Walk};

const fn yes(reason: &'static str) -> Answer {
    Answer { allowed: true, reason, consequence: Consequence::Nothing }
}

pub(super) const fn no(reason: &'static str) -> Answer {
    Answer { allowed: false, reason, consequence: Consequence::Nothing }
}

impl Answer {
    const fn then(self, consequence: Consequence) -> Self {
        Self { consequence, ..self }
    }
}

pub(super) const fn when(condition: fn(&Question) -> bool, answer: Answer) -> Case {
    Case { when: condition, answer }
}

// The conditions.

fn movable_node(q: &Question) -> bool {
    q.kernel.movable_node
}

pub(super) fn kexec_load(q: &Question) -> bool {
    q.loader == Some(Loader::KexecLoad)
}

fn walks_memblock(q: &Question) -> bool {
    !kexec_load(q) && q.kernel.walk == Walk::Memblock
}

fn walks_memblock_with_movable_node(q: &Question) -> bool {
    walks_memblock(q) && movable_node(q)
}

fn walk_sees_the_flag_with_movable_node(q: &Question) -> bool {
    walks_memblock_with_movable_node(q) && q.kernel.hotplug_flag_survives_boot
}

fn listed_by_firmware(q: &Question) -> bool {
    q.memory.listed_by_firmware
}

fn kexec_tools_reads_a_map_without_it(q: &Question) -> bool {
    kexec_load(q) && q.kernel.map_handed_on == MapHandedOn::E820 && !listed_by_firmware(q)
}

fn kexec_tools_reads_the_grown_firmware_map(q: &Question) -> bool {
    kexec_load(q) && q.kernel.map_handed_on == MapHandedOn::E820
}

fn kexec_tools_skips_the_name(q: &Question) -> bool {
    kexec_load(q) && q.kernel.kexec_tools_wants_exact_name
}

fn in_the_first_mib_that_is_left_out(q: &Question) -> bool {
    q.memory.below_1_mib && q.kernel.dump_skips_first_mib && !kexec_load(q)
}

fn in_the_crash_kernel(q: &Question) -> bool {
    q.memory.in_crash_kernel
}

fn in_the_crash_kernels_cma(q: &Question) -> bool {
    q.memory.in_crash_cma && !kexec_load(q)
}

fn reserved_in_the_walk(q: &Question) -> bool {
    walks_memblock(q) && q.memory.reserved
}

fn movable_node_but_flag_lost(q: &Question) -> bool {
    movable_node(q) && q.memory.kept_hotplug == Some(false)
}

fn movable_node_and_flag_kept(q: &Question) -> bool {
    movable_node(q) && q.memory.kept_hotplug == Some(true)
}

fn kexec_tools_reads_a_map_with_it(q: &Question) -> bool {
    kexec_load(q) && q.kernel.map_handed_on == MapHandedOn::E820 && listed_by_firmware(q)
}

fn nomap_and_not_listed(q: &Question) -> bool {
    q.memory.nomap && !listed_by_firmware(q)
}

fn boot_memory_stays(q: &Question) -> bool {
    q.kernel.boot_memory_stays
}

// Early allocation.

pub(super) static EARLY_BOOT: Rule = Rule {
    name: "early-allocation-from-boot-memory",
    source: "mm/memblock.c:should_skip_region (6.12)",
    cases: &[],
    otherwise: yes("boot memory is what early allocations are made from"),
};

pub(super) static EARLY_HOTPLUGGABLE: Rule = Rule {
    name: "movable-node-spares-hotpluggable",
    source: "mm/memblock.c:should_skip_region, mm/numa_memblks.c:numa_clear_kernel_node_hotplug (6.12)",
    cases: &[
        when(
            movable_node_but_flag_lost,
            yes(
                "movable_node is given, but memblock dropped HOTPLUG there while booting, so nothing keeps early allocations off",
            ),
        ),
        when(
            movable_node,
            no(
                "movable_node is given: early allocations avoid hot-pluggable memory, so that it can be unplugged",
            ),
        ),
    ],
    otherwise: yes("without movable_node hot-pluggable memory is allocated from like any other"),
};

pub(super) static EARLY_HOTPLUGGABLE_MEANT: Rule = Rule {
    name: "movable-node-spares-hotpluggable-as-meant",
    source: "linux-mm, D. Hildenbrand, 1 October 2021",
    cases: &[when(
        movable_node,
        no("movable_node is given: hot-pluggable memory was meant to be managed by ZONE_MOVABLE alone"),
    )],
    otherwise: yes("without movable_node nobody minds an early allocation on hot-pluggable memory"),
};

pub(super) static EARLY_NEVER_HOTPLUG: Rule = Rule {
    name: "hotpluggable-never-allocated-early",
    source: "linux-mm, October 2021: the movable_node check of should_skip_region called excessive",
    cases: &[],
    otherwise: no("this alternative avoids hot-pluggable memory even without movable_node"),
};

pub(super) static EARLY_OVER: Rule = Rule {
    name: "early-allocation-is-over",
    source: "mm/memblock.c:memblock_free_all (6.12)",
    cases: &[],
    otherwise: no("it was added after boot, when early allocation is over"),
};

// Zone.

pub(super) static ZONE_BY_LIMITS: Rule = Rule {
    name: "zone-by-limits",
    source: "mm/mm_init.c:find_zone_movable_pfns_for_nodes (6.12)",
    cases: &[],
    otherwise: no("its zone follows from the architecture's limits and from kernelcore= and movablecore="),
};

pub(super) static ZONE_MOVABLE_NODE: Rule = Rule {
    name: "movable-node-makes-hotpluggable-movable",
    source: "mm/mm_init.c:find_zone_movable_pfns_for_nodes, mm/numa_memblks.c:numa_clear_kernel_node_hotplug (6.12)",
    cases: &[
        when(
            movable_node_but_flag_lost,
            no("movable_node is given, but memblock had dropped HOTPLUG there when the zones were sized"),
        ),
        when(
            movable_node_and_flag_kept,
            yes("movable_node is given, and memblock still carried HOTPLUG there when the zones were sized"),
        ),
        when(
            movable_node,
            yes("movable_node is given: it is movable if memblock still carried HOTPLUG there"),
        ),
    ],
    otherwise: no("without movable_node its zone follows the same limits as other boot memory"),
};

pub(super) static ZONE_MOVABLE_NODE_MEANT: Rule = Rule {
    name: "movable-node-makes-hotpluggable-movable-as-meant",
    source: "linux-mm, D. Hildenbrand, 1 October 2021",
    cases: &[when(movable_node, yes("movable_node is given: hot-pluggable memory was meant to be movable"))],
    otherwise: no("without movable_node its zone follows the same limits as other boot memory"),
};

pub(super) static ZONE_ONLINE_POLICY: Rule = Rule {
    name: "zone-by-online-policy",
    source: "mm/memory_hotplug.c:zone_for_pfn_range (6.12)",
    cases: &[],
    otherwise: no(
        "each block's zone is chosen when it is onlined, by the online policy or by whoever onlines it",
    ),
};

// A kexec image may lie there.

pub(super) static IMAGE_BOOT: Rule = Rule {
    name: "image-on-boot-memory",
    source: "kernel/kexec_file.c:locate_mem_hole_callback (6.12); kexec-tools: ranges of the firmware's map",
    cases: &[
        when(
            kexec_tools_reads_a_map_without_it,
            no("kexec-tools takes its ranges from /sys/firmware/memmap, which does not list this memory"),
        ),
        when(
            reserved_in_the_walk,
            no("placement walks memory minus reserved, and this is reserved in memblock"),
        ),
    ],
    otherwise: yes("boot memory is System RAM to both loaders"),
};

pub(super) static IMAGE_HOTPLUGGABLE: Rule = Rule {
    name: "image-on-hotpluggable",
    source: "kernel/kexec_file.c:kexec_walk_memblock, mm/memblock.c:free_low_memory_core_early (6.12)",
    cases: &[
        when(
            kexec_tools_reads_a_map_without_it,
            no("kexec-tools takes its ranges from /sys/firmware/memmap, which does not list this memory"),
        ),
        when(
            reserved_in_the_walk,
            no("placement walks memory minus reserved, and this is reserved in memblock"),
        ),
        when(
            walk_sees_the_flag_with_movable_node,
            no("movable_node is given, placement walks memblock, and memblock still carries HOTPLUG"),
        ),
        when(
            walks_memblock_with_movable_node,
            yes(
                "movable_node should keep images away, but this release clears HOTPLUG at the end of boot, so the search does not see it",
            ),
        ),
        when(
            kexec_load,
            yes("hot-pluggable boot memory is in the firmware's map, where kexec-tools places images"),
        ),
        when(walks_memblock, yes("without movable_node hot-pluggable memory is placed on like any other")),
    ],
    otherwise: yes("placement walks the resource tree, where hot-pluggable boot memory is plain System RAM"),
};

pub(super) static IMAGE_HOTPLUGGABLE_MEANT: Rule = Rule {
    name: "image-on-hotpluggable-as-meant",
    source: "linux-mm, D. Hildenbrand, 1 October 2021",
    cases: &[when(
        walks_memblock_with_movable_node,
        no(
            "movable_node is given and the kernel keeps memblock: images were meant to stay off memory that may be unplugged",
        ),
    )],
    otherwise: yes("without movable_node nobody minds an image on hot-pluggable memory"),
};

pub(super) static IMAGE_NO_CHECK: Rule = Rule {
    name: "image-avoids-hotpluggable-in-memblock",
    source: "linux-mm, October 2021: the movable_node check of should_skip_region called excessive",
    cases: &[when(
        walks_memblock,
        no("this alternative skips hot-pluggable memory in every walk of memblock"),
    )],
    otherwise: yes("the search does not walk memblock, so the flag is not seen"),
};

pub(super) static IMAGE_NEVER_HOTPLUG: Rule = Rule {
    name: "image-never-on-memory-that-may-go",
    source: "linux-mm, October 2021: HOTPLUG for all hot-added memory",
    cases: &[],
    otherwise: no(
        "this alternative places no image on memory that may be unplugged, independent of movable_node",
    ),
};

pub(super) static IMAGE_HOT_ADDED: Rule = Rule {
    name: "image-on-hot-added",
    source: "kernel/kexec_file.c:locate_mem_hole_callback (6.12)",
    cases: &[],
    otherwise: yes(
        "a hot-added DIMM is plain System RAM to the search, even when all its blocks are offline",
    ),
};

pub(super) static IMAGE_DRIVER_MANAGED: Rule = Rule {
    name: "image-never-on-driver-managed",
    source: "kernel/kexec_file.c:locate_mem_hole_callback (6.12); kexec-tools: exact name `System RAM`",
    cases: &[
        when(
            kexec_tools_reads_a_map_with_it,
            yes(
                "it must not, but kexec-tools follows /sys/firmware/memmap, which lists it as RAM (memmap= took it out of this kernel only)",
            ),
        ),
        when(
            kexec_load,
            no(
                "kexec-tools places only on memory that the firmware lists, or that is named exactly System RAM",
            ),
        ),
        when(walks_memblock, no("the walk skips memory that carries DRIVER_MANAGED")),
    ],
    otherwise: no("the search skips resources marked SYSRAM_DRIVER_MANAGED"),
};

// The next kernel is told.

pub(super) static TOLD_BOOT: Rule = Rule {
    name: "boot-memory-is-told",
    source: "arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, drivers/of/kexec.c:of_kexec_alloc_and_setup_fdt (6.12)",
    cases: &[
        when(listed_by_firmware, yes("the firmware's map of boot is handed on, and lists it")),
        when(nomap_and_not_listed, no("the firmware's map, which is handed on, does not call it RAM")),
    ],
    otherwise: no(
        "this kernel made it RAM itself (memmap=, or its own image); the firmware's map, which is handed on, does not list it",
    ),
};

pub(super) static TOLD_HOTPLUGGABLE: Rule = Rule {
    name: "hotpluggable-has-to-be-told",
    source: "linux-mm, D. Hildenbrand, 1 October 2021; arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries (6.12)",
    cases: &[when(
        listed_by_firmware,
        yes("it is in the firmware's map: kexec has to indicate it to the next kernel"),
    )],
    otherwise: no("it has to be told, but the firmware's map, which is handed on, does not list it"),
};

pub(super) static TOLD_HOT_ADDED: Rule = Rule {
    name: "hot-added-told-by-kexec-load-only",
    source: "drivers/firmware/memmap.c:firmware_map_add_hotplug, arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries (6.12)",
    cases: &[
        when(listed_by_firmware, yes("the firmware's map of boot lists it, and is handed on")),
        when(
            kexec_tools_reads_the_grown_firmware_map,
            yes("kexec-tools hands on /sys/firmware/memmap, to which the kernel appends hot-added memory"),
        ),
        when(
            kexec_load,
            no("the map of boot is passed on as it was; the next kernel has to find the memory by ACPI"),
        ),
    ],
    otherwise: no("kexec_file_load hands on the map of boot, made before this memory was added"),
};

pub(super) static TOLD_DRIVER_MANAGED: Rule = Rule {
    name: "driver-managed-never-told",
    source: "linux-mm, D. Hildenbrand, 1 October 2021; arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, drivers/of/kexec.c:of_kexec_alloc_and_setup_fdt (6.12)",
    cases: &[when(
        listed_by_firmware,
        yes(
            "it must not be told, but the firmware's own map lists it as RAM (memmap= took it out of this kernel only)",
        ),
    )],
    otherwise: no("it was never in the firmware's map: the next kernel must wait for the driver to add it"),
};

// In the crash dump.

pub(super) static DUMPED: Rule = Rule {
    name: "system-ram-is-dumped",
    source: "kernel/crash_core.c:crash_prepare_elf64_headers, arch/x86/kernel/crash.c:elf_header_exclude_ranges (6.12), crashkernel=,cma: Documentation/admin-guide/kdump/kdump.rst (6.17)",
    cases: &[
        when(
            in_the_crash_kernel,
            no("the crash kernel runs there: its own reservation is left out of the dump"),
        ),
        when(
            in_the_crash_kernels_cma,
            no(
                "the crash kernel is told that it is RAM, and uses it: kexec_file_load leaves the areas of crashkernel=,cma out of the dump",
            ),
        ),
        when(
            in_the_first_mib_that_is_left_out,
            no("kexec_file_load leaves the first MiB out of the dump on x86, where it is always reserved"),
        ),
    ],
    otherwise: yes("all System RAM is dumped, except the crash kernel's own reservation"),
};

pub(super) static DUMPED_DRIVER_MANAGED: Rule = Rule {
    name: "driver-managed-is-dumped",
    source: "kernel/resource.c:walk_system_ram_res (6.12); kexec-tools: get_crash_memory_ranges of each port",
    cases: &[when(
        kexec_tools_skips_the_name,
        no("it must be dumped, but this port of kexec-tools only takes resources named exactly System RAM"),
    )],
    otherwise: yes("driver-managed memory holds data like any other: it must be dumped"),
};

// After unplug.

pub(super) static UNPLUG_NEVER: Rule = Rule {
    name: "boot-memory-stays",
    source: "the firmware's map of boot, ACPI SRAT",
    cases: &[],
    otherwise: no("the firmware does not call this boot memory hot-pluggable: it offers no way to unplug it"),
};

pub(super) static UNPLUG_HOTPLUGGABLE: Rule = Rule {
    name: "rearm-after-unplug",
    source: "linux-mm, D. Hildenbrand, 1 October 2021; arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier (6.12)",
    cases: &[when(
        boot_memory_stays,
        no("this architecture refuses to take boot memory offline; if it could be unplugged, kexec would have to be armed again")
            .then(Consequence::RearmKexec),
    )],
    otherwise: yes("if its blocks can be taken offline; a loaded image may lie on it and was told about it: after an unplug kexec has to be armed again")
        .then(Consequence::RearmKexec),
};

pub(super) static UNPLUG_REARM: Rule = Rule {
    name: "rearm-after-unplug",
    source: "linux-mm, D. Hildenbrand, 1 October 2021; kernel/kexec_core.c:kernel_kexec checks nothing (6.12)",
    cases: &[],
    otherwise: yes("if its blocks can be taken offline; a loaded image may lie on it: after an unplug kexec has to be armed again, and the dump's ranges change")
        .then(Consequence::RearmKexec),
};

pub(super) static UNPLUG_DUMP_CHANGES: Rule = Rule {
    name: "dump-ranges-change-after-unplug",
    source: "kernel/crash_core.c:crash_handle_hotplug_event (6.12)",
    cases: &[],
    otherwise: yes(
        "if its blocks can be taken offline; no image lies on it, but the crash header lists it: after an unplug the dump's ranges change",
    )
    .then(Consequence::DumpRangesChange),
};
