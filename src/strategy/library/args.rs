//! Arguments of a library function: read one after another, checked, named in errors as in the function's usage.

use std::any::TypeId;

use rhai::{Array, Dynamic};

use super::super::budget::Work;
use super::super::error::fail;
use super::super::maths::{Checked, Wrong};
use super::super::names::Api;
use super::super::propose::number;
use super::super::show::kind_of;

/// Numbers in an array.
const MOST_NUMBERS: usize = 1000;

/// The arguments of one call. Each reader takes the next.
pub(super) struct Args<'a, 'v> {
    names: &'a [&'static str],
    values: &'a [&'v mut Dynamic],
    next: usize,
    work: &'a Work,
}

impl Args<'_, '_> {
    fn next(&mut self) -> (&'static str, Option<&Dynamic>) {
        let at = self.next;
        self.next += 1;
        let name = self.names.get(at).copied().unwrap_or("an argument");
        (name, self.values.get(at).map(|value| &**value))
    }

    /// A number.
    pub(super) fn number(&mut self) -> Checked<f64> {
        match self.next() {
            (name, Some(value)) => read_number(name, value),
            (name, None) => Err(Wrong::new(format!("{name} is missing"))),
        }
    }

    /// A number, or this if it is left out.
    pub(super) fn number_or(&mut self, default: f64) -> Checked<f64> {
        Ok(self.number_if_given()?.unwrap_or(default))
    }

    /// A number, if it is given.
    pub(super) fn number_if_given(&mut self) -> Checked<Option<f64>> {
        match self.next() {
            (name, Some(value)) => read_number(name, value).map(Some),
            (_, None) => Ok(None),
        }
    }

    /// A number, or `()` for none.
    pub(super) fn number_or_unit(&mut self) -> Checked<Option<f64>> {
        match self.next() {
            (name, Some(value)) if !value.is_unit() => read_number(name, value).map(Some),
            _ => Ok(None),
        }
    }

    /// A whole number.
    pub(super) fn whole(&mut self) -> Checked<i64> {
        let (name, value) = self.next();
        read_whole(name, value.unwrap_or(&Dynamic::UNIT))
    }

    /// A whole number, or nothing if it is left out.
    pub(super) fn whole_if_given(&mut self) -> Checked<Option<i64>> {
        match self.next() {
            (name, Some(value)) => read_whole(name, value).map(Some),
            (_, None) => Ok(None),
        }
    }

    /// A text, or this if it is left out.
    pub(super) fn text_or(&mut self, default: &str) -> Checked<String> {
        match self.next() {
            (name, Some(value)) => match value.as_immutable_string_ref() {
                Ok(text) => Ok(text.to_string()),
                Err(kind) => Err(Wrong::new(format!("{name} is a text, not a {kind}"))),
            },
            (_, None) => Ok(default.to_owned()),
        }
    }

    /// Numbers; none if they are left out.
    pub(super) fn numbers(&mut self) -> Checked<Vec<f64>> {
        let work = self.work;
        match self.next() {
            (name, Some(value)) => read_numbers(name, value, work),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// An array, `()` being an empty one.
    pub(super) fn array(&mut self) -> Checked<Array> {
        let work = self.work;
        match self.next() {
            (_, None) => Ok(Array::new()),
            (_, Some(value)) if value.is_unit() => Ok(Array::new()),
            (name, Some(value)) => {
                let items = value
                    .as_array_ref()
                    .map_err(|kind| Wrong::new(format!("{name} is an array, not a {kind}")))?;
                bounded(name, items.len(), work)?;
                Ok(items.clone())
            }
        }
    }

    /// Any value.
    pub(super) fn any(&mut self) -> Dynamic {
        self.next().1.cloned().unwrap_or(Dynamic::UNIT)
    }

    /// What the present call may still do.
    pub(super) fn work(&self) -> &Work {
        self.work
    }

    /// Takes this many steps from what the present call may do.
    pub(super) fn spend(&self, steps: usize) -> Checked<()> {
        self.work.spend(steps)
    }
}

fn read_number(name: &str, value: &Dynamic) -> Checked<f64> {
    match number(value) {
        Some(x) if x.is_finite() => Ok(x),
        Some(x) => Err(Wrong::new(format!("{name} is a number: {x} is none"))),
        None if value.is_unit() => Err(Wrong::new(format!(
            "{name} is a number: there is none, ()\ntest it with `if x == () {{ … }}`"
        ))),
        None => Err(Wrong::new(format!(
            "{name} is a number, not a {}",
            kind_of(value)
        ))),
    }
}

fn read_whole(name: &str, value: &Dynamic) -> Checked<i64> {
    value.as_int().map_err(|kind| {
        let found = value
            .as_float()
            .map_or_else(|_| kind.to_owned(), |x| x.to_string());
        Wrong::new(format!("{name} is a whole number, not {found}"))
    })
}

/// Numbers in an array of a script.
pub(super) fn read_numbers(name: &str, value: &Dynamic, work: &Work) -> Checked<Vec<f64>> {
    let items = value
        .as_array_ref()
        .map_err(|kind| Wrong::new(format!("{name} is an array of numbers, not a {kind}")))?;
    bounded(name, items.len(), work)?;
    let numbers = items
        .iter()
        .enumerate()
        .map(|(at, item)| match number(item) {
            Some(x) if x.is_finite() => Ok(x),
            _ => read_number(&format!("{name}[{at}]"), item),
        });
    numbers.collect()
}

fn bounded(name: &str, length: usize, work: &Work) -> Checked<()> {
    if length > MOST_NUMBERS {
        return Err(Wrong::new(format!(
            "{name} has at most {MOST_NUMBERS} items: this has {length}"
        )));
    }
    work.spend(length)
}

impl Api {
    /// A function of the library. The usage names its parameters; those with `= …` may be left out. The example is
    /// `expression → value`.
    pub(super) fn library<R: Into<Dynamic> + 'static>(
        &mut self,
        usage: &'static str,
        what: &'static str,
        example: &'static str,
        call: impl Fn(&mut Args<'_, '_>) -> Checked<R> + Clone + 'static,
    ) {
        let (name, rest) = usage.split_once('(').unwrap_or((usage, ")"));
        let parameters = rest.trim_end_matches(')').split(", ");
        let names: Vec<&'static str> = parameters
            .map(|p| p.split(" = ").next().unwrap_or(p))
            .collect();
        let optional = rest.matches(" = ").count();
        self.names.describe(usage, what, example);
        for given in names.len() - optional..=names.len() {
            let (names, work, call) = (names.clone(), self.work.clone(), call.clone());
            let types = vec![TypeId::of::<Dynamic>(); given];
            self.engine.register_raw_fn(name, types, move |_, values| {
                let mut args = Args {
                    names: &names,
                    values,
                    next: 0,
                    work: &work,
                };
                let answer = call(&mut args).map(Into::into).and_then(finite);
                answer.map_err(|wrong| fail(wrong.of(name).to_string()))
            });
        }
    }
}

/// The last line of defence: no function gives a script what is no number.
fn finite(value: Dynamic) -> Checked<Dynamic> {
    fn is_finite(value: &Dynamic) -> bool {
        if let Ok(x) = value.as_float() {
            return x.is_finite();
        }
        if let Ok(items) = value.as_array_ref() {
            return items.iter().all(is_finite);
        }
        value
            .as_map_ref()
            .map_or(true, |map| map.values().all(is_finite))
    }
    if is_finite(&value) {
        Ok(value)
    } else {
        Err(Wrong::new("the result is too large to be a number"))
    }
}
