//! SIGINT and SIGTERM: the first ends the run in order, the second ends the process. SIGUSR1 halts betting, SIGHUP has the
//! settings read again.

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

/// One signal, each time it comes. Heard from the moment this is made.
#[cfg(unix)]
pub(super) struct Each(Signal);

#[cfg(unix)]
impl Each {
    /// SIGUSR1: betting is to be halted. Called within tokio.
    pub(super) fn halt() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::user_defined1())?))
    }

    /// SIGHUP: the settings are to be read again. Called within tokio.
    pub(super) fn hangup() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Where there are no signals none comes.
#[cfg(not(unix))]
pub(super) struct Each;

#[cfg(not(unix))]
impl Each {
    /// Betting is to be halted.
    pub(super) fn halt() -> io::Result<Self> {
        Ok(Self)
    }

    /// The settings are to be read again.
    pub(super) fn hangup() -> io::Result<Self> {
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
