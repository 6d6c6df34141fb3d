//! What people write who come from other languages, or from their first day, and what to write here instead.

use rhai::{LexError, ParseErrorType};

use super::names::bounded;

/// What to write in place of a name that is none here.
pub(super) fn instead_of_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "null" | "None" | "nil" | "undefined" | "NULL" | "nullptr" => {
            "\"nothing\" is written (), as in if quote == () { … }"
        }
        "True" | "TRUE" => "write true",
        "False" | "FALSE" => "write false",
        "and" | "AND" => "write && for \"and\"",
        "or" | "OR" => "write || for \"or\"",
        "not" | "NOT" => "write ! for \"not\", as in if !market.in_play { … }",
        "elif" | "elsif" | "elseif" => "write else if",
        "def" | "function" | "func" | "fun" | "lambda" | "async" => {
            "a function is written fn name(parameters) { … }, a closure |x| x + 1"
        }
        "var" | "auto" | "final" | "mut" | "int" | "float" | "double" | "string" => {
            "a variable is declared by let name = value; and needs no type"
        }
        "Math" | "math" | "np" | "numpy" => {
            "the maths is there without a prefix: min(a, b), max(a, b), sqrt(x), abs(x)"
        }
        "console" | "logging" | "logger" => "write ctx.log(text) or print(text)",
        "datetime" | "Date" | "time" | "now" | "timestamp" | "sleep" => {
            "there is no clock but the market's: ctx.now_ms, market.seconds_to_start"
        }
        "random" | "rand" => "there is no chance here: the same market gives the same answer",
        "self" => "a strategy's memory is called this",
        "params" | "settings" => "settings are read as ctx.params.name",
        "orders" | "bankroll" | "position" | "exposure" | "tables" | "now_ms" => {
            "it belongs to the context: ctx.orders, ctx.bankroll, ctx.position(runner), …"
        }
        "runners" | "active" | "in_play" | "seconds_to_start" | "overround" => {
            "it belongs to the market: market.active, market.in_play, …"
        }
        "best_back" | "best_lay" | "last_traded" => {
            "it belongs to a runner: for runner in market.active { runner.best_back … }"
        }
        "risk" | "limits" | "config" | "secrets" | "env" | "os" | "sys" | "process" => {
            "a script sees nothing of the host: limits and configuration are the operator's; declare settings in params()"
        }
        "try_catch" | "except" | "finally" | "raise" => {
            "errors are thrown by throw value and caught by try { … } catch (error) { … }"
        }
        _ => return None,
    })
}

/// What to call in place of a function that is none here.
pub(super) fn instead_of_function(name: &str, arguments: &str) -> Option<&'static str> {
    Some(match name {
        "append" | "add" if arguments.starts_with("array") => {
            "list.push(item) adds one item; list.append(other) adds those of another array"
        }
        "map" | "filter" | "find" | "some" | "all" | "reduce" | "sort" | "for_each"
        | "index_of"
            if arguments.starts_with("Runners") || arguments.starts_with("Orders") =>
        {
            "make an array of it first, as in market.active.to_array().map(|runner| runner.key)"
        }
        "range" => "a range is written 0..10, without its end, or 0..=10, with it",
        "str" | "String" => "write x.to_string(), or put it into a text: `price ${x}`",
        "int" | "Int" | "Number" => "write x.to_int(), or parse_int(text)",
        "float" | "Float" => "write x.to_float(), or parse_float(text)",
        "sum" => "write list.reduce(|sum, x| sum + x, 0.0)",
        "length" | "size" | "count" => "write .len()",
        "println" | "printf" | "echo" => "write print(text) or ctx.log(text)",
        "bet" | "place" | "place_bet" | "place_order" | "order" | "buy" | "sell" => {
            "bets are made by back(runner, price, stake) and lay(runner, price, stake)"
        }
        "getattr" | "hasattr" | "has" | "includes" => "write key in map, or list.contains(item)",
        other => return instead_of_name(other),
    })
}

/// What to read in place of a property that a host value has not.
pub(super) fn instead_of_property(kind: &str, name: &str) -> Option<&'static str> {
    Some(match (kind, name) {
        ("Runner", "price" | "odds") => {
            "a runner has several prices: best_back.price, best_lay.price, last_traded"
        }
        ("Runner", "size" | "stake" | "volume") => {
            "use best_back.size, best_lay.size or total_matched"
        }
        ("Runner", "selection_id" | "selectionId") => "use id, or key, which is a text",
        ("Runner", "probability" | "implied") => {
            "use implied(price), or take the margin off all prices, as in devig_power(market.mid_prices())"
        }
        ("Runner", "back" | "backs" | "available_to_back") => "use best_back, or back_depth(n)",
        ("Runner", "lay" | "lays" | "available_to_lay") => "use best_lay, or lay_depth(n)",
        ("Market", "start_time" | "starts_at" | "start" | "market_time") => {
            "use seconds_to_start, which is negative after the start"
        }
        ("Market", "time" | "now" | "now_ms" | "published_at" | "timestamp") => {
            "the time is in the context: ctx.now_ms"
        }
        ("Market", "selections" | "outcomes") => "use runners, or active for those not withdrawn",
        ("Market", "inplay" | "inPlay" | "in_running") => "use in_play",
        ("Market", "margin" | "book" | "book_percentage") => {
            "use overround, or book_for(side, stake)"
        }
        ("Market", "market_type") => "use type",
        ("Market", "market_id") => "use id",
        ("Runners" | "Orders", "length" | "size" | "count") => "use len, or len()",
        ("Context", "time" | "now" | "timestamp") => "use now_ms",
        ("Context", "bank" | "balance" | "funds") => "use bankroll",
        ("Context", "positions") => "use position(runner)",
        ("Context", "state" | "memory" | "store") => {
            "a strategy's memory is this: this.n = (this.get(\"n\") ?? 0) + 1"
        }
        ("Context", "market") => "it is the other parameter: fn on_odds(market, ctx)",
        ("Quote", "odds") => "use price",
        ("Quote", "stake" | "amount" | "volume" | "limit") => "use size",
        ("Quote", "bookmaker") => "use book",
        ("Order", "stake") => "use size",
        ("Order", "status") => "use state",
        ("Position", "average_price" | "price") => "use back_price or lay_price",
        ("Position", "stake" | "size") => "use backed or laid",
        ("Position", "profit") => "use if_win and if_lose",
        _ => return None,
    })
}

/// A mistake of syntax: what is wrong, what to do, and whether it is at the end of the line before.
pub(super) struct Slip {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The caret belongs behind the last word before this place.
    pub(super) is_before: bool,
}

/// A syntax error in words. `text` is the source, `at` the byte in it where the error was found.
pub(super) fn syntax(kind: &ParseErrorType, text: &str, at: usize) -> Slip {
    use ParseErrorType as P;
    let rest = text.get(at..).unwrap_or("");
    let word: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let plain = |message: &str, hint: &str| Slip {
        message: format!("syntax error: {message}"),
        hint: Some(hint.to_owned()),
        is_before: false,
    };
    let before = |message: &str, hint: &str| Slip {
        is_before: true,
        ..plain(message, hint)
    };
    match kind {
        P::MissingToken(..) | P::Reserved(_) if instead_of_name(&word).is_some() => plain(
            &format!("\"{word}\" means nothing here"),
            instead_of_name(&word).unwrap_or_default(),
        ),
        P::MissingToken(token, _) if token == ";" => missing_semicolon((text, at), before, plain),
        P::MissingToken(token, _) if token == "{" && rest.starts_with(':') => plain(
            "a block begins with {, not with :",
            "blocks stand in braces: if … { … }, for runner in market.active { … }",
        ),
        P::MissingToken(token, why) if token == "}" && why.contains("map") => plain(
            "the entries of a map are separated by commas and end with }",
            "write #{ stake: 2.0, edge: 0.05 }",
        ),
        P::MissingToken(token, _) if token == "," => before(
            "a comma or a closing bracket is missing here",
            "items and arguments are separated by commas: back(runner, price, stake)",
        ),
        P::MissingToken(token, why) => Slip {
            message: format!("syntax error: {token} is missing {why}"),
            hint: Some(open_function(text, at).unwrap_or_else(|| {
                "something opened above is not closed: count the brackets".to_owned()
            })),
            is_before: rest.is_empty(),
        },
        P::WrongFnDefinition => Slip {
            message: "syntax error: a function begins inside another one".to_owned(),
            hint: open_function(text, at),
            is_before: false,
        },
        P::UnexpectedEOF => Slip {
            message: "syntax error: the script ends too early".to_owned(),
            hint: open_function(text, at),
            is_before: true,
        },
        P::BadInput(LexError::MalformedChar(_)) => plain(
            "texts stand in double quotes; single quotes hold one character",
            "write \"OPEN\", not 'OPEN'",
        ),
        P::BadInput(LexError::UnterminatedString) => plain(
            "the text that begins here does not end",
            "close it with \" on the same line; a text of several lines stands in backticks",
        ),
        P::Reserved(symbol) if symbol == "#" => plain(
            "# begins nothing here",
            "a comment begins with //, a map with #{",
        ),
        P::Reserved(symbol) => Slip {
            message: format!("syntax error: \"{symbol}\" is a reserved word"),
            hint: Some("call it otherwise".to_owned()),
            is_before: false,
        },
        P::BadInput(LexError::ImproperSymbol(symbol, _)) if symbol == "===" || symbol == "!==" => {
            plain(
                &format!("{symbol} is not known"),
                "write == for \"equal\" and != for \"not equal\"",
            )
        }
        P::UnknownOperator(symbol) if symbol == "++" || symbol == "--" => plain(
            &format!("{symbol} is not known"),
            "write n += 1; or n -= 1;",
        ),
        P::UnknownOperator(symbol) if symbol == "?" => plain(
            "? is not known",
            "a choice is written if condition { 1 } else { 2 }; a value that may be missing x ?? 0",
        ),
        P::BadInput(LexError::ImproperSymbol(symbol, _)) if symbol == "=" => {
            plain("= sets a variable", "write == to compare")
        }
        P::VariableExpected if rest.starts_with('(') || stands_in_brackets(text, at) => plain(
            "a for walks over something and takes no brackets",
            "write for i in 0..3 { … } or for runner in market.active { … }",
        ),
        other if other.to_string().contains("typo of '=='") => {
            plain("= sets a variable", "write == to compare")
        }
        other => {
            let text = other.to_string();
            let (message, hint) = text.split_once('\n').unwrap_or((&text, ""));
            Slip {
                message: format!("syntax error: {}", bounded(message, 300)),
                hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
                is_before: false,
            }
        }
    }
}

/// Whether a `for` with an opening bracket stands before this place, as in other languages.
fn stands_in_brackets(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or("").trim_end();
    let head = before.strip_suffix('(').map(str::trim_end);
    head.is_some_and(|head| head.ends_with("for"))
}

fn missing_semicolon(
    (text, at): (&str, usize),
    before: impl Fn(&str, &str) -> Slip,
    plain: impl Fn(&str, &str) -> Slip,
) -> Slip {
    let rest = text.get(at..).unwrap_or("");
    if rest.starts_with("fn ") || rest.starts_with("private fn ") {
        return Slip {
            hint: open_function(text, at),
            ..plain("a function begins inside another one", "")
        };
    }
    if rest.starts_with(',') {
        return plain(
            "a comma cannot stand here",
            "several bets are returned as an array: return [first, second];",
        );
    }
    before(
        "a ; is missing here",
        "end each statement with ;, except the last of a function",
    )
}

/// What to say of a variable that is none, by what stands around it; `at` is the byte where it begins.
pub(super) fn around_name(name: &str, text: &str, at: usize) -> Option<&'static str> {
    let rest = text.get(at + name.len()..)?.trim_start_matches(' ');
    if rest.starts_with('"') || rest.starts_with('\'') {
        return Some("values are put into texts in backticks: `price ${quote.price}`");
    }
    if rest.starts_with(':') && !rest.starts_with("::") {
        return Some("a map is written #{ name: value }");
    }
    if rest.trim_start_matches([')', ' ']).starts_with("=>") {
        return Some("a closure is written |x| x + 1");
    }
    None
}

/// The function that is still open where another begins or the source ends.
fn open_function(text: &str, at: usize) -> Option<String> {
    let (line, name) = text
        .get(..at)
        .unwrap_or(text)
        .lines()
        .enumerate()
        .filter_map(|(line, text)| {
            let name = text
                .trim_start()
                .trim_start_matches("private ")
                .strip_prefix("fn ")?;
            let name: String = name
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            Some((line + 1, name))
        })
        .last()?;
    Some(format!(
        "fn {name}, begun on line {line}, is not closed: a }} is missing, or another bracket"
    ))
}
