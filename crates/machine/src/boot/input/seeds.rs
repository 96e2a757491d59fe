//! Prediction input that comes from the very boot being predicted.

/// A fact that neither the firmware map nor the command line determines, read from the results of the boot: a
/// comparison with that boot does not prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The fact.
    pub what: String,
    /// Where it was read, and why there.
    pub why: String,
}
