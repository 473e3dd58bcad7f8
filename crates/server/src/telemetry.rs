//! Structured logs: pretty on a terminal, one JSON object a line otherwise.

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    panic,
};

use tracing_subscriber::{Registry, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{Log, LogFormat},
    fault::Fault,
};

/// Starts logging to standard error; standard output belongs to what commands answer.
pub fn init(log: &Log) -> Result<(), Fault> {
    let unreadable =
        |_| Fault::misconfigured("COUNTERSIGN_LOG holds no level such as info or countersign=debug");
    let filter: Targets = log.filter.parse().map_err(unreadable)?;
    let terminal = io::stderr().is_terminal();
    let pretty = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let registry = Registry::default().with(filter);
    let to_stderr = fmt::layer().with_writer(io::stderr);
    let started = if pretty {
        registry.with(to_stderr.with_ansi(terminal)).try_init()
    } else {
        registry.with(to_stderr.json().flatten_event(true).with_current_span(false)).try_init()
    };
    // Tests start many servers in one process; the first one's logs serve them all.
    if started.is_ok() {
        log_panics();
    }
    Ok(())
}

/// A panic is one event like any other, not lines of prose between JSON objects.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
        tracing::error!(place, reason = bounded(text), "panicked");
    }));
}

const LONGEST: usize = 256;

/// A string from outside, fit for a log: at most 256 bytes, on one line, nothing a terminal obeys (SEC-114).
pub fn bounded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(LONGEST));
    let mut escaped = String::new();
    for c in text.chars() {
        escaped.clear();
        // Controls carry line breaks and ANSI; the others reorder or break lines without being controls.
        let obeyed = c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if obeyed {
            let _ = write!(escaped, "{}", c.escape_default());
        } else {
            escaped.push(c);
        }
        if safe.len() + escaped.len() > LONGEST - '…'.len_utf8() {
            safe.push('…');
            return safe;
        }
        safe.push_str(&escaped);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_stays_on_one_line() {
        assert_eq!(bounded("curl/8\r\n{\"level\":\"ERROR\"}"), "curl/8\\r\\n{\"level\":\"ERROR\"}");
        assert_eq!(bounded("\u{1b}[31mred\u{202e}"), "\\u{1b}[31mred\\u{202e}");
        assert_eq!(bounded("Zoë 😀"), "Zoë 😀");
    }

    #[test]
    fn what_clients_send_is_cut_at_a_character() {
        for text in ["a".repeat(10_000), "é".repeat(10_000), "😀".repeat(10_000), "\n".repeat(10_000)] {
            let cut = bounded(&text);
            assert!(cut.len() <= LONGEST && cut.len() > LONGEST - 12 && cut.ends_with('…'), "{}", cut.len());
        }
        assert_eq!(bounded(&"a".repeat(253)).len(), 253);
    }
}
