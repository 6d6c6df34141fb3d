//! What a backtest uses of the machine as it goes on and on: nothing more than at its start.

use bea::backtest::{Session, Setup};
use bea::config::Config;
use bea::engine::{Answer, Fault, Moment, NoJournal, Strategy};
use bea::market::{MarketDelta, MarketFilter, MarketStatus};
use bea::memory::Meter;
use bea::source::generate::{Kind, Spec, generate};
use bea::venue::betfair::{Decoder, Message};

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
        Ok(())
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

/// A market long before its start: its prices move and its state does not.
fn market() -> Vec<u8> {
    let mut spec = Spec::new(Kind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (10, 20_000, 1);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).expect("the specification can be met");
    bytes
}

#[test]
fn an_update_allocates_nothing_on_its_way_from_the_line_to_a_native_strategy() {
    let bytes = market();
    let lines: Vec<&[u8]> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .take(18_000)
        .collect();
    let native = ReadsAll {
        filter: MarketFilter {
            status: vec![MarketStatus::Open, MarketStatus::Suspended],
            ..MarketFilter::default()
        },
        seen: 0.0,
    };
    let mut session = Session::new(&setup(), 1, vec![Box::new(native)], NoJournal);
    let mut decoder = Decoder::new();
    let meter = Meter::of_this_thread().expect("the allocator counts");
    let (mut steady, mut allocating) = (0_u64, Vec::new());
    // At first ladders and buffers grow to their size; the third time everything has been seen, in this order too.
    for is_known in [false, false, true] {
        for (number, line) in lines.iter().enumerate() {
            let before = meter.allocated();
            let Ok(Message::Markets {
                published_at,
                deltas,
            }) = decoder.decode(line)
            else {
                panic!("line {number} is no change of a market");
            };
            // A definition or an image is a new start.
            let starts = |delta: &MarketDelta| delta.definition.is_some() || delta.image;
            if is_known && deltas.iter().any(starts) {
                continue;
            }
            session
                .take(published_at, deltas, &mut |_| true)
                .expect("nothing is journaled");
            let allocated = meter.allocated() - before;
            if is_known {
                steady += 1;
                if allocated > 0 {
                    allocating.push((number, allocated));
                }
            }
        }
    }
    let calls: u64 = session.slots()[0].visits().map(|visit| visit.calls).sum();
    assert!(steady > 17_900 && calls > 3 * 17_900, "{steady} {calls}");
    assert_eq!(allocating, [], "of {steady} updates (line, bytes)");
}
