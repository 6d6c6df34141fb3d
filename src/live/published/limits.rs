//! How much of each limit is used.

use crate::backtest::Playing;
use crate::config::Limits;
use crate::engine::{Account, House, Slot, Venue};
use crate::http::view::{Risk, Used};
use crate::market::Money;
use crate::risk::{Approved, RiskLimits, TogetherLimits};

/// Venues, sports, events and markets that are shown: those that are fullest.
const SCOPES: usize = 40;

/// The limits that are in force, every one with what is used of it, the fullest first.
pub(super) fn used<V: Venue<Approved>>(in_force: &Limits, session: &Playing<'_, V>) -> Risk {
    let house = session.house();
    let mut used = of_all(&in_force.all.together, house);
    let mut scopes = of_scopes(&in_force.all.together, house);
    scopes.truncate(SCOPES);
    used.extend(scopes);
    for slot in session.slots() {
        let limits = in_force.own.get(&*slot.name).unwrap_or(&in_force.all);
        used.extend(of_strategy(limits, slot));
    }
    used.sort_by(|a, b| b.used_ratio.total_cmp(&a.used_ratio));
    let fences = house.fences.iter();
    Risk {
        unready: house.unready.map(|unready| unready.as_str()),
        fences: fences
            .map(|(fence, figures)| format!("{fence}: {figures}"))
            .collect(),
        unresolved: house.burden.unheard,
        unexplained: session.unexplained_bets(),
        used,
    }
}

fn of_all(limits: &TogetherLimits, house: &House) -> Vec<Used> {
    let burden = &house.burden;
    let today = lost(house.realised_today, burden.at_risk);
    let all = |name, used, limit| money("all", "", name, used, limit);
    vec![
        all(
            "risk.together.max_exposure",
            burden.at_risk,
            limits.max_exposure,
        ),
        all(
            "risk.together.daily_loss_limit",
            today,
            limits.daily_loss_limit,
        ),
        all(
            "risk.together.max_open_stake",
            burden.open_stake,
            limits.max_open_stake,
        ),
        count(
            "all",
            "",
            "risk.together.max_orders_in_flight",
            burden.unheard,
            limits.max_orders_in_flight,
        ),
    ]
}

/// Venues, sports, events and markets in which something could be lost, the fullest first.
fn of_scopes(limits: &TogetherLimits, house: &House) -> Vec<Used> {
    let scopes = house.at_risk.all().map(|(scope, name, used)| {
        let (limit_name, limit) = match scope {
            "venue" => (
                "risk.together.max_venue_exposure",
                limits.max_venue_exposure,
            ),
            "sport" => (
                "risk.together.max_sport_exposure",
                limits.max_sport_exposure,
            ),
            "event" => (
                "risk.together.max_event_exposure",
                limits.max_event_exposure,
            ),
            _ => (
                "risk.together.max_market_exposure",
                limits.max_market_exposure,
            ),
        };
        money(scope, name, limit_name, used, limit)
    });
    let mut scopes: Vec<Used> = scopes.collect();
    scopes.sort_by(|a, b| b.used_ratio.total_cmp(&a.used_ratio));
    scopes
}

fn of_strategy(limits: &RiskLimits, slot: &Slot) -> Vec<Used> {
    let name = &*slot.name;
    let Account {
        burden,
        realised_today,
        peak,
        ..
    } = &slot.account;
    let today = lost(*realised_today, burden.at_risk);
    let own = |limit_name, used, limit| money("strategy", name, limit_name, used, limit);
    let floor = slot.account.bankroll() - burden.at_risk;
    let fallen = (*peak - floor).max(Money::ZERO);
    let ratio = i64::from(limits.max_drawdown_ratio.millionths());
    let may_fall = (*peak).max(Money::ZERO).scaled(ratio, 1_000_000);
    vec![
        own(
            "risk.max_strategy_exposure",
            burden.at_risk,
            limits.max_strategy_exposure,
        ),
        own("risk.daily_loss_limit", today, limits.daily_loss_limit),
        own("risk.max_drawdown_ratio", fallen, may_fall),
        count(
            "strategy",
            name,
            "risk.max_open_orders",
            burden.open_orders,
            limits.max_open_orders,
        ),
    ]
}

/// What a day may still cost: what is lost, and what open bets could lose.
fn lost(realised_today: Money, at_risk: Money) -> Money {
    (at_risk - realised_today).max(Money::ZERO)
}

fn money(
    scope: &'static str,
    name: &str,
    limit_name: &'static str,
    used: Money,
    limit: Money,
) -> Used {
    Used {
        scope,
        name: name.to_owned(),
        limit_name,
        used: used.to_string(),
        limit: limit.to_string(),
        used_ratio: ratio(used.minor(), limit.minor()),
    }
}

fn count(
    scope: &'static str,
    name: &str,
    limit_name: &'static str,
    used: usize,
    limit: u32,
) -> Used {
    Used {
        scope,
        name: name.to_owned(),
        limit_name,
        used: used.to_string(),
        limit: limit.to_string(),
        used_ratio: ratio(i64::try_from(used).unwrap_or(i64::MAX), limit.into()),
    }
}

/// To the nearest ten-thousandth; a limit of nothing is full from the first penny on.
fn ratio(used: i64, limit: i64) -> f64 {
    match (used, limit) {
        (..=0, _) => 0.0,
        (_, ..=0) => 1.0,
        (used, limit) => (used as f64 / limit as f64 * 10_000.0).round() / 10_000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_is_full_from_the_first_penny_on() {
        let ratios = [(0, 0), (1, 0), (-5, 100), (1, 3), (150, 100)].map(|(u, l)| ratio(u, l));
        for (found, wanted) in ratios.into_iter().zip([0.0, 1.0, 0.0, 0.333_3, 1.5]) {
            assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
        }
        let day = |today, risk| lost(Money::from_major(today), Money::from_major(risk));
        assert_eq!(day(-30, 20), Money::from_major(50));
        assert_eq!(day(100, 20), Money::ZERO);
    }
}
