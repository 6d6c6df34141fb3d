//! Inputs made from good ones: bytes, words and whole parts are changed, left out, doubled and put elsewhere.

use crate::random::Random;

impl Random {
    /// A stream for each input: it can be made again without those before it.
    pub(crate) fn of(seed: u64, target: &str, number: u64) -> Self {
        let name = blake3::hash(format!("{seed} {target} {number}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&name.as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// A place in something so long, and one after it: mostly near.
    fn span(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = [4, 64, length][self.below(3)];
        start..(start + self.below(most + 1)).min(length)
    }
}

/// What stands where a number does: first what is well-formed everywhere.
const NUMBERS: [&str; 28] = [
    "0",
    "1",
    "2",
    "-1",
    "1.01",
    "1.5",
    "1000",
    "1001",
    "0.1",
    "0.125",
    "1.0000000001",
    "99999999.99",
    "1e308",
    "9223372036854775807",
    "18446744073709551615",
    "9007199254740993",
    "-9223372036854775808",
    "1e-320",
    "-0",
    "1e999",
    "NaN",
    "-Infinity",
    "01",
    "+1",
    "1.",
    ".5",
    "null",
    "\"1\"",
];
const WELL_FORMED: usize = 19;

/// What stands where a word or a text does.
const WORDS: [&str; 24] = [
    "",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{feff}",
    "é",
    "😀",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[[[",
    "{\"a\":",
    "/*",
    "--",
    "../../etc/passwd",
    "%s%n",
    "\r\n\r\n",
    "OPEN",
    "2026-02-30T25:61:61Z",
];

/// An input: one of the samples after some changes.
pub(crate) fn input(
    samples: &[Vec<u8>],
    is_text: bool,
    most: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = samples[random.below(samples.len())].clone();
    let changes = [1, 1, 2, 4, 12][random.below(5)];
    for _ in 0..1 + random.below(changes) {
        match is_text && random.below(8) > 0 {
            true => change_words(&mut bytes, samples, random),
            false => change_bytes(&mut bytes, samples, random),
        }
        bytes.truncate(most);
    }
    bytes
}

fn change_bytes(bytes: &mut Vec<u8>, samples: &[Vec<u8>], random: &mut Random) {
    let length = bytes.len();
    match random.below(8) {
        0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
        1 if length > 0 => bytes[random.below(length)] = random.next() as u8,
        // A number of some width.
        2 if length > 8 => {
            let value: u64 = [
                0,
                1,
                0x7f,
                0xff,
                0x7fff,
                0xffff,
                0x7fff_ffff,
                0xffff_ffff,
                u64::MAX,
                random.next(),
            ][random.below(10)];
            let width = [1, 2, 4, 8][random.below(4)];
            let at = random.below(length - width);
            let number = match random.below(2) {
                0 => value.to_le_bytes()[..width].to_vec(),
                _ => value.to_be_bytes()[8 - width..].to_vec(),
            };
            bytes[at..at + width].copy_from_slice(&number);
        }
        3 => _ = bytes.drain(random.span(length)),
        4 => {
            let part = bytes[random.span(length)].to_vec();
            let at = random.below(length + 1);
            bytes.splice(at..at, part);
        }
        5 => {
            let other = &samples[random.below(samples.len())];
            let part = other[random.span(other.len())].to_vec();
            let place = random.span(length);
            bytes.splice(place, part);
        }
        6 => bytes.truncate(random.below(length + 1)),
        _ => {
            let at = random.below(length + 1);
            let count = [1, 16, 300][random.below(3)];
            let byte = [0, b'[', b'{', b'(', b'"', b'9', b' ', b'\n', 0xff][random.below(9)];
            bytes.splice(at..at, std::iter::repeat_n(byte, count));
        }
    }
}

/// Changes a number, a word, or a part between two marks (of a document, a table, a program). Mostly the form stays, so that
/// what is wrong gets past whoever reads the form.
fn change_words(bytes: &mut Vec<u8>, samples: &[Vec<u8>], random: &mut Random) {
    let tokens = tokens(bytes);
    if tokens.is_empty() {
        return change_bytes(bytes, samples, random);
    }
    let token = tokens[random.below(tokens.len())].clone();
    let is_number = |token: &std::ops::Range<usize>| bytes[token.start].is_ascii_digit();
    match random.below(10) {
        // A number by another, or by one that is odd but well-formed.
        0..=3 => {
            let numbers: Vec<_> = tokens.iter().filter(|token| is_number(token)).collect();
            if numbers.is_empty() {
                return;
            }
            let token = numbers[random.below(numbers.len())].clone();
            let with = match random.below(3) {
                0 => bytes[numbers[random.below(numbers.len())].clone()].to_vec(),
                _ => random.pick(&NUMBERS[..WELL_FORMED]).as_bytes().to_vec(),
            };
            bytes.splice(token, with);
        }
        // A word by another of the same input.
        4 | 5 => {
            let words: Vec<_> = tokens
                .iter()
                .filter(|token| is_word(bytes[token.start]) && !is_number(token))
                .collect();
            if words.is_empty() {
                return;
            }
            let token = words[random.below(words.len())].clone();
            let other = bytes[words[random.below(words.len())].clone()].to_vec();
            bytes.splice(token, other);
        }
        6 => {
            let with = match is_number(&token) {
                true => random.pick(&NUMBERS),
                false => random.pick(&WORDS),
            };
            bytes.splice(token, with.bytes());
        }
        7 => {
            let sample = &samples[random.below(samples.len())];
            let others = self::tokens(sample);
            if !others.is_empty() {
                let other = others[random.below(others.len())].clone();
                bytes.splice(token, sample[other].to_vec());
            }
        }
        // From this mark to the next of its kind: left out, doubled, or nested.
        _ => {
            let same = tokens.iter().filter(|other| other.start > token.start);
            let mut same = same.filter(|other| bytes[other.start] == bytes[token.start]);
            let nth = random.below(4);
            let end = same.nth(nth).map_or(bytes.len(), |other| other.start);
            let part = token.start..end;
            let content = bytes[part.clone()].to_vec();
            match random.below(3) {
                0 => _ = bytes.drain(part),
                1 => _ = bytes.splice(end..end, content),
                _ => {
                    let depth = [1, 40, 200][random.below(3)];
                    let [open, close] = [[b'[', b']'], [b'{', b'}'], [b'(', b')']][random.below(3)];
                    let mut nested = vec![open; depth];
                    nested.extend(content);
                    nested.extend(std::iter::repeat_n(close, depth));
                    bytes.splice(part, nested);
                }
            }
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') || byte >= 0x80
}

/// Numbers, words, and marks, each as where it stands.
fn tokens(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        if is_word(bytes[start]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        } else if bytes[start].is_ascii_whitespace() && bytes[start] != b'\n' {
            continue;
        }
        tokens.push(start..at);
    }
    tokens
}
