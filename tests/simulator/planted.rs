//! Do the checks notice? Every bug planted in the core must be found.

#[cfg(any(debug_assertions, feature = "planted-bugs"))]
pub(crate) fn run(seeds: u64) -> Result<String, String> {
    use std::fmt::Write as _;
    use std::sync::Mutex;

    use bea::planted::Bug;

    // A panic is a find: its message is not wanted here.
    std::panic::set_hook(Box::new(|_| {}));
    let (found, missed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let left = Mutex::new(Bug::ALL.into_iter());
    let next = || left.lock().expect("no thread panics").next();
    let search = || {
        while let Some(bug) = next() {
            match hunt(bug, seeds) {
                Some((seed, message)) => {
                    let message: String = message.chars().take(90).collect();
                    eprintln!("{bug:?}: seed {seed}: {message}");
                    found.lock().expect("no thread panics").push((bug, seed));
                }
                None => missed.lock().expect("no thread panics").push(bug),
            }
        }
    };
    std::thread::scope(|threads| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..cores {
            threads.spawn(search);
        }
    });
    let found = found.into_inner().expect("no thread panics");
    let missed = missed.into_inner().expect("no thread panics");
    let mut line = format!("planted: found {} of {}", found.len(), Bug::ALL.len());
    if missed.is_empty() {
        let slowest = found.iter().max_by_key(|(_, seed)| seed);
        if let Some((bug, seed)) = slowest {
            write!(line, ", the last ({bug:?}) by seed {seed}").expect("a text takes text");
        }
        return Ok(line);
    }
    Err(format!("{line}; not found in {seeds} seeds: {missed:?}"))
}

/// The first seed that finds a bug, and what it says of it.
#[cfg(any(debug_assertions, feature = "planted-bugs"))]
fn hunt(bug: bea::planted::Bug, seeds: u64) -> Option<(u64, String)> {
    use bea::planted::plant;

    let found = (0..seeds).find_map(|seed| {
        plant(Some(bug));
        let message = crate::runs::attempt(seed, false).err()?;
        // A seed that fails without the bug as well finds nothing.
        plant(None);
        let without = crate::runs::attempt(seed, false);
        without.is_ok().then_some((seed, message))
    });
    plant(None);
    found
}

#[cfg(not(any(debug_assertions, feature = "planted-bugs")))]
pub(crate) fn run(_: u64) -> Result<String, String> {
    Err("no bugs are planted in a release build: add --features planted-bugs".into())
}
