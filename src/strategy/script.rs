//! A script as plain data: its text, what it imports, its tables, its overridden parameters, and the hash of all.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{CallFnOptions, Dynamic, OptimizationLevel, Scope};

use super::context::Log;
use super::error::{ScriptError, Sources};
use super::host::{Program, RhaiStrategy};
use super::lint::{self, Finding};
use super::names::{Api, did_you_mean};
use super::params::{self, Overrides};
use super::sandbox::{self, Purpose};
use super::table::{self, Tables};
use super::test_files::{self, TestFiles};
use super::testing::{self, Snapshots, TestReport};

/// The extension of a strategy's file.
const EXTENSION: &str = "rhai";

/// A strategy's source and parameters, not yet compiled. May be sent to the thread that runs it.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    path: Option<PathBuf>,
    hash: String,
    pub(super) sources: Sources,
    pub(super) overrides: Overrides,
    pub(super) tables: Tables,
    pub(super) test_files: Arc<TestFiles>,
}

impl Script {
    /// Reads a strategy file and the files of `lib/` beside it that it imports.
    ///
    /// # Errors
    /// If a file cannot be read, is too large, is no UTF-8, or does not parse.
    pub fn read(path: &Path, overrides: &Overrides) -> Result<Self, ScriptError> {
        let name = path.file_stem().map_or_else(
            || file_name(path),
            |stem| stem.to_string_lossy().into_owned(),
        );
        Self::read_as(&name, path, overrides)
    }

    /// As [`Script::read`], for a strategy of another name than the file's.
    ///
    /// # Errors
    /// As those of [`Script::read`].
    pub fn read_as(name: &str, path: &Path, overrides: &Overrides) -> Result<Self, ScriptError> {
        Self::with_text(name, path, read_source(path)?, overrides)
    }

    /// As [`Script::read_as`], with this text in place of what the file holds.
    ///
    /// # Errors
    /// If the text does not parse, or what it imports cannot be read.
    pub fn with_text(
        name: &str,
        path: &Path,
        text: String,
        overrides: &Overrides,
    ) -> Result<Self, ScriptError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut script = Self::gather(name, &file_name(path), text, Some(folder), overrides)?;
        script.path = Some(path.to_owned());
        Ok(script)
    }

    /// What a file holds, whether or not it parses, without what it imports: only to be kept. `None` if it is no text.
    #[must_use]
    pub fn draft(name: &str, path: &Path, overrides: &Overrides) -> Option<Self> {
        let file = file_name(path);
        let text = read_source(path).ok()?;
        let sources = Sources {
            folder: path.parent().map(shown_folder).unwrap_or_default(),
            main: file.clone(),
            texts: [(file, text)].into(),
        };
        let tables = Tables::new();
        Some(Self {
            name: name.to_owned(),
            path: Some(path.to_owned()),
            hash: hash(&sources, overrides, &tables),
            sources,
            overrides: overrides.clone(),
            tables,
            test_files: Arc::default(),
        })
    }

    /// A strategy from its text; it cannot import.
    ///
    /// # Errors
    /// If the text is too large or does not parse.
    pub fn from_text(name: &str, text: &str, overrides: &Overrides) -> Result<Self, ScriptError> {
        let file = format!("{name}.{EXTENSION}");
        check_size(&file, text.len() as u64)?;
        Self::gather(name, &file, text.to_owned(), None, overrides)
    }

    /// A strategy as it was kept: the text of its file and what else it read, as [`Script::files`] gives it. Nothing is
    /// read from disk.
    ///
    /// # Errors
    /// If a table does not parse. What is wrong with the script is told when it is compiled.
    pub fn kept(
        name: &str,
        file: &str,
        text: String,
        files: &[(String, String)],
        overrides: &Overrides,
    ) -> Result<Self, ScriptError> {
        let is_library = |file: &str| file.ends_with(&format!(".{EXTENSION}"));
        let mut sources = Sources {
            folder: String::new(),
            main: file.to_owned(),
            texts: [(file.to_owned(), text)].into(),
        };
        let mut tables = Tables::new();
        for (file, text) in files {
            if is_library(file) {
                sources.texts.insert(file.clone(), text.clone());
            } else {
                let table = table::parse(file, text.clone())?;
                tables.insert(file.clone(), Arc::new(table));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            path: None,
            hash: hash(&sources, overrides, &tables),
            sources,
            overrides: overrides.clone(),
            tables,
            test_files: Arc::default(),
        })
    }

    fn gather(
        name: &str,
        file: &str,
        text: String,
        folder: Option<&Path>,
        overrides: &Overrides,
    ) -> Result<Self, ScriptError> {
        let mut sources = Sources {
            folder: folder.map(shown_folder).unwrap_or_default(),
            main: file.to_owned(),
            texts: [(file.to_owned(), text)].into(),
        };
        let mut api = sandbox::engine(Purpose::Run, &Log::default());
        // Here it is only looked at; `compile` makes what runs.
        api.engine.set_optimization_level(OptimizationLevel::None);
        let library = folder.map(|folder| folder.join("lib"));
        gather_libraries(&api, &mut sources, file, library.as_deref())?;
        let tables = gather_tables(&api, &sources, folder)?;
        let text = sources.texts.get(file).map_or("", String::as_str);
        let test_files = folder.map(|folder| test_files::read(folder, stem_of(file), text));
        Ok(Self {
            name: name.to_owned(),
            path: None,
            hash: hash(&sources, overrides, &tables),
            sources,
            overrides: overrides.clone(),
            tables,
            test_files: Arc::new(test_files.unwrap_or_default()),
        })
    }

    /// The strategy's name: the file's without its extension, unless it was given another.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was read from.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.sources
            .texts
            .get(&self.sources.main)
            .map_or("", String::as_str)
    }

    /// What it reads besides: name and text of each imported file and table.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.sources.texts.iter();
        let imported = texts.filter(|(file, _)| **file != self.sources.main);
        let tables = self.tables.iter();
        imported
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .chain(tables.map(|(name, table)| (name.as_str(), table.text.as_str())))
    }

    /// The parameters given from outside.
    #[must_use]
    pub const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The parameters given from outside that the script does not take, and why not.
    ///
    /// # Errors
    /// If it does not compile without them.
    pub fn misfits(&self) -> Result<Vec<(&str, String)>, ScriptError> {
        if self.overrides.is_empty() {
            return Ok(Vec::new());
        }
        let plain = Self {
            overrides: Overrides::new(),
            ..self.clone()
        };
        let mut params = Program::load(&plain, Purpose::Run)?.params;
        let wrong = self.overrides.iter().filter_map(|(name, value)| {
            let wrong = params::set(&mut params, name, value).err()?;
            Some((name.as_str(), wrong))
        });
        Ok(wrong.collect())
    }

    /// BLAKE3 over its source, the sources it imports, its tables and its overridden parameters: 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The first 12 digits of the hash, for people.
    #[must_use]
    pub fn short_hash(&self) -> &str {
        &self.hash[..12]
    }

    /// Compiles and checks it, on the thread that will run it.
    ///
    /// # Errors
    /// Whatever is wrong with the script, its parameters or its filter.
    pub fn compile(&self) -> Result<RhaiStrategy, ScriptError> {
        Program::load(self, Purpose::Run).map(|program| RhaiStrategy::new(self, program))
    }

    /// What would fail or cannot be meant, found without running it; in the order of its lines.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        lint::check(self)
    }

    /// Runs its own tests, `test_*(t)`, each with a state of its own.
    ///
    /// # Errors
    /// If it does not compile. A failed test is in the report.
    pub fn test(&self) -> Result<TestReport, ScriptError> {
        testing::run(self, Snapshots::Compare)
    }

    /// Runs its own tests and says what to do with snapshots that are new or differ.
    ///
    /// # Errors
    /// If it does not compile.
    pub fn test_with(&self, snapshots: Snapshots) -> Result<TestReport, ScriptError> {
        testing::run(self, snapshots)
    }

    /// Where a snapshot of this script lies, under whatever name it runs; `None` if it was read from no file.
    #[must_use]
    pub fn snapshot_path(&self, name: &str) -> Option<PathBuf> {
        let folder = self.path.as_ref()?.parent()?;
        let stem = stem_of(&self.sources.main);
        Some(test_files::snapshot_path(folder, stem, name))
    }
}

/// Reads the libraries that a file imports, and what those import.
fn gather_libraries(
    api: &Api,
    sources: &mut Sources,
    file: &str,
    folder: Option<&Path>,
) -> Result<(), ScriptError> {
    let ast = sandbox::parse(&api.engine, &api.names, sources, file)?;
    for (name, position) in sandbox::imports(&ast, sources, file)? {
        let library = sandbox::library_file(&name);
        if sources.texts.contains_key(&library) {
            continue;
        }
        let missing = |message: String| sources.error_at(file, position, &message);
        let Some(folder) = folder else {
            return Err(missing(format!("there is no {library} to import here")));
        };
        let path = folder.join(format!("{name}.{EXTENSION}"));
        if !path.is_file() {
            let known = names_in(folder);
            let hint = did_you_mean(&name, known.iter().map(String::as_str))
                .unwrap_or_else(|| format!("write it, as {}", path.display()));
            return Err(missing(format!(
                "there is no {library} beside the strategy\n{hint}"
            )));
        }
        if leads_out(&path, folder) {
            let message = format!("{library} is a link out of the strategy's folder");
            return Err(missing(message));
        }
        let text = read_source(&path)?;
        if sources.texts.len() > sandbox::MODULES {
            return Err(missing(format!(
                "a strategy imports at most {} libraries, those of its libraries included",
                sandbox::MODULES
            )));
        }
        sources.texts.insert(library.clone(), text);
        gather_libraries(api, sources, &library, Some(folder))?;
    }
    Ok(())
}

/// Whether a library's file is not in the strategy's folder after all: a library shows its lines in messages.
fn leads_out(library: &Path, folder: &Path) -> bool {
    let home = folder
        .canonicalize()
        .map(|folder| folder.parent().map(Path::to_owned));
    match (library.canonicalize(), home) {
        (Ok(library), Ok(Some(home))) => !library.starts_with(home),
        _ => true,
    }
}

/// Reads the tables that `tables()` declares. It stands alone: it sees no constants and no imports.
fn gather_tables(
    api: &Api,
    sources: &Sources,
    folder: Option<&Path>,
) -> Result<Tables, ScriptError> {
    let ast = sandbox::parse(&api.engine, &api.names, sources, &sources.main)?;
    if ast.shared_lib().get_script_fn("tables", 0).is_none() {
        return Ok(Tables::new());
    }
    let Some(folder) = folder else {
        let message = "there is no folder to read tables from here";
        return Err(sources.error_of(&sources.main, message));
    };
    let options = CallFnOptions::new().eval_ast(false);
    let mut scope = Scope::new();
    let declared = sandbox::guard(api, sources, Some("tables"), |engine| {
        engine.call_fn_with_options::<Dynamic>(options, &mut scope, &ast, "tables", ())
    })?;
    table::read(declared, folder, sources)
}

fn read_source(path: &Path) -> Result<String, ScriptError> {
    let file = path.display().to_string();
    let wrong = |what: &str| ScriptError::of_file(&file, what);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|source| {
            source
                .take(sandbox::SOURCE_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    check_size(&file, bytes.len() as u64)?;
    String::from_utf8(bytes).map_err(|error| {
        wrong(&format!(
            "byte {} is no UTF-8\nsave the file as UTF-8",
            error.utf8_error().valid_up_to()
        ))
    })
}

fn check_size(file: &str, bytes: u64) -> Result<(), ScriptError> {
    if bytes <= sandbox::SOURCE_BYTES as u64 {
        return Ok(());
    }
    Err(ScriptError::of_file(
        file,
        &format!(
            "the file is over {} KiB\nput shared functions into lib/ and import them",
            sandbox::SOURCE_BYTES / 1024
        ),
    ))
}

/// Each part goes in behind its length, so that no two scripts hash alike by where they are cut.
fn hash(sources: &Sources, overrides: &Overrides, tables: &Tables) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(sources.texts.get(&sources.main).map_or("", String::as_str));
    for (file, text) in &sources.texts {
        if *file != sources.main {
            part(file);
            part(text);
        }
    }
    for (name, value) in overrides {
        part(name);
        part(&value.to_string());
    }
    for (name, table) in tables {
        part(name);
        part(&table.text);
    }
    hasher.finalize().to_hex().to_string()
}

/// A folder as it goes before a file's name in messages.
fn shown_folder(folder: &Path) -> String {
    match folder.display().to_string() {
        folder if folder.is_empty() || folder.ends_with('/') => folder,
        folder => format!("{folder}/"),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Finds the files that a strategy argument means: a file, all strategies of a folder, or a bare name in `folder`.
///
/// # Errors
/// If there is no such file; a name that was nearly meant is in the hint.
pub fn find(arguments: &[String], folder: &Path) -> Result<Vec<PathBuf>, ScriptError> {
    let mut found = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path == folder && !path.exists() {
            return Err(ScriptError::of_file(
                argument,
                "there is no such folder, so there are no strategies\nwrite the first one with: bea new my_first",
            ));
        }
        if path.is_dir() {
            let names = names_in(path);
            if names.is_empty() {
                return Err(ScriptError::of_file(
                    argument,
                    "the folder holds no strategy: no file ends in .rhai",
                ));
            }
            found.extend(names.iter().map(|name| in_folder(path, name)));
        } else if path.is_file() {
            found.push(path.to_owned());
        } else {
            found.push(find_by_name(argument, folder)?);
        }
    }
    found.dedup();
    Ok(found)
}

fn find_by_name(name: &str, folder: &Path) -> Result<PathBuf, ScriptError> {
    let is_bare = Path::new(name).components().count() == 1 && !name.ends_with(".rhai");
    let path = in_folder(folder, name);
    if is_bare && path.is_file() {
        return Ok(path);
    }
    if !is_bare {
        let path = Path::new(name);
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let near = names_in(path.parent().unwrap_or(Path::new("")));
        let hint = did_you_mean(&stem.unwrap_or_default(), near.iter().map(String::as_str));
        let message = format!("there is no such file\n{}", hint.unwrap_or_default());
        return Err(ScriptError::of_file(name, &message));
    }
    let known = names_in(folder);
    let mut message = format!(
        "there is no strategy of this name in {}\n",
        folder.display()
    );
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(hint) => message.push_str(&hint),
        None if known.is_empty() => {
            let _infallible = write!(message, "write one with: bea new {name}");
        }
        None => {
            let _infallible = write!(message, "known: {}", known.join(", "));
        }
    }
    Err(ScriptError::of_file(name, &message))
}

/// A script's file name without its extension.
fn stem_of(file: &str) -> &str {
    file.strip_suffix(".rhai").unwrap_or(file)
}

fn in_folder(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}

/// Names of the strategies directly in a folder, sorted. Hidden files are editors' and systems', as for a host that watches.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|e| e == EXTENSION))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// The text of a new strategy: it runs, bets little, explains itself, and its test passes.
#[must_use]
pub fn template(name: &str) -> String {
    include_str!("template.rhai").replace("NAME", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> Script {
        Script::from_text("x", source, &Overrides::new()).unwrap()
    }

    #[test]
    fn the_hash_tells_apart_sources_and_parameters() {
        let source = "fn on_odds(market, ctx) { [] }";
        let plain = text(source);
        assert_eq!(plain.hash(), text(source).hash());
        assert_eq!(plain.short_hash().len(), 12);
        assert_ne!(plain.hash(), text(&format!("{source} ")).hash());
        let overrides = Overrides::from([("edge".to_owned(), 0.1.into())]);
        let other = Script::from_text("x", source, &overrides).unwrap();
        assert_ne!(plain.hash(), other.hash());
    }

    #[test]
    fn a_hidden_file_is_no_strategy() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.rhai", "._a.rhai", ".#a.rhai", "a.rhai~"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(names_in(folder.path()), ["a"]);
    }

    #[test]
    fn an_imported_library_is_part_of_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        let library = folder.path().join("lib/stats.rhai");
        let path = folder.path().join("a.rhai");
        std::fs::write(&library, "fn twice(x) { 2 * x }").unwrap();
        std::fs::write(
            &path,
            "import \"stats\" as stats;\nfn on_odds(market, ctx) { back(1, 3.0, stats::twice(1)) }\nfn test_it(t) { t.eq(t.odds(t.market(#{}))[0].stake, 2.0) }",
        )
        .unwrap();
        let read = || Script::read(&path, &Overrides::new()).unwrap();
        let before = read();
        let report = before.test().unwrap();
        assert!(report.passed(), "{report}");
        std::fs::write(&library, "fn twice(x) { x + x + 0 }").unwrap();
        assert_ne!(before.hash(), read().hash());
        assert!(
            before.compile().is_ok(),
            "what was read compiles without the file"
        );
        std::fs::remove_file(&library).unwrap();
        std::fs::write(folder.path().join("lib/stat.rhai"), "").unwrap();
        let error = Script::read(&path, &Overrides::new())
            .unwrap_err()
            .to_string();
        let here = format!("{}/", folder.path().display());
        assert!(error.starts_with(&here), "{error}");
        insta::assert_snapshot!(error.replace(&here, ""), @r#"
        a.rhai:1:1: there is no lib/stats.rhai beside the strategy
          1 | import "stats" as stats;
            | ^
        did you mean "stat"?
        "#);
    }

    #[test]
    fn imports_reach_nothing_but_lib() {
        for wrong in [
            "import \"../x\" as x;",
            "import \"/etc/passwd\" as x;",
            "fn f() { import \"x\" as x; }",
        ] {
            let error = Script::from_text("x", wrong, &Overrides::new()).unwrap_err();
            assert!(error.message.contains("plain name"), "{wrong}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_library_is_no_link_to_elsewhere() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let library = folder.path().join("lib");
        std::fs::create_dir(&library).unwrap();
        std::fs::write(elsewhere.path().join("secret"), "the secret").unwrap();
        let path = folder.path().join("a.rhai");
        std::fs::write(&path, "import \"x\" as x;\nfn on_odds(market, ctx) { }").unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("secret"), library.join("x.rhai"))
            .unwrap();
        let error = Script::read(&path, &Overrides::new()).unwrap_err();
        assert!(error.message.contains("a link out"), "{error}");
        assert!(!error.to_string().contains("the secret"), "{error}");
    }

    #[test]
    fn a_chain_of_libraries_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib");
        std::fs::create_dir(&library).unwrap();
        for at in 0..2000 {
            let text = format!("import \"l{}\" as l;", at + 1);
            std::fs::write(library.join(format!("l{at}.rhai")), text).unwrap();
        }
        let path = folder.path().join("a.rhai");
        std::fs::write(&path, "import \"l0\" as l;\nfn on_odds(market, ctx) { }").unwrap();
        let error = Script::read(&path, &Overrides::new()).unwrap_err();
        assert!(error.message.contains("at most 16 libraries"), "{error}");
    }

    #[test]
    fn a_name_finds_its_file_and_a_slip_its_hint() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["value_back", "drift_layer"] {
            std::fs::write(in_folder(folder.path(), name), "").unwrap();
        }
        let find = |name: &str| find(&[name.to_owned()], folder.path());
        assert_eq!(
            find("value_back").unwrap(),
            [folder.path().join("value_back.rhai")]
        );
        assert_eq!(find(folder.path().to_str().unwrap()).unwrap().len(), 2);
        let slip = find("value_bak").unwrap_err();
        assert_eq!(slip.hint.as_deref(), Some("did you mean \"value_back\"?"));
        assert!(find("elsewhere/value_back.rhai").is_err());
    }

    #[test]
    fn a_source_too_large_or_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.rhai");
        std::fs::write(&path, " ".repeat(sandbox::SOURCE_BYTES + 1)).unwrap();
        let error = Script::read(&path, &Overrides::new()).unwrap_err();
        assert_eq!(
            error.summary(),
            format!("{}: the file is over 64 KiB", path.display())
        );
        std::fs::write(&path, [b'/', b'/', 0xff]).unwrap();
        let error = Script::read(&path, &Overrides::new()).unwrap_err();
        assert_eq!(
            error.summary(),
            format!("{}: byte 2 is no UTF-8", path.display())
        );
    }

    #[test]
    fn a_new_strategy_passes_its_own_test() {
        let script = text(&template("mine"));
        let report = script.test().unwrap();
        assert!(report.passed() && !report.tests.is_empty(), "{report}");
    }
}
