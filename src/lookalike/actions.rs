//! Bets are placed: what is refused, what the exchange is sent, and what is answered. Shared with what changes bets.

use std::time::Instant;

use super::accounts::AccountId;
use super::bets::{Bet, Refs};
use super::world::{Pass, World};
use crate::engine::Request;
use crate::market::{
    Instruction, MarketId, MarketStatus, Order, OrderId, OrderKind, Place, Price, VenueReason,
};
use crate::venue::betfair::{
    ApiCode, BetCode, ExecutionReport, Instant as Date, MarketVersion, OrderStatus,
    PlaceInstruction, PlaceOrders, PlaceReport, ReportStatus, RpcError,
};

/// Most instructions in a request.
const MOST_PLACED: usize = 200;
pub(super) const MOST_OTHERS: usize = 60;
/// Longest names that customers may give.
const LONGEST_REF: usize = 32;
const LONGEST_STRATEGY: usize = 15;

/// A request to place or replace that the exchange has: its answer waits until all its bets are decided.
#[derive(Debug)]
pub(super) struct Ticket<I> {
    pub(super) request: ExecutionReport<()>,
    pub(super) steps: Vec<Step<I>>,
    /// The answer does not wait.
    pub(super) is_async: bool,
}

#[derive(Debug)]
pub(super) struct Step<I> {
    pub(super) instruction: I,
    /// The bet that comes; none if it was refused for this.
    pub(super) bet: Result<OrderId, BetCode>,
    /// The bet that goes.
    pub(super) old: Option<OrderId>,
}

/// What a request led to: an answer at once, or a wait.
#[derive(Debug)]
pub(super) enum Outcome<I, R> {
    Answer(ExecutionReport<R>),
    Wait(Ticket<I>),
}

/// The parts of a request that every answer repeats.
pub(super) struct Head<'a> {
    pub(super) account: AccountId,
    pub(super) market: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

impl Head<'_> {
    pub(super) fn report<R>(
        &self,
        status: ReportStatus,
        code: Option<BetCode>,
        reports: Option<Vec<R>>,
    ) -> ExecutionReport<R> {
        ExecutionReport {
            customer_ref: self.name.map(str::to_owned),
            status,
            error_code: code,
            market_id: self.market.map(str::to_owned),
            instruction_reports: reports,
        }
    }

    /// The request was refused as a whole. Of a suspended market the venue says nothing but that.
    pub(super) fn refuse<R>(
        &self,
        code: BetCode,
        reports: impl Iterator<Item = R>,
    ) -> ExecutionReport<R> {
        let reports = (code != BetCode::MarketSuspended).then(|| reports.collect());
        self.report(ReportStatus::Failure, Some(code), reports)
    }
}

impl World {
    /// Checks what all requests about bets have in common; a code means that the request is refused as a whole.
    pub(super) fn receive(
        &mut self,
        head: &Head<'_>,
        operation: &'static str,
        count: usize,
        most: usize,
    ) -> Result<Option<BetCode>, RpcError> {
        if let Some(name) = head.name {
            if name.len() > LONGEST_REF || !name.chars().all(is_ref) {
                return Err(RpcError::api(ApiCode::InvalidInputData, "customerRef"));
            }
            let now = Instant::now();
            if !name.is_empty()
                && self
                    .accounts
                    .is_repeated(head.account, operation, name, now)
            {
                return Ok(Some(BetCode::DuplicateTransaction));
            }
        }
        if count > most {
            return Ok(Some(BetCode::TooManyInstructions));
        }
        let Some(market) = head.market else {
            return Ok(None);
        };
        Ok(match self.market(market).map(|market| market.status()) {
            None => Some(BetCode::InvalidMarketId),
            Some(MarketStatus::Suspended) => Some(BetCode::MarketSuspended),
            Some(MarketStatus::Open) => None,
            Some(MarketStatus::Inactive | MarketStatus::Closed) => Some(BetCode::MarketNotOpen),
        })
    }

    pub(super) fn is_outdated(&self, market: &str, version: Option<MarketVersion>) -> bool {
        let present = self.market(market).map(|market| market.definition.version);
        version.is_some_and(|known| present.is_some_and(|present| present > known.version))
    }

    /// `placeOrders`: all of them or none.
    pub(super) fn place(
        &mut self,
        account: AccountId,
        asked: PlaceOrders,
    ) -> Result<Outcome<PlaceInstruction, PlaceReport>, RpcError> {
        if asked.instructions.is_empty() {
            return Err(RpcError::api(ApiCode::InvalidInputData, "instructions"));
        }
        let head = Head {
            account,
            market: Some(&asked.market_id),
            name: asked.customer_ref.as_deref(),
        };
        let count = asked.instructions.len();
        if let Some(code) = self.receive(&head, "placeOrders", count, MOST_PLACED)? {
            let all = asked.instructions.into_iter();
            let all = all.map(|instruction| refused(instruction, BetCode::ErrorInOrder));
            return Ok(Outcome::Answer(head.refuse(code, all)));
        }
        let refs = Refs {
            request: asked.customer_ref.clone(),
            order: None,
            strategy: asked.customer_strategy_ref.clone(),
        };
        let kinds: Vec<Result<OrderKind, BetCode>> = asked
            .instructions
            .iter()
            .map(|instruction| self.check(account, &asked.market_id, instruction, &refs))
            .collect();
        let all: Result<Vec<OrderKind>, BetCode> = kinds.iter().cloned().collect();
        let Ok(all) = all else {
            let reports = asked.instructions.into_iter().zip(kinds);
            let reports = reports.map(|(instruction, kind)| {
                refused(
                    instruction,
                    kind.err().unwrap_or(BetCode::RelatedActionFailed),
                )
            });
            let (failure, code) = (ReportStatus::Failure, BetCode::BetActionError);
            let report = head.report(failure, Some(code), Some(reports.collect()));
            return Ok(Outcome::Answer(report));
        };
        let market = MarketId::new(&asked.market_id);
        if !self.can_afford(account, &market, &asked.instructions, &all) {
            let reports = asked.instructions.into_iter();
            let reports = reports.map(|instruction| refused(instruction, BetCode::ErrorInOrder));
            let (failure, code) = (ReportStatus::Failure, BetCode::InsufficientFunds);
            let report = head.report(failure, Some(code), Some(reports.collect()));
            return Ok(Outcome::Answer(report));
        }
        let request = head.report(ReportStatus::Success, None, None);
        let outdated = self.is_outdated(&asked.market_id, asked.market_version);
        let steps = asked.instructions.into_iter().zip(all);
        let steps = steps
            .map(|(instruction, kind)| {
                let order = instruction.customer_order_ref.clone();
                let refs = Refs {
                    order: order.filter(|name| !name.is_empty()),
                    ..refs.clone()
                };
                let place = place_of(&instruction, kind);
                let id = self.put(account, &market, &place, refs, outdated, None);
                Step {
                    instruction,
                    bet: Ok(id),
                    old: None,
                }
            })
            .collect();
        self.notify();
        Ok(Outcome::Wait(Ticket {
            request,
            steps,
            is_async: asked.is_async == Some(true),
        }))
    }

    /// What an instruction asks for, if the exchange would take it now.
    fn check(
        &self,
        account: AccountId,
        market: &str,
        instruction: &PlaceInstruction,
        refs: &Refs,
    ) -> Result<OrderKind, BetCode> {
        let too_long =
            |name: &Option<String>, most| name.as_ref().is_some_and(|name| name.len() > most);
        if too_long(&instruction.customer_order_ref, LONGEST_REF) {
            return Err(BetCode::InvalidCustomerOrderRef);
        }
        if too_long(&refs.strategy, LONGEST_STRATEGY) {
            return Err(BetCode::InvalidCustomerStrategyRef);
        }
        let kind = instruction.terms()?;
        let runner = instruction.runner();
        let known = self.market(market).and_then(|market| market.runner(runner));
        if known.is_none() {
            return Err(BetCode::InvalidRunner);
        }
        let order = self.instruction(
            OrderId::from_bits(0),
            account,
            &MarketId::new(market),
            &place_of(instruction, kind),
        );
        self.refusal(&order)
            .map_or(Ok(kind), |reason| Err(code_of(reason)))
    }

    fn can_afford(
        &self,
        account: AccountId,
        market: &MarketId,
        instructions: &[PlaceInstruction],
        kinds: &[OrderKind],
    ) -> bool {
        let now = self.now();
        let orders: Vec<Order> = instructions
            .iter()
            .zip(kinds)
            .map(|(instruction, kind)| {
                Order::new(OrderId::from_bits(0), &place_of(instruction, *kind), now)
            })
            .collect();
        let exposure = self
            .bets
            .exposure(account, &self.books, Some((market, &orders)));
        let balance = self.accounts.get(account).map(|account| account.balance);
        exposure <= balance.unwrap_or_default() || exposure <= self.funds(account).1
    }

    fn instruction(
        &self,
        id: OrderId,
        account: AccountId,
        market: &MarketId,
        place: &Place,
    ) -> Instruction {
        Instruction {
            id,
            strategy: format!("account-{}", account.0).into(),
            market: market.clone(),
            runner: place.runner,
            side: place.side,
            kind: place.kind,
            book: None,
        }
    }

    /// Sends an order to the exchange, alone or in the place of another.
    pub(super) fn put(
        &mut self,
        account: AccountId,
        market: &MarketId,
        place: &Place,
        refs: Refs,
        outdated: bool,
        replaces: Option<(OrderId, Price)>,
    ) -> OrderId {
        let id = self.bets.next_id();
        let at = self.now();
        let order = Order::new(id, place, at);
        self.bets.add(account, market.clone(), order, refs);
        if outdated {
            self.bets.outdate(id, at);
            return id;
        }
        let with = Pass(self.instruction(id, account, market, place));
        let request = match replaces {
            None => Request::Place(with),
            Some((old, price)) => Request::Replace {
                market: market.clone(),
                order: old,
                price,
                with,
            },
        };
        self.send(market, request);
        id
    }

    /// Whether the exchange has said of every bet of a request whether it takes it.
    pub(super) fn is_decided<I>(&self, ticket: &Ticket<I>) -> bool {
        let ids = ticket
            .steps
            .iter()
            .filter_map(|step| step.bet.as_ref().ok());
        ids.filter_map(|id| self.bets.get(*id))
            .all(|bet| !bet.is_undecided())
    }

    /// The answer to `placeOrders`. Bets that are not decided yet are told as unknown, or as pending if the client did not
    /// want to wait.
    pub(super) fn placed(&self, ticket: Ticket<PlaceInstruction>) -> ExecutionReport<PlaceReport> {
        let is_async = ticket.is_async;
        let reports = ticket.steps.into_iter().map(|step| match step.bet {
            Ok(id) => self.place_report(step.instruction, id, is_async),
            Err(code) => refused(step.instruction, code),
        });
        conclude(ticket.request, reports.collect(), |report| report.status)
    }

    pub(super) fn place_report(
        &self,
        instruction: PlaceInstruction,
        id: OrderId,
        is_async: bool,
    ) -> PlaceReport {
        let Some(bet) = self.bets.get(id) else {
            return refused(instruction, BetCode::ErrorInMatcher);
        };
        if is_async {
            return PlaceReport {
                status: ReportStatus::Success,
                order_status: Some(OrderStatus::Pending),
                error_code: None,
                ..refused(instruction, BetCode::BetInProgress)
            };
        }
        if bet.is_undecided() {
            return PlaceReport {
                status: ReportStatus::Timeout,
                ..refused(instruction, BetCode::BetInProgress)
            };
        }
        if !bet.stands() {
            return refused(
                instruction,
                bet.reason.map_or(BetCode::ErrorInOrder, code_of),
            );
        }
        let average = bet.order.average_price().map_or(0.0, two_decimals);
        PlaceReport {
            status: ReportStatus::Success,
            error_code: None,
            order_status: Some(order_status(bet)),
            instruction: Some(instruction),
            bet_id: Some(bet.id()),
            placed_date: bet.order.placed_at.map(Date::in_seconds),
            average_price_matched: Some(average),
            size_matched: Some(bet.order.matched.to_f64()),
        }
    }
}

fn is_ref(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._+*:;~".contains(letter)
}

fn place_of(instruction: &PlaceInstruction, kind: OrderKind) -> Place {
    Place {
        runner: instruction.runner(),
        side: instruction.side,
        kind,
        book: None,
        reason: None,
        probability: None,
        tag: None,
    }
}

fn refused(instruction: PlaceInstruction, code: BetCode) -> PlaceReport {
    PlaceReport {
        status: ReportStatus::Failure,
        error_code: Some(code),
        order_status: None,
        instruction: Some(instruction),
        bet_id: None,
        placed_date: None,
        average_price_matched: None,
        size_matched: None,
    }
}

pub(super) fn status_of<T, E>(done: &Result<T, E>) -> ReportStatus {
    if done.is_ok() {
        ReportStatus::Success
    } else {
        ReportStatus::Failure
    }
}

/// How a request ended whose instructions ended so.
pub(super) fn conclude<R>(
    request: ExecutionReport<()>,
    reports: Vec<R>,
    status: impl Fn(&R) -> ReportStatus,
) -> ExecutionReport<R> {
    let any = |wanted| reports.iter().any(|report| status(report) == wanted);
    let (status, error_code) = if any(ReportStatus::Timeout) {
        (ReportStatus::Timeout, None)
    } else if !any(ReportStatus::Failure) {
        (ReportStatus::Success, None)
    } else if any(ReportStatus::Success) {
        let code = BetCode::ProcessedWithErrors;
        (ReportStatus::ProcessedWithErrors, Some(code))
    } else {
        (ReportStatus::Failure, Some(BetCode::BetActionError))
    };
    ExecutionReport {
        customer_ref: request.customer_ref,
        status,
        error_code,
        market_id: request.market_id,
        instruction_reports: Some(reports),
    }
}

/// Where a bet stands, in the venue's words.
pub(super) fn order_status(bet: &Bet) -> OrderStatus {
    let order = &bet.order;
    let killed = matches!(
        order.kind,
        OrderKind::Limit {
            fill_or_kill: Some(_),
            ..
        }
    ) && !order.matched.is_positive();
    match order.state.is_live() {
        true => OrderStatus::Executable,
        false if killed => OrderStatus::Expired,
        false => OrderStatus::ExecutionComplete,
    }
}

/// A price as the venue shows averages.
pub(super) fn two_decimals(price: Price) -> f64 {
    (price.to_f64() * 100.0).round() / 100.0
}

/// The code with which the venue refuses for this reason.
fn code_of(reason: VenueReason) -> BetCode {
    match reason {
        VenueReason::MarketNotOpen
        | VenueReason::MarketClosed
        | VenueReason::TurnedInPlay
        | VenueReason::Suspended => BetCode::MarketNotOpen,
        VenueReason::RunnerRemoved => BetCode::RunnerRemoved,
        VenueReason::NoStartingPrice => BetCode::MarketNotOpenForBsp,
        VenueReason::InvalidPrice => BetCode::InvalidOdds,
        VenueReason::BelowMinimum | VenueReason::StakeAboveLimit => BetCode::InvalidBetSize,
        VenueReason::NothingRemains | VenueReason::NotCancellable => BetCode::BetTakenOrLapsed,
        VenueReason::PriceImprovementTooLarge => BetCode::PriceImprovementTooLarge,
        VenueReason::NotUpdatable => BetCode::InvalidPersistence,
        VenueReason::PersistenceUnchanged => BetCode::NoActionRequired,
        VenueReason::InsufficientFunds => BetCode::InsufficientFunds,
        _ => BetCode::ErrorInOrder,
    }
}
