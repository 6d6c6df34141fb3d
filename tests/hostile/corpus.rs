//! The corpus: scripts that try to break out or take the machine, each saying what must come of it.

use std::path::{Path, PathBuf};

/// What must come of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It cannot be read or compiled.
    Refused,
    /// Each call fails.
    Fault,
    /// It returns what the gate must refuse.
    Malformed,
    /// It returns sound intents, which are the gate's business.
    Placed,
    /// It comes to nothing.
    Harmless,
    /// One of its own tests fails.
    Test,
}

/// A script of the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// What the message must say.
    pub(crate) says: String,
}

/// All scripts: those of `scripts/` and those too large to keep, written to `folder`.
pub(crate) fn all(folder: &Path) -> Vec<Case> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/scripts");
    let mut paths: Vec<PathBuf> = scripts
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "rhai")
        })
        .collect();
    for (name, text) in large() {
        let path = folder.join(format!("{name}.rhai"));
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    paths.sort();
    let cases: Vec<Case> = paths.iter().map(|path| read(path)).collect();
    assert!(
        cases.len() >= 300,
        "only {} scripts were found",
        cases.len()
    );
    cases
}

fn read(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let attack = lines.next().unwrap_or_default();
    assert!(
        attack.starts_with("// "),
        "{path:?} says first what it does"
    );
    let expected = lines
        .next()
        .and_then(|line| line.strip_prefix("// expect: "))
        .unwrap_or_else(|| panic!("{path:?} says second what must come of it"));
    let (kind, says) = expected
        .split_once(": ")
        .unwrap_or((expected.trim_end_matches(':'), ""));
    Case {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        path: path.to_owned(),
        kind: match kind.trim_end_matches(": ").trim_end_matches(':') {
            "refused" => Kind::Refused,
            "fault" => Kind::Fault,
            "malformed" => Kind::Malformed,
            "placed" => Kind::Placed,
            "harmless" => Kind::Harmless,
            "test" => Kind::Test,
            other => panic!("{path:?} expects \"{other}\", which means nothing"),
        },
        says: says.trim().to_owned(),
    }
}

/// Sources that are an attack by their size.
fn large() -> Vec<(&'static str, String)> {
    let odds = |attack: &str, expect: &str, body: &str| {
        format!("// {attack}\n// expect: {expect}\nfn on_odds(market, ctx) {{ {body} }}\n")
    };
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(", ")
    };
    let idle = "fn on_odds(market, ctx) { }\n";
    let (long, longer) = ("x".repeat(30_000), "y".repeat(30_000));
    vec![
        (
            "large_source",
            odds(
                "A source of 9 MB.",
                "refused: over 64 KiB",
                &" ".repeat(9_000_000),
            ),
        ),
        (
            "large_comment",
            odds(
                "Nearly all of a source is comment.",
                "harmless",
                &format!("/*{}*/", "-".repeat(60_000)),
            ),
        ),
        (
            "large_text",
            odds(
                "A text in the source longer than texts may be.",
                "refused: ",
                &format!("\"{}\"", "x".repeat(60_000)),
            ),
        ),
        (
            "large_array",
            odds(
                "An array in the source with more items than arrays may have.",
                "refused: ",
                &format!("[{}]", list(10_000, &|at| at.to_string())),
            ),
        ),
        (
            "large_map",
            odds(
                "A map in the source with more entries than maps may have.",
                "refused: ",
                &format!("#{{ {} }}", list(5_000, &|at| format!("k{at}: 1"))),
            ),
        ),
        (
            "many_functions",
            format!(
                "// Ten thousand functions, as far as a source holds them.\n// expect: refused: \n{idle}{}",
                (0..4_000)
                    .map(|at| format!("fn f{at}(){{}}\n"))
                    .collect::<String>()
            ),
        ),
        (
            "many_parameters",
            format!(
                "// A function of 500 parameters.\n// expect: harmless\nfn many({}) {{ 1 }}\nfn on_odds(market, ctx) {{ many({}); () }}",
                list(100, &|at| format!("p{at}")),
                list(100, &|_| "1".to_owned())
            ),
        ),
        (
            "many_statements",
            odds(
                "As many statements as a source holds.",
                "harmless",
                &format!("{}()", "1;".repeat(30_000)),
            ),
        ),
        (
            "many_variables_in_source",
            odds(
                "Ten thousand variables.",
                "fault: ",
                &(0..4_000)
                    .map(|at| format!("let v{at}=1;"))
                    .collect::<String>(),
            ),
        ),
        (
            "deep_parentheses",
            odds(
                "Parentheses nested deep.",
                "refused: complexity",
                &nested("(", "1", ")", 20_000),
            ),
        ),
        (
            "deep_blocks",
            odds(
                "Blocks nested deep.",
                "refused: ",
                &nested("{", "1", "}", 20_000),
            ),
        ),
        (
            "deep_arrays",
            odds(
                "Arrays nested deep.",
                "refused: complexity",
                &nested("[", "1", "]", 20_000),
            ),
        ),
        (
            "deep_maps",
            odds(
                "Maps nested deep.",
                "refused: complexity",
                &nested("#{a:", "1", "}", 10_000),
            ),
        ),
        (
            "deep_ifs",
            odds(
                "Conditions nested deep.",
                "refused: ",
                &nested("if true {", "1", "}", 5_000),
            ),
        ),
        (
            "deep_loops",
            odds(
                "Loops nested deep.",
                "refused: ",
                &nested("loop {", "1", "}", 5_000),
            ),
        ),
        (
            "deep_closures",
            odds(
                "Functions nested deep.",
                "refused: complexity",
                &nested("||(", "1", ")", 10_000),
            ),
        ),
        (
            "deep_negations",
            odds(
                "Signs without end.",
                "refused: ",
                &format!("{}1", "-".repeat(50_000)),
            ),
        ),
        (
            "deep_nots",
            odds(
                "Negations without end.",
                "refused: ",
                &format!("{}true", "!".repeat(50_000)),
            ),
        ),
        (
            "deep_sum",
            odds(
                "A sum of very many terms.",
                "refused: ",
                &format!("1{}", "+1".repeat(20_000)),
            ),
        ),
        (
            "deep_dots",
            odds(
                "A chain of very many properties.",
                "refused: ",
                &format!("market{}", ".a".repeat(20_000)),
            ),
        ),
        (
            "deep_indexes",
            odds(
                "A chain of very many indexes.",
                "refused: ",
                &format!("this{}", "[0]".repeat(10_000)),
            ),
        ),
        (
            "deep_calls",
            odds(
                "Calls nested deep in the source.",
                "refused: complexity",
                &nested("abs(", "1", ")", 10_000),
            ),
        ),
        (
            "deep_else_ifs",
            odds(
                "A chain of very many conditions.",
                "refused: ",
                &format!("if false {{}}{}", " else if false {}".repeat(3_000)),
            ),
        ),
        (
            "deep_strings",
            odds(
                "Texts nested by interpolation.",
                "refused: ",
                &nested("`${", "1", "}`", 5_000),
            ),
        ),
        (
            "deep_comments",
            odds(
                "Comments nested deep.",
                "harmless",
                &nested("/*", "x", "*/", 10_000),
            ),
        ),
        (
            "deep_chain_of_questions",
            odds(
                "A chain of very many defaults.",
                "refused: ",
                &format!("1{}", "??1".repeat(10_000)),
            ),
        ),
        (
            "deep_assignments",
            odds(
                "A chain of assignments.",
                "refused: ",
                &format!("let a = 1; {}1", "a=".repeat(10_000)),
            ),
        ),
        (
            "long_name_unknown",
            odds(
                "A variable of 30,000 letters beside one that is like it.",
                "refused: there is no variable",
                &format!("let {long} = 1; {longer}"),
            ),
        ),
        (
            "long_function_unknown",
            odds(
                "A function of 30,000 letters beside one that is like it.",
                "fault: there is no function",
                &format!("let {longer} = 1; {long}()"),
            ),
        ),
        (
            "long_property_unknown",
            odds(
                "A property of 30,000 letters.",
                "fault: no property",
                &format!("let {longer} = 1; market.{long}"),
            ),
        ),
        (
            "long_callback",
            format!(
                "// A function of 60,000 letters.\n// expect: harmless\n{idle}fn on_{}(a, b) {{ }}",
                "o".repeat(60_000)
            ),
        ),
        (
            "long_line",
            odds(
                "An error far out on a long line.",
                "fault: ",
                &format!("{}throw 1", "1;".repeat(30_000)),
            ),
        ),
    ]
}
