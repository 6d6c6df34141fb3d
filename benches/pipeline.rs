//! Updates a second along the way of the data, step by step, and what one call of a strategy costs.
//!
//! `cargo bench --bench pipeline`. The market is generated in memory; name a plain recording in BEA_BENCH_RECORDING
//! to measure that instead.

use std::hint::black_box;

use bea::backtest::{Session, Setup};
use bea::config::Config;
use bea::engine::{Account, Answer, Fault, Holding, Moment, NoJournal, Strategy};
use bea::market::{Books, Market, MarketDelta, MarketFilter, Money, TimeMs};
use bea::source::generate::{Kind, Spec, generate};
use bea::strategy::{Overrides, Script};
use bea::venue::betfair::{Decoder, Message};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;

/// Reads every active runner's best prices on every update and never bets.
struct ReadsAll {
    filter: MarketFilter,
    seen: f64,
}

impl Strategy for ReadsAll {
    fn name(&self) -> &str {
        "reads_all"
    }
    fn hash(&self) -> &str {
        "native"
    }
    fn filter(&self) -> &MarketFilter {
        &self.filter
    }
    fn on_odds(&mut self, moment: &Moment<'_>, _: &mut Answer) -> Result<(), Fault> {
        for runner in moment.market.active_runners() {
            if let (Some(back), Some(lay)) = (runner.best_back(), runner.best_lay()) {
                self.seen += lay.price.to_f64() - back.price.to_f64();
            }
        }
        black_box(self.seen);
        Ok(())
    }
}

/// The same in a script.
const READS_ALL: &str = "
fn markets() { #{ status: [\"OPEN\", \"SUSPENDED\"] } }
fn on_odds(market, ctx) {
    let seen = 0.0;
    for runner in market.active {
        let back = runner.best_back;
        let lay = runner.best_lay;
        if back != () && lay != () { seen += lay.price - back.price; }
    }
}";

const TRIVIAL: &str = "fn on_odds(market, ctx) { }";

fn recording() -> Vec<u8> {
    if let Ok(path) = std::env::var("BEA_BENCH_RECORDING") {
        return std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let mut spec = Spec::new(Kind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (10, 8_000, 2_000);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).expect("the specification can be met");
    bytes
}

fn each_message(bytes: &[u8], mut take: impl FnMut(TimeMs, &[MarketDelta])) {
    let mut decoder = Decoder::new();
    for line in bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        if let Message::Markets {
            published_at,
            deltas,
        } = decoder.decode(line).expect("it is well formed")
        {
            take(published_at, deltas);
        }
    }
}

fn setup() -> Setup {
    let config = Config::default();
    Setup {
        limits: config.risk,
        exchange: config.exchange,
        bank: config.account.bankroll,
        currency: config.account.currency,
        own: Default::default(),
        memory: None,
        closing: bea::backtest::Closing::default(),
    }
}

fn play(bytes: &[u8], setup: &Setup, strategies: Vec<Box<dyn Strategy>>) -> u64 {
    let mut session = Session::new(setup, 1, strategies, NoJournal);
    each_message(bytes, |at, deltas| {
        session
            .take(at, deltas, &mut |_| true)
            .expect("nothing is journaled")
    });
    session.updates()
}

fn native() -> Box<dyn Strategy> {
    Box::new(ReadsAll {
        filter: every_moment(),
        seen: 0.0,
    })
}

fn every_moment() -> MarketFilter {
    use bea::market::MarketStatus::{Open, Suspended};
    MarketFilter {
        status: vec![Open, Suspended],
        ..MarketFilter::default()
    }
}

fn script(text: &str) -> Box<dyn Strategy> {
    let script = Script::from_text("bench", text, &Overrides::new()).expect("it parses");
    Box::new(script.compile().expect("it compiles"))
}

fn pipeline(criterion: &mut Criterion) {
    let bytes = recording();
    let setup = setup();
    let mut updates = 0;
    each_message(&bytes, |_, deltas| updates += deltas.len() as u64);
    let mut group = criterion.benchmark_group("updates");
    group
        .throughput(Throughput::Elements(updates))
        .sample_size(10);
    group.bench_function("parse", |bench| {
        bench.iter(|| {
            each_message(&bytes, |_, deltas| {
                black_box(deltas.len());
            })
        });
    });
    group.bench_function("parse_and_book", |bench| {
        bench.iter(|| {
            let mut books = Books::default();
            each_message(&bytes, |at, deltas| {
                for delta in deltas {
                    books.apply(at, delta);
                }
            });
            black_box(books.iter().count())
        });
    });
    group.bench_function("whole_way_without_a_strategy", |bench| {
        bench.iter(|| play(&bytes, &setup, vec![]))
    });
    group.bench_function("whole_way_native", |bench| {
        bench.iter(|| play(&bytes, &setup, vec![native()]))
    });
    group.bench_function("whole_way_rhai", |bench| {
        bench.iter(|| play(&bytes, &setup, vec![script(READS_ALL)]))
    });
    let filtered = one_in_twenty(&bytes);
    group.bench_function("whole_way_rhai_one_update_in_twenty", |bench| {
        bench.iter(|| play(&bytes, &setup, vec![script(&filtered)]))
    });
    group.finish();
}

/// The script that reads all, asked only in the last stretch before the start: there lies one update in twenty.
fn one_in_twenty(bytes: &[u8]) -> String {
    let mut books = Books::default();
    let mut to_start = Vec::new();
    each_message(bytes, |at, deltas| {
        for delta in deltas {
            let market = books.apply(at, delta).map(|place| books.get(place));
            to_start.extend(market.map(|market| market.ms_to_start() / 1_000));
        }
    });
    let updates = to_start.len();
    to_start.retain(|&seconds| seconds >= 0);
    to_start.sort_unstable();
    let most = to_start
        .get(updates / 20)
        .expect("it starts before its start");
    READS_ALL.replace(
        "status:",
        &format!("seconds_to_start: [0, {most}], status:"),
    )
}

fn calls(criterion: &mut Criterion) {
    let market = last_open_market();
    let (holding, account) = (
        Arc::new(Holding::default()),
        Account::new(Money::from_major(1_000)),
    );
    let mut group = criterion.benchmark_group("call");
    for (name, mut strategy) in [
        ("native_reads_all", native()),
        ("rhai_trivial", script(TRIVIAL)),
        ("rhai_reads_all", script(READS_ALL)),
    ] {
        let mut answer = Answer::default();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let moment = Moment {
                    now: market.published_at,
                    market: &market,
                    holding: &holding,
                    account: &account,
                };
                strategy.on_odds(&moment, &mut answer).expect("it runs");
            });
        });
    }
    group.finish();
}

/// The market as it stands halfway through.
fn last_open_market() -> Arc<Market> {
    let bytes = recording();
    let mut books = Books::default();
    let (mut total, mut done) = (0_usize, 0_usize);
    each_message(&bytes, |_, deltas| total += deltas.len());
    each_message(&bytes, |at, deltas| {
        for delta in deltas {
            done += 1;
            if done < total / 2 {
                books.apply(at, delta);
            }
        }
    });
    Arc::clone(books.iter().next().expect("there is a market"))
}

criterion_group!(benches, pipeline, calls);
criterion_main!(benches);
