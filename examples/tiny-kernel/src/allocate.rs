//! Allocations of a kernel before it has an allocator.

use memblock::{Memblock, Request};

use crate::failure::Failure;
use crate::nodes;
use crate::serial::say;

/// Bytes of data per node.
const NODE_DATA: u64 = 16 << 10;
const PAGE: u64 = 4 << 10;

/// Allocates memory on each node, memory from the low end, and more memory than there is.
pub(crate) fn early(memblock: &mut Memblock<'_>) -> Result<(), Failure> {
    let mut last = None;
    while let Some(node) = nodes::after(memblock.memory().iter().filter_map(|region| region.node), last) {
        last = Some(node);
        let tag = Some("node data");
        allocate(
            memblock,
            &Request { node: last, exact_node: true, align: PAGE, tag, ..Request::new(NODE_DATA) },
        )?;
    }

    memblock.set_bottom_up(true);
    allocate(memblock, &Request { align: PAGE, tag: Some("low page"), ..Request::new(PAGE) })?;
    memblock.set_bottom_up(false);

    let too_much = Request { align: PAGE, tag: Some("everything"), ..Request::new(memblock.memory_size()) };
    match memblock.alloc(&too_much) {
        Ok(_) => Err(Failure::Wrong("memory was given that is reserved")),
        Err(refusal) => {
            say!("alloc: {refusal}");
            Ok(())
        }
    }
}

fn allocate(memblock: &mut Memblock<'_>, request: &Request) -> Result<(), Failure> {
    let range = memblock.alloc(request)?;
    say!("alloc: {range} are {request}");
    Ok(())
}
