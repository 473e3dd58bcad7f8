//! Charts as SVG, drawn here: no script, no style of their own, and the figures in words beside them.

use std::fmt::Write;

use countersign_core::time::Timestamp;

use crate::{http::look::Look, operations::administration::Counted};

const WIDTH: i64 = 640;
const DAY_MICROS: i64 = 86_400_000_000;

/// A bar a line: everybody with any factor, then each method.
pub(super) fn coverage(look: &Look, (people, guarded): (i64, i64), methods: &[(String, i64)]) -> String {
    let rows: Vec<(String, i64)> =
        [(look.t("admin-any"), guarded)].into_iter().chain(methods.iter().cloned()).collect();
    let (row, label) = (32, 190);
    let height = rows.len() as i64 * row;
    let mut svg = open(&look.t("admin-coverage-chart"), height);
    for (at, (name, count)) in rows.iter().enumerate() {
        let y = at as i64 * row;
        let length = (WIDTH - label - 60) * count / people.max(1);
        let _ = write!(
            svg,
            r#"<text x="0" y="{}">{name}</text><rect class="bar" x="{label}" y="{}" width="{length}" height="18" rx="3"/><text x="{}" y="{}">{count}</text>"#,
            y + 19,
            y + 5,
            label + length + 8,
            y + 19,
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Two bars a day: what passed, and what was refused.
pub(super) fn days(look: &Look, counted: &[Counted], today: Timestamp, days: u32) -> String {
    let last = today.as_micros() / DAY_MICROS;
    let first = last - i64::from(days) + 1;
    let on = |day: i64, refused: bool| -> i64 {
        let fits = |one: &&Counted| one.day == day && (one.kind == "code.refused") == refused;
        counted.iter().filter(fits).map(|one| one.count).sum()
    };
    let most = (first..=last).flat_map(|day| [on(day, false), on(day, true)]).max().unwrap_or(0).max(1);
    let (height, base) = (180, 150);
    let step = WIDTH / i64::from(days.max(1));
    let mut svg = open(&look.t("admin-days-chart"), height);
    let _ =
        write!(svg, r#"<line x1="0" y1="{base}" x2="{WIDTH}" y2="{base}"/><text x="0" y="12">{most}</text>"#);
    for (at, day) in (first..=last).enumerate() {
        let x = at as i64 * step;
        for (class, offset, count) in [("bar", 6, on(day, false)), ("bad", 22, on(day, true))] {
            let tall = (base - 20) * count / most;
            let _ = write!(
                svg,
                r#"<rect class="{class}" x="{}" y="{}" width="14" height="{tall}"><title>{count}</title></rect>"#,
                x + offset,
                base - tall,
            );
        }
        let date = Timestamp::from_micros(day * DAY_MICROS).to_iso();
        let _ = write!(svg, r#"<text x="{}" y="{}">{}</text>"#, x + 6, base + 18, &date[8..10]);
    }
    svg.push_str("</svg>");
    svg
}

fn open(title: &str, height: i64) -> String {
    format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        let svg = coverage(&Look::default(), (10, 5), &[("Passkey".to_owned(), 10)]);
        assert!(svg.contains(r#"width="195""#) && svg.contains(r#"width="390""#), "{svg}");
        // Nobody is there yet.
        assert!(coverage(&Look::default(), (0, 0), &[]).contains(r#"width="0""#));
    }

    #[test]
    fn days_without_anything_are_days() {
        let today = Timestamp::from_seconds(1_800_000_000);
        let day = today.as_micros() / DAY_MICROS;
        let counted = [
            Counted { day, kind: "challenge.passed".to_owned(), count: 4 },
            Counted { day, kind: "service_challenge.passed".to_owned(), count: 4 },
            Counted { day, kind: "code.refused".to_owned(), count: 2 },
        ];
        let svg = days(&Look::default(), &counted, today, 14);
        assert_eq!(svg.matches("<rect").count(), 28);
        assert!(svg.contains("<title>8</title>") && svg.contains("<title>2</title>"));
    }
}
