//! The one bet that closes a position: after it the profit is the same whether the runner wins or loses.

use crate::engine::Position;
use crate::market::{Money, OrderKind, Persistence, Price, Runner, Side};

/// The bet at the best price on the exchange now. `None` if the position is level, to a penny of stake, or there is no
/// price. Commission is on a market's net winnings and so the same either way.
pub(super) fn closing(runner: &Runner, position: &Position) -> Option<(Side, OrderKind)> {
    let open = position.if_win.to_f64() - position.if_lose.to_f64();
    let (side, level) = if open > 0.0 {
        (Side::Lay, runner.best_lay()?)
    } else {
        (Side::Back, runner.best_back()?)
    };
    // A stake at these odds moves the two outcomes apart, or together, by its whole return.
    let size = stake(open.abs(), level.price)?;
    let kind = OrderKind::Limit {
        price: level.price,
        size,
        persistence: Persistence::default(),
        fill_or_kill: None,
    };
    Some((side, kind))
}

fn stake(returns: f64, price: Price) -> Option<Money> {
    Money::floor(returns / price.to_f64()).filter(|stake| stake.is_positive())
}
