use super::*;

const BOTH: [Loader; 2] = Loader::ALL;

fn linux(of: Use, class: Class, kernel: KernelFacts) -> bool {
    Rules::LINUX.verdict(of, &Memory::of(class), &kernel).allowed
}

fn each_class(of: Use, kernel: KernelFacts) -> [bool; 4] {
    Class::ALL.map(|class| linux(of, class, kernel))
}

const PLAIN: KernelFacts = KernelFacts {
    movable_node: false,
    walk: Walk::Resources,
    hotplug_flag_survives_boot: false,
    map_handed_on: MapHandedOn::E820,
    kexec_tools_wants_exact_name: false,
    dump_skips_first_mib: false,
    boot_memory_stays: false,
    lacks_kexec_load: false,
    lacks_kexec_file_load: false,
    lacks_hot_remove: false,
};
const MOVABLE_NODE: KernelFacts = KernelFacts { movable_node: true, ..PLAIN };
const KEEPS_MEMBLOCK: KernelFacts =
    KernelFacts { walk: Walk::Memblock, map_handed_on: MapHandedOn::BootFirmware, ..PLAIN };

#[test]
fn early_allocation_spares_hotpluggable_memory_only_with_movable_node() {
    assert_eq!(each_class(Use::EarlyAllocation, PLAIN), [true, true, false, false]);
    assert_eq!(each_class(Use::EarlyAllocation, MOVABLE_NODE), [true, false, false, false]);
}

#[test]
fn only_hotpluggable_boot_memory_becomes_movable_by_its_class() {
    assert_eq!(each_class(Use::ZoneMovable, PLAIN), [false; 4]);
    assert_eq!(each_class(Use::ZoneMovable, MOVABLE_NODE), [false, true, false, false]);
}

#[test]
fn driver_managed_memory_is_never_placed_on_never_told_and_always_dumped() {
    for kernel in [PLAIN, MOVABLE_NODE, KEEPS_MEMBLOCK] {
        for loader in BOTH {
            assert!(!linux(Use::KexecImage(loader), Class::DriverManaged, kernel));
            assert!(!linux(Use::NextKernel(loader), Class::DriverManaged, kernel));
            assert!(linux(Use::Vmcore(loader), Class::DriverManaged, kernel));
        }
    }
}

#[test]
fn hotpluggable_boot_memory_has_to_be_told_and_may_be_placed_on() {
    for kernel in [PLAIN, MOVABLE_NODE, KEEPS_MEMBLOCK] {
        for loader in BOTH {
            assert!(linux(Use::NextKernel(loader), Class::BootHotpluggable, kernel));
            assert!(linux(Use::KexecImage(loader), Class::BootHotpluggable, kernel));
        }
    }
}

#[test]
fn the_release_and_the_intention_differ_where_the_flag_is_cleared_before_kexec_looks() {
    let kernel = KernelFacts { movable_node: true, ..KEEPS_MEMBLOCK };
    let memory = Memory::of(Class::BootHotpluggable);
    let of = Use::KexecImage(Loader::KexecFileLoad);
    assert!(Rules::LINUX.verdict(of, &memory, &kernel).allowed);
    assert!(!Rules::AS_MEANT.verdict(of, &memory, &kernel).allowed);

    let keeps_the_flag = KernelFacts { hotplug_flag_survives_boot: true, ..kernel };
    assert!(!Rules::LINUX.verdict(of, &memory, &keeps_the_flag).allowed);
}

#[test]
fn a_hot_added_dimm_is_told_by_kexec_load_and_only_where_the_firmware_map_grows() {
    assert!(linux(Use::NextKernel(Loader::KexecLoad), Class::HotAdded, PLAIN));
    assert!(!linux(Use::NextKernel(Loader::KexecFileLoad), Class::HotAdded, PLAIN));
    for loader in BOTH {
        assert!(!linux(Use::NextKernel(loader), Class::HotAdded, KEEPS_MEMBLOCK));
        assert!(linux(Use::KexecImage(loader), Class::HotAdded, KEEPS_MEMBLOCK));
    }
}

#[test]
fn the_next_kernel_is_told_what_the_firmware_lists_whatever_this_kernel_made_of_it() {
    let of = Use::NextKernel(Loader::KexecFileLoad);
    let made_by_memmap = Memory { listed_by_firmware: false, ..Memory::of(Class::Boot) };
    assert!(!Rules::LINUX.verdict(of, &made_by_memmap, &PLAIN).allowed);
    let hidden_by_memmap = Memory { listed_by_firmware: true, ..Memory::of(Class::DriverManaged) };
    assert!(Rules::LINUX.verdict(of, &hidden_by_memmap, &PLAIN).allowed);
}

#[test]
fn a_port_of_kexec_tools_that_wants_the_exact_name_leaves_driver_managed_memory_out_of_the_dump() {
    let arm64 = KernelFacts { kexec_tools_wants_exact_name: true, ..KEEPS_MEMBLOCK };
    assert!(!linux(Use::Vmcore(Loader::KexecLoad), Class::DriverManaged, arm64));
    assert!(linux(Use::Vmcore(Loader::KexecFileLoad), Class::DriverManaged, arm64));
    assert!(linux(Use::Vmcore(Loader::KexecLoad), Class::HotAdded, arm64));
}

#[test]
fn an_unplug_asks_for_a_rearm_wherever_an_image_may_have_lain() {
    let consequence = |class| Rules::LINUX.verdict(Use::AfterUnplug, &Memory::of(class), &PLAIN).consequence;
    assert_eq!(
        Class::ALL.map(consequence),
        [
            Consequence::Nothing,
            Consequence::RearmKexec,
            Consequence::RearmKexec,
            Consequence::DumpRangesChange
        ]
    );
    assert_eq!(each_class(Use::AfterUnplug, PLAIN), [false, true, true, true]);
}

#[test]
fn nomap_memory_is_never_allocated_placed_on_or_dumped() {
    for class in Class::ALL {
        let memory = Memory { nomap: true, ..Memory::of(class) };
        for of in [
            Use::EarlyAllocation,
            Use::KexecImage(Loader::KexecLoad),
            Use::KexecImage(Loader::KexecFileLoad),
            Use::Vmcore(Loader::KexecFileLoad),
        ] {
            let verdict = Rules::LINUX.verdict(of, &memory, &PLAIN);
            assert!(!verdict.allowed, "{of:?} {class:?}");
            assert_eq!(verdict.rule, "nomap-is-never-used");
        }
    }
}

#[test]
fn the_alternative_with_hotplug_for_all_places_images_on_boot_memory_only() {
    for loader in BOTH {
        let allowed = Class::ALL.map(|class| {
            Rules::HOTPLUG_FOR_ALL.verdict(Use::KexecImage(loader), &Memory::of(class), &PLAIN).allowed
        });
        assert_eq!(allowed, [true, false, false, false]);
    }
}

#[test]
fn the_alternative_without_the_movable_node_check_matters_only_where_memblock_is_walked() {
    let allowed = |kernel| {
        Rules::NO_MOVABLE_NODE_CHECK
            .verdict(Use::KexecImage(Loader::KexecFileLoad), &Memory::of(Class::BootHotpluggable), kernel)
            .allowed
    };
    assert!(allowed(&PLAIN));
    assert!(!allowed(&KEEPS_MEMBLOCK));
    let early = Rules::NO_MOVABLE_NODE_CHECK.verdict(
        Use::EarlyAllocation,
        &Memory::of(Class::BootHotpluggable),
        &PLAIN,
    );
    assert!(!early.allowed);
}

#[test]
fn the_first_mib_is_dumped_by_kexec_load_only_where_the_kernel_leaves_it_out() {
    let low = Memory { below_1_mib: true, ..Memory::of(Class::Boot) };
    let dumped = |kernel, loader| Rules::LINUX.verdict(Use::Vmcore(loader), &low, kernel).allowed;
    let x86 = KernelFacts { dump_skips_first_mib: true, ..PLAIN };
    assert!(!dumped(&x86, Loader::KexecFileLoad));
    assert!(dumped(&x86, Loader::KexecLoad));
    assert!(dumped(&PLAIN, Loader::KexecFileLoad));
}

#[test]
fn the_crash_kernels_own_reservation_is_not_dumped() {
    let memory = Memory { in_crash_kernel: true, ..Memory::of(Class::Boot) };
    for loader in BOTH {
        assert!(!Rules::LINUX.verdict(Use::Vmcore(loader), &memory, &PLAIN).allowed);
    }
}

#[test]
fn what_crashkernel_cma_lends_the_crash_kernel_is_dumped_by_kexec_load_only() {
    let memory = Memory { in_crash_cma: true, ..Memory::of(Class::Boot) };
    let dumped = |loader| Rules::LINUX.verdict(Use::Vmcore(loader), &memory, &PLAIN).allowed;
    assert!(!dumped(Loader::KexecFileLoad) && dumped(Loader::KexecLoad));
}

#[test]
fn where_memblock_lost_the_flag_movable_node_has_nothing_to_go_by() {
    let lost = Memory { kept_hotplug: Some(false), ..Memory::of(Class::BootHotpluggable) };
    let kept = Memory { kept_hotplug: Some(true), ..lost };
    let ask = |rules: &Rules, of, memory| rules.verdict(of, memory, &MOVABLE_NODE).allowed;
    assert!(ask(&Rules::LINUX, Use::EarlyAllocation, &lost));
    assert!(!ask(&Rules::LINUX, Use::ZoneMovable, &lost));
    assert!(!ask(&Rules::LINUX, Use::EarlyAllocation, &kept));
    assert!(ask(&Rules::LINUX, Use::ZoneMovable, &kept));
    assert!(!ask(&Rules::AS_MEANT, Use::EarlyAllocation, &lost));
    assert!(ask(&Rules::AS_MEANT, Use::ZoneMovable, &lost));
}

#[test]
fn reserved_memory_takes_no_image_where_placement_walks_memblock() {
    for class in [Class::Boot, Class::BootHotpluggable] {
        let reserved = Memory { reserved: true, ..Memory::of(class) };
        let of = Use::KexecImage(Loader::KexecFileLoad);
        assert!(!Rules::LINUX.verdict(of, &reserved, &KEEPS_MEMBLOCK).allowed);
        assert!(Rules::LINUX.verdict(of, &reserved, &PLAIN).allowed);
    }
}

#[test]
fn kexec_tools_places_by_the_firmware_map_whatever_the_class() {
    let of = Use::KexecImage(Loader::KexecLoad);
    for class in Class::ALL.into_iter().filter(|class| *class != Class::HotAdded) {
        for listed_by_firmware in [true, false] {
            let memory = Memory { listed_by_firmware, ..Memory::of(class) };
            assert_eq!(Rules::LINUX.verdict(of, &memory, &PLAIN).allowed, listed_by_firmware, "{class:?}");
        }
    }
}

#[test]
fn an_architecture_that_keeps_its_boot_memory_says_so() {
    let arm64 = KernelFacts { boot_memory_stays: true, ..KEEPS_MEMBLOCK };
    assert_eq!(each_class(Use::AfterUnplug, arm64), [false, false, true, true]);
}

#[test]
fn a_kernel_without_a_system_call_loads_nothing_by_it_and_without_hot_remove_unplugs_nothing() {
    let kernel = KernelFacts { lacks_kexec_load: true, ..PLAIN };
    for class in Class::ALL {
        for of in [Use::KexecImage, Use::NextKernel, Use::Vmcore] {
            assert!(!linux(of(Loader::KexecLoad), class, kernel));
            let other = of(Loader::KexecFileLoad);
            assert_eq!(linux(other, class, kernel), linux(other, class, PLAIN));
        }
        let stays = KernelFacts { lacks_hot_remove: true, ..PLAIN };
        let verdict = Rules::LINUX.verdict(Use::AfterUnplug, &Memory::of(class), &stays);
        assert_eq!((verdict.allowed, verdict.rule), (false, "no-hot-remove"));
    }
    assert!(kernel.why_no(Loader::KexecLoad).is_some() && !kernel.loads_nothing());
}
