//! The stream codec: one line of JSON in, market deltas out. Buffers are kept, so a steady feed allocates nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::definition::definition;
use crate::market::{
    LadderKind, LevelChange, MarketDelta, MarketId, Money, Price, RunnerDelta, RunnerId, TimeMs,
};
use crate::venue::DecodeError;
use crate::venue::json::Scanner;

/// What a message is, by its `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `mcm`: changes of markets, or a heartbeat.
    Markets,
    /// `ocm`: changes of one's own orders.
    Orders,
    /// `rcm`: where the horses are.
    Races,
    /// `ccm`: the score of a cricket match.
    Cricket,
    /// `connection`: the server's greeting.
    Connection,
    /// `status`: the server's answer to a request.
    Status,
    /// Anything else.
    Unknown,
}

impl Op {
    fn named(name: &[u8]) -> Self {
        match name {
            b"mcm" => Self::Markets,
            b"ocm" => Self::Orders,
            b"rcm" => Self::Races,
            b"ccm" => Self::Cricket,
            b"connection" => Self::Connection,
            b"status" => Self::Status,
            _ => Self::Unknown,
        }
    }
}

/// One decoded line.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Market changes; none in a heartbeat.
    Markets {
        /// When the venue published it.
        published_at: TimeMs,
        /// The changes, one a market, in the order sent.
        deltas: &'a [MarketDelta],
    },
    /// A line that changes no market.
    Other(Op),
}

/// Decodes the lines of one stream. Keep one per stream: it reuses its memory from line to line.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Deltas of the last line, then spare ones.
    pool: Vec<MarketDelta>,
    used: usize,
    names: Names,
}

impl Decoder {
    /// A decoder with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one line, with or without its line ending.
    ///
    /// # Errors
    /// Says which byte and field cannot be read, and why. The decoder can go on with the next line.
    pub fn decode(&mut self, line: &[u8]) -> Result<Message<'_>, DecodeError> {
        self.used = 0;
        match self.read(line) {
            Ok((Op::Markets, published_at)) => Ok(Message::Markets {
                published_at,
                deltas: self.deltas(),
            }),
            Ok((op, _)) => {
                self.used = 0;
                Ok(Message::Other(op))
            }
            Err(error) => {
                self.used = 0;
                Err(error)
            }
        }
    }

    /// The deltas of the line decoded last; none if it failed.
    #[must_use]
    pub fn deltas(&self) -> &[MarketDelta] {
        &self.pool[..self.used]
    }

    fn read(&mut self, line: &[u8]) -> Result<(Op, TimeMs), DecodeError> {
        let mut scan = Scanner::new(line);
        let start = scan.start();
        let (mut op, mut published_at) = (None, None);
        scan.object(|scan, key| {
            match key {
                b"op" => op = Some(Op::named(&scan.string()?)),
                b"pt" => published_at = Some(time(scan)?),
                b"mc" => scan.array(|scan| self.market(scan))?,
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        scan.end()?;
        match (op, published_at) {
            (None, _) => Err(Scanner::missing(start, "op")),
            (Some(Op::Markets), None) => Err(Scanner::missing(start, "pt")),
            (Some(op), time) => Ok((op, time.unwrap_or_default())),
        }
    }

    fn market(&mut self, scan: &mut Scanner<'_>) -> Result<(), DecodeError> {
        if self.used == self.pool.len() {
            self.pool.push(MarketDelta::new(self.names.nameless()));
        }
        let delta = &mut self.pool[self.used];
        self.used += 1;
        delta.reset(delta.market.clone());

        let start = scan.start();
        let mut named = false;
        scan.object(|scan, key| {
            match key {
                b"id" => {
                    let start = scan.start();
                    let name = scan.string()?;
                    named = true;
                    // A delta used for the first time has an empty name, which no market may have.
                    if name.is_empty() || delta.market.as_str().as_bytes() != &*name {
                        delta.market = self
                            .names
                            .get(&name)
                            .ok_or_else(|| scan.unexpected(start, "a market id"))?;
                    }
                }
                b"rc" => scan.array(|scan| runner(scan, delta))?,
                b"img" => delta.image = scan.boolean()?,
                b"con" => delta.conflated = scan.boolean()?,
                b"tv" => delta.traded_volume = Some(money(scan)?),
                b"marketDefinition" => delta.definition = Some(Arc::new(definition(scan)?)),
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        if named {
            Ok(())
        } else {
            Err(Scanner::missing(start, "id"))
        }
    }
}

/// Market ids already seen, so that naming one again allocates nothing.
#[derive(Debug, Default)]
struct Names {
    known: BTreeMap<Box<[u8]>, MarketId>,
    nameless: Option<MarketId>,
}

impl Names {
    /// How many are kept; a feed of more starts afresh.
    const MOST: usize = 10_000;

    fn get(&mut self, name: &[u8]) -> Option<MarketId> {
        if let Some(id) = self.known.get(name) {
            return Some(id.clone());
        }
        let plain = (1..=64).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
        let id = MarketId::new(std::str::from_utf8(name).ok().filter(|_| plain)?);
        if self.known.len() == Self::MOST {
            self.known.clear();
        }
        self.known.insert(name.into(), id.clone());
        Some(id)
    }

    /// What a delta is called before its id has been read.
    fn nameless(&mut self) -> MarketId {
        self.nameless
            .get_or_insert_with(|| MarketId::new(""))
            .clone()
    }
}

fn runner(scan: &mut Scanner<'_>, delta: &mut MarketDelta) -> Result<(), DecodeError> {
    let start = scan.start();
    let at = delta.levels.len();
    let mut change = RunnerDelta {
        id: RunnerId::new(0),
        last_traded: None,
        traded_volume: None,
        sp_near: None,
        sp_far: None,
        levels: at..at,
    };
    let mut named = false;
    scan.object(|scan, key| {
        if let Some((ladder, keyed)) = ladder_named(key) {
            return levels(scan, ladder, keyed, &mut delta.levels);
        }
        match key {
            b"id" => {
                change.id.selection = selection(scan)?;
                named = true;
            }
            b"hc" => change.id.handicap = handicap(scan)?,
            b"ltp" => change.last_traded = Some(price(scan)?),
            b"tv" => change.traded_volume = Some(money(scan)?),
            b"spn" => change.sp_near = finite_price(scan)?,
            b"spf" => change.sp_far = finite_price(scan)?,
            _ => scan.skip()?,
        }
        Ok(())
    })?;
    if !named {
        return Err(Scanner::missing(start, "id"));
    }
    change.levels.end = delta.levels.len();
    delta.runners.push(change);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyed {
    ByPrice,
    ByPosition,
}

fn ladder_named(key: &[u8]) -> Option<(LadderKind, Keyed)> {
    Some(match key {
        b"atb" => (LadderKind::Back, Keyed::ByPrice),
        b"atl" => (LadderKind::Lay, Keyed::ByPrice),
        b"trd" => (LadderKind::Traded, Keyed::ByPrice),
        b"spb" => (LadderKind::StartingBack, Keyed::ByPrice),
        b"spl" => (LadderKind::StartingLay, Keyed::ByPrice),
        b"batb" => (LadderKind::BestBack, Keyed::ByPosition),
        b"batl" => (LadderKind::BestLay, Keyed::ByPosition),
        b"bdatb" => (LadderKind::DisplayBack, Keyed::ByPosition),
        b"bdatl" => (LadderKind::DisplayLay, Keyed::ByPosition),
        _ => return None,
    })
}

/// `[[price, size], …]` or `[[position, price, size], …]`.
fn levels(
    scan: &mut Scanner<'_>,
    ladder: LadderKind,
    keyed: Keyed,
    into: &mut Vec<LevelChange>,
) -> Result<(), DecodeError> {
    scan.array(|scan| {
        scan.token(b'[', "a level")?;
        let mut position = 0;
        if keyed == Keyed::ByPosition {
            let number = scan.exact_in(0, 0..=255, "a position from 0 to 255")?;
            position = u8::try_from(number).unwrap_or(u8::MAX);
            scan.token(b',', "\",\" and a price")?;
        }
        let price = price(scan)?;
        scan.token(b',', "\",\" and a size")?;
        let size = money(scan)?;
        scan.token(b']', "\"]\" after the size")?;
        into.push(LevelChange {
            ladder,
            position,
            price,
            size,
        });
        Ok(())
    })
}

/// A million in billionths: no price is higher.
const HIGHEST_PRICE: i64 = 1_000_000_000_000_000;
const PRICE: &str = "a price from 0 to 1000000";

pub(super) fn price(scan: &mut Scanner<'_>) -> Result<Price, DecodeError> {
    let nanos = scan.number_in(9, 0..=HIGHEST_PRICE, PRICE)?;
    Ok(Price::from_nanos(nanos.unsigned_abs()))
}

/// A price for which the venue also writes `"NaN"` or `"Infinity"`: absent.
pub(super) fn finite_price(scan: &mut Scanner<'_>) -> Result<Option<Price>, DecodeError> {
    let nanos = scan.finite_in(9, 0..=HIGHEST_PRICE, PRICE)?;
    Ok(nanos.map(|nanos| Price::from_nanos(nanos.unsigned_abs())))
}

fn money(scan: &mut Scanner<'_>) -> Result<Money, DecodeError> {
    let what = "an amount from 0 to 10000000000";
    scan.number_in(2, 0..=Money::LARGEST.minor(), what)
        .map(Money::from_minor)
}

pub(super) fn selection(scan: &mut Scanner<'_>) -> Result<u64, DecodeError> {
    scan.exact_in(0, 0..=i64::MAX, "a selection id")
        .map(i64::unsigned_abs)
}

pub(super) fn handicap(scan: &mut Scanner<'_>) -> Result<i32, DecodeError> {
    // Ten thousand goals or runs: beyond any line, and far from where sums of lines overflow.
    let range = -1_000_000..=1_000_000;
    let hundredths = scan.exact_in(2, range, "a handicap in hundredths")?;
    Ok(i32::try_from(hundredths).unwrap_or_default())
}

fn time(scan: &mut Scanner<'_>) -> Result<TimeMs, DecodeError> {
    // The last millisecond of the year 9999.
    scan.exact_in(0, 0..=253_402_300_799_999, "milliseconds since 1970")
        .map(TimeMs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn p(decimal: f64) -> Price {
        Price::nearest(decimal).unwrap()
    }

    fn one(line: &str) -> MarketDelta {
        let mut decoder = Decoder::new();
        decoder.decode(line.as_bytes()).unwrap();
        assert_eq!(decoder.deltas().len(), 1);
        decoder.deltas()[0].clone()
    }

    fn error(line: &str) -> DecodeError {
        Decoder::new().decode(line.as_bytes()).unwrap_err()
    }

    fn level(ladder: LadderKind, position: u8, price: f64, minor: i64) -> LevelChange {
        let (price, size) = (p(price), Money::from_minor(minor));
        LevelChange {
            ladder,
            position,
            price,
            size,
        }
    }

    #[test]
    fn an_update_is_read_whatever_the_order_of_its_keys() {
        let delta = one(
            r#" {"mc":[{"rc":[{"atb":[[1.5,2],[1.49,0]],"batl":[[0,2.98,5.0]],"hc":-0.25,"tv":10.005,
            "spn":"NaN","spf":1.2610804758204543,"ltp":1e1,"new":{"a":[1,"]"]},"id":42},{"id":7,"ltp":null}],
            "con":true,"img":true,"tv":0.29,"id":"1.5"}],"clk":"A\"B","pt":1600000000123,"op":"mcm"}"#,
        );
        assert_eq!(delta.market.as_str(), "1.5");
        assert!(delta.image && delta.conflated);
        assert_eq!(delta.traded_volume, Some(Money::from_minor(29)));
        let [first, second] = &delta.runners[..] else {
            panic!("two runners")
        };
        assert_eq!((first.id.selection, first.id.handicap), (42, -25));
        assert_eq!(first.last_traded, Some(p(10.0)));
        assert_eq!(first.traded_volume, Some(Money::from_minor(1001)));
        assert_eq!(first.sp_near, None);
        assert_eq!(first.sp_far, Some(Price::from_nanos(1_261_080_476)));
        let expected = [
            level(LadderKind::Back, 0, 1.5, 200),
            level(LadderKind::Back, 0, 1.49, 0),
            level(LadderKind::BestLay, 0, 2.98, 500),
        ];
        assert_eq!(delta.levels_of(first), expected);
        assert_eq!(second.id, RunnerId::new(7));
        assert_eq!(second.last_traded, None);
        assert!(delta.levels_of(second).is_empty());
    }

    #[test]
    fn a_line_says_what_it_is() {
        let mut decoder = Decoder::new();
        for (line, op) in [
            (r#"{"op":"connection","connectionId":"1"}"#, Op::Connection),
            (r#"{"op":"status","id":1}"#, Op::Status),
            (r#"{"op":"ocm","pt":1,"oc":[{"id":"1.1"}]}"#, Op::Orders),
            (r#"{"rc":[{"id":"2.1"}],"pt":1,"op":"rcm"}"#, Op::Races),
            (r#"{"op":"ccm","cc":[]}"#, Op::Cricket),
            (r#"{"op":"tea"}"#, Op::Unknown),
        ] {
            match decoder.decode(line.as_bytes()) {
                Ok(Message::Other(found)) => assert_eq!(found, op),
                other => panic!("{line}: {other:?}"),
            }
        }
        match decoder.decode(br#"{"op":"mcm","pt":5,"ct":"HEARTBEAT","mc":null}"#) {
            Ok(Message::Markets {
                published_at,
                deltas,
            }) => {
                assert_eq!((published_at, deltas.len()), (TimeMs(5), 0));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_names_the_field_the_place_and_the_value() {
        for (rc, field, cause) in [
            (
                r#"{"id":1,"ltp":-1}"#,
                "mc.rc.ltp",
                "found -1 where a price",
            ),
            (
                r#"{"id":1,"ltp":"2"}"#,
                "mc.rc.ltp",
                "found \"2\" where a price",
            ),
            (
                r#"{"id":1,"tv":1e300}"#,
                "mc.rc.tv",
                "found 1e300 where an amount",
            ),
            (r#"{"id":1,"tv":-0.01}"#, "mc.rc.tv", "found -0.01"),
            (r#"{"id":1,"atb":[[2,]]}"#, "mc.rc.atb", "where an amount"),
            (r#"{"id":1,"atb":[[2,3,4]]}"#, "mc.rc.atb", "after the size"),
            (r#"{"id":1,"batb":[[256,2,3]]}"#, "mc.rc.batb", "found 256"),
            (r#"{"id":1,"spn":"Inf"}"#, "mc.rc.spn", "found \"Inf\""),
            (
                r#"{"id":1.5}"#,
                "mc.rc.id",
                "found 1.5 where a selection id",
            ),
            (r#"{"id":1,"hc":0.125}"#, "mc.rc.hc", "found 0.125"),
            (r#"{"ltp":2}"#, "mc.rc.id", "missing"),
        ] {
            let start = r#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","rc":["#;
            let error = error(&format!("{start}{rc}]}}]}}"));
            assert_eq!(error.field(), field, "{rc}: {error}");
            assert!(error.cause().contains(cause), "{rc}: {error}");
            assert!(error.column() > start.len(), "{rc}: {}", error.column());
        }
        for id in ["", "a b"] {
            let error = error(&format!(r#"{{"op":"mcm","pt":1,"mc":[{{"id":"{id}"}}]}}"#));
            assert_eq!(error.field(), "mc.id");
        }
        assert_eq!(error(r#"{"op":"mcm","mc":[]}"#).field(), "pt");
        assert_eq!(error(r#"{"pt":1}"#).field(), "op");
        assert_eq!(error(r#"{"op":"mcm","pt":1,"mc":[{}]}"#).field(), "mc.id");
        assert!(
            error(r#"{"op":"mcm","pt":1} {"#)
                .cause()
                .contains("end of the line")
        );
        assert!(
            error(r#"{"op":"mcm","pt":1,"mc":["#)
                .cause()
                .contains("the line ends")
        );
    }

    #[test]
    fn a_bad_line_leaves_nothing_behind() {
        let mut decoder = Decoder::new();
        let bad =
            br#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","rc":[{"id":1,"ltp":2}]},{"id":"1.2","rc":["#;
        assert!(decoder.decode(bad).is_err());
        assert!(decoder.deltas().is_empty());
        let good = br#"{"op":"mcm","pt":1,"mc":[{"id":"1.3","rc":[{"id":5}]}]}"#;
        assert!(decoder.decode(good).is_ok());
        assert_eq!(decoder.deltas()[0].runners.len(), 1);
        assert_eq!(decoder.deltas()[0].market.as_str(), "1.3");
    }

    #[test]
    fn a_steady_feed_reuses_its_memory() {
        let line =
            br#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","rc":[{"id":1,"atb":[[2,3],[3,4]]}]}]}"#;
        let mut decoder = Decoder::new();
        let mut places = || {
            decoder.decode(line).unwrap();
            let delta = &decoder.deltas()[0];
            (
                delta.levels.as_ptr(),
                delta.runners.as_ptr(),
                delta.market.as_str().as_ptr(),
            )
        };
        assert_eq!(places(), places());
    }

    fn ladders() -> impl Strategy<Value = LadderKind> {
        proptest::sample::select(vec![
            LadderKind::Back,
            LadderKind::Lay,
            LadderKind::Traded,
            LadderKind::BestBack,
            LadderKind::BestLay,
            LadderKind::DisplayBack,
            LadderKind::DisplayLay,
            LadderKind::StartingBack,
            LadderKind::StartingLay,
        ])
    }

    fn a_price() -> impl Strategy<Value = Price> {
        (0..=1_000_000_000_000_000_u64).prop_map(Price::from_nanos)
    }

    fn an_amount() -> impl Strategy<Value = Money> {
        (0..=Money::LARGEST.minor()).prop_map(Money::from_minor)
    }

    prop_compose! {
        fn a_runner()(
            (selection, handicap) in (0..=i64::MAX as u64, -10_000..10_000_i32),
            (ltp, spn, spf) in (proptest::option::of(a_price()), proptest::option::of(a_price()), proptest::option::of(a_price())),
            tv in proptest::option::of(an_amount()),
            levels in proptest::collection::vec((ladders(), any::<u8>(), a_price(), an_amount()), 0..6),
        ) -> (RunnerDelta, Vec<LevelChange>) {
            let levels = levels.into_iter().map(|(ladder, position, price, size)| {
                let keyed = ladder_named(key_of(ladder).as_bytes()).unwrap().1;
                let position = if keyed == Keyed::ByPosition { position } else { 0 };
                LevelChange { ladder, position, price, size }
            });
            let id = RunnerId { selection, handicap };
            (RunnerDelta { id, last_traded: ltp, traded_volume: tv, sp_near: spn, sp_far: spf, levels: 0..0 }, levels.collect())
        }
    }

    fn key_of(ladder: LadderKind) -> &'static str {
        let keys = [
            "atb", "atl", "trd", "spb", "spl", "batb", "batl", "bdatb", "bdatl",
        ];
        let named = |key: &&str| ladder_named(key.as_bytes()).unwrap().0 == ladder;
        keys.into_iter().find(named).unwrap()
    }

    fn encode(market: &MarketDelta) -> String {
        let mut line = format!(r#"{{"op":"mcm","pt":77,"mc":[{{"id":"{}""#, market.market);
        if let Some(tv) = market.traded_volume {
            write!(line, r#","tv":{tv}"#).unwrap();
        }
        line.push_str(r#","rc":["#);
        for (at, runner) in market.runners.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let handicap = f64::from(runner.id.handicap) / 100.0;
            write!(line, r#"{comma}{{"hc":{handicap}"#).unwrap();
            let prices = [
                ("ltp", runner.last_traded),
                ("spn", runner.sp_near),
                ("spf", runner.sp_far),
            ];
            for (key, price) in prices {
                match price {
                    Some(price) => write!(line, r#","{key}":{price}"#).unwrap(),
                    None => write!(line, r#","{key}":null"#).unwrap(),
                }
            }
            for level in market.levels_of(runner) {
                let (key, price, size) = (key_of(level.ladder), level.price, level.size);
                match ladder_named(key.as_bytes()).unwrap().1 {
                    Keyed::ByPrice => write!(line, r#","{key}":[[{price},{size}]]"#).unwrap(),
                    Keyed::ByPosition => {
                        write!(line, r#","{key}":[[{},{price},{size}]]"#, level.position).unwrap();
                    }
                }
            }
            if let Some(tv) = runner.traded_volume {
                write!(line, r#","tv":{tv}"#).unwrap();
            }
            write!(line, r#","id":{}}}"#, runner.id.selection).unwrap();
        }
        line + "]}]}"
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            runners in proptest::collection::vec(a_runner(), 0..5),
            tv in proptest::option::of(an_amount()),
        ) {
            let mut market = MarketDelta::new(MarketId::new("1.234567890"));
            market.traded_volume = tv;
            for (mut runner, levels) in runners {
                let start = market.levels.len();
                market.levels.extend(levels);
                runner.levels = start..market.levels.len();
                market.runners.push(runner);
            }
            let line = encode(&market);
            let read = one(&line);
            prop_assert_eq!(read.traded_volume, market.traded_volume);
            prop_assert_eq!(read.runners, market.runners, "{}", line);
            prop_assert_eq!(read.levels, market.levels, "{}", line);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::new().decode(&bytes);
        }

        #[test]
        fn no_damage_to_a_line_makes_it_panic(
            runners in proptest::collection::vec(a_runner(), 1..3),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut market = MarketDelta::new(MarketId::new("1.2"));
            market.runners.extend(runners.into_iter().map(|(runner, _)| runner));
            let mut line = encode(&market).into_bytes();
            let mut decoder = Decoder::new();
            let cut = decoder.decode(&line[..cut.index(line.len())]).is_err();
            prop_assert!(cut, "a cut line is no message");
            for (at, byte) in changes {
                let at = at.index(line.len());
                line[at] = byte;
            }
            let _ = decoder.decode(&line);
        }
    }
}
