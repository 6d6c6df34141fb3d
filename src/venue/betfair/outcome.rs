//! What became of a request about bets, from its answer. A refusal is one only if it is known for one: whatever else
//! comes back leaves open what happened.

use super::betting::{
    CancelReport, ExecutionReport, OrderStatus, PlaceReport, ReportStatus, UpdateReport,
};
use super::code::{ApiCode, BetCode};
use super::rpc::{NoResult, read_answer};
use crate::market::{Doubt, Money, VenueReason};

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Placed {
    /// The venue has it.
    Taken {
        /// The venue's name of it.
        bet: String,
        /// What was matched of it at once, and at which average price.
        matched: f64,
        /// At which price, on average.
        average_price: f64,
        /// Whether nothing of it waits.
        is_complete: bool,
    },
    /// The venue refused it.
    Refused {
        /// Why, in the words of the field.
        reason: VenueReason,
        /// Why, in the venue's.
        code: BetCode,
    },
    /// The session was over, so that nothing was placed.
    SessionOver,
    /// Nobody can say.
    Doubted {
        /// Why.
        doubt: Doubt,
        /// The same for a person.
        what: String,
    },
}

/// What became of a cancel or a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed<T> {
    /// It was done.
    Done(T),
    /// It was not.
    Refused {
        /// Why, in the words of the field.
        reason: VenueReason,
        /// Why, in the venue's.
        code: String,
    },
    /// The session was over.
    SessionOver,
    /// Nobody can say.
    Unknown(String),
}

/// The codes with which the venue says that it did not take an order, whatever else is said.
fn is_refusal(code: &BetCode) -> bool {
    use BetCode as C;
    match code {
        C::InvalidAccountState
        | C::InvalidWalletStatus
        | C::InsufficientFunds
        | C::LossLimitExceeded
        | C::MarketSuspended
        | C::MarketNotOpen
        | C::InvalidOrder
        | C::InvalidMarketId
        | C::PermissionDenied
        | C::RejectedByRegulator
        | C::TooManyInstructions
        | C::InvalidMarketVersion
        | C::InvalidProfitRatio
        | C::InvalidBetSize
        | C::InvalidRunner
        | C::RunnerRemoved
        | C::MarketNotOpenForBsp
        | C::InvalidOdds
        | C::InvalidPersistence
        | C::InvalidBidType
        | C::InvalidMinFillSize
        | C::UnexpectedMinFillSize
        | C::InvalidCustomerOrderRef
        | C::InvalidCustomerStrategyRef
        | C::TimeInForceConflict
        | C::UnexpectedPersistence
        | C::InvalidOrderType
        | C::PriceImprovementTooLarge => true,
        C::Other(code) => [
            "EVENT_EXPOSURE_LIMIT_EXCEEDED",
            "EVENT_MATCHED_EXPOSURE_LIMIT_EXCEEDED",
            "EVENT_BLOCKED",
            "INVALID_BACK_LAY_COMBINATION",
            "NO_CHASING",
        ]
        .contains(&&**code),
        _ => false,
    }
}

/// The codes that say only that another one holds.
fn points_elsewhere(code: &BetCode) -> bool {
    matches!(
        code,
        BetCode::BetActionError | BetCode::ErrorInOrder | BetCode::RelatedActionFailed
    )
}

fn reason(code: &BetCode) -> VenueReason {
    match code {
        BetCode::MarketSuspended | BetCode::MarketNotOpen => VenueReason::MarketNotOpen,
        BetCode::RunnerRemoved | BetCode::InvalidRunner => VenueReason::RunnerRemoved,
        BetCode::MarketNotOpenForBsp => VenueReason::NoStartingPrice,
        BetCode::InvalidOdds => VenueReason::InvalidPrice,
        BetCode::InvalidBetSize => VenueReason::BelowMinimum,
        BetCode::PriceImprovementTooLarge => VenueReason::PriceImprovementTooLarge,
        BetCode::BetTakenOrLapsed => VenueReason::NothingRemains,
        BetCode::NoActionRequired => VenueReason::PersistenceUnchanged,
        BetCode::InsufficientFunds => VenueReason::InsufficientFunds,
        BetCode::InvalidMarketVersion => VenueReason::MarketChanged,
        _ => VenueReason::NotSaid,
    }
}

/// An answer of API-NG to one request: its HTTP status, its body, and the number of the request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// The number of the request that it answers.
    pub id: u64,
}

impl Placed {
    fn unsure(what: impl Into<String>) -> Self {
        Self::Doubted {
            doubt: Doubt::VenueUnsure,
            what: what.into(),
        }
    }

    /// Reads what became of the one order that was placed with this name in this market.
    #[must_use]
    pub fn read(reply: Reply<'_>, name: &str, market: &str) -> Self {
        if reply.status != 200 {
            return Self::unsure(format!("HTTP status {}", reply.status));
        }
        match read_answer(reply.body, reply.id) {
            Ok(report) => Self::reported(&report, name, market),
            Err(NoResult::Api {
                code: ApiCode::NoSession | ApiCode::InvalidSession,
                ..
            }) => Self::SessionOver,
            Err(error @ NoResult::Unreadable(_)) => Self::Doubted {
                doubt: Doubt::Unreadable,
                what: error.to_string(),
            },
            Err(error) => Self::unsure(error.to_string()),
        }
    }

    fn reported(report: &ExecutionReport<PlaceReport>, name: &str, market: &str) -> Self {
        let other = |found: &Option<String>, ours: &str| {
            found.as_deref().is_some_and(|found| found != ours)
        };
        if other(&report.customer_ref, name) || other(&report.market_id, market) {
            return Self::unsure("the report is on another request");
        }
        let reports = report.instruction_reports.as_deref().unwrap_or_default();
        match (report.status, reports) {
            (ReportStatus::Success, [one]) => Self::succeeded(one),
            (ReportStatus::Failure, [] | [_]) => Self::failed(report, reports.first()),
            (status, _) => Self::unsure(format!(
                "the report says {status:?}{}",
                report
                    .error_code
                    .as_ref()
                    .map_or_else(String::new, |code| format!(" ({code})"))
            )),
        }
    }

    fn succeeded(one: &PlaceReport) -> Self {
        match (one.status, &one.bet_id) {
            (ReportStatus::Success, Some(bet)) if !bet.is_empty() => Self::Taken {
                bet: bet.clone(),
                matched: one.size_matched.unwrap_or_default(),
                average_price: one.average_price_matched.unwrap_or_default(),
                is_complete: matches!(
                    one.order_status,
                    Some(OrderStatus::ExecutionComplete | OrderStatus::Expired)
                ),
            },
            (ReportStatus::Success, _) => Self::unsure("the bet was taken, and has no name yet"),
            (status, _) => Self::unsure(format!("the report of a success says {status:?}")),
        }
    }

    /// Refused, if every code that is given is known for a refusal or points to one that is.
    fn failed(report: &ExecutionReport<PlaceReport>, one: Option<&PlaceReport>) -> Self {
        let failed = one.is_none_or(|one| {
            one.status == ReportStatus::Failure
                && one.bet_id.as_deref().unwrap_or_default().is_empty()
        });
        let given = [
            one.and_then(|one| one.error_code.as_ref()),
            report.error_code.as_ref(),
        ];
        let codes = || given.iter().copied().flatten();
        let refusal = codes().find(|code| is_refusal(code));
        match refusal {
            Some(code)
                if failed && codes().all(|code| is_refusal(code) || points_elsewhere(code)) =>
            {
                Self::Refused {
                    reason: reason(code),
                    code: code.clone(),
                }
            }
            _ => {
                let codes: Vec<&str> = codes().map(BetCode::as_str).collect();
                Self::unsure(format!("the venue says {}", codes.join(", ")))
            }
        }
    }
}

/// Reads what became of the one bet that was to be cancelled: how much went.
#[must_use]
pub fn read_cancel(reply: Reply<'_>, bet: &str) -> Changed<Money> {
    read_change(reply, |report: &CancelReport| {
        let ours = report
            .instruction
            .as_ref()
            .is_none_or(|asked| asked.bet_id == bet);
        let gone = report.size_cancelled.and_then(Money::nearest);
        match (ours, gone) {
            (true, Some(gone)) => Ok((report.status, report.error_code.clone(), gone)),
            (true, None) => Ok((report.status, report.error_code.clone(), Money::ZERO)),
            (false, _) => Err("the report is on another bet"),
        }
    })
}

/// Reads what became of the one bet whose persistence was to change.
#[must_use]
pub fn read_update(reply: Reply<'_>, bet: &str) -> Changed<()> {
    read_change(reply, |report: &UpdateReport| {
        let ours = report
            .instruction
            .as_ref()
            .is_none_or(|asked| asked.bet_id == bet);
        match ours {
            true => Ok((report.status, report.error_code.clone(), ())),
            false => Err("the report is on another bet"),
        }
    })
}

/// Reads a report on one instruction, of which `one` gives status, code and what was done.
fn read_change<R: serde::de::DeserializeOwned, T>(
    reply: Reply<'_>,
    one: impl FnOnce(&R) -> Result<(ReportStatus, Option<BetCode>, T), &'static str>,
) -> Changed<T> {
    if reply.status != 200 {
        return Changed::Unknown(format!("HTTP status {}", reply.status));
    }
    let report: ExecutionReport<R> = match read_answer(reply.body, reply.id) {
        Ok(report) => report,
        Err(NoResult::Api {
            code: ApiCode::NoSession | ApiCode::InvalidSession,
            ..
        }) => return Changed::SessionOver,
        Err(error) => return Changed::Unknown(error.to_string()),
    };
    let reports = report.instruction_reports.as_deref().unwrap_or_default();
    let refused = |code: Option<BetCode>| match code {
        Some(code) => Changed::Refused {
            reason: reason(&code),
            code: code.to_string(),
        },
        None => Changed::Unknown("the venue refused, and did not say why".to_owned()),
    };
    match (report.status, reports) {
        // A success as a whole may hold a failure: both levels count.
        (
            ReportStatus::Success | ReportStatus::Failure | ReportStatus::ProcessedWithErrors,
            [only],
        ) => match one(only) {
            Ok((ReportStatus::Success, _, done)) => Changed::Done(done),
            Ok((ReportStatus::Failure, code, _)) => refused(code.or(report.error_code)),
            Ok((status, ..)) => Changed::Unknown(format!("the report says {status:?}")),
            Err(what) => Changed::Unknown(what.to_owned()),
        },
        (ReportStatus::Failure, []) => refused(report.error_code),
        (status, _) => Changed::Unknown(format!("the report says {status:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(result: Value) -> Placed {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "result": result }).to_string();
        let reply = Reply {
            status: 200,
            body: body.as_bytes(),
            id: 7,
        };
        Placed::read(reply, "b1X", "1.1")
    }

    fn failure(report: &str, one: Option<&str>) -> Placed {
        let mut result = json!({ "status": "FAILURE", "errorCode": report, "marketId": "1.1" });
        if let Some(code) = one {
            result["instructionReports"] = json!([{ "status": "FAILURE", "errorCode": code }]);
        }
        read(result)
    }

    #[test]
    fn a_refusal_is_one_that_is_known_for_one() {
        for (report, one, reason) in [
            (
                "PERMISSION_DENIED",
                Some("ERROR_IN_ORDER"),
                VenueReason::NotSaid,
            ),
            ("MARKET_SUSPENDED", None, VenueReason::MarketNotOpen),
            (
                "BET_ACTION_ERROR",
                Some("INVALID_ODDS"),
                VenueReason::InvalidPrice,
            ),
            (
                "INSUFFICIENT_FUNDS",
                Some("INSUFFICIENT_FUNDS"),
                VenueReason::InsufficientFunds,
            ),
            ("EVENT_BLOCKED", None, VenueReason::NotSaid),
        ] {
            let placed = failure(report, one);
            let Placed::Refused { reason: found, .. } = placed else {
                panic!("{report} {one:?}: {placed:?}")
            };
            assert_eq!(found, reason);
        }
    }

    #[test]
    fn whatever_else_comes_back_leaves_it_open() {
        for (report, one) in [
            ("DUPLICATE_TRANSACTION", None),
            ("ERROR_IN_MATCHER", Some("ERROR_IN_MATCHER")),
            ("SERVICE_UNAVAILABLE", None),
            ("BET_ACTION_ERROR", Some("BET_IN_PROGRESS")),
            ("BET_ACTION_ERROR", Some("ERROR_IN_ORDER")),
            ("REGULATOR_IS_NOT_AVAILABLE", None),
            ("BET_ON_THE_MOON", Some("INVALID_ODDS")),
            ("PERMISSION_DENIED", Some("BET_TAKEN_OR_LAPSED")),
        ] {
            let placed = failure(report, one);
            assert!(
                matches!(placed, Placed::Doubted { .. }),
                "{report}: {placed:?}"
            );
        }
        for result in [
            json!({ "status": "TIMEOUT" }),
            json!({ "status": "SUCCESS" }),
            json!({ "status": "FAILURE" }),
            json!({ "status": "SUCCESS", "instructionReports": [{ "status": "SUCCESS", "orderStatus": "PENDING" }] }),
            json!({ "status": "SUCCESS", "instructionReports": [{ "status": "TIMEOUT" }] }),
            json!({ "status": "PROCESSED_WITH_ERRORS", "errorCode": "PROCESSED_WITH_ERRORS",
                "instructionReports": [{ "status": "FAILURE", "errorCode": "INVALID_ODDS" }] }),
            json!({ "status": "SUCCESS", "customerRef": "b1Y", "instructionReports": [{ "status": "SUCCESS", "betId": "1" }] }),
            json!({ "status": "FAILURE", "errorCode": "INVALID_ODDS", "marketId": "1.2" }),
            // A bet with a name is there, whatever is said of it.
            json!({ "status": "FAILURE", "errorCode": "INVALID_ODDS",
                "instructionReports": [{ "status": "FAILURE", "errorCode": "INVALID_ODDS", "betId": "1" }] }),
        ] {
            let placed = read(result.clone());
            assert!(
                matches!(placed, Placed::Doubted { .. }),
                "{result}: {placed:?}"
            );
        }
    }

    #[test]
    fn no_http_status_but_200_and_no_exception_but_of_the_session_is_an_answer() {
        let error = |code: &str| {
            json!({ "id": 7, "error": { "code": -32099, "message": "ANGX-0003", "data": {
                "exceptionname": "APINGException", "APINGException": { "errorCode": code } } } })
            .to_string()
        };
        let read = |status, body: &str| {
            let body = body.as_bytes();
            Placed::read(
                Reply {
                    status,
                    body,
                    id: 7,
                },
                "b1X",
                "1.1",
            )
        };
        let over = error("INVALID_SESSION_INFORMATION");
        assert_eq!(read(200, &over), Placed::SessionOver);
        assert_eq!(read(200, &error("NO_SESSION")), Placed::SessionOver);
        let doubted = |placed: Placed| match placed {
            Placed::Doubted { doubt, .. } => doubt,
            other => panic!("{other:?}"),
        };
        assert_eq!(doubted(read(503, &over)), Doubt::VenueUnsure);
        assert_eq!(doubted(read(307, "")), Doubt::VenueUnsure);
        assert_eq!(
            doubted(read(200, &error("TOO_MANY_REQUESTS"))),
            Doubt::VenueUnsure
        );
        assert_eq!(doubted(read(200, "<html>busy</html>")), Doubt::Unreadable);
        assert_eq!(doubted(read(200, "")), Doubt::Unreadable);
    }

    #[test]
    fn recorded_answers_say_what_became_of_a_bet() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/betfair/rest");
        if !folder.exists() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        let body = |name: &str| std::fs::read(folder.join(name)).unwrap();
        fn reply(body: &[u8]) -> Reply<'_> {
            Reply {
                status: 200,
                body,
                id: 1,
            }
        }
        let success = body("betting_place_order_success.json");
        let name = "O-20210327-090738-001-001-2";
        let placed = Placed::read(reply(&success), name, "1.181005744");
        assert!(matches!(placed, Placed::Taken { bet, .. } if bet == "228302937743"));
        let refused = body("betting_place_order_error.json");
        let name = "O-20210331-202018-001-001-2";
        let placed = Placed::read(reply(&refused), name, "1.181106170");
        assert!(matches!(
            placed,
            Placed::Refused {
                code: BetCode::PermissionDenied,
                ..
            }
        ));
        // Two orders in one request: what became of one of them is not to be told from the whole.
        let batch = body("betting_place_order_batch_success.json");
        let placed = Placed::read(reply(&batch), "O-20210327-090738-001-001-2", "1.181005744");
        assert!(matches!(placed, Placed::Doubted { .. }));
        let gone = body("betting_cancel_orders_success.json");
        assert_eq!(
            read_cancel(reply(&gone), "1"),
            Changed::Done(Money::from_major(10))
        );
        assert!(matches!(
            read_cancel(reply(&gone), "2"),
            Changed::Unknown(_)
        ));
        for (name, reason) in [
            (
                "betting_cancel_orders_bet_taken_or_lapsed.json",
                VenueReason::NothingRemains,
            ),
            (
                "betting_cancel_orders_result_failure.json",
                VenueReason::MarketNotOpen,
            ),
            ("betting_cancel_orders_error.json", VenueReason::NotSaid),
        ] {
            let refused = body(name);
            let read = read_cancel(reply(&refused), "1");
            assert!(
                matches!(&read, Changed::Refused { reason: found, .. } if *found == reason),
                "{name}: {read:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_answer_upsets_the_reading(
            status in 100..600_u16, body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let placed = Placed::read(Reply { status, body: &body, id: 1 }, "b1X", "1.1");
            let doubted = matches!(placed, Placed::Doubted { .. });
            prop_assert!(doubted, "{:?}", placed);
        }

        /// Mutilated answers are never taken for a refusal with another code, nor for a success with another bet.
        #[test]
        fn a_mutilated_answer_is_read_as_it_was_or_not_at_all(at in 0..400_usize, byte: u8) {
            let mut body = json!({ "jsonrpc": "2.0", "id": 7, "result": { "customerRef": "b1X", "status": "FAILURE",
                "errorCode": "PERMISSION_DENIED", "marketId": "1.1", "instructionReports": [
                    { "status": "FAILURE", "errorCode": "ERROR_IN_ORDER" }] } }).to_string().into_bytes();
            let place = at % body.len();
            body[place] = byte;
            let placed = Placed::read(Reply { status: 200, body: &body, id: 7 }, "b1X", "1.1");
            let known = matches!(placed, Placed::Doubted { .. } | Placed::Refused { code: BetCode::PermissionDenied, .. });
            prop_assert!(known, "{:?}", placed);
        }
    }
}
