//! What each reason for a refusal means, for people who ask.

use super::ReasonCode;

impl ReasonCode {
    /// What it means, in a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::IntentMalformed => "The strategy returned something that is no intent.",
            Self::IntentTooMany => "More intents in one call than allowed.",
            Self::KillSwitchOn => "The operator halted betting.",
            Self::TradingPaused => "Betting is paused.",
            Self::TradingReduceOnly => "Only orders that lower the worst case are taken now.",
            Self::ScriptNotApproved => "Nobody has approved this version of the script for LIVE.",
            Self::VenueNotReady => "The venue has not said yet, or not lately, what it has of us.",
            Self::HealthFence => "The host's health forbids orders.",
            Self::OrderInDoubt => {
                "The strategy has an order on this runner and side of which nobody can say whether the venue has it."
            }
            Self::MarketNotOpen => "The market is not open.",
            Self::MarketInPlay => "The market is in play and in-play betting is off.",
            Self::RunnerUnknown => "The runner is not in this market.",
            Self::RunnerNotActive => "The runner was withdrawn or is settled.",
            Self::SnapshotStale => "The snapshot is too old to act on.",
            Self::PriceOffLadder => "The price is not on the market's ladder.",
            Self::PriceTooLow => "The price is under the lowest allowed.",
            Self::PriceTooHigh => "The price is over the highest allowed.",
            Self::StakeTooSmall => "The stake is under the least allowed.",
            Self::StakeTooLarge => "The stake is over the most allowed.",
            Self::StakeOverBankrollShare => "The stake is too large a part of the bankroll.",
            Self::LiabilityTooLarge => "The liability is over the most allowed.",
            Self::OrdersTooMany => "The strategy has as many open orders as allowed.",
            Self::OrdersTooManyOnRunner => {
                "The strategy has as many open orders on this runner as allowed."
            }
            Self::OrdersTooFast => "The strategy has placed as many orders as allowed in a minute.",
            Self::ExposureRunner => "The runner could lose the strategy too much.",
            Self::ExposureMarket => "The market could lose the strategy too much.",
            Self::ExposureStrategy => "All markets together could lose the strategy too much.",
            Self::LossDaily => {
                "The day's loss, with what open bets could still lose, would pass the limit."
            }
            Self::BankrollExhausted => "The bankroll does not cover the worst case.",
            Self::MarketKindUnknown => "By which rules the market's bets are settled is not known.",
            Self::MarketNotAllowed => {
                "The operator's lists do not hold the market's sport, type or country."
            }
            Self::StartTooClose => "The event begins too soon.",
            Self::PriceThroughBook => "The price lies too far beyond the best offer.",
            Self::PriceTooGood => {
                "The offer is too much better than what was last traded to be true."
            }
            Self::StakeUnusual => "The stake is many times what the strategy usually bets.",
            Self::BetTooSoon => "The last bet on this runner and side ended too short a time ago.",
            Self::OrdersTooManyInMarket => {
                "The strategy has placed as many orders in this market as allowed."
            }
            Self::FillsTooFast => {
                "The strategy was filled as often in this market within a minute as allowed."
            }
            Self::LossesInARow => {
                "The strategy has lost as many markets in a row as allowed, and must cool off."
            }
            Self::VenueRefuses => "The venue refused most of the last orders.",
            Self::OrdersTooFastAll => {
                "All strategies together have placed as many orders as allowed."
            }
            Self::OrdersInFlight => "As many orders as allowed are on their way.",
            Self::StakeOpen => "As much as allowed waits unmatched.",
            Self::ExposureGross => "The market could lose too much if nothing offset anything.",
            Self::LossDrawdown => "The strategy's bank could fall too far from its highest.",
            Self::ExposureMarketAll => "The market could lose all strategies together too much.",
            Self::ExposureEvent => "The event could lose all strategies together too much.",
            Self::ExposureSport => "The sport could lose all strategies together too much.",
            Self::ExposureVenue => "All bets at the venue could lose too much.",
            Self::ExposureAll => "All bets could lose too much.",
            Self::LossDailyAll => {
                "The day's loss of all strategies, with what open bets could still lose, would pass the limit."
            }
            Self::FundsStale => "The venue's word on our funds is too old.",
            Self::FundsShort => "The venue's funds do not cover the order.",
            Self::OrderUnknown => {
                "The order to cancel or replace is not one of the strategy's open orders."
            }
            Self::OrderBusy => "The order's last change is still on its way.",
            Self::OrderNotLimit => "Only limit orders have a persistence, or a price to change.",
            Self::PersistenceUnchanged => "The order has that persistence already.",
            Self::BookTerms => "A bookmaker takes backs at a price, and nothing else.",
            Self::BookUnknown => "The bookmaker offers nothing on the runner.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_means_something_else() {
        let meanings: BTreeSet<&str> = ReasonCode::ALL.iter().map(|code| code.meaning()).collect();
        assert_eq!(meanings.len(), ReasonCode::ALL.len());
        assert!(meanings.iter().all(|meaning| meaning.ends_with('.')));
    }
}
