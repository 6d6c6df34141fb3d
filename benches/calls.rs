//! What one call of a script costs, each beside the same in Rust.
//!
//! `cargo bench --bench calls`. docs/script-speed.md says what the figures mean for scripts.

use std::hint::black_box;
use std::sync::Arc;

use bea::engine::{Account, Answer, Holding, Moment, Strategy};
use bea::market::{Books, Market, Money};
use bea::source::generate::{Kind, Spec, generate};
use bea::strategy::{Overrides, RhaiStrategy, Script};
use bea::venue::betfair::{Decoder, Message};
use criterion::{Criterion, criterion_group, criterion_main};

/// What is done, as the body of `on_odds` and in Rust.
type Pair = (&'static str, &'static str, fn(&Market) -> f64);

const PAIRS: [Pair; 4] = [
    ("nothing", "", |_| 0.0),
    (
        "five_values_of_each_runner",
        "
        let sum = 0.0;
        for runner in market.active {
            let back = runner.best_back;
            let lay = runner.best_lay;
            if back == () || lay == () { continue; }
            sum += back.price + back.size + lay.price + lay.size + runner.total_matched;
        }",
        five_values,
    ),
    (
        "a_hundred_turns_of_arithmetic",
        "
        let x = 1.0;
        for i in 0..100 { x = x * 1.01 + 0.5; }",
        |_| (0..100).fold(1.0, |x: f64, _| black_box(x * 1.01 + 0.5)),
    ),
    (
        "all_best_prices_at_once",
        "
        let backs = market.best_backs();
        let lays = market.best_lays();",
        |market| {
            let backs = market.active_runners().map(|runner| runner.best_back());
            let lays = market.active_runners().map(|runner| runner.best_lay());
            (backs.flatten().count() + lays.flatten().count()) as f64
        },
    ),
];

fn five_values(market: &Market) -> f64 {
    market
        .active_runners()
        .filter_map(|runner| {
            let (back, lay) = (runner.best_back()?, runner.best_lay()?);
            let prices = back.price.to_f64() + lay.price.to_f64();
            let sizes = back.size.to_f64() + lay.size.to_f64();
            Some(prices + sizes + runner.traded_volume.to_f64())
        })
        .sum()
}

/// A market of ten runners, halfway to its start.
fn market() -> Arc<Market> {
    let mut spec = Spec::new(Kind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (10, 2_000, 10);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).expect("the specification can be met");
    let (mut decoder, mut books) = (Decoder::new(), Books::default());
    let lines = bytes.split(|&byte| byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()).take(1_000) {
        if let Message::Markets {
            published_at,
            deltas,
        } = decoder.decode(line).expect("it is well formed")
        {
            for delta in deltas {
                books.apply(published_at, delta);
            }
        }
    }
    Arc::clone(books.iter().next().expect("there is a market"))
}

fn script(body: &str) -> RhaiStrategy {
    let text = format!("fn on_odds(market, ctx) {{ {body}\n }}");
    let script = Script::from_text("bench", &text, &Overrides::new()).expect("it parses");
    script.compile().expect("it compiles")
}

fn call(strategy: &mut RhaiStrategy, market: &Arc<Market>, holding: &Arc<Holding>) {
    let moment = Moment {
        now: market.published_at,
        market,
        holding,
        account: &Account::new(Money::from_major(1_000)),
    };
    strategy
        .on_odds(&moment, &mut Answer::default())
        .expect("it runs");
}

fn beside_rust(criterion: &mut Criterion) {
    let (market, holding) = (market(), Arc::new(Holding::default()));
    let mut group = criterion.benchmark_group("call");
    for (name, body, native) in PAIRS {
        group.bench_function(format!("{name}/rust"), |bench| {
            bench.iter(|| native(black_box(&market)));
        });
        let mut strategy = script(body);
        group.bench_function(format!("{name}/rhai"), |bench| {
            bench.iter(|| call(&mut strategy, &market, &holding));
        });
    }
    group.finish();
}

/// A strategy's memory is copied for each call, so that a failed call leaves it as it was.
fn memory(criterion: &mut Criterion) {
    let (market, holding) = (market(), Arc::new(Holding::default()));
    let mut group = criterion.benchmark_group("memory");
    for entries in [1, 100, 400] {
        let mut strategy = script("this.n = 1;");
        let state: serde_json::Map<_, _> = (0..entries)
            .map(|at| (format!("key{at}"), at.into()))
            .collect();
        strategy.restore(&state.into()).expect("it fits");
        group.bench_function(format!("{entries}_entries"), |bench| {
            bench.iter(|| call(&mut strategy, &market, &holding));
        });
    }
    group.finish();
}

criterion_group!(benches, beside_rust, memory);
criterion_main!(benches);
