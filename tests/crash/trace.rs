//! What strace wrote of a process, read: every change of the files of one folder, in order, and what was told to anybody.
//!
//! A change counts from the moment its call begins, for it may be on the disk from then on; a sync counts only once its
//! call has returned.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::place::Checked;

/// Every call that can change a file, a name or what somebody knows. What is not understood of them is an error.
pub(crate) const CALLS: &str = "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range,\
ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,\
copy_file_range,sendfile,splice";

/// One step. Names are relative to the folder; the folder itself has the empty name.
#[derive(Debug)]
pub(crate) enum Step {
    Write {
        file: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    Length {
        file: PathBuf,
        length: usize,
    },
    /// What was changed of the file or folder before the step of this number is durable.
    Synced {
        name: PathBuf,
        before: usize,
    },
    Made(PathBuf),
    MadeFolder(PathBuf),
    /// The second name is another one of the first's file.
    Linked(PathBuf, PathBuf),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
    /// Written where somebody reads it: on stdout or stderr.
    Told(Vec<u8>),
}

/// Reads a trace that was made with `-f -y -xx` and these [`CALLS`]. `present` are the names that were there before.
pub(crate) fn read(trace: &str, folder: &Path, present: &[PathBuf]) -> Checked<Vec<Step>> {
    let mut reader = Reader {
        folder,
        present: present.iter().cloned().collect(),
        ends: BTreeMap::new(),
        steps: Vec::new(),
    };
    let mut unfinished: BTreeMap<&str, (String, usize)> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let before = reader.steps.len();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let begun = unfinished.remove(thread);
            if let (Some((start, before)), Some((_, end))) =
                (begun, resumed.split_once(" resumed>"))
            {
                reader.end(&(start + end), before)?;
            }
        } else if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            reader.begin(start)?;
            unfinished.insert(thread, (start.to_owned(), before));
        } else if rest.contains('(') && rest.contains(" = ") {
            reader.begin(rest)?;
            reader.end(rest, before)?;
        }
    }
    Ok(reader.steps)
}

struct Reader<'a> {
    folder: &'a Path,
    /// The names that are there.
    present: BTreeSet<PathBuf>,
    /// Where the next `write` of a file goes to.
    ends: BTreeMap<PathBuf, usize>,
    steps: Vec<Step>,
}

impl Reader<'_> {
    /// What counts as soon as the call begins.
    fn begin(&mut self, text: &str) -> Checked<()> {
        let (name, arguments) = call(text);
        match (name, &arguments[..]) {
            ("write", [to, bytes, ..]) | ("pwrite64", [to, bytes, ..]) => {
                if to.starts_with("1<") || to.starts_with("2<") {
                    self.steps.push(Step::Told(unhex(bytes, text)?));
                } else if let Some(file) = self.opened(to) {
                    let bytes = unhex(bytes, text)?;
                    let at = match (name, arguments.get(3)) {
                        ("pwrite64", Some(at)) => number(at, text)?,
                        _ => {
                            let end = self.ends.entry(file.clone()).or_default();
                            std::mem::replace(end, *end + bytes.len())
                        }
                    };
                    self.steps.push(Step::Write { file, at, bytes });
                }
            }
            ("writev", [to, ..]) if to.starts_with("1<") || to.starts_with("2<") => {
                for part in text.split("iov_base=").skip(1) {
                    let bytes = part.split(',').next().unwrap_or_default();
                    self.steps.push(Step::Told(unhex(bytes, text)?));
                }
            }
            ("ftruncate", [of, length]) => {
                if let Some(file) = self.opened(of) {
                    let length = number(length, text)?;
                    self.steps.push(Step::Length { file, length });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What counts once the call has returned; `before` is the number of its own first step.
    fn end(&mut self, text: &str, before: usize) -> Checked<()> {
        let (name, arguments) = call(text);
        let result = text.rsplit_once(" = ").map_or("", |(_, result)| result);
        let failed = result.starts_with('-') || result.starts_with('?');
        match (name, &arguments[..]) {
            // What is half done would leave the picture incomplete.
            ("write" | "pwrite64", [to, bytes, ..])
                if self.opened(to).is_some() && number(result, text)? * 4 + 2 != bytes.len() =>
            {
                return Err(odd(text));
            }
            ("ftruncate", [of, _]) if failed && self.opened(of).is_some() => return Err(odd(text)),
            ("fsync" | "fdatasync", [of]) if !failed => {
                if let Some(name) = self.opened(of) {
                    self.steps.push(Step::Synced { name, before });
                }
            }
            ("open", [path, flags, ..]) if !failed => self.open(self.named(path), flags, text)?,
            ("openat", [of, path, flags, ..]) if !failed => {
                self.open(self.under(of, path), flags, text)?;
            }
            ("rename", [from, to]) if !failed => self.rename(self.named(from), self.named(to)),
            ("renameat", [a, from, b, to]) | ("renameat2", [a, from, b, to, _]) if !failed => {
                self.rename(self.under(a, from), self.under(b, to));
            }
            ("link", [from, to]) if !failed => self.link(self.named(from), self.named(to)),
            ("linkat", [a, from, b, to, _]) if !failed => {
                self.link(self.under(a, from), self.under(b, to));
            }
            ("unlink", [path]) if !failed => self.remove(self.named(path)),
            ("unlinkat", [of, path, _]) if !failed => self.remove(self.under(of, path)),
            ("mkdir", [path, _]) if !failed => self.make_folder(self.named(path)),
            ("mkdirat", [of, path, _]) if !failed => self.make_folder(self.under(of, path)),
            ("writev", [to, ..]) if self.opened(to).is_none() => {}
            // Any other call that has to do with the folder would leave the picture incomplete.
            (_, of) if !failed && !KNOWN.contains(&name) => {
                let touches = |argument: &&str| {
                    self.opened(argument).is_some() || self.named(argument).is_some()
                };
                if of.iter().any(touches) {
                    return Err(odd(text));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, file: Option<PathBuf>, flags: &str, text: &str) -> Checked<()> {
        let Some(file) = file else { return Ok(()) };
        if flags.contains("O_APPEND") || flags.contains("O_TMPFILE") {
            return Err(odd(text));
        }
        if flags.contains("O_CREAT") && self.present.insert(file.clone()) {
            self.steps.push(Step::Made(file.clone()));
        } else if flags.contains("O_TRUNC") {
            let file = file.clone();
            self.steps.push(Step::Length { file, length: 0 });
        }
        if !flags.contains("O_RDONLY") {
            self.ends.insert(file, 0);
        }
        Ok(())
    }

    fn rename(&mut self, from: Option<PathBuf>, to: Option<PathBuf>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.present.remove(&from);
            self.present.insert(to.clone());
            self.steps.push(Step::Renamed(from, to));
        }
    }

    fn link(&mut self, from: Option<PathBuf>, to: Option<PathBuf>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.present.insert(to.clone());
            self.steps.push(Step::Linked(from, to));
        }
    }

    fn remove(&mut self, file: Option<PathBuf>) {
        if let Some(file) = file {
            self.present.remove(&file);
            self.steps.push(Step::Removed(file));
        }
    }

    fn make_folder(&mut self, folder: Option<PathBuf>) {
        self.steps.extend(folder.map(Step::MadeFolder));
    }

    /// The name of an open file: `4</folder/file>`.
    fn opened(&self, argument: &str) -> Option<PathBuf> {
        let (_, path) = argument.split_once('<')?;
        self.inside(&text_of(path.strip_suffix('>')?)?)
    }

    /// The name that a path leads to; all processes of a trace are at work in the folder.
    fn named(&self, argument: &str) -> Option<PathBuf> {
        let path = argument.strip_prefix('"')?.strip_suffix('"')?;
        self.inside(&text_of(path)?)
    }

    /// The name that a path leads to from an open folder.
    fn under(&self, of: &str, argument: &str) -> Option<PathBuf> {
        let path = text_of(argument.strip_prefix('"')?.strip_suffix('"')?)?;
        let (_, from) = of.split_once('<')?;
        self.inside(Path::new(&text_of(from.strip_suffix('>')?)?).join(path))
    }

    /// A name in the folder that is of interest.
    fn inside(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let path = self.folder.join(path.as_ref());
        let name = path.strip_prefix(self.folder).ok()?;
        is_of_interest(name).then(|| name.to_owned())
    }
}

/// Whether what becomes of a file matters. Neither does of the index of the log, which is made anew, nor of locks, which say
/// nothing, nor of what the test itself put there.
pub(crate) fn is_of_interest(name: &Path) -> bool {
    let shown = name.to_string_lossy();
    let ignored = [".lock", "-shm", ".jsonl", "trace", "busy"];
    !ignored.iter().any(|ending| shown.ends_with(ending)) && !shown.starts_with("strategies")
}

/// The calls that are read, whatever came of them.
const KNOWN: [&str; 16] = [
    "open",
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

/// The name of a call and its arguments: what strings hold is in hexadecimal, so a comma is always one between arguments.
fn call(text: &str) -> (&str, Vec<&str>) {
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let inner = rest.rsplit_once(" = ").map_or(rest, |(inner, _)| inner);
    let inner = inner.trim_end();
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    (name, inner.split(", ").collect())
}

/// The bytes of `"\x00\x01"`.
fn unhex(argument: &str, text: &str) -> Checked<Vec<u8>> {
    let quoted = argument
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    quoted.and_then(bytes_of).ok_or_else(|| odd(text))
}

fn text_of(hex: &str) -> Option<String> {
    String::from_utf8(bytes_of(hex)?).ok()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(hex.len() / 4);
    for four in hex.as_bytes().chunks(4) {
        let [b'\\', b'x', high, low] = *four else {
            return None;
        };
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}

fn number(argument: &str, text: &str) -> Checked<usize> {
    argument.parse().map_err(|_| odd(text))
}

fn odd(text: &str) -> String {
    let start: String = text.chars().take(200).collect();
    format!("the trace has a call that is not understood: {start}")
}
