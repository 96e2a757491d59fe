//! How a command ends when it succeeds.

use std::process::ExitCode;

use audit::Finding;

/// The outcome of a command that did its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Good,
    /// It reports findings, or differences from a prediction or a dump header.
    Findings,
    /// It did part of it, and reported the rest as failed.
    Partly,
    /// It changed some memory blocks, and others not. As chmem of util-linux ends.
    SomeBlocks,
    /// It changed no memory block, and should have.
    NoBlock,
    /// Nothing is found, but files or privileges were missing that the kernel offers.
    Open,
}

impl Done {
    /// The outcome of a command with these findings.
    pub(crate) fn of(findings: &[Finding]) -> Self {
        if findings.is_empty() { Self::Good } else { Self::Findings }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Good => ExitCode::SUCCESS,
            Self::Findings => ExitCode::from(3),
            Self::Partly | Self::NoBlock => ExitCode::FAILURE,
            Self::SomeBlocks => ExitCode::from(64),
            Self::Open => ExitCode::from(4),
        }
    }
}
