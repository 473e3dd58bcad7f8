//! Passwords that are guessed first: a shipped list, looked at through the usual disguises (SEC-095).

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Front-coded and exact: no false positive, none missed. Where the words come from stands at its head.
const LIST: &str = include_str!("common.txt");
/// The longest word of the list; a test holds it to it.
const LONGEST: usize = 25;
/// Words of the context shorter than this are in too many good passwords.
const CONTEXT_MIN: usize = 3;
/// What must remain beside the words that everybody knows who knows the person.
const REST_MIN: usize = 4;

/// What an attacker tries first for this account: names of the place and of the person, as they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    pub app_name: &'a str,
    pub email: &'a str,
    pub name: &'a str,
}

/// Whether the password is on the list, runs like a ladder, repeats itself, or is made of the context.
///
/// Case, composition, l33t and what surrounds a word are looked through. What surrounds it counts once it is
/// longer than the word: `dragon2024!` is `dragon`, and `dragon` with eight random digits is not.
pub fn is_common(password: &str, context: Context<'_>) -> bool {
    let plain = plain(password);
    let folded = folded(&plain);
    let unit = unit(&plain);
    let repeats = unit < plain.len();
    (repeats && unit < REST_MIN)
        || is_ladder(&plain)
        || is_context(&plain, &folded, context)
        || is_listed(&cores(&plain, &folded))
        || (repeats && is_listed(&cores(&plain[..unit], &folded[..unit])))
}

/// Lower case; and NFKC, because a full-width letter costs nobody who guesses an effort.
fn plain(text: &str) -> Zeroizing<Vec<char>> {
    /// What NFKC and lower case may grow one byte into, so that no outgrown copy stays behind unwiped.
    const GROWTH_MAX: usize = 11;
    let mut plain = Vec::with_capacity(text.len() * GROWTH_MAX);
    plain.extend(text.nfkc().flat_map(char::to_lowercase).nfkc());
    Zeroizing::new(plain)
}

fn folded(plain: &[char]) -> Zeroizing<Vec<char>> {
    Zeroizing::new(plain.iter().copied().map(without_l33t).collect())
}

/// One letter for all that stand for it. Lists and passwords go through it alike, so it need not be readable.
fn without_l33t(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

/// Length of the shortest text of which this is nothing but repetitions.
fn unit(text: &[char]) -> usize {
    let repeats = |length: &usize| {
        text.len().is_multiple_of(*length) && text.iter().zip(&text[*length..]).all(|(a, b)| a == b)
    };
    (1..=text.len() / 2).find(repeats).unwrap_or(text.len())
}

/// Every character is the one before it, or its neighbour, always in the same direction.
fn is_ladder(text: &[char]) -> bool {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let mut steps = text.windows(2).map(step);
    steps.next().is_some_and(|first| (-1..=1).contains(&first) && steps.all(|step| step == first))
}

/// The text as a whole, and every word left when ornaments are cut off its ends.
fn cores<'a>(plain: &[char], folded: &'a [char]) -> HashSet<&'a [char]> {
    let ornament = |c: &&char| !c.is_alphabetic();
    let leading = plain.iter().take_while(ornament).count();
    let trailing = plain.iter().rev().take_while(ornament).count();
    let mut cores = HashSet::from([folded]);
    if leading == plain.len() {
        return cores;
    }
    // A digit at the end may be an ornament or a letter in disguise: both are tried.
    for start in 0..=leading {
        let ends = plain.len() - trailing..=plain.len();
        let cuts = ends.map(|end| &folded[start..end]);
        cores.extend(cuts.filter(|core| core.len() <= LONGEST && plain.len() <= 2 * core.len()));
    }
    cores
}

fn is_listed(cores: &HashSet<&[char]>) -> bool {
    let mut found = false;
    let mut listed = Vec::with_capacity(LONGEST);
    each_listed(|word| {
        listed.clear();
        listed.extend(word.chars().map(without_l33t));
        found |= cores.contains(listed.as_slice());
    });
    found
}

fn each_listed(mut look: impl FnMut(&str)) {
    let mut word = String::with_capacity(LONGEST);
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    for entry in lines.flat_map(|line| line.split(' ')) {
        let shared = entry.chars().next().and_then(|digit| digit.to_digit(36)).unwrap_or(0);
        word.truncate(shared as usize);
        word.push_str(entry.get(1..).unwrap_or_default());
        look(&word);
    }
}

/// Whether next to nothing is left beside the names of the place and of the person.
fn is_context(plain: &[char], folded: &[char], context: Context<'_>) -> bool {
    let mut named = vec![false; plain.len()];
    for word in words_of(context) {
        let places = folded.windows(word.len()).enumerate().filter(|(_, here)| **here == *word);
        places.for_each(|(at, _)| named[at..at + word.len()].fill(true));
    }
    let rest = || plain.iter().zip(&named).filter(|(_, named)| !**named).map(|(c, _)| c);
    let names = plain.len() - rest().count();
    let beside = rest().filter(|c| c.is_alphanumeric()).count();
    let letters = rest().any(|c| c.is_alphabetic());
    names > 0 && (beside < REST_MIN || (!letters && rest().count() <= names))
}

/// Each word of the context, and each of its texts without what separates the words.
fn words_of(context: Context<'_>) -> Vec<Zeroizing<Vec<char>>> {
    let (local, domain) = context.email.rsplit_once('@').unwrap_or((context.email, ""));
    // The last label is everybody's: "com" says nothing about the person.
    let domain = domain.rsplit_once('.').map_or("", |(labels, _)| labels);
    let texts = ["countersign", context.app_name, context.name, local, domain].map(plain);
    let parts = texts.iter().flat_map(|text| text.split(|c| !c.is_alphanumeric()));
    let joined = texts.iter().map(|text| text.iter().copied().filter(|c| c.is_alphanumeric()));
    let joined: Vec<Vec<char>> = joined.map(Iterator::collect).collect();
    let words = parts.chain(joined.iter().map(Vec::as_slice));
    words.filter(|word| word.len() >= CONTEXT_MIN).map(folded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Context<'_> =
        Context { app_name: "Acme MFA", email: "ada.lovelace@engine.example.com", name: "Ada King Lovelace" };

    fn listed() -> Vec<String> {
        let mut all = Vec::new();
        each_listed(|word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn the_list_is_sorted_long_enough_and_within_bounds() {
        let all = listed();
        assert!(all.len() >= 3_000, "{}", all.len());
        assert!(all.is_sorted_by(|a, b| a < b));
        assert_eq!(all.iter().map(|word| word.chars().count()).max(), Some(LONGEST));
        assert!(all.iter().all(|word| word.chars().count() >= REST_MIN));
    }

    /// Exactness: each of them is found, whole and ornamented; one pass over the list for each would take minutes.
    #[test]
    fn every_listed_word_is_refused_plain_loud_and_ornamented() {
        let all: HashSet<Vec<char>> =
            listed().iter().map(|word| word.chars().map(without_l33t).collect()).collect();
        let shows = |password: &str| {
            let plain = plain(password);
            cores(&plain, &folded(&plain)).into_iter().any(|core| all.contains(core))
        };
        for word in listed() {
            assert!(shows(&word.to_uppercase()), "{word}");
            assert!(shows(&format!("#{word}1")) || !word.contains(char::is_alphabetic), "{word}");
        }
        for word in listed().iter().step_by(97) {
            assert!(is_common(word, Context::default()), "{word}");
        }
    }

    #[test]
    fn disguises_are_looked_through() {
        for password in [
            "password",
            "Password1!",
            "P@ssw0rd",
            "p4$$w0rd2024",
            "!!dragon!!",
            "$ecret99",
            "monkeymonkey",
            "qwertyuiop",
            "1q2w3e4r5t",
            "ｐａｓｓｗｏｒｄ",
            "Letmein.2025",
            "correcthorsebatterystaple",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "passwordpassword",
            "23456789",
            "hgfedcba",
            "12345678",
            "welcome1",
            "iloveyou!",
        ] {
            assert!(is_common(password, Context::default()), "{password}");
        }
    }

    #[test]
    fn what_is_not_common_passes() {
        for password in [
            "correct horse battery",
            "Falscher Kanarienvogel 4711",
            "brand new password 1",
            "dragon83920174",
            "xK9#love2",
            "8391201746",
            "pässword-ähnlich",
            "zehn zahme Ziegen",
            "",
        ] {
            assert!(!is_common(password, Context::default()), "{password}");
            assert!(!is_common(password, ADA), "{password}");
        }
    }

    #[test]
    fn names_of_the_place_and_the_person_are_no_passwords() {
        for password in [
            "acmemfa1",
            "AcmeMFA2024!",
            "lovelace",
            "L0velace99",
            "ada.lovelace",
            "AdaLovelace!",
            "countersign",
            "C0untersign2025",
            "engine-ada",
        ] {
            assert!(is_common(password, ADA), "{password}");
        }
        for password in ["lovelace tends nine goats", "ada likes wool", "adamant-quail-plum"] {
            assert!(!is_common(password, ADA), "{password}");
        }
        // A short name is in too many words.
        let al = Context { name: "Al", ..Context::default() };
        assert!(!is_common("alal-quail-plum", al));
    }

    mod laws {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

            /// However a listed word is dressed, as long as the dress is not the larger part.
            #[test]
            fn a_dressed_word_is_still_common(
                pick in any::<prop::sample::Index>(),
                front in "[0-9!#.-]{0,2}",
                back in "[0-9!#.-]{0,2}",
                dress in prop::collection::vec(0..3u8, LONGEST),
            ) {
                let all: Vec<String> = listed().into_iter().filter(|word| word.bytes().all(|c| c.is_ascii_lowercase())).collect();
                let word = pick.get(&all);
                let dressed: String = word.chars().zip(dress).map(|(c, how)| match (how, c) {
                    (1, c) => c.to_ascii_uppercase(),
                    (2, 'o') => '0', (2, 'i') => '1', (2, 'e') => '3', (2, 'a') => '@', (2, 's') => '$', (2, 't') => '7',
                    (_, c) => c,
                }).collect();
                let password = format!("{front}{dressed}{back}");
                prop_assert!(is_common(&password, Context::default()), "{}", password);
            }

            /// Nothing panics, and composed and decomposed forms agree.
            #[test]
            fn any_text_has_an_answer(password in "\\PC{0,40}", name in "\\PC{0,20}", email in "\\PC{0,20}") {
                let context = Context { app_name: "Acme", email: &email, name: &name };
                let decomposed: String = password.nfd().collect();
                prop_assert_eq!(is_common(&password, context), is_common(&decomposed, context));
            }

            /// Three unlisted words drawn at random are nobody's first guess.
            #[test]
            fn long_random_text_passes(password in "[a-z]{26,40}") {
                prop_assert!(!is_common(&password, Context::default()));
            }
        }
    }
}
