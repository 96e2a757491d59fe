//! memblock decides by flags what a walk of its memory shows; the rules decide by class what an image may lie on. Both say
//! the same, for every class, flag and kernel.

use memblock::{PhysRange, Region, RegionFlags, Selection};
use rules::{Class, KernelFacts, Loader, Memory, Rules, Use, Walk};

/// The flag by which memblock tells the class, as long as it keeps it.
const fn flag(class: Class) -> RegionFlags {
    match class {
        Class::Boot | Class::HotAdded => RegionFlags::empty(),
        Class::BootHotpluggable => RegionFlags::HOTPLUG,
        Class::DriverManaged => RegionFlags::DRIVER_MANAGED,
    }
}

#[test]
fn the_walk_for_an_image_shows_what_the_rules_allow() {
    for class in Class::ALL {
        for nomap in [false, true] {
            for movable_node in [false, true] {
                for survives in [false, true] {
                    let mut flags = flag(class);
                    if !survives {
                        flags.remove(RegionFlags::HOTPLUG);
                    }
                    flags.set(RegionFlags::NOMAP, nomap);
                    let range = PhysRange::new(0x10_0000, 0x20_0000).unwrap();
                    let region = Region { flags, ..Region::plain(range) };
                    let kernel = KernelFacts {
                        movable_node,
                        walk: Walk::Memblock,
                        hotplug_flag_survives_boot: survives,
                        ..KernelFacts::default()
                    };
                    let memory = Memory { nomap, ..Memory::of(class) };
                    let of = Use::KexecImage(Loader::KexecFileLoad);
                    assert_eq!(
                        Selection::ANY.shows(&region, movable_node),
                        Rules::LINUX.verdict(of, &memory, &kernel).allowed,
                        "{class:?}, {flags:?}, movable_node {movable_node}"
                    );
                }
            }
        }
    }
}
