//! The log: one place that sets it up, and through which everything on stderr and in the log's file passes.
//!
//! ```text
//!  event ──► filter ──► fields, each cut ──► the same again? count it ──► secrets out ──► stderr, file
//! ```
//!
//! What comes from outside (names of runners, words of venues and scripts) cannot break a line or paint a terminal:
//! control characters are written out, and no field is longer than [`line::LONGEST`].

mod file;
mod line;
mod repeats;

use std::fmt;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::{self, Level, Log, LogFormat, redact};
use file::LogFile;
pub use line::is_control;
use line::{Fields, Line};
use repeats::Repeats;

/// The filter of the log that runs.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
/// The log that runs.
static SINK: OnceLock<Sink> = OnceLock::new();

/// The run that lines belong to, and where its bets go.
static RUN: RwLock<Option<(i64, &'static str)>> = RwLock::new(None);

/// Whether colours were asked for, or forbidden.
static COLOUR: OnceLock<bool> = OnceLock::new();

/// Says whether to use colours; `None` looks for a terminal and `NO_COLOR`. Called before [`start`].
pub fn colour(wanted: Option<bool>) {
    if let Some(wanted) = wanted {
        let _ = COLOUR.set(wanted);
    }
}

/// Whether stderr is painted.
fn is_coloured() -> bool {
    let permitted = || std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let wanted = COLOUR.get().copied();
    wanted.unwrap_or_else(|| permitted() && std::io::stderr().is_terminal())
}

/// Where lines go, and what was said lately.
#[derive(Debug)]
struct Sink {
    is_json: bool,
    is_coloured: bool,
    /// Whether each line begins with its priority: the journal of the system takes it off again.
    is_journal: bool,
    file: Mutex<Option<LogFile>>,
    repeats: Mutex<Repeats>,
}

/// Starts the log of this process. `RUST_LOG`, where set, has the last word on the level. A log that runs already goes on.
///
/// # Errors
/// If its file cannot be opened.
pub fn start(settings: &Log) -> Result<(), std::io::Error> {
    let file = match config::named(&settings.file) {
        Some(path) => Some(open(path, settings)?),
        None => None,
    };
    let sink = Sink {
        is_json: is_json(settings),
        is_coloured: is_coloured(),
        is_journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        file: Mutex::new(file),
        repeats: Mutex::default(),
    };
    if SINK.set(sink).is_err() {
        return Ok(());
    }
    let (filter, handle) = reload::Layer::new(filter(settings.level));
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(ToSink)
        .try_init();
    if started.is_ok() {
        let _ = FILTER.set(handle);
    }
    Ok(())
}

fn open(path: &Path, settings: &Log) -> std::io::Result<LogFile> {
    let most = u64::from(settings.file_max_mib) << 20;
    LogFile::open(path, most, settings.file_keep)
}

fn filter(level: Level) -> EnvFilter {
    let level = level.as_str();
    EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .parse_lossy(std::env::var("RUST_LOG").unwrap_or_else(|_| format!("warn,bea={level}")))
}

/// Lines in JSON name this run and mode from here on.
pub fn of_run(run: i64, mode: &'static str) {
    *RUN.write().unwrap_or_else(PoisonError::into_inner) = Some((run, mode));
}

/// Shows another level from here on.
pub fn set_level(level: Level) {
    if let Some(handle) = FILTER.get() {
        // It fails only if there is no log any more.
        let _ = handle.reload(filter(level));
    }
}

/// Begins the log's file anew where it lies, for a program that has moved the old one away.
pub fn reopen() {
    let Some(sink) = SINK.get() else { return };
    let mut file = sink.file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &mut *file {
        file.reopen();
    }
}

/// Whether everything on stderr is JSON, one document a line.
#[must_use]
pub fn is_json(settings: &Log) -> bool {
    match settings.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Human => false,
        LogFormat::Json => true,
    }
}

/// Says something in plain words on stderr, and keeps it in the log's file.
pub fn say(level: tracing::Level, text: &dyn fmt::Display) {
    let text = text.to_string();
    print(&line::written_out(&redact(&text), true));
    if let Some(sink) = SINK.get() {
        let line = Line::of_host(level, text);
        sink.keep(&redact(&line.as_json()));
    }
}

/// Prints a line on stderr. Nobody may be there to read it, and that must not end a run.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

impl Sink {
    fn take(&self, line: Line) {
        let shown = {
            let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            repeats.pass(line, Instant::now())
        };
        for line in shown {
            self.write(&line);
        }
    }

    fn write(&self, line: &Line) {
        let json = line.as_json();
        let json = redact(&json);
        self.keep(&json);
        let shown = match self.is_json {
            true => json.into_owned(),
            false => redact(&line.as_text(self.is_coloured)).into_owned(),
        };
        match self.is_journal {
            true => print(&format!("<{}>{shown}", line.priority())),
            false => print(&shown),
        }
    }

    /// Adds a line to the file, if there is one.
    fn keep(&self, json: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &mut *file else { return };
        if let Err(error) = open.write(json) {
            let path = open.path().display();
            print(&format!(
                "{path}: the log's file cannot be written any more: {error}"
            ));
            *file = None;
        }
    }
}

/// The layer that hands events to the sink.
struct ToSink;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToSink {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(sink) = SINK.get() else { return };
        let mut fields = Fields::default();
        // What the event belongs to: a request, a market.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add_outer(outer);
            }
        }
        event.record(&mut fields);
        sink.take(Line::new(*event.metadata().level(), fields));
    }
}
