//! Color, only on a terminal.

use std::io::{self, IsTerminal};

/// How to mark text for a terminal, or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

/// The colors, named by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ink {
    Heading,
    Yes,
    No,
    Faint,
}

impl Style {
    /// Color if standard output is a terminal and `NO_COLOR` is not set (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { on: io::stdout().is_terminal() && !refused && !dumb }
    }

    /// No color at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { on: false }
    }

    /// Whether color is used.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// The text in that ink.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Heading => "1",
            Ink::Yes => "32",
            Ink::No => "31",
            Ink::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_color_text_is_left_alone() {
        assert_eq!(Style { on: false }.paint(Ink::Yes, "yes"), "yes");
        assert_eq!(Style { on: true }.paint(Ink::Yes, "yes"), "\x1b[32myes\x1b[0m");
    }
}
