//! Charges what Rhai's own functions do to long texts and arrays in one operation: searching, comparing, turning
//! around, turning to capitals. They do what Rhai's do, out of the same budget as the maths.

use rhai::{
    Array, Dynamic, EvalAltResult, FuncRegistration, ImmutableString, Map, NativeCallContext,
};

use super::budget::Work;
use super::error::fail;
use super::names::Api;

/// Steps of comparing two values, whatever they are.
const COMPARE: usize = 6;
/// Steps of turning a byte of text to capitals or back.
const CHANGE_CASE: usize = 3;

/// Items that one step turns around.
const REVERSE: usize = 4;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Puts functions that are charged in the place of Rhai's.
pub(super) fn register(api: &mut Api) {
    texts(api);
    arrays(api);
    maps(api);
}

fn spend(work: &Work, steps: usize) -> Outcome<()> {
    work.spend(steps).map_err(|wrong| fail(wrong.to_string()))
}

/// Steps of looking for one text in another.
fn search(text: &str, part: &str) -> usize {
    (text.len() + part.len()) / 2
}

fn texts(api: &mut Api) {
    let work = api.work.clone();
    let contains = move |text: &str, part: &str| -> Outcome<bool> {
        spend(&work, search(text, part))?;
        Ok(text.contains(part))
    };
    api.engine.register_fn("contains", contains);
    let work = api.work.clone();
    let index_of = move |text: &str, part: &str| -> Outcome<i64> {
        spend(&work, search(text, part))?;
        // Rhai finds nothing in an empty text, not even an empty one.
        let at = text.find(part).filter(|_| !text.is_empty());
        let index = at.map(|at| text[..at].chars().count());
        Ok(index
            .and_then(|index| i64::try_from(index).ok())
            .unwrap_or(-1))
    };
    api.engine.register_fn("index_of", index_of);
    change_case(api, "to_upper", "make_upper", str::to_uppercase);
    change_case(api, "to_lower", "make_lower", str::to_lowercase);
}

fn change_case(
    api: &mut Api,
    gives: &'static str,
    makes: &'static str,
    change: fn(&str) -> String,
) {
    let work = api.work.clone();
    let changed = move |text: &str| -> Outcome<ImmutableString> {
        spend(&work, CHANGE_CASE * text.len())?;
        Ok(change(text).into())
    };
    let in_place = changed.clone();
    api.engine.register_fn(gives, changed);
    let change = move |text: &mut ImmutableString| -> Outcome<()> {
        *text = in_place(text)?;
        Ok(())
    };
    FuncRegistration::new(makes)
        .with_purity(false)
        .register_into_engine(&mut api.engine, change);
}

fn arrays(api: &mut Api) {
    let work = api.work.clone();
    let contains = move |call: NativeCallContext<'_>, array: &mut Array, value: Dynamic| {
        position(&work, &call, array, &value).map(|at| at.is_some())
    };
    api.engine.register_fn("contains", contains);
    let work = api.work.clone();
    let index_of = move |call: NativeCallContext<'_>, array: &mut Array, value: Dynamic| {
        position(&work, &call, array, &value).map(index)
    };
    api.engine.register_fn("index_of", index_of);
    let work = api.work.clone();
    let equals = move |call: NativeCallContext<'_>, a: &mut Array, mut b: Array| {
        same_arrays(&work, &call, a, &mut b)
    };
    let work = api.work.clone();
    let differs = move |call: NativeCallContext<'_>, a: &mut Array, mut b: Array| {
        same_arrays(&work, &call, a, &mut b).map(|same| !same)
    };
    api.engine
        .register_fn("==", equals)
        .register_fn("!=", differs);
    let work = api.work.clone();
    let dedup = move |call: NativeCallContext<'_>, array: &mut Array| -> Outcome<()> {
        let mut failure = None;
        array.dedup_by(|later, earlier| {
            let same = same(&work, &call, earlier, &mut later.clone());
            // Values that nothing compares are kept, as Rhai does; what costs too much is told.
            same.unwrap_or_else(|error| {
                failure.get_or_insert(error);
                false
            })
        });
        failure.filter(|_| work.is_spent()).map_or(Ok(()), Err)
    };
    let work = api.work.clone();
    let reverse = move |array: &mut Array| -> Outcome<()> {
        spend(&work, array.len() / REVERSE)?;
        array.reverse();
        Ok(())
    };
    FuncRegistration::new("reverse")
        .with_purity(false)
        .register_into_engine(&mut api.engine, reverse);
    FuncRegistration::new("dedup")
        .with_purity(false)
        .register_into_engine(&mut api.engine, dedup);
}

fn maps(api: &mut Api) {
    let work = api.work.clone();
    let equals = move |call: NativeCallContext<'_>, a: &mut Map, mut b: Map| {
        same_maps(&work, &call, a, &mut b)
    };
    let work = api.work.clone();
    let differs = move |call: NativeCallContext<'_>, a: &mut Map, mut b: Map| {
        same_maps(&work, &call, a, &mut b).map(|same| !same)
    };
    api.engine
        .register_fn("==", equals)
        .register_fn("!=", differs);
}

fn index(at: Option<usize>) -> i64 {
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn position(
    work: &Work,
    call: &NativeCallContext<'_>,
    array: &mut Array,
    value: &Dynamic,
) -> Outcome<Option<usize>> {
    for (at, item) in array.iter_mut().enumerate() {
        if same(work, call, item, &mut value.clone())? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn same_arrays(
    work: &Work,
    call: &NativeCallContext<'_>,
    a: &mut Array,
    b: &mut Array,
) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter_mut().zip(b) {
        if !same(work, call, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_maps(work: &Work, call: &NativeCallContext<'_>, a: &mut Map, b: &mut Map) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, a) in a.iter_mut() {
        let Some(b) = b.get_mut(key) else {
            return Ok(false);
        };
        if !same(work, call, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two values are equal by `==`; values of different types that nothing compares are not.
fn same(
    work: &Work,
    call: &NativeCallContext<'_>,
    a: &mut Dynamic,
    b: &mut Dynamic,
) -> Outcome<bool> {
    let text = a.as_immutable_string_ref().map_or(0, |text| text.len());
    spend(work, COMPARE + text / 16)?;
    let of_one_type = a.type_id() == b.type_id();
    match call.call_native_fn_raw("==", true, &mut [a, b]) {
        Ok(value) => Ok(value.as_bool().unwrap_or(false)),
        Err(error) => match *error {
            EvalAltResult::ErrorFunctionNotFound(ref what, _)
                if what.starts_with("==") && !of_one_type =>
            {
                Ok(false)
            }
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use rhai::packages::{Package, StandardPackage};
    use rhai::{Dynamic, Engine};

    use crate::strategy::context::Log;
    use crate::strategy::sandbox::{self, Purpose};

    #[test]
    fn what_is_charged_does_what_rhai_does() {
        let ours = sandbox::engine(Purpose::Run, &Log::default()).engine;
        let mut plain = Engine::new_raw();
        StandardPackage::new().register_into_engine(&mut plain);
        for text in [
            r#"["abc".contains("bc"), "abc".contains(""), "".contains(""), "abc".contains('b'), "b" in "abc"]"#,
            r#"["äbc".index_of("c"), "abc".index_of("x"), "".index_of(""), "abcabc".index_of("c", 3), "abc".index_of('c')]"#,
            r#"["aß".to_upper(), "AÄ".to_lower(), "".to_upper(), "A".to_upper(), 'a'.to_upper()]"#,
            r#"let s = "aß"; s.make_upper(); let t = "AÄ"; t.make_lower(); [s, t]"#,
            r#"let a = [1, 2.0, "x", 'c', (), [1], #{ a: 1 }]; [1 in a, 2 in a, "x" in a, 'c' in a, () in a, [1] in a, #{ a: 1 } in a, 9 in []]"#,
            r#"let a = [1, 2, 1]; [a.index_of(1), a.index_of(3), a.index_of(1, 1), a.index_of(|x| x > 1), [].index_of(1)]"#,
            r#"[[1, [2]] == [1, [2]], [1] == [1, 2], [1] != [2], [] == [], ["a"] == [1], [1] == [1.0]]"#,
            r#"[#{ a: 1 } == #{ a: 1 }, #{ a: 1 } == #{ b: 1 }, #{} == #{}, #{ a: [1] } != #{ a: [2] }, #{ a: 1 } == #{ a: "x" }]"#,
            r#"let a = [1, 1, 2, 1, "x", "x", ()]; a.dedup(); a"#,
            r#"const A = [1, 1]; A.dedup(); A"#,
            r#"let a = [1, "x", ()]; a.reverse(); a"#,
        ] {
            let shown = |engine: &Engine| match engine.eval::<Dynamic>(text) {
                Ok(value) => format!("{value:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown(&ours), shown(&plain), "{text}");
        }
    }

    /// The steps are used up, or the memory that comparing takes is, but not all operations.
    #[test]
    fn looking_through_long_values_over_and_over_uses_up_the_budget() {
        for body in [
            r#"let s = ""; s.pad(2000, "a"); loop { s.contains("b"); }"#,
            r#"let s = ""; s.pad(2000, "a"); loop { s.index_of("b"); }"#,
            r#"let s = ""; s.pad(900, "ß"); loop { s.to_upper(); }"#,
            r#"let a = []; a.pad(990, 1); loop { a.contains(2); }"#,
            r#"let a = []; a.pad(990, 1); loop { a.index_of(2); }"#,
            r#"let a = []; for n in 0..990 { a.push(n); } loop { a.dedup(); }"#,
            r#"let a = []; a.pad(990, 1); loop { a.reverse(); }"#,
        ] {
            let api = sandbox::engine(Purpose::Run, &Log::default());
            let error = api.engine.eval::<Dynamic>(body).unwrap_err().to_string();
            let ends = ["steps", "terminated"];
            assert!(
                ends.iter().any(|end| error.contains(end)),
                "{body}: {error}"
            );
        }
    }
}
