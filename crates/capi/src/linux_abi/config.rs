//! Values that Linux's configuration and architecture fix at compile time.
//!
//! The defaults are those of Linux's memblock simulator. For a kernel, set the variables when building:
//!
//! ```text
//! PHYSMEM_NODES_SHIFT=10 PHYSMEM_SMP_CACHE_BYTES=64 cargo build --release -p physmem-capi --features linux-abi
//! ```

use memblock::PageSize;

/// `PAGE_SIZE`, from `PHYSMEM_PAGE_SIZE`.
pub(super) const PAGE_SIZE: PageSize = match PageSize::new(setting(option_env!("PHYSMEM_PAGE_SIZE"), 4096)) {
    Some(size) => size,
    None => wrong(),
};

/// `SMP_CACHE_BYTES`, the alignment used for an alignment of 0, from `PHYSMEM_SMP_CACHE_BYTES`.
pub(super) const SMP_CACHE_BYTES: u64 = setting(option_env!("PHYSMEM_SMP_CACHE_BYTES"), 32);

/// `MAX_NUMNODES`, a power of two with the exponent `CONFIG_NODES_SHIFT`, from `PHYSMEM_NODES_SHIFT`. 0 means
/// a kernel without `CONFIG_NUMA`, where all memory is on node 0.
pub(super) const MAX_NUMNODES: i32 = match setting(option_env!("PHYSMEM_NODES_SHIFT"), 4) {
    shift @ 0..=30 => 1 << shift,
    _ => wrong(),
};

/// `INIT_MEMBLOCK_MEMORY_REGIONS`, from `PHYSMEM_INIT_MEMORY_REGIONS`.
pub(super) const MEMORY_REGIONS: usize = regions(option_env!("PHYSMEM_INIT_MEMORY_REGIONS"), 128);

/// `INIT_MEMBLOCK_RESERVED_REGIONS`, from `PHYSMEM_INIT_RESERVED_REGIONS`.
pub(super) const RESERVED_REGIONS: usize = regions(option_env!("PHYSMEM_INIT_RESERVED_REGIONS"), 128);

/// `INIT_PHYSMEM_REGIONS`.
pub(super) const PHYSMEM_REGIONS: usize = 4;

const fn regions(text: Option<&str>, default: u64) -> usize {
    match setting(text, default) {
        // At least one region, and room for the two that a cut may add.
        #[allow(clippy::cast_possible_truncation)]
        count @ 3..=0x10_0000 => count as usize,
        _ => wrong(),
    }
}

const fn setting(text: Option<&str>, default: u64) -> u64 {
    let Some(text) = text else { return default };
    match u64::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => wrong(),
    }
}

/// Stops the compiler: these functions run only at compile time.
#[allow(clippy::panic)]
const fn wrong() -> ! {
    panic!("one of the PHYSMEM_* variables of this build is not a number, or out of range")
}
