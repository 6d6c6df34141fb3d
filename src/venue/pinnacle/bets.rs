//! Bets with Pinnacle as requests and answers. A refusal is one only if it is known for one: whatever else comes back leaves
//! open what happened.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec::{ApiError, Side};
use crate::market::selection::{AWAY, DRAW, HOME, OVER, UNDER};
use crate::market::{Doubt, MarketId, Money, OrderId, Price, RunnerId, TimeMs, VenueReason};
use crate::venue::answer;

/// What the venue knows a bet of ours by: the bits of its order, as a UUID.
#[must_use]
pub fn name_of(order: OrderId) -> String {
    let bits = format!("{:032x}", order.bits());
    let part = |from, to| bits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// The order that a name was made of; any UUID is the name of some order.
#[must_use]
pub fn order_of(name: &str) -> Option<OrderId> {
    let digits: String = name.chars().filter(|c| *c != '-').collect();
    let is_name = digits.len() == 32 && name.len() == 36;
    let bits = u128::from_str_radix(&digits, 16).ok().filter(|_| is_name)?;
    Some(OrderId::from_bits(bits))
}

/// What is bet on, in the venue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Such as `MONEYLINE`.
    pub bet_type: &'static str,
    /// Which side.
    pub side: Side,
    /// The line of this side, in hundredths.
    pub handicap: i32,
}

impl Terms {
    /// A runner of a market of this type. `home_is_first` is the league's.
    #[must_use]
    pub fn of(market_type: &str, runner: RunnerId, home_is_first: bool) -> Option<Self> {
        let side = match (runner.selection, home_is_first) {
            (HOME, true) | (AWAY, false) => Side::First,
            (HOME, false) | (AWAY, true) => Side::Second,
            (DRAW, _) => Side::Draw,
            (OVER, _) => Side::Over,
            (UNDER, _) => Side::Under,
            _ => return None,
        };
        let (bet_type, handicap) = match (market_type, side) {
            ("MATCH_ODDS", Side::First | Side::Second | Side::Draw) => ("MONEYLINE", 0),
            ("ASIAN_HANDICAP", Side::First | Side::Second) => ("SPREAD", runner.handicap),
            ("ALT_TOTAL_GOALS", Side::Over | Side::Under) => ("TOTAL_POINTS", runner.handicap),
            (fixed, Side::Over | Side::Under) => {
                let tenths: i32 = fixed.strip_prefix("OVER_UNDER_")?.parse().ok()?;
                ("TOTAL_POINTS", tenths.checked_mul(10)?)
            }
            _ => return None,
        };
        Some(Self {
            bet_type,
            side,
            handicap,
        })
    }

    /// The team of a bet; totals have none.
    #[must_use]
    pub const fn team(self) -> Option<&'static str> {
        match self.side {
            Side::First => Some("TEAM1"),
            Side::Second => Some("TEAM2"),
            Side::Draw => Some("DRAW"),
            Side::Over | Side::Under => None,
        }
    }

    /// The side of a total.
    #[must_use]
    pub const fn over_or_under(self) -> Option<&'static str> {
        match self.side {
            Side::Over => Some("OVER"),
            Side::Under => Some("UNDER"),
            Side::First | Side::Second | Side::Draw => None,
        }
    }
}

/// A bet that is asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Straight {
    /// In which form odds are told.
    pub odds_format: &'static str,
    /// Our name of it.
    pub unique_request_id: String,
    /// Whether a better line will do.
    pub accept_better_line: bool,
    /// How much.
    pub stake: f64,
    /// What of it is named by the stake.
    pub win_risk_stake: &'static str,
    /// The line, which fixes price and handicap.
    pub line_id: i64,
    /// One beside the main line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_line_id: Option<i64>,
    /// What becomes of a stake over the maximum.
    pub fill_type: &'static str,
    /// The sport.
    pub sport_id: u32,
    /// The event.
    pub event_id: i64,
    /// The whole match.
    pub period_number: u8,
    /// What is bet on.
    pub bet_type: &'static str,
    /// Which team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<&'static str>,
    /// Over or under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<&'static str>,
}

/// A line, looked at just before a bet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `SUCCESS`, or `NOT_EXISTS` with nothing else.
    pub status: String,
    /// Its odds, in the form asked for.
    pub price: Option<f64>,
    /// Its number.
    pub line_id: Option<i64>,
    /// The number of one beside the main line.
    pub alt_line_id: Option<i64>,
    /// The most that may be lost on it.
    pub max_risk_stake: Option<f64>,
    /// The least.
    pub min_risk_stake: Option<f64>,
}

impl Line {
    /// Reads it.
    ///
    /// # Errors
    /// What comes in its place.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, String> {
        match status {
            200 => serde_json::from_slice(body).map_err(|error| error.to_string()),
            status => Err(refusal(status, body)),
        }
    }
}

/// An answer that is none, for people.
fn refusal(status: u16, body: &[u8]) -> String {
    let error = ApiError::of(body);
    let (code, said) = (error.code, error.message);
    format!(
        "HTTP status {status} {}: {}",
        code.as_deref().unwrap_or_default(),
        said.as_deref().unwrap_or("no reason given")
    )
}

/// Odds in one of the venue's forms as decimal odds.
#[must_use]
pub(super) fn decimal(odds: f64, format: &str) -> Option<Price> {
    let decimal = match format {
        "DECIMAL" => odds,
        "HONGKONG" => 1.0 + odds,
        "AMERICAN" if odds >= 100.0 => 1.0 + odds / 100.0,
        "AMERICAN" if odds <= -100.0 => 1.0 - 100.0 / odds,
        "INDONESIAN" if odds >= 1.0 => 1.0 + odds,
        "INDONESIAN" if odds <= -1.0 => 1.0 - 1.0 / odds,
        "MALAY" if odds > 0.0 && odds <= 1.0 => 1.0 + odds,
        "MALAY" if (-1.0..0.0).contains(&odds) => 1.0 - 1.0 / odds,
        _ => return None,
    };
    Price::nearest(decimal).filter(|price| price.minus_one() > 0)
}

/// What became of a bet that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Placed {
    /// The venue took it.
    Taken {
        /// The venue's name of it.
        bet: String,
        /// What may be lost, and at which odds, where that is said and makes sense.
        terms: Option<(Money, Price)>,
    },
    /// It waits to be taken or refused.
    Pending,
    /// The venue refused it.
    Refused {
        /// Why, in the words of the field.
        reason: VenueReason,
        /// Why, in the venue's.
        code: String,
    },
    /// Nobody can say.
    Doubted {
        /// Why.
        doubt: Doubt,
        /// The same for a person.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceAnswer {
    status: String,
    error_code: Option<String>,
    unique_request_id: Option<String>,
    bet_id: Option<Value>,
    risk: Option<f64>,
    price: Option<f64>,
}

impl Placed {
    fn unsure(what: impl Into<String>) -> Self {
        Self::Doubted {
            doubt: Doubt::VenueUnsure,
            what: what.into(),
        }
    }

    /// Reads what became of the bet of this name, asked for with odds in this form.
    #[must_use]
    pub fn read(status: u16, body: &[u8], name: &str, format: &str) -> Self {
        if status != 200 {
            return Self::refused_by_http(status, body);
        }
        let answer: PlaceAnswer = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            Err(error) => {
                return Self::Doubted {
                    doubt: Doubt::Unreadable,
                    what: error.to_string(),
                };
            }
        };
        let is_ours = |id: &String| id.eq_ignore_ascii_case(name);
        if !answer.unique_request_id.as_ref().is_none_or(is_ours) {
            return Self::unsure("the answer is on another bet");
        }
        let bet = answer.bet_id.as_ref().and_then(identifier);
        let code = answer.error_code.unwrap_or_default();
        match (answer.status.as_str(), bet) {
            ("ACCEPTED", Some(bet)) => Self::Taken {
                bet,
                terms: terms(answer.risk, answer.price, format),
            },
            ("PENDING_ACCEPTANCE", None) => Self::Pending,
            ("PROCESSED_WITH_ERROR", None) => match reason(&code) {
                Some(reason) => Self::Refused { reason, code },
                None => Self::unsure(format!("the venue says {code}")),
            },
            (status, _) => Self::unsure(format!("the venue says {status} {code}")),
        }
    }

    /// What the venue says before it looks at a bet. Whoever else may answer with a status is not believed.
    fn refused_by_http(status: u16, body: &[u8]) -> Self {
        let code = ApiError::of(body).code.unwrap_or_default();
        let is_known = matches!(
            (status, code.as_str()),
            (400, "INVALID_REQUEST_DATA" | "RESUBMIT_REQUEST")
                | (401, "INVALID_CREDENTIALS" | "INVALID_AUTHORIZATION_HEADER")
                | (403, "ACCOUNT_INACTIVE" | "NO_API_ACCESS")
                | (429, "TOO_MANY_REQUESTS")
        );
        match is_known {
            true => Self::Refused {
                reason: VenueReason::NotSaid,
                code,
            },
            false => Self::unsure(refusal(status, body)),
        }
    }
}

/// Why a bet was refused, if this code is known for a refusal. That the name of a bet is known already is none: the bet may
/// stand.
fn reason(code: &str) -> Option<VenueReason> {
    Some(match code {
        "ALL_BETTING_CLOSED"
        | "ALL_LIVE_BETTING_CLOSED"
        | "BETTING_SUSPENDED"
        | "LICENCE_RESTRICTION_LIVE_BETTING_BLOCKED"
        | "INVALID_EVENT"
        | "OFFLINE_EVENT"
        | "PAST_CUTOFFTIME" => VenueReason::MarketNotOpen,
        "ABOVE_EVENT_MAX" | "ABOVE_MAX_BET_AMOUNT" => VenueReason::StakeAboveLimit,
        "BELOW_MIN_BET_AMOUNT" => VenueReason::BelowMinimum,
        "LINE_CHANGED" | "RED_CARDS_CHANGED" | "SCORE_CHANGED" => VenueReason::PriceMoved,
        "INVALID_ODDS_FORMAT" => VenueReason::InvalidPrice,
        "LISTED_PITCHERS_SELECTION_ERROR" => VenueReason::NotOffered,
        "BLOCKED_BETTING"
        | "BLOCKED_CLIENT"
        | "INSUFFICIENT_FUNDS"
        | "INVALID_COUNTRY"
        | "TIME_RESTRICTION"
        | "INCOMPLETE_CUSTOMER_BETTING_PROFILE"
        | "INVALID_CUSTOMER_PROFILE"
        | "LIMITS_CONFIGURATION_ISSUE"
        | "RESPONSIBLE_BETTING_LOSS_LIMIT_EXCEEDED"
        | "RESPONSIBLE_BETTING_RISK_LIMIT_EXCEEDED" => VenueReason::NotSaid,
        _ => return None,
    })
}

/// A number or a text that names something.
fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .filter(|id| *id > 0)
            .map(|id| id.to_string()),
        Value::String(text) if (1..=64).contains(&text.len()) => Some(text.clone()),
        _ => None,
    }
}

fn terms(risk: Option<f64>, odds: Option<f64>, format: &str) -> Option<(Money, Price)> {
    let risk = Money::nearest(risk?).filter(|risk| risk.is_positive())?;
    Some((risk, decimal(odds?, format)?))
}

/// A bet as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Bet {
    /// The venue's name of it; one that waits has none.
    pub id: Option<String>,
    /// The order that its name was made of, if it has one.
    pub order: Option<OrderId>,
    /// Where it stands.
    pub state: State,
    /// Grows with every change.
    pub sequence: i64,
    /// When it was placed.
    pub placed_at: Option<TimeMs>,
    /// What is at risk and at which odds.
    pub terms: Option<(Money, Price)>,
    /// Which market.
    pub market: MarketId,
}

/// Where a bet stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits to be taken or refused.
    Pending,
    /// It was refused after it had waited.
    NotAccepted,
    /// It was taken, and its event is not over.
    Running,
    /// It brought so much.
    Settled(Money),
    /// In a word that is not known.
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    bet_id: Option<Value>,
    unique_request_id: Option<String>,
    placed_at: Option<String>,
    bet_status: String,
    bet_type: Option<String>,
    win: Option<f64>,
    risk: Option<f64>,
    win_loss: Option<f64>,
    odds_format: Option<String>,
    update_sequence: Option<i64>,
    event_id: Option<i64>,
    handicap: Option<f64>,
    price: Option<f64>,
    period_number: Option<i64>,
}

impl Row {
    fn state(&self) -> State {
        let brought = |figure: Option<f64>| self.win_loss.or(figure).and_then(Money::nearest);
        let settled = match self.bet_status.as_str() {
            "PENDING_ACCEPTANCE" => return State::Pending,
            "NOT_ACCEPTED" => return State::NotAccepted,
            "ACCEPTED" => return State::Running,
            "WON" => brought(self.win),
            "LOST" | "LOSE" => brought(self.risk.map(|risk| -risk)),
            "CANCELLED" | "REFUNDED" | "PUSHED" => brought(Some(0.0)),
            "HALF_WON_HALF_PUSHED" | "HALF_LOST_HALF_PUSHED" => brought(None),
            _ => None,
        };
        match settled {
            Some(profit) => State::Settled(profit),
            None => State::Other(self.bet_status.chars().take(40).collect()),
        }
    }

    /// The market that the bet is in, if it is one of ours; else a name that is no market's.
    fn market(&self) -> MarketId {
        let event = self.event_id.unwrap_or_default();
        let line = self.handicap.and_then(answer::hundredths);
        let kind = match (self.bet_type.as_deref(), self.period_number) {
            (Some("MONEYLINE"), Some(0)) => "MATCH_ODDS".to_owned(),
            (Some("SPREAD"), Some(0)) => "ASIAN_HANDICAP".to_owned(),
            (Some("TOTAL_POINTS"), Some(0)) => match line {
                Some(line) if line.rem_euclid(100) == 50 => {
                    format!("OVER_UNDER_{:02}", line / 10)
                }
                _ => "ALT_TOTAL_GOALS".to_owned(),
            },
            (kind, period) => {
                let kind: String = kind.unwrap_or_default().chars().take(40).collect();
                format!("{kind}-{}", period.unwrap_or_default())
            }
        };
        MarketId::new(&format!("{event}:{kind}"))
    }

    fn bet(&self) -> Bet {
        let format = self.odds_format.as_deref().unwrap_or("DECIMAL");
        Bet {
            id: self.bet_id.as_ref().and_then(identifier),
            order: self.unique_request_id.as_deref().and_then(order_of),
            state: self.state(),
            sequence: self.update_sequence.unwrap_or_default(),
            placed_at: self
                .placed_at
                .as_deref()
                .and_then(|at| TimeMs::parse(at).ok()),
            terms: terms(self.risk, self.price, &format.to_ascii_uppercase()),
            market: self.market(),
        }
    }
}

/// A page of bets.
#[derive(Clone, Debug, PartialEq)]
pub struct BetList {
    /// The straight bets.
    pub bets: Vec<Bet>,
    /// How many bets of other kinds are on it.
    pub others: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

impl BetList {
    /// Reads a page.
    ///
    /// # Errors
    /// What comes in its place; a page with a bet that cannot be read is none.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, String> {
        if status != 200 {
            return Err(refusal(status, body));
        }
        let page: Page = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let next = match page.more_available {
            true => match page.to_record.unwrap_or_default().checked_add(1) {
                Some(next) => Some(next),
                None => return Err("its toRecord is beyond reason".to_owned()),
            },
            false => None,
        };
        let others = [
            page.parlay_bets,
            page.teaser_bets,
            page.special_bets,
            page.manual_bets,
        ];
        Ok(Self {
            bets: page
                .straight_bets
                .unwrap_or_default()
                .iter()
                .map(Row::bet)
                .collect(),
            others: others.iter().flatten().map(Vec::len).sum(),
            next,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    more_available: bool,
    to_record: Option<u64>,
    straight_bets: Option<Vec<Row>>,
    parlay_bets: Option<Vec<Value>>,
    teaser_bets: Option<Vec<Value>>,
    special_bets: Option<Vec<Value>>,
    manual_bets: Option<Vec<Value>>,
}

/// What the venue has of our money.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    /// Free to bet with.
    pub available_balance: f64,
    /// In which currency.
    pub currency: String,
}

impl Balance {
    /// Reads it.
    ///
    /// # Errors
    /// What comes in its place.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, String> {
        match status {
            200 => serde_json::from_slice(body).map_err(|error| error.to_string()),
            status => Err(refusal(status, body)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NAME: &str = "00000000-0000-0000-0000-00000000002a";

    fn placed(body: &Value) -> Placed {
        Placed::read(200, body.to_string().as_bytes(), NAME, "DECIMAL")
    }

    #[test]
    fn only_known_refusals_are_refusals() {
        let error = |code: &str| {
            placed(
                &json!({ "status": "PROCESSED_WITH_ERROR", "errorCode": code, "uniqueRequestId": NAME }),
            )
        };
        for (code, reason) in [
            ("LINE_CHANGED", VenueReason::PriceMoved),
            ("ABOVE_EVENT_MAX", VenueReason::StakeAboveLimit),
            ("PAST_CUTOFFTIME", VenueReason::MarketNotOpen),
            ("INSUFFICIENT_FUNDS", VenueReason::NotSaid),
        ] {
            let code = code.to_owned();
            assert_eq!(error(&code), Placed::Refused { reason, code });
        }
        for code in ["DUPLICATED_REQUEST", "SYSTEM_ERROR_3", "NEW_IN_2027", ""] {
            assert!(matches!(error(code), Placed::Doubted { .. }), "{code}");
        }
    }

    #[test]
    fn a_status_is_believed_only_with_the_words_of_the_venue() {
        let read = |status, body: &str| Placed::read(status, body.as_bytes(), NAME, "DECIMAL");
        let busy = r#"{"code":"RESUBMIT_REQUEST","message":"busy"}"#;
        assert!(matches!(read(400, busy), Placed::Refused { .. }));
        for (status, body) in [
            (400, "<html>"),
            (429, ""),
            (401, r#"{"code":"RESUBMIT_REQUEST"}"#),
            (500, r#"{"ref":"x","code":"UNEXPECTED_ERROR"}"#),
            (307, ""),
            (200, "<html>"),
        ] {
            assert!(
                matches!(read(status, body), Placed::Doubted { .. }),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_was_taken_is_as_the_venue_says() {
        let taken = json!({ "status": "ACCEPTED", "betId": 759_629_245, "uniqueRequestId": NAME.to_uppercase(), "risk": 2.0, "win": 1.8, "price": 1.9 });
        let terms = Some((Money::from_major(2), Price::from_hundredths(190)));
        let bet = "759629245".to_owned();
        assert_eq!(
            placed(&taken),
            Placed::Taken {
                bet: bet.clone(),
                terms
            }
        );
        let bare = json!({ "status": "ACCEPTED", "betId": 759_629_245 });
        assert_eq!(placed(&bare), Placed::Taken { bet, terms: None });
        let waits =
            json!({ "status": "PENDING_ACCEPTANCE", "uniqueRequestId": NAME, "betId": null });
        assert_eq!(placed(&waits), Placed::Pending);
        for odd in [
            json!({ "status": "ACCEPTED", "uniqueRequestId": NAME }),
            json!({ "status": "ACCEPTED", "betId": 1, "uniqueRequestId": "00000000-0000-0000-0000-00000000002b" }),
            json!({ "status": "PROCESSED_WITH_ERROR", "errorCode": "LINE_CHANGED", "betId": 5 }),
        ] {
            assert!(matches!(placed(&odd), Placed::Doubted { .. }), "{odd}");
        }
    }

    #[test]
    fn runners_are_teams_and_lines() {
        let of = |kind: &str, selection, handicap, home_is_first| {
            let runner = RunnerId {
                selection,
                handicap,
            };
            let terms = Terms::of(kind, runner, home_is_first)?;
            Some((
                terms.bet_type,
                terms.team().or(terms.over_or_under())?,
                terms.handicap,
            ))
        };
        assert_eq!(
            of("MATCH_ODDS", HOME, 0, true),
            Some(("MONEYLINE", "TEAM1", 0))
        );
        assert_eq!(
            of("MATCH_ODDS", HOME, 0, false),
            Some(("MONEYLINE", "TEAM2", 0))
        );
        assert_eq!(
            of("ASIAN_HANDICAP", AWAY, 75, true),
            Some(("SPREAD", "TEAM2", 75))
        );
        assert_eq!(
            of("OVER_UNDER_25", OVER, 0, true),
            Some(("TOTAL_POINTS", "OVER", 250))
        );
        assert_eq!(
            of("OVER_UNDER_105", UNDER, 0, true),
            Some(("TOTAL_POINTS", "UNDER", 1050))
        );
        assert_eq!(
            of("ALT_TOTAL_GOALS", OVER, 225, true),
            Some(("TOTAL_POINTS", "OVER", 225))
        );
        assert_eq!(of("BOTH_TEAMS_TO_SCORE", HOME, 0, true), None);
        assert_eq!(of("MATCH_ODDS", OVER, 0, true), None);
    }

    #[test]
    fn bets_are_listed_in_every_state() {
        let row = |status: &str, more: Value| {
            let mut row = json!({
                "betId": 7, "uniqueRequestId": NAME, "betStatus": status, "betType": "TOTAL_POINTS", "win": 1.9, "risk": 2.0,
                "oddsFormat": "AMERICAN", "price": -105, "handicap": 2.5, "eventId": 1001, "periodNumber": 0,
                "placedAt": "2026-08-22T09:00:00Z", "updateSequence": 3, "isLive": "TRUE",
            });
            row.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let body = json!({ "moreAvailable": true, "toRecord": 9, "straightBets": [row], "parlayBets": [{}] });
            let list = BetList::read(200, body.to_string().as_bytes()).unwrap();
            assert_eq!((list.next, list.others), (Some(10), 1));
            list.bets.into_iter().next().unwrap()
        };
        let endless = br#"{"moreAvailable":true,"toRecord":18446744073709551615}"#;
        assert!(BetList::read(200, endless).is_err());
        let pounds = |pence| State::Settled(Money::from_minor(pence));
        for (status, more, state) in [
            ("ACCEPTED", json!({}), State::Running),
            ("WON", json!({ "winLoss": 1.9 }), pounds(190)),
            ("WON", json!({}), pounds(190)),
            ("LOSE", json!({}), pounds(-200)),
            ("REFUNDED", json!({}), pounds(0)),
            (
                "HALF_LOST_HALF_PUSHED",
                json!({ "winLoss": -1.0 }),
                pounds(-100),
            ),
            (
                "HALF_LOST_HALF_PUSHED",
                json!({}),
                State::Other("HALF_LOST_HALF_PUSHED".to_owned()),
            ),
            ("NOT_ACCEPTED", json!({}), State::NotAccepted),
            ("TEA", json!({}), State::Other("TEA".to_owned())),
        ] {
            assert_eq!(row(status, more).state, state, "{status}");
        }
        let bet = row("ACCEPTED", json!({}));
        assert_eq!(bet.market.as_str(), "1001:OVER_UNDER_25");
        assert_eq!(bet.order, Some(OrderId::from_bits(42)));
        assert_eq!(bet.terms.unwrap().1.to_string(), "1.952380952");
    }

    #[test]
    fn odds_of_every_form_are_decimal_odds() {
        for (odds, format, expected) in [
            (1.91, "DECIMAL", Some(1.91)),
            (-110.0, "AMERICAN", Some(1.909_090_909)),
            (150.0, "AMERICAN", Some(2.5)),
            (0.91, "HONGKONG", Some(1.91)),
            (-2.0, "INDONESIAN", Some(1.5)),
            (1.5, "INDONESIAN", Some(2.5)),
            (0.5, "MALAY", Some(1.5)),
            (-0.5, "MALAY", Some(3.0)),
            (50.0, "AMERICAN", None),
            (1.0, "DECIMAL", None),
            (f64::NAN, "DECIMAL", None),
            (2.0, "ROMAN", None),
        ] {
            let read = decimal(odds, format).map(Price::to_f64);
            assert_eq!(read, expected, "{odds} {format}");
        }
    }

    proptest! {
        #[test]
        fn names_are_read_back(bits: u128) {
            let order = OrderId::from_bits(bits);
            prop_assert_eq!(order_of(&name_of(order)), Some(order));
            prop_assert_eq!(order_of(&name_of(order).to_uppercase()), Some(order));
        }

        #[test]
        fn no_bytes_make_it_panic(status in 100..600_u16, body in proptest::collection::vec(any::<u8>(), 0..200), name in "\\PC{0,40}") {
            let _ = (Placed::read(status, &body, NAME, "MALAY"), BetList::read(status, &body), Line::read(status, &body), order_of(&name));
        }

        #[test]
        fn no_change_of_a_good_page_makes_it_panic(at in 0..200_usize, with: u8) {
            let good = json!({ "moreAvailable": false, "straightBets": [{ "betId": 7, "uniqueRequestId": NAME, "betStatus": "WON", "betType": "SPREAD", "risk": 2.0, "price": 1.9, "handicap": -0.25, "winLoss": 1.8 }] });
            let mut body = good.to_string().into_bytes();
            let at = at % body.len();
            body[at] = with;
            let _ = BetList::read(200, &body);
        }
    }
}
