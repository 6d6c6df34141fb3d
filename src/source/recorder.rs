//! The recorder: what a feed sent, written to disk as it came, in parts of bounded size in bounded space.
//!
//! A recording is a folder of parts, `part-0001.jsonl.zst` and so on, that are one text when read one after the other. The
//! writing has a thread of its own and never holds up whoever brings lines: what it cannot take is counted as lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many lines may wait for the disk.
const WAITING: usize = 16_384;
/// How often what was written is made to reach the file.
const FLUSH: Duration = Duration::from_secs(1);
/// How often the space is looked at.
const LOOK: Duration = Duration::from_secs(10);
const LEVEL: i32 = 3;

/// How much room a recorder takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Holds the recordings, each in a folder of its own.
    pub folder: PathBuf,
    /// Whether parts are packed with zstd.
    pub compress: bool,
    /// Bytes after which a part is ended and the next one begun.
    pub part_bytes: u64,
    /// Bytes that all recordings together may take: the oldest parts go first.
    pub total_bytes: u64,
    /// Bytes that must stay free on the disk; with less, nothing is recorded.
    pub free_bytes: u64,
}

/// How a recorder is doing. Its clones are one.
#[derive(Clone, Debug, Default)]
pub struct RecorderHealth(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    lines: AtomicU64,
    lost: AtomicU64,
    bytes: AtomicU64,
    dropped_parts: AtomicU64,
    trouble: Mutex<Option<String>>,
    /// When the line that is being written came; none while nothing waits.
    writing: Mutex<Option<Instant>>,
}

impl RecorderHealth {
    /// Lines written.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.lines.load(Ordering::Relaxed)
    }

    /// Lines that were not written. The recording has a hole where they were.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Bytes handed to the disk, packed as they are there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Old parts that were deleted to keep within the room.
    #[must_use]
    pub fn dropped_parts(&self) -> u64 {
        self.0.dropped_parts.load(Ordering::Relaxed)
    }

    /// How long the next line has waited to be written.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let came = *self.writing();
        came.map_or(Duration::ZERO, |came| came.elapsed())
    }

    fn writing(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let writing = &self.0.writing;
        writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing is written at present.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, lines: u64) {
        self.0.lost.fetch_add(lines, Ordering::Relaxed);
    }
}

/// Takes lines to be recorded. Dropping it ends the recording in order.
#[derive(Debug)]
pub struct Recorder {
    queue: Option<SyncSender<(Instant, Vec<u8>)>>,
    thread: Option<JoinHandle<()>>,
    health: RecorderHealth,
    folder: PathBuf,
}

impl Recorder {
    /// Begins the recording `name`. Nothing of an earlier one of that name is overwritten.
    ///
    /// # Errors
    /// If its folder or first part cannot be made.
    pub fn begin(room: &Room, name: &str) -> io::Result<Self> {
        let folder = room.folder.join(name);
        fs::create_dir_all(&folder)?;
        let health = RecorderHealth::default();
        let writer = Writer::new(room.clone(), folder.clone(), health.clone())?;
        let (queue, lines) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&lines))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            health,
            folder,
        })
    }

    /// Where it records.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> RecorderHealth {
        self.health.clone()
    }

    /// Records a line, given without its ending. False if it was lost because the disk does not keep up.
    pub fn line(&self, line: Vec<u8>) -> bool {
        let came = Instant::now();
        let sent = self.queue.as_ref();
        let sent = sent.map(|queue| queue.try_send((came, line)));
        match sent {
            Some(Ok(())) => true,
            None | Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) => {
                self.health.lose(1);
                false
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A part being written.
enum Part {
    Plain(Counting),
    Packed(Box<zstd::Encoder<'static, Counting>>),
}

impl Part {
    fn make(path: &Path, compress: bool, health: &RecorderHealth) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let counting = Counting {
            file: BufWriter::new(file),
            written: 0,
            health: health.clone(),
        };
        Ok(match compress {
            true => Self::Packed(Box::new(zstd::Encoder::new(counting, LEVEL)?)),
            false => Self::Plain(counting),
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let out: &mut dyn Write = match self {
            Self::Plain(out) => out,
            Self::Packed(out) => out,
        };
        out.write_all(line)?;
        out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Packed(out) => out.flush(),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Plain(out) => out.written,
            Self::Packed(out) => out.get_ref().written,
        }
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Packed(out) => out.finish()?.flush(),
        }
    }
}

/// A file that knows how much went into it.
struct Counting {
    file: BufWriter<File>,
    written: u64,
    health: RecorderHealth,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        self.health
            .0
            .bytes
            .fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The thread's side.
struct Writer {
    room: Room,
    folder: PathBuf,
    health: RecorderHealth,
    part: Option<Part>,
    number: u32,
    flushed_at: Instant,
    looked_at: Option<Instant>,
}

impl Writer {
    fn new(room: Room, folder: PathBuf, health: RecorderHealth) -> io::Result<Self> {
        let mut writer = Self {
            room,
            folder,
            health,
            part: None,
            number: 0,
            flushed_at: Instant::now(),
            looked_at: None,
        };
        writer.begin_part()?;
        Ok(writer)
    }

    fn run(mut self, lines: &Receiver<(Instant, Vec<u8>)>) {
        loop {
            let done = match lines.recv_timeout(FLUSH) {
                Ok((came, line)) => {
                    *self.health.writing() = Some(came);
                    self.take(&line)
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let kept = done.and_then(|()| self.tend());
            self.tell(kept);
            *self.health.writing() = None;
        }
        let ended = self.part.take().map_or(Ok(()), Part::end);
        self.tell(ended);
    }

    /// Says what is wrong, or that nothing is.
    fn tell(&mut self, done: io::Result<()>) {
        match done {
            Ok(()) if self.part.is_some() => *self.health.lock() = None,
            Ok(()) => {}
            Err(error) => {
                // What was begun may be cut short: it is never written to again.
                self.part = None;
                let folder = self.folder.display();
                *self.health.lock() = Some(format!("nothing is recorded in {folder}: {error}"));
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(part) = &mut self.part else {
            self.health.lose(1);
            return Ok(());
        };
        if let Err(error) = part.write(line) {
            self.health.lose(1);
            return Err(error);
        }
        self.health.0.lines.fetch_add(1, Ordering::Relaxed);
        if part.bytes() >= self.room.part_bytes {
            if let Some(full) = self.part.take() {
                full.end()?;
            }
            self.looked_at = None;
            self.begin_part()?;
        }
        Ok(())
    }

    fn tend(&mut self) -> io::Result<()> {
        if self.flushed_at.elapsed() >= FLUSH {
            self.flushed_at = Instant::now();
            if let Some(part) = &mut self.part {
                part.flush()?;
            }
        }
        if self.looked_at.is_none_or(|at| at.elapsed() >= LOOK) {
            self.looked_at = Some(Instant::now());
            self.keep_room()?;
            if self.part.is_none() {
                self.begin_part()?;
            }
        }
        Ok(())
    }

    fn begin_part(&mut self) -> io::Result<()> {
        let extension = if self.room.compress {
            "jsonl.zst"
        } else {
            "jsonl"
        };
        loop {
            self.number += 1;
            let path = self
                .folder
                .join(format!("part-{:04}.{extension}", self.number));
            match Part::make(&path, self.room.compress, &self.health) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    self.part = Some(made?);
                    return Ok(());
                }
            }
        }
    }

    /// Deletes the oldest parts until the rest fits, and fails while the disk is nearly full.
    fn keep_room(&mut self) -> io::Result<()> {
        let mut parts = parts_below(&self.room.folder)?;
        let mut total: u64 = parts.iter().map(|part| part.bytes).sum();
        parts.sort_by(|a, b| (a.changed, &a.path).cmp(&(b.changed, &b.path)));
        let mut oldest = parts.into_iter();
        while total > self.room.total_bytes || free(&self.room.folder)? < self.room.free_bytes {
            let Some(part) = oldest.next() else { break };
            // The part being written is the newest, and stays.
            if oldest.len() == 0 {
                break;
            }
            fs::remove_file(&part.path)?;
            if let Some(folder) = part.path.parent() {
                // Goes only when nothing is left in it.
                let _ = fs::remove_dir(folder);
            }
            total -= part.bytes;
            self.health.0.dropped_parts.fetch_add(1, Ordering::Relaxed);
        }
        let left = free(&self.room.folder)?;
        if left < self.room.free_bytes {
            self.part.take().map_or(Ok(()), Part::end)?;
            return Err(io::Error::other(format!(
                "{} MiB are free on the disk, and {} must stay free",
                left >> 20,
                self.room.free_bytes >> 20
            )));
        }
        Ok(())
    }
}

/// A part on disk.
struct OnDisk {
    path: PathBuf,
    bytes: u64,
    changed: std::time::SystemTime,
}

/// The parts of all recordings. Other files are none of ours, and are left alone.
fn parts_below(folder: &Path) -> io::Result<Vec<OnDisk>> {
    let mut found = Vec::new();
    for recording in fs::read_dir(folder)? {
        let recording = recording?.path();
        if !recording.is_dir() {
            continue;
        }
        for path in parts_of(&recording)? {
            let about = fs::metadata(&path)?;
            found.push(OnDisk {
                path,
                bytes: about.len(),
                changed: about.modified()?,
            });
        }
    }
    Ok(found)
}

/// The parts of one recording, in order.
///
/// # Errors
/// If its folder cannot be read.
pub fn parts_of(recording: &Path) -> io::Result<Vec<PathBuf>> {
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("part-") && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
    };
    let mut parts = Vec::new();
    for entry in fs::read_dir(recording)? {
        let path = entry?.path();
        if is_part(&path) {
            parts.push(path);
        }
    }
    parts.sort();
    Ok(parts)
}

/// Bytes that are free for us on the disk of a folder.
///
/// # Errors
/// If the system does not say.
#[cfg(unix)]
pub fn free(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Elsewhere it is not known.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn free(_folder: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(folder: &Path, compress: bool) -> Room {
        Room {
            folder: folder.to_owned(),
            compress,
            part_bytes: 1_000,
            total_bytes: 1 << 20,
            free_bytes: 0,
        }
    }

    fn text(folder: &Path) -> String {
        let mut text = String::new();
        for part in parts_of(folder).unwrap() {
            let bytes = fs::read(&part).unwrap();
            let bytes = match part.extension().unwrap().to_str() {
                Some("zst") => zstd::decode_all(&bytes[..]).unwrap(),
                _ => bytes,
            };
            text.push_str(&String::from_utf8(bytes).unwrap());
        }
        text
    }

    #[test]
    fn parts_one_after_the_other_are_what_came() {
        for compress in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let recorder = Recorder::begin(&room(folder.path(), compress), "a").unwrap();
            let lines: Vec<String> = (0..500)
                .map(|i| format!("{{\"n\":{}}}", i * 7919))
                .collect();
            for line in &lines {
                assert!(recorder.line(line.clone().into_bytes()));
            }
            let health = recorder.health();
            let place = recorder.folder().to_owned();
            drop(recorder);
            assert_eq!((health.lines(), health.lost()), (500, 0));
            assert_eq!(text(&place), lines.join("\n") + "\n");
            let parts = parts_of(&place).unwrap();
            assert!(compress || parts.len() > 3, "{parts:?}");
            assert_eq!(health.trouble(), None);

            let again = Recorder::begin(&room(folder.path(), compress), "a").unwrap();
            drop(again);
            assert_eq!(parts_of(&place).unwrap().len(), parts.len() + 1);
        }
    }

    #[test]
    fn the_oldest_parts_go_when_there_is_no_room_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let tight = Room {
            total_bytes: 3_000,
            ..room(folder.path(), false)
        };
        let foreign = folder.path().join("a/notes.txt");
        let recorder = Recorder::begin(&tight, "a").unwrap();
        fs::write(&foreign, vec![b'x'; 9_000]).unwrap();
        for n in 0..2_000 {
            recorder.line(format!("line {n}").into_bytes());
        }
        let (health, place) = (recorder.health(), recorder.folder().to_owned());
        drop(recorder);
        assert!(health.dropped_parts() > 5);
        let kept = text(&place);
        assert!(kept.ends_with("line 1999\n") && !kept.contains("line 1\n"));
        // One part may be full that was not looked at yet.
        assert!(kept.len() <= 5_000, "{}", kept.len());
        assert!(foreign.exists());
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let full = Room {
            free_bytes: u64::MAX,
            ..room(folder.path(), true)
        };
        let recorder = Recorder::begin(&full, "a").unwrap();
        for n in 0..100 {
            recorder.line(format!("line {n}").into_bytes());
        }
        let health = recorder.health();
        drop(recorder);
        assert!(health.lost() >= 99, "{}", health.lost());
        assert!(health.trouble().unwrap().contains("must stay free"));
    }
}
