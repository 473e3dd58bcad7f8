//! Passwords: which lengths fit, how they are hashed now, and which older hashes still open the door.

mod blocklist;

use std::{mem, ops::RangeInclusive};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

pub use self::blocklist::Context;
use crate::{
    denied::Denied,
    secret::{self, Secret},
};

/// What an unknown user's password is verified against, so that the answer takes as long (SEC-115).
///
/// The tag is all zeros: nobody can know a password for it, and nobody can claim that we do.
pub const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1\
     $Y291bnRlcnNpZ24gZGVjbw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// OWASP's minimum for Argon2id (SEC-094): 19 MiB and about 16 ms.
const CURRENT: Recipe = Recipe {
    algorithm: Algorithm::Argon2id,
    version: Version::V0x13,
    cost: Cost { memory: 19_456, passes: 2, lanes: 1 },
    tag_length: 32,
};
const SALT_LENGTH: usize = 16;

/// What a new password must be. Old ones stay right however they are: rules are for choosing (SEC-095).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// In UTF-16 code units: what JavaScript's `length` counts, and so the wires' clients.
    pub min: usize,
    pub max: usize,
    /// Whether those that are guessed first are refused.
    pub blocklist: bool,
}

/// A kind of character. Some wires' clients and documents ask for each; nothing of ours does (SEC-095).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingredient {
    UpperCase,
    LowerCase,
    Digit,
    Special,
}

/// The first of these that the password lacks.
pub fn lacks(password: &str, ingredients: &[Ingredient]) -> Option<Ingredient> {
    let holds = |ingredient: &Ingredient| {
        password.chars().any(|c| match ingredient {
            Ingredient::UpperCase => c.is_uppercase(),
            Ingredient::LowerCase => c.is_lowercase(),
            Ingredient::Digit => c.is_ascii_digit(),
            Ingredient::Special => !c.is_alphanumeric() && !c.is_whitespace(),
        })
    };
    ingredients.iter().find(|ingredient| !holds(ingredient)).copied()
}

impl Default for Rules {
    /// Eight is what the wires promise their clients; where a password stands alone, ask for fifteen.
    fn default() -> Self {
        Self { min: 8, max: 128, blocklist: true }
    }
}

impl Rules {
    /// What the shortest allowed may be set to (63B §3.1.1.2: at least 64 must be allowed).
    pub const MIN_BOUNDS: RangeInclusive<usize> = 8..=64;

    pub fn fits_in_length(&self, password: &str) -> Result<(), Denied> {
        let long_enough = password.encode_utf16().count() >= self.min;
        if long_enough { self.not_too_long(password) } else { Err(Denied::PasswordTooShort) }
    }

    /// Ask this last: it reads the whole list.
    pub fn not_common(&self, password: &str, context: Context<'_>) -> Result<(), Denied> {
        let common = self.blocklist && blocklist::is_common(password, context);
        if common { Err(Denied::PasswordCommon) } else { Ok(()) }
    }

    /// Ask this of every password before it is hashed: the length bounds what a hash can cost (SEC-096).
    pub fn not_too_long(&self, password: &str) -> Result<(), Denied> {
        let fits = password.encode_utf16().count() <= self.max;
        if fits { Ok(()) } else { Err(Denied::PasswordTooLong) }
    }
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    Right,
    /// Right, and the stored form is not today's: hash the password anew and store that.
    RightButOutdated,
    Wrong,
}

/// Hashes for storage: an Argon2id PHC string of the NFC form, so that a composed and a decomposed "é" agree.
pub fn hash(password: &str, salt: [u8; SALT_LENGTH], scratch: &mut Scratch) -> String {
    let tag = CURRENT.tag(password, &salt, scratch).expect("the current parameters are valid");
    let Cost { memory, passes, lanes } = CURRENT.cost;
    let (salt, tag) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&tag));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${tag}")
}

/// Whether the password is the one that was stored, in any format this house has ever accepted.
///
/// A format that is unknown, damaged or absurdly expensive is `Wrong`, never an error: an imported row must
/// not be able to stop the server or to open the door.
pub fn verify(password: &str, stored: &str, scratch: &mut Scratch) -> Verification {
    match Stored::parse(stored) {
        Some(Stored::Argon2(phc)) => phc.verify(password, scratch),
        Some(Stored::BetterAuth { salt, key }) => outdated(better_auth_matches(password, salt, &key)),
        Some(Stored::Bcrypt) => outdated(bcrypt_matches(password, stored)),
        None => Verification::Wrong,
    }
}

fn outdated(right: bool) -> Verification {
    if right { Verification::RightButOutdated } else { Verification::Wrong }
}

/// A stored password, by its format.
enum Stored<'a> {
    Argon2(Phc),
    /// Better Auth: `<32 hex digits of salt>:<128 hex digits of scrypt>`.
    BetterAuth {
        salt: &'a str,
        key: Vec<u8>,
    },
    Bcrypt,
}

impl<'a> Stored<'a> {
    fn parse(stored: &'a str) -> Option<Self> {
        if stored.starts_with("$argon2") {
            return Phc::parse(stored).map(Self::Argon2);
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix)) {
            return Some(Self::Bcrypt);
        }
        let (salt, key) = stored.split_once(':')?;
        let key = HEXLOWER_PERMISSIVE.decode(key.as_bytes()).ok()?;
        let sound = salt.len() == 32 && salt.bytes().all(|byte| byte.is_ascii_hexdigit()) && key.len() == 64;
        sound.then_some(Self::BetterAuth { salt, key })
    }
}

/// What an Argon2 hash costs: KiB of memory, passes over it, lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// An imported row may ask for at most this: beyond it, one sign-in would starve the others.
    const MOST: Self = Self { memory: 256 * 1_024, passes: 10, lanes: 8 };

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        let mut number = |name: &str| decimal(fields.next()?.strip_prefix(name)?);
        let cost = Self { memory: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
        let bearable = cost.memory <= Self::MOST.memory
            && cost.passes <= Self::MOST.passes
            && cost.lanes <= Self::MOST.lanes;
        (fields.next().is_none() && bearable).then_some(cost)
    }
}

/// One way to run Argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recipe {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    tag_length: usize,
}

impl Recipe {
    fn tag(&self, password: &str, salt: &[u8], scratch: &mut Scratch) -> Option<Vec<u8>> {
        let Cost { memory, passes, lanes } = self.cost;
        let params = Params::new(memory, passes, lanes, Some(self.tag_length)).ok()?;
        let password = collected(password.nfc(), password.len());
        let mut tag = vec![0; self.tag_length];
        let blocks = scratch.blocks(params.block_count());
        let done = Argon2::new(self.algorithm, self.version, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut tag,
            blocks,
        );
        // One expensive imported hash must not decide how much memory this thread holds from now on.
        if memory > CURRENT.cost.memory {
            scratch.give_back();
        }
        done.is_ok().then_some(tag)
    }
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$tag`, the PHC string format; a missing version means 16.
struct Phc {
    recipe: Recipe,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Phc {
    /// A shorter tag could be guessed, whatever the password.
    const TAG_LENGTHS: RangeInclusive<usize> = 16..=64;
    const SALT_LENGTHS: RangeInclusive<usize> = 8..=64;

    fn parse(stored: &str) -> Option<Self> {
        let mut fields = stored.strip_prefix('$')?.split('$').peekable();
        let algorithm = match fields.next()? {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return None,
        };
        let version = match fields.next_if(|field| field.starts_with("v=")) {
            Some("v=19") => Version::V0x13,
            Some("v=16") | None => Version::V0x10,
            Some(_) => return None,
        };
        let cost = Cost::parse(fields.next()?)?;
        let salt = BASE64_NOPAD.decode(fields.next()?.as_bytes()).ok()?;
        let tag = BASE64_NOPAD.decode(fields.next()?.as_bytes()).ok()?;
        let sound = fields.next().is_none()
            && Self::SALT_LENGTHS.contains(&salt.len())
            && Self::TAG_LENGTHS.contains(&tag.len());
        let recipe = Recipe { algorithm, version, cost, tag_length: tag.len() };
        sound.then_some(Self { recipe, salt, tag })
    }

    fn verify(&self, password: &str, scratch: &mut Scratch) -> Verification {
        let tag = self.recipe.tag(password, &self.salt, scratch);
        let right = tag.is_some_and(|tag| secret::same(&tag, &self.tag));
        let current = self.recipe == CURRENT && self.salt.len() >= SALT_LENGTH;
        if right && current { Verification::Right } else { outdated(right) }
    }
}

/// The memory Argon2 works in: taken at the first use, kept for the next, wiped when dropped.
#[derive(Default)]
pub struct Scratch(Vec<Block>);

impl Scratch {
    /// Address space, not memory: pages never touched cost nothing. An allocation above 32 MiB is one that
    /// glibc maps by itself and hands back to the system when it is dropped; 19 MiB would linger in an arena.
    const ROOM: usize = 33 * 1_024;

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.0.len() * Block::SIZE
    }

    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.give_back();
            self.0 = Vec::with_capacity(count.max(Self::ROOM));
            self.0.resize(count, Block::new());
        }
        &mut self.0[..count]
    }

    fn give_back(&mut self) {
        // Block by block: wiping the vector as a whole would touch the room that was only reserved.
        mem::take(&mut self.0).iter_mut().zeroize();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Better Auth 1.7: the salt is the ASCII of its hex digits, not the bytes they stand for; NFKC, not NFC.
fn better_auth_matches(password: &str, salt: &str, key: &[u8]) -> bool {
    const LOG_N: u8 = 14;
    const R: u32 = 16;
    const P: u32 = 1;
    let params = scrypt::Params::new(LOG_N, R, P).expect("Better Auth's parameters are valid");
    let password = collected(password.nfkc(), password.len());
    let mut derived = [0; 64];
    let done = scrypt::scrypt(password.expose().as_bytes(), salt.as_bytes(), &params, &mut derived);
    done.is_ok() && secret::same(&derived, key)
}

/// bcrypt reads 72 bytes and ignores the rest: what the system it was imported from accepted is accepted here,
/// once. `RightButOutdated` then replaces the hash by one that covers every byte of what was typed.
fn bcrypt_matches(password: &str, stored: &str) -> bool {
    /// 2^15 rounds, about 2 s: each step doubles it, and 31 would take days.
    const COST_MAX: u32 = 15;
    let cost = stored.get(4..6).and_then(decimal);
    cost.is_some_and(|cost| cost <= COST_MAX) && bcrypt::verify(password, stored).unwrap_or(false)
}

/// Digits only: `u32::from_str` would also take a sign, and one number would have two spellings.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Collects into one allocation, so that no outgrown copy stays behind unwiped.
fn collected(form: impl Iterator<Item = char>, length: usize) -> Secret<String> {
    /// Nothing grows by more than this in NFKC, measured in UTF-8 (UAX #15, §9); NFC stays below.
    const GROWTH_MAX: usize = 11;
    let mut text = String::with_capacity(length * GROWTH_MAX);
    text.extend(form);
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small enough to hash often; same code path as the real one.
    const CHEAP: &str = "m=8,t=1,p=1";

    fn stored(recipe: Recipe, head: &str) -> String {
        let tag = recipe.tag("pässword", b"0123456789abcdef", &mut Scratch::default()).unwrap();
        format!("{head}${}${}", BASE64_NOPAD.encode(b"0123456789abcdef"), BASE64_NOPAD.encode(&tag))
    }

    fn cheap(algorithm: Algorithm, version: Version) -> Recipe {
        let cost = Cost { memory: 8, passes: 1, lanes: 1 };
        Recipe { algorithm, version, cost, tag_length: 32 }
    }

    #[test]
    fn a_hash_opens_for_its_password_only() {
        let mut scratch = Scratch::default();
        let stored = hash("correct horse", [7; 16], &mut scratch);
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(verify("correct horse", &stored, &mut scratch), Verification::Right);
        assert_eq!(verify("correct horsf", &stored, &mut scratch), Verification::Wrong);
        assert_eq!(verify("", &stored, &mut scratch), Verification::Wrong);
        // Used memory and fresh memory give the same tag, and the salt matters.
        assert_eq!(hash("correct horse", [7; 16], &mut Scratch::default()), stored);
        assert_ne!(hash("correct horse", [8; 16], &mut scratch), stored);
    }

    #[test]
    fn composed_and_decomposed_agree_and_nothing_is_cut_off() {
        let mut scratch = Scratch::default();
        let stored = hash("caf\u{e9}", [1; 16], &mut scratch);
        assert_eq!(verify("cafe\u{301}", &stored, &mut scratch), Verification::Right);
        let long = "a".repeat(1_024);
        let stored = hash(&long, [1; 16], &mut scratch);
        assert_eq!(verify(&long, &stored, &mut scratch), Verification::Right);
        assert_eq!(verify(&long[1..], &stored, &mut scratch), Verification::Wrong);
    }

    #[test]
    fn the_decoy_costs_the_same_and_opens_for_nobody() {
        let decoy = Phc::parse(DECOY).unwrap();
        assert_eq!(decoy.recipe, CURRENT);
        assert_eq!(decoy.salt.len(), SALT_LENGTH);
        assert_eq!(verify("", DECOY, &mut Scratch::default()), Verification::Wrong);
    }

    #[test]
    fn other_argon2_hashes_open_and_ask_to_be_replaced() {
        let mut scratch = Scratch::default();
        let cases = [
            (cheap(Algorithm::Argon2id, Version::V0x13), format!("$argon2id$v=19${CHEAP}")),
            (cheap(Algorithm::Argon2i, Version::V0x13), format!("$argon2i$v=19${CHEAP}")),
            (cheap(Algorithm::Argon2d, Version::V0x10), format!("$argon2d$v=16${CHEAP}")),
            (cheap(Algorithm::Argon2id, Version::V0x10), format!("$argon2id${CHEAP}")),
            (Recipe { tag_length: 64, ..CURRENT }, "$argon2id$v=19$m=19456,t=2,p=1".to_owned()),
        ];
        for (recipe, head) in cases {
            let stored = stored(recipe, &head);
            assert_eq!(verify("pässword", &stored, &mut scratch), Verification::RightButOutdated, "{stored}");
            assert_eq!(verify("passwort", &stored, &mut scratch), Verification::Wrong, "{stored}");
        }
    }

    #[test]
    fn damaged_unknown_and_absurd_formats_are_wrong_at_no_cost() {
        let good = stored(cheap(Algorithm::Argon2id, Version::V0x13), &format!("$argon2id$v=19${CHEAP}"));
        let mut scratch = Scratch::default();
        assert_eq!(verify("pässword", &good, &mut scratch), Verification::RightButOutdated);
        let damaged = [
            ("m=8", "m=262145"),
            ("m=8", "m=4294967296"),
            ("m=8", "m=7"),
            ("m=8", "m=+8"),
            ("m=8", "m="),
            ("t=1", "t=11"),
            ("t=1", "t=0"),
            ("p=1", "p=9"),
            ("p=1", "p=0"),
            ("p=1", "p=1,data=AAAA"),
            ("m=8,t=1", "t=1,m=8"),
            ("v=19", "v=18"),
            ("$argon2id", "$argon2x"),
            ("$argon2id", "argon2id"),
            ("MDEyMzQ1Njc4OWFiY2RlZg", "MDEy"),
            ("MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZg=="),
        ];
        for (from, to) in damaged {
            let stored = good.replacen(from, to, 1);
            assert_ne!(stored, good);
            assert_eq!(verify("pässword", &stored, &mut scratch), Verification::Wrong, "{stored}");
        }
        let short_tag = good[..good.rfind('$').unwrap() + 5].to_owned();
        let others =
            ["", ":", "$", "$$$$$", "plain", "$argon2id$", "$2b$", "$2b$12$", "$2b$éé$", "$6$salt$hash"];
        let salt = "0".repeat(32);
        let strange = [
            short_tag,
            format!("{good}$"),
            format!("{salt}:{}", "0".repeat(126)),
            format!("{}:{}", &salt[1..], "0".repeat(128)),
            format!("$2b$31${}", "a".repeat(53)),
            format!("$2b$16${}", "a".repeat(53)),
        ];
        for stored in others.into_iter().chain(strange.iter().map(String::as_str)) {
            assert_eq!(verify("pässword", stored, &mut scratch), Verification::Wrong, "{stored}");
            assert_eq!(verify("", stored, &mut scratch), Verification::Wrong, "{stored}");
        }
    }

    #[test]
    fn bcrypt_opens_in_all_three_spellings_and_reads_72_bytes() {
        let mut scratch = Scratch::default();
        let long = "x".repeat(80);
        let parts = bcrypt::hash_with_salt(&long, 4, [3; 16]).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let stored = parts.format_for_version(version);
            assert_eq!(verify(&long, &stored, &mut scratch), Verification::RightButOutdated);
            assert_eq!(verify(&long[..72], &stored, &mut scratch), Verification::RightButOutdated);
            assert_eq!(verify(&long[..71], &stored, &mut scratch), Verification::Wrong);
        }
        let stored = parts.format_for_version(bcrypt::Version::TwoX);
        assert_eq!(verify(&long, &stored, &mut scratch), Verification::Wrong);
    }

    #[test]
    fn memory_is_taken_once_and_an_expensive_import_is_not_kept() {
        let mut scratch = Scratch::default();
        assert_eq!(scratch.bytes(), 0);
        let _ = verify("a", DECOY, &mut scratch);
        let _ = verify("b", DECOY, &mut scratch);
        assert_eq!(scratch.bytes(), 19 << 20);
        let _ = verify("a", &DECOY.replace("m=19456", "m=20480"), &mut scratch);
        assert_eq!(scratch.bytes(), 0);
    }

    #[test]
    fn lengths_count_what_javascript_counts() {
        let judged = |password: &str| Rules::default().fits_in_length(password);
        assert_eq!(judged("1234567"), Err(Denied::PasswordTooShort));
        assert_eq!(judged("12345678"), Ok(()));
        assert_eq!(judged("🔑🔑🔑🔑"), Ok(()));
        assert_eq!(judged("éééé"), Err(Denied::PasswordTooShort));
        assert_eq!(judged(&"a".repeat(128)), Ok(()));
        assert_eq!(judged(&"a".repeat(129)), Err(Denied::PasswordTooLong));
        let strict = Rules { min: 15, ..Rules::default() };
        assert_eq!(strict.fits_in_length("fourteen-signs"), Err(Denied::PasswordTooShort));
        assert_eq!(strict.fits_in_length("fifteen-signs-!"), Ok(()));
    }

    #[test]
    fn the_list_can_be_switched_off() {
        let (on, off) = (Rules::default(), Rules { blocklist: false, ..Rules::default() });
        assert_eq!(on.not_common("12345678", Context::default()), Err(Denied::PasswordCommon));
        assert_eq!(on.not_common("fifteen-signs-!", Context::default()), Ok(()));
        assert_eq!(off.not_common("12345678", Context::default()), Ok(()));
    }
}
