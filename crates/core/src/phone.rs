//! Phone numbers, and what may be spent on texting them (SEC-032).
//!
//! Text messages cost money, and fraudsters earn by making servers send them to numbers they share in. So numbers
//! are of listed countries, never of the ranges that are charged dearly, few go to one range of numbers in an
//! hour, and few altogether in a day.

use std::time::Duration;

use crate::time::{DAY, HOUR};

/// Numbers that differ only here are one range: they are sold together.
const RANGE_DIGITS: usize = 4;
/// Ranges that are charged dearly whatever the country, and networks that are in none (ITU-T E.164 list of
/// assigned codes; national plans of the large markets).
const DEAR: [&str; 16] = [
    "+870", "+878", "+881", "+882", "+883", "+888", "+979", "+1900", "+1976", "+449", "+49900", "+49137",
    "+3389", "+39899", "+34803", "+43900",
];

/// A number as it is stored and dialled: `+4915112345678` (ITU-T E.164). Spaces and the usual marks are
/// forgiven, and `00` for `+`; a number without its country is none.
pub fn normalise(typed: &str) -> Option<String> {
    let kept: String =
        typed.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let digits = kept.strip_prefix('+').or_else(|| kept.strip_prefix("00"))?;
    let sound = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    sound.then(|| format!("+{digits}"))
}

/// Enough for its owner to know it by: the country's first digits and the last two.
pub fn masked(number: &str) -> String {
    let (head, tail) = (number.get(..3).unwrap_or_default(), number.get(number.len().saturating_sub(2)..));
    format!("{head} ••• {}", tail.unwrap_or_default())
}

/// The range that a number belongs to, for counting.
pub fn range(number: &str) -> &str {
    &number[..number.len().saturating_sub(RANGE_DIGITS)]
}

/// What an operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Calling codes, such as `49` and `1`. None listed is none allowed.
    pub countries: Vec<String>,
    /// Messages to one range within an hour, and altogether within a day.
    pub per_range: u32,
    pub per_day: u32,
}

impl Default for Spending {
    fn default() -> Self {
        Self { countries: Vec::new(), per_range: 10, per_day: 500 }
    }
}

/// How far back each limit looks.
pub const RANGE_WINDOW: Duration = HOUR;
pub const BUDGET_WINDOW: Duration = DAY;

/// What was sent so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub in_range: u32,
    pub today: u32,
}

/// Why no message goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// Never to this number.
    Number,
    /// Not now: somebody sends too many. Another method has to do.
    Limit,
}

impl Spending {
    /// Whether this number may ever be texted.
    pub fn allows(&self, number: &str) -> Result<(), Unsendable> {
        let listed = self
            .countries
            .iter()
            .any(|code| number.strip_prefix('+').is_some_and(|digits| digits.starts_with(code.as_str())));
        let dear = DEAR.iter().any(|range| number.starts_with(range));
        if listed && !dear { Ok(()) } else { Err(Unsendable::Number) }
    }

    pub fn may_text(&self, number: &str, spent: Spent) -> Result<(), Unsendable> {
        self.allows(number)?;
        let within = spent.in_range < self.per_range && spent.today < self.per_day;
        if within { Ok(()) } else { Err(Unsendable::Limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for (typed, number) in [
            ("+49 151 1234-5678", Some("+4915112345678")),
            ("0049 (151) 12345678", Some("+4915112345678")),
            (" +1.415.555.2671 ", Some("+14155552671")),
            ("0151 12345678", None),
            ("+0151 12345678", None),
            ("+49", None),
            ("+491511234567890123", None),
            ("+49151x2345678", None),
            ("+４９15112345678", None),
            ("", None),
        ] {
            assert_eq!(normalise(typed).as_deref(), number, "{typed}");
        }
    }

    #[test]
    fn only_listed_countries_and_no_dear_ranges() {
        let spending = Spending { countries: vec!["49".to_owned(), "1".to_owned()], ..Spending::default() };
        assert_eq!(spending.allows("+4915112345678"), Ok(()));
        for number in ["+8821234567", "+490", "+49900123456", "+19005551234", "+33612345678", "+79161234567"]
        {
            let expected = if number == "+490" { Ok(()) } else { Err(Unsendable::Number) };
            assert_eq!(spending.allows(number), expected, "{number}");
        }
        assert_eq!(Spending::default().allows("+4915112345678"), Err(Unsendable::Number));
    }

    #[test]
    fn a_range_and_a_day_have_limits() {
        let spending = Spending { countries: vec!["49".to_owned()], per_range: 2, per_day: 3 };
        let number = "+4915112345678";
        assert_eq!(range(number), "+491511234");
        let spent = |in_range, today| spending.may_text(number, Spent { in_range, today });
        assert_eq!(
            (spent(1, 2), spent(2, 2), spent(1, 3)),
            (Ok(()), Err(Unsendable::Limit), Err(Unsendable::Limit))
        );
    }
}
