//! The power fails: what is on the disk then, and whether everything that anybody was told of is in it.
//!
//! The real program runs once under strace, which tells every byte that it writes, what it syncs and what it says. From
//! that follows what the disk may hold at any instant: what was synced, and any part of the rest ([`Disk`]). Such images
//! are made by the thousand and opened as a start does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bea::engine::TradingState;
use bea::ledger::{Ledger, LedgerSettings, Reader};
use bea::live::door::Armed;
use bea::live::switch::Switch;
use bea::market::TimeMs;
use rusqlite::Connection;

use crate::disk::{Disk, Image};
use crate::place::{Acknowledged, Checked, Line, Place};
use crate::random::Random;
use crate::trace::{self, Step};
use crate::{kills, points};

/// The first argument with which this program is bea, its commits not synced.
pub(crate) const CARELESS: &str = "--as-bea-that-does-not-sync";
/// At least so many images are looked at until that is noticed.
const LEAST_CARELESS: u32 = 1_000;
const FEW: u32 = 20;
/// The schema of the ledger that is migrated: one without a hash chain.
const OLD_SCHEMA: usize = 6;

const LEDGER: &str = "data/l.sqlite";
const KILL: &str = "data/KILL";
const ARMED: &str = "data/ARMED";
const BACKUP: &str = "b.sqlite";
const KEPT: &str = "data/l.sqlite.before-restore-1.bak";

/// What is done while the power may fail. `bea` is the program, `$run` the host's arguments.
struct Scene {
    name: &'static str,
    /// What the folder holds before, all of it durable.
    prepare: fn(&Place) -> Checked<Acknowledged>,
    script: &'static str,
}

const SCENES: [Scene; 6] = [
    Scene {
        name: "a new ledger, then a second run",
        prepare: nothing,
        script: "bea $run --data life.jsonl --strategies strategies && bea $run --data life.jsonl --strategies strategies",
    },
    Scene {
        name: "a run that fills the log",
        prepare: nothing,
        script: "bea $run --data busy --strategies strategies.busy",
    },
    Scene {
        name: "a migration",
        prepare: old_ledger,
        script: "bea $run --data life.jsonl --strategies strategies",
    },
    Scene {
        name: "a backup, put back",
        prepare: ledger_with_a_run,
        script: "bea ledger backup b.sqlite --ledger data/l.sqlite && bea ledger restore b.sqlite --ledger data/l.sqlite",
    },
    Scene {
        name: "a backup, put in the place of a ledger whose host died",
        prepare: ledger_with_a_log,
        script: "bea ledger backup b.sqlite --ledger data/l.sqlite && bea ledger restore b.sqlite --ledger data/l.sqlite",
    },
    Scene {
        name: "the switch and the arming token",
        prepare: data_folder,
        script: "bea kill && bea resume --reason over && touch data/KILL && bea kill && bea resume --reason over && \
                 bea pause && bea kill && bea arm --for 8h --by ann --yes --reason drill && \
                 bea arm --for 1h --by ann --yes --reason drill && bea disarm",
    },
];

/// What all images came to.
#[derive(Debug, Default)]
struct Tally {
    images: u32,
    /// Steps between which the power may fail.
    steps: usize,
    acknowledged: u64,
    missing: u64,
    unsound: u32,
}

/// Lets the power fail so often; says what came of it and whether all is well.
pub(crate) fn run(images: u32, seed: u64) -> bool {
    eprintln!("power: seed {seed}");
    let mut random = Random(seed);
    let mut tally = Tally::default();
    let mut is_sound = true;
    for (at, scene) in (0_u32..).zip(&SCENES) {
        let count = SCENES.len() as u32;
        let wanted = images * (at + 1) / count - images * at / count;
        let played = match played(scene, env!("CARGO_BIN_EXE_bea"), "") {
            Ok(played) => played,
            Err(Trouble::NoTrace(why)) => {
                eprintln!("SKIPPED: no power fails here: {why}");
                return true;
            }
            Err(Trouble::Wrong(why)) => {
                eprintln!("power: {}: {why}", scene.name);
                return false;
            }
        };
        tally.steps += played.steps.len();
        if let Err(Failed { words, image, .. }) = played.fail(wanted, &mut random, &mut tally) {
            let kept = laid_out(&image).map(tempfile::TempDir::keep);
            eprintln!(
                "power: {}: {words}\nwhat was on the disk: {kept:?}",
                scene.name
            );
            is_sound = false;
        }
    }
    let careless = careless(images, &mut random);
    is_sound &= careless.is_ok();
    let (Ok(careless) | Err(careless)) = careless;
    println!(
        "power: {} images of {} scenes with {} steps, {} acknowledged records looked for, {} missing, {} unsound; {careless}",
        tally.images,
        SCENES.len(),
        tally.steps,
        tally.acknowledged,
        tally.missing,
        tally.unsound
    );
    is_sound
}

/// The same with commits that are not synced, which must be noticed.
#[cfg(any(debug_assertions, feature = "planted-bugs"))]
fn careless(images: u32, random: &mut Random) -> Result<String, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let played = match played(&SCENES[0], &this.display().to_string(), CARELESS) {
        Ok(played) => played,
        Err(Trouble::NoTrace(why) | Trouble::Wrong(why)) => return Err(why),
    };
    // A few from all over, and a few more, until it is noticed.
    for before in (0..images.max(LEAST_CARELESS)).step_by(FEW as usize) {
        if let Err(failed) = played.fail(FEW, random, &mut Tally::default()) {
            let image = before + failed.number;
            return Ok(format!("with synchronous=NORMAL: found at image {image}"));
        }
    }
    Err("with synchronous=NORMAL: NOT FOUND, so this shows nothing".to_owned())
}

#[cfg(not(any(debug_assertions, feature = "planted-bugs")))]
fn careless(_: u32, _: &mut Random) -> Result<String, String> {
    Ok("with synchronous=NORMAL: SKIPPED, a release build has no such fault".to_owned())
}

/// Is bea whose commits are not synced.
#[cfg(any(debug_assertions, feature = "planted-bugs"))]
pub(crate) fn be_careless(arguments: &[String]) -> std::process::ExitCode {
    use clap::Parser;

    bea::planted::plant(Some(bea::planted::Bug::CommitsNotSynced));
    let cli = bea::cli::Cli::parse_from(arguments);
    match bea::cli::run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(false),
    }
}

#[cfg(not(any(debug_assertions, feature = "planted-bugs")))]
pub(crate) fn be_careless(_: &[String]) -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

/// Why a scene cannot be looked at.
enum Trouble {
    NoTrace(String),
    Wrong(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

/// A scene that was played, with everything that its disk and its audience got.
struct Played {
    before: Image,
    acknowledged: Acknowledged,
    steps: Vec<Step>,
}

/// Plays a scene with a program under strace.
fn played(scene: &Scene, program: &str, first: &str) -> Result<Played, Trouble> {
    let wrong = |error: std::io::Error| Trouble::Wrong(error.to_string());
    let folder = tempfile::tempdir().map_err(wrong)?;
    let place = Place::of(folder, LEDGER);
    let acknowledged = (scene.prepare)(&place)?;
    let root = place.path("").canonicalize().map_err(wrong)?;
    let before = found_in(&root).map_err(wrong)?;
    let names: Vec<PathBuf> = before.iter().map(|(name, _)| name.clone()).collect();

    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "-xx", "-s", "16777216", "-o", "trace"])
        .args([
            "-e",
            "signal=none",
            "-e",
            &format!("trace={}", trace::CALLS),
        ])
        .args(["sh", "-c"])
        .arg(format!(
            "bea() {{ \"$0\" {first} \"$@\"; }}
             run='run --speed max --ledger {LEDGER} --set log.format=json --set http.enabled=false'
             {}",
            scene.script
        ))
        .arg(program);
    let output = points::output(place.dress(command)).map_err(Trouble::NoTrace)?;
    let trace = fs::read_to_string(place.path("trace")).unwrap_or_default();
    if trace.is_empty() {
        let words = points::said(&output);
        return Err(Trouble::NoTrace(format!(
            "strace may not trace here: {words}"
        )));
    }
    if !output.status.success() {
        return Err(Trouble::Wrong(points::said(&output)));
    }
    let steps = trace::read(&trace, &root, &names)?;

    // The picture is whole if it ends with what is really there.
    let mut disk = Disk::of(&before);
    for (number, step) in steps.iter().enumerate() {
        disk.take(number, step);
    }
    if disk.seen() != found_in(&root).map_err(wrong)? {
        let why = "the trace does not explain what is in the folder";
        return Err(Trouble::Wrong(why.to_owned()));
    }
    Ok(Played {
        before,
        acknowledged,
        steps,
    })
}

impl Played {
    /// Lets the power fail so often, until an image is not as it must be.
    fn fail(&self, images: u32, random: &mut Random, tally: &mut Tally) -> Result<(), Failed> {
        let mut instants: Vec<usize> = (0..images).map(|_| self.instant(random)).collect();
        instants.sort_unstable();
        let mut disk = Disk::of(&self.before);
        let mut promised = Promised::of(&self.acknowledged);
        let mut taken = 0;
        for (number, instant) in (1..).zip(instants) {
            for step in &self.steps[taken..instant] {
                disk.take(taken, step);
                promised.take(step);
                taken += 1;
            }
            let image = disk.image(random);
            tally.images += 1;
            match promised.kept_in(&image) {
                Ok(found) => tally.acknowledged += found,
                Err(Breach { missing, words }) => {
                    tally.missing += missing;
                    tally.unsound += u32::from(missing == 0);
                    let of = self.steps.len();
                    return Err(Failed {
                        number,
                        words: format!("after step {instant} of {of}: {words}"),
                        image,
                    });
                }
            }
        }
        Ok(())
    }

    /// Between any two steps; half of them right after something was said, synced or named anew.
    fn instant(&self, random: &mut Random) -> usize {
        let any = random.below(self.steps.len() + 1);
        let is_turn = |step: &Step| !matches!(step, Step::Write { .. } | Step::Length { .. });
        match random.chance(50) {
            true => any,
            false => {
                let turn = self.steps[any..].iter().position(is_turn);
                turn.map_or(any, |ahead| any + ahead + 1)
            }
        }
    }
}

/// An image that is not as it must be.
struct Failed {
    number: u32,
    words: String,
    image: Image,
}

/// What somebody was told, and may rely on.
struct Promised {
    /// Text of a line that is not at its end.
    line: Vec<u8>,
    runs: Vec<Acknowledged>,
    /// Runs whose end was told.
    ended: usize,
    old_ledger: bool,
    backup: bool,
    restored: bool,
    trading: TradingState,
    arming: Arming,
}

/// What was said of the arming token.
enum Arming {
    /// Nothing that would forbid anything.
    Any,
    Until(String),
    No,
}

/// What is wrong with an image.
struct Breach {
    /// How many things that were acknowledged are not there; 0 if it is unsound.
    missing: u64,
    words: String,
}

impl From<String> for Breach {
    fn from(words: String) -> Self {
        Self { missing: 0, words }
    }
}

impl Promised {
    fn of(before: &Acknowledged) -> Self {
        let copy = Acknowledged {
            run: before.run,
            records: before.records,
            told: before.told.clone(),
        };
        Self {
            line: Vec::new(),
            old_ledger: before.run == Some(OLD_RUN),
            runs: before.run.map(|_| copy).into_iter().collect(),
            ended: 0,
            backup: false,
            restored: false,
            trading: TradingState::Active,
            arming: Arming::Any,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Told(bytes) => {
                for &byte in bytes {
                    match byte {
                        b'\n' => {
                            let line = std::mem::take(&mut self.line);
                            self.hear(&String::from_utf8_lossy(&line));
                        }
                        byte => self.line.push(byte),
                    }
                }
            }
            // From here on another word is on its way.
            Step::Removed(name) if name == Path::new(KILL) => self.trading = TradingState::Active,
            Step::Renamed(_, name) if name == Path::new(ARMED) => self.arming = Arming::Any,
            _ => {}
        }
    }

    fn hear(&mut self, line: &str) {
        if line.starts_with("HALTED: ") {
            self.trading = TradingState::Halted;
        } else if line.starts_with("PAUSED: ") {
            self.trading = TradingState::Paused;
        } else if let Some(rest) = line.strip_prefix("armed until ") {
            let until = rest.split(';').next().unwrap_or_default();
            self.arming = Arming::Until(until.to_owned());
        } else if line.starts_with("disarmed") {
            self.arming = Arming::No;
        } else if line.starts_with(BACKUP) && line.ends_with("verified") {
            self.backup = true;
        } else if line.contains(" is restored, instance ") {
            self.restored = true;
        } else if line.contains("   trace: ") {
            self.ended = self.runs.len();
        } else {
            let line = Line::read(line);
            if let Line::Began(_) = line {
                self.runs.push(Acknowledged::default());
            }
            if let Some(run) = self.runs.last_mut() {
                run.hear(line);
            }
        }
    }

    /// Whether an image keeps it all; gives how many acknowledged records were found.
    fn kept_in(&self, image: &Image) -> Result<u64, Breach> {
        let folder = laid_out(image).map_err(|error| error.to_string())?;
        let place = Place::of(folder, LEDGER);
        self.switch_holds(&place)?;
        if self.backup {
            let copy = Place::of(laid_out(image).map_err(|error| error.to_string())?, BACKUP);
            sound(&copy).map_err(|error| format!("the backup: {error}"))?;
            self.runs_are_in(&copy)?;
        }
        // Where a ledger is put in another's place there may be a moment in which neither has the name.
        let is_there = place.ledger().exists();
        if !is_there && self.runs.is_empty() {
            return Ok(0);
        }
        if !is_there && self.backup && !self.restored {
            let kept = Place::of(place.into_folder(), KEPT);
            sound(&kept).map_err(|error| format!("what was replaced: {error}"))?;
            return self.runs_are_in(&kept);
        }
        if !is_there {
            return Err(Breach {
                missing: 1,
                words: "the ledger is not there".to_owned(),
            });
        }
        let migrated = sound(&place)?;
        if self.old_ledger && !migrated {
            old_copy(&place)
                .map_err(|error| format!("the copy of before the migration: {error}"))?;
        }
        let found = self.runs_are_in(&place)?;
        match place.unexplained(None)? {
            0 => Ok(found),
            orders => Err(format!("{orders} orders are unexplained").into()),
        }
    }

    fn runs_are_in(&self, place: &Place) -> Result<u64, Breach> {
        let mut acknowledged = 0;
        for (number, run) in (1..).zip(&self.runs) {
            let found = place.look_for(run)?;
            acknowledged += found.acknowledged;
            let mut missing = found.missing;
            if number <= self.ended && !has_ended(place, run)? {
                missing.push(format!("the end of run {:?}", run.run));
            }
            if !missing.is_empty() {
                return Err(Breach {
                    missing: missing.len() as u64,
                    words: format!("acknowledged and missing: {}", missing.join("; ")),
                });
            }
        }
        Ok(acknowledged)
    }

    fn switch_holds(&self, place: &Place) -> Result<(), Breach> {
        let lost = |words: String| Err(Breach { missing: 1, words });
        let stands = Switch::new(&place.path(KILL)).read().state;
        if stands < self.trading {
            return lost(format!(
                "{} was acknowledged, and it is {}",
                self.trading.as_str(),
                stands.as_str()
            ));
        }
        let Armed::Yes(token) = Armed::read(&place.path(ARMED), wall_clock()) else {
            return Ok(());
        };
        let until = token.until.to_string();
        match &self.arming {
            Arming::No => lost(format!("it was disarmed, and is armed until {until}")),
            Arming::Until(told) if until > *told => {
                lost(format!("it was armed until {told}, and is until {until}"))
            }
            _ => Ok(()),
        }
    }
}

/// The token counts from when it was made.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> TimeMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    TimeMs(since.map_or(0, |since| since.as_millis() as i64))
}

/// Opens a ledger as a start does and has all of it verified; says whether it was migrated now.
fn sound(place: &Place) -> Checked<bool> {
    let path = place.ledger();
    let ledger =
        Ledger::open(&path, LedgerSettings::default()).map_err(|error| error.to_string())?;
    let migrated = ledger.backup().is_some();
    ledger.close().map_err(|error| error.to_string())?;
    let audit = Reader::open(&path).and_then(|reader| reader.verify(None));
    let audit = audit.map_err(|error| error.to_string())?;
    match audit.first_break() {
        None => Ok(migrated),
        Some(found) => Err(format!("the ledger does not verify: {found}")),
    }
}

fn has_ended(place: &Place, run: &Acknowledged) -> Checked<bool> {
    let asked = Connection::open(place.ledger()).and_then(|ledger| {
        let sql = "SELECT outcome IS NOT NULL FROM runs WHERE id = ?1";
        ledger.query_row(sql, [run.run], |row| row.get(0))
    });
    asked.map_err(|error| error.to_string())
}

/// Lays an image out in a folder.
fn laid_out(image: &Image) -> std::io::Result<tempfile::TempDir> {
    // In memory where there is such a place: nothing here has to outlast anything.
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())?,
        false => tempfile::tempdir()?,
    };
    for (name, content) in image {
        let path = folder.path().join(name);
        match content {
            None => fs::create_dir_all(&path)?,
            Some(content) => {
                fs::write(&path, content)?;
                #[cfg(unix)]
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            }
        }
    }
    Ok(folder)
}

/// All that is in a folder and that a power failure may change.
fn found_in(root: &Path) -> std::io::Result<Image> {
    let mut image = Image::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
            if !trace::is_of_interest(&name) {
                continue;
            }
            if path.is_dir() {
                image.push((name, None));
                folders.push(path);
            } else {
                image.push((name, Some(fs::read(&path)?)));
            }
        }
    }
    image.sort();
    Ok(image)
}

fn nothing(place: &Place) -> Checked<Acknowledged> {
    let busy = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recordings/1.900000012");
    let made = fs::copy(busy, place.path("busy"))
        .and_then(|_| fs::write(place.path("life.jsonl"), points::recording()))
        .and_then(|()| strategy(place, "strategies/life.rhai", points::LIFE))
        .and_then(|()| strategy(place, "strategies.busy/busy.rhai", kills::BUSY));
    made.map_err(|error| error.to_string())?;
    Ok(Acknowledged::default())
}

fn strategy(place: &Place, name: &str, source: &str) -> std::io::Result<()> {
    let told = crate::place::Told::LOGGED;
    let script = place.path(name);
    fs::create_dir_all(script.parent().unwrap_or(&script))?;
    fs::write(script, format!("{source}\n{told}"))
}

fn data_folder(place: &Place) -> Checked<Acknowledged> {
    fs::create_dir(place.path("data")).map_err(|error| error.to_string())?;
    Ok(Acknowledged::default())
}

fn ledger_with_a_run(place: &Place) -> Checked<Acknowledged> {
    nothing(place)?;
    let mut command = place.dress(Command::new(env!("CARGO_BIN_EXE_bea")));
    command
        .args([
            "run",
            "--data",
            "life.jsonl",
            "--speed",
            "max",
            "--strategies",
            "strategies",
        ])
        .args([
            "--ledger",
            LEDGER,
            "--set",
            "log.format=json",
            "--set",
            "http.enabled=false",
        ]);
    let output = points::output(command)?;
    let mut acknowledged = Acknowledged::default();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        acknowledged.hear(Line::read(line));
    }
    match acknowledged.run {
        Some(_) => Ok(acknowledged),
        None => Err(points::said(&output)),
    }
}

/// A ledger as a host that died leaves it: its last run is in the log alone.
fn ledger_with_a_log(place: &Place) -> Checked<Acknowledged> {
    ledger_with_a_run(place)?;
    // As long as somebody reads it, the log is not written back at the end of a run.
    let reader = Connection::open(place.ledger()).map_err(|error| error.to_string())?;
    let read = |sql: &str| reader.query_row(sql, [], |row| row.get::<_, i64>(0));
    read("SELECT count(*) FROM runs").map_err(|error| error.to_string())?;
    let acknowledged = ledger_with_a_run(place)?;
    for ending in ["", "-wal"] {
        let from = place.path(&format!("{LEDGER}{ending}"));
        let copied = fs::copy(&from, place.path(&format!("copy{ending}")));
        copied.map_err(|error| error.to_string())?;
    }
    drop(reader);
    for ending in ["", "-wal"] {
        let to = place.path(&format!("{LEDGER}{ending}"));
        let moved = fs::rename(place.path(&format!("copy{ending}")), to);
        moved.map_err(|error| error.to_string())?;
    }
    Ok(acknowledged)
}

/// The only run of the old ledger.
const OLD_RUN: i64 = 77;

/// A ledger as an early bea left it.
fn old_ledger(place: &Place) -> Checked<Acknowledged> {
    nothing(place)?;
    data_folder(place)?;
    let made = || -> Result<(), Box<dyn std::error::Error>> {
        let ledger = Connection::open(place.ledger())?;
        ledger.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT;",
        )?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut steps: Vec<_> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        steps.sort();
        for (version, step) in (1..).zip(&steps[..OLD_SCHEMA]) {
            let sql = fs::read_to_string(step)?;
            ledger.execute_batch(&sql)?;
            let checksum = &blake3::hash(sql.as_bytes()).to_hex()[..16];
            ledger.execute(
                "INSERT INTO schema_migrations VALUES (?1, 'step', ?2)",
                rusqlite::params![version, checksum],
            )?;
        }
        ledger.execute_batch(&format!(
            "INSERT INTO runs (id, kind, mode, version, currency, config, config_hash, started_at_ms, ended_at_ms, outcome)
             VALUES ({OLD_RUN}, 'backtest', 'DRY_RUN', '0.0.1', 'GBP', '{{}}', '', 0, 1, 'completed');
             PRAGMA application_id = {};
             PRAGMA user_version = {OLD_SCHEMA};",
            0x4245_414C
        ))?;
        Ok(())
    };
    made().map_err(|error| error.to_string())?;
    Ok(Acknowledged {
        run: Some(OLD_RUN),
        ..Acknowledged::default()
    })
}

/// The copy that is made before a migration.
fn old_copy(place: &Place) -> Checked<()> {
    let copy = place.path(&format!("{LEDGER}.schema{OLD_SCHEMA}-1.bak"));
    if !copy.exists() {
        return Err("it is not there".to_owned());
    }
    let asked = Connection::open(copy).and_then(|copy| {
        let whole: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let run: i64 = copy.query_row("SELECT id FROM runs", [], |row| row.get(0))?;
        Ok((whole, run))
    });
    match asked.map_err(|error| error.to_string())? {
        (whole, OLD_RUN) if whole == "ok" => Ok(()),
        (whole, run) => Err(format!("{whole}, run {run}")),
    }
}
