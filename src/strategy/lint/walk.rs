//! Walks the statements of a script with what is known of each variable, and notes what cannot be meant.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTFlags, Expr, Position, Stmt, StmtBlock};

use super::calls::Words;
use super::finding::{Code, Finding};
use super::kinds::{self, Kind, Unit};
use super::source::{self, Function, Link, Place, can_be_left, chain, place};
use crate::strategy::error::Sources;
use crate::strategy::names::did_you_mean;

/// What one walk learns for the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// What the script's own functions are given: by name, number of parameters, and place of the parameter.
    pub(super) arguments: BTreeMap<(String, usize, usize), Kind>,
    /// What the script's own functions give: by name and number of parameters.
    pub(super) returns: BTreeMap<(String, usize), Kind>,
    /// What variables are set to besides their first value, by where they are declared.
    variables: BTreeMap<Place, Kind>,
    /// Names used as properties, keys or texts: by them maps, settings and functions may be reached.
    pub(super) words: BTreeSet<String>,
    /// Functions called.
    pub(super) called: BTreeSet<String>,
    /// Modules and constants named.
    pub(super) globals: BTreeSet<String>,
    /// Properties read and texts written, but not where a test sets a parameter.
    pub(super) read: BTreeSet<String>,
}

/// A variable in scope.
struct Variable {
    name: String,
    kind: Kind,
    at: Place,
    is_let: bool,
    uses: usize,
    /// What was pushed into it, if nothing else was done with it.
    pushed: Option<Kind>,
}

/// One walk over one file.
pub(super) struct Walk<'w> {
    pub(super) words: &'w Words<'w>,
    pub(super) sources: &'w Sources,
    pub(super) file: &'w str,
    pub(super) functions: &'w [Function],
    /// The settings declared, where they are known.
    pub(super) params: Option<&'w [String]>,
    /// The tables declared, where they are known.
    pub(super) tables: &'w [String],
    /// Functions of the imported libraries, by the name they are imported under.
    pub(super) libraries: &'w BTreeMap<String, Vec<(String, usize)>>,
    /// What the walk before learnt.
    pub(super) before: &'w Facts,
    pub(super) learnt: Facts,
    pub(super) findings: Vec<Finding>,
    scope: Vec<Variable>,
    function: &'w str,
    /// What the present function returns before its end.
    returned: Kind,
}

impl<'w> Walk<'w> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        words: &'w Words<'w>,
        sources: &'w Sources,
        file: &'w str,
        functions: &'w [Function],
        params: Option<&'w [String]>,
        tables: &'w [String],
        libraries: &'w BTreeMap<String, Vec<(String, usize)>>,
        before: &'w Facts,
    ) -> Self {
        Self {
            words,
            sources,
            file,
            functions,
            params,
            tables,
            libraries,
            before,
            learnt: Facts::default(),
            findings: Vec::new(),
            scope: Vec::new(),
            function: "",
            returned: Kind::Nothing,
        }
    }

    /// Walks all functions.
    pub(super) fn run(&mut self) {
        for function in self.functions {
            self.function = &function.name;
            self.scope.clear();
            self.returned = Kind::Nothing;
            let given = kinds::of_callback(&function.name);
            for (at, name) in function.params.iter().enumerate() {
                let key = (function.name.clone(), function.params.len(), at);
                let kind = given.get(at).cloned();
                let kind = kind.or_else(|| self.before.arguments.get(&key).cloned());
                self.declare(name, kind.unwrap_or(Kind::Any), (0, 0), false);
            }
            let counts = function.name != "on_settled";
            let value = self.statements(&function.body, counts);
            if let Some(last) = function.body.last() {
                self.check_return(&value, last.position());
            }
            self.leave(0);
            let key = (function.name.clone(), function.params.len());
            let early = std::mem::replace(&mut self.returned, Kind::Nothing);
            self.learnt.returns.insert(key, early.join(value));
        }
    }

    pub(super) fn find(&mut self, code: Code, at: Position, message: &str) {
        let finding = Finding::at(self.sources, self.file, place(at), code, message);
        self.findings.push(finding);
    }

    fn declare(&mut self, name: &str, kind: Kind, at: Place, is_let: bool) {
        self.scope.push(Variable {
            name: name.to_owned(),
            kind,
            at,
            is_let,
            uses: 0,
            pushed: None,
        });
    }

    /// Leaves a block: its variables must have been of use.
    fn leave(&mut self, depth: usize) {
        let gone: Vec<Variable> = self.scope.drain(depth..).collect();
        for variable in gone {
            if variable.uses > 0 || !variable.is_let || variable.name.starts_with('_') {
                continue;
            }
            let name = &variable.name;
            let (code, message) = match variable.pushed {
                Some(Kind::Host("Intent")) => (
                    Code::DroppedIntent,
                    format!(
                        "\"{name}\" is filled with bets that nobody returns\nend the function with {name}"
                    ),
                ),
                _ => (
                    Code::UnusedVariable,
                    format!(
                        "\"{name}\" is set and never read\nuse it, take it out, or call it _{name}"
                    ),
                ),
            };
            let finding = Finding::at(self.sources, self.file, variable.at, code, &message);
            self.findings.push(finding);
        }
    }

    fn variable(&mut self, name: &str) -> Option<&mut Variable> {
        self.scope.iter_mut().rev().find(|v| v.name == name)
    }

    /// Whether a variable of this name is in scope; it is used then.
    pub(super) fn uses_variable(&mut self, name: &str) -> bool {
        self.variable(name).map(|v| v.uses += 1).is_some()
    }

    fn block(&mut self, block: &StmtBlock, counts: bool) -> Kind {
        self.statements(block.statements(), counts)
    }

    /// The statements of a block; `counts` if somebody uses its value.
    fn statements(&mut self, statements: &[Stmt], counts: bool) -> Kind {
        let depth = self.scope.len();
        let mut value = Kind::Nothing;
        let mut left: Option<&'static str> = None;
        let real = statements.iter().filter(|s| !matches!(s, Stmt::Noop(_)));
        let count = real.clone().count();
        for (at, statement) in real.enumerate() {
            if let Some(by) = left.take() {
                self.find(
                    Code::Unreachable,
                    statement.position(),
                    &format!("this is never reached: the {by} before it leaves\ntake it out, or put the {by} into an if"),
                );
            }
            value = self.statement(statement, counts && at + 1 == count);
            left = match statement {
                Stmt::Return(_, flags, _) if flags.intersects(ASTFlags::BREAK) => Some("throw"),
                Stmt::Return(..) => Some("return"),
                Stmt::BreakLoop(_, flags, _) if flags.intersects(ASTFlags::BREAK) => Some("break"),
                Stmt::BreakLoop(..) => Some("continue"),
                _ => None,
            };
        }
        self.leave(depth);
        value
    }

    fn statement(&mut self, statement: &Stmt, counts: bool) -> Kind {
        match statement {
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                let yes = self.block(&flow.body, counts);
                yes.join(self.block(&flow.branch, counts))
            }
            Stmt::Switch(switch, _) => {
                self.expression(&switch.0);
                let mut value = Kind::Nothing;
                for case in &switch.1.expressions {
                    self.expression(&case.lhs);
                    value = value.join(self.expression(&case.rhs));
                }
                value
            }
            Stmt::While(flow, position) => {
                let endless = matches!(flow.expr, Expr::Unit(_) | Expr::BoolConstant(true, _));
                self.endless(endless, &flow.body, *position);
                self.expression(&flow.expr);
                self.block(&flow.body, false);
                Kind::Any
            }
            Stmt::Do(flow, flags, position) => {
                let until = flags.intersects(ASTFlags::NEGATED);
                let endless =
                    matches!(flow.expr, Expr::BoolConstant(goes_on, _) if goes_on != until);
                self.endless(endless, &flow.body, *position);
                self.block(&flow.body, false);
                self.expression(&flow.expr);
                Kind::Any
            }
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &**parts;
                let walked = self.expression(&flow.expr);
                self.check_range(&flow.expr);
                let depth = self.scope.len();
                self.declare(&item.name, kinds::of_item(&walked), place(item.pos), false);
                if let Some(counter) = counter {
                    let kind = Kind::Number(Unit::Whole);
                    self.declare(&counter.name, kind, place(counter.pos), false);
                }
                self.block(&flow.body, false);
                self.leave(depth);
                Kind::Any
            }
            Stmt::Var(parts, _, _) => {
                let (name, value, _) = &**parts;
                let kind = self.expression(value);
                let at = place(name.pos);
                let later = self.before.variables.get(&at).cloned();
                let kind = later.map_or(kind.clone(), |later| kind.join(later));
                self.declare(&name.name, kind, at, true);
                Kind::Nothing
            }
            Stmt::Assignment(parts) => {
                self.assignment(parts.0.is_op_assignment(), &parts.1.lhs, &parts.1.rhs);
                Kind::Nothing
            }
            Stmt::FnCall(call, position) => {
                let kind = self.call(call, *position);
                if !counts && call.namespace.is_empty() && self.makes_intent(&call.name) {
                    self.dropped(*position);
                }
                kind
            }
            Stmt::Block(block) => self.block(block, counts),
            Stmt::TryCatch(flow, _) => {
                let value = self.block(&flow.body, counts);
                let depth = self.scope.len();
                if let Expr::Variable(name, _, position) = &flow.expr {
                    self.declare(&name.1, Kind::Any, place(*position), false);
                }
                let other = self.block(&flow.branch, counts);
                self.leave(depth);
                value.join(other)
            }
            Stmt::Expr(expression) => self.expression_statement(expression, counts),
            Stmt::BreakLoop(value, ..) => {
                if let Some(value) = value {
                    self.expression(value);
                }
                Kind::Nothing
            }
            Stmt::Return(value, flags, position) => {
                let kind = value.as_ref().map(|value| self.expression(value));
                if let Some(kind) = kind.filter(|_| !flags.intersects(ASTFlags::BREAK)) {
                    self.check_return(&kind, *position);
                    let before = std::mem::replace(&mut self.returned, Kind::Nothing);
                    self.returned = before.join(kind);
                }
                Kind::Nothing
            }
            Stmt::Share(captured) => {
                for (name, _) in captured.iter() {
                    self.uses_variable(&name.name);
                }
                Kind::Nothing
            }
            _ => Kind::Nothing,
        }
    }

    fn expression_statement(&mut self, expression: &Expr, counts: bool) -> Kind {
        let (root, links) = chain(expression);
        if let (Expr::Variable(name, _, _), [Link::Method(call, _)], false) =
            (root, links.as_slice(), counts)
            && name.2.is_empty()
            && call.name == "push"
            && call.args.len() == 1
            && self.variable(&name.1).is_some_and(|v| v.is_let)
        {
            self.learnt.words.insert("push".to_owned());
            let pushed = self.expression(&call.args[0]);
            if let Some(variable) = self.variable(&name.1) {
                variable.pushed.get_or_insert(pushed.clone());
                let (at, kind) = (variable.at, Kind::array(pushed));
                self.learn_variable(at, kind);
            }
            return Kind::Nothing;
        }
        let kind = self.expression(expression);
        if let (Expr::FnCall(call, position), false) = (root, counts)
            && call.namespace.is_empty()
            && self.makes_intent(&call.name)
        {
            self.dropped(*position);
        }
        kind
    }

    fn makes_intent(&self, name: &str) -> bool {
        let makers = [
            "back",
            "lay",
            "back_on_close",
            "lay_on_close",
            "cancel",
            "replace",
            "update",
            "green_up",
        ];
        makers.contains(&name) && !self.functions.iter().any(|f| f.name == name)
    }

    fn dropped(&mut self, at: Position) {
        let message = if self.function == "on_settled" {
            "the market is settled: no bet made here counts\ntake it out"
        } else {
            "this intent is made and dropped: only what is returned counts\nreturn it, or push it into the array that is returned"
        };
        self.find(Code::DroppedIntent, at, message);
    }

    fn endless(&mut self, endless: bool, body: &StmtBlock, at: Position) {
        if endless && !can_be_left(body.statements()) {
            self.find(
                Code::EndlessLoop,
                at,
                "this loop never ends: it has no break, return or throw\nwalk a range instead, as in for n in 0..10, or break",
            );
        }
    }

    /// Callbacks that may bet return intents or nothing.
    fn check_return(&mut self, kind: &Kind, at: Position) {
        if !["on_odds", "on_order"].contains(&self.function) {
            return;
        }
        let item = match kind {
            Kind::Array(of) => of,
            other => other,
        };
        let is_wrong = !matches!(
            item,
            Kind::Any | Kind::Nothing | Kind::Host("Intent") | Kind::Array(_)
        );
        if is_wrong {
            let message = format!(
                "{} returns (), an intent or an array of intents, not {}\nend it with [] if there is nothing to bet",
                self.function,
                a(kind)
            );
            self.find(Code::BadReturn, at, &message);
        }
    }

    /// A range that ends with the length of a list goes one too far.
    fn check_range(&mut self, walked: &Expr) {
        let Expr::FnCall(call, position) = walked else {
            return;
        };
        let ("..=", [Expr::IntegerConstant(0, _), end]) = (call.name.as_str(), &call.args[..])
        else {
            return;
        };
        let is_length = match chain(end).1.last() {
            Some(Link::Property(name, _)) => *name == "len",
            Some(Link::Method(call, _)) => call.name == "len",
            _ => false,
        };
        if is_length {
            let message = "this goes one too far: the last place is len() - 1\nwrite 0..list.len(), or walk the list itself: for item in list";
            self.find(Code::RangeEnd, *position, message);
        }
    }

    fn learn_variable(&mut self, at: Place, kind: Kind) {
        let known = self.learnt.variables.remove(&at);
        let kind = known.map_or(kind.clone(), |known| known.join(kind));
        self.learnt.variables.insert(at, kind);
    }

    fn assignment(&mut self, is_op: bool, target: &Expr, value: &Expr) {
        let (root, links) = chain(target);
        if matches!(root, Expr::ThisPtr(_)) {
            self.saved(value);
            self.expression(target);
            return;
        }
        let kind = self.expression(value);
        match root {
            Expr::Variable(name, _, _) if links.is_empty() => {
                if let Some(variable) = self.variable(&name.1) {
                    let at = variable.at;
                    let known = is_op.then(|| variable.kind.clone());
                    let kind = known.map_or(kind.clone(), |known| known.join(kind));
                    self.learn_variable(at, kind);
                }
            }
            _ => {
                if let Some((Link::Property(name, position), before)) = links.split_last() {
                    let holder = self.links(root, before);
                    match holder {
                        Kind::Host(host) => {
                            let message = format!("\"{name}\" of a {host} cannot be changed");
                            self.find(Code::UnknownProperty, *position, &message);
                        }
                        _ => {
                            self.learnt.words.insert((*name).to_owned());
                        }
                    }
                } else {
                    self.expression(target);
                }
            }
        }
    }

    /// A value on its way into `this`.
    pub(super) fn saved(&mut self, value: &Expr) {
        match value {
            Expr::Map(entries, _) => {
                for (key, value) in &entries.0 {
                    self.learnt.words.insert(key.name.to_string());
                    self.saved(value);
                }
            }
            Expr::Array(items, _) => items.iter().for_each(|item| self.saved(item)),
            other => {
                if let Some(what) = self.expression(other).unsavable() {
                    let message = format!(
                        "{what} cannot be kept in `this`: only numbers, texts, true and false, arrays and maps can\nkeep what you need of it, such as its key, id or price"
                    );
                    self.find(Code::UnsavableState, source::start(other), &message);
                }
            }
        }
    }

    /// What an expression gives.
    pub(super) fn expression(&mut self, expression: &Expr) -> Kind {
        match expression {
            Expr::BoolConstant(..) => Kind::Bool,
            Expr::IntegerConstant(..) => Kind::Number(Unit::Whole),
            Expr::FloatConstant(..) => Kind::Number(Unit::Plain),
            Expr::CharConstant(..) => Kind::Text,
            Expr::StringConstant(text, _) => {
                self.learnt.words.insert(text.to_string());
                self.learnt.read.insert(text.to_string());
                Kind::Text
            }
            Expr::InterpolatedString(parts, _) => {
                parts.iter().for_each(|part| drop(self.expression(part)));
                Kind::Text
            }
            Expr::Array(items, _) => {
                let kinds = items.iter().map(|item| self.expression(item));
                let joined = kinds.fold(Kind::Nothing, Kind::join);
                Kind::array(joined)
            }
            Expr::Map(entries, _) => {
                for (key, value) in &entries.0 {
                    self.learnt.words.insert(key.name.to_string());
                    self.expression(value);
                }
                Kind::Map
            }
            Expr::Unit(_) => Kind::Nothing,
            Expr::DynamicConstant(value, _) if value.is_fnptr() => {
                if let Some(name) = value.read_lock::<rhai::FnPtr>() {
                    self.learnt.called.insert(name.fn_name().to_owned());
                }
                Kind::Function
            }
            Expr::Variable(name, _, _) => self.named(&name.1, &name.2),
            Expr::Stmt(block) => self.block(block, true),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(..) | Expr::Index(..) => {
                let (root, links) = chain(expression);
                self.links(root, &links)
            }
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                parts.iter().for_each(|part| drop(self.expression(part)));
                Kind::Bool
            }
            Expr::Coalesce(parts, _) => {
                let kinds = parts.iter().map(|part| self.expression(part));
                kinds.fold(Kind::Nothing, Kind::join)
            }
            _ => Kind::Any,
        }
    }

    fn named(&mut self, name: &str, module: &rhai::Namespace) -> Kind {
        if !module.is_empty() {
            self.learnt.globals.insert(module.root().to_owned());
            self.learnt.globals.insert(name.to_owned());
            return Kind::Any;
        }
        match self.variable(name) {
            Some(variable) => {
                variable.uses += 1;
                variable.kind.clone()
            }
            None => {
                self.learnt.called.insert(name.to_owned());
                Kind::Function
            }
        }
    }

    fn links(&mut self, root: &Expr, links: &[Link<'_>]) -> Kind {
        let mut kind = self.expression(root);
        if let (Expr::ThisPtr(_), Some(Link::Method(call, _))) = (root, links.last())
            && ["push", "insert", "set"].contains(&call.name.as_str())
        {
            for argument in &call.args {
                self.saved(argument);
            }
        }
        for link in links {
            kind = match link {
                Link::Property(name, position) => self.property(&kind, name, *position),
                Link::Method(call, position) => self.method(&kind, call, *position),
                Link::Index(index) => self.index(&kind, index),
            };
        }
        kind
    }

    fn index(&mut self, of: &Kind, index: &Expr) -> Kind {
        if let Expr::StringConstant(name, position) = index
            && matches!(of, Kind::Host("Params" | "Tables"))
        {
            return self.property(of, name, *position);
        }
        self.expression(index);
        kinds::of_item(of)
    }

    fn property(&mut self, of: &Kind, name: &str, at: Position) -> Kind {
        self.learnt.read.insert(name.to_owned());
        self.learnt.words.insert(name.to_owned());
        match of {
            Kind::Host("Params") => {
                if let Some(params) = self.params
                    && !params.iter().any(|param| param == name)
                {
                    let hint = did_you_mean(name, params.iter().map(String::as_str))
                        .unwrap_or_else(|| {
                            format!("declare it: fn params() {{ #{{ {name}: 1.0 }} }}")
                        });
                    let message = format!("there is no parameter \"{name}\"\n{hint}");
                    self.find(Code::UnknownParam, at, &message);
                }
                match Unit::by_name(name) {
                    Unit::Plain | Unit::Whole => Kind::Any,
                    unit => Kind::Number(unit),
                }
            }
            Kind::Host("Tables") => {
                if !self.tables.iter().any(|table| table == name) {
                    let hint = did_you_mean(name, self.tables.iter().map(String::as_str))
                        .unwrap_or_else(|| {
                            format!("declare it: fn tables() {{ #{{ {name}: \"{name}.csv\" }} }}")
                        });
                    let message = format!("there is no table \"{name}\"\n{hint}");
                    self.find(Code::UnknownTable, at, &message);
                }
                Kind::Host("Table")
            }
            Kind::Host(host) => {
                if !self.words.names.properties(host).any(|known| known == name) {
                    let hint = self.words.instead_of_property(host, name);
                    let message = format!("a {host} has no property \"{name}\"\n{hint}");
                    self.find(Code::UnknownProperty, at, &message);
                }
                kinds::of_property(host, name)
            }
            Kind::Function => {
                let hint = if name == "call" {
                    "call it: f.call(…)"
                } else {
                    "call it, as in name(…); settings are read as ctx.params.name"
                };
                let message = format!("a function has no property \"{name}\"\n{hint}");
                self.find(Code::UnknownProperty, at, &message);
                Kind::Any
            }
            Kind::Array(_) if name == "len" => Kind::Number(Unit::Whole),
            _ => Kind::Any,
        }
    }
}

/// A kind with its article, for a message.
fn a(kind: &Kind) -> String {
    match kind {
        Kind::Number(_) => "a number".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Text | Kind::Word(_) => "a text".to_owned(),
        Kind::Map => "a map".to_owned(),
        Kind::Function => "a function".to_owned(),
        Kind::Array(of) => format!("an array of {}", of.called()),
        Kind::Host(name) => format!("a {name}"),
        Kind::Any | Kind::Nothing => "this".to_owned(),
    }
}
