//! Lines of a connection: whatever pieces they come in, whole lines go out, and none is longer than it may be.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, ReadHalf};

/// The longest line that is read; the longest that the exchange sends is some megabytes.
const LONGEST_LINE: usize = 32 << 20;

/// Reads lines. What was read of one when reading is broken off is kept for the next time.
pub(super) struct Lines<S> {
    from: ReadHalf<S>,
    buffer: Vec<u8>,
    /// Up to where the buffer was given out.
    start: usize,
    /// Up to where it holds no end of a line.
    scanned: usize,
}

impl<S: AsyncRead> Lines<S> {
    pub(super) const fn new(from: ReadHalf<S>) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
        }
    }

    /// The next line without its end; `None` when the other side has closed.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
                let end = self.scanned + at;
                let line = self.buffer[self.start..end].trim_ascii_end().to_vec();
                self.start = end + 1;
                self.scanned = self.start;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.scanned = self.buffer.len();
            if self.buffer.len() > LONGEST_LINE {
                let what = format!("a line is longer than {} MiB", LONGEST_LINE >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            self.buffer.reserve(64 << 10);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn lines_come_out_whole_whatever_pieces_they_come_in() {
        let text = b"{\"op\":\"a\"}\r\n\r\n{\"op\":\"bb\"}\n{\"half";
        for piece in 1..text.len() {
            let (mut theirs, ours) = tokio::io::duplex(piece);
            let (reader, _writer) = tokio::io::split(ours);
            let writing = tokio::spawn(async move {
                for part in text.chunks(piece) {
                    theirs.write_all(part).await.unwrap();
                }
            });
            let mut lines = Lines::new(reader);
            let mut all = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                all.push(String::from_utf8(line).unwrap());
            }
            writing.await.unwrap();
            assert_eq!(all, ["{\"op\":\"a\"}", "", "{\"op\":\"bb\"}"], "{piece}");
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_given_up() {
        let (mut theirs, ours) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(ours);
        let writing = tokio::spawn(async move {
            let part = vec![b'x'; 1 << 20];
            while theirs.write_all(&part).await.is_ok() {}
        });
        let error = Lines::new(reader).next().await.unwrap_err();
        assert!(error.to_string().contains("longer than 32 MiB"), "{error}");
        // Both halves keep the connection.
        drop(writer);
        writing.await.unwrap();
    }
}
