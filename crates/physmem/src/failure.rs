//! Why a command failed, and with which exit code.

use std::io;
use std::path::PathBuf;

/// Anything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Read(#[from] host::ReadError),
    #[error(transparent)]
    Capture(#[from] host::CaptureError),
    #[error("{origin}: {source}")]
    Machine { origin: String, source: machine::MachineError },
    #[error(transparent)]
    Firmware(#[from] host::FirmwareFileError),
    #[error("{origin}: {source}")]
    BootInput { origin: String, source: machine::boot::InputError },
    #[error("{origin}: {source}")]
    Boot { origin: String, source: machine::boot::BootError },
    #[error("--remove {parameter}: the command line has no such parameter; it is: {line}")]
    NotRemoved { parameter: String, line: String },
    #[error("nothing is to be different: give --append, --remove, --cmdline, --kernel-release or --rules")]
    NothingAsked,
    #[error("{origin} shows nothing of what came of its boot: there is nothing to compare")]
    NothingToVerify { origin: String },
    #[error("unknown column {column:?}; known are: {known}")]
    Column { column: String, known: String },
    #[error("{target} is not on this machine: {known}")]
    NoTarget { target: String, known: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    #[error("cannot print: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    /// 1 for a failure, 2 for a wrong use.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Column { .. } | Self::NothingAsked => 2,
            _ => 1,
        }
    }

    /// What the user can do.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Machine { source: machine::MachineError::Nothing { .. }, .. } => {
                Some("run as root, or give --from a capture that root made (physmem capture -o FILE)")
            }
            Self::BootInput { source: machine::boot::InputError::NoMap(_), .. } => Some(
                "run as root, or give --from a capture that root made, or --firmware a file with the map",
            ),
            Self::NothingToVerify { .. } => {
                Some("capture the machine as root soon after it booted; memblock=debug shows most")
            }
            _ => None,
        }
    }
}
