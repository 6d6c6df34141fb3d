//! What is known of values before a script runs: which properties give a price, which a stake, which a runner.

/// What a number counts. Numbers of different units are not compared, added or passed for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strategy) enum Unit {
    /// Anything else.
    Plain,
    /// Whole numbers as written or counted, which divide to whole numbers.
    Whole,
    /// Decimal odds.
    Price,
    /// A stake, a size, a liability, a bank.
    Money,
    /// A chance from 0 to 1.
    Probability,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Steps of a price ladder.
    Ticks,
}

impl Unit {
    /// As a message calls such a number.
    pub(in crate::strategy) fn called(self) -> &'static str {
        match self {
            Self::Plain => "a number",
            Self::Whole => "a whole number",
            Self::Price => "a price",
            Self::Money => "an amount of money",
            Self::Probability => "a probability",
            Self::Seconds => "a time in seconds",
            Self::Millis => "a time in milliseconds",
            Self::Ticks => "a number of ticks",
        }
    }

    /// What the sum of two such numbers counts, if they may be added up.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Plain, Self::Whole) | (Self::Whole, Self::Plain) => Some(Self::Plain),
            (Self::Plain | Self::Whole, unit) | (unit, Self::Plain | Self::Whole) => Some(unit),
            _ => None,
        }
    }

    /// What a parameter or setting of this name counts, if its name tells.
    pub(super) fn by_name(name: &str) -> Self {
        let last = name.rsplit('_').next().unwrap_or(name);
        match last {
            "price" | "odds" => Self::Price,
            "stake" | "liability" | "bankroll" => Self::Money,
            "probability" => Self::Probability,
            "seconds" => Self::Seconds,
            "ms" => Self::Millis,
            "ticks" => Self::Ticks,
            _ => Self::Plain,
        }
    }
}

/// What a value is, as far as that can be told.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::strategy) enum Kind {
    /// Nothing is known.
    Any,
    /// `()`.
    Nothing,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number(Unit),
    /// A text.
    Text,
    /// A text out of a closed set.
    Word(&'static [&'static str]),
    /// An array of these.
    Array(Box<Kind>),
    /// A map.
    Map,
    /// A function or closure.
    Function,
    /// A value of the host, by its type's name.
    Host(&'static str),
}

impl Kind {
    pub(super) fn array(of: Self) -> Self {
        Self::Array(Box::new(of))
    }

    /// What a value is that is sometimes this and sometimes that.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (Self::Array(a), Self::Array(b)) => Self::array(a.join(*b)),
            (Self::Number(_), Self::Number(_)) => Self::Number(Unit::Plain),
            (Self::Text | Self::Word(_), Self::Text | Self::Word(_)) => Self::Text,
            _ => Self::Any,
        }
    }

    /// Its unit, if it is a number of a known one.
    pub(super) fn unit(&self) -> Option<Unit> {
        match self {
            Self::Number(Unit::Plain | Unit::Whole) => None,
            Self::Number(unit) => Some(*unit),
            _ => None,
        }
    }

    /// Whether it cannot be kept in `this`: what it is called then.
    pub(super) fn unsavable(&self) -> Option<String> {
        match self {
            Self::Host(name) => Some(format!("a {name}")),
            Self::Function => Some("a function".to_owned()),
            Self::Array(of) => of.unsavable().map(|of| format!("an array of {of}")),
            _ => None,
        }
    }

    /// As a message and a definition call it.
    pub(in crate::strategy) fn called(&self) -> String {
        match self {
            Self::Any => "?".to_owned(),
            Self::Nothing => "()".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Number(_) => "float".to_owned(),
            Self::Text | Self::Word(_) => "String".to_owned(),
            Self::Array(_) => "Array".to_owned(),
            Self::Map => "Map".to_owned(),
            Self::Function => "Fn".to_owned(),
            Self::Host(name) => (*name).to_owned(),
        }
    }
}

const NUMBER: Kind = Kind::Number(Unit::Plain);
const PRICE: Kind = Kind::Number(Unit::Price);
const MONEY: Kind = Kind::Number(Unit::Money);
const CHANCE: Kind = Kind::Number(Unit::Probability);
const MILLIS: Kind = Kind::Number(Unit::Millis);
const SIDES: Kind = Kind::Word(&["BACK", "LAY"]);
const TYPES: Kind = Kind::Word(&["LIMIT", "LIMIT_ON_CLOSE", "MARKET_ON_CLOSE"]);

/// What a property of a host type gives; [`Kind::Any`] if there is none or it differs.
pub(in crate::strategy) fn of_property(host: &str, name: &str) -> Kind {
    match (host, name) {
        (_, "len") => Kind::Number(Unit::Whole),
        ("Market", "runners" | "active") => Kind::Host("Runners"),
        ("Market", "seconds_to_start" | "bet_delay") => Kind::Number(Unit::Seconds),
        ("Market" | "Runner", "total_matched") | ("Quote", "size") => MONEY,
        ("Market", "in_play" | "bsp" | "bsp_reconciled") => Kind::Bool,
        ("Market", "overround" | "underround" | "commission" | "number_of_winners") => NUMBER,
        ("Market", "status") => Kind::Word(&["OPEN", "SUSPENDED", "INACTIVE", "CLOSED"]),
        ("Market", "id" | "venue" | "type" | "sport" | "country" | "course" | "name" | "event") => {
            Kind::Text
        }
        ("Market", "event_id" | "competition") => Kind::Text,
        ("Market", "score") => Kind::array(NUMBER),
        ("Market", "books") => Kind::array(Kind::Text),
        ("Runner", "best_back" | "best_lay") => Kind::Host("Quote"),
        ("Runner", "quotes") => Kind::array(Kind::Host("Quote")),
        ("Runner", "last_traded" | "bsp" | "sp_near" | "sp_far" | "vwap")
        | ("Quote" | "Order" | "Intent", "price")
        | ("Order", "average_price")
        | ("Position", "back_price" | "lay_price") => PRICE,
        ("Runner", "id" | "handicap") | ("Order" | "Intent", "runner_id") => NUMBER,
        ("Runner", "is_active") | ("Order", "is_live" | "cancel_pending" | "update_pending") => {
            Kind::Bool
        }
        ("Runner", "status") => {
            Kind::Word(&["ACTIVE", "WINNER", "LOSER", "PLACED", "REMOVED", "HIDDEN"])
        }
        ("Runner", "key" | "name") | ("Quote" | "Order" | "Intent", "book") => Kind::Text,
        ("Context", "params") => Kind::Host("Params"),
        ("Context", "tables") => Kind::Host("Tables"),
        ("Context", "now_ms")
        | ("Quote", "updated_at_ms")
        | ("Order", "requested_at_ms" | "placed_at_ms" | "age_ms") => MILLIS,
        ("Context", "bankroll" | "exposure")
        | ("Order", "size" | "matched" | "remaining" | "profit")
        | ("Position", _)
        | ("Intent", "stake" | "size" | "liability") => MONEY,
        ("Context", "orders" | "all_orders") => Kind::Host("Orders"),
        ("Order" | "Intent", "side") => SIDES,
        ("Order" | "Intent", "type") => TYPES,
        ("Order", "state") => Kind::Word(&[
            "SENDING",
            "EXECUTABLE",
            "EXECUTION_COMPLETE",
            "REJECTED",
            "NOT_SENT",
        ]),
        ("Order", "id" | "runner_key" | "tag")
        | ("Intent", "runner_key" | "reason" | "tag" | "order_id" | "wrong") => Kind::Text,
        ("Intent", "action") => Kind::Word(&["PLACE", "CANCEL", "REPLACE", "UPDATE", "MALFORMED"]),
        ("Order" | "Intent", "persistence") => Kind::Word(&["LAPSE", "PERSIST", "MARKET_ON_CLOSE"]),
        ("Intent", "probability") => CHANCE,
        ("Test", "ctx") => Kind::Host("Context"),
        ("Test", "state") => Kind::Map,
        ("Test", "log") => Kind::array(Kind::Text),
        ("Grid", "most_goals") => NUMBER,
        ("Grid", _) => CHANCE,
        _ => Kind::Any,
    }
}

/// What a function of the script API gives, by its name; [`Kind::Any`] if that differs.
pub(in crate::strategy) fn of_function(name: &str) -> Kind {
    if name.starts_with("devig_") && name != "devig_parameter" {
        return Kind::array(CHANCE);
    }
    match name {
        "runner" => Kind::Host("Runner"),
        "quote" => Kind::Host("Quote"),
        "fair" => Kind::array(CHANCE),
        "overround" => NUMBER,
        "position" => Kind::Host("Position"),
        "back" | "lay" | "back_on_close" | "lay_on_close" | "cancel" | "replace" | "update"
        | "persist" | "book" | "keep_to_sp" | "fill_or_kill" | "limit" | "reason"
        | "probability" | "tag" | "green_up" => Kind::Host("Intent"),
        "back_depth" | "lay_depth" => Kind::array(Kind::Host("Quote")),
        "best_backs" | "best_lays" | "back_prices" | "lay_prices" | "mid_prices" | "prices_of" => {
            Kind::array(PRICE)
        }
        "ticks"
        | "nearest_price"
        | "average_price"
        | "fair_odds"
        | "odds_after_commission"
        | "to_decimal"
        | "from_fraction"
        | "each_way_place_odds"
        | "odds_after_deduction"
        | "price_after_reduction" => PRICE,
        "ticks_between" => Kind::Number(Unit::Ticks),
        "size_at"
        | "traded_at"
        | "stake_percent"
        | "stake_to_win"
        | "stake_for_liability"
        | "stake_capped"
        | "stake_after_drawdown"
        | "liability" => MONEY,
        "implied" | "elo_expected" | "poisson" | "tennis_game" | "tennis_tie_break"
        | "tennis_set" | "tennis_match" | "platt" => CHANCE,
        "outcomes" => Kind::array(MONEY),
        "devig" | "harville_places" | "discounted_places" => Kind::array(CHANCE),
        "weight_of_money" | "book_for" | "book_sum" | "kelly" | "kelly_back" | "kelly_lay"
        | "kelly_growth" | "rule_4_deduction" | "clv" | "clv_fair" => NUMBER,
        "poisson_grid" | "dixon_coles_grid" | "in_play_grid" => Kind::Host("Grid"),
        "market" | "fixture" | "later" => Kind::Host("Market"),
        "order" => Kind::Host("Order"),
        "odds" | "changed" => Kind::array(Kind::Host("Intent")),
        "wants" => Kind::Bool,
        "to_fraction" => Kind::Text,
        _ => Kind::Any,
    }
}

/// What walking over a value gives, one after another.
pub(super) fn of_item(walked: &Kind) -> Kind {
    match walked {
        Kind::Host("Runners") => Kind::Host("Runner"),
        Kind::Host("Orders") => Kind::Host("Order"),
        Kind::Array(of) => (**of).clone(),
        _ => Kind::Any,
    }
}

/// What a callback's parameters are, by their place.
pub(super) fn of_callback(function: &str) -> &'static [Kind] {
    const MARKET: [Kind; 2] = [Kind::Host("Market"), Kind::Host("Context")];
    const ORDER: [Kind; 2] = [Kind::Host("Order"), Kind::Host("Context")];
    const PARAMS: [Kind; 1] = [Kind::Host("Params")];
    const TEST: [Kind; 1] = [Kind::Host("Test")];
    match function {
        "on_odds" | "on_settled" => &MARKET,
        "on_order" => &ORDER,
        "markets" => &PARAMS,
        test if test.starts_with("test_") => &TEST,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::context::Log;
    use crate::strategy::sandbox::{self, Purpose};
    use crate::strategy::testing;

    #[test]
    fn of_every_property_it_is_known_what_it_gives() {
        let mut api = sandbox::engine(Purpose::Test, &Log::default());
        testing::register(&mut api);
        for host in api.names.hosts() {
            for property in api.names.properties(host) {
                let kind = of_property(host, property);
                assert!(
                    kind != Kind::Any,
                    "say in of_property what {host}.{property} gives"
                );
            }
        }
    }

    #[test]
    fn what_is_said_of_functions_is_said_of_functions_that_are() {
        let mut api = sandbox::engine(Purpose::Test, &Log::default());
        testing::register(&mut api);
        let known = api
            .names
            .functions()
            .filter(|name| of_function(name) != Kind::Any);
        assert!(known.count() > 50);
    }

    #[test]
    fn two_prices_are_a_price_and_a_price_and_a_stake_are_a_number() {
        assert_eq!(PRICE.join(PRICE), PRICE);
        assert_eq!(PRICE.join(MONEY), NUMBER);
        assert_eq!(Kind::Nothing.join(PRICE), PRICE);
        assert_eq!(Kind::Text.join(PRICE), Kind::Any);
    }
}
