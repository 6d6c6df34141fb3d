//! Closures given to the functions of arrays: what they are given, and what comes of it.

use rhai::{Expr, FnCallExpr, Stmt};

use super::kinds::{Kind, Unit};
use super::walk::Walk;

/// A closure where it is written: the function it became, and what it takes from around it.
struct Closure<'e> {
    name: String,
    captured: &'e [Expr],
}

impl Walk<'_> {
    /// Tells the closures among a method's arguments what they are called with.
    pub(super) fn given_to_closures(&mut self, of: &Kind, call: &FnCallExpr) {
        let item = match of {
            Kind::Array(item) => (**item).clone(),
            _ => return,
        };
        let given = match call.name.as_str() {
            "map" | "filter" | "find" | "find_map" | "some" | "all" | "for_each" | "index_of"
            | "retain" | "drain" => vec![item, Kind::Number(Unit::Whole)],
            "sort" | "sort_by" | "order" | "order_by" | "dedup" => vec![item.clone(), item],
            "reduce" | "reduce_rev" => vec![Kind::Any, item, Kind::Number(Unit::Whole)],
            _ => return,
        };
        for argument in &call.args {
            let Some(closure) = closure(argument) else {
                continue;
            };
            let captured: Vec<Kind> = closure
                .captured
                .iter()
                .map(|variable| self.expression(variable))
                .collect();
            for count in self.own(&closure.name) {
                // What is captured comes first.
                let own = count.saturating_sub(captured.len()).min(given.len());
                let kinds: Vec<Kind> = captured.iter().chain(&given[..own]).cloned().collect();
                if kinds.len() == count {
                    self.given(&closure.name, &kinds);
                }
            }
        }
    }

    /// What a method of arrays gives; nothing if that is not known here.
    pub(super) fn of_array(&self, of: &Kind, call: &FnCallExpr) -> Option<Kind> {
        let Kind::Array(item) = of else {
            return None;
        };
        Some(match call.name.as_str() {
            "filter" | "extract" | "order" | "order_by" | "order_desc" | "retain" | "drain" => {
                of.clone()
            }
            "find" | "pop" | "shift" | "get" | "remove" => (**item).clone(),
            "some" | "all" | "contains" | "is_empty" => Kind::Bool,
            "len" | "index_of" => Kind::Number(Unit::Whole),
            "map" => {
                let closure = closure(call.args.first()?)?;
                let count = *self.own(&closure.name).first()?;
                let key = (closure.name, count);
                Kind::array(self.before.returns.get(&key).cloned().unwrap_or(Kind::Any))
            }
            _ => return None,
        })
    }
}

fn closure(argument: &Expr) -> Option<Closure<'_>> {
    match argument {
        Expr::DynamicConstant(value, _) => {
            let name = value.read_lock::<rhai::FnPtr>()?.fn_name().to_owned();
            Some(Closure {
                name,
                captured: &[],
            })
        }
        Expr::FnCall(call, _) if call.name == "curry" => {
            let (first, captured) = call.args.split_first()?;
            Some(Closure {
                captured,
                ..closure(first)?
            })
        }
        // A closure that takes something from around it shares that first.
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::Expr(expression) => closure(expression),
            Stmt::FnCall(call, _) if call.name == "curry" => {
                let (first, captured) = call.args.split_first()?;
                Some(Closure {
                    captured,
                    ..closure(first)?
                })
            }
            _ => None,
        },
        _ => None,
    }
}
