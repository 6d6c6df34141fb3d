//! Plots as SVG: the bank's way with its falls, calibration, and intervals as bars.

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;

/// The range that the bars of a table share; 0 is always in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    pub(super) fn over<'v>(estimates: impl Iterator<Item = &'v Value>) -> Self {
        let ends = estimates.flat_map(|estimate| {
            ["low", "value", "high"].map(|key| estimate[key].as_f64().unwrap_or(0.0))
        });
        let mut scale = Self {
            low: 0.0,
            high: 0.0,
        };
        for end in ends {
            scale.low = scale.low.min(end);
            scale.high = scale.high.max(end);
        }
        scale
    }

    fn place(self, value: f64, width: f64) -> f64 {
        let span = (self.high - self.low).max(1e-9);
        4.0 + (value.clamp(self.low, self.high) - self.low) / span * (width - 8.0)
    }
}

/// An interval as a bar with a dot at the figure, and a line at 0.
pub(super) fn bar(estimate: &Value, scale: Scale) -> String {
    const WIDE: f64 = 260.0;
    let Some(value) = estimate["value"].as_f64() else {
        return String::new();
    };
    let (zero, dot) = (scale.place(0.0, WIDE), scale.place(value, WIDE));
    let span = match (estimate["low"].as_f64(), estimate["high"].as_f64()) {
        (Some(low), Some(high)) => format!(
            "<line class=\"span\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"9\" y2=\"9\"/>",
            scale.place(low, WIDE),
            scale.place(high, WIDE)
        ),
        _ => String::new(),
    };
    format!(
        "<svg viewBox=\"0 0 {WIDE} 18\" role=\"img\" aria-label=\"{:.1} %\"><line class=\"zero\" x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"0\" y2=\"18\"/>{span}<circle class=\"dot\" cx=\"{dot:.1}\" cy=\"9\" r=\"3.5\"/></svg>",
        value * 100.0
    )
}

/// Round numbers between two ends, about so many.
fn ticks(low: f64, high: f64, about: f64) -> Vec<f64> {
    let raw = ((high - low) / about).max(1e-9);
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let mut ticks = Vec::new();
    let mut at = (low / step).ceil() * step;
    while at <= high + step * 1e-6 && ticks.len() < 20 {
        ticks.push(if at.abs() < step * 1e-6 { 0.0 } else { at });
        at += step;
    }
    ticks
}

struct Point {
    at: f64,
    net: f64,
    expected: f64,
}

/// Net profit, what the bets were worth against the close, and how far below its peak the bank was.
pub(super) fn equity(found: &Value, out: &mut String) {
    let listed = found["equity"].as_array().map_or(&[][..], Vec::as_slice);
    let points: Vec<Point> = listed
        .iter()
        .filter_map(|point| {
            Some(Point {
                at: point["at_ms"].as_f64()?,
                net: point["net"].as_f64()?,
                expected: point["expected"].as_f64()?,
            })
        })
        .collect();
    if points.len() < 2 {
        return;
    }
    let knows_close = !found["clv"].is_null();
    let (first, last) = (points[0].at, points[points.len() - 1].at);
    let (height, below) = (260.0, 70.0);
    let all = points.iter().flat_map(|p| match knows_close {
        true => [p.net, p.expected],
        false => [p.net, p.net],
    });
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for value in all {
        low = low.min(value);
        high = high.max(value);
    }
    let span = (high - low).max(1e-9);
    let (low, high) = (low - span * 0.04, high + span * 0.04);
    let x = |at: f64| LEFT + (at - first) / (last - first).max(1.0) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| 10.0 + (high - value) / (high - low) * (height - 20.0);
    out.push_str("<h3>The bank's way</h3>\n<figure>\n");
    let _infallible = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"profit over time\">",
        height + below + 24.0
    );
    for tick in ticks(low, high, 5.0) {
        let class = if tick == 0.0 { "zero" } else { "axis" };
        let _infallible = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(tick) + 4.0,
            y = y(tick),
        );
    }
    if knows_close {
        path(
            "expected",
            points.iter().map(|p| (x(p.at), y(p.expected))),
            out,
        );
    }
    path("net", points.iter().map(|p| (x(p.at), y(p.net))), out);
    falls(&points, &x, height, below, out);
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = first + (last - first) * share;
        let anchor = match share {
            s if s < 0.1 => "start",
            s if s > 0.9 => "end",
            _ => "middle",
        };
        let _infallible = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(at),
            height + below + 18.0,
            super::day(&whole(at)),
        );
    }
    out.push_str("</svg>\n<figcaption class=\"key\"><b></b><span>net profit</span>");
    if knows_close {
        out.push_str("<b class=\"e\"></b><span>what the bets were worth against the close</span>");
    }
    out.push_str("<b class=\"u\"></b><span>below the peak</span></figcaption>\n</figure>\n");
}

#[allow(clippy::cast_possible_truncation)]
fn whole(ms: f64) -> Value {
    Value::from(ms.round() as i64)
}

fn path(class: &str, points: impl Iterator<Item = (f64, f64)>, out: &mut String) {
    let _infallible = write!(out, "<path class=\"{class}\" d=\"");
    for (at, (x, y)) in points.enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _infallible = write!(out, "{letter}{x:.1} {y:.1}");
    }
    out.push_str("\"/>\n");
}

/// How far below its peak the bank was, hanging down.
fn falls(points: &[Point], x: &impl Fn(f64) -> f64, top: f64, height: f64, out: &mut String) {
    let mut peak = 0.0_f64;
    let falls: Vec<(f64, f64)> = points
        .iter()
        .map(|point| {
            peak = peak.max(point.net);
            (x(point.at), peak - point.net)
        })
        .collect();
    let deepest = falls.iter().map(|(_, fall)| *fall).fold(0.0, f64::max);
    if deepest <= 0.0 {
        return;
    }
    let y = |fall: f64| top + fall / deepest * (height - 8.0);
    let _infallible = write!(out, "<path class=\"under\" d=\"M{:.1} {top:.1}", falls[0].0);
    for (x, fall) in &falls {
        let _infallible = write!(out, "L{x:.1} {:.1}", y(*fall));
    }
    let _infallible = writeln!(
        out,
        "L{:.1} {top:.1}Z\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">\u{2212}{deepest:.0}</text>",
        falls[falls.len() - 1].0,
        LEFT - 8.0,
        y(deepest)
    );
}

/// What the strategy thought against what happened; the size of a dot tells how many bets.
pub(super) fn calibration(calibration: &Value, out: &mut String) {
    let bins = calibration["bins"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if bins.is_empty() {
        return;
    }
    const SIDE: f64 = 300.0;
    let place = |chance: f64| LEFT + chance * (SIDE - 20.0);
    let up = |chance: f64| 10.0 + (1.0 - chance) * (SIDE - 20.0);
    let total = calibration["n"].as_f64().unwrap_or(1.0);
    out.push_str("<h3>What it thought, and what happened</h3>\n<figure>\n");
    let _infallible = write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"calibration\">\n<path class=\"zero\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>\n",
        SIDE + 34.0,
        place(0.0),
        up(0.0),
        place(1.0),
        up(1.0)
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let _infallible = writeln!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{p:.0} %</text><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{p:.0} %</text>",
            place(1.0),
            LEFT - 8.0,
            up(tick) + 4.0,
            place(tick),
            up(0.0) + 18.0,
            y = up(tick),
            p = tick * 100.0,
        );
    }
    for bin in bins {
        let figure = |key: &str| bin[key].as_f64().unwrap_or(0.0);
        let (n, thought, happened) = (figure("n"), figure("thought"), figure("happened"));
        // Two standard errors of a share of n.
        let error = 2.0 * (thought * (1.0 - thought) / n.max(1.0)).sqrt();
        let _infallible = writeln!(
            out,
            "<line class=\"span\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><circle class=\"dot\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{:.1}\"><title>{n:.0} bets: thought {:.1} %, happened {:.1} %</title></circle>",
            up((happened - error).max(0.0)),
            up((happened + error).min(1.0)),
            up(happened),
            3.0 + 9.0 * (n / total).sqrt(),
            thought * 100.0,
            happened * 100.0,
            x = place(thought),
        );
    }
    let lines = [
        format!("{total:.0} bets with a stated probability"),
        format!("Brier {}", super::decimal(&calibration["brier"], 4)),
        format!(
            "log loss {} nats",
            super::decimal(&calibration["log_loss"], 4)
        ),
        format!(
            "skill to the close {}",
            super::percent(&calibration["skill_to_the_close"])
        ),
        format!("sharpness {}", super::decimal(&calibration["sharpness"], 3)),
    ];
    for (line, at) in lines.iter().zip(0..) {
        let _infallible = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" style=\"font-size:14px\">{line}</text>",
            LEFT + SIDE + 40.0,
            40.0 + 24.0 * f64::from(at)
        );
    }
    out.push_str("</svg>\n<figcaption>Across: the chance it gave. Up: how often that happened, with two standard errors. On the dashed line it was right.</figcaption>\n</figure>\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ticks_are_round_and_have_zero_in_them() {
        assert_eq!(ticks(-37.0, 120.0, 5.0), [0.0, 50.0, 100.0]);
        assert_eq!(ticks(0.0, 1.0, 5.0).len(), 6);
        assert!(ticks(0.0, 0.0, 5.0).len() <= 20);
    }

    #[test]
    fn a_bar_stays_inside_its_scale() {
        let estimate = json!({ "value": 0.02, "low": -0.5, "high": 9.0 });
        let scale = Scale::over([json!({ "value": 0.02, "low": -0.1, "high": 0.1 })].iter());
        let bar = bar(&estimate, scale);
        assert!(bar.contains("x1=\"4.0\" x2=\"256.0\""), "{bar}");
    }
}
