//! Runs a script of the corpus in this process and says what came of it.

use std::sync::Arc;

use bea::engine::{Account, Answer, Holding, Moment, Strategy};
use bea::market::{Books, Intent, Market, Money};
use bea::source::generate::{Kind as MarketKind, Spec, generate};
use bea::strategy::{Overrides, RhaiStrategy, Script};
use bea::venue::betfair::{Decoder, Message};

use crate::corpus::{Case, Kind};

/// Calls of `on_odds` that a script gets.
const CALLS: usize = 4;

/// What came of a script.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) kind: Kind,
    /// All that was said.
    pub(crate) says: String,
    /// Most memory held after any operation of a call, in bytes.
    pub(crate) peak: u64,
}

/// A market of ten runners, halfway to its start.
pub(crate) fn market() -> Arc<Market> {
    let mut spec = Spec::new(MarketKind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (10, 200, 10);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).unwrap();
    let (mut decoder, mut books) = (Decoder::new(), Books::default());
    let lines = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    for line in lines.take(100) {
        if let Message::Markets {
            published_at,
            deltas,
        } = decoder.decode(line).unwrap()
        {
            for delta in deltas {
                books.apply(published_at, delta);
            }
        }
    }
    Arc::clone(books.iter().next().unwrap())
}

/// One call of `on_odds`.
pub(crate) fn call(
    strategy: &mut RhaiStrategy,
    market: &Arc<Market>,
) -> std::result::Result<Answer, String> {
    let holding = Arc::new(Holding::default());
    let moment = Moment {
        now: market.published_at,
        market,
        holding: &holding,
        account: &Account::new(Money::from_major(500)),
    };
    let mut answer = Answer::default();
    match strategy.on_odds(&moment, &mut answer) {
        Ok(()) => Ok(answer),
        Err(fault) => Err(fault.detail),
    }
}

/// Compiles a script.
pub(crate) fn compiled(case: &Case) -> std::result::Result<RhaiStrategy, String> {
    Script::read(&case.path, &Overrides::new())
        .and_then(|script| script.compile())
        .map_err(|error| error.to_string())
}

/// Runs a script's own tests if that is its attack, else calls it a few times.
pub(crate) fn play(case: &Case) -> Result {
    if case.kind == Kind::Test {
        return play_tests(case);
    }
    let mut strategy = match compiled(case) {
        Ok(strategy) => strategy,
        Err(says) => {
            return Result {
                kind: Kind::Refused,
                says,
                peak: 0,
            };
        }
    };
    let market = market();
    let calls: Vec<_> = (0..CALLS).map(|_| call(&mut strategy, &market)).collect();
    assert_eq!(
        Arc::strong_count(&market),
        1,
        "{} kept the snapshot",
        case.name
    );
    let mut kinds: Vec<(Kind, String)> = calls.into_iter().map(judge).collect();
    kinds.dedup_by_key(|(kind, _)| *kind);
    assert_eq!(kinds.len(), 1, "{}: calls differ: {kinds:?}", case.name);
    let (kind, says) = kinds.remove(0);
    Result {
        kind,
        says,
        peak: strategy.peak_memory(),
    }
}

fn play_tests(case: &Case) -> Result {
    let script = Script::read(&case.path, &Overrides::new()).unwrap();
    let report = script.test().unwrap();
    let says: Vec<String> = report
        .failures()
        .map(|(_, error)| error.to_string())
        .collect();
    Result {
        kind: if says.is_empty() {
            Kind::Harmless
        } else {
            Kind::Test
        },
        says: says.join("\n"),
        peak: 0,
    }
}

fn judge(call: std::result::Result<Answer, String>) -> (Kind, String) {
    let answer = match call {
        Ok(answer) => answer,
        Err(detail) => return (Kind::Fault, detail),
    };
    let clean = |text: &str| !text.chars().any(char::is_control) && text.len() < 1000;
    assert!(
        answer.log.len() <= 22 && answer.log.iter().all(|line| clean(line)),
        "{:?}",
        answer.log
    );
    let wrong = answer.intents.iter().filter_map(|intent| match intent {
        Intent::Malformed(wrong) => Some(format!("{} ({})", wrong.what, wrong.value)),
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    if answer.intents.is_empty() {
        (Kind::Harmless, String::new())
    } else if wrong.is_empty() {
        (Kind::Placed, String::new())
    } else {
        assert_eq!(
            wrong.len(),
            answer.intents.len(),
            "part of a batch counts: {wrong:?}"
        );
        (Kind::Malformed, wrong.join("\n"))
    }
}
