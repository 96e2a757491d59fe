//! Why nothing is reserved for a crash kernel.

/// Why nothing is reserved for a crash kernel. The quoted texts are the kernel's own, including its typo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrashkernelError {
    /// There is no `crashkernel=`, plain or `,high`. The kernel prints nothing.
    #[error("no crashkernel= is given")]
    NotGiven,
    /// No range contains the machine's memory size, or the range's size is 0.
    #[error("crashkernel size resulted in zero bytes")]
    Zero,
    /// A size without ranges is 0. The kernel prints nothing.
    #[error("crashkernel= asks for 0 bytes")]
    ZeroSize,
    /// The size is at least that of all memory. The kernel prints nothing.
    #[error("crashkernel= asks for {size} bytes, and the machine has {total}")]
    TooLarge {
        /// Bytes requested.
        size: u64,
        /// Bytes of memory.
        total: u64,
    },
    /// A size is missing.
    #[error("crashkernel: memory value expected")]
    MemoryValue,
    /// A number in a range is missing.
    #[error("crashkernel: Memory value expected")]
    RangeValue,
    /// The `-` in a range is missing.
    #[error("crashkernel: '-' expected")]
    Dash,
    /// A range ends before it starts.
    #[error("crashkernel: end <= start")]
    EndBeforeStart,
    /// The `:` after a range is missing.
    #[error("crashkernel: ':' expected")]
    Colon,
    /// The size of a range is at least that of all memory, rounded up to 128 MiB.
    #[error("crashkernel: invalid size")]
    InvalidSize,
    /// Ranges are followed by `@` without an address.
    #[error("crahskernel: Memory value expected after '@'")]
    Base,
    /// A size is followed by something unexpected.
    #[error("crashkernel: unrecognized char: {0}")]
    Unrecognized(char),
}

impl CrashkernelError {
    /// Whether the kernel prints a message.
    pub const fn is_printed(&self) -> bool {
        !matches!(self, Self::NotGiven | Self::ZeroSize | Self::TooLarge { .. })
    }
}
