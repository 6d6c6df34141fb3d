//! A span as the host tells of it, and how its names come about.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::market::TimeMs;

/// Names a span within a trace. Both are made of what the span is about, so that whoever knows an intent's id finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    trace: TraceId,
    span: SpanId,
}

impl Id {
    /// The first span of a trace of its own.
    #[must_use]
    pub fn root(of: &str) -> Self {
        let hash = blake3::hash(of.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        let trace = TraceId::from_bytes(bytes);
        Self {
            trace,
            span: span_id(of),
        }
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn within(self, of: &str) -> Self {
        Self {
            span: span_id(of),
            ..self
        }
    }
}

fn span_id(of: &str) -> SpanId {
    let hash = blake3::hash(of.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[16..24]);
    SpanId::from_bytes(bytes)
}

/// Something that took a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What it is: one of a few words.
    pub name: &'static str,
    /// Its name.
    pub id: Id,
    /// That of what it is a part of.
    pub parent: Option<Id>,
    /// When it ended, by the wall clock.
    pub ended_at: TimeMs,
    /// How long it took.
    pub took: Duration,
    /// What belongs to it.
    pub facts: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl Span {
    pub(super) fn into_data(self) -> SpanData {
        let ended = Duration::from_millis(u64::try_from(self.ended_at.0).unwrap_or(0));
        let end_time = UNIX_EPOCH + ended;
        let context = SpanContext::new(
            self.id.trace,
            self.id.span,
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        SpanData {
            span_context: context,
            parent_span_id: self.parent.map_or(SpanId::INVALID, |parent| parent.span),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: self.name.into(),
            start_time: UNIX_EPOCH + ended.saturating_sub(self.took),
            end_time,
            attributes: self
                .facts
                .into_iter()
                .map(|(name, value)| KeyValue::new(name, value))
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: match self.failure {
                Some(why) => Status::error(why),
                None => Status::Unset,
            },
            instrumentation_scope: InstrumentationScope::builder("bea").build(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_its_place_in_its_trace_and_its_length() {
        let root = Id::root("1/1.1/7");
        assert_eq!(root, Id::root("1/1.1/7"));
        assert_ne!(root, Id::root("1/1.1/8"));
        let span = Span {
            name: "intent",
            id: root.within("i1"),
            parent: Some(root),
            ended_at: TimeMs(10_000),
            took: Duration::from_micros(1_500),
            facts: vec![("intent_id", "i1".into())],
            failure: Some("STAKE_TOO_LARGE".to_owned()),
        };
        let data = span.into_data();
        assert_eq!(data.span_context.trace_id(), root.trace);
        assert_eq!(data.parent_span_id, root.span);
        assert_ne!(data.span_context.span_id(), root.span);
        let length = data.end_time.duration_since(data.start_time).unwrap();
        assert_eq!(length, Duration::from_micros(1_500));
        assert!(matches!(data.status, Status::Error { .. }));
    }
}
