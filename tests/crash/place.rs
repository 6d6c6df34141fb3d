//! A folder with one ledger, in which the program is run, dies and is run again; and what was acknowledged there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

/// What goes wrong is told in words.
pub(crate) type Checked<T> = Result<T, String>;

/// An order as a strategy was told of it, which is after it is durable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    order: String,
    state: String,
    matched_minor: i64,
}

impl Told {
    /// What every strategy here logs in `on_order`.
    pub(crate) const LOGGED: &str = "fn on_order(order, ctx) {
    ctx.log(`told ${order.id} ${order.state} ${order.matched}`);
}
";

    fn read(words: &str) -> Option<Self> {
        let mut words = words.strip_prefix("told ")?.split(' ');
        Some(Self {
            order: words.next()?.to_owned(),
            state: words.next()?.to_owned(),
            matched_minor: (words.next()?.parse::<f64>().ok()? * 100.0).round() as i64,
        })
    }
}

/// A line that the program wrote on stderr.
#[derive(Debug)]
pub(crate) enum Line {
    /// The run is in the ledger.
    Began(i64),
    /// The health server listens.
    Health(String),
    Told(Told),
    /// Anything else, and lines that a kill has cut off.
    Other,
}

impl Line {
    pub(crate) fn read(line: &str) -> Self {
        let Ok(document) = serde_json::from_str::<Value>(line) else {
            return Self::Other;
        };
        let words = document["msg"].as_str().unwrap_or_default();
        let read = match document["event"].as_str() {
            Some("strategy_log") => Told::read(words).map(Self::Told),
            Some("host") if words.starts_with("ledger: ") => {
                let run = words
                    .rsplit_once("run ")
                    .and_then(|(_, run)| run.parse().ok());
                run.map(Self::Began)
            }
            Some("host") => words
                .strip_prefix("health: http://")
                .and_then(|rest| rest.strip_suffix("/health"))
                .map(|address| Self::Health(address.to_owned())),
            _ => None,
        };
        read.unwrap_or(Self::Other)
    }
}

/// What one run has told somebody.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    pub(crate) run: Option<i64>,
    /// How many records health said are written.
    pub(crate) records: u64,
    pub(crate) told: BTreeSet<Told>,
}

impl Acknowledged {
    pub(crate) fn hear(&mut self, line: Line) {
        match line {
            Line::Began(run) => self.run = Some(run),
            Line::Told(told) => _ = self.told.insert(told),
            Line::Health(_) | Line::Other => {}
        }
    }
}

/// What a ledger has of an acknowledged run.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Its records.
    pub(crate) records: u64,
    /// Those that somebody was told of.
    pub(crate) acknowledged: u64,
    /// What was acknowledged and is not there.
    pub(crate) missing: Vec<String>,
}

/// A folder to die in.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    ledger: &'static str,
}

impl Place {
    pub(crate) fn new(strategies: &[(&str, &str)]) -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
            ledger: "l.sqlite",
        };
        fs::create_dir(place.path("strategies")).expect("a folder for strategies");
        for (name, source) in strategies {
            let script = place.path(&format!("strategies/{name}.rhai"));
            fs::write(script, format!("{source}\n{}", Told::LOGGED)).expect("a strategy");
        }
        place
    }

    /// A folder whose ledger has another name.
    pub(crate) const fn of(folder: tempfile::TempDir, ledger: &'static str) -> Self {
        Self { folder, ledger }
    }

    pub(crate) fn into_folder(self) -> tempfile::TempDir {
        self.folder
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path(self.ledger)
    }

    /// The folder stays, for somebody to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Has a command run here, without this machine's own settings.
    pub(crate) fn dress(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BEA_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("RUST_LOG")
            // Here hosts die on purpose.
            .env("BEA__FENCE__DEATHS", "0")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// The arguments of a host over a recording.
    pub(crate) fn host_arguments(&self, data: &Path, speed: &str) -> Vec<String> {
        let data = data.display().to_string();
        let line = [
            "run",
            "--data",
            &data,
            "--speed",
            speed,
            "--strategies",
            "strategies",
            "--ledger",
            "l.sqlite",
            "--set",
            "log.format=json",
        ];
        line.map(str::to_owned).to_vec()
    }

    /// Has the real program verify the ledger: the file, the hash chain, and that the books balance.
    pub(crate) fn verify(&self) -> Checked<()> {
        let mut command = self.dress(Command::new(env!("CARGO_BIN_EXE_bea")));
        command.args(["ledger", "verify", "--ledger", "l.sqlite"]);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let (out, err) = (output.stdout, output.stderr);
        Err(format!(
            "bea ledger verify fails ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(&err)
        ))
    }

    /// Looks for everything acknowledged in the ledger, with nothing of the program between.
    pub(crate) fn look_for(&self, acknowledged: &Acknowledged) -> Checked<Found> {
        let Some(run) = acknowledged.run else {
            return Ok(Found::default());
        };
        self.read(|ledger| {
            let count = |sql: &str| ledger.query_row(sql, [run], |row| row.get::<_, i64>(0));
            let mut missing = Vec::new();
            if count("SELECT count(*) FROM runs WHERE id = ?1")? == 0 {
                missing.push(format!("run {run} itself"));
            }
            let records = count(
                "SELECT max((SELECT coalesce(max(record), 0) FROM strategy_events WHERE run_id = ?1),
                            (SELECT coalesce(max(record), 0) FROM intents WHERE run_id = ?1),
                            (SELECT coalesce(max(record), 0) FROM order_events WHERE run_id = ?1),
                            (SELECT coalesce(max(record), 0) FROM settlements WHERE run_id = ?1),
                            (SELECT coalesce(max(record), 0) FROM halts WHERE run_id = ?1),
                            (SELECT coalesce(max(record), 0) FROM house_events WHERE run_id = ?1))",
            )?;
            let records = u64::try_from(records).unwrap_or(0);
            for number in records + 1..=acknowledged.records {
                missing.push(format!("record {number} of run {run}"));
            }
            // What a strategy is told of an order is what some record left it as.
            let mut event = ledger.prepare(
                "SELECT max(record) FROM order_events
                  WHERE run_id = ?1 AND order_id = ?2 AND state = ?3 AND matched_minor = ?4",
            )?;
            let mut last = acknowledged.records;
            for told in &acknowledged.told {
                let record: Option<i64> = event.query_row(
                    params![run, told.order, told.state, told.matched_minor],
                    |row| row.get(0),
                )?;
                match record {
                    Some(record) => last = last.max(u64::try_from(record).unwrap_or(0)),
                    None => missing.push(format!("{told:?} of run {run}")),
                }
            }
            Ok(Found {
                records,
                acknowledged: last.min(records),
                missing,
            })
        })
    }

    /// Orders that nothing explains: without an intent, or not done in a run that neither goes on nor is known to have
    /// died. `but` is the run that died just now: the next one will find it.
    pub(crate) fn unexplained(&self, but: Option<i64>) -> Checked<u64> {
        self.read(|ledger| {
            ledger.query_row(
                "SELECT count(*) FROM orders o JOIN runs r ON r.id = o.run_id
                  WHERE NOT EXISTS (SELECT 1 FROM intents i WHERE i.run_id = o.run_id AND i.id = o.id
                                       AND i.action = 'PLACE' AND i.verdict = 'APPROVED')
                     OR (r.outcome IS NULL AND o.run_id IS NOT ?1
                         AND EXISTS (SELECT 1 FROM v_unfinished u
                                      WHERE u.run_id = o.run_id AND u.order_id = o.id)
                         AND NOT EXISTS (SELECT 1 FROM lost_orders l
                                          WHERE l.run_id = o.run_id AND l.order_id = o.id))",
                [but],
                |row| row.get::<_, i64>(0),
            )
        })
        .map(|count| u64::try_from(count).unwrap_or(0))
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Checked<T> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = Connection::open_with_flags(self.ledger(), flags);
        let asked = ledger.and_then(|ledger| ask(&ledger));
        asked.map_err(|error| format!("the ledger cannot be read: {error}"))
    }
}
