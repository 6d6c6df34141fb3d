//! The stream codec: one line of JSON in, market deltas out. Buffers are kept, so a steady feed allocates nothing.

use std::collections::HashMap;
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
                    if delta.market.as_str().as_bytes() != &*name {
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
    known: HashMap<Box<[u8]>, MarketId>,
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
        let mut by_price = |scan: &mut Scanner<'_>, ladder| {
            scan.array(|scan| {
                scan.token(b'[', "[price, size]")?;
                let level = level(scan, ladder, 0)?;
                delta.levels.push(level);
                Ok(())
            })
        };
        match key {
            b"atb" => return by_price(scan, LadderKind::Back),
            b"atl" => return by_price(scan, LadderKind::Lay),
            b"trd" => return by_price(scan, LadderKind::Traded),
            b"spb" => return by_price(scan, LadderKind::StartingBack),
            b"spl" => return by_price(scan, LadderKind::StartingLay),
            _ => {}
        }
        let mut by_position = |scan: &mut Scanner<'_>, ladder| {
            scan.array(|scan| {
                scan.token(b'[', "[position, price, size]")?;
                let position = scan.exact_in(0, 0..=255, "a position from 0 to 255")?;
                scan.token(b',', "\",\" and a price")?;
                let level = level(scan, ladder, u8::try_from(position).unwrap_or(u8::MAX))?;
                delta.levels.push(level);
                Ok(())
            })
        };
        match key {
            b"batb" => by_position(scan, LadderKind::BestBack)?,
            b"batl" => by_position(scan, LadderKind::BestLay)?,
            b"bdatb" => by_position(scan, LadderKind::DisplayBack)?,
            b"bdatl" => by_position(scan, LadderKind::DisplayLay)?,
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

/// The price, size and closing bracket of one level.
fn level(
    scan: &mut Scanner<'_>,
    ladder: LadderKind,
    position: u8,
) -> Result<LevelChange, DecodeError> {
    let price = price(scan)?;
    scan.token(b',', "\",\" and a size")?;
    let size = money(scan)?;
    scan.token(b']', "\"]\" after the size")?;
    Ok(LevelChange {
        ladder,
        position,
        price,
        size,
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
    let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let hundredths = scan.exact_in(2, range, "a handicap in hundredths")?;
    Ok(i32::try_from(hundredths).unwrap_or_default())
}

fn time(scan: &mut Scanner<'_>) -> Result<TimeMs, DecodeError> {
    // The last millisecond of the year 9999.
    scan.exact_in(0, 0..=253_402_300_799_999, "milliseconds since 1970")
        .map(TimeMs)
}
