//! A market of a polled feed with what stands in it, so that an answer which lists all that is offered tells what is not any
//! more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Event, Family, Offer, PricedMarket, Stage};
use crate::market::{BookName, MarketDelta, MarketId, RunnerId};

/// What is offered, by book and runner.
pub(super) type Standing = BTreeMap<(BookName, RunnerId), Offer>;

/// A market with what stands in it.
#[derive(Debug)]
pub(super) struct Tracked {
    market: PricedMarket,
    standing: Standing,
}

impl Tracked {
    /// A market of which nothing was told yet.
    pub(super) fn new(event: &Arc<Event>, family: Family) -> Self {
        Self {
            market: PricedMarket::new(event, family),
            standing: Standing::new(),
        }
    }

    /// Where it stands; `None` before anything was told, and after it was put off.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.market.stage()
    }

    /// The event begins at another time, which the next change tells.
    pub(super) fn put_off(&mut self, event: &Arc<Event>) {
        self.market.put_off(event);
    }

    /// Tells a stage and offers.
    pub(super) fn tell(&mut self, stage: Stage, offers: &[Offer], deltas: &mut Vec<MarketDelta>) {
        let mut delta = MarketDelta::new(MarketId::new(""));
        self.market.change(stage, offers, &mut delta);
        deltas.push(delta);
    }

    /// These offers stand now, and no others: what of that is news is told.
    pub(super) fn replace(&mut self, stage: Stage, new: Standing, deltas: &mut Vec<MarketDelta>) {
        let gone = self
            .standing
            .iter()
            .filter(|(key, _)| !new.contains_key(*key));
        let gone = gone.map(|(_, offer)| Offer {
            price: None,
            ..offer.clone()
        });
        let mut changed: Vec<Offer> = gone.collect();
        changed.extend(
            new.iter()
                .filter(|(key, offer)| self.standing.get(*key) != Some(*offer))
                .map(|(_, offer)| offer.clone()),
        );
        self.standing = new;
        if !changed.is_empty() || self.stage() != Some(stage) {
            self.tell(stage, &changed, deltas);
        }
    }
}
