//! The market definition of the stream: what a market is, always sent whole.

use super::codec::{finite_price, handicap, selection};
use crate::market::{
    BettingType, MarketDefinition, MarketStatus, Price, PriceLadder, RunnerDefinition, RunnerId,
    RunnerStatus, TimeMs,
};
use crate::venue::DecodeError;
use crate::venue::json::Scanner;

/// The venue as scripts and the ledger know it.
const VENUE: &str = "betfair";

const STATUSES: [(&str, MarketStatus); 4] = [
    ("INACTIVE", MarketStatus::Inactive),
    ("OPEN", MarketStatus::Open),
    ("SUSPENDED", MarketStatus::Suspended),
    ("CLOSED", MarketStatus::Closed),
];

const RUNNER_STATUSES: [(&str, RunnerStatus); 7] = [
    ("ACTIVE", RunnerStatus::Active),
    ("WINNER", RunnerStatus::Winner),
    ("LOSER", RunnerStatus::Loser),
    ("PLACED", RunnerStatus::Placed),
    ("REMOVED", RunnerStatus::Removed),
    // A greyhound trap that stays empty: bets on it are void as well.
    ("REMOVED_VACANT", RunnerStatus::Removed),
    ("HIDDEN", RunnerStatus::Hidden),
];

const BETTING_TYPES: [(&str, BettingType); 5] = [
    ("ODDS", BettingType::Odds),
    ("LINE", BettingType::Line),
    ("RANGE", BettingType::Range),
    (
        "ASIAN_HANDICAP_DOUBLE_LINE",
        BettingType::AsianHandicapDoubleLine,
    ),
    (
        "ASIAN_HANDICAP_SINGLE_LINE",
        BettingType::AsianHandicapSingleLine,
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum LadderType {
    Classic,
    Finest,
    LineRange,
}

const LADDER_TYPES: [(&str, LadderType); 3] = [
    ("CLASSIC", LadderType::Classic),
    ("FINEST", LadderType::Finest),
    ("LINE_RANGE", LadderType::LineRange),
];

/// Reads a `marketDefinition`. Without a status, a start or runners there is no market; all else may be absent.
pub(super) fn definition(scan: &mut Scanner<'_>) -> Result<MarketDefinition, DecodeError> {
    let start = scan.start();
    let (mut status, mut market_time, mut runners) = (None, None, None);
    let mut ladder = LadderParts::default();
    let mut market = blank();
    scan.object(|scan, key| {
        match key {
            b"status" => status = Some(one_of(scan, &STATUSES)?),
            b"marketTime" => market_time = Some(instant(scan)?),
            b"runners" => runners = Some(all_runners(scan)?),
            b"inPlay" => market.in_play = scan.boolean()?,
            b"betDelay" => market.bet_delay_seconds = count(scan)?,
            b"bspMarket" => market.bsp_market = scan.boolean()?,
            b"bspReconciled" => market.bsp_reconciled = scan.boolean()?,
            b"turnInPlayEnabled" => market.turn_in_play = scan.boolean()?,
            b"complete" => market.complete = scan.boolean()?,
            b"crossMatching" => market.cross_matching = scan.boolean()?,
            b"numberOfWinners" => market.number_of_winners = count(scan)?,
            b"marketBaseRate" => market.base_rate = percent(scan)?,
            b"version" => {
                let version = scan.exact_in(0, 0..=i64::MAX, "a version")?;
                market.version = version.unsigned_abs();
            }
            b"eventId" => market.event_id = scan.text()?,
            b"eventName" => market.event_name = Some(scan.text()?),
            b"name" => market.name = Some(scan.text()?),
            b"eventTypeId" => market.sport_id = scan.text()?,
            b"marketType" => market.market_type = scan.text()?,
            b"bettingType" => market.betting_type = one_of(scan, &BETTING_TYPES)?,
            b"countryCode" => market.country = Some(scan.text()?),
            b"venue" => market.course = Some(scan.text()?),
            b"eachWayDivisor" => {
                let hundredths = scan.number_in(2, 0..=100_000, "a divisor from 0 to 1000")?;
                market.each_way_divisor = Some(small(hundredths));
            }
            // Ours, not the venue's: who knows the result of a line market may add it to a recording.
            b"lineResult" => market.line_result = Some(line_result(scan)?),
            b"lineMinUnit" => ladder.min = Some(line(scan)?),
            b"lineMaxUnit" => ladder.max = Some(line(scan)?),
            b"lineInterval" => ladder.step = Some(line(scan)?),
            b"priceLadderDefinition" => scan.object(|scan, key| {
                match key {
                    b"type" => ladder.kind = Some(one_of(scan, &LADDER_TYPES)?),
                    _ => scan.skip()?,
                }
                Ok(())
            })?,
            _ => scan.skip()?,
        }
        Ok(())
    })?;
    let missing = |field| move || Scanner::missing(start, field);
    market.status = status.ok_or_else(missing("status"))?;
    market.market_time = market_time.ok_or_else(missing("marketTime"))?;
    market.runners = runners.ok_or_else(missing("runners"))?;
    market.ladder = ladder
        .build(market.betting_type)
        .map_err(|field| Scanner::missing(start, field))?;
    Ok(market)
}

fn blank() -> MarketDefinition {
    MarketDefinition {
        venue: VENUE,
        status: MarketStatus::default(),
        in_play: false,
        bet_delay_seconds: 0,
        bsp_market: false,
        bsp_reconciled: false,
        turn_in_play: false,
        complete: false,
        cross_matching: false,
        number_of_winners: 0,
        base_rate: 0,
        version: 0,
        market_time: TimeMs::default(),
        event_id: String::new(),
        event_name: None,
        name: None,
        sport_id: String::new(),
        market_type: String::new(),
        betting_type: BettingType::default(),
        country: None,
        course: None,
        each_way_divisor: None,
        line_result: None,
        competition: None,
        score: None,
        ladder: PriceLadder::default(),
        runners: Vec::new(),
    }
}

/// What the definition says of the ladder, spread over several members.
#[derive(Default)]
struct LadderParts {
    kind: Option<LadderType>,
    min: Option<i64>,
    max: Option<i64>,
    step: Option<i64>,
}

impl LadderParts {
    /// The ladder, or the member it cannot do without. Recordings before ladders were named have the classic one.
    fn build(&self, betting_type: BettingType) -> Result<PriceLadder, &'static str> {
        let by_default = match betting_type {
            BettingType::Line => LadderType::LineRange,
            _ => LadderType::Classic,
        };
        Ok(match self.kind.unwrap_or(by_default) {
            LadderType::Classic => PriceLadder::Classic,
            LadderType::Finest => PriceLadder::Finest,
            LadderType::LineRange => {
                // Only here must they be prices: handicap markets count their lines from below zero.
                let price = |nanos: Option<i64>| nanos.and_then(|nanos| u64::try_from(nanos).ok());
                let min = price(self.min).ok_or("lineMinUnit")?;
                let max = price(self.max)
                    .filter(|&max| max >= min)
                    .ok_or("lineMaxUnit")?;
                let step = price(self.step)
                    .filter(|&step| step > 0)
                    .ok_or("lineInterval")?;
                PriceLadder::Line {
                    min: Price::from_nanos(min),
                    max: Price::from_nanos(max),
                    step: Price::from_nanos(step),
                }
            }
        })
    }
}

fn all_runners(scan: &mut Scanner<'_>) -> Result<Vec<RunnerDefinition>, DecodeError> {
    let mut runners = Vec::new();
    scan.array(|scan| {
        runners.push(runner(scan)?);
        Ok(())
    })?;
    Ok(runners)
}

fn runner(scan: &mut Scanner<'_>) -> Result<RunnerDefinition, DecodeError> {
    let start = scan.start();
    let (mut id, mut named, mut status) = (RunnerId::new(0), false, None);
    let (mut sort_priority, mut name, mut adjustment_factor, mut bsp) = (0, None, None, None);
    scan.object(|scan, key| {
        match key {
            b"id" => {
                id.selection = selection(scan)?;
                named = true;
            }
            b"hc" => id.handicap = handicap(scan)?,
            b"status" => status = Some(one_of(scan, &RUNNER_STATUSES)?),
            b"sortPriority" => sort_priority = count(scan)?,
            b"name" => name = Some(scan.text()?),
            b"adjustmentFactor" => adjustment_factor = Some(percent(scan)?),
            b"bsp" => bsp = finite_price(scan)?,
            _ => scan.skip()?,
        }
        Ok(())
    })?;
    if !named {
        return Err(Scanner::missing(start, "id"));
    }
    Ok(RunnerDefinition {
        id,
        status: status.ok_or_else(|| Scanner::missing(start, "status"))?,
        sort_priority,
        name,
        adjustment_factor,
        bsp,
    })
}

fn one_of<T: Copy>(scan: &mut Scanner<'_>, names: &[(&str, T)]) -> Result<T, DecodeError> {
    let start = scan.start();
    let name = scan.string()?;
    let found = names.iter().find(|(known, _)| known.as_bytes() == &*name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        scan.unexpected(start, &format!("one of {}", known.join(", ")))
    })
}

fn instant(scan: &mut Scanner<'_>) -> Result<TimeMs, DecodeError> {
    let start = scan.start();
    let text = scan.text()?;
    TimeMs::parse(&text).map_err(|_| scan.unexpected(start, "a time such as 2021-03-30T16:20:00Z"))
}

fn count(scan: &mut Scanner<'_>) -> Result<u32, DecodeError> {
    scan.exact_in(0, 0..=1_000_000, "a whole number from 0 to 1000000")
        .map(small)
}

/// A percentage in hundredths of a percent.
fn percent(scan: &mut Scanner<'_>) -> Result<u32, DecodeError> {
    scan.number_in(2, 0..=10_000, "a percentage from 0 to 100")
        .map(small)
}

/// One end or the step of a line market, in billionths.
fn line(scan: &mut Scanner<'_>) -> Result<i64, DecodeError> {
    let most = 1_000_000_000_000_000;
    scan.number_in(9, -most..=most, "a line from -1000000 to 1000000")
}

/// Where a line market ended.
fn line_result(scan: &mut Scanner<'_>) -> Result<Price, DecodeError> {
    let most = 1_000_000_000_000_000;
    let nanos = scan.number_in(9, 0..=most, "a result from 0 to 1000000")?;
    Ok(Price::from_nanos(nanos.unsigned_abs()))
}

/// A value already known to be in a small range.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: &str) -> Result<MarketDefinition, DecodeError> {
        definition(&mut Scanner::new(format!("{{{members}}}").as_bytes()))
    }

    const LEAST: &str = r#""status":"OPEN","marketTime":"2021-03-30T16:20:00.000Z","runners":[]"#;

    fn with(members: &str) -> Result<MarketDefinition, DecodeError> {
        read(&format!("{LEAST},{members}"))
    }

    #[test]
    fn a_definition_is_read_whole() {
        let market = read(
            r#""bspMarket":true,"turnInPlayEnabled":true,"marketBaseRate":5.0,"eventId":"28270094","eventTypeId":"7",
            "numberOfWinners":1,"bettingType":"ODDS","marketType":"EACH_WAY","marketTime":"2017-06-14T18:55:00.000Z",
            "bspReconciled":true,"complete":true,"inPlay":true,"crossMatching":true,"betDelay":1,"status":"CLOSED",
            "eachWayDivisor":4,"regulators":["MR_INT"],"venue":"Hamilton","countryCode":"GB","version":3671265252,
            "name":"1m \"Hcap\"","eventName":"Ham 14th Jun","lineMinUnit":null,"lineMaxUnit":-2,
            "priceLadderDefinition":{"type":"FINEST"},"runners":[
            {"adjustmentFactor":26.834,"status":"WINNER","sortPriority":1,"id":12115648,"name":"Match My Fire","bsp":1.2610804758204543},
            {"status":"REMOVED_VACANT","sortPriority":2,"id":5,"hc":-0.5,"bsp":"NaN","removalDate":"2017-06-14T07:00:50.000Z"}]"#,
        )
        .unwrap();
        let winner = RunnerDefinition {
            id: RunnerId::new(12_115_648),
            status: RunnerStatus::Winner,
            sort_priority: 1,
            name: Some("Match My Fire".to_owned()),
            adjustment_factor: Some(2683),
            bsp: Some(Price::from_nanos(1_261_080_476)),
        };
        let vacant = RunnerDefinition {
            id: RunnerId {
                selection: 5,
                handicap: -50,
            },
            status: RunnerStatus::Removed,
            sort_priority: 2,
            name: None,
            adjustment_factor: None,
            bsp: None,
        };
        let expected = MarketDefinition {
            venue: "betfair",
            status: MarketStatus::Closed,
            in_play: true,
            bet_delay_seconds: 1,
            bsp_market: true,
            bsp_reconciled: true,
            turn_in_play: true,
            complete: true,
            cross_matching: true,
            number_of_winners: 1,
            base_rate: 500,
            version: 3_671_265_252,
            market_time: TimeMs(1_497_466_500_000),
            event_id: "28270094".to_owned(),
            event_name: Some("Ham 14th Jun".to_owned()),
            name: Some("1m \"Hcap\"".to_owned()),
            sport_id: "7".to_owned(),
            market_type: "EACH_WAY".to_owned(),
            betting_type: BettingType::Odds,
            country: Some("GB".to_owned()),
            course: Some("Hamilton".to_owned()),
            each_way_divisor: Some(400),
            line_result: None,
            competition: None,
            score: None,
            ladder: PriceLadder::Finest,
            runners: vec![winner, vacant],
        };
        assert_eq!(market, expected);
    }

    #[test]
    fn a_line_market_needs_its_line() {
        let price = Price::from_hundredths;
        let expected = PriceLadder::Line {
            min: price(50),
            max: price(40_050),
            step: price(100),
        };
        let units = r#""lineMinUnit":0.5,"lineMaxUnit":400.5,"lineInterval":1"#;
        let named = with(&format!(
            r#"{units},"priceLadderDefinition":{{"type":"LINE_RANGE"}}"#
        ));
        assert_eq!(named.unwrap().ladder, expected);
        let older = with(&format!(r#"{units},"bettingType":"LINE""#));
        assert_eq!(older.unwrap().ladder, expected);
        for (units, field) in [
            (
                r#""lineMinUnit":-1,"lineMaxUnit":4,"lineInterval":1"#,
                "lineMinUnit",
            ),
            (
                r#""lineMinUnit":1,"lineMaxUnit":0,"lineInterval":1"#,
                "lineMaxUnit",
            ),
            (
                r#""lineMinUnit":1,"lineMaxUnit":4,"lineInterval":0"#,
                "lineInterval",
            ),
        ] {
            let error = with(&format!(r#"{units},"bettingType":"LINE""#)).unwrap_err();
            assert_eq!(error.field(), field);
        }
    }

    #[test]
    fn the_result_of_a_line_market_is_read_where_somebody_added_it() {
        let result = |members: &str| with(members).map(|market| market.line_result);
        assert_eq!(result(r#""lineMinUnit":0.5"#).unwrap(), None);
        assert_eq!(
            result(r#""lineResult":51"#).unwrap(),
            Some(Price::from_hundredths(5_100))
        );
        assert_eq!(
            result(r#""lineResult":-1"#).unwrap_err().field(),
            "lineResult"
        );
    }

    #[test]
    fn only_what_makes_a_market_is_required() {
        let market = read(LEAST).unwrap();
        assert_eq!(
            (market.status, market.ladder),
            (MarketStatus::Open, PriceLadder::Classic)
        );
        for left_out in ["status", "marketTime", "runners"] {
            let error = read(&LEAST.replace(left_out, "other")).unwrap_err();
            assert_eq!(error.field(), left_out);
        }
    }

    #[test]
    fn unknown_words_are_errors_that_list_the_known() {
        let error = with(r#""bettingType":"COCONUT""#).unwrap_err();
        assert_eq!(error.field(), "bettingType");
        assert!(
            error.cause().contains("\"COCONUT\"") && error.cause().contains("LINE"),
            "{error}"
        );
        let ladder = with(r#""priceLadderDefinition":{"type":"X"}"#).unwrap_err();
        assert_eq!(ladder.field(), "priceLadderDefinition.type");
        let time = read(&LEAST.replace("2021-03-30T", "yesterday ")).unwrap_err();
        assert_eq!(time.field(), "marketTime");
    }
}
