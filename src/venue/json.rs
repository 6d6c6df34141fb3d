//! A pull parser for JSON: bytes in, borrowed values out. It allocates only for strings with escapes and for errors.
//!
//! It walks a document once, front to back, and hands each member of an object to the caller, who reads the value or
//! skips it. Members that are `null` are never handed over: venues mean the same by null and absent. It is a little
//! more lenient than the standard (leading zeros, control characters in strings): whatever is valid JSON, it reads.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// How deep objects and arrays may nest.
const DEEPEST: u8 = 64;

/// Why a message could not be read, and where.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(Box<Detail>);

#[derive(Clone, PartialEq, Eq)]
struct Detail {
    column: usize,
    field: String,
    cause: String,
}

impl DecodeError {
    /// The byte of the line at which reading failed, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// The member at fault with those around it, such as `mc.rc.ltp`; empty outside any.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// What was expected and what was found.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.0.cause
    }

    pub(super) fn new(at: usize, cause: String) -> Self {
        Self(Box::new(Detail {
            column: at + 1,
            field: String::new(),
            cause,
        }))
    }

    /// The same error, seen from outside the member `key`.
    fn within(mut self, key: &[u8]) -> Self {
        let inner = std::mem::take(&mut self.0.field);
        let key = excerpt(key, 0, 32);
        self.0.field = if inner.is_empty() {
            key
        } else {
            format!("{key}.{inner}")
        };
        self
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.cause),
            field => write!(f, "{field}: {}", self.cause),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError(column {}: {self})", self.column())
    }
}

/// A piece of untrusted bytes fit to be shown: `around` a byte offset, at most `length` characters, with everything
/// that could move a cursor or hide text written as an escape.
#[must_use]
pub(crate) fn excerpt(bytes: &[u8], around: usize, length: usize) -> String {
    let start = around.min(bytes.len()).saturating_sub(length / 2);
    // Four bytes are the longest character.
    let end = bytes.len().min(start.saturating_add(4 * length));
    let text = String::from_utf8_lossy(&bytes[start..end]);
    let mut shown = String::from(if start > 0 { "…" } else { "" });
    for letter in text.chars().take(length) {
        match letter {
            '"' | '\'' | '\\' => shown.push(letter),
            _ => shown.extend(letter.escape_debug()),
        }
    }
    if end < bytes.len() || text.chars().nth(length).is_some() {
        shown.push('…');
    }
    shown
}

/// A decimal number as written: digits × 10^exponent. Digits past the nineteenth are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// Times 10^`decimals`, to the nearest whole number, halves away from zero; `None` if it is too large.
    pub(super) fn scaled(self, decimals: i32) -> Option<i64> {
        let power = self.exponent.saturating_add(decimals);
        let ten = 10_u64.checked_pow(power.unsigned_abs());
        let magnitude = match (power >= 0, ten) {
            _ if self.digits == 0 => 0,
            (true, Some(ten)) => self.digits.checked_mul(ten)?,
            (true, None) => return None,
            (false, Some(ten)) => {
                self.digits / ten + u64::from(self.digits % ten >= ten.div_ceil(2))
            }
            // Under 10^19 / 10^20.
            (false, None) => 0,
        };
        let magnitude = i64::try_from(magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// As [`Self::scaled`], but `None` if anything had to be rounded.
    pub(super) fn exact(self, decimals: i32) -> Option<i64> {
        let value = self.scaled(decimals)?;
        let power = self.exponent.saturating_add(decimals);
        let whole = power >= 0
            || self.digits == 0
            || 10_u64
                .checked_pow(power.unsigned_abs())
                .is_some_and(|ten| self.digits.is_multiple_of(ten));
        whole.then_some(value)
    }
}

/// The parser: a place in a line.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
        }
    }

    /// Reads an object, handing each member that is not null to `member`, which must read or skip its value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open(b'{', "an object")?;
        if self.take(b'}') {
            return self.close();
        }
        loop {
            let key = self.string()?;
            self.token(b':', "\":\"")?;
            if self.peek() == Some(b'n') {
                self.word(b"null")?;
            } else {
                member(self, &key).map_err(|error| error.within(&key))?;
            }
            if self.take(b'}') {
                return self.close();
            }
            self.token(b',', "\",\" or \"}\"")?;
        }
    }

    /// Reads an array, calling `element` at each element, which must read or skip it.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.open(b'[', "an array")?;
        if self.take(b']') {
            return self.close();
        }
        loop {
            element(self)?;
            if self.take(b']') {
                return self.close();
            }
            self.token(b',', "\",\" or \"]\"")?;
        }
    }

    /// Reads past one value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            Some(b'{') => self.object(|scan, _| scan.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.string().map(drop),
            Some(b'n') => self.word(b"null"),
            Some(b't' | b'f') => self.boolean().map(drop),
            _ => self.number("a value").map(drop),
        }
    }

    /// Reads a string; borrowed unless it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, DecodeError> {
        let bytes = self.bytes;
        self.token(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => {
                    return Err(DecodeError::new(
                        start.saturating_sub(1),
                        "a string that does not end".to_owned(),
                    ));
                }
            }
        }
        let end = self.at;
        self.at += 1;
        if !escaped {
            return Ok(Cow::Borrowed(&bytes[start..end]));
        }
        match serde_json::from_slice::<String>(&bytes[start - 1..=end]) {
            Ok(text) => Ok(Cow::Owned(text.into_bytes())),
            Err(_) => Err(self.unexpected(start - 1, "a string with valid escapes")),
        }
    }

    /// Reads a string of UTF-8 text.
    pub(super) fn text(&mut self) -> Result<String, DecodeError> {
        let start = self.start();
        String::from_utf8(self.string()?.into_owned())
            .map_err(|_| self.unexpected(start, "a string in UTF-8"))
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, DecodeError> {
        if self.peek() == Some(b't') {
            self.word(b"true").map(|()| true)
        } else {
            self.word(b"false").map(|()| false)
        }
    }

    /// Reads a number times 10^`decimals`, to the nearest whole; an error asking for `what` if it is not in `range`.
    pub(super) fn number_in(
        &mut self,
        decimals: i32,
        range: RangeInclusive<i64>,
        what: &'static str,
    ) -> Result<i64, DecodeError> {
        self.ranged(what, range, |number| number.scaled(decimals))
    }

    /// As [`Self::number_in`], but an error if anything had to be rounded.
    pub(super) fn exact_in(
        &mut self,
        decimals: i32,
        range: RangeInclusive<i64>,
        what: &'static str,
    ) -> Result<i64, DecodeError> {
        self.ranged(what, range, |number| number.exact(decimals))
    }

    /// As [`Self::number_in`], with `None` for the strings by which a venue writes a number that is not finite.
    pub(super) fn finite_in(
        &mut self,
        decimals: i32,
        range: RangeInclusive<i64>,
        what: &'static str,
    ) -> Result<Option<i64>, DecodeError> {
        if self.peek() != Some(b'"') {
            return self.number_in(decimals, range, what).map(Some);
        }
        let start = self.at;
        match &*self.string()? {
            b"NaN" | b"Infinity" | b"-Infinity" => Ok(None),
            _ => Err(self.unexpected(start, what)),
        }
    }

    fn ranged(
        &mut self,
        what: &'static str,
        range: RangeInclusive<i64>,
        scale: impl Fn(Decimal) -> Option<i64>,
    ) -> Result<i64, DecodeError> {
        let start = self.start();
        let number = self.number(what)?;
        match scale(number) {
            Some(value) if range.contains(&value) => Ok(value),
            _ => Err(self.unexpected(start, what)),
        }
    }

    fn number(&mut self, what: &'static str) -> Result<Decimal, DecodeError> {
        // The most digits that leave room for one more.
        const FULL: u64 = 1_000_000_000_000_000_000;
        let start = self.start();
        let mut number = Decimal {
            negative: self.here(b'-'),
            digits: 0,
            exponent: 0,
        };
        let (mut digits, mut exponent) = (0_u64, 0_i32);
        let before = self.at;
        while let Some(digit) = self.digit() {
            if digits < FULL {
                digits = digits * 10 + digit;
            } else {
                exponent = exponent.saturating_add(1);
            }
        }
        let mut any = self.at > before;
        if any && self.here(b'.') {
            let before = self.at;
            while let Some(digit) = self.digit() {
                if digits < FULL {
                    digits = digits * 10 + digit;
                    exponent = exponent.saturating_sub(1);
                }
            }
            any = self.at > before;
        }
        (number.digits, number.exponent) = (digits, exponent);
        if any && (self.here(b'e') || self.here(b'E')) {
            any = false;
            let down = self.here(b'-');
            if !down {
                self.here(b'+');
            }
            let mut exponent = 0_i32;
            while let Some(digit) = self.digit() {
                any = true;
                exponent = (exponent * 10 + digit as i32).min(1_000_000);
            }
            number.exponent =
                number
                    .exponent
                    .saturating_add(if down { -exponent } else { exponent });
        }
        if any {
            Ok(number)
        } else {
            Err(self.unexpected(start, what))
        }
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected(self.at, "the end of the line")),
        }
    }

    /// Takes one byte of punctuation.
    pub(super) fn token(&mut self, byte: u8, what: &'static str) -> Result<(), DecodeError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected(self.at, what))
        }
    }

    /// Where the next value starts.
    pub(super) fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The error that `what` was expected at a place.
    pub(super) fn unexpected(&self, start: usize, what: &str) -> DecodeError {
        let rest = self.bytes.get(start..).unwrap_or_default();
        // Show the value at fault, not what follows it.
        let end = match rest.first() {
            Some(b'"') => rest[1..]
                .iter()
                .position(|&byte| byte == b'"')
                .map(|at| at + 2),
            _ => rest
                .iter()
                .skip(1)
                .position(|byte| b",:]}\" \t\r".contains(byte))
                .map(|at| at + 1),
        };
        let found = match &rest[..end.unwrap_or(rest.len())] {
            [] => "the line ends".to_owned(),
            value => format!("found {}", excerpt(value, 0, 40)),
        };
        DecodeError::new(start, format!("{found} where {what} was expected"))
    }

    /// The error that a member of the object starting at a place is missing.
    pub(super) fn missing(start: usize, field: &str) -> DecodeError {
        DecodeError::new(start, "this field is missing".to_owned()).within(field.as_bytes())
    }

    fn open(&mut self, byte: u8, what: &'static str) -> Result<(), DecodeError> {
        self.token(byte, what)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(DecodeError::new(
                self.at - 1,
                format!("nested deeper than {DEEPEST} levels"),
            ));
        }
        Ok(())
    }

    /// Leaves an object or array; always succeeds, and returns what its callers do.
    fn close(&mut self) -> Result<(), DecodeError> {
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), DecodeError> {
        let start = self.start();
        if self.bytes[start..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.unexpected(start, "a value"))
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// As `take`, without skipping white space.
    #[inline(always)]
    fn here(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    #[inline(always)]
    fn digit(&mut self) -> Option<u64> {
        let digit = self.bytes.get(self.at)?.wrapping_sub(b'0');
        (digit < 10).then(|| {
            self.at += 1;
            u64::from(digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Scanner::new(text.as_bytes()).number("a number").unwrap()
    }

    fn reads(bytes: &[u8]) -> bool {
        let mut scan = Scanner::new(bytes);
        scan.skip().and_then(|()| scan.end()).is_ok()
    }

    #[test]
    fn decimals_are_scaled_from_their_text() {
        for (text, decimals, expected) in [
            ("1.01", 9, Some(1_010_000_000)),
            ("5.0", 2, Some(500)),
            ("5", 2, Some(500)),
            ("1.2610804758204543", 9, Some(1_261_080_476)),
            ("0.29", 2, Some(29)),
            ("1.005", 2, Some(101)),
            ("1.00499999999999999999999999999", 2, Some(100)),
            ("-0.25", 2, Some(-25)),
            ("-0.005", 2, Some(-1)),
            ("12e-1", 0, Some(1)),
            ("1.5E+3", 0, Some(1500)),
            ("1e-400", 9, Some(0)),
            ("0e999999999999", 9, Some(0)),
            ("1e400", 0, None),
            ("123456789012345678901234567890", 0, None),
            ("123456789012345678901234567890e-20", 0, Some(1_234_567_890)),
        ] {
            assert_eq!(decimal(text).scaled(decimals), expected, "{text}");
        }
        assert_eq!(decimal("5.0").exact(0), Some(5));
        assert_eq!(decimal("5.5").exact(0), None);
        assert_eq!(decimal("0.125").exact(2), None);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in ["", "-", ".5", "5.", "1e", "1e+", "abc", "+1"] {
            assert!(!reads(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn strings_are_borrowed_unless_they_have_escapes() {
        let string = |text: &'static str| Scanner::new(text.as_bytes()).string();
        assert!(matches!(string(r#""plain""#), Ok(Cow::Borrowed(b"plain"))));
        assert_eq!(&*string(r#""a\"b\u00e9""#).unwrap(), "a\"bé".as_bytes());
        for bad in [r#""no end"#, r#""\"#, r#""\x""#, r#""\ud800""#, "5"] {
            assert!(string(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn depth_has_a_limit_and_the_stack_survives() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(reads(nested(64).as_bytes()));
        assert!(!reads(nested(65).as_bytes()));
        assert!(!reads("[".repeat(1_000_000).as_bytes()));
        assert!(!reads(r#"{"a":"#.repeat(1_000_000).as_bytes()));
    }

    #[test]
    fn an_excerpt_is_short_and_safe_to_print() {
        assert_eq!(excerpt(b"\x1b[2J\r\n\"x\"", 0, 60), "\\u{1b}[2J\\r\\n\"x\"");
        assert_eq!(excerpt("\u{202e}abc".as_bytes(), 0, 60), "\\u{202e}abc");
        assert_eq!(excerpt(b"0123456789", 8, 4), "…6789");
        assert_eq!(excerpt(b"0123456789", 0, 4), "0123…");
        assert_eq!(excerpt(b"", 9, 4), "");
    }

    proptest! {
        #[test]
        fn scaling_agrees_with_whole_number_arithmetic(digits in 0_u64..1_000_000_000_000_000, exponent in -20_i32..3, negative: bool) {
            let sign = if negative { "-" } else { "" };
            let number = decimal(&format!("{sign}{digits}e{exponent}"));
            let power = 10_i128.pow((exponent + 9).unsigned_abs());
            let magnitude = if exponent + 9 >= 0 {
                i128::from(digits) * power
            } else {
                (2 * i128::from(digits) + power) / (2 * power)
            };
            let expected = i64::try_from(if negative { -magnitude } else { magnitude }).ok();
            prop_assert_eq!(number.scaled(9), expected);
        }

        #[test]
        fn whatever_is_json_is_read(text in r#"[\[\]{}:,"0-9.eE+\- a-z\\]{0,24}"#) {
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
                prop_assert!(reads(text.as_bytes()), "{}", text);
            }
        }

        #[test]
        fn every_written_value_is_read(names in proptest::collection::vec(".*", 0..4), number: f64, flag: bool) {
            let value = serde_json::json!({ "a": [names, { "b": number }], "c": flag, "d": null, "e": [[], {}] });
            prop_assert!(reads(value.to_string().as_bytes()));
            prop_assert!(reads(serde_json::to_string_pretty(&value).unwrap().as_bytes()));
        }

        #[test]
        fn an_excerpt_never_holds_a_control_character(bytes in proptest::collection::vec(any::<u8>(), 0..300), around in 0_usize..400) {
            let shown = excerpt(&bytes, around, 60);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= 60 * 10 + 2);
        }
    }
}
