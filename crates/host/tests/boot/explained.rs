//! What does not come out right, and which rule of the kernel's is not modelled.

/// Facts of one capture that are known to differ.
pub(crate) struct Explained {
    pub(crate) capture: &'static str,
    /// By their names in the JSON.
    pub(crate) facts: &'static [&'static str],
    pub(crate) why: &'static str,
}

pub(crate) const EXPLAINED: [Explained; 3] = [
    Explained {
        capture: "boot/x86/q3-quiet-efi-crash",
        facts: &["crashkernel"],
        why: "efi_reserve_boot_services: without efi=debug or memblock=debug nothing shows EFI's map, and what the \
              boot services hold decides how high the crash kernel lies",
    },
    Explained {
        capture: "boot/arm64/deb-uefi-4g-full",
        facts: &["reserved"],
        why: "efi_memattr_init, efi_memreserve: the sizes of EFI's tables stood in the part of the log that was \
              overwritten",
    },
    Explained {
        capture: "releases/7.3.4-kho/handed-over",
        facts: &["early_node_ranges"],
        why: "kho_mem_retrieve: what is free of preserved memory becomes scratch, too, GiB by GiB, and the list of what is \
              preserved lies in memory",
    },
];
