//! Errors of scripts as a person wants to read them: where, which line, what is wrong, what was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rhai::{EvalAltResult, ParseErrorType, Position};

use super::habits;
use super::names::{Vocabulary, bounded, did_you_mean};
use super::sandbox;
use crate::engine::{Fault, FaultKind};

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScriptError {
    /// The file, as it is called in messages.
    pub file: String,
    /// Line and column, from 1, where known.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// The line of source at fault.
    pub source_line: Option<Box<str>>,
    /// What may have been meant, or what to do.
    pub hint: Option<String>,
    /// What it ran into, where it is of a call.
    pub kind: FaultKind,
}

impl ScriptError {
    /// An error of a whole file. A second line of the message becomes the hint.
    pub(super) fn of_file(file: &str, message: &str) -> Self {
        let (message, hint) = split_hint(message);
        Self {
            file: file.to_owned(),
            position: None,
            message,
            source_line: None,
            hint,
            kind: FaultKind::default(),
        }
    }

    /// One line: file, place and message.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.position {
            Some((line, column)) => format!("{}:{line}:{column}: {}", self.file, self.message),
            None => format!("{}: {}", self.file, self.message),
        }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        if let (Some((line, column)), Some(source)) = (self.position, &self.source_line) {
            let number = line.to_string();
            let indent: String = source
                .chars()
                .take(column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n  {number} | {source}")?;
            write!(f, "\n  {:width$} | {indent}^", "", width = number.len())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl From<ScriptError> for Fault {
    fn from(error: ScriptError) -> Self {
        Self {
            summary: error.summary(),
            detail: error.to_string(),
            kind: error.kind,
        }
    }
}

/// A failure raised by a host function; Rhai adds the place of the call.
pub(super) fn fail(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into()
}

/// One character for one, so that the caret stays where it belongs.
fn printable(character: char) -> char {
    if character.is_control() && character != '\t' {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// The texts of a script and of what it imports, by the name used in messages. The first is the script.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// The folder of the script as messages show it, with a slash at its end; empty where there is none.
    pub(super) folder: String,
    /// The script's own file name.
    pub(super) main: String,
    /// Texts by file name.
    pub(super) texts: BTreeMap<String, String>,
}

impl Sources {
    /// An error of a whole file.
    pub(super) fn error_of(&self, file: &str, message: &str) -> ScriptError {
        ScriptError::of_file(&format!("{}{file}", self.folder), message)
    }

    /// An error at a place in a file.
    pub(super) fn error_at(&self, file: &str, position: Position, message: &str) -> ScriptError {
        let mut error = self.error_of(file, message);
        if let Some(line) = position.line() {
            error.position = Some((line, position.position().unwrap_or(1)));
            error.source_line = self
                .texts
                .get(file)
                .and_then(|text| text.lines().nth(line - 1))
                .map(|text| text.chars().take(200).map(printable).collect());
        }
        error
    }

    /// Where the script's own file defines a function.
    pub(super) fn place_of_function(&self, name: &str) -> Position {
        let lines = self
            .texts
            .get(&self.main)
            .map_or("", String::as_str)
            .lines();
        for (line, text) in lines.enumerate() {
            let Some(at) = text.find("fn ").filter(|at| !text[..*at].contains("//")) else {
                continue;
            };
            let defined = text[at + 3..].trim_start();
            let rest = defined.strip_prefix(name).map(str::trim_start);
            if rest.is_some_and(|rest| rest.starts_with('(')) {
                let column = text[..text.len() - defined.len()].chars().count() + 1;
                let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                return Position::new(number(line + 1), number(column));
            }
        }
        Position::NONE
    }

    /// Where `params()` declares a parameter.
    pub(super) fn place_of_param(&self, name: &str) -> Position {
        let Some(begin) = self.place_of_function("params").line() else {
            return Position::NONE;
        };
        let text = self.texts.get(&self.main).map_or("", String::as_str);
        let lines = text.lines().enumerate().skip(begin - 1);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        for (line, text) in lines.take_while(|(at, text)| *at < begin || !text.starts_with("fn ")) {
            for (at, _) in text.match_indices(name).filter(|_| !name.is_empty()) {
                let (before, after) = (&text[..at], &text[at + name.len()..]);
                let begins = !before.ends_with(is_word) && !before.contains("//");
                if begins && after.trim_start().trim_start_matches('"').starts_with(':') {
                    let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
                    return Position::new(number(line + 1), number(before.chars().count() + 1));
                }
            }
        }
        Position::NONE
    }

    /// Turns an error of the script engine into one for a person.
    pub(super) fn explain(&self, error: EvalAltResult, names: &Vocabulary) -> ScriptError {
        let (mut inner, file, position) = self.innermost(error);
        if let EvalAltResult::ErrorParsing(kind, _) = &inner {
            return self.explain_syntax(kind, &file, position);
        }
        inner.set_position(Position::NONE);
        let kind = kind_of(&inner);
        let (message, hint) = self.words(inner, names);
        let mut explained = self.error_at(&file, position, &message);
        explained.kind = kind;
        explained.hint = hint.or(explained.hint);
        explained
    }

    /// A source that does not parse.
    fn explain_syntax(&self, kind: &ParseErrorType, file: &str, position: Position) -> ScriptError {
        let text = self.texts.get(file).map_or("", String::as_str);
        let at = offset(text, position);
        if let ParseErrorType::VariableUndefined(name) = kind {
            let message = format!("there is no variable \"{name}\"");
            let mut error = self.error_at(file, position, &message);
            error.hint = habits::around_name(name, text, at)
                .map(str::to_owned)
                .or_else(|| self.hint_for_variable(name));
            return error;
        }
        let slip = habits::syntax(kind, text, at);
        let place = if slip.is_before {
            end_before(text, at)
        } else {
            position
        };
        let mut error = self.error_at(file, place, &slip.message);
        error.hint = slip.hint.map(|text| hint(&text));
        error
    }

    /// The same of a call of one of the script's functions, which is the place if no nearer one is known.
    pub(super) fn explain_call(
        &self,
        function: &str,
        error: EvalAltResult,
        names: &Vocabulary,
    ) -> ScriptError {
        let innermost = innermost_function(&error).unwrap_or(function).to_owned();
        let explained = self.explain(error, names);
        let place = match self.place_of_function(&innermost) {
            place if place.is_none() => self.place_of_function(function),
            place => place,
        };
        if explained.position.is_some() || place.is_none() {
            return explained;
        }
        let ScriptError { hint, kind, .. } = explained;
        let placed = self.error_at(&self.main, place, &explained.message);
        ScriptError {
            hint,
            kind,
            ..placed
        }
    }

    /// The error at the end of the chain of calls, its file, and the nearest known place.
    fn innermost(&self, error: EvalAltResult) -> (EvalAltResult, String, Position) {
        let (mut error, mut file) = (error, self.main.clone());
        let mut position = error.position();
        loop {
            match error {
                EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                    if !inner.position().is_none() {
                        position = inner.position();
                        if self.texts.contains_key(&source) {
                            file = source;
                        }
                    }
                    error = *inner;
                }
                EvalAltResult::ErrorInModule(module, inner, _) => {
                    if !inner.position().is_none() {
                        position = inner.position();
                        let named = sandbox::library_file(&module);
                        if self.texts.contains_key(&named) {
                            file = named;
                        }
                    }
                    error = *inner;
                }
                last => return (last, file, position),
            }
        }
    }

    /// The message and, where there is one, the hint.
    fn words(&self, error: EvalAltResult, names: &Vocabulary) -> (String, Option<String>) {
        use EvalAltResult as E;
        match error {
            E::ErrorVariableNotFound(name, _) => (
                format!("there is no variable \"{name}\""),
                self.hint_for_variable(&name),
            ),
            E::ErrorPropertyNotFound(name, _) => (
                format!("the map has no property \"{name}\""),
                did_you_mean(&name, self.identifiers(&name)).or_else(|| {
                    let name = bounded(&name, 100);
                    Some(format!(
                        "what may be missing is read by get, as in this.get(\"{name}\") ?? 0"
                    ))
                }),
            ),
            E::ErrorDotExpr(text, _) => property_words(&text, names),
            E::ErrorFunctionNotFound(signature, _) => self.function_words(&signature, names),
            E::ErrorIndexingType(what, _) => index_words(&what),
            E::ErrorTooManyOperations(_) => (
                format!(
                    "the call took more than {} operations and was stopped",
                    sandbox::OPERATIONS
                ),
                Some("loop less, or let a native method do the work".to_owned()),
            ),
            E::ErrorStackOverflow(_) => (
                format!("calls are nested more than {} deep", sandbox::CALL_LEVELS),
                Some(
                    "a function that calls itself must come to an end; a loop often does"
                        .to_owned(),
                ),
            ),
            E::ErrorDataTooLarge(what, _) => (
                format!("a value grew too large: {}", what.to_lowercase()),
                Some(sandbox::data_limits()),
            ),
            E::ErrorUnboundThis(_) => (
                "`this` is not bound here".to_owned(),
                Some(
                    "call the helper as a method, this.helper(…), or pass it what it needs"
                        .to_owned(),
                ),
            ),
            // What ends a call says why; a script cannot catch it.
            E::ErrorTerminated(value, _) => split_hint(&value.to_string()),
            E::ErrorRuntime(value, _) => match value.into_string() {
                Ok(text) => split_hint(&text),
                Err(kind) => (format!("the script threw a value ({kind})"), None),
            },
            other => split_hint(&other.to_string()),
        }
    }

    fn hint_for_variable(&self, name: &str) -> Option<String> {
        if self.constants().any(|constant| constant == name) {
            return Some(format!("inside a function write global::{name}"));
        }
        if let Some(instead) = habits::instead_of_name(name) {
            return Some(instead.to_owned());
        }
        let declare = || {
            let name = bounded(name, 100);
            format!(
                "declare it by let {name} = …, take it as a parameter, or keep it in this.{name}"
            )
        };
        did_you_mean(name, self.identifiers(name)).or_else(|| Some(declare()))
    }

    fn function_words(&self, signature: &str, names: &Vocabulary) -> (String, Option<String>) {
        let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ")"));
        let arguments = script_types(arguments.trim_end_matches(')'));
        if is_operator(name) {
            return (
                format!("\"{name}\" cannot be applied to ({arguments})"),
                operator_hint(name, &arguments),
            );
        }
        let usages = names.usages(name);
        if !usages.is_empty() {
            return (
                format!("{name} cannot be called with ({arguments})"),
                Some(format!("use {}", usages.join(" or "))),
            );
        }
        let hint = if self.functions().any(|own| own == name) {
            Some(format!("{name} is defined with other parameters"))
        } else if let Some(instead) = habits::instead_of_function(name, &arguments) {
            Some(instead.to_owned())
        } else {
            let mut known: Vec<&str> = names.functions().collect();
            known.extend(self.functions());
            did_you_mean(name, known)
        };
        (
            format!("there is no function \"{name}\" for ({arguments})"),
            hint,
        )
    }

    /// Words of the script that could have been meant: all its identifiers but the one at fault.
    fn identifiers<'s>(&'s self, but: &str) -> BTreeSet<&'s str> {
        let words = self
            .texts
            .values()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.split("//").next())
            .flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_')))
            .filter(|word| word.starts_with(|c: char| c.is_alphabetic()))
            .filter(|word| !KEYWORDS.contains(word) && *word != but);
        words.collect()
    }

    fn functions(&self) -> impl Iterator<Item = &str> {
        self.defined("fn ")
    }

    fn constants(&self) -> impl Iterator<Item = &str> {
        self.defined("const ")
    }

    fn defined<'s>(&'s self, keyword: &'static str) -> impl Iterator<Item = &'s str> {
        self.texts
            .values()
            .flat_map(|text| text.lines())
            .filter_map(move |line| line.trim_start().strip_prefix(keyword))
            .filter_map(|rest| {
                rest.trim_start()
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
            })
    }
}

/// The function at the end of the chain of calls.
fn kind_of(error: &EvalAltResult) -> FaultKind {
    match error {
        EvalAltResult::ErrorTooManyOperations(_) => FaultKind::Operations,
        // Only memory ends a call like this.
        EvalAltResult::ErrorTerminated(..) => FaultKind::Memory,
        EvalAltResult::ErrorStackOverflow(_) => FaultKind::Depth,
        EvalAltResult::ErrorDataTooLarge(..) => FaultKind::Size,
        _ => FaultKind::Error,
    }
}

fn innermost_function(error: &EvalAltResult) -> Option<&str> {
    match error {
        EvalAltResult::ErrorInFunctionCall(name, _, inner, _) => {
            innermost_function(inner).or(Some(name))
        }
        EvalAltResult::ErrorInModule(_, inner, _) => innermost_function(inner),
        _ => None,
    }
}

const KEYWORDS: [&str; 24] = [
    "let", "const", "fn", "if", "else", "for", "in", "while", "loop", "do", "until", "return",
    "break", "continue", "true", "false", "this", "switch", "throw", "try", "catch", "import",
    "as", "private",
];

fn property_words(text: &str, names: &Vocabulary) -> (String, Option<String>) {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let (Some(property), Some(kind)) = (quoted.next(), quoted.next()) else {
        return (text.to_owned(), None);
    };
    let kind = script_type(kind);
    if kind == "()" {
        return (
            format!("there is no value here, so no \"{property}\""),
            Some(format!(
                "test it with `if x == () {{ … }}`, or write ?.{property}"
            )),
        );
    }
    if text.starts_with("No writable") {
        return (
            format!("\"{property}\" of a {kind} cannot be changed"),
            None,
        );
    }
    if kind == "Fn" {
        let hint = habits::instead_of_name(property);
        return (
            format!("a function has no property \"{property}\""),
            Some(
                hint.unwrap_or("call it: name(…); settings are read as ctx.params.name")
                    .to_owned(),
            ),
        );
    }
    let own = names.usages_of(property, kind);
    let hint = if own.is_empty() {
        habits::instead_of_property(kind, property)
            .map(str::to_owned)
            .or_else(|| did_you_mean(property, names.properties(kind)))
    } else {
        Some(format!("use {}", own.join(" or ")))
    };
    (format!("a {kind} has no property \"{property}\""), hint)
}

/// `Indexer unavailable: Runners [string]`
fn index_words(what: &str) -> (String, Option<String>) {
    let pair = what.split_once(" [");
    let Some((of, by)) = pair.map(|(of, by)| (of, by.trim_end_matches(']'))) else {
        return split_hint(what);
    };
    let of = script_type(of.rsplit(": ").next().unwrap_or(of));
    let by = script_type(by);
    let hint = match (of, by) {
        ("Runners", _) => {
            "count from 0, as in market.runners[0]; by id or key it is market.runner(id)"
        }
        ("()", _) => "there is no value here: test it with `if x == () { … }`",
        _ => "its properties are read by name, as in value.price",
    };
    (
        format!("{of} cannot be indexed by a value of type {by}"),
        Some(hint.to_owned()),
    )
}

fn operator_hint(name: &str, arguments: &str) -> Option<String> {
    let hint = if arguments.split(", ").any(|kind| kind == "()") {
        "a value is missing: test it with `if x == () { … }`, or give one: x ?? 0"
    } else if arguments.contains("string") && name != "+" {
        "a text is no number: parse_float(text) reads it as one"
    } else if arguments.contains("Quote") {
        "a quote holds several numbers: use quote.price or quote.size"
    } else if arguments.contains("Fn") {
        "this is a function: call it"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// The byte in a text that a position names.
fn offset(text: &str, position: Position) -> usize {
    let Some(line) = position.line() else {
        return text.len();
    };
    let begin = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum::<usize>();
    let rest = text.get(begin..).unwrap_or("");
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(at, _)| at);
    begin + within
}

/// The place behind the last word of code before a byte.
fn end_before(text: &str, at: usize) -> Position {
    let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let before = text.get(..at).unwrap_or(text);
    let lines: Vec<&str> = before.lines().collect();
    for (line, text) in lines.iter().enumerate().rev() {
        let code = text.find("//").map_or(*text, |comment| &text[..comment]);
        let code = code.trim_end();
        if !code.is_empty() {
            return Position::new(number(line + 1), number(code.chars().count() + 1));
        }
    }
    Position::NONE
}

fn is_operator(name: &str) -> bool {
    name.chars()
        .all(|c| !c.is_alphanumeric() && c != '_' && c != '$')
}

fn script_types(arguments: &str) -> String {
    let kinds: Vec<_> = arguments.split(", ").map(script_type).collect();
    kinds.join(", ")
}

/// A type as a script's author knows it.
fn script_type(kind: &str) -> &str {
    match kind {
        "&str | ImmutableString | String" => "string",
        "i64" => "int",
        "ImmutableString" | "String" => "string",
        "f64" => "float",
        known => known,
    }
}

fn split_hint(message: &str) -> (String, Option<String>) {
    match message.split_once('\n') {
        Some((first, rest)) => (
            bounded(first, 500),
            Some(hint(rest)).filter(|hint| !hint.is_empty()),
        ),
        None => (bounded(message, 500), None),
    }
}

/// Lines of a hint, bounded: scripts throw what they like.
fn hint(text: &str) -> String {
    let shown = |c: &char| *c == '\n' || !c.is_control();
    text.chars().filter(shown).take(4000).collect()
}
