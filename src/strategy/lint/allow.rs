//! `// check: allow CODE`: what a script's author knows better.

use std::collections::BTreeMap;

use super::finding::{Code, Finding};
use crate::strategy::error::Sources;
use crate::strategy::names::did_you_mean;

const MARK: &str = "check: allow ";

/// One word of permission, and whether it was needed.
struct Allowed {
    line: usize,
    column: usize,
    code: Code,
    used: bool,
}

/// Takes out what the script allows; adds what is wrong with its permissions.
pub(super) fn apply(sources: &Sources, file: &str, findings: &mut Vec<Finding>) {
    let text = sources.texts.get(file).map_or("", String::as_str);
    let mut allowed: BTreeMap<usize, Vec<Allowed>> = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((before, codes)) = permission(line) else {
            continue;
        };
        let own_line = before.trim().is_empty();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let target = if own_line {
            lines[at + 1..]
                .iter()
                .position(is_code)
                .map_or(at, |next| at + 1 + next)
        } else {
            at
        };
        let column = before.chars().count() + 1;
        for word in codes.split([',', ' ']).filter(|word| !word.is_empty()) {
            let Some(code) = Code::named(word) else {
                let hint = did_you_mean(word, Code::ALL.map(Code::as_str)).unwrap_or_else(|| {
                    format!("codes: {}", Code::ALL.map(Code::as_str).join(", "))
                });
                let message = format!("there is no check \"{word}\" to allow\n{hint}");
                findings.push(Finding::at(
                    sources,
                    file,
                    (at + 1, column),
                    Code::Allow,
                    &message,
                ));
                break;
            };
            allowed.entry(target + 1).or_default().push(Allowed {
                line: at + 1,
                column,
                code,
                used: false,
            });
        }
    }
    findings.retain(|finding| {
        let line = finding.error.position.map(|(line, _)| line);
        let permitted = line
            .and_then(|line| allowed.get_mut(&line))
            .and_then(|list| list.iter_mut().find(|a| a.code == finding.code));
        permitted.is_none_or(|a| {
            a.used = true;
            false
        })
    });
    for idle in allowed.into_values().flatten().filter(|a| !a.used) {
        let message = format!(
            "nothing here needs \"allow {}\"\ntake the comment out",
            idle.code.as_str()
        );
        let place = (idle.line, idle.column);
        findings.push(Finding::at(sources, file, place, Code::Allow, &message));
    }
}

/// A line's text before its permission, and the codes allowed.
fn permission(line: &str) -> Option<(&str, &str)> {
    let (before, comment) = line.split_once("//")?;
    let codes = comment.trim_start().strip_prefix(MARK)?;
    // What follows the codes may be a reason.
    let codes = codes.split([':', ';', '(']).next().unwrap_or(codes);
    Some((before, codes))
}
