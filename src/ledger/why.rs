//! Why did it bet, and why not: everything a ledger knows of one intent, or of one market.

use rusqlite::{OptionalExtension, named_params, params};
use serde::Serialize;

use super::{LedgerError, Reader};
use crate::market::{Money, TimeMs};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The last intent of the run, a bet if there is one.
    Last,
    /// An intent or order, by its id or the beginning of it; or else a market.
    Name(String),
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Why {
    /// Of an intent, and the order it became.
    Intent(Box<IntentStory>),
    /// Of a market.
    Market(MarketStory),
}

/// All that is known of an intent. Amounts are decimals in the run's currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntentStory {
    /// Its id, that of the order it became.
    pub intent: String,
    /// Of which run.
    pub run: i64,
    /// Currency of all amounts.
    pub currency: String,
    /// When.
    #[serde(rename = "at_ms")]
    pub at: TimeMs,
    /// In which recording or feed.
    pub recording: String,
    /// Number of the market change it answered.
    pub sequence: i64,
    /// Which strategy.
    pub strategy: String,
    /// Which version of its script.
    pub script_hash: String,
    /// The line that made it.
    pub line: Option<u32>,
    /// That line, as it ran.
    pub source: Option<String>,
    /// In which market.
    pub market: String,
    /// What was asked: `PLACE BACK 5.00 at 2.02 on 47972 (LIMIT)`.
    pub asked: String,
    /// In the strategy's words.
    pub reason: Option<String>,
    /// The strategy's own probability.
    pub probability: Option<f64>,
    /// What it saw.
    pub seen: SeenThen,
    /// What each control weighed, in the order they were asked.
    pub controls: Vec<ControlRow>,
    /// APPROVED or REFUSED.
    pub verdict: String,
    /// Why it was refused.
    pub code: Option<String>,
    /// The value at fault.
    pub value: Option<String>,
    /// The limit it met.
    pub limit: Option<String>,
    /// The smallest change with which it would have passed.
    pub remedy: Option<String>,
    /// What happened to the order, in time.
    pub events: Vec<EventRow>,
    /// That its run died before the order was done.
    pub lost: Option<LostRow>,
    /// What it brought, before commission.
    pub profit: Option<String>,
    /// The settlements of its market for the strategy.
    pub settlements: Vec<SettlementRow>,
}

/// What the strategy saw when it decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SeenThen {
    /// State of the market; `None` in a ledger of an earlier schema.
    pub status: Option<String>,
    /// Whether it was in play.
    pub in_play: Option<bool>,
    /// Milliseconds to the scheduled start; negative after it.
    pub to_start_ms: Option<i64>,
    /// Best price and size a backer could take.
    pub back: Option<String>,
    /// Best price and size a layer could take.
    pub lay: Option<String>,
    /// Last traded price.
    pub last: Option<String>,
}

/// What a control weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlRow {
    /// The code with which it refuses.
    pub control: String,
    /// The value.
    pub value: String,
    /// The limit.
    pub limit: String,
    /// Whether it let it pass.
    pub passed: bool,
}

/// Something the venue said of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// When.
    #[serde(rename = "at_ms")]
    pub at: TimeMs,
    /// What.
    pub change: String,
    /// At which price.
    pub price: Option<String>,
    /// How much.
    pub size: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where the order stood after it.
    pub state: String,
    /// Whether it came in time to change anything.
    pub applied: bool,
}

/// That an order was not done when its run died: it is gone with the simulated exchange it was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostRow {
    /// When it was found that the run had died.
    #[serde(rename = "found_at_ms")]
    pub found_at: TimeMs,
    /// Where the order stood.
    pub state: String,
}

/// A settlement of the market for the strategy, or its reversal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettlementRow {
    /// When.
    #[serde(rename = "at_ms")]
    pub at: TimeMs,
    /// Whether it takes an earlier one back.
    pub reversal: bool,
    /// Before commission.
    pub gross: String,
    /// Commission.
    pub commission: String,
    /// After commission.
    pub net: String,
}

/// What each strategy made of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarketStory {
    /// Which market.
    pub market: String,
    /// Of which run.
    pub run: i64,
    /// One for each strategy and recording.
    pub strategies: Vec<StrategyInMarket>,
}

/// What a strategy made of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StrategyInMarket {
    /// Which strategy.
    pub strategy: String,
    /// In which recording or feed.
    pub recording: String,
    /// How often it was asked.
    pub calls: u64,
    /// Changes outside the moments that its `markets()` asks for.
    pub not_now: u64,
    /// What of its `markets()` the market does not meet.
    pub unwanted: Option<String>,
    /// Intents it returned.
    pub intents: u64,
    /// Bets among them.
    pub bets: u64,
    /// Refusals by code.
    pub refused: Vec<(String, u64)>,
    /// The last intent, to ask about.
    pub last: Option<String>,
}

impl Reader {
    /// Answers about an intent, an order or a market of a run, of the latest that has it unless one is named.
    /// `None` if the ledger knows nothing of that name.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn why(&self, run: Option<i64>, about: &About) -> Result<Option<Why>, LedgerError> {
        let latest = self.run_of(run)?;
        let answer = || -> rusqlite::Result<Option<Why>> {
            let name = match about {
                About::Last => None,
                About::Name(name) => Some(name.as_str()),
            };
            if let Some((run, intent)) =
                self.find_intent(run.or(name.map_or(latest, |_| None)), name)?
            {
                return Ok(Some(Why::Intent(Box::new(
                    self.intent_story(run, &intent)?,
                ))));
            }
            match name {
                Some(market) => Ok(self.market_story(run, market)?.map(Why::Market)),
                None => Ok(None),
            }
        };
        answer().map_err(LedgerError::database(&self.path, "read the ledger"))
    }

    fn find_intent(
        &self,
        run: Option<i64>,
        name: Option<&str>,
    ) -> rusqlite::Result<Option<(i64, String)>> {
        // Ids are letters and digits; anything else would be a pattern, or a market.
        if name
            .is_some_and(|name| name.len() < 6 || !name.bytes().all(|b| b.is_ascii_alphanumeric()))
        {
            return Ok(None);
        }
        self.connection
            .query_row(
                "SELECT run_id, id FROM intents
                  WHERE (?1 IS NULL OR run_id = ?1) AND (?2 IS NULL OR id LIKE ?2 || '%')
                  ORDER BY run_id DESC, iif(?2 IS NULL, action = 'PLACE' AND verdict = 'APPROVED', 0) DESC,
                           record DESC
                  LIMIT 1",
                params![run, name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
    }

    fn intent_story(&self, run: i64, intent: &str) -> rusqlite::Result<IntentStory> {
        let mut story = self.connection.query_row(
            "SELECT i.id, i.run_id, r.currency, i.at_ms, c.name, i.sequence, i.strategy, i.script_hash,
                    i.script_line, s.source, i.market, i.action, i.side,
                    coalesce(i.size_minor, i.liability_minor), i.price,
                    i.selection || CASE i.handicap_hundredths WHEN 0 THEN ''
                                   ELSE printf('@%g', i.handicap_hundredths / 100.0) END,
                    i.type, i.target, i.problem, i.problem_value, i.reason, i.probability,
                    i.seen_status, i.seen_in_play, i.seen_start_ms - i.at_ms,
                    i.seen_back_price || ' x ' || printf('%.2f', i.seen_back_size_minor / 100.0),
                    i.seen_lay_price || ' x ' || printf('%.2f', i.seen_lay_size_minor / 100.0),
                    i.seen_last_traded, i.verdict, i.code, i.code_value, i.code_limit, i.remedy,
                    (SELECT o.profit_minor FROM orders o WHERE o.run_id = i.run_id AND o.id = i.id)
               FROM intents i
               JOIN runs r ON r.id = i.run_id
               JOIN recordings c ON c.run_id = i.run_id AND c.ordinal = i.recording
               LEFT JOIN scripts s ON s.hash = i.script_hash
              WHERE i.run_id = ?1 AND i.id = ?2",
            params![run, intent],
            |row| {
                let line: Option<u32> = row.get(8)?;
                let source: Option<String> = row.get(9)?;
                let source = line.zip(source).and_then(|(line, source)| {
                    let line = source.lines().nth((line as usize).checked_sub(1)?)?;
                    Some(line.trim().to_owned())
                });
                Ok(IntentStory {
                    intent: row.get(0)?,
                    run: row.get(1)?,
                    currency: row.get(2)?,
                    at: TimeMs(row.get(3)?),
                    recording: row.get(4)?,
                    sequence: row.get(5)?,
                    strategy: row.get(6)?,
                    script_hash: row.get(7)?,
                    line,
                    source,
                    market: row.get(10)?,
                    asked: asked(row)?,
                    reason: row.get(20)?,
                    probability: row.get(21)?,
                    seen: SeenThen {
                        status: row.get(22)?,
                        in_play: row.get(23)?,
                        to_start_ms: row.get(24)?,
                        back: row.get(25)?,
                        lay: row.get(26)?,
                        last: row.get(27)?,
                    },
                    controls: Vec::new(),
                    verdict: row.get(28)?,
                    code: row.get(29)?,
                    value: row.get(30)?,
                    limit: row.get(31)?,
                    remedy: row.get(32)?,
                    events: Vec::new(),
                    lost: None,
                    profit: amount(row, 33)?,
                    settlements: Vec::new(),
                })
            },
        )?;
        let order = named_params! { ":run": run, ":intent": intent };
        story.controls = self.list(
            "SELECT control, coalesce(value, '-'), coalesce(\"limit\", '-'), passed FROM v_controls
              WHERE run_id = :run AND intent = :intent ORDER BY number",
            order,
            |row| {
                Ok(ControlRow {
                    control: row.get(0)?,
                    value: row.get(1)?,
                    limit: row.get(2)?,
                    passed: row.get(3)?,
                })
            },
        )?;
        story.events = self.list(
            "SELECT at_ms, change, price, size_minor, reason, state, applied FROM order_events
              WHERE order_run_id = :run AND order_id = :intent ORDER BY run_id, record",
            order,
            |row| {
                Ok(EventRow {
                    at: TimeMs(row.get(0)?),
                    change: row.get(1)?,
                    price: row.get(2)?,
                    size: amount(row, 3)?,
                    reason: row.get(4)?,
                    state: row.get(5)?,
                    applied: row.get(6)?,
                })
            },
        )?;
        let lost = self.list(
            "SELECT d.found_at_ms, l.state FROM lost_orders l JOIN deaths d USING (run_id)
              WHERE l.run_id = :run AND l.order_id = :intent",
            order,
            |row| {
                Ok(LostRow {
                    found_at: TimeMs(row.get(0)?),
                    state: row.get(1)?,
                })
            },
        )?;
        story.lost = lost.into_iter().next();
        story.settlements = self.list(
            "SELECT s.at_ms, s.reverses IS NOT NULL, s.gross_minor, s.commission_minor, s.net_minor
               FROM settlement_orders o JOIN settlements s USING (run_id, record)
              WHERE o.order_run_id = :run AND o.order_id = :intent ORDER BY run_id, record",
            order,
            |row| {
                Ok(SettlementRow {
                    at: TimeMs(row.get(0)?),
                    reversal: row.get(1)?,
                    gross: amount(row, 2)?.unwrap_or_default(),
                    commission: amount(row, 3)?.unwrap_or_default(),
                    net: amount(row, 4)?.unwrap_or_default(),
                })
            },
        )?;
        Ok(story)
    }

    fn market_story(
        &self,
        run: Option<i64>,
        market: &str,
    ) -> rusqlite::Result<Option<MarketStory>> {
        let run: Option<i64> = self.connection.query_row(
            "SELECT max(run_id) FROM (SELECT run_id FROM visits WHERE market = ?2
                                       UNION SELECT run_id FROM intents WHERE market = ?2)
              WHERE ?1 IS NULL OR run_id = ?1",
            params![run, market],
            |row| row.get(0),
        )?;
        let Some(run) = run else {
            return Ok(None);
        };
        let which = named_params! { ":run": run, ":market": market };
        let mut strategies = self.list(
            "SELECT v.strategy, r.name, v.calls, v.not_now, v.unwanted,
                    count(i.id), coalesce(sum(i.action = 'PLACE' AND i.verdict = 'APPROVED'), 0),
                    (SELECT l.id FROM intents l
                      WHERE l.run_id = v.run_id AND l.recording = v.recording
                        AND l.strategy = v.strategy AND l.market = v.market
                      ORDER BY l.record DESC LIMIT 1),
                    v.recording
               FROM visits v
               JOIN recordings r ON r.run_id = v.run_id AND r.ordinal = v.recording
               LEFT JOIN intents i ON i.run_id = v.run_id AND i.recording = v.recording
                                  AND i.strategy = v.strategy AND i.market = v.market
              WHERE v.run_id = :run AND v.market = :market
              GROUP BY v.recording, v.strategy ORDER BY v.recording, v.strategy",
            which,
            |row| {
                let story = StrategyInMarket {
                    strategy: row.get(0)?,
                    recording: row.get(1)?,
                    calls: super::reader::count(row, 2)?,
                    not_now: super::reader::count(row, 3)?,
                    unwanted: row.get(4)?,
                    intents: super::reader::count(row, 5)?,
                    bets: super::reader::count(row, 6)?,
                    refused: Vec::new(),
                    last: row.get(7)?,
                };
                Ok((story, row.get::<_, u32>(8)?))
            },
        )?;
        for (story, recording) in &mut strategies {
            story.refused = self.list(
                "SELECT code, count(*) FROM intents
                  WHERE run_id = :run AND market = :market AND recording = :recording
                    AND strategy = :strategy AND verdict = 'REFUSED'
                  GROUP BY code ORDER BY count(*) DESC, code",
                named_params! {
                    ":run": run, ":market": market,
                    ":recording": *recording, ":strategy": story.strategy.clone(),
                },
                |row| Ok((row.get(0)?, super::reader::count(row, 1)?)),
            )?;
        }
        Ok(Some(MarketStory {
            market: market.to_owned(),
            run,
            strategies: strategies.into_iter().map(|(story, _)| story).collect(),
        }))
    }

    fn list<T>(
        &self,
        sql: &str,
        parameters: &[(&str, &dyn rusqlite::ToSql)],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map(parameters, read)?.collect()
    }
}

/// What was asked, in one line.
fn asked(row: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    let text = |column| row.get::<_, Option<String>>(column);
    let action: String = row.get(11)?;
    let mut words = vec![action.clone()];
    words.extend(text(12)?);
    words.extend(amount(row, 13)?);
    words.extend(text(14)?.map(|price| format!("at {price}")));
    words.extend(text(15)?.map(|runner| format!("on {runner}")));
    words.extend(text(16)?.map(|kind| format!("({kind})")));
    if let Some(target) = text(17)? {
        words.push(match action.as_str() {
            "PLACE" => format!("in place of order {target}"),
            _ => format!("order {target}"),
        });
    }
    words.extend(text(18)?.map(|problem| format!("what is no intent: {problem}")));
    words.extend(text(19)?.map(|value| format!("(it was {value})")));
    Ok(words.join(" "))
}

fn amount(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let minor: Option<i64> = row.get(column)?;
    Ok(minor.map(|minor| Money::from_minor(minor).to_string()))
}
