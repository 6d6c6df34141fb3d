//! Values as messages and tests show them: as a script would write them, never by the name of a Rust type.

use std::fmt;

use rhai::Dynamic;

use super::context::OrderView;
use super::propose::{Draft, number};
use super::view::{MarketView, QuoteView, RunnerView};
use crate::engine::Position;
use crate::market::{FillOrKill, Intent, Money, OrderKind, Persistence, Place, Price, Side};

/// What is nested deeper is not shown.
const MOST_DEPTH: usize = 16;

/// What a script's author calls the type of a value.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    match value.type_name().rsplit("::").next().unwrap_or("?") {
        "i64" => "int",
        "f64" => "float",
        "Draft" => "Intent",
        other => other.strip_suffix("View").unwrap_or(other),
    }
}

/// Equality as a test means it: 2 is 2.0, arrays and maps by their items, intents by what they ask for.
pub(super) fn same(a: &Dynamic, b: &Dynamic) -> bool {
    fn host<T: Clone + 'static>(
        a: &Dynamic,
        b: &Dynamic,
        same: impl Fn(&T, &T) -> bool,
    ) -> Option<bool> {
        let (a, b) = (a.read_lock::<T>()?, b.read_lock::<T>()?);
        Some(same(&a, &b))
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.total_cmp(&b).is_eq() || (a - b).abs() <= 0.0;
    }
    if let (Ok(a), Ok(b)) = (a.as_array_ref(), b.as_array_ref()) {
        return a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b));
    }
    if let (Ok(a), Ok(b)) = (a.as_map_ref(), b.as_map_ref()) {
        let entries = || a.iter().zip(b.iter());
        return a.len() == b.len() && entries().all(|((ka, a), (kb, b))| ka == kb && same(a, b));
    }
    let host = host::<Draft>(a, b, |a, b| a.intent == b.intent)
        .or_else(|| host::<RunnerView>(a, b, |a, b| a.id() == b.id()))
        .or_else(|| host::<OrderView>(a, b, |a, b| a.get() == b.get()))
        .or_else(|| host::<QuoteView>(a, b, |a, b| a == b))
        .or_else(|| host::<Position>(a, b, |a, b| a == b))
        .or_else(|| {
            host::<MarketView>(a, b, |a, b| {
                a.0.id == b.0.id && a.0.published_at == b.0.published_at
            })
        });
    host.unwrap_or_else(|| {
        a.type_name() == b.type_name() && format!("{:?}", Told(a)) == format!("{:?}", Told(b))
    })
}

/// Shows a value.
pub(super) struct Told<'v>(pub(super) &'v Dynamic);

impl fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f, 0)
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f, 0)
    }
}

fn write(value: &Dynamic, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    if depth > MOST_DEPTH {
        return f.write_str("…");
    }
    if let Ok(items) = value.as_array_ref() {
        f.write_str("[")?;
        for (at, item) in items.iter().enumerate() {
            f.write_str(if at > 0 { ", " } else { "" })?;
            write(item, f, depth + 1)?;
        }
        return f.write_str("]");
    }
    if let Ok(entries) = value.as_map_ref() {
        f.write_str("#{")?;
        for (at, (key, item)) in entries.iter().enumerate() {
            write!(f, "{} {key}: ", if at > 0 { "," } else { "" })?;
            write(item, f, depth + 1)?;
        }
        return f.write_str(if entries.is_empty() { "}" } else { " }" });
    }
    if let Some(draft) = value.read_lock::<Draft>() {
        return intent(&draft.intent, f);
    }
    if let Some(runner) = value.read_lock::<RunnerView>() {
        write!(f, "runner {}", runner.id())?;
        return match &runner.get().name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        };
    }
    if let Some(market) = value.read_lock::<MarketView>() {
        return write!(f, "market {}", market.0.id.as_str());
    }
    if let Some(order) = value.read_lock::<OrderView>() {
        return write!(f, "order {}", order.get().id);
    }
    if let Some(quote) = value.read_lock::<QuoteView>() {
        return write!(f, "a quote of {}", *quote);
    }
    if value.type_name().contains("::") && !value.is_fnptr() {
        return write!(f, "a value of type {}", kind_of(value));
    }
    write!(f, "{value:?}")
}

/// An intent as the call that makes it.
fn intent(intent: &Intent, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match intent {
        Intent::Place(place) => placed(place, f),
        Intent::Cancel { order, size: None } => write!(f, "cancel(\"{order}\")"),
        Intent::Cancel {
            order,
            size: Some(size),
        } => write!(f, "cancel(\"{order}\", {:?})", size.to_f64()),
        Intent::Replace {
            order,
            price,
            reason,
        } => {
            write!(f, "replace(\"{order}\", {:?})", price.to_f64())?;
            text("reason", reason.as_deref(), f)
        }
        Intent::Update { order, persistence } => {
            write!(f, "update(\"{order}\", \"{}\")", persistence.as_str())
        }
        Intent::Malformed(wrong) => {
            write!(f, "a malformed intent: {} ({})", wrong.what, wrong.value)
        }
    }
}

fn placed(place: &Place, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let side = match place.side {
        Side::Back => "back",
        Side::Lay => "lay",
    };
    let (runner, number) = (place.runner, |money: Money| money.to_f64());
    match place.kind {
        OrderKind::Limit {
            price,
            size,
            persistence,
            fill_or_kill,
        } => {
            write!(
                f,
                "{side}({runner}, {:?}, {:?})",
                price.to_f64(),
                number(size)
            )?;
            f.write_str(match persistence {
                Persistence::Lapse => "",
                Persistence::Persist => ".persist()",
                Persistence::MarketOnClose => ".keep_to_sp()",
            })?;
            match fill_or_kill {
                None => {}
                Some(FillOrKill { min_fill: None }) => f.write_str(".fill_or_kill()")?,
                Some(FillOrKill {
                    min_fill: Some(size),
                }) => write!(f, ".fill_or_kill({:?})", number(size))?,
            }
        }
        OrderKind::MarketOnClose { liability } => {
            write!(f, "{side}_on_close({runner}, {:?})", number(liability))?;
        }
        OrderKind::LimitOnClose { price, liability } => write!(
            f,
            "{side}_on_close({runner}, {:?}).limit({:?})",
            number(liability),
            Price::to_f64(price)
        )?,
    }
    text("book", place.book.as_ref().map(|book| book.as_str()), f)?;
    if let Some(p) = place.probability {
        write!(f, ".probability({p:?})")?;
    }
    text("reason", place.reason.as_deref(), f)?;
    text("tag", place.tag.as_deref(), f)
}

fn text(method: &str, text: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        Some(text) => write!(f, ".{method}({text:?})"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rhai::Dynamic;

    use crate::strategy::{Overrides, Script};

    /// What the first failing test of a script says.
    fn said(body: &str) -> Option<String> {
        let text = format!(
            "fn on_odds(market, ctx) {{ }}\nfn test_it(t) {{ let market = t.market(#{{ runners: [#{{ id: 7, name: \"Red\", back: 3.0 }}] }}); let runner = market.active[0]; {body} }}"
        );
        let script = Script::from_text("x", &text, &Overrides::new()).unwrap();
        let report = script.test().unwrap();
        let failure = report.failures().next();
        failure.map(|(_, error)| error.message.clone())
    }

    #[test]
    fn intents_are_equal_by_what_they_ask_for_and_shown_as_they_are_made() {
        assert_eq!(said("t.eq(back(runner, 3, 2), back(7, 3.0, 2.0));"), None);
        let bets = [
            "lay(7, 3.0, 2.0)",
            "back(7, 3.0, 2.0).persist().fill_or_kill(1.0).book(\"B365\").probability(0.5).reason(\"drifts\").tag(\"late\")",
            "back(7, 3.0, 2.0).keep_to_sp().fill_or_kill()",
            "back_on_close(7, 10.0)",
            "lay_on_close(7, 10.0).limit(4.0)",
            "cancel(\"0000000000000000000000001A\", 1.5)",
        ];
        for bet in bets {
            assert_eq!(said(&format!("t.eq({bet}, {bet});")), None, "{bet}");
            let message = said(&format!("t.eq([{bet}], [back(runner, 3, 2)]);")).unwrap();
            assert!(
                message.starts_with(&format!("expected [back(7, 3.0, 2.0)], found [{bet}]")),
                "{message}"
            );
        }
    }

    #[test]
    fn no_value_is_shown_by_a_rust_name() {
        for value in [
            "runner",
            "market",
            "runner.best_back",
            "market.active",
            "t.ctx",
            "t.ctx.position(runner)",
            "t.order(#{})",
            "|x| x",
            "t",
            "0..3",
            "\"abc\".to_blob()",
        ] {
            let message = said(&format!("t.eq({value}, 5);")).unwrap();
            assert!(!message.contains("::"), "{message}");
        }
        let runner = said("t.eq(#{ a: runner, b: 'x' }, ());").unwrap();
        assert_eq!(runner, "expected (), found #{ a: runner 7 (Red), b: 'x' }");
    }

    #[test]
    fn what_holds_itself_is_shown_in_part() {
        let mut nested = Dynamic::from(1_i64);
        for _ in 0..100 {
            nested = Dynamic::from(vec![nested.clone(), nested]);
            let text = crate::strategy::names::shown(&super::Told(&nested), 200);
            assert!(text.len() <= 210, "{text}");
            if text.contains('…') {
                return;
            }
        }
        panic!("it was never cut");
    }
}
