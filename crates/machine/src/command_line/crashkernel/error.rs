//! Why nothing is reserved for a crash kernel.

/// Why nothing is reserved for a crash kernel. The quoted texts are the kernel's own, with its own slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrashkernelError {
    /// There is neither a plain `crashkernel=` nor one with `,high`. The kernel says nothing.
    #[error("no crashkernel= is given")]
    NotGiven,
    /// No range holds the memory there is, or the range's size is 0.
    #[error("crashkernel size resulted in zero bytes")]
    Zero,
    /// The size without ranges is 0. The kernel says nothing.
    #[error("crashkernel= asks for 0 bytes")]
    ZeroSize,
    /// The size is that of all memory or more. The kernel says nothing.
    #[error("crashkernel= asks for {size} bytes, and the machine has {total}")]
    TooLarge {
        /// Bytes asked for.
        size: u64,
        /// Bytes of memory.
        total: u64,
    },
    /// A size is missing.
    #[error("crashkernel: memory value expected")]
    MemoryValue,
    /// A number of a range is missing.
    #[error("crashkernel: Memory value expected")]
    RangeValue,
    /// The `-` of a range is missing.
    #[error("crashkernel: '-' expected")]
    Dash,
    /// A range ends before it starts.
    #[error("crashkernel: end <= start")]
    EndBeforeStart,
    /// The `:` of a range is missing.
    #[error("crashkernel: ':' expected")]
    Colon,
    /// The size of a range is that of all memory, rounded up to 128 MiB, or more.
    #[error("crashkernel: invalid size")]
    InvalidSize,
    /// Ranges are followed by `@` without an address.
    #[error("crahskernel: Memory value expected after '@'")]
    Base,
    /// Something stands behind a size that does not belong there.
    #[error("crashkernel: unrecognized char: {0}")]
    Unrecognized(char),
}

impl CrashkernelError {
    /// Whether the kernel prints it.
    pub const fn is_printed(&self) -> bool {
        !matches!(self, Self::NotGiven | Self::ZeroSize | Self::TooLarge { .. })
    }
}
