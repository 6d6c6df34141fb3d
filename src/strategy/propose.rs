//! Intents as scripts make them, and how a returned value is read as intents. Nothing wrong gets lost: what is no
//! intent becomes [`Intent::Malformed`], which the gate refuses and records.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Array, Dynamic, NativeCallContext};

use super::context::OrderView;
use super::green_up::closing;
use super::names::{Api, bounded, did_you_mean, optional, shown};
use super::show::{Told, kind_of};
use super::view::{RunnerView, runner_id};
use crate::engine::{Answer, Position};
use crate::market::{
    BookName, FillOrKill, Intent, Malformed, Money, OrderId, OrderKind, Persistence, Place, Price,
    RunnerId, Side,
};

/// Intents a call may return.
pub(super) const MOST_INTENTS: usize = 200;
/// Bytes of a reason.
const MOST_REASON: usize = 200;
/// Bytes of a tag.
const MOST_TAG: usize = 64;

/// Bytes of a value that is shown because it is wrong.
pub(super) const MOST_SHOWN: usize = 100;

/// An intent in the making.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) intent: Intent,
    /// Line of the script that made it.
    pub(super) line: Option<u32>,
}

impl From<Intent> for Draft {
    fn from(intent: Intent) -> Self {
        Self { intent, line: None }
    }
}

/// A whole or decimal number of a script.
#[allow(clippy::cast_precision_loss)]
pub(super) fn number(value: &Dynamic) -> Option<f64> {
    value
        .as_float()
        .ok()
        .or_else(|| value.as_int().ok().map(|whole| whole as f64))
}

impl Draft {
    fn malformed(runner: Option<RunnerId>, what: impl fmt::Display, value: &Dynamic) -> Self {
        Self::from(Intent::Malformed(Malformed {
            runner,
            what: bounded(&what.to_string(), 300),
            value: shown(&Told(value), MOST_SHOWN),
        }))
    }

    fn place(runner: &Dynamic, side: Side, kind: Result<OrderKind, Wrong>) -> Self {
        let id = match runner_id(runner) {
            Ok(id) => id,
            Err(what) => return Self::malformed(None, what, runner),
        };
        match kind {
            Ok(kind) => Self::from(Intent::Place(Place {
                runner: id,
                side,
                kind,
                book: None,
                reason: None,
                probability: None,
                tag: None,
            })),
            Err(wrong) => Self::malformed(Some(id), wrong.what, &wrong.value),
        }
    }

    /// Refines a placing; anything else cannot be refined so.
    fn refine(
        &mut self,
        method: &str,
        value: &Dynamic,
        change: impl FnOnce(&mut Place) -> Result<(), String>,
    ) -> Self {
        let line = self.line;
        let refined = match &mut self.intent {
            Intent::Place(place) => {
                let runner = place.runner;
                let mut place = place.clone();
                match change(&mut place) {
                    Ok(()) => Self::from(Intent::Place(place)),
                    Err(what) => Self::malformed(Some(runner), format!("{method}: {what}"), value),
                }
            }
            Intent::Malformed(_) => self.clone(),
            Intent::Cancel { .. } | Intent::Replace { .. } | Intent::Update { .. } => {
                Self::malformed(
                    None,
                    format!("{method}: only what places an order can be refined so"),
                    value,
                )
            }
        };
        Self { line, ..refined }
    }

    fn refine_limit(
        &mut self,
        method: &str,
        change: impl FnOnce(&mut Persistence, &mut Option<FillOrKill>),
    ) -> Self {
        self.refine(method, &Dynamic::UNIT, |place| match &mut place.kind {
            OrderKind::Limit {
                persistence,
                fill_or_kill,
                ..
            } => {
                change(persistence, fill_or_kill);
                Ok(())
            }
            other => Err(format!("is for limit orders, not for {}", other.as_str())),
        })
    }

    fn with_reason(&mut self, text: &str) -> Self {
        let reason: Arc<str> = bounded(text, MOST_REASON).into();
        if let Intent::Replace { order, price, .. } = self.intent {
            let intent = Intent::Replace {
                order,
                price,
                reason: Some(reason),
            };
            return Self {
                intent,
                line: self.line,
            };
        }
        if let Intent::Cancel { .. } | Intent::Update { .. } = self.intent {
            return self.clone();
        }
        self.refine(".reason", &Dynamic::UNIT, |place| {
            place.reason = Some(reason);
            Ok(())
        })
    }

    fn with_probability(&mut self, value: &Dynamic) -> Self {
        self.refine(".probability", value, |place| match number(value) {
            Some(p) if (0.0..=1.0).contains(&p) => {
                place.probability = Some(p);
                Ok(())
            }
            _ => Err("a probability is a number from 0 to 1".to_owned()),
        })
    }

    fn with_limit(&mut self, value: &Dynamic) -> Self {
        self.refine(".limit", value, |place| {
            let price = read_price(value).map_err(|wrong| wrong.what)?;
            match place.kind {
                OrderKind::MarketOnClose { liability }
                | OrderKind::LimitOnClose { liability, .. } => {
                    place.kind = OrderKind::LimitOnClose { price, liability };
                    Ok(())
                }
                OrderKind::Limit { .. } => Err(
                    "is for orders at the starting price; a limit order has its price".to_owned(),
                ),
            }
        })
    }

    fn with_min_fill(&mut self, value: &Dynamic) -> Self {
        match read_money("a least fill", value) {
            Ok(size) => self.refine_limit(".fill_or_kill", |_, fill_or_kill| {
                *fill_or_kill = Some(FillOrKill {
                    min_fill: Some(size),
                });
            }),
            Err(wrong) => self.refine(".fill_or_kill", value, |_| Err(wrong.what)),
        }
    }
}

/// A value that could not be used.
struct Wrong {
    what: String,
    value: Dynamic,
}

fn read_price(value: &Dynamic) -> Result<Price, Wrong> {
    let price = number(value).and_then(Price::nearest);
    price.ok_or_else(|| wrong("a price is decimal odds from 0 to 1000000", value))
}

fn read_money(name: &str, value: &Dynamic) -> Result<Money, Wrong> {
    match number(value) {
        Some(amount) if amount >= 0.0 => Money::floor(amount)
            .ok_or_else(|| wrong(&format!("{name} is at most {}", Money::LARGEST), value)),
        _ => Err(wrong(
            &format!("{name} is a number that is not negative"),
            value,
        )),
    }
}

fn wrong(what: &str, value: &Dynamic) -> Wrong {
    let kind = match kind_of(value) {
        "int" | "float" => String::new(),
        other => format!(", not a {other}"),
    };
    Wrong {
        what: format!("{what}{kind}"),
        value: value.clone(),
    }
}

fn limit(price: &Dynamic, stake: &Dynamic) -> Result<OrderKind, Wrong> {
    Ok(OrderKind::Limit {
        price: read_price(price)?,
        size: read_money("a stake", stake)?,
        persistence: Persistence::default(),
        fill_or_kill: None,
    })
}

fn on_close(liability: &Dynamic) -> Result<OrderKind, Wrong> {
    Ok(OrderKind::MarketOnClose {
        liability: read_money("a liability", liability)?,
    })
}

fn order_id(value: &Dynamic) -> Result<OrderId, Wrong> {
    if let Some(view) = value.read_lock::<OrderView>() {
        return Ok(view.get().id);
    }
    let text = value.as_immutable_string_ref().ok();
    text.and_then(|id| OrderId::parse(&id))
        .ok_or_else(|| Wrong {
            what: "an order is an order of ctx or its id".to_owned(),
            value: value.clone(),
        })
}

/// What is asked of a standing order.
fn asked(intent: Result<Intent, Wrong>) -> Draft {
    intent.map_or_else(
        |wrong| Draft::malformed(None, wrong.what, &wrong.value),
        Draft::from,
    )
}

fn cancel(order: &Dynamic, size: Option<&Dynamic>) -> Result<Intent, Wrong> {
    Ok(Intent::Cancel {
        order: order_id(order)?,
        size: size.map(|size| read_money("a size", size)).transpose()?,
    })
}

fn replace(order: &Dynamic, price: &Dynamic) -> Result<Intent, Wrong> {
    Ok(Intent::Replace {
        order: order_id(order)?,
        price: read_price(price)?,
        reason: None,
    })
}

fn update(order: &Dynamic, persistence: &str) -> Result<Intent, Wrong> {
    let order = order_id(order)?;
    let known = Persistence::ALL.map(Persistence::as_str);
    let named = Persistence::ALL
        .into_iter()
        .find(|p| p.as_str() == persistence);
    let persistence = named.ok_or_else(|| {
        let hint = did_you_mean(persistence, known);
        let hint = hint.map_or_else(String::new, |hint| format!(": {hint}"));
        Wrong {
            what: format!("a persistence is {}{hint}", known.join(", ")),
            value: persistence.into(),
        }
    })?;
    Ok(Intent::Update { order, persistence })
}

/// Registers the ways to make and refine intents.
pub(super) fn register(api: &mut Api) {
    api.group("Bets");
    api.kind::<Draft>("Intent", "intent");
    let made = Rc::clone(&api.made);
    let counted = move |call: &NativeCallContext<'_>, draft: Draft| {
        made.set(made.get() + 1);
        let line = call.call_position().line();
        Draft {
            line: line.and_then(|line| u32::try_from(line).ok()),
            ..draft
        }
    };
    let make = counted.clone();
    api.function(
        "back(runner, price, stake)",
        "at this price or better",
        move |call: NativeCallContext<'_>, runner: Dynamic, price: Dynamic, stake: Dynamic| {
            make(
                &call,
                Draft::place(&runner, Side::Back, limit(&price, &stake)),
            )
        },
    );
    let make = counted.clone();
    api.function(
        "lay(runner, price, stake)",
        "the same; the stake is the backer's",
        move |call: NativeCallContext<'_>, runner: Dynamic, price: Dynamic, stake: Dynamic| {
            make(
                &call,
                Draft::place(&runner, Side::Lay, limit(&price, &stake)),
            )
        },
    );
    let make = counted.clone();
    api.function(
        "back_on_close(runner, liability)",
        "at the starting price",
        move |call: NativeCallContext<'_>, runner: Dynamic, liability: Dynamic| {
            make(
                &call,
                Draft::place(&runner, Side::Back, on_close(&liability)),
            )
        },
    );
    let make = counted.clone();
    api.function(
        "lay_on_close(runner, liability)",
        "at the starting price",
        move |call: NativeCallContext<'_>, runner: Dynamic, liability: Dynamic| {
            make(
                &call,
                Draft::place(&runner, Side::Lay, on_close(&liability)),
            )
        },
    );
    let make = counted.clone();
    api.function(
        "green_up(runner, position)",
        "the bet at the best price on the exchange that makes the profit the same whether the runner wins or loses; `()` if it is so already or there is no price",
        move |call: NativeCallContext<'_>, runner: RunnerView, position: Position| {
            let bet = closing(runner.get(), &position);
            let runner = Dynamic::from(runner);
            optional(bet.map(|(side, kind)| {
                Dynamic::from(make(&call, Draft::place(&runner, side, Ok(kind))))
            }))
        },
    );
    api.example("green_up(runner, ctx.position(runner)).stake → 9.67");
    let make = counted.clone();
    api.function(
        "cancel(order)",
        "what remains of an order",
        move |call: NativeCallContext<'_>, order: Dynamic| make(&call, asked(cancel(&order, None))),
    );
    let make = counted.clone();
    api.function(
        "cancel(order, size)",
        "part of what remains",
        move |call: NativeCallContext<'_>, order: Dynamic, size: Dynamic| {
            make(&call, asked(cancel(&order, Some(&size))))
        },
    );
    let make = counted.clone();
    api.function(
        "replace(order, price)",
        "cancels what remains and places it at another price",
        move |call: NativeCallContext<'_>, order: Dynamic, price: Dynamic| {
            make(&call, asked(replace(&order, &price)))
        },
    );
    api.function(
        "update(order, persistence)",
        "changes what becomes of the rest in play: LAPSE, PERSIST or MARKET_ON_CLOSE",
        move |call: NativeCallContext<'_>, order: Dynamic, persistence: &str| {
            counted(&call, asked(update(&order, persistence)))
        },
    );
    register_refinements(api);
    register_getters(api);
}

fn register_refinements(api: &mut Api) {
    api.function(
        "intent.persist()",
        "stays when the market turns in play",
        |d: &mut Draft| {
            d.refine_limit(".persist", |persistence, _| {
                *persistence = Persistence::Persist;
            })
        },
    );
    api.function(
        "intent.keep_to_sp()",
        "what is unmatched then goes to the starting price",
        |d: &mut Draft| {
            d.refine_limit(".keep_to_sp", |persistence, _| {
                *persistence = Persistence::MarketOnClose;
            })
        },
    );
    api.function(
        "intent.fill_or_kill()",
        "all at once, or not at all",
        |d: &mut Draft| {
            d.refine_limit(".fill_or_kill", |_, fill_or_kill| {
                *fill_or_kill = Some(FillOrKill { min_fill: None });
            })
        },
    );
    api.function(
        "intent.fill_or_kill(min_size)",
        "at least this much at once, or not at all",
        |d: &mut Draft, size: Dynamic| d.with_min_fill(&size),
    );
    api.function(
        "intent.limit(price)",
        "for orders at the starting price: no worse than this",
        |d: &mut Draft, price: Dynamic| d.with_limit(&price),
    );
    api.function(
        "intent.book(name)",
        "with this bookmaker; where only bookmakers offer, the best is meant if none is named",
        |d: &mut Draft, name: &str| {
            let name = BookName::new(&bounded(name, MOST_TAG));
            d.refine(".book", &Dynamic::UNIT, |place| {
                place.book = Some(name);
                Ok(())
            })
        },
    );
    api.function(
        "intent.reason(text)",
        "your reason, kept with the bet",
        |d: &mut Draft, text: &str| d.with_reason(text),
    );
    api.function(
        "intent.probability(p)",
        "your chance of the runner winning, kept with the bet",
        |d: &mut Draft, p: Dynamic| d.with_probability(&p),
    );
    api.function(
        "intent.tag(text)",
        "comes back as order.tag",
        |d: &mut Draft, text: &str| {
            d.refine(".tag", &Dynamic::UNIT, |place| {
                place.tag = Some(bounded(text, MOST_TAG).into());
                Ok(())
            })
        },
    );
}

/// What tests of scripts read of an intent; `()` where it does not apply.
fn register_getters(api: &mut Api) {
    api.group("An intent, in tests");
    fn placed<R>(draft: &Draft, read: impl Fn(&Place) -> R) -> Option<R> {
        match &draft.intent {
            Intent::Place(place) => Some(read(place)),
            _ => None,
        }
    }
    api.get(
        "action",
        "PLACE, CANCEL, REPLACE, UPDATE or MALFORMED",
        |d: &Draft| {
            let action = match &d.intent {
                Intent::Place(_) => "PLACE",
                Intent::Cancel { .. } => "CANCEL",
                Intent::Replace { .. } => "REPLACE",
                Intent::Update { .. } => "UPDATE",
                Intent::Malformed(_) => "MALFORMED",
            };
            action.to_owned()
        },
    );
    api.get_option("runner_id", "number of its runner", |d: &Draft| {
        placed(d, |p| i64::try_from(p.runner.selection).unwrap_or(i64::MAX))
    });
    api.get_option("runner_key", "key of its runner", |d: &Draft| {
        placed(d, |p| p.runner.to_string())
    });
    api.get_option("side", "BACK or LAY", |d: &Draft| {
        placed(d, |p| p.side.as_str().to_owned())
    });
    api.get_option(
        "type",
        "LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE",
        |d: &Draft| placed(d, |p| p.kind.as_str().to_owned()),
    );
    api.get_option("price", "decimal odds", |d: &Draft| match &d.intent {
        Intent::Place(place) => place.kind.price().map(Price::to_f64),
        Intent::Replace { price, .. } => Some(price.to_f64()),
        _ => None,
    });
    for name in ["stake", "size"] {
        api.get_option(name, "the backer's stake", |d: &Draft| match &d.intent {
            Intent::Place(place) => place.kind.size().map(Money::to_f64),
            Intent::Cancel { size, .. } => size.map(Money::to_f64),
            _ => None,
        });
    }
    api.get_option("liability", "what it can lose", |d: &Draft| {
        placed(d, |p| p.kind.at_risk(p.side).to_f64())
    });
    api.get_option(
        "persistence",
        "LAPSE, PERSIST or MARKET_ON_CLOSE",
        |d: &Draft| {
            let persistence = match &d.intent {
                Intent::Place(place) => place.kind.persistence(),
                Intent::Update { persistence, .. } => Some(*persistence),
                _ => None,
            };
            persistence.map(|p| p.as_str().to_owned())
        },
    );
    api.get_option("book", "the bookmaker it goes to", |d: &Draft| {
        placed(d, |p| p.book.as_ref().map(ToString::to_string)).flatten()
    });
    api.get_option("reason", "its reason", |d: &Draft| match &d.intent {
        Intent::Place(place) => place.reason.as_deref().map(str::to_owned),
        Intent::Replace { reason, .. } => reason.as_deref().map(str::to_owned),
        _ => None,
    });
    api.get_option("probability", "its probability", |d: &Draft| {
        placed(d, |p| p.probability).flatten()
    });
    api.get_option("tag", "its tag", |d: &Draft| {
        placed(d, |p| p.tag.as_deref().map(str::to_owned)).flatten()
    });
    api.get_option(
        "order_id",
        "the order it cancels, replaces or updates",
        |d: &Draft| match &d.intent {
            Intent::Cancel { order, .. }
            | Intent::Replace { order, .. }
            | Intent::Update { order, .. } => Some(order.to_string()),
            _ => None,
        },
    );
    api.get_option(
        "wrong",
        "what is wrong with a malformed one",
        |d: &Draft| match &d.intent {
            Intent::Malformed(malformed) => Some(malformed.what.clone()),
            _ => None,
        },
    );
}

/// Reads what a callback returned: nothing, one intent, or an array of them. If one of them is malformed the script
/// did not mean what it said, so none of that call counts; each is recorded with the reason.
pub(super) fn read_intents(value: Dynamic, answer: &mut Answer) {
    let before = answer.intents.len();
    match value.flatten().try_cast_result::<Array>() {
        Ok(array) if array.len() > MOST_INTENTS => {
            let count = array.len();
            let what = format!("{count} intents in one call: at most {MOST_INTENTS} are read");
            Draft::malformed(None, what, &(count as i64).into()).put_in(answer);
        }
        Ok(array) => array.into_iter().for_each(|item| read_intent(item, answer)),
        Err(single) => read_intent(single, answer),
    }
    let batch = &mut answer.intents[before..];
    if batch
        .iter()
        .any(|intent| matches!(intent, Intent::Malformed(_)))
    {
        batch.iter_mut().for_each(refuse_beside_malformed);
    }
}

fn read_intent(value: Dynamic, answer: &mut Answer) {
    if value.is_unit() {
        return;
    }
    let draft = value
        .flatten()
        .try_cast_result::<Draft>()
        .unwrap_or_else(|other| Draft::malformed(None, no_intent(&other), &other));
    draft.put_in(answer);
}

impl Draft {
    fn put_in(self, answer: &mut Answer) {
        answer.propose(self.intent, self.line);
    }
}

/// Why a value is no intent.
fn no_intent(value: &Dynamic) -> String {
    let instead = if value.is_map() {
        "a map is no intent: make one with back(runner, price, stake) or lay(…)".to_owned()
    } else if value.is_array() {
        "an array within the array: return one flat array of intents".to_owned()
    } else if value.is_fnptr() {
        "a function is no intent: call it".to_owned()
    } else {
        format!("not a value of type {}", kind_of(value))
    };
    format!("a callback returns (), an intent or an array of intents; {instead}")
}

/// A sound intent of a call that also returned a malformed one.
fn refuse_beside_malformed(intent: &mut Intent) {
    let runner = match intent {
        Intent::Malformed(_) => return,
        Intent::Place(place) => Some(place.runner),
        Intent::Cancel { .. } | Intent::Update { .. } | Intent::Replace { .. } => None,
    };
    *intent = Intent::Malformed(Malformed {
        runner,
        what: "another intent of the same call is malformed, so none of that call counts"
            .to_owned(),
        value: shown(intent, MOST_SHOWN),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn malformed(draft: &Draft) -> &Malformed {
        match &draft.intent {
            Intent::Malformed(malformed) => malformed,
            other => panic!("{other:?} is well formed"),
        }
    }

    fn back(price: Dynamic, stake: Dynamic) -> Draft {
        Draft::place(&7_i64.into(), Side::Back, limit(&price, &stake))
    }

    #[test]
    fn whole_numbers_are_prices_and_stakes_too() {
        assert_eq!(
            back(3_i64.into(), 2_i64.into()),
            back(3.0.into(), 2.0.into())
        );
    }

    #[test]
    fn a_stake_is_never_rounded_up() {
        let Intent::Place(place) = back(3.0.into(), 1.999.into()).intent else {
            panic!("it is well formed");
        };
        assert_eq!(place.kind.size(), Some(Money::from_minor(199)));
    }

    #[test]
    fn numbers_that_are_none_are_recorded_with_their_value() {
        let draft = back(f64::NAN.into(), 2.0.into());
        assert_eq!(malformed(&draft).value, "NaN");
        assert_eq!(malformed(&draft).runner, Some(RunnerId::new(7)));
        for (price, stake) in [
            (f64::INFINITY.into(), 2.0.into()),
            (3.0.into(), f64::NAN.into()),
            (3.0.into(), (-0.01).into()),
            (3.0.into(), f64::INFINITY.into()),
            (Dynamic::UNIT, 2.0.into()),
            ("3".into(), 2.0.into()),
        ] {
            malformed(&back(price, stake));
        }
    }

    #[test]
    fn a_refinement_that_does_not_fit_is_recorded() {
        let mut on_close = Draft::place(&7_i64.into(), Side::Lay, on_close(&Dynamic::from(10.0)));
        malformed(&on_close.refine_limit(".persist", |_, _| {}));
        malformed(&back(3.0.into(), 2.0.into()).with_limit(&2.0.into()));
        malformed(&back(3.0.into(), 2.0.into()).with_probability(&1.01.into()));
        let Intent::Place(place) = on_close.with_limit(&4_i64.into()).intent else {
            panic!("it is well formed");
        };
        assert_eq!(place.kind.as_str(), "LIMIT_ON_CLOSE");
    }

    #[test]
    fn too_many_intents_are_one_malformed_one() {
        let many: Array = (0..=MOST_INTENTS)
            .map(|_| Dynamic::from(back(3.0.into(), 2.0.into())))
            .collect();
        let mut answer = Answer::default();
        read_intents(many.into(), &mut answer);
        assert_eq!(answer.intents.len(), 1);
        assert!(
            malformed(&Draft::from(answer.intents.remove(0)))
                .what
                .starts_with("201 intents")
        );
    }

    #[test]
    fn one_malformed_intent_refuses_all_of_its_call() {
        let mut answer = Answer::default();
        let mixed: Array = vec![
            Dynamic::from(back(3.0.into(), 2.0.into())),
            "buy".into(),
            Dynamic::UNIT,
        ];
        read_intents(mixed.into(), &mut answer);
        let [Intent::Malformed(sound), Intent::Malformed(text)] = &answer.intents[..] else {
            panic!("{answer:?}");
        };
        assert_eq!(sound.runner, Some(RunnerId::new(7)));
        assert!(sound.what.starts_with("another intent of the same call"));
        assert!(
            text.what.ends_with("not a value of type string"),
            "{text:?}"
        );
    }

    #[test]
    fn what_earlier_calls_returned_stays_as_it_was() {
        let mut answer = Answer::default();
        back(3.0.into(), 2.0.into()).put_in(&mut answer);
        read_intents(42_i64.into(), &mut answer);
        assert!(matches!(
            &answer.intents[..],
            [Intent::Place(_), Intent::Malformed(_)]
        ));
    }

    #[test]
    fn each_kind_of_nonsense_has_its_own_reason() {
        let nonsense: [Dynamic; 5] = [
            rhai::Map::new().into(),
            vec![Dynamic::from(Array::new())].into(),
            rhai::FnPtr::new("f").unwrap().into(),
            1.5.into(),
            "lay".into(),
        ];
        let whats: std::collections::BTreeSet<String> = nonsense
            .into_iter()
            .map(|value| {
                let mut answer = Answer::default();
                read_intents(value, &mut answer);
                malformed(&Draft::from(answer.intents.remove(0)))
                    .what
                    .clone()
            })
            .collect();
        assert_eq!(whats.len(), 5, "{whats:?}");
    }

    #[test]
    fn a_huge_wrong_value_is_shown_in_part() {
        let huge: Dynamic = vec![Dynamic::from("x".repeat(1000)); 1000].into();
        let draft = back(huge, 2.0.into());
        assert!(malformed(&draft).value.len() <= MOST_SHOWN + '…'.len_utf8());
    }

    proptest! {
        #[test]
        fn any_number_gives_a_sound_place_or_a_malformed_intent(price: f64, stake: f64) {
            match back(price.into(), stake.into()).intent {
                Intent::Place(place) => {
                    let size = place.kind.size().unwrap();
                    prop_assert!(size >= Money::ZERO && size <= Money::LARGEST);
                    prop_assert!(size.to_f64() <= stake + 1e-6 * stake.abs().max(1.0));
                }
                Intent::Malformed(wrong) => prop_assert!(!wrong.what.is_empty()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
