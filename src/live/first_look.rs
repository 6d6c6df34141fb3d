//! What is in the folder of the strategies when a host starts: what is good runs, what is wrong is told of.

use std::io::ErrorKind;

use super::failure::HostError;
use super::host::{Plan, on_script_stack};
use super::shelf::{Finding, Shelf};
use crate::backtest::{self, Memory};
use crate::ledger::{LedgerError, RunWriter, Verdict};
use crate::market::TimeMs;
use crate::strategy::Script;

/// What was found in the folder at the start.
pub(super) struct FirstLook {
    pub(super) shelf: Shelf,
    pub(super) good: Vec<Script>,
    pub(super) wrong: Vec<Finding>,
}

impl FirstLook {
    /// Keeps every version that was found, and what became of it.
    pub(super) fn record(
        &self,
        run: &mut RunWriter,
        wall_clock: fn() -> TimeMs,
    ) -> Result<(), LedgerError> {
        for script in &self.good {
            run.version(backtest::version(script, wall_clock(), Verdict::Accepted))?;
        }
        for finding in &self.wrong {
            if let Finding::Bad {
                draft: Some(draft), ..
            } = finding
            {
                let refused = Verdict::Refused(finding.to_string());
                run.version(backtest::version(draft, wall_clock(), refused))?;
            }
        }
        Ok(())
    }
}

/// Reads the strategies. A host starts if at least one is good; the others are told of.
pub(super) fn first_look(plan: &Plan<'_>, memory: Option<&Memory>) -> Result<FirstLook, HostError> {
    let mut shelf = Shelf::new(plan.settings);
    let findings = on_script_stack(|| {
        let findings = shelf.look().into_iter();
        let findings: Vec<Finding> = findings.map(|found| reminded(found, memory)).collect();
        findings
    })?;
    let mut good = Vec::new();
    let mut wrong = Vec::new();
    for finding in findings {
        match finding {
            Finding::Good(script) => good.push(script),
            finding => wrong.push(finding),
        }
    }
    if !good.is_empty() {
        return Ok(FirstLook { shelf, good, wrong });
    }
    if wrong.is_empty() {
        let folder = &plan.config().run.strategies;
        return match std::fs::read_dir(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let (path, source) = (folder.clone(), error);
                Err(HostError::Folder { path, source })
            }
            _ => Err(HostError::NoStrategy(folder.clone())),
        };
    }
    Err(HostError::Strategies(wrong))
}

/// A good version must also be able to go on from what is remembered of it.
fn reminded(finding: Finding, memory: Option<&Memory>) -> Finding {
    let (Finding::Good(script), Some(memory)) = (&finding, memory) else {
        return finding;
    };
    let fault = match script.compile() {
        Ok(mut ready) => memory.give_to(&mut ready).err(),
        Err(error) => return Finding::bad(script.clone(), error),
    };
    match fault {
        Some(fault) => Finding::unfit(script.clone(), &fault),
        None => finding,
    }
}
