//! The master keys: they seal everything else, come from outside the database and never enter it.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use countersign_core::{
    entropy::{self, Entropy},
    secret::Secret,
    time::Timestamp,
};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{Place, Sealed, append};
use crate::fault::Fault;

/// The master keys, the active one first. Text form: `id:base64`, one a line or separated by commas.
pub struct Keyring(Vec<MasterKey>);

/// Only what is derived from a master key is kept: the key itself is wiped once it has been read.
struct MasterKey {
    id: String,
    aead: RandomizedNonceKey,
    check_value: Vec<u8>,
}

/// The first byte of every ciphertext, so that a later algorithm can be told from this one.
const VERSION: u8 = 1;
const KEY_LEN: usize = 32;
/// Shorter than a key in base64: an entry written the wrong way round is never quoted in an error.
const ID_MAX: usize = 32;
/// A key file has a few lines; a mistyped path may lead anywhere.
const FILE_MAX: u64 = 64 * 1024;

impl Keyring {
    pub fn parse(text: &Secret<String>) -> Result<Self, Fault> {
        let entries = text.expose().split(['\n', ',']).map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        let mut keys: Vec<MasterKey> = Vec::new();
        for (index, entry) in entries.enumerate() {
            let key = MasterKey::parse(entry)
                .map_err(|why| Fault::misconfigured(format!("master key {}: {why}", index + 1)))?;
            // The same key under two names would make "the old key is gone" untrue.
            if keys.iter().any(|other| other.id == key.id || other.check_value == key.check_value) {
                return Err(Fault::misconfigured(format!("master key `{}` is there twice", key.id)));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(Fault::misconfigured("there is no master key"));
        }
        Ok(Self(keys))
    }

    /// Reads a key file that nobody but its owner can read (SEC-099, SEC-129).
    pub fn from_file(path: &Path) -> Result<Self, Fault> {
        let complain = |what: &str| Fault::misconfigured(format!("the key file {} {what}", path.display()));
        let unreadable = |error: std::io::Error| complain("cannot be read").because(error);
        let file = File::open(path).map_err(unreadable)?;
        // Asked of the open file, so that it cannot be exchanged in between.
        let facts = file.metadata().map_err(unreadable)?;
        if !facts.is_file() {
            return Err(complain("is not a file"));
        }
        if facts.mode() & 0o077 != 0 {
            return Err(complain(&format!(
                "is open to others (mode {:03o}): chmod 600",
                facts.mode() & 0o777
            )));
        }
        if facts.len() > FILE_MAX {
            return Err(complain("is too long to be one"));
        }
        // Sized first: a buffer that grows leaves copies of the keys behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize));
        file.take(FILE_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| complain("is not text"))?;
        Self::parse(&Secret::new(text.to_owned()))
    }

    /// A new key file with one key, named after the month. Never replaces a file: keys are not made twice.
    pub fn create(path: &Path, dice: &dyn Entropy, now: Timestamp) -> Result<Self, Fault> {
        let key = Secret::new(entropy::bytes::<KEY_LEN>(dice));
        let encoded = Secret::new(BASE64URL_NOPAD.encode(key.expose()));
        let text = Secret::new(format!("k{}:{}\n", &now.to_iso()[..7], encoded.expose()));
        let keyring = Self::parse(&text)?;
        let cannot = |error: std::io::Error| {
            Fault::misconfigured(format!("the key file {} cannot be created", path.display())).because(error)
        };
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
        let written = file.write_all(text.expose().as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| sync_folder_of(path)) {
            // Half a key file would stop the next start for no good reason.
            let _ = fs::remove_file(path);
            return Err(cannot(error));
        }
        Ok(keyring)
    }

    /// The key that seals.
    pub fn active_id(&self) -> &str {
        &self.0[0].id
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Tells one key from another without telling the key. Stored per id, so that a wrong key under a right
    /// name stops the start (SEC-098). Empty for an id that is not here, which equals no stored value.
    pub fn check_value(&self, id: &str) -> Vec<u8> {
        self.key(id).map(|key| key.check_value.clone()).unwrap_or_default()
    }

    /// Version, nonce, ciphertext, tag. AES-256-GCM-SIV (RFC 8452): a nonce drawn twice by bad luck or a
    /// cloned machine shows that two values are equal, and nothing more.
    pub(super) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Sealed, Fault> {
        let key = &self.0[0];
        let mut buffer = Zeroizing::new(plain.to_vec());
        let (nonce, tag) = key
            .aead
            .seal_in_place_separate_tag(Aad::from(associated_data(place, &key.id)), &mut buffer)
            .map_err(|_| Fault::internal(format!("cannot seal: {}, row {}", place.table, place.row)))?;
        let bytes = [&[VERSION], nonce.as_ref().as_slice(), &buffer, tag.as_ref()].concat();
        Ok(Sealed { key_id: key.id.clone(), bytes })
    }

    pub(super) fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Fault> {
        self.try_open(place, sealed).ok_or_else(|| {
            Fault::internal(format!("a sealed value does not open: {}, row {}", place.table, place.row))
        })
    }

    fn try_open(&self, place: &Place<'_>, sealed: &Sealed) -> Option<Secret<Vec<u8>>> {
        let key = self.key(&sealed.key_id)?;
        let (version, rest) = sealed.bytes.split_first()?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN)?;
        if *version != VERSION {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let aad = Aad::from(associated_data(place, &key.id));
        let length = key.aead.open_in_place(nonce, aad, &mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(Secret::new(std::mem::take(&mut buffer)))
    }

    fn key(&self, id: &str) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl MasterKey {
    /// One `id:base64` entry. The complaint quotes nothing of it.
    fn parse(entry: &str) -> Result<Self, &'static str> {
        let (id, encoded) = entry.split_once(':').ok_or("write it as `id:base64`")?;
        let (id, encoded) = (id.trim(), encoded.trim());
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if id.is_empty() || id.len() > ID_MAX || !id.chars().all(plain) {
            return Err("its id must be 1 to 32 letters, digits, `-`, `_` or `.`");
        }
        // Both alphabets of RFC 4648 and either padding: `openssl rand -base64 32` is what people have.
        let text = Zeroizing::new(encoded.trim_end_matches('=').replace('+', "-").replace('/', "_"));
        let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = decoded.map_err(|_| "it is not base64")?;
        if bytes.len() != KEY_LEN {
            return Err("it must have exactly 32 bytes");
        }
        if is_example(&bytes) {
            return Err("it is an example or a typed phrase, not 32 random bytes");
        }
        Self::derive(id, &bytes).ok_or("it cannot be used")
    }

    /// One key, one use: the sealing key and the check value are derived apart from each other.
    fn derive(id: &str, bytes: &[u8]) -> Option<Self> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let sealing = hmac::sign(&master, b"countersign master key: sealing");
        Some(Self {
            id: id.to_owned(),
            aead: RandomizedNonceKey::new(&AES_256_GCM_SIV, sealing.as_ref()).ok()?,
            check_value: hmac::sign(&master, b"countersign master key: check value").as_ref().to_vec(),
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.ids().collect::<Vec<_>>()).finish()
    }
}

fn associated_data(place: &Place<'_>, key_id: &str) -> Vec<u8> {
    let parts = [place.table, place.row, place.user, key_id];
    let mut data = Vec::with_capacity(32 + parts.iter().map(|part| part.len()).sum::<usize>());
    for part in parts {
        append(&mut data, part.as_bytes());
    }
    data
}

/// Keys that nobody drew: zeros, counting bytes, repeated patterns, text. By chance a drawn key looks like
/// one of these less often than once in 10^13.
fn is_example(bytes: &[u8]) -> bool {
    let counting =
        bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == bytes[1].wrapping_sub(bytes[0]));
    counting || distinct(bytes) < 16 || bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// How many different bytes occur.
pub(super) fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}

/// A file that was just made is only there after a power cut once its folder has been written too.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{dice::Dice, fault::FaultKind};

    fn drawn(seed: u64) -> String {
        BASE64URL_NOPAD.encode(&entropy::bytes::<32>(&Dice::seeded(seed)))
    }

    fn parse(text: &str) -> Result<Keyring, Fault> {
        Keyring::parse(&Secret::new(text.to_owned()))
    }

    #[test]
    fn lines_commas_comments_and_both_alphabets() {
        let standard = data_encoding::BASE64.encode(&entropy::bytes::<32>(&Dice::seeded(2)));
        assert!(standard.contains(['+', '/']) && standard.ends_with('='));
        let text = format!("# keys\n\n k2026-11 : {standard} \r\nk2:{}, k3:{}\n", drawn(3), drawn(4));
        let keyring = parse(&text).unwrap();
        assert_eq!(keyring.ids().collect::<Vec<_>>(), ["k2026-11", "k2", "k3"]);
        assert_eq!(keyring.active_id(), "k2026-11");
        let url_safe = parse(&format!("k2026-11:{}", drawn(2))).unwrap();
        assert_eq!(url_safe.check_value("k2026-11"), keyring.check_value("k2026-11"));
    }

    #[test]
    fn unusable_keys_are_refused_without_being_quoted() {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let counting: Vec<u8> = (1..=32).collect();
        let refused = [
            String::new(),
            "# nothing".to_owned(),
            drawn(1),
            format!(":{}", drawn(1)),
            format!("{}:k1", drawn(1)),
            format!("k 1:{}", drawn(1)),
            "k1:".to_owned(),
            "k1:not base64!".to_owned(),
            format!("k1:{}", encode(&[7; 31])),
            format!("k1:{}{}", drawn(1), "AAAA"),
            format!("k1:{}", encode(&[0; 32])),
            format!("k1:{}", encode(&[0xff; 32])),
            format!("k1:{}", encode(&counting)),
            format!("k1:{}", encode(&[1, 2, 3, 4].repeat(8))),
            format!("k1:{}", encode(b"correct horse battery staple 1!!")),
            format!("k1:{}", encode(b"0123456789abcdef0123456789abcdef")),
            format!("k1:{}\nk1:{}", drawn(1), drawn(2)),
            format!("k1:{}\nk2:{}", drawn(1), drawn(1)),
        ];
        for text in refused {
            let fault = parse(&text).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Misconfigured, "{text}");
            let told = fault.to_string();
            assert!(!text.split([':', '\n']).any(|part| part.len() > 10 && told.contains(part)), "{told}");
        }
    }

    #[test]
    fn a_wrong_key_has_another_check_value() {
        let (one, two) =
            (parse(&format!("k1:{}", drawn(1))).unwrap(), parse(&format!("k1:{}", drawn(2))).unwrap());
        assert_eq!(one.check_value("k1").len(), 32);
        assert_ne!(one.check_value("k1"), two.check_value("k1"));
        assert!(one.check_value("k2").is_empty());
    }

    #[test]
    fn a_created_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        let november = Timestamp::from_seconds(1_795_000_000);
        let made = Keyring::create(&path, &Dice::seeded(1), november).unwrap();
        assert_eq!(made.active_id(), "k2026-11");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let before = fs::read(&path).unwrap();
        let fault = Keyring::create(&path, &Dice::seeded(2), november).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Misconfigured);
        assert_eq!(fs::read(&path).unwrap(), before);

        let read = Keyring::from_file(&path).unwrap();
        assert_eq!(read.check_value("k2026-11"), made.check_value("k2026-11"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        Keyring::create(&path, &Dice::seeded(1), Timestamp::from_seconds(0)).unwrap();
        for (mode, fine) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o620, false),
            (0o666, false),
            (0o601, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Keyring::from_file(&path).is_ok(), fine, "{mode:o}");
        }
        assert!(Keyring::from_file(folder.path()).is_err());
        assert!(Keyring::from_file(&folder.path().join("absent")).is_err());
    }
}
