//! From a file to the recordings in it: decompresses and walks archives as streams, in constant memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::{Cause, SourceError};
use super::recognise::{HEAD, Packing};
use super::recording::Recording;
use super::season;
use super::session::{self, Session};
use crate::venue::excerpt;

/// How many packings may lie around one another; a `.tar.gz` of `.bz2` has three.
const DEEPEST: u8 = 6;

/// Opens a file and calls `each` for every recording in it, in order, until it breaks.
///
/// A file is one recording, or an archive (tar, zip) of several; each may be compressed (bz2, gz, zst), also the
/// archive as a whole. What it is is told by its content. Hidden members of an archive are skipped.
///
/// # Errors
/// If the file cannot be opened or an archive cannot be walked further. What is wrong inside one recording is told by
/// [`Recording::next`], and the walk goes on.
pub fn visit(
    path: &Path,
    each: &mut dyn FnMut(&mut Recording<'_>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    for piece in pieces(path) {
        if piece?.visit(each)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// A part of a file that can be read by itself: a member of a tar archive, or any other file as a whole.
#[derive(Clone, Debug)]
pub struct Piece {
    file: PathBuf,
    folder: String,
    name: String,
    member: Option<Range<u64>>,
}

/// What a file is made of, in order. Only a plain tar archive is taken apart: there, finding the members costs next to
/// nothing. An error, of an archive that cannot be walked further, is the last.
#[must_use]
pub fn pieces(path: &Path) -> Vec<Result<Piece, SourceError>> {
    let full = excerpt(path.as_os_str().as_encoded_bytes(), 0, 4096);
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = excerpt(name.as_encoded_bytes(), 0, 4096);
    let whole = Piece {
        file: path.to_owned(),
        folder: full.strip_suffix(&name).unwrap_or_default().to_owned(),
        name,
        member: None,
    };
    if session::is_session(path) {
        return vec![Ok(whole)];
    }
    // What cannot be opened says so when it is read.
    match whole.opened() {
        Ok(file) if starts_as_tar(&file) => whole.members(file),
        _ => vec![Ok(whole)],
    }
}

impl Piece {
    /// Bytes of it, as they are on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.member {
            Some(bytes) => bytes.end - bytes.start,
            None if session::is_session(&self.file) => session::size(&self.file),
            None => std::fs::metadata(&self.file).map_or(0, |meta| meta.len()),
        }
    }

    /// Calls `each` for every recording in it, in order, until it breaks.
    ///
    /// # Errors
    /// As those of [`visit`].
    pub fn visit(
        &self,
        each: &mut dyn FnMut(&mut Recording<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, SourceError> {
        let mut visit = Visit {
            folder: self.folder.clone(),
            each,
            read: Rc::default(),
            in_archive: false,
        };
        if session::is_session(&self.file) {
            let read = Rc::clone(&visit.read);
            let session = Session::open(&self.file, read)
                .map_err(|error| self.error(Cause::Unreadable(error)))?;
            return visit.open(&self.name, Box::new(session), 0);
        }
        let mut file = self.opened()?;
        if let Some(bytes) = &self.member {
            file.seek(SeekFrom::Start(bytes.start))
                .map_err(|error| visit.error(&self.name, Cause::of(error)))?;
            let left = bytes.end - bytes.start;
            let inner = visit.metered(file).take(left);
            return visit.open(&self.name, Box::new(Whole { inner, left }), 1);
        }
        let input = Peeked::new(Box::new(visit.metered(file)));
        match Packing::of(&input.head) {
            // The list of its members stands at its end, so it is read from the file itself.
            Packing::Zip => visit.zip(&self.name, self.opened()?),
            packing => visit.unpack(&self.name, packing, input, 0),
        }
    }

    fn opened(&self) -> Result<File, SourceError> {
        File::open(&self.file).map_err(|error| {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => Cause::NotFound,
                _ => Cause::Unreadable(error),
            };
            self.error(cause)
        })
    }

    fn error(&self, cause: Cause) -> SourceError {
        SourceError::new(format!("{}{}", self.folder, self.name), cause)
    }

    /// The members of this file, a tar archive.
    fn members(&self, file: File) -> Vec<Result<Self, SourceError>> {
        let mut pieces = Vec::new();
        let length = file.metadata().map_or(u64::MAX, |meta| meta.len());
        let mut archive = tar::Archive::new(file);
        let listed = archive.entries_with_seek().and_then(|mut members| {
            members.try_for_each(|member| {
                let member = member?;
                let start = member.raw_file_position();
                let end = start.saturating_add(member.size());
                if is_recording(&member) {
                    let path = member_name(&member.path_bytes());
                    pieces.push(Ok(Self {
                        name: format!("{}/{path}", self.name),
                        member: Some(start..end),
                        ..self.clone()
                    }));
                }
                // Seeking past the end is no error by itself.
                if end > length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(())
            })
        });
        match listed {
            Err(error) => pieces.push(Err(self.error(damaged(error)))),
            Ok(()) if pieces.is_empty() => pieces.push(Err(self.error(Cause::NoFiles))),
            Ok(()) => {}
        }
        pieces
    }
}

/// Whether a file is a plain tar archive. It stands at its start afterwards.
fn starts_as_tar(mut file: &File) -> bool {
    let mut head = Vec::with_capacity(HEAD);
    let read = (&mut file).take(HEAD as u64).read_to_end(&mut head);
    read.is_ok() && Packing::of(&head) == Packing::Tar && file.rewind().is_ok()
}

/// Whether a member of a tar archive is to be played.
fn is_recording<R: Read>(member: &tar::Entry<'_, R>) -> bool {
    member.header().entry_type().is_file() && !is_hidden(&member.path_bytes())
}

/// What is wrong with a tar archive: the crate does not tell an early end from damage by kind.
fn damaged(error: io::Error) -> Cause {
    match Cause::of(error) {
        Cause::Damaged(text) if text.contains("EOF") || text.contains("entire block") => {
            Cause::Truncated
        }
        cause => cause,
    }
}

struct Visit<'v> {
    /// The path up to the file's name.
    folder: String,
    each: &'v mut dyn FnMut(&mut Recording<'_>) -> ControlFlow<()>,
    read: Rc<Cell<u64>>,
    /// What is visited has others beside it in the same piece.
    in_archive: bool,
}

type Walk = Result<ControlFlow<()>, SourceError>;

impl Visit<'_> {
    /// Takes one layer of packing off; the innermost is a recording.
    fn unpack(&mut self, name: &str, packing: Packing, input: Peeked<'_>, depth: u8) -> Walk {
        if depth > DEEPEST {
            let cause = Cause::Packing("archives inside archives, too many to be meant");
            return Err(self.error(name, cause));
        }
        let inner: Box<dyn Read + '_> = match packing {
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(BufReader::new(input))),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(input))),
            Packing::Zstd => match zstd::Decoder::new(input) {
                Ok(decoder) => Box::new(decoder),
                Err(error) => return Err(self.error(name, Cause::of(error))),
            },
            Packing::Tar => return self.tar(name, input, depth),
            Packing::Zip => {
                let cause = Cause::Packing("a zip inside another archive");
                return Err(self.error(name, cause));
            }
            Packing::Plain => {
                let path = format!("{}{name}", self.folder);
                let read = Rc::clone(&self.read);
                let is_season = season::is_season(&input.head);
                let mut recording = Recording::new(name.to_owned(), path, Box::new(input), read);
                if is_season {
                    recording = recording.of_season();
                }
                recording.is_alone = !self.in_archive;
                return Ok((self.each)(&mut recording));
            }
        };
        self.open(name, inner, depth + 1)
    }

    fn open(&mut self, name: &str, input: Box<dyn Read + '_>, depth: u8) -> Walk {
        let input = Peeked::new(input);
        self.unpack(name, Packing::of(&input.head), input, depth)
    }

    fn tar(&mut self, name: &str, input: Peeked<'_>, depth: u8) -> Walk {
        self.in_archive = true;
        let mut archive = tar::Archive::new(input);
        let members = archive
            .entries()
            .map_err(|error| self.error(name, damaged(error)))?;
        let mut any = false;
        for member in members {
            let member = member.map_err(|error| self.error(name, damaged(error)))?;
            if !is_recording(&member) {
                continue;
            }
            any = true;
            let inner = format!("{name}/{}", member_name(&member.path_bytes()));
            let member = Whole {
                left: member.size(),
                inner: member,
            };
            if self.open(&inner, Box::new(member), depth + 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.unless_empty(name, any)
    }

    fn zip(&mut self, name: &str, file: File) -> Walk {
        let damaged = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(error) => Cause::of(error),
            error => Cause::Damaged(error.to_string()),
        };
        self.in_archive = true;
        let file = BufReader::new(self.metered(file));
        let mut archive =
            zip::ZipArchive::new(file).map_err(|error| self.error(name, damaged(error)))?;
        let mut any = false;
        for index in 0..archive.len() {
            let member = archive
                .by_index(index)
                .map_err(|error| self.error(name, damaged(error)))?;
            let path = member.name_raw().to_owned();
            if !member.is_file() || is_hidden(&path) {
                continue;
            }
            any = true;
            let inner = format!("{name}/{}", member_name(&path));
            if self.open(&inner, Box::new(member), 1)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.unless_empty(name, any)
    }

    fn unless_empty(&self, name: &str, any: bool) -> Walk {
        if any {
            Ok(ControlFlow::Continue(()))
        } else {
            Err(self.error(name, Cause::NoFiles))
        }
    }

    fn metered(&self, file: File) -> Metered {
        self.read.set(0);
        Metered {
            file,
            read: Rc::clone(&self.read),
        }
    }

    fn error(&self, name: &str, cause: Cause) -> SourceError {
        SourceError::new(format!("{}{name}", self.folder), cause)
    }
}

fn member_name(path: &[u8]) -> String {
    excerpt(path.strip_prefix(b"./").unwrap_or(path), 0, 1024)
}

/// Whether a member is one that file managers add and do not show.
fn is_hidden(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| {
        (part.starts_with(b".") && part != b"." && part != b"..") || part == b"__MACOSX"
    })
}

/// A file that counts the bytes read from it.
struct Metered {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// A reader whose first bytes have been looked at. An error met then is kept for its place.
struct Peeked<'a> {
    head: Vec<u8>,
    given: usize,
    error: Option<io::Error>,
    inner: Box<dyn Read + 'a>,
}

impl<'a> Peeked<'a> {
    fn new(mut inner: Box<dyn Read + 'a>) -> Self {
        let mut head = Vec::with_capacity(HEAD);
        let error = (&mut inner).take(HEAD as u64).read_to_end(&mut head).err();
        Self {
            head,
            given: 0,
            error,
            inner,
        }
    }
}

impl Read for Peeked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given < self.head.len() {
            let count = (&self.head[self.given..]).read(into)?;
            self.given += count;
            return Ok(count);
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.inner.read(into),
        }
    }
}

/// A member of an archive, which fails if it ends before the length its header gives.
struct Whole<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        if count == 0 && !into.is_empty() && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
