//! physmem
fn main() {}
