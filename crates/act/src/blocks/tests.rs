use super::*;
use crate::testing::Kernel;

fn kernel() -> Kernel {
    Kernel::with([0, 1, 2, 40, 41].map(|number| (number, "online", "Normal")))
}

fn range(start: u64, end: u64) -> Target {
    Target::Range(PhysRange::new(start << 27, end << 27).unwrap())
}

#[test]
fn each_way_to_name_a_block_finds_it() {
    let select = |target| kernel().blocks().select(&[target]).unwrap();
    assert_eq!(select(Target::Blocks(40, 40)), [40]);
    assert_eq!(select(Target::Blocks(1, 40)), [1, 2, 40]);
    assert_eq!(select(Target::Node(0)), [0, 1, 2, 40, 41]);
    assert_eq!(select(Target::Address((40 << 27) + 5)), [40]);
    assert_eq!(select(range(40, 41)), [40]);
    assert_eq!(select(range(0, 41)), [0, 1, 2, 40]);
}

#[test]
fn a_target_that_is_not_there_says_what_is() {
    let error = |target| kernel().blocks().select(&[Target::Blocks(0, 0), target]).unwrap_err().to_string();
    let has = "is not on this machine: it has memory0-memory2, memory40-memory41";
    assert_eq!(error(Target::Blocks(3, 3)), format!("memory3 {has}"));
    assert_eq!(error(Target::Blocks(3, 39)), format!("memory3-memory39 {has}"));
    assert_eq!(error(Target::Address(3 << 27)), format!("0x18000000 {has}"));
    assert_eq!(error(range(4, 5)), format!("20000000-27ffffff {has}"));
    assert_eq!(error(Target::Node(7)), "node7 is not on this machine: it has node0");
    assert_eq!(error(Target::Blocks(u64::MAX, u64::MAX)), format!("memory{} {has}", u64::MAX));
}

#[test]
fn a_part_of_a_block_is_refused_with_the_blocks_it_touches() {
    let part = Target::Range(PhysRange::new((1 << 27) + 4096, 3 << 27).unwrap());
    assert_eq!(
        kernel().blocks().select(&[part]).unwrap_err().to_string(),
        "08001000-17ffffff is not made of whole memory blocks, which are 0x8000000 bytes large: it touches \
         memory1-memory2, 08000000-17ffffff"
    );
    let at_the_end = Target::Range(PhysRange::new(u64::MAX - 4096, u64::MAX).unwrap());
    assert!(matches!(kernel().blocks().select(&[at_the_end]), Err(Error::Part { .. })));
}

#[test]
fn a_kernel_without_memory_blocks_says_so() {
    let kernel = Kernel::default();
    let Err(error) = Blocks::over(Box::new(kernel.clone()), PathBuf::from("/")) else { panic!("blocks") };
    assert!(error.to_string().starts_with("/sys/devices/system/memory is not there"), "{error}");
    for wrong in ["", "0", "+8", "x", "10000000000000000"] {
        let file = "sys/devices/system/memory/block_size_bytes".to_owned();
        kernel.0.lock().unwrap().files.insert(file, wrong.to_owned());
        let error = Blocks::over(Box::new(kernel.clone()), PathBuf::from("/")).err();
        assert!(matches!(error, Some(Error::BlockSize { .. })), "{wrong}: {error:?}");
    }
}
