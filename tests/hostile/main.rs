//! Hostile scripts against the real thing: each is stopped with the reason it must be stopped for, nobody else notices.
//!
//! `cargo test --release --test hostile -- --ignored --nocapture` measures the longest call of each.

mod binary;
mod corpus;
mod speed;
mod stage;

use corpus::{Case, Kind};

/// Stack of the threads on which the program runs scripts.
const STACK: usize = 32 << 20;
/// What a call may hold before it is stopped, and what its last operation may add.
const MOST_MEMORY: u64 = 8 << 20;
/// Characters of a message about a script.
const MOST_WORDS: usize = 2000;

/// Runs on a thread like those of the program.
fn on_script_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        match thread.unwrap().join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// What is wrong with what came of a script, if anything is.
fn breach(case: &Case) -> Option<String> {
    let result = stage::play(case);
    let wrong = |what: String| Some(format!("{}: {what}\n    {result:?}", case.name));
    if result.kind != case.kind {
        return wrong(format!("{:?} was expected", case.kind));
    }
    if !result.says.contains(&case.says) {
        return wrong(format!("\"{}\" was to be said", case.says));
    }
    if result.says.chars().count() > MOST_WORDS {
        return wrong("the message is too long".to_owned());
    }
    if result.says.chars().any(|c| c.is_control() && c != '\n') {
        return wrong("the message holds control characters".to_owned());
    }
    if result.peak > MOST_MEMORY {
        return wrong(format!("{} bytes were held", result.peak));
    }
    None
}

#[test]
fn every_hostile_script_comes_to_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let cases = corpus::all(folder.path());
    let breaches: Vec<String> = on_script_thread(|| cases.iter().filter_map(breach).collect());
    assert!(
        breaches.is_empty(),
        "{} of {}:\n{}",
        breaches.len(),
        cases.len(),
        breaches.join("\n")
    );
}

#[test]
fn the_corpus_holds_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    let cases = corpus::all(folder.path());
    for kind in [
        Kind::Refused,
        Kind::Fault,
        Kind::Malformed,
        Kind::Placed,
        Kind::Harmless,
        Kind::Test,
    ] {
        assert!(cases.iter().any(|case| case.kind == kind), "{kind:?}");
    }
}
