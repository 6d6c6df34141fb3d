//! Turns a story into a market: books, definitions and the messages that tell of both.

use std::io::{self, Write};

use super::book::{Book, Weather};
use super::names::{Names, name};
use super::random::Random;
use super::story::{Beat, Scene, Story, tell};
use super::wire::{Definition, LadderDefinition, MarketChange, Number, Recorder, RunnerDefinition};
use super::{Kind, Spec, Summary};
use crate::market::{Price, TimeMs};

/// Purpose of the stream of numbers that a market's books are drawn from, one for each kind of market.
const BOOKS: u64 = 100;

/// Writes the recording of a specification.
pub(super) fn perform<W: Write>(spec: &Spec, out: W) -> io::Result<Summary> {
    let Story {
        opening,
        begins,
        scenes,
    } = tell(spec);
    let id = spec.market_id();
    let mut stage = Stage {
        id: id.as_str(),
        spec,
        definition: definition(spec, &opening),
        books: Vec::new(),
        volume: 0,
        random: Random::new(spec.seed, BOOKS + spec.kind as u64),
        recorder: Recorder::new(out),
    };
    stage.open(&opening);
    stage.tell(begins, true)?;
    let mut winners = Vec::new();
    for Scene { at, beat } in scenes {
        let redefined = !matches!(beat, Beat::Trade { .. });
        if let Beat::Settle { winners: won } = &beat {
            winners = won
                .iter()
                .map(|&runner| stage.definition.runners[runner].id)
                .collect();
        }
        stage.play(at, beat);
        stage.tell(at, redefined)?;
    }
    let Recorder {
        lines, bytes, last, ..
    } = stage.recorder;
    Ok(Summary {
        market: id,
        lines,
        bytes,
        begins,
        ends: last.unwrap_or(begins),
        winners,
    })
}

struct Stage<'a, W> {
    id: &'a str,
    spec: &'a Spec,
    definition: Definition,
    books: Vec<Book>,
    volume: i64,
    random: Random,
    recorder: Recorder<W>,
}

impl<W: Write> Stage<'_, W> {
    fn open(&mut self, opening: &[f64]) {
        self.books = opening
            .iter()
            .map(|&chance| Book::open(chance, &mut self.random))
            .collect();
    }

    /// Sends what changed; nothing if nothing did.
    fn tell(&mut self, at: TimeMs, redefined: bool) -> io::Result<()> {
        let runners = self.definition.runners.iter().zip(&mut self.books);
        let rc: Vec<_> = runners
            .filter_map(|(runner, book)| book.changes(runner.id))
            .collect();
        let volume = self.books.iter().map(Book::volume).sum();
        let tv = (volume != self.volume).then(|| Number::money(volume));
        self.volume = volume;
        if rc.is_empty() && !redefined {
            return Ok(());
        }
        let definition = redefined.then_some(&self.definition);
        self.recorder.write(
            at,
            MarketChange {
                id: self.id,
                definition,
                rc,
                tv,
            },
        )
    }

    fn play(&mut self, at: TimeMs, beat: Beat) {
        if !matches!(beat, Beat::Trade { .. }) {
            self.definition.version += 1 + self.random.below(4_000) as u64;
        }
        match beat {
            Beat::Trade { chances, heat } => self.trade(&chances, heat),
            Beat::Suspend => self.definition.status = "SUSPENDED",
            Beat::Withdraw { runner, chances } => self.withdraw(at, runner, &chances),
            Beat::Reopen { chances } => {
                self.definition.status = "OPEN";
                self.follow(&chances, 0.0);
            }
            Beat::Off { chances } => self.start(&chances),
            Beat::TurnInPlay { chances } => {
                self.definition.status = "OPEN";
                self.definition.in_play = true;
                self.definition.bet_delay = self.spec.kind.bet_delay_seconds();
                self.follow(&chances, 0.0);
            }
            Beat::SuspendInPlay => {
                self.definition.status = "SUSPENDED";
                self.lapse();
            }
            Beat::Settle { winners } => self.settle(at, &winners),
        }
    }

    fn trade(&mut self, chances: &[f64], heat: f64) {
        self.follow(chances, heat);
        let weather = self.weather(heat);
        for _ in 0..=self.random.below(2) {
            let runner = self.random.weighted(chances);
            if self.is_active(runner) {
                self.books[runner].bustle(weather, &mut self.random);
            }
        }
    }

    /// Moves every book to its chance. With no heat, offers that are passed are withdrawn, not taken.
    fn follow(&mut self, chances: &[f64], heat: f64) {
        let weather = self.weather(heat);
        for (runner, &chance) in chances.iter().enumerate() {
            if self.is_active(runner) {
                self.books[runner].follow(chance, weather, &mut self.random);
            }
        }
    }

    fn weather(&self, heat: f64) -> Weather {
        let Definition {
            in_play,
            bsp_market,
            bsp_reconciled,
            ..
        } = self.definition;
        Weather {
            heat,
            in_play,
            starting_price: bsp_market && !bsp_reconciled,
        }
    }

    fn is_active(&self, runner: usize) -> bool {
        self.definition.runners[runner].status == "ACTIVE"
    }

    fn lapse(&mut self) {
        self.books.iter_mut().for_each(Book::lapse);
    }

    /// A runner goes: its reduction factor stays as it was, those of the others add up anew.
    fn withdraw(&mut self, at: TimeMs, runner: usize, chances: &[f64]) {
        let factors = reduction_factors(self.spec, chances);
        for (other, (definition, factor)) in
            self.definition.runners.iter_mut().zip(factors).enumerate()
        {
            if other == runner {
                definition.status = "REMOVED";
                definition.removal_date = Some(to_the_second(at));
            } else {
                definition.adjustment_factor = factor;
            }
        }
        self.definition.number_of_active_runners -= 1;
        self.books[runner].lapse();
    }

    fn start(&mut self, chances: &[f64]) {
        self.definition.status = "SUSPENDED";
        self.lapse();
        if !self.definition.bsp_market {
            return;
        }
        self.definition.bsp_reconciled = true;
        for (runner, &chance) in chances.iter().enumerate() {
            if self.is_active(runner) {
                let skew = self.random.between(0.995, 1.005);
                let price = (skew / chance).clamp(1.01, 1_000.0);
                self.definition.runners[runner].bsp =
                    Price::nearest(price).map(|bsp| Number(bsp.to_f64()));
            }
        }
    }

    fn settle(&mut self, at: TimeMs, winners: &[usize]) {
        self.definition.status = "CLOSED";
        self.definition.settled_time = Some(to_the_second(at));
        self.definition.number_of_active_runners = 0;
        for (runner, definition) in self.definition.runners.iter_mut().enumerate() {
            if definition.status == "ACTIVE" {
                definition.status = if winners.contains(&runner) {
                    "WINNER"
                } else {
                    "LOSER"
                };
            }
        }
    }
}

fn definition(spec: &Spec, opening: &[f64]) -> Definition {
    let Names {
        event_id,
        event,
        course,
        runners,
    } = name(spec);
    let race = spec.kind != Kind::MatchOdds;
    let factors = reduction_factors(spec, opening);
    let runners: Vec<_> = runners
        .into_iter()
        .zip(factors)
        .enumerate()
        .map(|(at, ((id, name), adjustment_factor))| RunnerDefinition {
            adjustment_factor,
            status: "ACTIVE",
            sort_priority: at + 1,
            removal_date: None,
            bsp: None,
            id,
            name,
        })
        .collect();
    Definition {
        bsp_market: race,
        turn_in_play_enabled: true,
        persistence_enabled: true,
        market_base_rate: Number(5.0),
        event_id,
        event_type_id: if race { "7" } else { "1" },
        number_of_winners: spec.winners(),
        betting_type: "ODDS",
        market_type: spec.kind.market_type(),
        market_time: spec.off.to_string(),
        suspend_time: spec.off.to_string(),
        bsp_reconciled: false,
        complete: true,
        in_play: false,
        cross_matching: spec.winners() == 1,
        runners_voidable: false,
        number_of_active_runners: runners.len(),
        bet_delay: 0,
        status: "OPEN",
        settled_time: None,
        runners,
        regulators: ["MR_INT"],
        venue: course,
        country_code: "GB",
        discount_allowed: true,
        timezone: "Europe/London",
        open_date: spec.off.to_string(),
        version: 5_000_000_000 + spec.seed % 1_000_000 * 1_000,
        name: spec.kind.market_name(spec.winners()),
        event_name: event,
        price_ladder_definition: LadderDefinition { kind: "CLASSIC" },
    }
}

/// By how much prices would fall if a runner went, in percent to three decimals: in a WIN market its share of
/// the chances, so that those of all runners add up to 100; in a PLACE market half its chance, as the venue's
/// factors there do roughly. Matches have none.
fn reduction_factors(spec: &Spec, chances: &[f64]) -> Vec<Option<Number>> {
    let scale = match spec.kind {
        Kind::Win => 100_000.0,
        Kind::Place => 50_000.0,
        Kind::MatchOdds => return vec![None; chances.len()],
    };
    // Each is the distance between two rounded running sums, so that rounding cannot pile up.
    let mut sum = 0.0;
    chances
        .iter()
        .map(|chance| {
            let before = f64::round(sum * scale);
            sum += chance;
            Some(Number(((sum * scale).round() - before) / 1_000.0))
        })
        .collect()
}

fn to_the_second(at: TimeMs) -> String {
    TimeMs(at.0.div_euclid(1_000) * 1_000).to_string()
}
