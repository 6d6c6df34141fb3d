//! Bets are changed: cancelled, kept for play or not, moved to another price.

use super::accounts::AccountId;
use super::actions::{Head, MOST_OTHERS, Outcome, Step, Ticket, conclude, status_of};
use super::bets::Refs;
use super::world::World;
use crate::engine::Request;
use crate::market::{FillOrKill, MarketId, Money, OrderId, OrderKind, Place};
use crate::venue::betfair::{
    ApiCode, BetCode, CancelInstruction, CancelOrders, CancelReport, ExecutionReport,
    Instant as Date, PlaceInstruction, ReplaceInstruction, ReplaceOrders, ReplaceReport,
    ReportStatus, RpcError, UpdateOrders, UpdateReport,
};

impl World {
    /// `cancelOrders`.
    pub(super) fn cancel(
        &mut self,
        account: AccountId,
        asked: CancelOrders,
    ) -> Result<ExecutionReport<CancelReport>, RpcError> {
        let head = Head {
            account,
            market: asked.market_id.as_deref(),
            name: asked.customer_ref.as_deref(),
        };
        let instructions = asked.instructions.unwrap_or_default();
        let count = instructions.len();
        if head.market.is_none() && count > 0 {
            return Err(RpcError::api(ApiCode::InvalidInputData, "marketId"));
        }
        if let Some(code) = self.receive(&head, "cancelOrders", count, MOST_OTHERS)? {
            let all = instructions.into_iter().map(|instruction| CancelReport {
                status: ReportStatus::Failure,
                error_code: Some(BetCode::ErrorInOrder),
                instruction: Some(instruction),
                size_cancelled: Some(0.0),
                cancelled_date: None,
            });
            return Ok(head.refuse(code, all));
        }
        let reports: Vec<CancelReport> = if instructions.is_empty() {
            self.cancel_all(account, head.market)
        } else {
            let market = MarketId::new(head.market.unwrap_or_default());
            instructions
                .into_iter()
                .map(|instruction| self.cancel_one(account, &market, instruction))
                .collect()
        };
        self.notify();
        // The venue calls it a success if the request could be carried out, whatever came of its instructions.
        let failed = reports
            .iter()
            .filter(|report| report.status == ReportStatus::Failure)
            .count();
        let mixed = failed > 0 && failed < reports.len();
        let (status, code) = if mixed {
            let code = BetCode::ProcessedWithErrors;
            (ReportStatus::ProcessedWithErrors, Some(code))
        } else {
            (ReportStatus::Success, None)
        };
        Ok(head.report(status, code, Some(reports)))
    }

    /// Cancels what remains of every limit order of an account, in a market or in all.
    pub(super) fn cancel_all(
        &mut self,
        account: AccountId,
        market: Option<&str>,
    ) -> Vec<CancelReport> {
        let waiting: Vec<(MarketId, String)> = self
            .bets
            .of(account)
            .filter(|bet| market.is_none_or(|market| bet.market.as_str() == market))
            .filter(|bet| bet.order.remaining().is_positive())
            .map(|bet| (bet.market.clone(), bet.id()))
            .collect();
        waiting
            .into_iter()
            .map(|(market, bet_id)| {
                let instruction = CancelInstruction {
                    bet_id,
                    size_reduction: None,
                };
                self.cancel_one(account, &market, instruction)
            })
            .collect()
    }

    fn cancel_one(
        &mut self,
        account: AccountId,
        market: &MarketId,
        instruction: CancelInstruction,
    ) -> CancelReport {
        let done = self.take_off(account, market, &instruction);
        let at = Date::in_seconds(self.now());
        CancelReport {
            status: status_of(&done),
            error_code: done.as_ref().err().cloned(),
            instruction: Some(instruction),
            size_cancelled: Some(done.as_ref().map_or(0.0, |size| size.to_f64())),
            cancelled_date: done.is_ok().then_some(at),
        }
    }

    /// Cancels a bet, or part of it; gives how much went.
    fn take_off(
        &mut self,
        account: AccountId,
        market: &MarketId,
        instruction: &CancelInstruction,
    ) -> Result<Money, BetCode> {
        let size = instruction.size()?;
        let bet = self.bets.named(account, &instruction.bet_id);
        let bet = bet.filter(|bet| bet.market == *market);
        // Of a bet that it does not know the venue says the same as of one that is over.
        let bet = bet.ok_or(BetCode::BetTakenOrLapsed)?;
        let (order, before) = (bet.order.id, bet.order.cancelled);
        let request = Request::Cancel {
            market: market.clone(),
            order,
            size,
        };
        self.send(market, request);
        let after = self.bets.get(order).map(|bet| bet.order.cancelled);
        let gone = after.unwrap_or_default() - before;
        gone.is_positive()
            .then_some(gone)
            .ok_or(BetCode::BetTakenOrLapsed)
    }

    /// `updateOrders`.
    pub(super) fn update(
        &mut self,
        account: AccountId,
        asked: UpdateOrders,
    ) -> Result<ExecutionReport<UpdateReport>, RpcError> {
        let head = Head {
            account,
            market: Some(&asked.market_id),
            name: asked.customer_ref.as_deref(),
        };
        let count = asked.instructions.len();
        if let Some(code) = self.receive(&head, "updateOrders", count, MOST_OTHERS)? {
            let all = asked
                .instructions
                .into_iter()
                .map(|instruction| UpdateReport {
                    status: ReportStatus::Failure,
                    error_code: Some(BetCode::ErrorInOrder),
                    instruction: Some(instruction),
                });
            return Ok(head.refuse(code, all));
        }
        let market = MarketId::new(&asked.market_id);
        let mut reports = Vec::new();
        for instruction in asked.instructions {
            let wanted = instruction.new_persistence_type;
            let bet = self.bets.named(account, &instruction.bet_id);
            let bet = bet.filter(|bet| bet.market == market);
            let done = match bet.map(|bet| bet.order.clone()) {
                None => Err(BetCode::InvalidBetId),
                Some(order) if !order.remaining().is_positive() => Err(BetCode::BetTakenOrLapsed),
                Some(order) if order.kind.persistence() == Some(wanted) => {
                    Err(BetCode::NoActionRequired)
                }
                Some(order) => {
                    let request = Request::Update {
                        market: market.clone(),
                        order: order.id,
                        persistence: wanted,
                    };
                    self.send(&market, request);
                    let bet = self.bets.get(order.id);
                    let updated = bet.and_then(|bet| bet.order.kind.persistence()) == Some(wanted);
                    updated.then_some(()).ok_or(BetCode::InvalidPersistence)
                }
            };
            reports.push(UpdateReport {
                status: status_of(&done),
                error_code: done.err(),
                instruction: Some(instruction),
            });
        }
        self.notify();
        let request = head.report(ReportStatus::Success, None, None);
        Ok(conclude(request, reports, |report| report.status))
    }

    /// `replaceOrders`: the old bet goes first, and the new one has what remained of it.
    pub(super) fn replace(
        &mut self,
        account: AccountId,
        asked: ReplaceOrders,
    ) -> Result<Outcome<ReplaceInstruction, ReplaceReport>, RpcError> {
        if asked.instructions.is_empty() {
            return Err(RpcError::api(ApiCode::InvalidInputData, "instructions"));
        }
        let head = Head {
            account,
            market: Some(&asked.market_id),
            name: asked.customer_ref.as_deref(),
        };
        let count = asked.instructions.len();
        if let Some(code) = self.receive(&head, "replaceOrders", count, MOST_OTHERS)? {
            let all = asked.instructions.iter();
            let all = all.map(|_| unmoved(BetCode::ErrorInOrder));
            return Ok(Outcome::Answer(head.refuse(code, all)));
        }
        let market = MarketId::new(&asked.market_id);
        let outdated = self.is_outdated(&asked.market_id, asked.market_version);
        let request = head.report(ReportStatus::Success, None, None);
        let steps = asked
            .instructions
            .into_iter()
            .map(|instruction| {
                let name = asked.customer_ref.as_deref();
                let moved = self.move_bet(account, &market, &instruction, name, outdated);
                let (bet, old) = match moved {
                    Ok((bet, old)) => (Ok(bet), Some(old)),
                    Err(code) => (Err(code), None),
                };
                Step {
                    instruction,
                    bet,
                    old,
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

    fn move_bet(
        &mut self,
        account: AccountId,
        market: &MarketId,
        instruction: &ReplaceInstruction,
        name: Option<&str>,
        outdated: bool,
    ) -> Result<(OrderId, OrderId), BetCode> {
        let to = instruction.price()?;
        let bet = self.bets.named(account, &instruction.bet_id);
        let bet = bet.filter(|bet| bet.market == *market);
        let bet = bet.ok_or(BetCode::BetTakenOrLapsed)?;
        let old = bet.order.id;
        let remaining = bet.order.remaining();
        let OrderKind::Limit {
            price, persistence, ..
        } = bet.order.kind
        else {
            return Err(BetCode::InvalidBidType);
        };
        if !remaining.is_positive() {
            return Err(BetCode::BetTakenOrLapsed);
        }
        if price == to {
            return Err(BetCode::NoActionRequired);
        }
        let ladder = self
            .market(market.as_str())
            .map(|market| market.definition.ladder);
        if ladder.is_some_and(|ladder| !ladder.contains(to)) {
            return Err(BetCode::InvalidOdds);
        }
        let refs = Refs {
            request: name.map(str::to_owned),
            ..bet.refs.clone()
        };
        let place = Place {
            runner: bet.order.runner,
            side: bet.order.side,
            kind: OrderKind::Limit {
                price: to,
                size: remaining,
                persistence,
                fill_or_kill: None::<FillOrKill>,
            },
            book: None,
            reason: None,
            probability: None,
            tag: None,
        };
        let new = self.put(account, market, &place, refs, outdated, Some((old, to)));
        Ok((new, old))
    }

    /// The answer to `replaceOrders`.
    pub(super) fn replaced(
        &self,
        ticket: Ticket<ReplaceInstruction>,
    ) -> ExecutionReport<ReplaceReport> {
        let is_async = ticket.is_async;
        let reports = ticket.steps.into_iter().map(|step| {
            let (new, old) = match (step.bet, step.old) {
                (Ok(new), Some(old)) => (new, old),
                (Err(code), _) => return unmoved(code),
                (Ok(_), None) => return unmoved(BetCode::ErrorInOrder),
            };
            self.replace_report(step.instruction, new, old, is_async)
        });
        conclude(ticket.request, reports.collect(), |report| report.status)
    }

    fn replace_report(
        &self,
        instruction: ReplaceInstruction,
        new: OrderId,
        old: OrderId,
        is_async: bool,
    ) -> ReplaceReport {
        let (Some(bet), Some(gone)) = (self.bets.get(new), self.bets.get(old)) else {
            return unmoved(BetCode::ErrorInMatcher);
        };
        let order = &bet.order;
        let place =
            PlaceInstruction::new(order.runner, order.side, order.kind, bet.refs.order.clone());
        let placed = self.place_report(place, new, is_async);
        let cancelled = bet.is_undecided() || bet.stands() || !gone.order.remaining().is_positive();
        let at = gone.cancelled_at.map(Date::in_seconds);
        let cancel = CancelReport {
            status: if cancelled {
                ReportStatus::Success
            } else {
                ReportStatus::Failure
            },
            error_code: (!cancelled).then_some(BetCode::BetTakenOrLapsed),
            instruction: Some(CancelInstruction {
                bet_id: instruction.bet_id,
                size_reduction: None,
            }),
            size_cancelled: order.kind.size().filter(|_| cancelled).map(Money::to_f64),
            cancelled_date: at,
        };
        let (status, code) = match (placed.status, cancelled) {
            (ReportStatus::Failure, true) => {
                (ReportStatus::Failure, Some(BetCode::CancelledNotPlaced))
            }
            (ReportStatus::Failure, false) => (ReportStatus::Failure, placed.error_code.clone()),
            (status, _) => (status, None),
        };
        ReplaceReport {
            status,
            error_code: code,
            cancel_instruction_report: Some(cancel),
            place_instruction_report: Some(placed),
        }
    }
}

/// A bet was not moved.
fn unmoved(code: BetCode) -> ReplaceReport {
    ReplaceReport {
        status: ReportStatus::Failure,
        error_code: Some(code),
        cancel_instruction_report: None,
        place_instruction_report: None,
    }
}
