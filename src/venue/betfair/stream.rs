//! What is said on the stream apart from market changes: requests, their answers, and changes of one's own orders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code::StreamCode;

/// What ends a message on the wire.
pub const LINE_END: &[u8] = b"\r\n";

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum StreamRequest {
    /// The first request of a connection.
    #[serde(rename_all = "camelCase")]
    Authentication {
        /// Comes back in the answer.
        id: Option<i64>,
        /// The application's key.
        app_key: Option<String>,
        /// The token of the login.
        session: Option<String>,
    },
    /// Asks for market changes.
    MarketSubscription(Box<MarketSubscription>),
    /// Asks for changes of one's own orders.
    OrderSubscription(Box<OrderSubscription>),
    /// Asks for an answer.
    Heartbeat {
        /// Comes back in the answer.
        id: Option<i64>,
    },
}

impl StreamRequest {
    /// What comes back in the answer.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        match self {
            Self::Authentication { id, .. } | Self::Heartbeat { id } => *id,
            Self::MarketSubscription(asked) => asked.id,
            Self::OrderSubscription(asked) => asked.id,
        }
    }
}

/// How changes are to be sent, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Whether a long message may come in parts.
    pub segmentation_enabled: Option<bool>,
    /// Milliseconds in which changes are merged.
    pub conflate_ms: Option<i64>,
    /// The longest silence, in milliseconds.
    pub heartbeat_ms: Option<i64>,
    /// Which image the client has.
    pub initial_clk: Option<String>,
    /// Up to where.
    pub clk: Option<String>,
}

/// Asks for market changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketSubscription {
    /// Names the subscription.
    pub id: Option<i64>,
    /// Which markets.
    pub market_filter: Option<StreamFilter>,
    /// What of them.
    pub market_data_filter: Option<DataFilter>,
    /// How.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Which markets. What is absent or empty is left free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamFilter {
    /// By id.
    pub market_ids: Option<Vec<String>>,
    /// With a starting price or without.
    pub bsp_market: Option<bool>,
    /// How bets are struck.
    pub betting_types: Option<Vec<String>>,
    /// Sports.
    pub event_type_ids: Option<Vec<String>>,
    /// Events.
    pub event_ids: Option<Vec<String>>,
    /// Going in play or not.
    pub turn_in_play_enabled: Option<bool>,
    /// Kinds, such as `WIN`.
    pub market_types: Option<Vec<String>>,
    /// Race courses.
    pub venues: Option<Vec<String>>,
    /// Countries.
    pub country_codes: Option<Vec<String>>,
    /// Kinds of races.
    pub race_types: Option<Vec<String>>,
}

/// What of a market.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataFilter {
    /// How many levels of the best offers.
    pub ladder_levels: Option<u8>,
    /// Which fields; all if absent or empty.
    pub fields: Option<Vec<Field>>,
}

/// What of a market can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Field {
    /// Best offers with virtual bets.
    ExBestOffersDisp,
    /// Best offers.
    ExBestOffers,
    /// All offers.
    ExAllOffers,
    /// Traded volume by price.
    ExTraded,
    /// Traded volume.
    ExTradedVol,
    /// Last traded price.
    ExLtp,
    /// Market definition.
    ExMarketDef,
    /// Bets at the starting price.
    SpTraded,
    /// Projected starting price.
    SpProjected,
}

/// Asks for changes of one's own orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSubscription {
    /// Names the subscription.
    pub id: Option<i64>,
    /// Which orders.
    pub order_filter: Option<OrderFilter>,
    /// How.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Which orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFilter {
    /// Whether matched positions are sent; they are if absent.
    pub include_overall_position: Option<bool>,
    /// Of these strategies alone.
    pub customer_strategy_refs: Option<Vec<String>>,
    /// Whether matched positions are sent strategy by strategy as well.
    pub partition_matched_by_strategy_ref: Option<bool>,
    /// Not for customers.
    pub account_ids: Option<Vec<i64>>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename = "status", rename_all = "camelCase")]
pub struct StatusMessage {
    /// Which request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// `SUCCESS` or `FAILURE`.
    pub status_code: String,
    /// Whether the connection ends with this.
    pub connection_closed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<StreamCode>,
    /// More, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Which connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// How many more connections the account may open; in the answer to the authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_available: Option<u32>,
}

impl StatusMessage {
    /// It was done.
    #[must_use]
    pub fn success(id: Option<i64>) -> Self {
        Self {
            id,
            status_code: "SUCCESS".to_owned(),
            connection_closed: false,
            error_code: None,
            error_message: None,
            connection_id: None,
            connections_available: None,
        }
    }

    /// It was refused. All refusals but one end the connection.
    #[must_use]
    pub fn failure(id: Option<i64>, code: StreamCode, message: &str, connection: &str) -> Self {
        Self {
            id,
            status_code: "FAILURE".to_owned(),
            connection_closed: code != StreamCode::SubscriptionLimit,
            error_code: Some(code),
            error_message: Some(message.to_owned()),
            connection_id: Some(connection.to_owned()),
            connections_available: None,
        }
    }
}

/// What kind of change a message brings; an update if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeType {
    /// Everything.
    SubImage,
    /// What has changed since the client's clock.
    ResubDelta,
    /// Nothing.
    Heartbeat,
}

/// Which part of a long message this is; the whole if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Segment {
    /// The first.
    SegStart,
    /// One between.
    Seg,
    /// The last.
    SegEnd,
}

/// Changes, of markets (`mc`) or of orders (`oc`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeMessage<M> {
    /// `mcm` or `ocm`.
    pub op: String,
    /// Of which subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Which image this begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_clk: Option<String>,
    /// Up to where the client is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clk: Option<String>,
    /// Milliseconds in which changes are merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflate_ms: Option<i64>,
    /// The longest silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<i64>,
    /// When it was published.
    pub pt: i64,
    /// What kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ct: Option<ChangeType>,
    /// Which part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_type: Option<Segment>,
    /// 503 if the data is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Market changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mc: Option<Vec<M>>,
    /// Order changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oc: Option<Vec<OrderMarketChange>>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Changes of one's orders in a market.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderMarketChange {
    /// Which market.
    pub id: String,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<i64>,
    /// Whether the market is closed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub closed: bool,
    /// Whether this replaces all that is known of the market.
    #[serde(default, skip_serializing_if = "is_false")]
    pub full_image: bool,
    /// Runner by runner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orc: Vec<OrderRunnerChange>,
}

/// Price and size; size 0 removes the price.
pub type Matched = Vec<(f64, f64)>;

/// Changes of one's orders on a runner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRunnerChange {
    /// Which selection.
    pub id: u64,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hc: Option<f64>,
    /// Whether this replaces all that is known of the runner.
    #[serde(default, skip_serializing_if = "is_false")]
    pub full_image: bool,
    /// Orders that changed, each whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uo: Vec<StreamOrder>,
    /// Matched backs by price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mb: Matched,
    /// Matched lays by price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ml: Matched,
    /// The same strategy by strategy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub smc: BTreeMap<String, StrategyMatched>,
}

/// What a strategy has matched on a runner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StrategyMatched {
    /// Backs by price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mb: Matched,
    /// Lays by price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ml: Matched,
}

/// An order as the stream tells it: always whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamOrder {
    /// The venue's name of it.
    pub id: String,
    /// Price asked for.
    #[serde(default)]
    pub p: f64,
    /// Size asked for.
    #[serde(default)]
    pub s: f64,
    /// Liability at the starting price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bsp: Option<f64>,
    /// `B` or `L`.
    pub side: String,
    /// `E` or `EC`.
    pub status: String,
    /// `L`, `P` or `MOC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pt: Option<String>,
    /// `L`, `LOC` or `MOC`.
    pub ot: String,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pd: Option<i64>,
    /// When it was matched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md: Option<i64>,
    /// When it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cd: Option<i64>,
    /// When it lapsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ld: Option<i64>,
    /// Average price matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avp: Option<f64>,
    /// Size matched.
    #[serde(default)]
    pub sm: f64,
    /// Size that waits.
    #[serde(default)]
    pub sr: f64,
    /// Size lapsed.
    #[serde(default)]
    pub sl: f64,
    /// Size cancelled.
    #[serde(default)]
    pub sc: f64,
    /// Size voided.
    #[serde(default)]
    pub sv: f64,
    /// Why it lapsed, where the venue says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsrc: Option<String>,
    /// Regulator's code of the bet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rac: Option<String>,
    /// By which regulator's rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rc: Option<String>,
    /// The customer's name for it; empty if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfo: Option<String>,
    /// The customer's name for the strategy; empty if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfs: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn requests_are_read_as_clients_write_them() {
        let text = r#"{"op":"marketSubscription","id":2,"segmentationEnabled":true,"conflateMs":null,"heartbeatMs":5000,
            "marketFilter":{"marketIds":["1.200000001"]},"marketDataFilter":{"ladderLevels":3,"fields":["EX_MARKET_DEF","EX_LTP"]}}"#;
        let StreamRequest::MarketSubscription(asked) = serde_json::from_str(text).unwrap() else {
            panic!("a market subscription")
        };
        assert_eq!(
            (asked.id, asked.delivery.heartbeat_ms),
            (Some(2), Some(5000))
        );
        let fields = asked.market_data_filter.unwrap().fields.unwrap();
        assert_eq!(fields, [Field::ExMarketDef, Field::ExLtp]);
        let text = r#"{"op":"authentication","id":1,"appKey":"K","session":"T"}"#;
        assert!(matches!(
            serde_json::from_str(text).unwrap(),
            StreamRequest::Authentication { app_key: Some(key), .. } if key == "K"
        ));
        assert!(serde_json::from_str::<StreamRequest>(r#"{"op":"tea"}"#).is_err());
    }

    #[test]
    fn a_status_is_written_as_documented() {
        let status = StatusMessage::failure(Some(1), StreamCode::InvalidSession, "no", "c-1");
        assert_eq!(
            serde_json::to_value(status).unwrap(),
            json!({"op": "status", "id": 1, "statusCode": "FAILURE", "connectionClosed": true,
                "errorCode": "INVALID_SESSION_INFORMATION", "errorMessage": "no", "connectionId": "c-1"})
        );
        let limit = StatusMessage::failure(None, StreamCode::SubscriptionLimit, "", "");
        assert!(!limit.connection_closed);
    }

    /// Recorded order messages hold no field that is lost here.
    #[test]
    fn recorded_order_messages_survive_reading_and_writing() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/betfair/stream");
        let Ok(files) = std::fs::read_dir(&folder) else {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        };
        let mut count = 0;
        for file in files.map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if !name.contains("ocm") {
                continue;
            }
            let recorded: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let messages = recorded.as_array().cloned().unwrap_or(vec![recorded]);
            for message in messages {
                let read: ChangeMessage<Value> = serde_json::from_value(message.clone())
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let written = serde_json::to_value(read).unwrap();
                assert_eq!(plain(written), plain(message), "{name}");
                count += 1;
            }
        }
        assert!(count > 15, "{count} messages");
    }

    /// The same with every number a float, and without what means nothing: nulls, empty lists, flags that are off.
    fn plain(value: Value) -> Value {
        match value {
            Value::Number(number) => json!(number.as_f64()),
            Value::Array(values) => values.into_iter().map(plain).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| (key, plain(value)))
                .filter(|(_, value)| {
                    !(value.is_null()
                        || *value == json!([])
                        || *value == json!(false)
                        || *value == json!({}))
                })
                .collect(),
            other => other,
        }
    }
}
