mod arm64;

use evidence::{KernelText, Purpose, RunningCrash};
use firmware::e820::{BootParams, E820Type, Entry, Table};
use images::{BzImage, CoreHeader, KernelImage, SetupHeader};
use machine::{EfiRuntime, KernelState};
use proptest::prelude::*;
use rules::{Loader, Rules};

use super::*;
use crate::plan;
use crate::port::x86_own::tests::{CRASH, IOMEM, REQUEST, entry, machine_with, state};
use crate::request::Caller;

/// A kernel with 5 sectors of setup code, and 4 KiB behind it that count up.
fn kernel() -> Vec<u8> {
    let mut bytes = vec![0; 6 * 512];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0x1f1, &[5]);
    put(0x1f4, &256_u32.to_le_bytes());
    put(0x1fe, &[0x55, 0xaa]);
    put(0x200, b"\xeb\x6aHdrS\x0f\x02");
    put(0x211, &[0x81]);
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(0x230, &0x20_0000_u32.to_le_bytes());
    put(0x234, &[1, 21, 0x7f, 0]);
    put(0x238, &2047_u32.to_le_bytes());
    put(0x258, &0x100_0000_u64.to_le_bytes());
    put(0x260, &0x20_0000_u32.to_le_bytes());
    // What lies behind the header in the file is code, and no part of the zero page.
    put(0x26c, &[0xcc; 0x100]);
    bytes.extend((0..4096_u32).map(|n| u8::try_from(n % 251).unwrap()));
    bytes
}

const INITRD: &[u8] = b"070701 an initial ramdisk";

/// A running kernel's zero page after a boot with BIOS.
fn zero_page() -> Vec<u8> {
    let mut page = vec![0xee; 4096];
    page[0x1e8] = 1;
    page[0x1c0..0x1e0].fill(0);
    page[0x202..0x206].copy_from_slice(b"HdrS");
    page[0x070..0x078].fill(0);
    page
}

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

fn crash() -> RunningCrash {
    RunningCrash {
        cpu_notes: vec![r(0x7fc1_2000, 0x7fc1_2168), r(0x7fd1_2000, 0x7fd1_2168)],
        vmcoreinfo: r(0x40_3000, 0x40_4000),
        page_offset: 0xff11_0000_0000_0000,
        text: Some(KernelText { memory: r(0x100_0000, 0x300_0000), virtual_address: 0xffff_ffff_8100_0000 }),
    }
}

fn running() -> Running {
    Running {
        zero_page: Some(zero_page()),
        acpi_rsdp: None,
        seed: [7; 32],
        kaslr_seed: [8; 8],
        crash: Some(crash()),
    }
}

/// A load, and what it is planned with.
struct Load {
    machine: Machine,
    kernel: Vec<u8>,
    initrd: Option<&'static [u8]>,
    purpose: Purpose,
    running: Running,
}

impl Load {
    fn on(state: KernelState) -> Self {
        let machine = machine_with(IOMEM, state);
        Self { machine, kernel: kernel(), initrd: Some(INITRD), purpose: Purpose::Reboot, running: running() }
    }

    fn request(&self) -> Request<'static> {
        let image = BzImage::new(&self.kernel).unwrap();
        let kernel = KernelImage::BzImage(SetupHeader::of(&image).unwrap());
        let initrd = self.initrd.map(|bytes| bytes.len() as u64);
        Request { purpose: self.purpose, kernel, initrd, ..REQUEST }
    }

    fn plan(&self) -> Plan {
        plan(&self.machine, &self.request(), &Rules::LINUX).unwrap()
    }

    fn contents(&self) -> Result<Contents<'_>, ContentsError> {
        let files = Files { kernel: &self.kernel, initrd: self.initrd };
        Contents::of(&self.machine, &self.request(), &self.plan(), &files, &self.running)
    }

    fn bytes(&self, kind: SegmentKind) -> Vec<u8> {
        let contents = self.contents().unwrap();
        contents.segments.iter().find(|segment| segment.kind == kind).unwrap().bytes.to_vec()
    }
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).into()
}

/// The list of setup_data as a kernel walks it: types and data.
fn setup_data(load: &Load) -> Vec<(u64, Vec<u8>)> {
    let at = load.plan().segment(SegmentKind::BootParameters).unwrap().range.start();
    let bytes = load.bytes(SegmentKind::BootParameters);
    let mut found = Vec::new();
    let mut next = BootParams::new(&bytes).unwrap().setup_data().unwrap_or(0);
    while next != 0 {
        let offset = usize::try_from(next - at).unwrap();
        let length = usize::try_from(word(&bytes, offset + 12)).unwrap();
        found.push((word(&bytes, offset + 8), bytes[offset + 16..offset + 16 + length].to_vec()));
        next = long(&bytes, offset);
    }
    found
}

/// The map as a kernel reads it: the zero page's table, and those of SETUP_E820_EXT.
fn map_read(load: &Load) -> Vec<Entry> {
    let bytes = load.bytes(SegmentKind::BootParameters);
    let mut entries: Vec<Entry> = BootParams::new(&bytes).unwrap().entries().map(Result::unwrap).collect();
    for (_, data) in setup_data(load).iter().filter(|(kind, _)| *kind == 1) {
        entries.extend(Table::new(data).unwrap().entries().map(Result::unwrap));
    }
    entries
}

fn with_entries(count: u64) -> KernelState {
    let mut state = state();
    let reserved = |n: u64| entry(0x2_0000_0000 + n * 0x2000, 0x2_0000_1000 + n * 0x2000, E820Type::Unusable);
    state.firmware_map_now.as_mut().unwrap().extend((6..count).map(reserved));
    state
}

#[test]
fn the_map_that_the_next_kernel_reads_is_the_planned_one_however_long_it_is() {
    for count in [6, 127, 128, 129, 130, 500] {
        let load = Load::on(with_entries(count));
        let read = map_read(&load);
        assert_eq!(read.len() as u64, count);
        assert_eq!(read, load.plan().next_kernel);
    }
    let crash = Load { purpose: Purpose::Crash, ..Load::on(state()) };
    assert_eq!(map_read(&crash), crash.plan().next_kernel);
}

#[test]
fn the_zero_page_points_to_the_command_line_and_the_initial_ramdisk_above_4_gib_too() {
    let load = Load::on(state());
    let plan = load.plan();
    let (bytes, place) =
        (load.bytes(SegmentKind::BootParameters), |kind| plan.segment(kind).unwrap().range.start());
    let params = BootParams::new(&bytes).unwrap();
    let initrd = PhysRange::from_size(place(SegmentKind::Initrd), INITRD.len() as u64).unwrap();
    assert!(initrd.start() > u64::from(u32::MAX));
    assert_eq!(params.ramdisk(), Ok(Some(initrd)));
    let line = word(&bytes, 0x228) | word(&bytes, 0xc8) << 32;
    assert_eq!(line, place(SegmentKind::BootParameters) + 0x1000);
    assert_eq!(&bytes[0x1000..0x1006], b"quiet\0");
    let without = Load { initrd: None, ..Load::on(state()) };
    assert_eq!(BootParams::new(&without.bytes(SegmentKind::BootParameters)).unwrap().ramdisk(), Ok(None));
}

#[test]
fn the_setup_header_is_the_files_and_the_screen_is_the_running_kernels() {
    let load = Load::on(state());
    let bytes = load.bytes(SegmentKind::BootParameters);
    assert_eq!(bytes[0x202..0x208], load.kernel[0x202..0x208]);
    assert_eq!(bytes[0x230..0x250], load.kernel[0x230..0x250]);
    assert_eq!(bytes[0x258..0x26c], load.kernel[0x258..0x26c]);
    assert_eq!((bytes[0x210], bytes[0x211], &bytes[0x1fa..0x1fc]), (0xff, 1, &[0xff, 0xff][..]));
    // After the header's end by its own jump, the file has code; after 0x290, the running kernel's disks follow.
    assert_eq!(bytes[0x26c..0x290], [0; 0x24]);
    for (offset, size) in [(0, 0x40), (0x140, 0x80), (0x1e9, 2), (0x1ec, 1), (0x290, 0x40), (0xd00, 0x1ec)] {
        assert_eq!(bytes[offset..offset + size], vec![0xee; size], "{offset:#x}");
    }
    // The sentinel that says that a loader cleared the page, EFI's map, and what lies between.
    for (offset, size) in [(0x40, 0x30), (0x1c0, 0x28), (0x1ed, 4), (0xcd0, 0x30), (0xeec, 0x114)] {
        assert_eq!(bytes[offset..offset + size], vec![0; size], "{offset:#x}");
    }
    // Without a zero page, or with something else in its place, nothing is handed on.
    for page in [None, Some(vec![0xee; 4096]), Some(vec![0xee; 7])] {
        let load = Load { running: Running { zero_page: page, ..running() }, ..Load::on(state()) };
        assert_eq!(load.bytes(SegmentKind::BootParameters)[..0x40], [0; 0x40]);
    }
}

#[test]
fn the_seed_is_handed_on_behind_the_map() {
    let kinds =
        |entries| setup_data(&Load::on(with_entries(entries))).iter().map(|one| one.0).collect::<Vec<_>>();
    assert_eq!((kinds(6), kinds(200)), (vec![9], vec![1, 9]));
    assert_eq!(setup_data(&Load::on(with_entries(200)))[1].1, [7; 32]);
}

#[test]
fn the_root_pointer_is_told_wherever_it_is_known_and_a_machine_with_efi_needs_it() {
    let told = |efi: u64, of_machine, of_efi, of_running| {
        let runtime = Some(EfiRuntime { entries: efi, descriptor: 48 });
        let machine =
            KernelState { efi_runtime: runtime, acpi_rsdp: of_machine, acpi_rsdp_of_efi: of_efi, ..state() };
        let load = Load { running: Running { acpi_rsdp: of_running, ..running() }, ..Load::on(machine) };
        let contents = load.contents()?;
        let params = contents.segments.iter().find(|one| one.kind == SegmentKind::BootParameters).unwrap();
        Ok(BootParams::new(&params.bytes).unwrap().acpi_rsdp())
    };
    assert_eq!(told(0, None, None, None).unwrap(), None);
    assert_eq!(told(0, Some(0xf_5000), None, None).unwrap(), Some(0xf_5000));
    assert_eq!(told(3, None, None, Some(0x7fff_e014)).unwrap(), Some(0x7fff_e014));
    assert_eq!(told(3, None, Some(0x7fff_e014), None).unwrap(), Some(0x7fff_e014));
    let error: ContentsError = told(3, None, None, None).unwrap_err();
    assert!(error.to_string().contains("/sys/firmware/efi/systab"), "{error}");
    // The zero page alone shows EFI, too.
    let mut page = zero_page();
    page[0x1c0..0x1c4].copy_from_slice(b"EL64");
    page[0x1d4] = 1;
    page[0x1d0] = 1;
    let load = Load { running: Running { zero_page: Some(page), ..running() }, ..Load::on(state()) };
    assert!(matches!(load.contents(), Err(ContentsError::NoRsdp)));
}

#[test]
fn the_trampoline_is_entered_and_enters_the_kernel() {
    let load = Load::on(state());
    let (plan, contents) = (load.plan(), load.contents().unwrap());
    let place = |kind| plan.segment(kind).unwrap().range.start();
    assert_eq!(contents.entry, place(SegmentKind::Purgatory));
    let bytes = load.bytes(SegmentKind::Purgatory);
    assert_eq!(long(&bytes, 0x78), place(SegmentKind::BootParameters));
    assert_eq!(long(&bytes, 0x80), place(SegmentKind::Kernel) + 0x200);
}

#[test]
fn files_are_borrowed_whole_and_segments_ascend() {
    let load = Load::on(state());
    let contents = load.contents().unwrap();
    let of = |kind| contents.segments.iter().find(|segment| segment.kind == kind).unwrap();
    assert_eq!(of(SegmentKind::Kernel).bytes[..], load.kernel[6 * 512..]);
    assert_eq!(of(SegmentKind::Initrd).bytes, INITRD);
    assert!(matches!(of(SegmentKind::Kernel).bytes, Cow::Borrowed(_)));
    assert!(contents.segments.is_sorted_by(|a, b| a.range.end() <= b.range.start()));
    assert!(contents.segments.iter().all(|segment| segment.bytes.len() as u64 <= segment.range.size()));
}

#[test]
fn the_dumps_header_has_the_notes_the_text_and_the_planned_memory() {
    let load = Load { purpose: Purpose::Crash, ..Load::on(state()) };
    let plan = load.plan();
    let bytes = load.bytes(SegmentKind::ElfCoreHeader);
    let header = CoreHeader::new(&bytes).unwrap();
    let notes: Vec<(u64, u64)> = header.notes.iter().map(|note| (note.offset, note.size)).collect();
    assert_eq!(notes, [(0x7fc1_2000, 0x168), (0x7fd1_2000, 0x168), (0x40_3000, 0x1000)]);
    assert_eq!(header.loads[0].memory, r(0x100_0000, 0x300_0000));
    assert_eq!(header.loads[0].virtual_address, 0xffff_ffff_8100_0000);
    assert_eq!(header.ram().collect::<Vec<_>>(), plan.vmcore);
    assert!(plan.vmcore.contains(&r(0x1_4000_0000, 0x1_8000_0000)));
    for load in &header.loads[1..] {
        assert_eq!(load.offset, load.memory.start());
        assert_eq!(load.virtual_address, 0xff11_0000_0000_0000 + load.memory.start());
    }
    assert!(bytes.len() as u64 <= plan.segment(SegmentKind::ElfCoreHeader).unwrap().loaded);
    let parameters = load.bytes(SegmentKind::BootParameters);
    assert!(parameters[0x1000..].starts_with(b"elfcorehdr=0x6b000000 quiet\0"));
}

#[test]
fn without_notes_or_with_more_than_were_planned_there_is_no_header() {
    let with = |crash: Option<RunningCrash>, state| {
        let running = Running { crash, ..running() };
        Load { purpose: Purpose::Crash, running, ..Load::on(state) }.contents().unwrap_err()
    };
    assert!(matches!(with(None, state()), ContentsError::NoNotes));
    let notes = |count| RunningCrash { cpu_notes: vec![r(0x1000, 0x1168); count], ..crash() };
    let without_room = KernelState { crash_elfcorehdr_size: None, ..state() };
    let error = with(Some(notes(200)), without_room);
    assert!(matches!(error, ContentsError::TooLarge { kind: SegmentKind::ElfCoreHeader, .. }), "{error}");
    assert!(matches!(with(Some(notes(70_000)), state()), ContentsError::TooLarge { .. }));
}

#[test]
fn files_that_are_not_the_planned_ones_are_refused() {
    let load = Load::on(state());
    let (request, plan, running) = (load.request(), load.plan(), running());
    let of = |files: Files<'_>| {
        let error = Contents::of(&load.machine, &request, &plan, &files, &running).unwrap_err();
        error.to_string()
    };
    let mut longer = load.kernel.clone();
    longer.push(0);
    assert!(of(Files { kernel: &longer, initrd: load.initrd }).starts_with("the kernel is not the one"));
    assert!(of(Files { kernel: &load.kernel[..0x300], initrd: load.initrd }).starts_with("the kernel: "));
    assert!(of(Files { kernel: b"MZ", initrd: load.initrd }).starts_with("the kernel: "));
    assert!(of(Files { kernel: &[], initrd: load.initrd }).starts_with("the kernel: "));
    for initrd in [None, Some(&INITRD[1..])] {
        let error = of(Files { kernel: &load.kernel, initrd });
        assert!(error.starts_with("the initial ramdisk is not the one"), "{error}");
    }
}

#[test]
fn a_kernel_that_cannot_be_entered_is_refused_and_one_for_below_4_gib_is_not() {
    let with = |at: usize, value: u8| {
        let mut load = Load::on(state());
        load.kernel[at] = value;
        load.contents().map(drop).map_err(|error| error.to_string())
    };
    assert!(with(0x234, 0).unwrap_err().contains("not relocatable"));
    assert!(with(0x236, 0x7e).unwrap_err().contains("no 64-bit entry"));
    assert_eq!(with(0x236, 0x7d), Ok(()));
    let mut five = Load::on(KernelState { page_table_levels: Some(5), ..state() });
    five.kernel[0x236] = 0x1f;
    assert!(five.contents().unwrap_err().to_string().contains("5-level"));
}

#[test]
fn a_plan_for_another_loader_or_purpose_is_refused() {
    let load = Load::on(state());
    let files = Files { kernel: &load.kernel, initrd: load.initrd };
    let of = |request: &Request<'_>| {
        let plan = plan(&load.machine, request, &Rules::LINUX).unwrap();
        Contents::of(&load.machine, request, &plan, &files, &running()).map(drop)
    };
    let ours = load.request();
    assert!(of(&ours).is_ok());
    assert!(matches!(of(&Request { caller: Caller::KexecTools, ..ours }), Err(ContentsError::NotOurs)));
    assert!(matches!(of(&Request { loader: Loader::KexecFileLoad, ..ours }), Err(ContentsError::NotOurs)));
    let crash = Contents::of(
        &load.machine,
        &Request { purpose: CRASH.purpose, ..ours },
        &load.plan(),
        &files,
        &running(),
    );
    assert!(matches!(crash, Err(ContentsError::NotOurs)));
}

proptest! {
    #[test]
    fn no_kernel_and_no_zero_page_makes_it_panic_or_break_its_promises(
        changes in prop::collection::vec((0x1f0..0x270_usize, any::<u8>()), 0..4),
        length in prop_oneof![Just(7168_usize), 0..7168_usize],
        page in prop::collection::vec(any::<u8>(), 0..4200),
        line in "[ -~]{0,300}",
    ) {
        let mut kernel = kernel();
        for (at, value) in changes {
            kernel[at] = value;
        }
        kernel.truncate(length);
        let machine = machine_with(IOMEM, state());
        let Ok(image) = BzImage::new(&kernel) else { return Ok(()) };
        let Some(header) = SetupHeader::of(&image) else { return Ok(()) };
        let request = Request { kernel: KernelImage::BzImage(header), initrd: None, command_line: &line, ..REQUEST };
        let Ok(plan) = plan(&machine, &request, &Rules::LINUX) else { return Ok(()) };
        let running = Running { zero_page: Some(page), ..running() };
        let files = Files { kernel: &kernel, initrd: None };
        if let Ok(contents) = Contents::of(&machine, &request, &plan, &files, &running) {
            prop_assert!(contents.segments.is_sorted_by(|a, b| a.range.end() <= b.range.start()));
            for segment in &contents.segments {
                prop_assert!(segment.bytes.len() as u64 <= segment.range.size());
            }
        }
    }
}
