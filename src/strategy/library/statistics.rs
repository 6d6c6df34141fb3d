//! Registers score models, ratings, scoring rules, evaluation, and statistics of rows of numbers.

use rhai::{Array, Dynamic, EvalAltResult, Map};

use super::super::budget::Work;
use super::super::error::fail;
use super::super::maths::devig::Method;
use super::super::maths::ratings::{Pi, PiRates};
use super::super::maths::scores::{self, Grid};
use super::super::maths::scoring::Rule;
use super::super::maths::{Checked, Wrong, evaluation, ratings, rolling, tennis};
use super::super::names::Api;
use super::super::propose::number;
use super::args::{Args, read_numbers};
use super::betting::{numbers, shares_map};

/// Values in a row a script keeps.
const MOST_KEPT: i64 = rolling::MOST_VALUES as i64;
/// Pairs of time and value in a row, each of which counts as three items of a script's array.
const MOST_TIMED: usize = 300;

/// Registers models and statistics.
pub(super) fn register(api: &mut Api) {
    score_models(api);
    grid(api);
    tennis_chances(api);
    rate(api);
    score_forecasts(api);
    evaluate(api);
    rows(api);
    averages(api);
}

fn score_models(api: &mut Api) {
    api.group("Scores");
    api.library(
        "poisson(count, mean)",
        "chance of exactly this count",
        "poisson(2, 1.5) → 0.251021",
        |a| {
            a.spend(1000)?;
            scores::poisson_chance(a.whole()?, a.number()?)
        },
    );
    api.library(
        "poisson_grid(home, away, most_goals = enough)",
        "chances of all scores from expected goals",
        "poisson_grid(1.5, 1.1).home → 0.464244",
        |a| {
            let (home, away) = (a.number()?, a.number()?);
            lay_out(a, home, away, 0.0)
        },
    );
    api.library(
        "dixon_coles_grid(home, away, rho, most_goals = enough)",
        "the same with Dixon and Coles's correction of 0-0, 0-1, 1-0 and 1-1; rho is usually a little below 0",
        "dixon_coles_grid(1.5, 1.1, -0.1).draw → 0.282177",
        |a| {
            let (home, away, rho) = (a.number()?, a.number()?, a.number()?);
            lay_out(a, home, away, rho)
        },
    );
    api.library(
        "in_play_grid(home, away, left, score)",
        "the chances of all final scores from the score so far, as in [1, 0]: expected goals of a whole game, of which the share `left` is still to play",
        "in_play_grid(1.5, 1.1, 0.5, [1, 0]).home → 0.760172",
        |a| {
            let (home, away, left) = (a.number()?, a.number()?, a.number()?);
            let score = a.array()?;
            let goals: Vec<i64> = score.iter().filter_map(|goals| goals.as_int().ok()).collect();
            let [own, other] = goals[..] else {
                return Err(Wrong::new("a score is [home, away], as in [1, 0]"));
            };
            let grid = scores::in_play_grid(home, away, left, [own, other])?;
            a.spend(4 * cells(&grid))?;
            Ok(Dynamic::from(grid))
        },
    );
    api.library(
        "goal_expectancy(home, draw, away, rho = 0)",
        "the expected goals whose grid has these chances",
        "goal_expectancy(0.45, 0.27, 0.28, 0.001).home → 1.384195",
        |a| {
            a.spend(5000)?;
            let (home, away) =
                scores::goal_expectancy(a.number()?, a.number()?, a.number()?, a.number_or(0.0)?)?;
            Ok(numbers([("home", home), ("away", away)]))
        },
    );
}

fn lay_out(a: &mut Args<'_, '_>, home: f64, away: f64, rho: f64) -> Checked<Dynamic> {
    let most = a.whole_if_given()?;
    let most = most.map(|most| usize::try_from(most).unwrap_or(0));
    let grid = scores::dixon_coles_grid(home, away, rho, most)?;
    a.spend(4 * cells(&grid))?;
    Ok(Dynamic::from(grid))
}

fn cells(grid: &Grid) -> usize {
    (grid.most_goals() + 1) * (grid.most_goals() + 1)
}

/// A property's name, what it is, and how it is read.
type Chance = (&'static str, &'static str, fn(&Grid) -> f64);

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Reads a grid, paying for the walk over it.
fn walk<R>(work: &Work, grid: &Grid, read: impl Fn(&Grid) -> Checked<R>) -> Outcome<R> {
    let read = work.spend(cells(grid)).and_then(|()| read(grid));
    read.map_err(|wrong| fail(wrong.to_string()))
}

fn grid(api: &mut Api) {
    api.kind::<Grid>("Grid", "grid");
    let chances: [Chance; 7] = [
        ("home", "chance of a home win", Grid::home),
        ("draw", "chance of a draw", Grid::draw),
        ("away", "chance of an away win", Grid::away),
        (
            "both_score",
            "chance that both sides score",
            Grid::both_score,
        ),
        (
            "draw_no_bet",
            "chance of a home win if a draw does not count",
            Grid::draw_no_bet,
        ),
        (
            "home_to_nil",
            "chance that the home side wins and the other does not score",
            Grid::home_to_nil,
        ),
        (
            "away_to_nil",
            "the same for the away side",
            Grid::away_to_nil,
        ),
    ];
    for (name, what, chance) in chances {
        let work = api.work.clone();
        api.try_get(name, what, move |g: &Grid| {
            walk(&work, g, |g| Ok(chance(g)))
        });
    }
    api.get(
        "most_goals",
        "most goals of a side in the grid",
        |g: &Grid| g.most_goals() as i64,
    );
    api.function(
        "grid.score(home, away)",
        "chance of a score",
        |g: &mut Grid, home: i64, away: i64| {
            let goals = |goals: i64| usize::try_from(goals).unwrap_or(usize::MAX);
            g.score(goals(home), goals(away))
        },
    );
    api.example("dixon_coles_grid(1.5, 1.1, -0.1).score(1, 0) → 0.099155");
    line(
        api,
        "grid.over(line)",
        "chance of more goals than the line",
        |g, line| Ok(g.over(line).into()),
    );
    api.example("poisson_grid(1.5, 1.1).over(2.5) → 0.481570");
    line(
        api,
        "grid.under(line)",
        "chance of fewer goals than the line",
        |g, line| Ok(g.under(line).into()),
    );
    api.example("poisson_grid(1.5, 1.1).under(2.5) → 0.518430");
    line(
        api,
        "grid.handicap_home(line)",
        "how a bet on the home side with this Asian handicap is expected to settle: shares that win, push and lose, and fair_odds",
        |g, line| g.handicap_home(line).map(|s| shares_map(s).into()),
    );
    api.example("poisson_grid(1.5, 1.1).handicap_home(-0.25).push → 0.128834");
    line(
        api,
        "grid.handicap_away(line)",
        "the same on the away side",
        |g, line| g.handicap_away(line).map(|s| shares_map(s).into()),
    );
    api.example("poisson_grid(1.5, 1.1).handicap_away(0.25).lose → 0.464244");
    line(
        api,
        "grid.total_over(line)",
        "the same on over an Asian line of goals",
        |g, line| g.total_over(line).map(|s| shares_map(s).into()),
    );
    api.example("poisson_grid(1.5, 1.1).total_over(2.25).lose → 0.392907");
    line(
        api,
        "grid.total_under(line)",
        "the same on under",
        |g, line| g.total_under(line).map(|s| shares_map(s).into()),
    );
    api.example("poisson_grid(1.5, 1.1).total_under(2.25).win → 0.392907");
}

/// A method of a grid that takes a line.
fn line(
    api: &mut Api,
    usage: &'static str,
    what: &'static str,
    read: fn(&Grid, f64) -> Checked<Dynamic>,
) {
    let work = api.work.clone();
    api.function(usage, what, move |g: &mut Grid, line: Dynamic| {
        let line = number(&line).filter(|x| x.is_finite());
        let line = line.ok_or_else(|| fail("a line is a number, as in 2.5"))?;
        walk(&work, g, |g| read(g, line))
    });
}

fn rate(api: &mut Api) {
    api.group("Ratings");
    api.library(
        "elo_expected(home, away, advantage = 100)",
        "expected share of points of the home side",
        "elo_expected(1500, 1500) → 0.640065",
        |a| ratings::elo_expected(a.number()?, a.number()?, a.number_or(100.0)?),
    );
    api.library(
        "elo_update(home, away, result, k = 20, advantage = 100)",
        "both ratings after a game; `result` is 1, 0.5 or 0 for the home side",
        "elo_update(1500, 1500, 1) → #{ home: 1507.1987, away: 1492.8013 }",
        |a| {
            let (home, away, result) = (a.number()?, a.number()?, a.number()?);
            let (home, away) =
                ratings::elo_update(home, away, result, a.number_or(20.0)?, a.number_or(100.0)?)?;
            Ok(numbers([("home", home), ("away", away)]))
        },
    );
    api.library(
        "time_decay(age_days, xi)",
        "weight of an old result: exp(−xi·days)",
        "time_decay(183, 0.0018) → 0.719355",
        |a| ratings::time_decay(a.number()?, a.number()?),
    );
    api.library(
        "half_life_decay(age, half_life)",
        "the same by the age at which a result counts half",
        "half_life_decay(60, 30) → 0.25",
        |a| ratings::half_life_decay(a.number()?, a.number()?),
    );
    api.library(
        "pi_update(home, away, difference, learning = 0.15, carried = 0.1, k = 0.75)",
        "pi-ratings of both teams after a game with this goal difference. A team's are [at home, away], the goals it is worth there; the expected difference is the home team's first less the other's second",
        "pi_update([0.0, 0.0], [0.0, 0.0], 3) → #{ home: [0.138462, 0.092308], away: [-0.092308, -0.138462] }",
        pi_update,
    );
    let race = |a: &mut Args<'_, '_>| -> Checked<(Vec<f64>, i64)> {
        let (win, places) = (a.numbers()?, a.whole()?);
        a.spend(2 * win.len().min(ratings::MOST_RUNNERS).pow(3))?;
        Ok((win, places))
    };
    api.library(
        "harville_places(win, places)",
        "chances to be among the first `places` (1 to 3) from the chances to win, by Harville's formula",
        "harville_places([0.5, 0.3, 0.2], 2) → [0.839286, 0.675, 0.485714]",
        move |a| {
            let (win, places) = race(a)?;
            ratings::harville_places(&win, places)
        },
    );
    api.library(
        "discounted_places(win, places, second = 0.76, third = 0.62)",
        "the same with the chances raised to these powers for second and third place, as favourites that did not win are placed less often than Harville has it: near to Henery's model as it stands, to Stern's with 0.88 and 0.81",
        "discounted_places([0.5, 0.3, 0.2], 2) → [0.819387, 0.669046, 0.511567]",
        move |a| {
            let (win, places) = race(a)?;
            let (second, third) = (a.number_or(0.76)?, a.number_or(0.62)?);
            ratings::discounted_places(&win, places, second, third)
        },
    );
}

fn pi_update(a: &mut Args<'_, '_>) -> Checked<Map> {
    let team = |ratings: Vec<f64>| match ratings[..] {
        [home, away] => Ok(Pi { home, away }),
        _ => Err(Wrong::new("a team's ratings are [at home, away]")),
    };
    let (home, away, difference) = (team(a.numbers()?)?, team(a.numbers()?)?, a.number()?);
    let rates = PiRates {
        learning: a.number_or(0.15)?,
        carried: a.number_or(0.1)?,
        diminishing: a.number_or(0.75)?,
    };
    let (home, away) = ratings::pi_update(home, away, difference, rates)?;
    let shown = |pi: Pi| Dynamic::from(vec![Dynamic::from(pi.home), Dynamic::from(pi.away)]);
    Ok(Map::from([
        ("home".into(), shown(home)),
        ("away".into(), shown(away)),
    ]))
}

fn tennis_chances(api: &mut Api) {
    api.group("Tennis");
    api.library(
        "tennis_game(serve)",
        "chance that the server wins a game, from the chance to win a point on serve",
        "tennis_game(0.6) → 0.735729",
        |a| tennis::game(a.number()?),
    );
    api.library(
        "tennis_tie_break(serve, opponent)",
        "chance of winning a tie-break, from the chances of both to win a point on their own serve",
        "tennis_tie_break(0.65, 0.6) → 0.581617",
        |a| {
            a.spend(500)?;
            tennis::tie_break(a.number()?, a.number()?)
        },
    );
    api.library(
        "tennis_set(serve, opponent)",
        "the same of a set with a tie-break",
        "tennis_set(0.65, 0.6) → 0.663495",
        |a| {
            a.spend(1000)?;
            tennis::set(a.number()?, a.number()?)
        },
    );
    api.library(
        "tennis_match(serve, opponent, sets = 3, won = 0, lost = 0)",
        "the same of a match of at most 3 or 5 sets, from the sets won and lost so far",
        "[tennis_match(0.65, 0.6), tennis_match(0.65, 0.6, 3, 0, 1)] → [0.736502, 0.440225]",
        |a| {
            a.spend(1000)?;
            let (serve, opponent) = (a.number()?, a.number()?);
            let sets = a.whole_if_given()?.unwrap_or(3);
            let won = a.whole_if_given()?.unwrap_or(0);
            tennis::match_of(serve, opponent, sets, won, a.whole_if_given()?.unwrap_or(0))
        },
    );
}

fn score_forecasts(api: &mut Api) {
    api.group("Scoring rules");
    let rules = [
        (
            "brier(forecast, outcome)",
            "Σ (p − happened)²: `forecast` holds the chances of all outcomes, `outcome` counts from 0. Arrays of both give the mean",
            "brier([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.4, 0.35, 0.25]], [0, 2, 1]) → 0.468333",
            Rule::Brier,
        ),
        (
            "log_loss(forecast, outcome)",
            "−ln p of what happened, in nats; likewise",
            "log_loss([0.5, 0.3, 0.2], 0) → 0.693147",
            Rule::LogLoss,
        ),
        (
            "ignorance(forecast, outcome)",
            "−log₂ p of what happened, in bits; likewise",
            "ignorance([0.5, 0.3, 0.2], 0) → 1.0",
            Rule::Ignorance,
        ),
        (
            "rps(forecast, outcome)",
            "ranked probability score, for outcomes that have an order (home, draw, away); likewise",
            "rps([0.5, 0.3, 0.2], 0) → 0.145",
            Rule::Rps,
        ),
    ];
    for (usage, what, example, rule) in rules {
        api.library(usage, what, example, move |a| {
            score(rule, &a.any(), &a.any(), a)
        });
    }
}

fn score(rule: Rule, forecast: &Dynamic, outcome: &Dynamic, a: &Args<'_, '_>) -> Checked<f64> {
    let place = |outcome: &Dynamic| {
        outcome
            .as_int()
            .map_err(|kind| Wrong::new(format!("an outcome counts from 0, it is not a {kind}")))
    };
    let Ok(outcomes) = outcome.as_array_ref() else {
        let forecast = read_numbers("forecast", forecast, a.work())?;
        return rule.score(&forecast, place(outcome)?);
    };
    let outcomes = outcomes.iter().map(place).collect::<Checked<Vec<_>>>()?;
    let rows = forecast
        .as_array_ref()
        .map_err(|kind| Wrong::new(format!("forecasts are an array of arrays, not a {kind}")))?;
    let rows = rows.iter().enumerate();
    let forecasts = rows.map(|(at, row)| read_numbers(&format!("forecast[{at}]"), row, a.work()));
    rule.mean(&forecasts.collect::<Checked<Vec<_>>>()?, &outcomes)
}

fn evaluate(api: &mut Api) {
    api.group("Evaluation");
    api.library(
        "yield_t(bets, yield_ratio, mean_odds)",
        "how many standard errors a yield from level stakes is above 0",
        "yield_t(1000, 0.05, 2.0) → 1.583119",
        |a| evaluation::yield_t(a.number()?, a.number()?, a.number()?),
    );
    api.library(
        "yield_p(bets, yield_ratio, mean_odds)",
        "chance of such a yield without any edge",
        "round(yield_p(1000, 0.05, 2.0), 4) → 0.0567",
        |a| {
            a.spend(200)?;
            evaluation::yield_p(a.number()?, a.number()?, a.number()?)
        },
    );
    api.library(
        "bets_needed(yield_ratio, mean_odds, confidence = 0.95)",
        "bets after which a true yield shows with this one-sided confidence",
        "bets_needed(0.05, 2.0) → 1080.0",
        |a| {
            a.spend(10_000)?;
            evaluation::bets_needed(a.number()?, a.number()?, a.number_or(0.95)?)
        },
    );
    api.library(
        "clv(taken, close)",
        "closing line value, the margin still in the close",
        "clv(2.1, 2.0) → 0.05",
        |a| evaluation::clv(a.number()?, a.number()?),
    );
    api.library(
        "clv_fair(taken, closing, at, method = \"multiplicative\")",
        "closing line value against the closing book without its margin; `at` is the outcome, from 0",
        "clv_fair(2.1, [2.0, 3.6, 4.0], 0) → 0.021622",
        |a| {
            let (taken, closing, at) = (a.number()?, a.numbers()?, a.whole()?);
            a.spend(100 * closing.len())?;
            evaluation::clv_fair(taken, &closing, at, Method::parse(&a.text_or("multiplicative")?)?)
        },
    );
    api.library(
        "chance_of_wins(probabilities, wins)",
        "chance of at least this many wins among bets with these chances, each on its own",
        "chance_of_wins([0.5, 0.5, 0.5, 0.5], 3) → 0.3125",
        |a| {
            let (p, wins) = (a.numbers()?, a.whole()?);
            a.spend(p.len() * p.len())?;
            evaluation::chance_of_wins(&p, wins)
        },
    );
    api.library(
        "market_commission(profits, rate)",
        "`net` profit of a market's bets and the `commission` on it",
        "market_commission([150, -50], 0.07) → #{ net: 93.0, commission: 7.0 }",
        |a| {
            let result = evaluation::market_commission(&a.numbers()?, a.number()?)?;
            Ok(numbers([
                ("net", result.net),
                ("commission", result.commission),
            ]))
        },
    );
    api.library(
        "max_drawdown(balances)",
        "the deepest fall from a peak: `amount`, and `ratio` of that peak",
        "max_drawdown([1000, 1020, 1010, 1080, 990, 1005, 940, 1100]) → #{ amount: 140.0, ratio: 0.129630 }",
        |a| {
            let deepest = evaluation::max_drawdown(&a.numbers()?)?;
            Ok(numbers([("amount", deepest.amount), ("ratio", deepest.ratio)]))
        },
    );
}

fn rows(api: &mut Api) {
    api.group("Rows of numbers");
    api.library("mean(row)", "the mean", "mean([1, 2, 6]) → 3.0", |a| {
        rolling::mean(&a.numbers()?)
    });
    api.library(
        "weighted_mean(row, weights)",
        "the mean by weight; of prices by volume it is their VWAP",
        "weighted_mean([3.0, 3.1], [20.0, 60.0]) → 3.075",
        |a| rolling::weighted_mean(&a.numbers()?, &a.numbers()?),
    );
    api.library(
        "median(row)",
        "the middle value",
        "median([5, 1, 2]) → 2.0",
        |a| quantile(a, Some(0.5)),
    );
    api.library(
        "quantile(row, share)",
        "the value that a share of the row does not exceed",
        "quantile([1, 2, 3, 4, 5], 0.75) → 4.0",
        |a| quantile(a, None),
    );
    api.library(
        "stdev(row)",
        "the sample standard deviation",
        "stdev([1, 2, 3]) → 1.0",
        |a| rolling::stdev(&a.numbers()?),
    );
    api.library(
        "zscore(row, value = last)",
        "standard deviations above the mean; 0 if the row does not vary",
        "zscore([1, 2, 3], 4) → 2.0",
        |a| against_row(a, rolling::zscore),
    );
    api.library(
        "robust_zscore(row, value = last)",
        "the same by median and median absolute deviation, which outliers do not move",
        "robust_zscore([1, 2, 3, 4, 100], 6) → 2.023469",
        |a| against_row(a, rolling::robust_zscore),
    );
    api.library(
        "interpolate(x, places, values)",
        "the value at x of the line through these points, level beyond both ends; a calibration table is read so: forecasts as places, what came of them as values",
        "interpolate(0.25, [0.1, 0.2, 0.4], [0.08, 0.17, 0.41]) → 0.23",
        |a| rolling::interpolate(a.number()?, &a.numbers()?, &a.numbers()?),
    );
    api.library(
        "platt(probability, slope, shift)",
        "a probability calibrated by Platt's method: 1/(1 + exp(−(slope·ln(p/(1 − p)) + shift)))",
        "platt(0.6, 1.2, -0.1) → 0.595454",
        |a| rolling::platt(a.number()?, a.number()?, a.number()?),
    );
    api.library(
        "slope(row)",
        "the rise from one value to the next, by least squares",
        "slope([1, 3, 5]) → 2.0",
        |a| rolling::slope(&a.numbers()?),
    );
}

fn quantile(a: &mut Args<'_, '_>, share: Option<f64>) -> Checked<f64> {
    let row = a.numbers()?;
    a.spend(10 * row.len())?;
    match share {
        Some(share) => rolling::quantile(&row, share),
        None => rolling::quantile(&row, a.number()?),
    }
}

fn against_row(a: &mut Args<'_, '_>, score: fn(&[f64], f64) -> Checked<f64>) -> Checked<f64> {
    let row = a.numbers()?;
    a.spend(20 * row.len())?;
    let value = a.number_if_given()?.or(row.last().copied());
    score(&row, value.ok_or_else(|| Wrong::new("the row is empty"))?)
}

fn averages(api: &mut Api) {
    api.group("Averages and windows that live in `this`");
    api.library(
        "ewma(old, value, alpha)",
        "old + alpha·(value − old); the value itself where `old` is `()`, as in `this.average = ewma(this.get(\"average\"), price, 0.1)`",
        "[ewma(2.0, 3.0, 0.1), ewma((), 3.0, 0.1)] → [2.1, 3.0]",
        |a| average(a, |a| a.number()),
    );
    api.library(
        "ewma_half_life(old, value, elapsed, half_life)",
        "the same for updates that do not come evenly: what was known counts half after `half_life`",
        "ewma_half_life(2.0, 3.0, 5, 5) → 2.5",
        |a| average(a, |a| rolling::alpha(a.number()?, a.number()?)),
    );
    api.library(
        "push_window(row, value, most)",
        "the row with the value at its end, and no more than the last `most`; `row` may be `()`, as in `this.prices = push_window(this.get(\"prices\"), price, 50)`",
        "push_window([1.0, 2.0, 3.0], 4.0, 3) → [2.0, 3.0, 4.0]",
        |a| {
            let (mut row, value, most) = (a.array()?, a.any(), a.whole()?);
            if !(1..=MOST_KEPT).contains(&most) {
                return Err(Wrong::new(format!("a window holds 1 to {MOST_KEPT} values: {most} is not")));
            }
            row.push(value);
            let over = row.len().saturating_sub(most as usize);
            row.drain(..over);
            Ok(row)
        },
    );
    api.library(
        "push_timed(row, value, at_ms, span_ms)",
        "a row of [at_ms, value] with this one at its end, without those older than `span_ms`; at most the last 300. `row` may be `()`",
        "push_timed([[1000, 2.0], [9000, 3.0]], 4.0, 12000, 5000) → [[9000, 3.0], [12000, 4.0]]",
        |a| {
            let (mut row, value, at, span) = (a.array()?, a.any(), a.whole()?, a.number()?);
            row.push(vec![Dynamic::from(at), value].into());
            let mut first = row.len().saturating_sub(MOST_TIMED);
            for (place, pair) in row.iter().enumerate() {
                let (then, _) = timed(place, pair)?;
                if at as f64 - then > span {
                    first = first.max(place + 1);
                }
            }
            row.drain(..first.min(row.len()));
            Ok(row)
        },
    );
    api.library(
        "timed_values(row)",
        "the values of a row that push_timed made",
        "timed_values([[9000, 3.0], [12000, 4.0]]) → [3.0, 4.0]",
        |a| {
            let row = a.array()?;
            let pairs = row.iter().enumerate();
            pairs
                .map(|(at, pair)| timed(at, pair).map(|(_, value)| value))
                .collect::<Checked<Array>>()
        },
    );
}

/// The old average moved to the value, or the value where there is no old one.
fn average(
    a: &mut Args<'_, '_>,
    alpha: impl Fn(&mut Args<'_, '_>) -> Checked<f64>,
) -> Checked<f64> {
    let (old, value) = (a.number_or_unit()?, a.number()?);
    rolling::ewma(old.unwrap_or(value), value, alpha(a)?)
}

fn timed(at: usize, pair: &Dynamic) -> Checked<(f64, Dynamic)> {
    let read = pair.as_array_ref().ok().and_then(|pair| match &pair[..] {
        [then, value] => Some((number(then)?, value.clone())),
        _ => None,
    });
    read.ok_or_else(|| {
        Wrong::new(format!(
            "row[{at}] is a pair of a time and a value: {pair} is not"
        ))
    })
}
