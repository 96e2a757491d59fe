//! Tables that outgrow their static storage.

use memblock::{Memblock, PhysRange, Selection};

use crate::failure::Failure;
use crate::serial::say;

/// Several times the room inside a table.
const PAGES: u64 = 400;

/// Reserves many single pages, so that the table of reservations has to grow into managed memory, and frees
/// them again.
pub(crate) fn show(memblock: &mut Memblock<'_>) -> Result<(), Failure> {
    let page_size = memblock.page_size();
    // Use the lower half of the largest hole: tables grow from the end of memory down.
    let holes = memblock.free_ranges(Selection::ANY).filter_map(|piece| page_size.whole_pages(piece.range));
    let (start, end) = holes.max_by_key(|(start, end)| end - start).ok_or(Failure::NoMemory)?;
    let stride = (end - start) / 2 / PAGES;
    if stride < 2 {
        return Err(Failure::Wrong("no hole has room for 400 pages with gaps between them"));
    }
    let pages = (0..PAGES).map(|number| (start + number * stride) * page_size.bytes());
    let pages = pages.filter_map(|address| PhysRange::from_size(address, page_size.bytes()).ok());

    let before = memblock.reserved().len();
    say_state(memblock, "at first")?;
    for page in pages.clone() {
        memblock.reserve_for(page, "growth")?;
    }
    say_state(memblock, "with 400 single pages more")?;
    if memblock.reserved().chunks() == 0 {
        return Err(Failure::Wrong("memblock.reserved did not grow"));
    }
    for page in pages {
        memblock.free(page)?;
    }
    say_state(memblock, "without them")?;
    if memblock.reserved().len() != before + memblock.own_memory().count() {
        return Err(Failure::Wrong("memblock.reserved keeps more than it had and its own tables"));
    }
    Ok(())
}

/// Prints the size of the table, and checks its consistency.
fn say_state(memblock: &Memblock<'_>, when: &str) -> Result<(), Failure> {
    let reserved = memblock.reserved();
    if !memblock.memory().is_consistent() || !reserved.is_consistent() {
        return Err(Failure::Wrong("a table is not consistent"));
    }
    say!("growth: {when}, {} regions in {} chunks; consistent", reserved.len(), reserved.chunks());
    Ok(())
}
