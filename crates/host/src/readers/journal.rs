//! Kernel logs in forms for programs: `journalctl -o export`, `verbose` and `json`, and `dmesg -J`.
//!
//! Each becomes lines as `dmesg` prints them, of the kernel's messages in the last boot that the journal covers.
//! Described in systemd's "Journal Export Formats" and "Journal JSON Format".

use std::fmt::Write;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    message: Option<String>,
    boot: Option<String>,
    transport: Option<String>,
    /// Microseconds since the start of the boot.
    microseconds: Option<u64>,
}

/// A log as lines, whatever form it is in.
pub(crate) fn plain(text: String) -> String {
    let entries = if text.trim_start_matches(['\u{1e}', ' ', '\n']).starts_with(['{', 'd']) {
        of_json(&text)
    } else if is_export(&text) {
        of_export(&text)
    } else {
        Vec::new()
    };
    if entries.is_empty() { text } else { lines(&entries) }
}

/// Whether a text begins like a journal's export, or like its verbose form:
/// `Sun 2026-11-22 23:49:18.123456 UTC [s=...;i=...;b=...]`.
pub(crate) fn is_export(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty() || line.starts_with("-- "));
    let first = lines.next().unwrap_or_default();
    first.starts_with("__CURSOR=") || first.split_once(" [s=").is_some_and(|(_, rest)| rest.contains(";b="))
}

/// Whether JSON is a log: entries of a journal, or the one object of `dmesg -J`. Only its first object is read.
pub(crate) fn is_json_log(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Known {
        schema: Option<IgnoredAny>,
        #[serde(rename = "MESSAGE")]
        message: Option<IgnoredAny>,
        #[serde(rename = "__CURSOR")]
        cursor: Option<IgnoredAny>,
        dmesg: Option<IgnoredAny>,
    }
    let first = serde_json::Deserializer::from_slice(bytes).into_iter::<Known>().next();
    first.and_then(Result::ok).is_some_and(|known| {
        known.schema.is_none() && (known.message.is_some() || known.cursor.is_some() || known.dmesg.is_some())
    })
}

/// Entries of `FIELD=VALUE` lines, with an empty line after each, or a heading before it.
fn of_export(text: &str) -> Vec<Entry> {
    let mut entries = vec![Entry::default()];
    let mut is_binary = false;
    for line in text.lines() {
        let field = line.trim_start();
        let is_heading = field.contains(" [s=") && line.len() == field.len();
        if field.is_empty() || is_heading {
            entries.push(Entry::default());
            continue;
        }
        let Some(entry) = entries.last_mut() else { continue };
        if std::mem::take(&mut is_binary) {
            // A value that is not plain text: its length comes first, in eight bytes.
            entry.message = Some(field.chars().skip(8).collect());
            continue;
        }
        is_binary = line == "MESSAGE";
        let Some((name, value)) = field.split_once('=') else { continue };
        match name {
            "MESSAGE" => entry.message = Some(value.to_owned()),
            "_BOOT_ID" => entry.boot = Some(value.to_owned()),
            "_TRANSPORT" => entry.transport = Some(value.to_owned()),
            "_SOURCE_MONOTONIC_TIMESTAMP" => entry.microseconds = value.parse().ok(),
            _ => {}
        }
    }
    entries
}

/// Objects one after the other, with or without line ends inside; `json-seq` and `json-sse` mark where each begins.
fn of_json(text: &str) -> Vec<Entry> {
    let marked = text.contains('\u{1e}') || text.starts_with("data: ");
    let unmarked: String;
    let text = if marked {
        let unmark = |line: &str| line.trim_start_matches('\u{1e}').trim_start_matches("data: ").to_owned();
        unmarked = text.lines().map(unmark).collect::<Vec<_>>().join("\n");
        &unmarked
    } else {
        text
    };
    let mut entries = Vec::new();
    // A copy may be cut: what stands before that is used.
    for object in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
        match object.get("dmesg").and_then(Value::as_array) {
            Some(messages) => entries.extend(messages.iter().map(of_dmesg)),
            None => entries.push(of_object(&object)),
        }
    }
    entries
}

/// `{"pri": 6, "time": 0.000000, "msg": "..."}`
fn of_dmesg(message: &Value) -> Entry {
    let microseconds = message.get("time").map(ToString::to_string).and_then(|time| {
        let (seconds, fraction) = time.split_once('.').unwrap_or((&time, "0"));
        let fraction: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
    });
    let message = message.get("msg").and_then(Value::as_str).map(str::to_owned);
    Entry { message, microseconds, ..Entry::default() }
}

fn of_object(object: &Value) -> Entry {
    let text = |name| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = match object.get("MESSAGE") {
        Some(Value::String(message)) => Some(message.clone()),
        // Bytes that are not UTF-8.
        Some(Value::Array(bytes)) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Vec<u8> = bytes.iter().filter_map(byte).collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    };
    Entry {
        message,
        boot: text("_BOOT_ID"),
        transport: text("_TRANSPORT"),
        microseconds: text("_SOURCE_MONOTONIC_TIMESTAMP").and_then(|time| time.parse().ok()),
    }
}

/// The kernel's messages of the last boot, as `dmesg` prints them.
fn lines(entries: &[Entry]) -> String {
    let boot = entries.iter().rev().find_map(|entry| entry.boot.as_ref());
    let mut text = String::new();
    for entry in entries {
        let is_kernels = entry.transport.as_ref().is_none_or(|transport| transport == "kernel");
        let is_last = entry.boot.is_none() || entry.boot.as_ref() == boot;
        let Some(message) = entry.message.as_ref().filter(|_| is_kernels && is_last) else { continue };
        for line in message.lines() {
            if let Some(time) = entry.microseconds {
                let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
                // Writing to a string cannot fail.
                let _ = write!(text, "[{seconds:5}.{fraction:06}] ");
            }
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str =
        "[    0.000000] Linux version 6.1.0 (x)\n[   12.000034] BIOS-e820: [mem 0x0-0x9fbff] usable\n";

    #[test]
    fn every_form_for_programs_becomes_the_lines_of_dmesg() {
        let other_boot = r#"{"MESSAGE":"Linux version 5.4","_BOOT_ID":"a","_TRANSPORT":"kernel"}"#;
        let first = r#"{"_BOOT_ID":"b","_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"0","MESSAGE":"Linux version 6.1.0 (x)"}"#;
        let other = r#"{"MESSAGE":"started","_BOOT_ID":"b","_TRANSPORT":"journal"}"#;
        let message = "BIOS-e820: [mem 0x0-0x9fbff] usable";
        let bytes = message.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
        let last = format!(
            r#"{{"MESSAGE":[{bytes}],"_BOOT_ID":"b","_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"12000034"}}"#
        );
        let json = [other_boot, first, other, &last].join("\n");
        let export = format!(
            "__CURSOR=s\n_BOOT_ID=a\n_TRANSPORT=kernel\nMESSAGE=Linux version 5.4\n\n\
             __CURSOR=s\n_BOOT_ID=b\n_TRANSPORT=kernel\n_SOURCE_MONOTONIC_TIMESTAMP=0\nMESSAGE=Linux version 6.1.0 (x)\n\n\
             __CURSOR=s\n_BOOT_ID=b\n_TRANSPORT=journal\nMESSAGE=started\n\n\
             _SOURCE_MONOTONIC_TIMESTAMP=12000034\n_BOOT_ID=b\n_TRANSPORT=kernel\nMESSAGE\n#\0\0\0\0\0\0\0{message}\n\n"
        );
        let heading = "Sun 2026-11-22 23:49:18.123456 UTC [s=1;i=2;b=3;m=4;t=5;x=6]";
        let verbose = format!(
            "{heading}\n    _TRANSPORT=kernel\n    _SOURCE_MONOTONIC_TIMESTAMP=0\n    MESSAGE=Linux version 6.1.0 (x)\n\
             {heading}\n    _TRANSPORT=kernel\n    MESSAGE={message}\n    _SOURCE_MONOTONIC_TIMESTAMP=12000034\n"
        );
        let dmesg = format!(
            "{{\n   \"dmesg\": [\n      {{\"pri\":5,\"time\":    0.000000,\"msg\":\"Linux version 6.1.0 (x)\"}},\n\
             {{\"pri\":6,\"time\":   12.000034,\"msg\":\"{message}\"}}\n   ]\n}}\n"
        );
        for text in [
            PLAIN.to_owned(),
            json.clone(),
            json.replace(',', ",\n\t").replace("},\n", "}\n"),
            json.lines().map(|line| ["data: ", line, "\n\n"].concat()).collect(),
            json.lines().map(|line| ["\u{1e}", line, "\n"].concat()).collect(),
            // Cut in the middle of the next entry.
            format!("{json}\n{{\"MESS"),
            export,
            verbose,
            dmesg,
        ] {
            assert_eq!(plain(text.clone()), PLAIN, "{text}");
        }
    }

    #[test]
    fn a_log_in_json_is_told_from_a_snapshot() {
        assert!(is_json_log(b"{\"__CURSOR\":\"s\",\"MESSAGE\":null}\n{"));
        assert!(is_json_log(b"{\"dmesg\": []}"));
        assert!(!is_json_log(b"{\"schema\": 1, \"iomem\": \"missing\"}"));
        assert!(!is_json_log(b"{\"scheme\": 1}"));
        assert!(!is_json_log(b"{"));
    }
}
