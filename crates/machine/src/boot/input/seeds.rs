//! What a prediction was given although it came of the very boot it predicts.

/// A fact that no firmware map and no command line decides, read from what the boot left behind: a comparison
/// with that boot does not prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What it is.
    pub what: String,
    /// Where it was read, and why there.
    pub why: String,
}
