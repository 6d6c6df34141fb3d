//! One operation of API-NG: from its name and parameters to its result.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Hub;
use super::accounts::AccountId;
use super::actions::{Outcome, Ticket};
use super::shop_window::Listed;
use super::world::World;
use crate::venue::betfair::{
    ApiCode, ApiFilter, ListMarketBook, ListRunnerBook, RpcError, Service, runner_id,
};

/// How long an answer waits for bets that the exchange has not decided; the venue says TIMEOUT then.
const PATIENCE: Duration = Duration::from_secs(15);
/// The dead man's switch goes off after so many seconds at least and at most.
const HEARTBEAT: (i64, i64) = (10, 300);

/// Carries out an operation for an account.
pub(super) async fn operate(
    hub: &Hub,
    account: AccountId,
    service: Service,
    operation: &str,
    params: Value,
) -> Result<Value, RpcError> {
    match service {
        Service::Betting => bet(hub, account, operation, params).await,
        Service::Account => {
            let world = hub.world();
            match operation {
                "getAccountFunds" => Ok(world.account_funds(account)),
                "getAccountDetails" => Ok(world.account_details(account, hub.currency.as_str())),
                "listCurrencyRates" => Ok(json!([])),
                _ => Err(RpcError::UnknownMethod),
            }
        }
        Service::Heartbeat => match operation {
            "heartbeat" => heartbeat(&mut hub.world(), account, &params),
            _ => Err(RpcError::UnknownMethod),
        },
    }
}

async fn bet(
    hub: &Hub,
    account: AccountId,
    operation: &str,
    params: Value,
) -> Result<Value, RpcError> {
    let listed = match operation {
        "listEventTypes" => Some(Listed::EventTypes),
        "listCompetitions" => Some(Listed::Competitions),
        "listEvents" => Some(Listed::Events),
        "listMarketTypes" => Some(Listed::MarketTypes),
        "listCountries" => Some(Listed::Countries),
        "listVenues" => Some(Listed::Venues),
        _ => None,
    };
    if let Some(by) = listed {
        let filter = params.get("filter").cloned();
        let filter = filter.ok_or_else(|| RpcError::BadParameter("filter".to_owned()))?;
        let filter: ApiFilter = read(filter)?;
        return Ok(hub.world().list(account, &filter, by));
    }
    match operation {
        "listMarketCatalogue" => write(hub.world().catalogue(account, &read(params)?)?),
        "listMarketBook" => write(hub.world().market_books(account, &read(params)?)?),
        "listRunnerBook" => runner_book(&hub.world(), account, read(params)?),
        "listMarketProfitAndLoss" => {
            let markets: Vec<String> = read(params["marketIds"].clone())?;
            Ok(hub.world().profit_and_loss(account, &markets))
        }
        "listCurrentOrders" => write(
            hub.world()
                .current_orders(account, &read(or_empty(params))?)?,
        ),
        "listClearedOrders" => write(hub.world().cleared_orders(account, &read(params)?)?),
        "cancelOrders" => write(hub.world().cancel(account, read(or_empty(params))?)?),
        "updateOrders" => write(hub.world().update(account, read(params)?)?),
        "placeOrders" => {
            let outcome = hub.world().place(account, read(params)?)?;
            match outcome {
                Outcome::Answer(report) => write(report),
                Outcome::Wait(ticket) => {
                    decided(hub, &ticket).await;
                    write(hub.world().placed(ticket))
                }
            }
        }
        "replaceOrders" => {
            let outcome = hub.world().replace(account, read(params)?)?;
            match outcome {
                Outcome::Answer(report) => write(report),
                Outcome::Wait(ticket) => {
                    decided(hub, &ticket).await;
                    write(hub.world().replaced(ticket))
                }
            }
        }
        _ => Err(RpcError::UnknownMethod),
    }
}

/// Waits until the exchange has decided on the bets of a request, but not for ever.
async fn decided<I>(hub: &Hub, ticket: &Ticket<I>) {
    let mut changes = hub.world().listen();
    let decided = async {
        while !ticket.is_async && !hub.world().is_decided(ticket) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // What is not decided by then is told as not known.
    let _ = timeout(PATIENCE, decided).await;
}

fn runner_book(
    world: &World,
    account: AccountId,
    asked: ListRunnerBook,
) -> Result<Value, RpcError> {
    let wanted = runner_id(asked.selection_id, asked.handicap);
    let books = ListMarketBook {
        market_ids: vec![asked.market_id],
        price_projection: asked.price_projection,
        order_projection: asked.order_projection,
    };
    let mut books = world.market_books(account, &books)?;
    for book in &mut books {
        book.runners
            .retain(|runner| runner_id(runner.selection_id, Some(runner.handicap)) == wanted);
    }
    write(books)
}

/// The dead man's switch.
fn heartbeat(world: &mut World, account: AccountId, params: &Value) -> Result<Value, RpcError> {
    let seconds = params["preferredTimeoutSeconds"].as_i64();
    let seconds =
        seconds.ok_or_else(|| RpcError::BadParameter("preferredTimeoutSeconds".to_owned()))?;
    if seconds < 0 {
        return Err(RpcError::api(
            ApiCode::InvalidInputData,
            "preferredTimeoutSeconds",
        ));
    }
    let actual = match seconds {
        0 => 0,
        some => some.clamp(HEARTBEAT.0, HEARTBEAT.1),
    };
    if let Some(account) = world.accounts.get_mut(account) {
        let after = Duration::from_secs(actual.unsigned_abs());
        account.heartbeat = (actual > 0).then(|| Instant::now() + after);
    }
    Ok(json!({ "actionPerformed": "NONE", "actualTimeoutSeconds": actual }))
}

fn or_empty(params: Value) -> Value {
    if params.is_null() { json!({}) } else { params }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    serde_json::from_value(params).map_err(|error| {
        let what = error.to_string();
        // A parameter that is missing is an error of the envelope; one that means nothing is the API's.
        if what.starts_with("missing field") || what.starts_with("invalid type: null") {
            RpcError::BadParameter(what)
        } else {
            RpcError::api(ApiCode::InvalidInputData, what)
        }
    })
}

fn write(result: impl serde::Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(result)
        .map_err(|error| RpcError::api(ApiCode::UnexpectedError, error.to_string()))
}
