//! What a market is: its kind, its runners, its state; and the filter that picks markets for a strategy.

use std::ops::RangeInclusive;

use serde::Serialize;

use super::{Money, OrderKind, Price, PriceLadder, RunnerId, Side, TimeMs};

/// State of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MarketStatus {
    /// Not yet opened.
    #[default]
    Inactive,
    /// Bets are taken.
    Open,
    /// Bets are not taken for the moment.
    Suspended,
    /// Settled.
    Closed,
}

impl MarketStatus {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "INACTIVE",
            Self::Open => "OPEN",
            Self::Suspended => "SUSPENDED",
            Self::Closed => "CLOSED",
        }
    }
}

/// State of a runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunnerStatus {
    /// Running.
    #[default]
    Active,
    /// Won, or placed in a place market.
    Winner,
    /// Lost.
    Loser,
    /// Placed but not first, in an each-way market.
    Placed,
    /// Withdrawn: its bets are void.
    Removed,
    /// Not shown; takes no bets.
    Hidden,
}

impl RunnerStatus {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Winner => "WINNER",
            Self::Loser => "LOSER",
            Self::Placed => "PLACED",
            Self::Removed => "REMOVED",
            Self::Hidden => "HIDDEN",
        }
    }
}

/// How bets of a market are struck and settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BettingType {
    /// Decimal odds on runners.
    #[default]
    Odds,
    /// A line bought or sold at evens.
    Line,
    /// A range (no longer offered).
    Range,
    /// Two-way handicap lines of quarter goals.
    AsianHandicapDoubleLine,
    /// Handicap lines of halves and wholes.
    AsianHandicapSingleLine,
}

/// One runner as the market definition describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunnerDefinition {
    /// Which runner.
    pub id: RunnerId,
    /// Its state.
    pub status: RunnerStatus,
    /// Its place in the venue's order, from 1.
    pub sort_priority: u32,
    /// Its name, where the recording has it.
    pub name: Option<String>,
    /// Reduction factor in hundredths of a percent: 26.834 % is 2683 (racing).
    pub adjustment_factor: Option<u32>,
    /// Starting price after reconciliation; no ladder price.
    pub bsp: Option<Price>,
}

/// What a market is. Always sent whole; only when changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarketDefinition {
    /// The venue that runs the market, such as `betfair`.
    pub venue: &'static str,
    /// State of the market.
    pub status: MarketStatus,
    /// Whether the event is under way.
    pub in_play: bool,
    /// Seconds the venue holds an order back before matching it (in play).
    pub bet_delay_seconds: u32,
    /// Whether the market has a starting price.
    pub bsp_market: bool,
    /// Whether the starting price has been set.
    pub bsp_reconciled: bool,
    /// Whether the market will turn in play.
    pub turn_in_play: bool,
    /// Whether all runners are listed.
    pub complete: bool,
    /// Whether unmatched bets are cross-matched with other runners.
    pub cross_matching: bool,
    /// Runners that win (1 in a WIN market, 2 to 4 in a PLACE market); 0 where it does not apply.
    pub number_of_winners: u32,
    /// Commission on net winnings, in hundredths of a percent: 5 % is 500.
    pub base_rate: u32,
    /// Changes with each material change of state.
    pub version: u64,
    /// When the event is due to start.
    pub market_time: TimeMs,
    /// The venue's event id.
    pub event_id: String,
    /// The event's name, where the recording has it.
    pub event_name: Option<String>,
    /// The market's name, where the recording has it.
    pub name: Option<String>,
    /// The venue's sport id: 1 football, 2 tennis, 4 cricket, 7 horse racing, 4339 greyhounds.
    pub sport_id: String,
    /// Kind of market, such as `WIN`, `PLACE`, `MATCH_ODDS`.
    pub market_type: String,
    /// How bets are struck.
    pub betting_type: BettingType,
    /// ISO 3166 country, if any.
    pub country: Option<String>,
    /// Race course, if any.
    pub course: Option<String>,
    /// Each-way divisor in hundredths, if any.
    pub each_way_divisor: Option<u32>,
    /// Where a line market ended (runs, points). The venue does not send it; see `docs/settlement.md`.
    pub line_result: Option<Price>,
    /// The league or tournament, where the source tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub competition: Option<String>,
    /// How the event ended, where the source tells it; never before it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Prices an order may name.
    pub ladder: PriceLadder,
    /// The runners.
    pub runners: Vec<RunnerDefinition>,
}

/// What two sides scored: goals, points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The home side, or the one named first.
    pub home: u32,
    /// The other side.
    pub away: u32,
}

/// By which rules the bets of a market win, lose and are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketKind {
    /// Runners win or lose.
    Odds,
    /// Two bets of the size each: to win, and to be placed at a fraction of the winnings.
    EachWay {
        /// What the winnings are divided by, in hundredths; more than 0.
        divisor: u32,
    },
    /// Runners win or lose by a handicap, in full or by half, or draw.
    Handicap,
    /// A line bought or sold at evens.
    Line,
    /// Bets whose rules are not known here.
    Unknown,
}

/// A reduction factor under this (2.5 %, in hundredths of a percent) changes no price of a win market.
pub const LEAST_WIN_REDUCTION: u32 = 250;

impl MarketDefinition {
    /// By which rules its bets are settled.
    #[must_use]
    pub fn kind(&self) -> MarketKind {
        match (self.betting_type, self.each_way_divisor) {
            (BettingType::Line, _) => MarketKind::Line,
            (BettingType::AsianHandicapDoubleLine | BettingType::AsianHandicapSingleLine, _) => {
                MarketKind::Handicap
            }
            (BettingType::Odds, Some(divisor)) if divisor > 0 => MarketKind::EachWay { divisor },
            (BettingType::Odds, None) if self.market_type != "EACH_WAY" => MarketKind::Odds,
            _ => MarketKind::Unknown,
        }
    }

    /// What an order in this market can lose at most if matched whole at its own price.
    #[must_use]
    pub fn at_risk(&self, side: Side, terms: OrderKind) -> Money {
        let alone = terms.at_risk(side);
        match (self.kind(), terms, side) {
            // A line is bought and sold at evens.
            (MarketKind::Line, OrderKind::Limit { size, .. }, _) => size,
            (MarketKind::EachWay { .. }, _, Side::Back) => alone + alone,
            (MarketKind::EachWay { divisor }, _, Side::Lay) => {
                let liability = i128::from(alone.minor()) * 100;
                let placed = -(-liability).div_euclid(i128::from(divisor));
                alone + Money::from_minor(i64::try_from(placed).unwrap_or(i64::MAX / 2))
            }
            _ => alone,
        }
    }

    /// What a matched price becomes when a runner with this reduction factor (hundredths of a percent) is removed.
    ///
    /// Betfair's rules, "How the reductions are applied for Exchange markets" (published): in win markets the traded
    /// price falls by the factor, if that is at least 2.5 %, and so does the win price of each-way bets; in place
    /// markets the winnings (the price less 1) fall by every factor. Two decimals, not under 1.01.
    #[must_use]
    pub fn reduced(&self, price: Price, factor: u32) -> Price {
        match (self.kind(), self.market_type.as_str()) {
            (MarketKind::EachWay { .. }, _) | (MarketKind::Odds, "WIN")
                if factor >= LEAST_WIN_REDUCTION =>
            {
                price.reduced_by(factor)
            }
            (MarketKind::Odds, "PLACE" | "OTHER_PLACE") => price.winnings_reduced_by(factor),
            _ => price,
        }
    }

    /// Runner definition by id.
    #[must_use]
    pub fn runner(&self, id: RunnerId) -> Option<&RunnerDefinition> {
        self.runners.iter().find(|runner| runner.id == id)
    }

    /// The sport's name, or its id if it has none here.
    #[must_use]
    pub fn sport(&self) -> &str {
        SPORTS
            .iter()
            .find(|(id, _)| *id == self.sport_id)
            .map_or(&self.sport_id, |(_, name)| name)
    }
}

/// The venue's id of a sport that may be called by name; what is no known name is taken for an id.
#[must_use]
pub fn sport_id(sport: &str) -> &str {
    SPORTS
        .iter()
        .find(|(_, name)| name.eq_ignore_ascii_case(sport))
        .map_or(sport, |(id, _)| id)
}

/// Venue sport ids that scripts may call by name.
const SPORTS: [(&str, &str); 8] = [
    ("1", "football"),
    ("2", "tennis"),
    ("3", "golf"),
    ("4", "cricket"),
    ("7", "horse_racing"),
    ("4339", "greyhounds"),
    ("7522", "basketball"),
    ("6423", "american_football"),
];

/// Which markets, and which moments of them, a strategy wants to see. Evaluated natively, before any script call.
///
/// An empty list or `None` leaves that property free.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketFilter {
    /// Venues, such as `betfair`.
    pub venues: Vec<String>,
    /// Sports by name (`horse_racing`) or venue id (`7`).
    pub sports: Vec<String>,
    /// Market types, such as `WIN`.
    pub types: Vec<String>,
    /// ISO 3166 countries.
    pub countries: Vec<String>,
    /// Race courses.
    pub courses: Vec<String>,
    /// Whether the market must (or must not) have a starting price.
    pub bsp: Option<bool>,
    /// Whether the event must (or must not) be under way.
    pub in_play: Option<bool>,
    /// Market states; empty means OPEN only.
    pub status: Vec<MarketStatus>,
    /// Seconds to the scheduled start (negative after it).
    pub seconds_to_start: Option<RangeInclusive<i64>>,
}

impl MarketFilter {
    /// Whether the market is of a wanted kind. Holds as long as its definition does.
    #[must_use]
    pub fn wants_market(&self, market: &MarketDefinition) -> bool {
        let one_of = |list: &[String], value: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let sport = self.sports.is_empty()
            || one_of(&self.sports, market.sport())
            || one_of(&self.sports, &market.sport_id);
        sport
            && one_of(&self.venues, market.venue)
            && one_of(&self.types, &market.market_type)
            && one_of(&self.countries, market.country.as_deref().unwrap_or(""))
            && one_of(&self.courses, market.course.as_deref().unwrap_or(""))
            && self.bsp.is_none_or(|bsp| bsp == market.bsp_market)
    }

    /// The first thing that keeps a market from being wanted: `type is PLACE, wanted WIN`. `None` if it is wanted.
    #[must_use]
    pub fn objection(&self, market: &MarketDefinition) -> Option<String> {
        let one_of = |name: &str, list: &[String], found: &str| {
            let met =
                list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(found));
            let found = if found.is_empty() { "not known" } else { found };
            (!met).then(|| format!("{name} is {found}, wanted {}", list.join(" or ")))
        };
        let sport = one_of("sport", &self.sports, market.sport());
        sport
            .filter(|_| one_of("sport", &self.sports, &market.sport_id).is_some())
            .or_else(|| one_of("venue", &self.venues, market.venue))
            .or_else(|| one_of("type", &self.types, &market.market_type))
            .or_else(|| {
                one_of(
                    "country",
                    &self.countries,
                    market.country.as_deref().unwrap_or(""),
                )
            })
            .or_else(|| {
                one_of(
                    "course",
                    &self.courses,
                    market.course.as_deref().unwrap_or(""),
                )
            })
            .or_else(|| {
                let wanted = self.bsp.filter(|bsp| *bsp != market.bsp_market)?;
                Some(format!("bsp is {}, wanted {wanted}", market.bsp_market))
            })
    }

    /// Whether this moment of a wanted market is wanted.
    #[must_use]
    pub fn wants_moment(&self, market: &MarketDefinition, now: TimeMs) -> bool {
        let status = if self.status.is_empty() {
            market.status == MarketStatus::Open
        } else {
            self.status.contains(&market.status)
        };
        status
            && self.in_play.is_none_or(|in_play| in_play == market.in_play)
            && self.seconds_to_start.as_ref().is_none_or(|window| {
                let ms = market.market_time - now;
                (window.start().saturating_mul(1000)..=window.end().saturating_mul(1000))
                    .contains(&ms)
            })
    }
}
