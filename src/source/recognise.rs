//! What a file is, told by its content and never by its name.

use super::error::{Cause, EXPECTED};
use crate::venue::excerpt;

/// How many bytes are looked at: one block of a tar archive.
pub(super) const HEAD: usize = 512;

/// How the content is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Bzip2,
    Gzip,
    Zstd,
    Tar,
    Zip,
    /// Not at all: these are the lines.
    Plain,
}

impl Packing {
    /// Tells the packing by the first [`HEAD`] bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] if starts_block(rest) => Self::Bzip2,
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            // A frame of data, or one to skip.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ if is_tar(head) => Self::Tar,
            _ => Self::Plain,
        }
    }
}

/// A bzip2 block starts with the digits of π, the end of a stream with those of its root.
fn starts_block(rest: &[u8]) -> bool {
    const BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
    const END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    let seen = &rest[..rest.len().min(6)];
    BLOCK.starts_with(seen) || END.starts_with(seen)
}

/// Newer archives say so; older ones are known by the checksum of their first header.
fn is_tar(head: &[u8]) -> bool {
    if head.get(257..262) == Some(b"ustar") {
        return true;
    }
    let (Some(block), Some(checksum)) = (head.get(..HEAD), head.get(148..156)) else {
        return false;
    };
    let digits: String = checksum
        .iter()
        .map(|&byte| char::from(byte))
        .filter(|letter| !matches!(letter, ' ' | '\0'))
        .collect();
    // The checksum counts itself as spaces.
    let others = block[..148].iter().chain(&block[156..]);
    let sum = others.map(|&byte| u32::from(byte)).sum::<u32>() + 8 * u32::from(b' ');
    block[0] != 0 && u32::from_str_radix(&digits, 8) == Ok(sum)
}

/// Files that people have at hand and hand over by mistake.
const FOREIGN: [(&[u8], &str); 9] = [
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

/// The error for a file whose lines, beginning with `head`, are no messages.
pub(super) fn no_market(head: &[u8]) -> Cause {
    let text = head.trim_ascii();
    let first_line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let (found, hint) = if text.is_empty() {
        ("an empty file".to_owned(), EXPECTED)
    } else if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        let hint = match *name {
            "UTF-16 text" => {
                "Save it as UTF-8: a recording has one JSON message per line with \"op\":\"mcm\"."
            }
            _ if name.ends_with("archive") => "Unpack it, or pack it as tar, zip, bz2, gz or zst.",
            _ => EXPECTED,
        };
        ((*name).to_owned(), hint)
    } else if text.contains(&0) {
        ("binary data".to_owned(), EXPECTED)
    } else if [&b"b'{"[..], b"b\"{", b"{'op'"]
        .iter()
        .any(|mark| holds(text, mark))
    {
        let hint = "Record the bytes themselves, not Python's print of them: \
                    one JSON message per line with \"op\":\"mcm\" and nothing before or after it.";
        ("Python's way of printing messages".to_owned(), hint)
    } else {
        match text[0] {
            b'<' => ("a web page or XML".to_owned(), EXPECTED),
            b'[' => (
                "one JSON array".to_owned(),
                "Write each message on a line of its own: one JSON message per line with \"op\":\"mcm\".",
            ),
            b'{' if first_line.len() < 3 => (
                "JSON spread over several lines".to_owned(),
                "Write each message on one line: one JSON message per line with \"op\":\"mcm\".",
            ),
            b'{' => (
                format!("other JSON: {}", excerpt(first_line, 0, 60)),
                EXPECTED,
            ),
            _ if first_line.iter().filter(|&&byte| byte == b',').count() > 1 => {
                let header = excerpt(first_line, 0, 60);
                (format!("comma-separated values: {header}"), EXPECTED)
            }
            _ => (
                format!("other text: {}", excerpt(first_line, 0, 60)),
                EXPECTED,
            ),
        }
    };
    Cause::NoMarket { found, hint }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_told_by_content() {
        for (head, packing) in [
            (&b"BZh91AY&SY\x00"[..], Packing::Bzip2),
            (b"BZh9\x17\x72\x45\x38\x50\x90", Packing::Bzip2),
            (b"BZh91A", Packing::Bzip2),
            (b"BZh9 is how it starts", Packing::Plain),
            (b"\x1f\x8b\x08\x00", Packing::Gzip),
            (b"\x28\xb5\x2f\xfd", Packing::Zstd),
            (b"PK\x03\x04", Packing::Zip),
            (b"{\"op\":\"mcm\"}", Packing::Plain),
            (b"", Packing::Plain),
            (&[0; HEAD], Packing::Plain),
        ] {
            assert_eq!(Packing::of(head), packing, "{}", excerpt(head, 0, 20));
        }
    }

    #[test]
    fn a_tar_archive_is_told_by_its_word_or_its_checksum() {
        let mut old = tar::Header::new_old();
        old.set_path("1.2").unwrap();
        old.set_size(0);
        old.set_cksum();
        assert_eq!(Packing::of(old.as_bytes()), Packing::Tar);
        let mut ustar = tar::Header::new_ustar();
        ustar.set_path("1.2").unwrap();
        assert_eq!(Packing::of(ustar.as_bytes()), Packing::Tar);
        let mut broken = *old.as_bytes();
        broken[0] += 1;
        assert_eq!(Packing::of(&broken), Packing::Plain);
    }

    #[test]
    fn what_is_no_recording_is_named() {
        for (head, expected) in [
            (&b""[..], "an empty file"),
            (b" \r\n\n", "an empty file"),
            (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
            (b"\xfd7zXZ\0\0\x04", "an xz archive"),
            (b"\xff\xfe{\0\"\0o\0", "UTF-16 text"),
            (b"abc\0def", "binary data"),
            (
                b"2021 - b'{\"op\":\"mcm\"}\\n'",
                "Python's way of printing messages",
            ),
            (b"<!doctype html><p>log in", "a web page or XML"),
            (b"[{\"op\":\"mcm\"},{", "one JSON array"),
            (b"{\r\n  \"op\"", "JSON spread over several lines"),
            (b"{\"a\":1}\n", "other JSON: {\"a\":1}"),
            (
                b"Div,Date,Time\nE0,1,2",
                "comma-separated values: Div,Date,Time",
            ),
            (b"hello\x1b[2J", "other text: hello\\u{1b}[2J"),
        ] {
            match no_market(head) {
                Cause::NoMarket { found, hint } => {
                    assert_eq!(found, expected);
                    assert!(!hint.is_empty());
                }
                other => panic!("{other}"),
            }
        }
    }
}
