//! A report as one page for a browser: no scripts, nothing fetched, plots drawn in place, light and dark.
//!
//! It is made of the report's JSON, so that a report kept in a ledger looks like one just made.

mod plots;

use std::fmt::Write as _;

use serde_json::Value;

/// The page.
#[must_use]
pub fn page(report: &Value) -> String {
    let mut body = String::new();
    let strategies = report["strategies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    write_head(report, &mut body);
    for strategy in strategies {
        write_strategy(strategy, report, &mut body);
    }
    write_honesty(report, &mut body);
    write_data(report, &mut body);
    let names: Vec<String> = strategies.iter().map(|s| text(&s["name"])).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Backtest: {}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(&names.join(", ")),
        include_str!("style.css"),
    )
}

/// Text that is not read as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn count(value: &Value) -> String {
    thousands(value.as_u64().unwrap_or(0))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

fn percent(value: &Value) -> String {
    value
        .as_f64()
        .map_or("–".to_owned(), |x| signed(format!("{:.2} %", x * 100.0)))
}

fn money(value: &Value) -> String {
    value
        .as_f64()
        .map_or("–".to_owned(), |x| signed(format!("{x:.2}")))
}

fn decimal(value: &Value, places: usize) -> String {
    value
        .as_f64()
        .map_or("–".to_owned(), |x| signed(format!("{x:.places$}")))
}

/// With a real minus sign.
fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

fn day(ms: &Value) -> String {
    let at = ms
        .as_i64()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or("–".to_owned(), |at| {
        at.to_string().chars().take(10).collect()
    })
}

/// `−1.20 % to 3.40 %`, or why there is none.
fn range(estimate: &Value) -> String {
    match (estimate["low"].as_f64(), estimate["high"].as_f64()) {
        (Some(_), Some(_)) => format!(
            "95 %: {} to {}",
            percent(&estimate["low"]),
            percent(&estimate["high"])
        ),
        _ if estimate.is_null() => String::new(),
        _ => "too few events for an interval".to_owned(),
    }
}

fn write_head(report: &Value, out: &mut String) {
    let _infallible = write!(
        out,
        "<header>\n<h1>Backtest</h1>\n<p>{} markets in {} recordings, {} updates. Amounts in {}. Fills: {}. Limits: {}.</p>\n</header>\n",
        count(&report["markets"]),
        count(&report["recordings"]),
        count(&report["updates"]),
        text(&report["currency"]),
        text(&report["fill"]),
        text(&report["limits"]),
    );
}

fn tile(label: &str, value: &str, note: &str, tone: &str, out: &mut String) {
    let _infallible = writeln!(
        out,
        "<div class=\"tile {tone}\"><dt>{label}</dt><dd>{value}</dd><p>{note}</p></div>"
    );
}

/// Good or bad only if the whole interval is on one side.
fn tone(estimate: &Value) -> &'static str {
    match (estimate["low"].as_f64(), estimate["high"].as_f64()) {
        (Some(low), _) if low > 0.0 => "good",
        (_, Some(high)) if high < 0.0 => "bad",
        _ => "",
    }
}

fn write_strategy(strategy: &Value, report: &Value, out: &mut String) {
    let found = &strategy["statistics"];
    let hash: String = text(&strategy["hash"]).chars().take(12).collect();
    let _infallible = write!(
        out,
        "<section>\n<h2>{}</h2>\n<p class=\"fine\">version {hash}, bank {}</p>\n",
        text(&strategy["name"]),
        money(&strategy["bank"])
    );
    write_tiles(strategy, found, report, out);
    plots::equity(found, out);
    write_clv(&found["clv"], out);
    plots::calibration(&found["calibration"], out);
    write_breakdowns(&found["breakdowns"], out);
    write_execution(strategy, found, out);
    out.push_str("</section>\n");
}

fn write_tiles(strategy: &Value, found: &Value, report: &Value, out: &mut String) {
    out.push_str("<dl class=\"tiles\">\n");
    let estimate = &found["yield_net"];
    tile(
        "Yield, net",
        &percent(&estimate["value"]),
        &range(estimate),
        tone(estimate),
        out,
    );
    tile(
        "Profit, net",
        &money(&strategy["profit_net"]),
        &format!(
            "gross {}, commission {}; {} of the bank",
            money(&strategy["profit_gross"]),
            money(&strategy["commission"]),
            percent(&found["roi"])
        ),
        "",
        out,
    );
    tile(
        "Settled bets",
        &count(&found["bets"]),
        &format!(
            "{} events, turnover {}",
            count(&found["events"]),
            money(&strategy["turnover"])
        ),
        "",
        out,
    );
    let clv = &found["clv"];
    let fair = &clv["fair"][clv["method"].as_str().unwrap_or_default()];
    let note = match fair.is_null() {
        true => "the close is not known".to_owned(),
        false => format!(
            "{}; {} beat the close",
            range(fair),
            percent(&clv["beat_close"]["value"])
        ),
    };
    tile(
        "Closing line value",
        &percent(&fair["value"]),
        &note,
        tone(fair),
        out,
    );
    let strike = &found["strike"];
    tile(
        "Strike rate",
        &percent(&strike["rate"]),
        &format!(
            "{} to break even at mean odds of {}; {} by the close",
            percent(&strike["to_break_even"]),
            decimal(&found["average_odds"], 2),
            percent(&strike["by_the_close"])
        ),
        "",
        out,
    );
    let luck = &found["significance"];
    let tried = report["honesty"]["variants"].as_u64();
    let best = luck["p"]
        .as_f64()
        .zip(tried)
        .filter(|(_, tried)| *tried > 1);
    let best = best.map_or(String::new(), |(p, tried)| {
        let best = 1.0 - (1.0 - p).powf(tried as f64);
        format!("; {:.1} % as the best of {tried} variants", best * 100.0)
    });
    tile(
        "Chance of luck",
        &percent(&luck["p"]),
        &format!(
            "such a yield or better without an edge (t {}){best}",
            decimal(&luck["t"], 2)
        ),
        "",
        out,
    );
    let fall = &strategy["max_drawdown"];
    let back = match (&fall["from_ms"], &fall["recovered_ms"]) {
        (from, _) if from.is_null() => "no fall".to_owned(),
        (from, to) if to.is_null() => format!("from {}, not recovered", day(from)),
        (from, to) => format!("from {} to {}", day(from), day(to)),
    };
    tile(
        "Deepest fall",
        &money(&fall["amount"]),
        &format!("{} of the peak; {back}", percent(&fall["ratio"])),
        "",
        out,
    );
    let run = &found["losing_run"];
    tile(
        "Longest losing run",
        &run["longest"]
            .as_u64()
            .map_or("–".to_owned(), |n| n.to_string()),
        &format!(
            "{} expected; risk of ruin {}",
            decimal(&run["expected"], 1),
            percent(&luck["risk_of_ruin"])
        ),
        "",
        out,
    );
    out.push_str("</dl>\n");
}

fn write_clv(clv: &Value, out: &mut String) {
    if clv.is_null() {
        return;
    }
    let sources = clv["sources"].as_object();
    let sources: Vec<String> = sources
        .into_iter()
        .flatten()
        .map(|(source, n)| format!("{} ({})", escaped(source), count(n)))
        .collect();
    let _infallible = write!(
        out,
        "<h3>Against the close</h3>\n<p class=\"fine\">The close is that of {}. Not known for {} bets.</p>\n\
         <table>\n<thead><tr><th>closing line value</th><th>mean</th><th>95 %</th><th class=\"wide\"></th></tr></thead>\n<tbody>\n",
        sources.join(", "),
        count(&clv["unknown"])
    );
    let mut rows = vec![("margin and all".to_owned(), &clv["raw"])];
    let fair = clv["fair"].as_object();
    rows.extend(fair.into_iter().flatten().map(|(method, estimate)| {
        (
            format!("fair, {}", escaped(&method.replace('_', " "))),
            estimate,
        )
    }));
    let scale = plots::Scale::over(rows.iter().map(|(_, estimate)| *estimate));
    for (label, estimate) in rows {
        let _infallible = writeln!(
            out,
            "<tr><td>{label}</td><td>{}</td><td>{}</td><td class=\"wide\">{}</td></tr>",
            percent(&estimate["value"]),
            range(estimate).trim_start_matches("95 %: "),
            plots::bar(estimate, scale)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn write_breakdowns(breakdowns: &Value, out: &mut String) {
    let Some(all) = breakdowns.as_object().filter(|all| !all.is_empty()) else {
        return;
    };
    out.push_str("<h3>Where it comes from</h3>\n<p class=\"fine\">Before commission. Rows of fewer than 30 bets are grey: they say nothing.</p>\n");
    for (name, rows) in all {
        let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
        let open = if rows.len() > 1 { " open" } else { "" };
        let _infallible = write!(
            out,
            "<details{open}><summary>by {}</summary>\n<table>\n<thead><tr><th></th><th>bets</th><th>turnover</th><th>profit</th><th>yield</th><th>CLV</th><th class=\"wide\">95 %</th></tr></thead>\n<tbody>\n",
            escaped(&name.replace('_', " "))
        );
        let trusted = rows.iter().filter(|row| row["few"] == false);
        let scale = plots::Scale::over(trusted.map(|row| &row["yield_gross"]));
        for row in rows {
            let class = if row["few"] == true {
                " class=\"few\""
            } else {
                ""
            };
            let _infallible = writeln!(
                out,
                "<tr{class}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"wide\">{}</td></tr>",
                text(&row["of"]),
                count(&row["n"]),
                money(&row["turnover"]),
                money(&row["profit_gross"]),
                percent(&row["yield_gross"]["value"]),
                percent(&row["clv"]),
                plots::bar(&row["yield_gross"], scale)
            );
        }
        out.push_str("</tbody>\n</table>\n</details>\n");
    }
}

fn write_execution(strategy: &Value, found: &Value, out: &mut String) {
    let execution = &found["execution"];
    let _infallible = write!(
        out,
        "<h3>What became of its orders</h3>\n<p>{} orders; {} filled, {} of them in part; of those that would have won {}, of those that would have lost {}. The venue refused {}. Calls that failed: {}.</p>\n",
        count(&execution["orders"]),
        percent(&execution["fill_rate"]),
        count(&execution["partial"]),
        percent(&execution["fill_rate_winners"]),
        percent(&execution["fill_rate_losers"]),
        count(&strategy["refused_by_venue"]),
        count(&strategy["faults"]),
    );
    let refusals = strategy["rejections"]
        .as_object()
        .filter(|all| !all.is_empty());
    let Some(refusals) = refusals else {
        return;
    };
    out.push_str("<table>\n<thead><tr><th>refused by the risk gate</th><th>times</th></tr></thead>\n<tbody>\n");
    for (code, times) in refusals {
        let _infallible = writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td></tr>",
            escaped(code),
            count(times)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn write_honesty(report: &Value, out: &mut String) {
    let tried = match report["honesty"]["variants"].as_u64() {
        Some(tried) => format!(
            "{} variants of strategies and parameters were tried on this data, as the ledger knows. The best of many looks good by luck.",
            thousands(tried)
        ),
        None => "How many variants were tried on this data nobody knows: no ledger was kept (<code>--ledger</code>).".to_owned(),
    };
    let _infallible = write!(
        out,
        "<section class=\"box\">\n<h2>Before you believe it</h2>\n<ul>\n<li>{tried}</li>\n\
         <li>The result is {}: data that was at hand while a strategy was written says less than data that was not.</li>\n\
         <li>Fills are simulated ({}). What would have been matched in truth is not known.</li>\n\
         <li>Intervals draw whole events anew, 2000 times, from a fixed seed; bets on one event are not independent.</li>\n</ul>\n</section>\n",
        text(&report["honesty"]["sample"]),
        text(&report["fill"]),
    );
}

fn write_data(report: &Value, out: &mut String) {
    out.push_str("<section>\n<h2>Data</h2>\n");
    let _infallible = writeln!(
        out,
        "<p class=\"fine\">data set {}, trace <code>{}</code></p>",
        text(&report["data_set"]),
        text(&report["trace_hash"]),
    );
    for (key, label) in [("problems", "Could not be used"), ("warnings", "Warnings")] {
        let all = report[key].as_array().map_or(&[][..], Vec::as_slice);
        if all.is_empty() {
            continue;
        }
        let _infallible = writeln!(
            out,
            "<details><summary>{label}: {}</summary>\n<ul>",
            all.len()
        );
        for trouble in all.iter().take(200) {
            let _infallible = writeln!(out, "<li>{}</li>", text(&trouble["message"]));
        }
        out.push_str("</ul>\n</details>\n");
    }
    out.push_str("</section>\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_from_outside_are_no_markup() {
        let report = json!({
            "strategies": [{ "name": "<script>alert(1)</script>", "hash": "\"><b>", "rejections": { "<i>": 1 } }],
            "problems": [{ "message": "<img src=x>" }],
            "fill": "<u>",
        });
        let page = page(&report);
        for markup in ["<script", "<b>", "<i>", "<img", "<u>"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn nothing_is_fetched() {
        let page = page(&json!({ "strategies": [] }));
        for outside in ["http://", "https://", "url(", "@import", "<link", "src="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(percent(&json!(-0.0123)), "\u{2212}1.23 %");
        assert_eq!(percent(&Value::Null), "–");
        assert_eq!(day(&json!(0)), "1970-01-01");
    }
}
