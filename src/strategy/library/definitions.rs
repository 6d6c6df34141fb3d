//! Definitions for editors: what a language server reads to complete names and show help, written from what was
//! registered, so that it cannot lag behind.

use std::fmt::Write as _;

use super::super::lint::{Kind, of_function, of_property};
use super::super::names::{Entry, Vocabulary};
use super::reference::vocabulary;

const HEAD: &str = "\
// Written by `bea definitions` from what the program offers to scripts; don't edit it.
";

/// A file of definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The file's name.
    pub name: &'static str,
    /// What it says.
    pub text: String,
}

/// Definitions of all that scripts can call and read.
#[must_use]
pub fn definitions() -> Vec<Definition> {
    let names = vocabulary();
    let mut text = format!("{HEAD}module static;\n");
    let mut group = "";
    for entry in &names.entries {
        if entry.group != group {
            group = entry.group;
            let _infallible = write!(text, "\n// {group}\n");
        }
        if entry.of.is_empty() {
            function(entry, &names, &mut text);
        } else {
            property(entry, &names, &mut text);
        }
    }
    vec![Definition {
        name: "bea.d.rhai",
        text,
    }]
}

fn help(entry: &Entry, out: &mut String) {
    let shown = match entry.of {
        "" => entry.usage.to_owned(),
        of => format!("{of}.{}", entry.usage),
    };
    let _infallible = write!(out, "\n/// `{shown}`\n///\n/// {}\n", entry.what);
    if !entry.example.is_empty() {
        let _infallible = write!(
            out,
            "///\n/// # Example\n///\n/// ```rhai\n/// {}\n/// ```\n",
            entry.example.replace(" → ", "   // ")
        );
    }
}

fn property(entry: &Entry, names: &Vocabulary, out: &mut String) {
    let host = names.host_called(entry.of).unwrap_or("?");
    let gives = of_property(host, entry.usage);
    help(entry, out);
    let name = entry.usage;
    let _infallible = writeln!(out, "fn get {name}(this: {host}) -> {};", gives.called());
}

/// One definition for each number of arguments it takes.
fn function(entry: &Entry, names: &Vocabulary, out: &mut String) {
    let (head, list) = entry.usage.split_once('(').unwrap_or((entry.usage, ""));
    let (host, name) = match head.rsplit_once('.') {
        Some((of, name)) => (names.host_called(of), name),
        None => (None, head),
    };
    let all: Vec<&str> = list
        .trim_end_matches(')')
        .split(", ")
        .filter(|p| !p.is_empty())
        .collect();
    let required = all.iter().filter(|param| !param.contains(" = ")).count();
    let gives = match (host, of_function(name)) {
        // The same words are said of intents and of other things.
        (Some("Grid" | "Table"), _) => Kind::Any,
        (_, kind) => kind,
    };
    for count in required..=all.len() {
        help(entry, out);
        let this = host.map(|host| format!("this: {host}"));
        let params = all[..count].iter().map(|param| {
            let name = param.split(" = ").next().unwrap_or(param);
            format!("{name}: {}", type_of_param(name))
        });
        let params: Vec<String> = this.into_iter().chain(params).collect();
        let _infallible = writeln!(
            out,
            "fn {name}({}) -> {};",
            params.join(", "),
            gives.called()
        );
    }
}

fn type_of_param(name: &str) -> &'static str {
    match name {
        "market" => "Market",
        "order" => "Order",
        "text" | "side" | "method" | "format" | "column" | "message" | "finish" => "String",
        "map" | "changes" => "Map",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_registered_is_defined_with_its_help() {
        let files = definitions();
        let text = &files[0].text;
        for entry in &vocabulary().entries {
            assert!(
                text.contains(&format!("/// {}\n", entry.what)),
                "{}",
                entry.usage
            );
        }
        for line in [
            "fn get best_back(this: Runner) -> Quote;",
            "fn back(runner: ?, price: ?, stake: ?) -> Intent;",
            "fn back_depth(this: Runner, levels: ?) -> Array;",
            "fn devig_shin(odds: ?) -> Array;",
            "fn devig_shin(odds: ?, target: ?) -> Array;",
        ] {
            assert!(text.contains(line), "no {line}\n{text}");
        }
        assert!(text.contains("/// kelly(0.55, 2.1, 0.5)   // 0.070455"));
    }
}
