//! What a load by physmem holds on arm64.

use firmware::fdt::Fdt;
use images::{Arm64Header, Arm64Image};

use super::*;
use crate::port::arm64_own::tests::{CRASH, IOMEM, REQUEST, machine_with, tree as boots_tree};
use crate::trampoline::arm64::trampoline;

/// An Image: its header, and 4 KiB behind it that count up.
fn kernel() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[0x10..0x18].copy_from_slice(&0x20_0000_u64.to_le_bytes());
    bytes[0x18] = 0b1010;
    bytes[0x38..0x3c].copy_from_slice(b"ARM\x64");
    bytes.extend((0..4096_u32).map(|n| u8::try_from(n % 251).unwrap()));
    bytes
}

fn running() -> Running {
    Running { zero_page: None, ..super::running() }
}

struct Image {
    machine: Machine,
    kernel: Vec<u8>,
    purpose: Purpose,
    running: Running,
}

fn load(purpose: Purpose) -> Image {
    Image { machine: machine_with(IOMEM, &boots_tree()), kernel: kernel(), purpose, running: running() }
}

impl Image {
    fn request(&self) -> Request<'static> {
        let header = Arm64Header::of(&Arm64Image::new(&kernel()).unwrap()).unwrap();
        let base = if self.purpose == Purpose::Crash { CRASH } else { REQUEST };
        let initrd = Some(u64::try_from(INITRD.len()).unwrap());
        Request { kernel: KernelImage::Arm64(header), initrd, ..base }
    }

    fn plan(&self) -> Plan {
        plan(&self.machine, &self.request(), &Rules::LINUX).unwrap()
    }

    fn contents(&self) -> Result<Contents<'_>, ContentsError> {
        let files = Files { kernel: &self.kernel, initrd: Some(INITRD) };
        Contents::of(&self.machine, &self.request(), &self.plan(), &files, &self.running)
    }

    fn bytes(&self, kind: SegmentKind) -> Vec<u8> {
        let contents = self.contents().unwrap();
        contents.segments.iter().find(|segment| segment.kind == kind).unwrap().bytes.to_vec()
    }

    fn place(&self, kind: SegmentKind) -> PhysRange {
        self.plan().segment(kind).unwrap().range
    }
}

#[test]
fn the_trampoline_hands_the_device_tree_to_the_first_instruction_of_the_image() {
    let load = load(Purpose::Reboot);
    assert_eq!(load.contents().unwrap().entry, load.place(SegmentKind::Purgatory).start());
    let (kernel, tree) =
        (load.place(SegmentKind::Kernel).start(), load.place(SegmentKind::DeviceTree).start());
    assert_eq!(load.bytes(SegmentKind::Purgatory), trampoline(kernel, tree));
}

#[test]
fn files_are_borrowed_whole_and_segments_ascend() {
    let load = load(Purpose::Reboot);
    let contents = load.contents().unwrap();
    assert_eq!(load.bytes(SegmentKind::Kernel), load.kernel);
    assert_eq!(load.bytes(SegmentKind::Initrd), INITRD);
    assert!(contents.segments.is_sorted_by(|a, b| a.range.end() <= b.range.start()));
    assert!(contents.segments.iter().all(|segment| segment.bytes.len() as u64 <= segment.range.size()));
    let kinds = contents.segments.iter().filter(|segment| matches!(segment.bytes, Cow::Borrowed(_)));
    assert!(kinds.map(|segment| segment.kind).eq([SegmentKind::Kernel, SegmentKind::Initrd]));
}

#[test]
fn the_device_tree_is_as_long_as_planned_and_says_where_everything_lies() {
    for purpose in [Purpose::Reboot, Purpose::Crash] {
        let load = load(purpose);
        let (plan, bytes) = (load.plan(), load.bytes(SegmentKind::DeviceTree));
        assert_eq!(bytes.len() as u64, plan.segment(SegmentKind::DeviceTree).unwrap().loaded);
        let tree = Fdt::new(&bytes).unwrap();
        let chosen = tree.chosen().unwrap().unwrap();
        assert_eq!(chosen.bootargs(), Some(&b"quiet"[..]));
        let initrd = chosen.initrd().unwrap().unwrap();
        assert_eq!(initrd.start(), load.place(SegmentKind::Initrd).start());
        assert_eq!(initrd.size(), INITRD.len() as u64);
        let header = plan.segment(SegmentKind::ElfCoreHeader).map(|segment| segment.range);
        assert_eq!(chosen.elfcorehdr().unwrap(), header);
        let usable: Vec<PhysRange> = chosen.usable_memory_ranges().map(Result::unwrap).collect();
        assert_eq!(usable, plan.chosen.unwrap().usable_memory);
        let node = tree.root().children().find(|node| node.name() == "chosen").unwrap();
        let value = |name: &str| node.property(name.as_bytes()).unwrap().value().to_vec();
        assert_eq!((value("kaslr-seed"), value("rng-seed")), (vec![8; 8], vec![7; 32]));
    }
}

#[test]
fn the_dumps_header_is_of_arm64_with_the_text_and_the_planned_memory() {
    let mut load = load(Purpose::Crash);
    let text = KernelText { memory: r(0x4001_0000, 0x4020_0000), virtual_address: 0xffff_8000_8001_0000 };
    // The direct map begins with the RAM at 0x40000000.
    let page_offset = 0xfffe_ffff_c000_0000;
    load.running.crash = Some(RunningCrash { page_offset, text: Some(text), ..crash() });
    let bytes = load.bytes(SegmentKind::ElfCoreHeader);
    let header = CoreHeader::new(&bytes).unwrap();
    assert_eq!(header.machine, ElfMachine::Aarch64);
    assert_eq!(
        (header.loads[0].memory, header.loads[0].virtual_address),
        (text.memory, text.virtual_address)
    );
    assert_eq!(header.ram().collect::<Vec<_>>(), load.plan().vmcore);
    assert_eq!(header.loads[1].virtual_address, 0xffff_0000_0000_0000);
    assert_eq!(header.notes.len(), 3);
}

#[test]
fn a_machine_whose_device_tree_was_not_shown_is_refused_with_what_would_show_it() {
    let mut load = load(Purpose::Reboot);
    load.machine.state.device_tree = None;
    let error = load.contents().unwrap_err().to_string();
    assert!(error.contains("/sys/firmware/fdt"), "{error}");
}

#[test]
fn an_image_that_is_not_the_planned_one_is_refused() {
    let mut load = load(Purpose::Reboot);
    load.kernel.push(0);
    assert!(matches!(load.contents(), Err(ContentsError::OtherFile { what: "the kernel" })));
    load.kernel = b"MZ".to_vec();
    assert!(matches!(load.contents(), Err(ContentsError::Image(_))));
}
