//! A progress bar on a terminal, nothing elsewhere; and Ctrl-C, which ends a run with what it has.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::Shared;
use crate::backtest::Progress;

/// Shows how far a run is and hears Ctrl-C.
pub(super) struct Watch {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// A bar over the bytes of these files.
    pub(super) fn over(files: &[PathBuf], shared: &Shared) -> Self {
        let total: u64 = files
            .iter()
            .filter_map(|file| std::fs::metadata(file).ok())
            .map(|meta| meta.len())
            .sum();
        let bar = if shared.quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(total)
        };
        let style = "{bar:30} {bytes}/{total_bytes}  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self {
            bar,
            stop: hear_interrupt(),
        }
    }

    /// Whether Ctrl-C was heard.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Takes note of progress.
    pub(super) fn take(&self, progress: Progress) -> ControlFlow<()> {
        self.bar.set_position(progress.bytes);
        self.bar
            .set_message(format!("{} updates", progress.updates));
        if self.is_stopped() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A flag that the first Ctrl-C raises. The second one ends the process at once.
fn hear_interrupt() -> Arc<AtomicBool> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&raised);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(i32::from(super::exit::INTERRUPTED));
                }
            }
        });
    });
    raised
}
