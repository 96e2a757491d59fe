//! A kernel's build configuration.

use std::collections::BTreeMap;

/// The options in a kernel's build configuration: `/proc/config.gz` or `/boot/config-RELEASE`.
///
/// Unset options have no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    /// Reads `CONFIG_NAME=VALUE` lines; all other lines are comments. O(bytes).
    ///
    /// ```
    /// use evidence::Configuration;
    ///
    /// let config = Configuration::parse("CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=10\n# CONFIG_CMA is not set\n");
    /// assert!(config.has("NUMA") && !config.has("CMA"));
    /// assert_eq!(config.number("NODES_SHIFT"), Some(10));
    /// ```
    pub fn parse(text: &str) -> Self {
        let mut options = BTreeMap::new();
        for line in text.lines() {
            if let Some((name, value)) = line.trim().strip_prefix("CONFIG_").and_then(|o| o.split_once('=')) {
                options.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Self(options)
    }

    /// The value of an option. The name has no `CONFIG_` prefix.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether an option is built in (`y`).
    pub fn has(&self, name: &str) -> bool {
        self.value(name) == Some("y")
    }

    /// The value of an option, if it is a decimal number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.parse().ok()
    }
}
