//! The reference model against what the field's open-source simulator did: six strategies on four real markets,
//! joined order by order, through the real binary.

mod strict_table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// One order as both sides write it.
#[derive(Clone, Debug, Deserialize)]
struct Order {
    selection_id: u64,
    side: String,
    #[serde(rename = "type")]
    kind: String,
    price: Option<f64>,
    placed_at_ms: Option<i64>,
    size_matched: f64,
    average_price: f64,
    profit: Option<f64>,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Ours {
    strategy: String,
    market_id: String,
    #[serde(flatten)]
    order: Order,
}

#[derive(Debug, Deserialize)]
struct Theirs {
    detail: Vec<Order>,
}

/// Their names of the strategies, and ours.
const STRATEGIES: [(&str, &str); 6] = [
    ("BackBest", "back_best"),
    ("ReplaceToTake", "replace_to_take"),
    ("JoinQueue", "join_queue"),
    ("BackLimitOnClose", "back_limit_on_close"),
    ("LayMarketOnClose", "lay_market_on_close"),
    ("LayInPlay", "lay_in_play"),
];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Order {
    fn sort(orders: &mut [Self]) {
        orders.sort_by_key(|o| {
            let price = o.price.map_or(0, f64::to_bits);
            (o.placed_at_ms, o.selection_id, price)
        });
    }

    /// What differs from another, if anything does.
    fn differs(&self, other: &Self) -> Option<String> {
        let close = |a: f64, b: f64, within: f64| (a - b).abs() < within;
        let same = self.selection_id == other.selection_id
            && self.side == other.side
            && self.kind == other.kind
            && self.price == other.price
            && self.placed_at_ms == other.placed_at_ms
            && self.status == other.status
            && close(self.size_matched, other.size_matched, 1e-9)
            && close(self.average_price, other.average_price, 1e-6)
            && close(
                self.profit.unwrap_or(0.0),
                other.profit.unwrap_or(0.0),
                0.005,
            );
        (!same).then(|| format!("theirs {self:?}\nours   {other:?}"))
    }
}

/// Runs the six strategies over all recordings of the folder, with no other settings than the built-in ones.
fn our_orders(recordings: &Path) -> BTreeMap<(String, String), Vec<Order>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.jsonl");
    let scripts = fs::read_dir(root("tests/reference")).unwrap();
    let scripts = scripts.map(|entry| entry.unwrap().path());
    let done = Command::new(env!("CARGO_BIN_EXE_bea"))
        .current_dir(folder.path())
        .arg("backtest")
        .args(scripts)
        .arg("--data")
        .arg(recordings)
        .args(["--fill", "reference", "--orders"])
        .arg(&file)
        .output()
        .unwrap();
    // One file of the folder is no recording, which the exit code tells.
    assert_eq!(done.status.code(), Some(5), "{done:?}");
    let mut orders: BTreeMap<_, Vec<Order>> = BTreeMap::new();
    for line in fs::read_to_string(&file).unwrap().lines() {
        let ours: Ours = serde_json::from_str(line).unwrap();
        let key = (ours.market_id, ours.strategy);
        orders.entry(key).or_default().push(ours.order);
    }
    orders
}

#[test]
fn every_order_equals_the_reference() {
    let data = root("../shared/data/betfair");
    let Ok(text) = fs::read_to_string(data.join("reference-orders.json")) else {
        eprintln!("SKIPPED: {} is absent", data.display());
        return;
    };
    let reference: BTreeMap<String, BTreeMap<String, Theirs>> =
        serde_json::from_str(&text).unwrap();
    let mut ours = our_orders(&data.join("recordings"));
    let mut compared = 0;
    let mut differences = Vec::new();
    for (market, strategies) in &reference {
        assert_eq!(strategies.len(), STRATEGIES.len());
        for (theirs, name) in STRATEGIES {
            let mut theirs = strategies[theirs].detail.clone();
            let mut ours = ours
                .remove(&(market.clone(), name.to_owned()))
                .unwrap_or_default();
            Order::sort(&mut theirs);
            Order::sort(&mut ours);
            assert_eq!(
                theirs.len(),
                ours.len(),
                "number of orders: {name} on {market}"
            );
            compared += theirs.len();
            differences.extend(theirs.iter().zip(&ours).filter_map(|(a, b)| a.differs(b)));
        }
    }
    assert!(compared > 400, "only {compared} orders compared");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn report(args: &[&str], data: &Path) -> serde_json::Value {
    let done = Command::new(env!("CARGO_BIN_EXE_bea"))
        .current_dir(root(""))
        .arg("backtest")
        .args(args)
        .arg("--json")
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn a_band_shows_three_results_and_the_report_is_of_the_neutral_one() {
    let data = root("examples/recordings/1.900000010");
    let band = report(&["strategies/queue_joiner.rhai", "--fill", "band"], &data);
    let plain = report(&["strategies/queue_joiner.rhai"], &data);
    assert_eq!(band["fill"], "strict");
    assert_eq!(band["strategies"], plain["strategies"]);
    assert!(plain.get("band").is_none());
    let line = &band["band"][0];
    assert_eq!(line["strategy"], "queue_joiner");
    assert_eq!(
        line["neutral"]["profit_net"],
        band["strategies"][0]["profit_net"]
    );
    for outlook in ["pessimistic", "neutral", "optimistic"] {
        let set = format!("exchange.outlook={outlook}");
        let alone = report(&["strategies/queue_joiner.rhai", "--set", &set], &data);
        for key in ["bets", "matched", "turnover", "profit_gross", "profit_net"] {
            assert_eq!(
                line[outlook][key], alone["strategies"][0][key],
                "{outlook} {key}"
            );
        }
    }
}

#[test]
fn the_report_says_where_only_last_traded_prices_were_known() {
    let data = root("../shared/data/betfair/recordings/BASIC-1.132153978.gz");
    if !data.exists() {
        eprintln!("SKIPPED: {} is absent", data.display());
        return;
    }
    let report = report(&["tests/reference/replace_to_take.rhai"], &data);
    let expected = "strict; basic (last traded prices only) in 1 market";
    assert_eq!(report["fill"], expected);
    assert_eq!(report["limits"], "configuration");
}
