# From the loader to Rust.
#
# A PVH loader enters in 32-bit protected mode with flat segments, paging off, and the physical address of the
# start info in EBX (Xen, docs/misc/pvh.pandoc). Rust runs in 64-bit mode, so: check the processor, map
# memory, switch, call.

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                      # length of the name, of the value, and XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    mov esp, offset boot_stack_top
    mov ebp, ebx                        # CPUID overwrites EBX

    # Long mode (bit 29) and pages of 1 GiB (bit 26) are optional.
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb unfit_processor
    mov eax, 0x80000001
    cpuid
    and edx, 0x24000000
    cmp edx, 0x24000000
    jne unfit_processor

    # Identity-map 512 GiB with one entry of the top table and the 512 entries of the next. Both tables are in
    # .bss, so they are all zeros.
    xor ecx, ecx
.Lmap_gib:
    mov eax, ecx
    shl eax, 30
    or eax, 0x83                        # present, writable, a page and not a table
    mov dword ptr [boot_pdpt + ecx * 8], eax
    mov eax, ecx
    shr eax, 2
    mov dword ptr [boot_pdpt + ecx * 8 + 4], eax
    inc ecx
    cmp ecx, 512
    jb .Lmap_gib
    mov dword ptr [boot_pml4], offset boot_pdpt + 3

    mov eax, offset boot_pml4
    mov cr3, eax
    mov eax, cr4
    or eax, 0x620                       # PAE; OSFXSR and OSXMMEXCPT, because rustc uses SSE on this target
    mov cr4, eax
    mov ecx, 0xc0000080                 # EFER
    rdmsr
    or eax, 0x100                       # LME
    wrmsr
    mov eax, cr0
    and eax, 0xfffffffb                 # not EM: SSE instructions do not fault
    or eax, 0x80000002                  # PG, MP
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    push 8
    mov eax, offset long_mode
    push eax
    retf

# Prints on the serial port what is missing, and exits QEMU with the failure status.
unfit_processor:
    mov esi, offset unfit_message
.Lnext_byte:
    lodsb
    test al, al
    jz .Lleave
    mov ah, al
    mov dx, {serial_status}
.Lwait:
    in al, dx
    test al, 0x20                       # transmitter empty
    jz .Lwait
    mov al, ah
    mov dx, {serial_data}
    out dx, al
    jmp .Lnext_byte
.Lleave:
    mov dx, {debug_exit}
    mov eax, {failure}
    out dx, eax
.Lunfit_halt:
    hlt
    jmp .Lunfit_halt

    .code64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov rsp, offset boot_stack_top      # 16-byte aligned before a call, as the ABI requires
    mov edi, ebp
    xor ebp, ebp                        # the outermost frame
    call {kernel_entry}
    ud2

    .section .rodata.entry, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00209b0000000000            # code, 64 bits, already accessed
boot_gdt_pointer:
    .word 15
    .long boot_gdt
unfit_message:
    .asciz "entry: this processor lacks 64-bit mode or pages of 1 GiB; try qemu-system-x86_64 -cpu max\n"

    .section .bss.entry, "aw", @nobits
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
    .skip {stack_size}
boot_stack_top:

    .text
