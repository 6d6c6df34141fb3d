//! A script taken apart for checking: its functions with their statements, and chains such as `a.b[c].d(e)` in order.

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Line and column, which sort.
pub(super) type Place = (usize, usize);

/// Where a position is; the start of the file if that is not known.
pub(super) fn place(position: Position) -> Place {
    (
        position.line().unwrap_or(0),
        position.position().unwrap_or(0),
    )
}

/// A function of a script.
#[derive(Debug)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// Names of its parameters.
    pub(super) params: Vec<String>,
    /// Where its body begins.
    start: Position,
    /// Where its body ends; unknown for a closure without braces.
    end: Position,
    /// Its statements, in order.
    pub(super) body: Vec<Stmt>,
}

impl Function {
    /// Whether it was written as a closure.
    pub(super) fn is_closure(&self) -> bool {
        self.name.starts_with("anon$")
    }

    fn holds(&self, at: Place) -> bool {
        if self.end.is_none() {
            return place(self.start) == at;
        }
        (place(self.start)..=place(self.end)).contains(&at)
    }
}

/// The functions of a parsed script in the order they stand.
pub(super) fn functions(ast: &AST) -> Vec<Function> {
    let mut functions: Vec<Function> = ast
        .iter_fn_def()
        .map(|function| Function {
            name: function.name.to_string(),
            params: function.params.iter().map(ToString::to_string).collect(),
            start: function.body.start_position(),
            end: function.body.end_position(),
            body: Vec::new(),
        })
        .collect();
    functions.sort_by_key(|function| place(function.start));
    let mut outside = ast.statements().len();
    // The walk comes by the statements outside functions first, then by those of each function.
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            if outside > 0 {
                outside -= 1;
                return true;
            }
            let at = place(statement.position());
            // Of functions inside one another the innermost begins last.
            if let Some(owner) = functions.iter_mut().rev().find(|f| f.holds(at)) {
                owner.body.push((*statement).clone());
            }
        }
        true
    });
    for function in &mut functions {
        function
            .body
            .sort_by_key(|statement| place(statement.position()));
    }
    functions
}

/// One step of a chain.
pub(super) enum Link<'e> {
    /// `.name`
    Property(&'e str, Position),
    /// `.name(…)`
    Method(&'e FnCallExpr, Position),
    /// `[…]`
    Index(&'e Expr),
}

/// A chain's first value and what is asked of it, step by step.
pub(super) fn chain(expression: &Expr) -> (&Expr, Vec<Link<'_>>) {
    let mut links = Vec::new();
    let (Expr::Dot(first, ..) | Expr::Index(first, ..)) = expression else {
        return (expression, links);
    };
    let mut present = expression;
    loop {
        let (pair, flags, is_index) = match present {
            Expr::Dot(pair, flags, _) => (pair, *flags, false),
            Expr::Index(pair, flags, _) => (pair, *flags, true),
            _ => break,
        };
        let goes_on = !flags.intersects(ASTFlags::BREAK)
            && matches!(pair.rhs, Expr::Dot(..) | Expr::Index(..));
        let step = match &pair.rhs {
            Expr::Dot(next, ..) | Expr::Index(next, ..) if goes_on => &next.lhs,
            last => last,
        };
        links.push(match step {
            step if is_index => Link::Index(step),
            Expr::Property(name, position) => Link::Property(&name.2, *position),
            Expr::MethodCall(call, position) | Expr::FnCall(call, position) => {
                Link::Method(call, *position)
            }
            other => Link::Index(other),
        });
        if !goes_on {
            break;
        }
        present = &pair.rhs;
    }
    (&first.lhs, links)
}

/// Whether a loop can be left: by a break of its own, a return or a throw.
pub(super) fn can_be_left(body: &[Stmt]) -> bool {
    let mut found = false;
    for statement in body {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            found |= match path.last() {
                Some(ASTNode::Stmt(Stmt::Return(..))) => true,
                Some(ASTNode::Stmt(Stmt::BreakLoop(_, flags, _))) => {
                    flags.intersects(ASTFlags::BREAK) && !path.iter().any(is_loop)
                }
                _ => false,
            };
            !found
        });
    }
    found
}

fn is_loop(node: &ASTNode<'_>) -> bool {
    matches!(
        node,
        ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))
    )
}

/// Where an expression begins.
pub(super) fn start(expression: &Expr) -> Position {
    match chain(expression).0 {
        root if std::ptr::eq(root, expression) => root.position(),
        root => start(root),
    }
}
