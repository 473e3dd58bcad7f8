//! CBOR the way authenticators must write it: CTAP2's canonical form (CTAP 2.2 §8), read whole or refused.
//!
//! One value has one encoding here. Whatever could be read in two ways (a long form of a short number, an
//! indefinite length, a key that is there twice, bytes after the end) is refused, not tidied up (SEC-049).

/// How deep arrays and maps may lie within each other. CTAP2 needs four levels, SEC-049 allows sixteen.
pub(crate) const DEPTH_MAX: usize = 8;

/// Values of any kind in one reading: what bounds the memory beyond the length of the input.
pub(crate) const ITEMS_MAX: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ends before the value does, or a length points beyond it.
    Truncated,
    /// More than one value.
    Trailing,
    /// A number or length written longer than it needs to be.
    NotShortest,
    /// Tags, floats, indefinite lengths, `undefined`, numbers beyond 63 bits: nothing WebAuthn needs.
    Unsupported,
    NotUtf8,
    /// A map's keys are not rising, so unsorted or there twice, or are neither numbers nor text.
    Keys,
    TooDeep,
    TooMany,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    Bool(bool),
    Null,
}

/// The one value that these bytes are.
pub(crate) fn read(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match read_first(bytes)? {
        (value, []) => Ok(value),
        _ => Err(Fault::Trailing),
    }
}

/// The value at the beginning, and what follows it.
pub(crate) fn read_first(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Fault> {
    let mut reader = Reader { rest: bytes, items_left: ITEMS_MAX };
    let value = reader.value(DEPTH_MAX)?;
    Ok((value, reader.rest))
}

impl<'a> Value<'a> {
    pub(crate) fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn as_text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    pub(crate) fn as_map(&self) -> Option<&[(Value<'a>, Value<'a>)]> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The member of this name; `None` also for what is no map.
    pub(crate) fn member(&self, name: &str) -> Option<&Value<'a>> {
        let mut members = self.as_map()?.iter();
        members.find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    items_left: usize,
}

const TEXT: u8 = 3;

impl<'a> Reader<'a> {
    fn value(&mut self, depth_left: usize) -> Result<Value<'a>, Fault> {
        self.items_left = self.items_left.checked_sub(1).ok_or(Fault::TooMany)?;
        let (major, argument) = self.head()?;
        match major {
            0 => i64::try_from(argument).map(Value::Integer).map_err(|_| Fault::Unsupported),
            // RFC 8949 §3.1: the number is -1 minus the argument, which is the argument with its bits turned.
            1 => i64::try_from(argument).map(|n| Value::Integer(!n)).map_err(|_| Fault::Unsupported),
            2 => self.take(argument).map(Value::Bytes),
            TEXT => {
                let text = self.take(argument)?;
                str::from_utf8(text).map(Value::Text).map_err(|_| Fault::NotUtf8)
            }
            4 => self.array(argument, depth_left.checked_sub(1).ok_or(Fault::TooDeep)?),
            5 => self.map(argument, depth_left.checked_sub(1).ok_or(Fault::TooDeep)?),
            7 => simple(argument),
            _ => Err(Fault::Unsupported),
        }
    }

    /// The length said is not believed: nothing is set aside for it, and every element costs an item.
    fn array(&mut self, length: u64, depth_left: usize) -> Result<Value<'a>, Fault> {
        let mut array = Vec::new();
        for _ in 0..length {
            array.push(self.value(depth_left)?);
        }
        Ok(Value::Array(array))
    }

    fn map(&mut self, length: u64, depth_left: usize) -> Result<Value<'a>, Fault> {
        let mut map = Vec::new();
        let mut previous: &[u8] = &[];
        for _ in 0..length {
            let start = self.rest;
            let key = self.value(depth_left)?;
            let encoded = &start[..start.len() - self.rest.len()];
            let plain = matches!(key, Value::Integer(_) | Value::Text(_));
            if !plain || order(previous) >= order(encoded) {
                return Err(Fault::Keys);
            }
            previous = encoded;
            map.push((key, self.value(depth_left)?));
        }
        Ok(Value::Map(map))
    }

    /// A major type and its argument, in the shortest of its forms.
    fn head(&mut self) -> Result<(u8, u64), Fault> {
        let [first] = self.next()?;
        let (major, information) = (first >> 5, first & 0b1_1111);
        let (argument, least) = match information {
            short @ 0..24 => (u64::from(short), 0),
            // Floats live in the long forms of major type 7, and none of its simple values needs one.
            _ if major == 7 => return Err(Fault::Unsupported),
            24 => (u64::from(u8::from_be_bytes(self.next()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.next()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.next()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.next()?), 1 << 32),
            _ => return Err(Fault::Unsupported),
        };
        if argument < least { Err(Fault::NotShortest) } else { Ok((major, argument)) }
    }

    fn next<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (next, rest) = self.rest.split_first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(*next)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn simple(argument: u64) -> Result<Value<'static>, Fault> {
    match argument {
        20 => Ok(Value::Bool(false)),
        21 => Ok(Value::Bool(true)),
        22 => Ok(Value::Null),
        _ => Err(Fault::Unsupported),
    }
}

/// CTAP2's order of keys: by major type, then by length, then by bytes. No key is the least.
fn order(encoded: &[u8]) -> (Option<u8>, usize, &[u8]) {
    (encoded.first().map(|first| first >> 5), encoded.len(), encoded)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Writes canonical CBOR; shares nothing with the reader.
    fn write(value: &Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Integer(n @ 0..) => head(0, *n as u64, out),
            Value::Integer(n) => head(1, (-1 - n) as u64, out),
            Value::Bytes(bytes) => {
                head(2, bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Value::Text(text) => {
                head(3, text.len() as u64, out);
                out.extend_from_slice(text.as_bytes());
            }
            Value::Array(array) => {
                head(4, array.len() as u64, out);
                array.iter().for_each(|value| write(value, out));
            }
            Value::Map(map) => {
                head(5, map.len() as u64, out);
                for (key, value) in map {
                    write(key, out);
                    write(value, out);
                }
            }
            Value::Bool(false) => out.push(0xf4),
            Value::Bool(true) => out.push(0xf5),
            Value::Null => out.push(0xf6),
        }
    }

    fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
        let bytes = argument.to_be_bytes();
        match argument {
            0..=0x17 => out.push(major << 5 | argument as u8),
            0x18..=0xff => out.extend([major << 5 | 24, bytes[7]]),
            0x100..=0xffff => out.extend([&[major << 5 | 25], &bytes[6..]].concat()),
            0x1_0000..=0xffff_ffff => out.extend([&[major << 5 | 26], &bytes[4..]].concat()),
            _ => out.extend([&[major << 5 | 27], &bytes[..]].concat()),
        }
    }

    fn written(value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write(value, &mut out);
        out
    }

    /// Keys in CTAP2's order, each once.
    fn sorted(pairs: Vec<(Value<'static>, Value<'static>)>) -> Value<'static> {
        let sorted: BTreeMap<_, _> = pairs
            .into_iter()
            .map(|(key, value)| {
                let encoded = written(&key);
                ((encoded[0] >> 5, encoded.len(), encoded), (key, value))
            })
            .collect();
        Value::Map(sorted.into_values().collect())
    }

    fn key() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![any::<i64>().prop_map(Value::Integer), text()]
    }

    fn text() -> impl Strategy<Value = Value<'static>> {
        "\\PC{0,30}".prop_map(|text| Value::Text(text.leak()))
    }

    fn value() -> impl Strategy<Value = Value<'static>> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            (-300..300i64).prop_map(Value::Integer),
            vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Bytes(bytes.leak())),
            text(),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(DEPTH_MAX as u32, 60, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::Array),
                vec((key(), inner), 0..5).prop_map(sorted),
            ]
        })
    }

    /// Heads, so that random input gets beyond its first byte.
    fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            any::<u8>(),
            prop_oneof![Just(0x81u8), Just(0xa1), Just(0x41), Just(0x61), Just(0x18), Just(0x00)],
        ];
        vec(byte, 0..80)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(value in value(), follows in vec(any::<u8>(), 0..4)) {
            let mut bytes = written(&value);
            prop_assert_eq!(read(&bytes), Ok(value.clone()));
            for short in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..short]), Err(Fault::Truncated));
            }
            bytes.extend(&follows);
            prop_assert_eq!(read_first(&bytes), Ok((value, &follows[..])));
        }

        /// One value, one encoding: whatever is read at all is what would have been written.
        #[test]
        fn what_is_read_is_canonical(bytes in likely_bytes()) {
            if let Ok((value, rest)) = read_first(&bytes) {
                prop_assert_eq!(written(&value), &bytes[..bytes.len() - rest.len()]);
            }
        }

        #[test]
        fn a_flipped_bit_is_no_panic_and_still_canonical(value in value(), at in any::<prop::sample::Index>()) {
            let mut bytes = written(&value);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = read(&bytes) {
                prop_assert_eq!(written(&other), bytes);
            }
        }
    }

    #[test]
    fn what_has_a_second_reading_is_refused() {
        let refused: &[(&[u8], Fault)] = &[
            (&[], Fault::Truncated),
            (&[0x18], Fault::Truncated),
            (&[0x18, 0x17], Fault::NotShortest),
            (&[0x19, 0x00, 0xff], Fault::NotShortest),
            (&[0x1a, 0x00, 0x00, 0xff, 0xff], Fault::NotShortest),
            (&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], Fault::NotShortest),
            (&[0x58, 0x01, 0x00], Fault::NotShortest),
            (&[0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0], Fault::Unsupported),
            (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Fault::Unsupported),
            (&[0x1c], Fault::Unsupported),
            (&[0x5f, 0xff], Fault::Unsupported),
            (&[0x7f, 0xff], Fault::Unsupported),
            (&[0x9f, 0xff], Fault::Unsupported),
            (&[0xbf, 0xff], Fault::Unsupported),
            (&[0xc0, 0x00], Fault::Unsupported),
            (&[0xe0], Fault::Unsupported),
            (&[0xf7], Fault::Unsupported),
            (&[0xf8, 0x20], Fault::Unsupported),
            (&[0xf9, 0x3c, 0x00], Fault::Unsupported),
            (&[0xff], Fault::Unsupported),
            (&[0x61, 0xff], Fault::NotUtf8),
            (&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Fault::Truncated),
            (&[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Fault::Truncated),
            (&[0xa2, 0x01, 0x00, 0x01, 0x00], Fault::Keys),
            (&[0xa2, 0x03, 0x00, 0x01, 0x00], Fault::Keys),
            (&[0xa2, 0x20, 0x00, 0x01, 0x00], Fault::Keys),
            (&[0xa2, 0x62, b'a', b'a', 0x00, 0x61, b'b', 0x00], Fault::Keys),
            (&[0xa1, 0x41, 0x00, 0x00], Fault::Keys),
            (&[0xa1, 0xf5, 0x00], Fault::Keys),
            (&[0x00, 0x00], Fault::Trailing),
        ];
        for (bytes, fault) in refused {
            assert_eq!(read(bytes), Err(*fault), "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |levels| [vec![0x81; levels], vec![0x00]].concat();
        assert!(read(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(read(&nested(DEPTH_MAX + 1)), Err(Fault::TooDeep));
        assert_eq!(read(&nested(1_000_000)), Err(Fault::TooDeep));
        let mut wide = vec![0x9a, 0xff, 0xff, 0xff, 0xff];
        wide.resize(1 << 20, 0x00);
        assert_eq!(read(&wide), Err(Fault::TooMany));
    }
}
