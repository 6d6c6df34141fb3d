//! Sorts arrays by a script's comparison, in the place of Rhai's own, which takes an error for an order and panics where an
//! order contradicts itself. Here what the comparison throws comes out and leaves the array as it was, and a contradiction
//! gives some order.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, NativeCallContext};

use super::error::fail;
use super::names::Api;
use super::show::kind_of;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Puts these in the place of Rhai's.
pub(super) fn register(api: &mut Api) {
    for name in ["sort", "sort_by"] {
        let sort = |call: NativeCallContext<'_>, array: &mut Array, by: FnPtr| -> Outcome<()> {
            *array = sorted(&call, array, &by)?;
            Ok(())
        };
        FuncRegistration::new(name)
            .with_purity(false)
            .register_into_engine(&mut api.engine, sort);
    }
    for name in ["order", "order_by"] {
        let order =
            |call: NativeCallContext<'_>, array: &mut Array, by: FnPtr| sorted(&call, array, &by);
        api.engine.register_fn(name, order);
    }
}

fn sorted(call: &NativeCallContext<'_>, array: &Array, by: &FnPtr) -> Outcome<Array> {
    let places = order(array.len(), |a, b| compare(call, by, &array[a], &array[b]))?;
    Ok(places.into_iter().map(|at| array[at].clone()).collect())
}

/// What a script's comparison says: a number below, at or above 0, or whether the first goes first.
fn compare(
    call: &NativeCallContext<'_>,
    by: &FnPtr,
    a: &Dynamic,
    b: &Dynamic,
) -> Outcome<Ordering> {
    let said = by.call_raw(call, None, [a.clone(), b.clone()])?;
    let number = said.as_int().map(|number| number.cmp(&0)).ok();
    let order = number
        .or_else(|| said.as_float().ok()?.partial_cmp(&0.0))
        .or_else(|| {
            let is_first = said.as_bool().ok()?;
            Some(if is_first {
                Ordering::Less
            } else {
                Ordering::Greater
            })
        });
    order.ok_or_else(|| {
        fail(format!(
            "a comparison gives a number below, at or above 0, or true where the first goes first: this gave a {}\nwrite it as |a, b| a - b",
            kind_of(&said)
        ))
    })
}

/// The places of items in their order, by merging ever longer runs. What is equal stays as it stood.
fn order(
    count: usize,
    mut compare: impl FnMut(usize, usize) -> Outcome<Ordering>,
) -> Outcome<Vec<usize>> {
    let mut places: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1;
    while width < count {
        merged.clear();
        for runs in places.chunks(2 * width) {
            let (mut left, mut right) = runs.split_at(width.min(runs.len()));
            while let ([a, later_left @ ..], [b, later_right @ ..]) = (left, right) {
                if compare(*b, *a)? == Ordering::Less {
                    merged.push(*b);
                    right = later_right;
                } else {
                    merged.push(*a);
                    left = later_left;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        width *= 2;
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rhai::packages::{Package, StandardPackage};
    use rhai::{Array, Dynamic, Engine};

    use crate::strategy::context::Log;
    use crate::strategy::sandbox::{self, Purpose};

    fn ours(text: &str) -> Result<Dynamic, String> {
        let engine = sandbox::engine(Purpose::Run, &Log::default()).engine;
        engine.eval(text).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn sound_comparisons_sort_as_rhai_does(numbers in proptest::collection::vec(-9_i64..9, 0..40)) {
            let mut plain = Engine::new_raw();
            StandardPackage::new().register_into_engine(&mut plain);
            for by in ["a[0] - b[0]", "b[0] - a[0]", "a[0] < b[0]"] {
                // The second of each pair tells equals apart.
                let pairs: Vec<_> = numbers.iter().enumerate().map(|(at, n)| format!("[{n}, {at}]")).collect();
                let pairs = pairs.join(", ");
                for how in ["x.sort(by); x", "x.sort_by(by); x", "x.order(by)", "x.order_by(by)"] {
                    let text = format!("let x = [{pairs}]; let by = |a, b| {by}; {how}");
                    let theirs: Dynamic = plain.eval(&text).unwrap();
                    prop_assert_eq!(format!("{:?}", ours(&text).unwrap()), format!("{theirs:?}"));
                }
            }
        }

        #[test]
        fn whatever_a_comparison_says_nothing_is_lost(numbers in proptest::collection::vec(0_i64..1000, 0..60), a: i16, b: i16) {
            let text = format!("let x = {numbers:?}; x.sort(|x, y| (x * {a} + y * {b}) % 3 - 1); x");
            let found = ours(&text).unwrap().cast::<Array>();
            let mut found: Vec<i64> = found.into_iter().map(Dynamic::cast).collect();
            let mut expected = numbers;
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn differences_of_decimals_sort_too() {
        let found = ours("let x = [3.5, 1.25, 2.0]; x.sort(|a, b| a - b); x").unwrap();
        assert_eq!(format!("{found:?}"), "[1.25, 2.0, 3.5]");
    }

    #[test]
    fn what_a_comparison_throws_comes_out_and_leaves_the_array() {
        let caught = "let x = [3, 1, 2]; try { x.sort(|a, b| throw \"no\"); } catch { } x";
        assert_eq!(format!("{:?}", ours(caught).unwrap()), "[3, 1, 2]");
        for (by, says) in [
            ("throw \"no\"", "no"),
            ("\"less\"", "this gave a string"),
            ("0.0 / 0.0", "this gave a float"),
            ("()", "this gave a ()"),
        ] {
            let error = ours(&format!("let x = [3, 1, 2]; x.sort(|a, b| {by})")).unwrap_err();
            assert!(error.contains(says), "{by}: {error}");
        }
    }
}
