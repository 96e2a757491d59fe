//! A kernel's build configuration.

use std::collections::{BTreeMap, BTreeSet};

/// The options in a kernel's build configuration: `/proc/config.gz` or `/boot/config-RELEASE`.
///
/// Unset options have no value; those that the file calls `not set` are remembered as such, because an excerpt may leave
/// others out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    values: BTreeMap<String, String>,
    unset: BTreeSet<String>,
}

/// No kernel's whole configuration has fewer values.
const WHOLE: usize = 500;

impl Configuration {
    /// Reads `CONFIG_NAME=VALUE` and `# CONFIG_NAME is not set`; all other lines are comments. O(bytes).
    ///
    /// ```
    /// use evidence::Configuration;
    ///
    /// let config = Configuration::parse("CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=10\n# CONFIG_CMA is not set\n");
    /// assert!(config.has("NUMA") && !config.has("CMA"));
    /// assert_eq!(config.number("NODES_SHIFT"), Some(10));
    /// assert!(config.is_off("CMA") && !config.is_off("KEXEC"));
    /// ```
    pub fn parse(text: &str) -> Self {
        let (mut values, mut unset) = (BTreeMap::new(), BTreeSet::new());
        for line in text.lines() {
            let line = line.trim();
            if let Some((name, value)) = line.strip_prefix("CONFIG_").and_then(|o| o.split_once('=')) {
                values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
            let comment = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
            unset.extend(comment.map(str::to_owned));
        }
        Self { values, unset }
    }

    /// The value of an option. The name has no `CONFIG_` prefix.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether an option is built in (`y`).
    pub fn has(&self, name: &str) -> bool {
        self.value(name) == Some("y")
    }

    /// Whether an option is known to be off: it is `n` or called `not set`, or absent from a whole configuration.
    pub fn is_off(&self, name: &str) -> bool {
        match self.value(name) {
            Some(value) => value == "n",
            None => self.unset.contains(name) || self.values.len() >= WHOLE,
        }
    }

    /// The value of an option, if it is a decimal number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.parse().ok()
    }
}
