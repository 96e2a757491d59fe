//! Lines of the log: words with names, as logfmt has them.

use std::fmt::Write;

use act::watch::{Said, Told};

use crate::output::lines::printable;

/// One line, without its end: `said=loads image=kdump reason="dump-header-stale: ..."`.
pub(super) fn line(told: &Told<'_>) -> String {
    let mut line = format!("said={}", told.said.as_str());
    if let Some(image) = told.image {
        // Writing to a string does not fail.
        let _ = write!(line, " image={image}");
    }
    let reason = printable(told.reason).replace('\\', "\\\\").replace('"', "\\\"");
    let _ = write!(line, " reason=\"{reason}\"");
    line
}

/// The level for journald, as sd-daemon(3) has it; only where the output goes there.
pub(super) const fn level(said: Said) -> &'static str {
    match said {
        Said::Failed | Said::LoadedInVain => "<3>",
        Said::Stale | Said::Overflow | Said::CannotTell => "<4>",
        Said::Loads | Said::Loaded => "<5>",
        Said::Good => "<6>",
    }
}

#[cfg(test)]
mod tests {
    use act::watch::Image;

    use super::*;

    #[test]
    fn a_reason_with_quotes_stays_one_word() {
        let told =
            Told { said: Said::Failed, image: Some(Image::Kdump), reason: "`kdumpctl \"x\"` ended\nbadly" };
        let line = line(&told);
        assert!(line.starts_with("said=failed image=kdump reason=\"`kdumpctl \\\"x\\\"` ended"), "{line}");
        assert!(!line.contains('\n'));
    }
}
