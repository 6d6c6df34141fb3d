//! Do the checks notice? Every bug planted in the core must be found.

#[cfg(feature = "planted-bugs")]
pub(crate) fn run(seeds: u64) -> Result<String, String> {
    use std::fmt::Write as _;

    use bea::planted::{Bug, plant};

    // A panic is a find: its message is not wanted here.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut found, mut missed) = (Vec::new(), Vec::new());
    for bug in Bug::ALL {
        plant(Some(bug));
        let result = (0..seeds).find_map(|seed| {
            let message = crate::runs::attempt(seed, false).err()?;
            // A seed that fails without the bug as well finds nothing.
            plant(None);
            let without = crate::runs::attempt(seed, false);
            plant(Some(bug));
            without.is_ok().then_some((seed, message))
        });
        match result {
            Some((seed, message)) => {
                let message: String = message.chars().take(90).collect();
                eprintln!("{bug:?}: seed {seed}: {message}");
                found.push((bug, seed));
            }
            None => missed.push(bug),
        }
    }
    plant(None);
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

#[cfg(not(feature = "planted-bugs"))]
pub(crate) fn run(_: u64) -> Result<String, String> {
    Err("no bugs are planted in this build: cargo test --features planted-bugs --test simulator -- --planted".into())
}
