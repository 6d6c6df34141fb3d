//! Calls: whether there is such a function, whether its arguments fit, and what it gives.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rhai::{Expr, FnCallExpr, Position};

use super::builtin::{BUILT_IN, OF_EVERYTHING};
use super::finding::Code;
use super::kinds::{self, Kind, Unit};
use super::source;
use super::walk::Walk;
use crate::strategy::habits;
use crate::strategy::names::{Vocabulary, did_you_mean};

/// One way to call a function of the script API.
struct Usage {
    text: &'static str,
    /// The type it hangs on, for a method.
    host: Option<&'static str>,
    params: Vec<&'static str>,
    required: usize,
}

impl Usage {
    fn read(text: &'static str, names: &Vocabulary) -> Self {
        let (head, list) = text.split_once('(').unwrap_or((text, ")"));
        let host = head
            .rsplit_once('.')
            .and_then(|(of, _)| names.host_called(of));
        let list = list.trim_end_matches(')');
        let all: Vec<&str> = list.split(", ").filter(|p| !p.is_empty()).collect();
        Self {
            text,
            host,
            required: all.iter().filter(|p| !p.contains('=')).count(),
            params: all
                .iter()
                .map(|p| p.split(" =").next().unwrap_or(p))
                .collect(),
        }
    }

    fn takes(&self, count: usize) -> bool {
        let range: RangeInclusive<usize> = self.required..=self.params.len();
        range.contains(&count)
    }
}

/// All functions that a script can call without defining them.
pub(super) struct Words<'n> {
    /// The script API as it is registered.
    pub(super) names: &'n Vocabulary,
    usages: BTreeMap<&'static str, Vec<Usage>>,
}

impl<'n> Words<'n> {
    pub(super) fn new(names: &'n Vocabulary) -> Self {
        let usages = names.functions().map(|name| {
            let list = names.usages(name).iter();
            (name, list.map(|text| Usage::read(text, names)).collect())
        });
        Self {
            usages: usages.collect(),
            names,
        }
    }

    fn of(&self, name: &str) -> &[Usage] {
        self.usages.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the API has a plain function of this name.
    pub(super) fn has_function(&self, name: &str) -> bool {
        self.of(name).iter().any(|usage| usage.host.is_none())
    }

    /// What was meant by a property that is not there.
    pub(super) fn instead_of_property(&self, host: &str, name: &str) -> String {
        let method = self.of(name).iter().find(|usage| usage.host == Some(host));
        method.map_or_else(
            || {
                let known = || self.names.properties(host);
                let methods = self
                    .usages
                    .iter()
                    .filter(|(_, list)| list.iter().any(|u| u.host == Some(host)));
                let methods: Vec<&str> = methods.map(|(name, _)| *name).collect();
                habits::instead_of_property(host, name)
                    .map(str::to_owned)
                    .or_else(|| did_you_mean(name, known().chain(methods.iter().copied())))
                    .unwrap_or_else(|| {
                        let methods = methods.iter().map(|name| format!("{name}()"));
                        let all: Vec<String> = known().map(str::to_owned).chain(methods).collect();
                        format!("it has: {}", all.join(", "))
                    })
            },
            |method| format!("use {}", method.text),
        )
    }
}

impl Walk<'_> {
    /// A call `name(…)`, an operator included.
    pub(super) fn call(&mut self, call: &FnCallExpr, at: Position) -> Kind {
        let name = call.name.as_str();
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return self.operator(name, &call.args, at);
        }
        let kinds: Vec<Kind> = call.args.iter().map(|arg| self.expression(arg)).collect();
        if !call.namespace.is_empty() {
            self.check_library(call, at);
            return Kind::Any;
        }
        if ["curry", "Fn"].contains(&name) {
            return Kind::Function;
        }
        let own: Vec<usize> = self.own(name);
        if own.contains(&kinds.len()) {
            self.given(name, &kinds);
            return self.returned(name, kinds.len());
        }
        let usages = self.words.of(name);
        if let Some(usage) = usages
            .iter()
            .find(|u| u.host.is_none() && u.takes(kinds.len()))
        {
            self.check_arguments(usage, &usage.params, &call.args, &kinds);
            return self.given_by(name, &kinds);
        }
        let as_method = |u: &Usage| u.host.is_some() && u.takes(kinds.len().saturating_sub(1));
        if BUILT_IN.contains(&name) || usages.iter().any(as_method) || self.uses_variable(name) {
            return self.given_by(name, &kinds);
        }
        if let Some(first) = own.first() {
            let message = format!(
                "{name} is called with {}, and defined with {first} of them",
                arguments(kinds.len())
            );
            self.find(Code::WrongArity, at, &message);
        } else if usages.is_empty() {
            self.unknown_function(&format!("there is no function \"{name}\""), name, at);
        } else {
            let ways: Vec<_> = usages.iter().map(|usage| usage.text).collect();
            let message = format!(
                "{name} is called with {}\nuse {}",
                arguments(kinds.len()),
                ways.join(" or ")
            );
            self.find(Code::WrongArity, at, &message);
        }
        Kind::Any
    }

    /// A call `value.name(…)`.
    pub(super) fn method(&mut self, of: &Kind, call: &FnCallExpr, at: Position) -> Kind {
        let name = call.name.as_str();
        let sets_param = *of == Kind::Host("Test") && name == "param";
        // A test that sets a parameter does not read it.
        let read_before = sets_param.then(|| self.learnt.read.clone());
        let kinds: Vec<Kind> = call.args.iter().map(|arg| self.expression(arg)).collect();
        if let Some(read_before) = read_before {
            self.learnt.read = read_before;
            self.check_param(&call.args);
        }
        if self.own(name).contains(&kinds.len()) {
            self.given(name, &kinds);
            return self.returned(name, kinds.len());
        }
        self.given_to_closures(of, call);
        let words = self.words;
        let usages = words.of(name);
        if let Kind::Host(host) = of {
            if name == "to_array" {
                return Kind::array(kinds::of_item(of));
            }
            let own_method = |u: &&Usage| u.host == Some(*host) && u.takes(kinds.len());
            if let Some(usage) = usages.iter().find(own_method) {
                self.check_arguments(usage, &usage.params, &call.args, &kinds);
                return self.given_by(name, &kinds);
            }
            let as_method = |u: &&Usage| u.host.is_none() && u.takes(kinds.len() + 1);
            if let Some(usage) = usages.iter().find(as_method) {
                self.check_arguments(usage, &usage.params[1..], &call.args, &kinds);
                return self.given_by(name, &kinds);
            }
            if !OF_EVERYTHING.contains(&name) {
                self.unknown_method(host, name, kinds.len(), at);
            }
            return Kind::Any;
        }
        let is_known = !usages.is_empty()
            || BUILT_IN.contains(&name)
            || name == "call"
            || self.before.words.contains(name)
            || !self.own(name).is_empty();
        if !is_known {
            self.unknown_function(&format!("nothing has a function \"{name}\""), name, at);
        }
        if let Some(kind) = self.of_array(of, call) {
            return kind;
        }
        match (name, of) {
            ("map" | "filter" | "sort" | "get", _) => Kind::Any,
            ("round" | "floor" | "ceiling" | "abs" | "to_float", number @ Kind::Number(_)) => {
                number.clone()
            }
            _ if BUILT_IN.contains(&name) || usages.iter().all(|u| u.host.is_none()) => Kind::Any,
            _ => kinds::of_function(name),
        }
    }

    fn unknown_method(&mut self, host: &str, name: &str, count: usize, at: Position) {
        let words = self.words;
        let own: Vec<_> = words
            .of(name)
            .iter()
            .filter(|u| u.host == Some(host))
            .collect();
        if let Some(usage) = own.first() {
            let message = format!(
                "{name} is called with {}\nuse {}",
                arguments(count),
                usage.text
            );
            self.find(Code::WrongArity, at, &message);
            return;
        }
        let hint = if words.names.properties(host).any(|known| known == name) {
            format!("it is a property: write .{name} without ()")
        } else if let Some(instead) = habits::instead_of_function(name, host) {
            instead.to_owned()
        } else {
            words.instead_of_property(host, name)
        };
        let message = format!("a {host} has no function \"{name}\"\n{hint}");
        self.find(Code::UnknownFunction, at, &message);
    }

    fn unknown_function(&mut self, message: &str, name: &str, at: Position) {
        let own = self
            .functions
            .iter()
            .filter(|f| !f.is_closure())
            .map(|f| f.name.as_str());
        let known = self.words.usages.keys().copied().chain(own);
        let near = habits::instead_of_function(name, "")
            .map(str::to_owned)
            .or_else(|| did_you_mean(name, known.collect::<Vec<_>>()))
            .or_else(|| did_you_mean(name, BUILT_IN.iter().copied()));
        let hint = near.unwrap_or_else(|| "docs/strategy-api.md lists what there is".to_owned());
        self.find(Code::UnknownFunction, at, &format!("{message}\n{hint}"));
    }

    /// With how many parameters the script itself defines a function.
    pub(super) fn own(&self, name: &str) -> Vec<usize> {
        let own = self.functions.iter().filter(|f| f.name == name);
        own.map(|f| f.params.len()).collect()
    }

    /// One of the script's own functions is called.
    pub(super) fn given(&mut self, name: &str, kinds: &[Kind]) {
        self.learnt.called.insert(name.to_owned());
        for (at, kind) in kinds.iter().enumerate() {
            let key = (name.to_owned(), kinds.len(), at);
            let known = self.learnt.arguments.remove(&key);
            let kind = known.map_or(kind.clone(), |known| known.join(kind.clone()));
            self.learnt.arguments.insert(key, kind);
        }
    }

    /// What one of the script's own functions gives, as far as the walk before could tell.
    fn returned(&self, name: &str, count: usize) -> Kind {
        let key = (name.to_owned(), count);
        self.before.returns.get(&key).cloned().unwrap_or(Kind::Any)
    }

    fn given_by(&self, name: &str, kinds: &[Kind]) -> Kind {
        match (name, kinds) {
            ("min" | "max", [a, b]) => a.clone().join(b.clone()),
            ("round" | "floor" | "ceiling" | "abs" | "to_float", [number, ..]) => number.clone(),
            ("to_string" | "type_of", _) => Kind::Text,
            ("len", _) => Kind::Number(Unit::Whole),
            _ => kinds::of_function(name),
        }
    }

    fn check_library(&mut self, call: &FnCallExpr, at: Position) {
        let module = call.namespace.root();
        self.learnt.globals.insert(module.to_owned());
        let Some(functions) = self.libraries.get(module) else {
            return;
        };
        let name = call.name.as_str();
        let same: Vec<_> = functions
            .iter()
            .filter(|(known, _)| known == name)
            .collect();
        if same.iter().any(|(_, count)| *count == call.args.len()) {
            return;
        }
        if let Some((_, count)) = same.first() {
            let message = format!(
                "{module}::{name} is called with {}, and defined with {count} of them",
                arguments(call.args.len())
            );
            self.find(Code::WrongArity, at, &message);
        } else {
            let known: Vec<_> = functions.iter().map(|(name, _)| name.as_str()).collect();
            let hint = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("it has: {}", known.join(", ")));
            let message = format!("{module} has no function \"{name}\"\n{hint}");
            self.find(Code::UnknownFunction, at, &message);
        }
    }

    /// `t.param("name", …)` names a setting.
    fn check_param(&mut self, arguments: &[Expr]) {
        let (Some(Expr::StringConstant(name, at)), Some(params)) = (arguments.first(), self.params)
        else {
            return;
        };
        if !params.iter().any(|param| param == name.as_str()) {
            let hint = did_you_mean(name, params.iter().map(String::as_str))
                .unwrap_or_else(|| format!("known: {}", params.join(", ")));
            let message = format!("there is no parameter \"{name}\"\n{hint}");
            self.find(Code::UnknownParam, *at, &message);
        }
    }

    /// Arguments against what the usage calls them.
    fn check_arguments(
        &mut self,
        usage: &Usage,
        params: &[&str],
        arguments: &[Expr],
        kinds: &[Kind],
    ) {
        // Odds in another format may be anything.
        let is_foreign = usage.params.contains(&"format");
        for ((param, argument), kind) in params.iter().zip(arguments).zip(kinds) {
            let at = source::start(argument);
            let wanted = match *param {
                _ if is_foreign => Unit::Plain,
                "p" => Unit::Probability,
                "size" | "min_size" | "amount" | "bank" => Unit::Money,
                name => Unit::by_name(name),
            };
            if let Some(unit) = kind
                .unit()
                .filter(|unit| wanted != Unit::Plain && *unit != wanted)
            {
                let message = format!(
                    "the argument {param} is {}, and this is {}\nuse {}",
                    wanted.called(),
                    unit.called(),
                    usage.text
                );
                self.find(Code::Units, at, &message);
            }
            let fits = match (*param, kind) {
                ("runner", Kind::Host(host)) => *host == "Runner",
                ("market", Kind::Host(host)) => *host == "Market",
                ("order", Kind::Host(host)) => *host == "Order",
                ("runner" | "market" | "order", Kind::Array(_) | Kind::Bool | Kind::Map) => false,
                ("runner" | "order", kind) => kind.unit().is_none(),
                (_, Kind::Text | Kind::Word(_) | Kind::Bool | Kind::Host(_)) => {
                    wanted == Unit::Plain
                }
                _ => true,
            };
            if !fits {
                let hint = match kind {
                    Kind::Host("Quote") => {
                        "a quote holds both: quote.price and quote.size".to_owned()
                    }
                    _ => format!("use {}", usage.text),
                };
                let message = format!("this is no {param}, but {}\n{hint}", named(kind));
                self.find(Code::WrongArgument, at, &message);
            }
        }
    }

    fn operator(&mut self, name: &str, arguments: &[Expr], at: Position) -> Kind {
        let kinds: Vec<Kind> = arguments.iter().map(|arg| self.expression(arg)).collect();
        let [left, right] = kinds.as_slice() else {
            return kinds
                .into_iter()
                .next()
                .filter(|_| name == "-")
                .unwrap_or(Kind::Bool);
        };
        let compares = ["==", "!=", "<", "<=", ">", ">="].contains(&name);
        let mixes = compares || ["+", "-"].contains(&name);
        if let (true, Some(a), Some(b)) = (mixes, left.unit(), right.unit())
            && a != b
        {
            let doing = if compares { "compared" } else { "added up" };
            let message = format!(
                "{} and {} are {doing} here\ncheck which of the two is meant",
                a.called(),
                b.called()
            );
            self.find(Code::Units, at, &message);
        }
        if compares && let Some((a, b)) = apart(left, right) {
            let message = format!(
                "{} and {} are compared here, which are never equal, larger or smaller\n{}",
                named(a),
                named(b),
                instead_of_comparing(a, b)
            );
            self.find(Code::MixedComparison, at, &message);
        }
        if name == "/" {
            self.check_division(left, right, arguments, at);
        }
        if ["==", "!="].contains(&name) {
            self.check_word(left, &arguments[1]);
            self.check_word(right, &arguments[0]);
            let price = Some(Unit::Price);
            let calculated = |e: &Expr| matches!(e, Expr::FnCall(call, _) if ["+", "-", "*", "/"].contains(&call.name.as_str()));
            if left.unit() == price && right.unit() == price && arguments.iter().any(calculated) {
                self.find(
                    Code::FloatEquality,
                    at,
                    "a calculated price is seldom exactly equal to another\ncompare market.nearest_price(…) of both, or market.ticks_between(a, b) with 0",
                );
            }
        }
        match (name, left, right) {
            _ if compares => Kind::Bool,
            ("+" | "-", Kind::Text | Kind::Word(_), _) | ("+", _, Kind::Text | Kind::Word(_)) => {
                Kind::Text
            }
            ("+" | "-", Kind::Number(a), Kind::Number(b)) => {
                a.with(*b).map_or(Kind::Any, Kind::Number)
            }
            ("*" | "/" | "%", Kind::Number(Unit::Whole), Kind::Number(Unit::Whole)) => left.clone(),
            ("*" | "/" | "%" | "**", Kind::Number(_), Kind::Number(_)) => Kind::Number(Unit::Plain),
            ("!", ..) => Kind::Bool,
            _ => Kind::Any,
        }
    }

    /// Whole numbers divide to a whole number.
    fn check_division(&mut self, left: &Kind, right: &Kind, arguments: &[Expr], at: Position) {
        let whole = Kind::Number(Unit::Whole);
        if *left != whole || *right != whole {
            return;
        }
        if let [Expr::IntegerConstant(a, _), Expr::IntegerConstant(b, _)] = arguments
            && a.checked_rem(*b) == Some(0)
        {
            return;
        }
        let message = "a whole number divided by a whole number gives a whole number: 1 / 2 is 0\nwrite 1.0 / 2.0, or a.to_float() / b";
        self.find(Code::IntegerDivision, at, message);
    }

    /// A text compared with one out of a closed set is one of them.
    fn check_word(&mut self, of: &Kind, with: &Expr) {
        let (Kind::Word(set), Expr::StringConstant(text, at)) = (of, with) else {
            return;
        };
        if !set.contains(&text.as_str()) {
            let hint = did_you_mean(text, set.iter().copied())
                .unwrap_or_else(|| "texts are compared letter by letter".to_owned());
            let message = format!("this is never \"{text}\": it is {}\n{hint}", one_of(set));
            self.find(Code::UnknownValue, *at, &message);
        }
    }
}

/// Two values that are of different kinds for certain.
fn apart<'k>(left: &'k Kind, right: &'k Kind) -> Option<(&'k Kind, &'k Kind)> {
    let class = |kind: &Kind| match kind {
        Kind::Number(_) => Some("number"),
        Kind::Text | Kind::Word(_) => Some("text"),
        Kind::Bool => Some("bool"),
        Kind::Host(name) => Some(*name),
        Kind::Any | Kind::Nothing | Kind::Array(_) | Kind::Map | Kind::Function => None,
    };
    let (a, b) = (class(left)?, class(right)?);
    (a != b).then_some((left, right))
}

fn instead_of_comparing(a: &Kind, b: &Kind) -> &'static str {
    match (a, b) {
        (Kind::Host("Quote"), _) | (_, Kind::Host("Quote")) => {
            "a quote holds several numbers: use quote.price or quote.size"
        }
        (Kind::Host("Runner"), _) | (_, Kind::Host("Runner")) => {
            "use runner.id, runner.key or runner.name"
        }
        (Kind::Text | Kind::Word(_), Kind::Number(_))
        | (Kind::Number(_), Kind::Text | Kind::Word(_)) => {
            "parse_float(text) reads a number from a text"
        }
        _ => "compare values of one kind",
    }
}

fn one_of(set: &[&str]) -> String {
    let quoted: Vec<String> = set.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

fn named(kind: &Kind) -> String {
    match kind {
        Kind::Host(name) => format!("a {name}"),
        Kind::Number(unit) => unit.called().to_owned(),
        Kind::Array(_) => "an array".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Text | Kind::Word(_) => "a text".to_owned(),
        Kind::Function => "a function".to_owned(),
        _ => "a map".to_owned(),
    }
}
