//! The lines of a recording: market change messages with the venue's field names, one JSON document a line.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::market::TimeMs;

/// A decimal number, written without a point if it is whole, as the venue does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Number {
    /// An amount of pence, to two decimals.
    pub(super) fn money(pence: i64) -> Self {
        Self(pence as f64 / 100.0)
    }
}

impl Serialize for Number {
    #[allow(clippy::cast_possible_truncation)] // exact: it is whole and small
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    op: &'static str,
    clk: String,
    pt: i64,
    mc: [MarketChange<'a>; 1],
}

/// What changed in a market.
#[derive(Serialize)]
pub(super) struct MarketChange<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "marketDefinition", skip_serializing_if = "Option::is_none")]
    pub(super) definition: Option<&'a Definition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rc: Vec<RunnerChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tv: Option<Number>,
}

/// Levels of a ladder as (price, size).
type Levels = Vec<(Number, Number)>;

/// What changed for a runner.
#[derive(Serialize)]
pub(super) struct RunnerChange {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) atb: Levels,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) atl: Levels,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trd: Levels,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) spb: Levels,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) spl: Levels,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spn: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spf: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ltp: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tv: Option<Number>,
    pub(super) id: u64,
}

impl RunnerChange {
    /// Whether nothing changed.
    pub(super) fn is_empty(&self) -> bool {
        let ladders = [&self.atb, &self.atl, &self.trd, &self.spb, &self.spl];
        let numbers = [self.spn, self.spf, self.ltp, self.tv];
        ladders.iter().all(|levels| levels.is_empty()) && numbers.iter().all(Option::is_none)
    }
}

/// A market definition: always sent whole.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    pub(super) bsp_market: bool,
    pub(super) turn_in_play_enabled: bool,
    pub(super) persistence_enabled: bool,
    pub(super) market_base_rate: Number,
    pub(super) event_id: String,
    pub(super) event_type_id: &'static str,
    pub(super) number_of_winners: usize,
    pub(super) betting_type: &'static str,
    pub(super) market_type: &'static str,
    pub(super) market_time: String,
    pub(super) suspend_time: String,
    pub(super) bsp_reconciled: bool,
    pub(super) complete: bool,
    pub(super) in_play: bool,
    pub(super) cross_matching: bool,
    pub(super) runners_voidable: bool,
    pub(super) number_of_active_runners: usize,
    pub(super) bet_delay: u32,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) settled_time: Option<String>,
    pub(super) runners: Vec<RunnerDefinition>,
    pub(super) regulators: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) venue: Option<String>,
    pub(super) country_code: &'static str,
    pub(super) discount_allowed: bool,
    pub(super) timezone: &'static str,
    pub(super) open_date: String,
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) event_name: String,
    pub(super) price_ladder_definition: LadderDefinition,
}

/// Which prices are taken.
#[derive(Clone, Serialize)]
pub(super) struct LadderDefinition {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// A runner in a definition.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunnerDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) adjustment_factor: Option<Number>,
    pub(super) status: &'static str,
    pub(super) sort_priority: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removal_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bsp: Option<Number>,
    pub(super) id: u64,
    pub(super) name: String,
}

/// Writes messages; their publish times always rise.
pub(super) struct Recorder<W> {
    out: W,
    line: Vec<u8>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) last: Option<TimeMs>,
}

impl<W: Write> Recorder<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            line: Vec::new(),
            lines: 0,
            bytes: 0,
            last: None,
        }
    }

    /// Writes one message, at `at` or just after the last one.
    pub(super) fn write(&mut self, at: TimeMs, change: MarketChange<'_>) -> io::Result<()> {
        let at = self.last.map_or(at, |last| at.max(last + 1));
        self.lines += 1;
        let message = Message {
            op: "mcm",
            clk: self.lines.to_string(),
            pt: at.0,
            mc: [change],
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &message)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.bytes += self.line.len() as u64;
        self.last = Some(at);
        Ok(())
    }
}
