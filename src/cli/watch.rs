//! Doing something again at every save.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Failure, Shared, exit};

/// An editor is done when it has been quiet this long.
const QUIET: Duration = Duration::from_millis(30);
/// Longest wait for quiet.
const PATIENCE: Duration = Duration::from_millis(300);

enum Heard {
    Touched,
    Stop,
}

/// Calls `again` now and after every change in the folders, until Ctrl-C.
pub(super) fn at_every_save(
    folders: &[PathBuf],
    mut again: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (told, heard) = channel();
    let _watcher = listen(folders, &told)?;
    hear_interrupt(told);
    loop {
        again()?;
        match heard.recv() {
            Ok(Heard::Touched) => {}
            Ok(Heard::Stop) | Err(_) => return Ok(()),
        }
        if !wait_for_quiet(&heard) {
            return Ok(());
        }
    }
}

fn listen(folders: &[PathBuf], told: &Sender<Heard>) -> Result<RecommendedWatcher, Failure> {
    let told = told.clone();
    let notice = move |event: notify::Result<notify::Event>| {
        // Reading a file is noticed too, and we read them all.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = told.send(Heard::Touched);
        }
    };
    let cannot = |error: notify::Error| {
        Failure::new(exit::INTERNAL, format!("files cannot be watched: {error}"))
    };
    let mut watcher = notify::recommended_watcher(notice).map_err(cannot)?;
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .map_err(cannot)?;
    }
    Ok(watcher)
}

/// False if it is over meanwhile.
fn wait_for_quiet(heard: &Receiver<Heard>) -> bool {
    let patience = Instant::now() + PATIENCE;
    while let Some(left) = patience.checked_duration_since(Instant::now()) {
        match heard.recv_timeout(QUIET.min(left)) {
            Ok(Heard::Touched) => {}
            Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    true
}

/// The first Ctrl-C ends it in good order.
fn hear_interrupt(told: Sender<Heard>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            let _ = told.send(Heard::Stop);
        }
    });
}

/// Clears a terminal, so that only what holds now is to be seen.
pub(super) fn clear(shared: &Shared) {
    if !shared.json && std::io::stdout().is_terminal() {
        print!("\x1b[2J\x1b[3J\x1b[H");
    }
}
