//! The code between the two kernels on arm64, when physmem loads by kexec_load.
//!
//! kexec enters it with the MMU off and interrupts masked, and with no device tree in x0, for kexec_load names none
//! (arch/arm64/kernel/relocate_kernel.S and cpu-reset.S, 6.12). A kernel wants the physical address of its device tree
//! in x0 and 0 in x1 to x3, and all else as kexec leaves it (Documentation/arch/arm64/booting.rst, "Call the kernel
//! image"). The trampoline uses no stack and writes to no memory. It checks no digest.
//!
//! Without an MMU, all memory is accessed as that of a device, so what it reads has to be aligned. It reads in the byte
//! order of the running kernel, which is that of physmem: little endian.

use super::put;
use crate::request::Purgatory;

// The data behind the code: offsets in bytes.
const DEVICE_TREE: usize = 0x18;
const ENTRY: usize = 0x20;
/// Bytes of code and data.
pub const SIZE: usize = 0x28;

/// Its segment, which is made as large as a page.
pub(crate) const SEGMENT: Purgatory = Purgatory { loaded: SIZE as u64, size: SIZE as u64 };

/// The code, up to the data. Instructions are little endian.
#[rustfmt::skip]
const CODE: [u8; DEVICE_TREE] = [
    0xc0, 0x00, 0x00, 0x58, // 00  ldr x0, $+0x18: the device tree
    0xe1, 0x03, 0x1f, 0xaa, // 04  mov x1, xzr: nothing else is handed over
    0xe2, 0x03, 0x1f, 0xaa, // 08  mov x2, xzr
    0xe3, 0x03, 0x1f, 0xaa, // 0c  mov x3, xzr
    0x84, 0x00, 0x00, 0x58, // 10  ldr x4, $+0x10: the kernel's first instruction
    0x80, 0x00, 0x1f, 0xd6, // 14  br x4
];

/// The trampoline, which enters a kernel at `entry` with its device tree at `device_tree`: physical addresses. It may
/// lie at any multiple of 8.
pub fn trampoline(entry: u64, device_tree: u64) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    put(&mut bytes, 0, &CODE);
    put(&mut bytes, DEVICE_TREE, &device_tree.to_le_bytes());
    put(&mut bytes, ENTRY, &entry.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use yaxpeax_arch::{Arch, Decoder, U8Reader};
    use yaxpeax_arm::armv8::a64::{ARMv8, Instruction, Opcode, Operand};

    use super::*;

    fn decoded() -> Vec<(usize, Instruction)> {
        let bytes = trampoline(0xaa, 0xbb);
        let decoder = <ARMv8 as Arch>::Decoder::default();
        let mut reader = U8Reader::new(&bytes[..DEVICE_TREE]);
        (0..DEVICE_TREE).step_by(4).map(|at| (at, decoder.decode(&mut reader).unwrap())).collect()
    }

    #[test]
    fn every_comment_of_the_listing_says_what_a_disassembler_says_at_its_offset() {
        let source = include_str!("arm64.rs");
        let table = source.split("const CODE").nth(1).unwrap().split("];").next().unwrap();
        let comments = table.lines().filter_map(|line| line.split_once("// ")).map(|(_, comment)| comment);
        let said: Vec<&str> = comments.map(|comment| comment.split(": ").next().unwrap()).collect();
        let decoded: Vec<String> =
            decoded().iter().map(|(at, instruction)| format!("{at:02x}  {instruction}")).collect();
        assert_eq!(said, decoded);
    }

    #[test]
    fn each_value_is_aligned_and_lies_where_an_instruction_reads_it() {
        let bytes = trampoline(0x1122_3344_5566_7788, 0x9_9000);
        let reads: Vec<u64> = decoded()
            .iter()
            .filter(|(_, instruction)| instruction.opcode == Opcode::LDR)
            .map(|(at, instruction)| {
                let Operand::PCOffset(offset) = instruction.operands[1] else { panic!("{instruction}") };
                let at = at + usize::try_from(offset).unwrap();
                assert!(at.is_multiple_of(8));
                u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
            })
            .collect();
        assert_eq!(reads, [0x9_9000, 0x1122_3344_5566_7788]);
    }
}
