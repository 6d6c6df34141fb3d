//! The short way of what callbacks do most: a property of a host value is read straight from it, and whether something is
//! `()` is seen by looking, where Rhai would search for a function by the types of its arguments.
//!
//! The body of a callback is rewritten before it runs. Each rewritten place keeps what stood there: whatever the short way
//! does not know, such as a map with a property of the same name, is evaluated from that, so that values, errors and their
//! places, and the count of operations are Rhai's. Functions that a callback calls are Rhai's own.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{
    AST, ASTFlags, ASTNode, CustomExpr, Dynamic, Engine, EvalAltResult, EvalContext, Expr,
    Expression, FlowControl, FnCallExpr, ImmutableString, Position, Scope, Stmt, StmtBlock, Token,
    Variant,
};

/// What rewritten places are called in the engine, where each is looked up by it. No script can write this word.
const PLACE: &str = " ";
// What such a place does: these, or else it reads the path of this number.
const IS_UNIT: i64 = -1;
const IS_NOT_UNIT: i64 = -2;

type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// Reads a property of a value of its kind; `None` where only Rhai can say what comes of it.
type Reader = Rc<dyn Fn(&Dynamic) -> Option<Dynamic>>;

/// The readers of one name, each with the kind of values it reads.
type Link = Vec<(TypeId, Reader)>;

/// Properties of a variable, one after the other, as in `runner.best_back.price`.
struct Path {
    variable: ImmutableString,
    links: Vec<Link>,
}

impl Path {
    fn read(&self, scope: &Scope<'_>) -> Option<Dynamic> {
        let (first, rest) = self.links.split_first()?;
        let value = read(first, scope.get(&self.variable)?)?;
        rest.iter()
            .try_fold(value, |value, link| read(link, &value))
    }

    /// What Rhai counts for it, beside the one that any expression counts: the variable and each call of a getter, and in a
    /// chain each step of it once more.
    fn operations(&self) -> u64 {
        let links = self.links.len() as u64;
        let chained = if links > 1 { links } else { 0 };
        1 + links + chained
    }
}

fn read(link: &Link, of: &Dynamic) -> Option<Dynamic> {
    let kind = of.type_id();
    let (_, reader) = link.iter().find(|(known, _)| *known == kind)?;
    reader(of)
}

fn is_unit(value: &Dynamic) -> bool {
    value.type_id() == TypeId::of::<()>()
}

/// The properties of host values, and the places that read them.
#[derive(Clone, Default)]
pub(super) struct Shortcuts {
    readers: BTreeMap<&'static str, Link>,
    paths: Rc<RefCell<Vec<Path>>>,
}

impl Shortcuts {
    /// A property that can be read without Rhai.
    pub(super) fn add<T: Variant + Clone>(
        &mut self,
        name: &'static str,
        read: impl Fn(&T) -> Option<Dynamic> + 'static,
    ) {
        let reader = move |value: &Dynamic| read(&*value.read_lock::<T>()?);
        let link = self.readers.entry(name).or_default();
        link.push((TypeId::of::<T>(), Rc::new(reader)));
    }

    /// Teaches an engine what to do at rewritten places.
    pub(super) fn register(&self, engine: &mut Engine) {
        let paths = Rc::clone(&self.paths);
        let taught = engine.register_custom_syntax_handler(
            PLACE,
            false,
            move |context: &mut EvalContext<'_, '_, '_, '_, '_, '_>, inputs, what| {
                let input = &inputs[0];
                match what.as_int() {
                    Ok(IS_UNIT) => compare(context, input).map(Dynamic::from),
                    Ok(IS_NOT_UNIT) => compare(context, input).map(|is| Dynamic::from(!is)),
                    number => {
                        let at = number.ok().and_then(|at| usize::try_from(at).ok());
                        // Nothing is rewritten while a script runs.
                        let paths = paths.borrow();
                        read_path(at.and_then(|at| paths.get(at)), context, input)
                    }
                }
            },
        );
        debug_assert!(taught.is_ok());
    }

    /// The body of a callback, rewritten; `None` if there is no such function, or nothing in it.
    pub(super) fn body(&self, ast: &AST, name: &str, parameters: usize) -> Option<Body> {
        let mut named = ast
            .iter_functions()
            .filter(|function| function.name == name && function.params.len() == parameters);
        // A second one would be a method of some kind of value.
        let (Some(function), None) = (named.next(), named.next()) else {
            return None;
        };
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, other, count| other == name && count == parameters);
        let mut statements = Vec::new();
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        if statements.is_empty() {
            return None;
        }
        let mut block = StmtBlock::new(statements, Position::NONE, Position::NONE);
        self.block(&mut block);
        Some(Body {
            parameters: function.params.iter().map(|name| (*name).into()).collect(),
            block: Expr::Stmt(Box::new(block)),
        })
    }

    fn block(&self, block: &mut StmtBlock) {
        for statement in block.statements_mut() {
            self.statement(statement);
        }
    }

    fn flow(&self, flow: &mut FlowControl) {
        self.expression(&mut flow.expr);
        self.block(&mut flow.body);
        self.block(&mut flow.branch);
    }

    fn statement(&self, statement: &mut Stmt) {
        match statement {
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) => self.flow(flow),
            Stmt::For(parts, _) => self.flow(&mut parts.2),
            // What stands in place of its expression is the name of what was caught.
            Stmt::TryCatch(flow, _) => {
                self.block(&mut flow.body);
                self.block(&mut flow.branch);
            }
            Stmt::Switch(parts, _) => {
                let (subject, cases) = &mut **parts;
                self.expression(subject);
                for case in &mut cases.expressions {
                    self.expression(&mut case.lhs);
                    self.expression(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.expression(&mut parts.1),
            // What is assigned to has to stay a place.
            Stmt::Assignment(parts) => self.expression(&mut parts.1.rhs),
            Stmt::FnCall(call, _) => self.arguments(call),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            _ => {}
        }
    }

    fn arguments(&self, call: &mut FnCallExpr) {
        for argument in &mut call.args {
            self.expression(argument);
        }
    }

    fn expression(&self, expression: &mut Expr) {
        if let Some(path) = self.path(expression) {
            let at = self.paths.borrow().len();
            self.paths.borrow_mut().push(path);
            // One that has no number is evaluated as it stood.
            let what = i64::try_from(at).unwrap_or(i64::MAX);
            *expression = rewritten(what, expression.clone());
            return;
        }
        match expression {
            Expr::FnCall(call, _) => {
                self.arguments(call);
                if let (Some(what), [compared, Expr::Unit(_)]) = (comparison(call), &call.args[..])
                {
                    *expression = rewritten(what, compared.clone());
                }
            }
            Expr::Dot(parts, ..) => {
                if !matches!(parts.lhs, Expr::Variable(..) | Expr::ThisPtr(_)) {
                    self.expression(&mut parts.lhs);
                }
                self.calls_in_chain(&mut parts.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::Array(parts, _) | Expr::InterpolatedString(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => {
                parts
                    .0
                    .iter_mut()
                    .for_each(|(_, part)| self.expression(part));
            }
            Expr::Stmt(block) => self.block(block),
            _ => {}
        }
    }

    /// The arguments of methods in the rest of a chain; what is indexed is left alone.
    fn calls_in_chain(&self, rest: &mut Expr) {
        match rest {
            Expr::MethodCall(call, _) => self.arguments(call),
            Expr::Dot(parts, ..) => {
                self.calls_in_chain(&mut parts.lhs);
                self.calls_in_chain(&mut parts.rhs);
            }
            _ => {}
        }
    }

    /// What an expression reads, if it is nothing but known properties of a variable.
    fn path(&self, expression: &Expr) -> Option<Path> {
        let Expr::Dot(parts, flags, _) = expression else {
            return None;
        };
        let Expr::Variable(variable, ..) = &parts.lhs else {
            return None;
        };
        let (_, name, namespace, _) = &**variable;
        if !namespace.is_empty() || flags.contains(ASTFlags::NEGATED) {
            return None;
        }
        let mut links = Vec::new();
        let mut rest = &parts.rhs;
        while let Expr::Dot(parts, flags, _) = rest {
            if flags.contains(ASTFlags::NEGATED) {
                return None;
            }
            links.push(self.link(&parts.lhs)?);
            rest = &parts.rhs;
        }
        links.push(self.link(rest)?);
        Some(Path {
            variable: name.clone(),
            links,
        })
    }

    fn link(&self, property: &Expr) -> Option<Link> {
        let Expr::Property(names, _) = property else {
            return None;
        };
        self.readers.get(names.2.as_str()).cloned()
    }
}

/// How a comparison is rewritten, if it is one.
fn comparison(call: &FnCallExpr) -> Option<i64> {
    match call.op_token {
        Some(Token::EqualsTo) => Some(IS_UNIT),
        Some(Token::NotEqualsTo) => Some(IS_NOT_UNIT),
        _ => None,
    }
}

fn rewritten(what: i64, input: Expr) -> Expr {
    let position = input.position();
    let custom = CustomExpr {
        inputs: [input].into_iter().collect(),
        tokens: [PLACE.into()].into_iter().collect(),
        state: what.into(),
        scope_may_be_changed: false,
        self_terminated: false,
    };
    Expr::Custom(Box::new(custom), position)
}

/// What a path leads to, or else what Rhai makes of what stood there.
fn read_path(
    path: Option<&Path>,
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    stood_there: &Expression<'_>,
) -> Outcome {
    let read = path.and_then(|path| Some((path.read(context.scope())?, path.operations())));
    let operations = &mut context.global_runtime_state_mut().num_operations;
    match read {
        Some((value, counted)) => {
            *operations += counted;
            Ok(value)
        }
        None => {
            // What stood there counts itself.
            *operations -= 1;
            context.eval_expression_tree(stood_there)
        }
    }
}

/// Whether what is compared is `()`: a variable is looked at where it stands, anything else is evaluated.
fn compare(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    compared: &Expression<'_>,
) -> Result<bool, Box<EvalAltResult>> {
    let here = match &**compared {
        Expr::Variable(variable, ..) if variable.2.is_empty() => context.scope().get(&variable.1),
        _ => None,
    };
    let (is, is_host_value, counted) = match here {
        Some(value) => (is_unit(value), value.is_variant(), 1),
        None => {
            let value = context.eval_expression_tree(compared)?;
            (is_unit(&value), value.is_variant(), 0)
        }
    };
    // The `()` counts as one, and so does calling the comparison of a host value.
    context.global_runtime_state_mut().num_operations += 1 + u64::from(is_host_value) + counted;
    Ok(is)
}

/// A callback's body as it runs.
pub(super) struct Body {
    parameters: Vec<ImmutableString>,
    block: Expr,
}

impl Body {
    /// Runs it as a call of the function would; the arguments are taken.
    pub(super) fn run(
        &self,
        mut context: EvalContext<'_, '_, '_, '_, '_, '_>,
        arguments: &mut [&mut Dynamic],
    ) -> Outcome {
        for (name, value) in self.parameters.iter().zip(arguments) {
            context
                .scope_mut()
                .push_dynamic(name.clone(), std::mem::take(*value));
        }
        let global = context.global_runtime_state_mut();
        // A call is one operation, and one level deeper.
        global.num_operations += 1;
        global.level += 1;
        context
            .eval_expression_tree(&Expression::from(&self.block))
            .or_else(|error| match *error {
                EvalAltResult::Return(value, _) => Ok(value),
                _ => Err(error),
            })
    }
}
