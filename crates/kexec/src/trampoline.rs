//! The code between the two kernels on x86_64, when physmem loads by kexec_load.
//!
//! kexec enters it in 64-bit mode with memory mapped as it lies, interrupts off, and no valid descriptor table
//! (arch/x86/kernel/relocate_kernel_64.S, 6.12). A kernel wants more: descriptors of flat 4 GiB segments, 0x10 for code
//! and 0x18 for data, both loaded, and the zero page's address in rsi (Documentation/arch/x86/boot.rst, "64-bit BOOT
//! PROTOCOL"). The trampoline does that and jumps. It checks no digest: what a crashing kernel overwrote in the memory
//! of the crash kernel is not noticed, other than with kexec-tools or kexec_file_load.
//!
//! It is kept as bytes, so that no assembler is needed to build physmem; a test holds them against a disassembler.

pub mod arm64;

use crate::request::Purgatory;

/// Bytes of the trampoline's segment: a page, whose end is its stack.
const ROOM: u64 = 0x1000;

// The data behind the code: offsets in bytes.
const GDT: usize = 0x40;
const GDTR: usize = 0x60;
const STACK: usize = 0x70;
const ZERO_PAGE: usize = 0x78;
const ENTRY: usize = 0x80;
/// Bytes of code and data.
pub const SIZE: usize = 0x88;

/// Its segment.
pub(crate) const SEGMENT: Purgatory = Purgatory { loaded: SIZE as u64, size: ROOM };

/// The code, up to the data.
#[rustfmt::skip]
const CODE: [u8; GDT] = [
    0xfa,                                     // 00  cli: interrupts are off already; that must not change
    0xfc,                                     // 01  cld: as compiled code expects
    0x0f, 0x01, 0x15, 0x57, 0x00, 0x00, 0x00, // 02  lgdt [60h]: the descriptors below
    0xb8, 0x18, 0x00, 0x00, 0x00,             // 09  mov eax,18h: the data segment
    0x8e, 0xd8,                               // 0e  mov ds,eax
    0x8e, 0xc0,                               // 10  mov es,eax
    0x8e, 0xd0,                               // 12  mov ss,eax
    0x8e, 0xe0,                               // 14  mov fs,eax
    0x8e, 0xe8,                               // 16  mov gs,eax
    0x48, 0x8b, 0x25, 0x51, 0x00, 0x00, 0x00, // 18  mov rsp,[70h]: the page's end
    0x48, 0x8b, 0x35, 0x52, 0x00, 0x00, 0x00, // 1f  mov rsi,[78h]: the zero page
    0x6a, 0x10,                               // 26  push 10h: the code segment, for retfq
    0xff, 0x35, 0x52, 0x00, 0x00, 0x00,       // 28  push qword ptr [80h]: the kernel's entry
    0x31, 0xc0,                               // 2e  xor eax,eax: nothing else is handed over
    0x31, 0xdb,                               // 30  xor ebx,ebx
    0x31, 0xed,                               // 32  xor ebp,ebp
    0x31, 0xff,                               // 34  xor edi,edi
    0x48, 0xcb,                               // 36  retfq: only a far return loads cs in 64-bit mode
    0, 0, 0, 0, 0, 0, 0, 0,                   // 38  never reached
];

/// The descriptors: none, none, code (0x10) and data (0x18). They are marked as accessed, so that the CPU does not write
/// to them. Intel SDM volume 3, 3.4.5 and 5.2.1.
#[rustfmt::skip]
const DESCRIPTORS: [u64; 4] = [
    0,
    0,
    0x00af_9b00_0000_ffff, // present, 64-bit code, execute and read, flat
    0x00cf_9300_0000_ffff, // present, data, read and write, flat
];

/// The trampoline for a segment at `at`, which enters a kernel at `entry` with the zero page at `zero_page`: physical
/// addresses. Everything after its bytes is stack, up to the page's end.
pub fn trampoline(at: u64, entry: u64, zero_page: u64) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put = |offset: usize, part: &[u8]| put(&mut bytes, offset, part);
    put(0, &CODE);
    for (descriptor, offset) in DESCRIPTORS.iter().zip((GDT..GDTR).step_by(8)) {
        put(offset, &descriptor.to_le_bytes());
    }
    // The table's last byte, and its address.
    put(GDTR, &0x1f_u16.to_le_bytes());
    put(GDTR + 2, &at.wrapping_add(GDT as u64).to_le_bytes());
    put(STACK, &at.wrapping_add(ROOM).to_le_bytes());
    put(ZERO_PAGE, &zero_page.to_le_bytes());
    put(ENTRY, &entry.to_le_bytes());
    bytes
}

/// Writes `part` at `offset`; what has no room there is left out.
fn put(bytes: &mut [u8], offset: usize, part: &[u8]) {
    let room = bytes.iter_mut().skip(offset);
    room.zip(part).for_each(|(byte, value)| *byte = *value);
}

#[cfg(test)]
mod tests {
    use iced_x86::{Code, Decoder, DecoderOptions, Formatter, Instruction, NasmFormatter, Register};

    use super::*;

    const AT: u64 = 0x1_2345_6000;

    fn decoded() -> Vec<Instruction> {
        let bytes = trampoline(AT, 0xaa, 0xbb);
        let mut decoder = Decoder::with_ip(64, &bytes[..GDT], AT, DecoderOptions::NONE);
        let mut all = Vec::new();
        loop {
            let instruction = decoder.decode();
            all.push(instruction);
            if instruction.code() == Code::Retfq {
                return all;
            }
        }
    }

    #[test]
    fn every_comment_of_the_listing_says_what_a_disassembler_says_at_its_offset() {
        let source = include_str!("trampoline.rs");
        let table = source.split("const CODE").nth(1).unwrap().split("];").next().unwrap();
        let comments = table.lines().filter_map(|line| line.split_once("// ")).map(|(_, comment)| comment);
        let (mut instructions, mut formatter) = (decoded().into_iter(), NasmFormatter::new());
        formatter.options_mut().set_rip_relative_addresses(false);
        for comment in comments.filter(|comment| !comment.ends_with("never reached")) {
            let instruction = instructions.next().unwrap();
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            let text = text.replace("rel 1234560", "").replace("qword [", "qword ptr [");
            let said = comment.split(": ").next().unwrap();
            assert_eq!(said, format!("{:02x}  {text}", instruction.ip() - AT));
        }
        assert!(instructions.next().is_none());
    }

    #[test]
    fn each_value_lies_where_an_instruction_reads_it() {
        let bytes = trampoline(AT, 0x1122_3344_5566_7788, 0x9_9000);
        let read_by = |wanted: &dyn Fn(&Instruction) -> bool| {
            let instruction = decoded().into_iter().find(wanted).unwrap();
            assert!(instruction.is_ip_rel_memory_operand());
            usize::try_from(instruction.ip_rel_memory_address() - AT).unwrap()
        };
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let into = |register| {
            read_by(&move |i: &Instruction| i.code() == Code::Mov_r64_rm64 && i.op0_register() == register)
        };
        assert_eq!(long(into(Register::RSI)), 0x9_9000);
        assert_eq!(long(into(Register::RSP)), AT + 0x1000);
        assert_eq!(long(read_by(&|i| i.code() == Code::Push_rm64)), 0x1122_3344_5566_7788);
        let gdtr = read_by(&|i| i.code() == Code::Lgdt_m1664);
        assert_eq!((bytes[gdtr], bytes[gdtr + 1], long(gdtr + 2)), (0x1f, 0, AT + GDT as u64));
        // Type, present, and the granularity of 4 KiB up to the last page; 64-bit for code.
        assert_eq!(long(GDT + 0x10), 0x00af_9b00_0000_ffff);
        assert_eq!(long(GDT + 0x18), 0x00cf_9300_0000_ffff);
    }

    #[test]
    fn the_stack_holds_what_is_pushed_and_no_data() {
        let pushed: i64 = decoded().iter().map(|i| i64::from(i.stack_pointer_increment())).take(17).sum();
        assert_eq!(pushed, -16);
        const { assert!(SEGMENT.loaded + 0x100 < SEGMENT.size) };
    }
}
