//! Linked like a kernel: memblock in a `static`, no standard library, no allocator.
#![no_std]

use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use core::ptr::NonNull;
use firmware as _;
use memblock::{ChunkStore, DirectMap, HandOver, Memblock, PhysRange, Request, Selection, TableKind};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// The simplest possible kernel lock.
struct Spin<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: only `with` accesses the value, one caller at a time.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    const fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: the lock is held.
        let result = work(unsafe { &mut *self.value.get() });
        self.locked.store(false, Ordering::Release);
        result
    }
}

static CHUNKS: ChunkStore<16> = ChunkStore::new();
static MEMBLOCK: Spin<Memblock<'static>> = Spin::new(Memblock::new());

/// Adds memory `start..end`; 0 on success.
#[unsafe(no_mangle)]
pub extern "C" fn proof_add(start: u64, end: u64) -> i32 {
    change(start, end, |memblock, range| memblock.add(range).is_ok())
}

/// Reserves `start..end`; 0 on success.
#[unsafe(no_mangle)]
pub extern "C" fn proof_reserve(start: u64, end: u64) -> i32 {
    change(start, end, |memblock, range| memblock.reserve(range).is_ok())
}

/// Frees `start..end`; 0 on success.
#[unsafe(no_mangle)]
pub extern "C" fn proof_free(start: u64, end: u64) -> i32 {
    change(start, end, |memblock, range| memblock.free(range).is_ok())
}

/// Marks `start..end` hot-pluggable; 0 on success.
#[unsafe(no_mangle)]
pub extern "C" fn proof_mark_hotplug(start: u64, end: u64) -> i32 {
    change(start, end, |memblock, range| memblock.mark_hotplug(range).is_ok())
}

/// Bytes of free memory, counted by a walk from the top.
#[unsafe(no_mangle)]
pub extern "C" fn proof_free_size() -> u64 {
    MEMBLOCK.with(|memblock| memblock.free_ranges(Selection::ANY).rev().map(|piece| piece.range.size()).sum())
}

/// Start of the highest gap between reservations below `end` of `size` bytes; 0 for none.
#[unsafe(no_mangle)]
pub extern "C" fn proof_find(end: u64, size: u64) -> u64 {
    let Ok(within) = PhysRange::new(0x1000, end) else { return 0 };
    MEMBLOCK.with(|memblock| memblock.reserved().last_gap(within, size).map_or(0, PhysRange::start))
}

/// Allocates `size` bytes at a multiple of `align`; returns the address, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn proof_alloc(size: u64, align: u64) -> u64 {
    let request = Request { align, tag: Some("proof"), ..Request::new(size) };
    MEMBLOCK.with(|memblock| memblock.alloc(&request).map_or(0, PhysRange::start))
}

/// Lets the tables grow into the memory they manage, identity-mapped.
#[unsafe(no_mangle)]
pub extern "C" fn proof_allow_growth() {
    fn identity(range: PhysRange) -> Option<NonNull<u8>> {
        NonNull::new(core::ptr::with_exposed_provenance_mut(usize::try_from(range.start()).ok()?))
    }
    // SAFETY: a program that links this library must identity-map its memory; nobody runs it.
    MEMBLOCK.with(|memblock| memblock.allow_growth(unsafe { DirectMap::new(&identity) }));
}

/// Hands over all free memory; returns the number of pages.
#[unsafe(no_mangle)]
pub extern "C" fn proof_free_all() -> u64 {
    MEMBLOCK.with(|memblock| {
        let blocks = memblock.free_all(HandOver::default());
        blocks.map_or(0, |blocks| blocks.map(|block| block.pages()).sum())
    })
}

fn change(start: u64, end: u64, work: impl FnOnce(&mut Memblock<'static>, PhysRange) -> bool) -> i32 {
    let Ok(range) = PhysRange::new(start, end) else { return -1 };
    MEMBLOCK.with(|memblock| {
        if let Some(chunks) = CHUNKS.take() {
            // The first slab always fits.
            let _ = memblock.grow(TableKind::Reserved, chunks);
        }
        if work(memblock, range) { 0 } else { -1 }
    })
}
