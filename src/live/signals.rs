//! SIGINT and SIGTERM: the first ends the run in order, the second ends the process. SIGUSR1 halts betting.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a program to end. Heard from the moment this is made.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    /// Starts hearing. Called within tokio.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn hear() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGUSR1: betting is to be halted. Heard from the moment this is made.
#[cfg(unix)]
pub(super) struct Halts(Signal);

#[cfg(unix)]
impl Halts {
    /// Starts hearing. Called within tokio.
    pub(super) fn hear() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::user_defined1())?))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Where there are no signals nobody halts by one.
#[cfg(not(unix))]
pub(super) struct Halts;

#[cfg(not(unix))]
impl Halts {
    /// Starts hearing. Called within tokio.
    pub(super) fn hear() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one: there is none.
    pub(super) async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// Ctrl-C, where there are no signals.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Starts hearing. Called within tokio.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn hear() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
