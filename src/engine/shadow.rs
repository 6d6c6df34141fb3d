//! A shadow: the next version of a strategy, called beside the present one on the same moments. Nothing it asks for is
//! done; what it would have asked for is compared with what the present version asks for.
//!
//! It is shown the orders and the money of the version that runs, for it has none of its own.

use serde::Serialize;

use super::core::Calling;
use super::{Answer, Fault, Moment, Strategy};
use crate::market::{Intent, OrderId, OrderKind, Settlement};

/// Differences kept word by word.
const MOST_EXAMPLES: usize = 5;

/// What a shadow would have done differently. Intents are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Updates of wanted markets seen so far.
    pub updates: u64,
    /// Intents that both asked for.
    pub same: u64,
    /// Intents of the present version alone.
    pub only_old: u64,
    /// Intents of the next version alone.
    pub only_new: u64,
    /// Intents of both on the same runner and side (or order), on other terms.
    pub changed: u64,
    /// The first few differences, in words.
    pub examples: Vec<String>,
}

/// The next version, called beside the present one.
pub struct Shadow {
    strategy: Box<dyn Strategy>,
    answer: Answer,
    found: Differences,
    /// The first call of it that failed; it is not called any more.
    fault: Option<Fault>,
}

impl Shadow {
    pub(super) fn new(strategy: Box<dyn Strategy>) -> Self {
        Self {
            strategy,
            answer: Answer::default(),
            found: Differences::default(),
            fault: None,
        }
    }

    /// Which version it is.
    #[must_use]
    pub fn hash(&self) -> &str {
        self.strategy.hash()
    }

    /// What was found so far.
    #[must_use]
    pub const fn found(&self) -> &Differences {
        &self.found
    }

    /// The call of it that failed, if one did.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Whether it wants to see this moment.
    pub(super) fn wants(&self, moment: &Moment<'_>) -> bool {
        let (filter, definition) = (self.strategy.filter(), &moment.market.definition);
        filter.wants_market(definition) && filter.wants_moment(definition, moment.now)
    }

    /// Asks it what the present version is asked.
    pub(super) fn call(&mut self, calling: Calling<'_>, moment: &Moment<'_>) {
        self.answer.clear();
        if self.fault.is_some() {
            return;
        }
        let result = match calling {
            Calling::Odds if !self.wants(moment) => Ok(()),
            Calling::Odds => self.strategy.on_odds(moment, &mut self.answer),
            Calling::Order(id) => self.order(id, moment),
            Calling::Settled(settlement) => self.settled(settlement, moment),
        };
        if let Err(fault) = result {
            self.fault = Some(fault);
            self.answer.clear();
        }
    }

    fn order(&mut self, id: OrderId, moment: &Moment<'_>) -> Result<(), Fault> {
        let Some(order) = moment.holding.order(id) else {
            return Ok(());
        };
        self.strategy.on_order(order, moment, &mut self.answer)
    }

    fn settled(&mut self, settlement: &Settlement, moment: &Moment<'_>) -> Result<(), Fault> {
        self.strategy
            .on_settled(settlement, moment, &mut self.answer)
    }

    /// Compares its last answer with that of the present version.
    pub(super) fn compare(&mut self, calling: Calling<'_>, old: &[Intent], moment: &Moment<'_>) {
        if self.fault.is_some() {
            return;
        }
        self.found.updates += u64::from(matches!(calling, Calling::Odds));
        let mut new: Vec<Option<&Intent>> = self.answer.intents.iter().map(Some).collect();
        let mut take = |wanted: &dyn Fn(&Intent) -> bool| {
            let found = new.iter_mut().find(|intent| intent.is_some_and(wanted));
            found.and_then(Option::take)
        };
        // What is alike is paired first, so that it is not taken for a change of something else.
        let rest: Vec<&Intent> = old
            .iter()
            .filter(|old| {
                let alike = take(&|new| terms(new) == terms(old)).is_some();
                self.found.same += u64::from(alike);
                !alike
            })
            .collect();
        let mut examples = Vec::new();
        for old in rest {
            if let Some(new) = take(&|new| subject(new) == subject(old)) {
                self.found.changed += 1;
                examples.push(format!("{} instead of {}", terms(new), terms(old)));
            } else {
                self.found.only_old += 1;
                examples.push(format!("no {}", terms(old)));
            }
        }
        for new in new.into_iter().flatten() {
            self.found.only_new += 1;
            examples.push(format!("also {}", terms(new)));
        }
        let room = MOST_EXAMPLES.saturating_sub(self.found.examples.len());
        let market = &moment.market.id;
        let told = examples.into_iter().take(room);
        let (at, found) = (moment.now, &mut self.found.examples);
        found.extend(told.map(|words| format!("{at} {market}: {words}")));
    }
}

/// What an intent is about: two with the same are one intent on other terms.
fn subject(intent: &Intent) -> String {
    match intent {
        Intent::Place(place) => format!("{} {:?}", place.runner.selection, place.side),
        Intent::Cancel { order, .. }
        | Intent::Update { order, .. }
        | Intent::Replace { order, .. } => order.to_string(),
        Intent::Malformed(_) => String::new(),
    }
}

/// What an intent asks for, in words. Reasons, chances and tags are the script's own affair.
fn terms(intent: &Intent) -> String {
    match intent {
        Intent::Place(place) => {
            let side = format!("{:?}", place.side).to_lowercase();
            let (kind, runner) = (place.kind.as_str(), place.runner.selection);
            let size = place.kind.at_risk(place.side);
            let price = place.kind.price();
            let at = price.map_or(String::new(), |price| format!(" at {price}"));
            let rest = match &place.kind {
                OrderKind::Limit {
                    persistence,
                    fill_or_kill,
                    size,
                    ..
                } => {
                    let kill = if fill_or_kill.is_some() {
                        " or kill"
                    } else {
                        ""
                    };
                    format!(" (stake {size}, {persistence:?}{kill})")
                }
                _ => String::new(),
            };
            format!("{side} of {runner}{at}, {size} at risk, {kind}{rest}")
        }
        Intent::Cancel { order, size } => {
            let part = size.map_or(String::new(), |size| format!(" of {size}"));
            format!("cancel of {order}{part}")
        }
        Intent::Update { order, persistence } => {
            format!("update of {order} to {}", persistence.as_str())
        }
        Intent::Replace { order, price, .. } => format!("replace of {order} at {price}"),
        Intent::Malformed(wrong) => format!("malformed intent ({})", wrong.what),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::testing::{limit, market_with};
    use crate::engine::{Account, FaultKind, Holding};
    use crate::market::{MarketFilter, Money, Side, TimeMs};

    /// Gives the same answer to every call, or fails.
    struct Fixed(Option<Vec<Intent>>, MarketFilter);

    impl Strategy for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }

        fn hash(&self) -> &str {
            "2"
        }

        fn filter(&self) -> &MarketFilter {
            &self.1
        }

        fn on_odds(&mut self, _: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
            let wrong = || Fault {
                summary: "wrong".to_owned(),
                detail: "wrong".to_owned(),
                kind: FaultKind::default(),
            };
            answer.intents = self.0.clone().ok_or_else(wrong)?;
            Ok(())
        }
    }

    fn place(runner: u64, pence: i64) -> Intent {
        Intent::Place(limit(runner, Side::Back, 300, pence))
    }

    /// What is found when the present version asks for one thing and the next for another.
    fn shadow(old: &[Intent], new: Option<Vec<Intent>>) -> Shadow {
        let mut shadow = Shadow::new(Box::new(Fixed(new, MarketFilter::default())));
        let market = Arc::new(market_with(3, 1));
        let holding = Arc::new(Holding::default());
        let account = Account::new(Money::from_major(100));
        let moment = Moment {
            now: TimeMs(0),
            market: &market,
            holding: &holding,
            account: &account,
        };
        shadow.call(Calling::Odds, &moment);
        shadow.compare(Calling::Odds, old, &moment);
        shadow
    }

    #[test]
    fn intents_are_alike_changed_or_of_one_version_alone() {
        let old = [place(1, 200), place(2, 200), place(3, 200)];
        let new = vec![place(2, 500), place(3, 200), place(3, 300)];
        let found = shadow(&old, Some(new)).found().clone();
        let counts = (found.same, found.changed, found.only_old, found.only_new);
        assert_eq!(counts, (1, 1, 1, 1));
        assert_eq!((found.updates, found.examples.len()), (1, 3));
        assert!(found.examples[0].contains("no back of 1 at 3"), "{found:?}");
    }

    #[test]
    fn only_the_first_differences_are_told_in_words() {
        let old: Vec<Intent> = (1..=9).map(|pence| place(1, pence * 100)).collect();
        let found = shadow(&old, Some(Vec::new())).found().clone();
        assert_eq!((found.only_old, found.examples.len()), (9, MOST_EXAMPLES));
    }

    #[test]
    fn a_version_that_fails_is_found_out_and_not_compared() {
        let failed = shadow(&[place(1, 200)], None);
        assert_eq!(failed.fault().unwrap().summary, "wrong");
        assert_eq!(*failed.found(), Differences::default());
    }
}
