//! `bea check`: finds in a script, without running it, what would fail or cannot be meant.
//!
//! The script is parsed without optimisation and walked with simple types: what a callback is given is known, what
//! its properties give is known, and so on through `let`, `for` and calls of the script's own functions. Where nothing
//! is known nothing is said.

mod allow;
mod builtin;
mod calls;
mod closures;
mod finding;
mod kinds;
mod source;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTFlags, ASTNode, Expr, OptimizationLevel, Position, Stmt};

use calls::Words;
pub use finding::{Code, Finding, Severity};
pub(super) use kinds::{Kind, of_function, of_property};
use source::{Function, functions, place};
use walk::{Facts, Walk};

use super::context::Log;
use super::error::Sources;
use super::host::CALLBACKS;
use super::names::{Api, did_you_mean};
use super::sandbox::{self, Purpose};
use super::{Script, ScriptError, testing};

/// Walks until what one learns changes nothing for the next; a chain of helpers is seldom longer.
const MOST_WALKS: usize = 8;

/// What is found in a script, in the order of its lines. A script that does not compile has an error among them.
#[must_use]
pub(super) fn check(script: &Script) -> Vec<Finding> {
    let compiled = script.compile();
    let params = compiled.as_ref().ok().map(|ready| {
        let names = ready.params().iter().map(|param| param.name.clone());
        names.collect::<Vec<_>>()
    });
    let mut api = sandbox::engine(Purpose::Test, &Log::default());
    testing::register(&mut api);
    api.engine.set_optimization_level(OptimizationLevel::None);
    let mut findings = match Checker::new(&api, script, params.as_deref()) {
        Ok(checker) => checker.findings(),
        Err(error) => return vec![compile(error)],
    };
    if let Err(error) = compiled {
        // The walk may have said the same of this place, and better.
        if !findings.iter().any(|f| f.error.position == error.position) {
            findings.push(compile(error));
        }
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.error.file.clone(), f.error.position, f.code);
        key(a).cmp(&key(b))
    });
    findings.dedup();
    findings
}

fn compile(error: ScriptError) -> Finding {
    let code = Code::Compile;
    Finding { code, error }
}

/// A source parsed.
struct Parsed {
    file: String,
    functions: Vec<Function>,
    /// Imports: alias, library's file, place.
    imports: Vec<(String, String, Position)>,
    /// Constants: name and place.
    constants: Vec<(String, Position)>,
}

struct Checker<'c> {
    words: Words<'c>,
    sources: &'c Sources,
    params: Option<&'c [String]>,
    tables: Vec<String>,
    /// The script first, then what it imports.
    parsed: Vec<Parsed>,
}

impl<'c> Checker<'c> {
    fn new(
        api: &'c Api,
        script: &'c Script,
        params: Option<&'c [String]>,
    ) -> Result<Self, ScriptError> {
        let sources = &script.sources;
        let mut parsed = vec![parse(api, sources, &sources.main)?];
        for file in sources.texts.keys().filter(|file| **file != sources.main) {
            parsed.push(parse(api, sources, file)?);
        }
        Ok(Self {
            words: Words::new(&api.names),
            sources,
            params,
            tables: script.tables.keys().cloned().collect(),
            parsed,
        })
    }

    fn findings(&self) -> Vec<Finding> {
        let mut all = Vec::new();
        let mut read = BTreeSet::new();
        for (at, parsed) in self.parsed.iter().enumerate() {
            let (facts, mut findings) = self.walk(parsed);
            read.extend(facts.read.iter().cloned());
            self.check_imports(parsed, &facts, &mut findings);
            if at == 0 {
                self.check_functions(parsed, &facts, &mut findings);
            }
            self.check_shadowing(parsed, &mut findings);
            all.push((parsed, findings));
        }
        if let Some((main, findings)) = all.first_mut() {
            self.check_params(main, &read, findings);
        }
        let permitted = all.into_iter().flat_map(|(parsed, mut findings)| {
            allow::apply(self.sources, &parsed.file, &mut findings);
            findings
        });
        permitted.collect()
    }

    fn walk(&self, parsed: &Parsed) -> (Facts, Vec<Finding>) {
        let in_library = |file: &str| {
            let library = self.parsed.iter().find(|parsed| parsed.file == file);
            let functions = library.into_iter().flat_map(|parsed| &parsed.functions);
            functions
                .map(|f| (f.name.clone(), f.params.len()))
                .collect()
        };
        let libraries: BTreeMap<String, Vec<(String, usize)>> = parsed
            .imports
            .iter()
            .map(|(alias, file, _)| (alias.clone(), in_library(file)))
            .collect();
        let mut before = Facts::default();
        for _ in 0..MOST_WALKS {
            let mut walk = Walk::new(
                &self.words,
                self.sources,
                &parsed.file,
                &parsed.functions,
                self.params,
                &self.tables,
                &libraries,
                &before,
            );
            walk.run();
            let (learnt, findings) = (walk.learnt, walk.findings);
            if learnt == before {
                return (learnt, findings);
            }
            before = learnt;
        }
        // What is known does not settle, so nothing is.
        (before, Vec::new())
    }

    fn finding(&self, parsed: &Parsed, at: Position, code: Code, message: &str) -> Finding {
        Finding::at(self.sources, &parsed.file, place(at), code, message)
    }

    fn check_imports(&self, parsed: &Parsed, facts: &Facts, findings: &mut Vec<Finding>) {
        for (alias, _, at) in &parsed.imports {
            if !facts.globals.contains(alias) {
                let message = format!("nothing of \"{alias}\" is used\ntake the import out");
                findings.push(self.finding(parsed, *at, Code::UnusedImport, &message));
            }
        }
        for (name, at) in &parsed.constants {
            if !facts.globals.contains(name) && !name.starts_with('_') {
                let message = format!(
                    "the constant \"{name}\" is not used\nread it as global::{name}, or take it out"
                );
                findings.push(self.finding(parsed, *at, Code::UnusedVariable, &message));
            }
        }
    }

    /// Functions that nobody calls, and those that look as if the host did.
    fn check_functions(&self, parsed: &Parsed, facts: &Facts, findings: &mut Vec<Finding>) {
        for function in parsed.functions.iter().filter(|f| !f.is_closure()) {
            let (name, count) = (function.name.as_str(), function.params.len());
            let at = self.sources.place_of_function(name);
            let mut find = |code, message: &str| {
                findings.push(self.finding(parsed, at, code, message));
            };
            let callback = CALLBACKS.iter().find(|(known, ..)| *known == name);
            if let Some((_, counts, usage)) = callback {
                if !counts.contains(&count) {
                    find(
                        Code::WrongArity,
                        &format!("{name} takes other parameters\nuse fn {usage}"),
                    );
                }
                continue;
            }
            if name.starts_with("test_") {
                if count != 1 {
                    find(
                        Code::WrongArity,
                        &format!("{name} takes other parameters\nuse fn {name}(t)"),
                    );
                }
                continue;
            }
            if facts.called.contains(name) || facts.words.contains(name) {
                continue;
            }
            let near = CALLBACKS
                .iter()
                .filter(|(_, counts, _)| counts.contains(&count));
            let near = did_you_mean(name, near.map(|(known, ..)| *known));
            if name.starts_with("on_") || near.is_some() {
                let hint = near.unwrap_or_else(|| {
                    let usages = CALLBACKS.map(|(.., usage)| usage);
                    format!("the host calls {}", usages.join(", "))
                });
                find(
                    Code::UnknownCallback,
                    &format!("{name} is never called\n{hint}"),
                );
            } else {
                let message = format!(
                    "the function {name} is never called\ncall it, take it out, or name it test_… to have it run as a test"
                );
                find(Code::UnusedFunction, &message);
            }
        }
    }

    fn check_shadowing(&self, parsed: &Parsed, findings: &mut Vec<Finding>) {
        for function in parsed.functions.iter().filter(|f| !f.is_closure()) {
            let name = &function.name;
            if parsed.file == self.sources.main && self.words.has_function(name) {
                let at = self.sources.place_of_function(name);
                let message = format!(
                    "{name} hides the function of the script API with this name\ncall it otherwise"
                );
                findings.push(self.finding(parsed, at, Code::ShadowedFunction, &message));
            }
        }
    }

    fn check_params(&self, main: &Parsed, read: &BTreeSet<String>, findings: &mut Vec<Finding>) {
        for param in self.params.unwrap_or_default() {
            if !read.contains(param) {
                let declared = main.functions.iter().find(|f| f.name == "params");
                let at = declared.map_or(Position::NONE, |f| place_of_key(&f.body, param));
                let message = format!(
                    "the parameter \"{param}\" is declared and never read\nread it as ctx.params.{param}, or take it out"
                );
                findings.push(self.finding(main, at, Code::UnusedParam, &message));
            }
        }
    }
}

/// Where a map names a key.
fn place_of_key(body: &[Stmt], key: &str) -> Position {
    let mut found = Position::NONE;
    for statement in body {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Expr(Expr::Map(entries, _))) = path.last()
                && let Some((name, _)) = entries.0.iter().find(|(name, _)| name.name == key)
            {
                found = name.pos;
            }
            found.is_none()
        });
    }
    found
}

fn parse(api: &Api, sources: &Sources, file: &str) -> Result<Parsed, ScriptError> {
    let ast: AST = sandbox::parse(&api.engine, &api.names, sources, file)?;
    let (mut imports, mut constants) = (Vec::new(), Vec::new());
    for statement in ast.statements() {
        match statement {
            Stmt::Import(import, _) => {
                if let (Expr::StringConstant(name, _), alias) = (&import.0, &import.1) {
                    let library = sandbox::library_file(name);
                    imports.push((alias.name.to_string(), library, alias.pos));
                }
            }
            Stmt::Var(parts, flags, _) if flags.intersects(ASTFlags::CONSTANT) => {
                constants.push((parts.0.name.to_string(), parts.0.pos));
            }
            _ => {}
        }
    }
    Ok(Parsed {
        file: file.to_owned(),
        functions: functions(&ast),
        imports,
        constants,
    })
}

#[cfg(test)]
mod tests;
