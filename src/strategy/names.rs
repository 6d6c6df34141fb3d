//! The words a script may use, so that a misspelt one is answered with the right one.

use std::any::type_name;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, RhaiNativeFunc, Variant};

use super::budget::{Memory, Work};
use super::shortcut::Shortcuts;

/// A function or property as the reference shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The chapter it belongs to.
    pub(super) group: &'static str,
    /// What it hangs on, as `market`; empty for a plain function.
    pub(super) of: &'static str,
    /// Its name, for a function with its parameters.
    pub(super) usage: &'static str,
    /// What it gives.
    pub(super) what: &'static str,
    /// `expression → value`, or empty.
    pub(super) example: &'static str,
}

/// Names of properties by type and usages of functions, recorded as they are registered.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// All that was registered, in its order.
    pub(super) entries: Vec<Entry>,
    group: &'static str,
    kinds: BTreeMap<&'static str, (&'static str, &'static str)>,
    properties: BTreeMap<&'static str, BTreeSet<&'static str>>,
    usages: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Vocabulary {
    /// Properties of a type, by its name in scripts.
    pub(super) fn properties(&self, kind: &str) -> impl Iterator<Item = &'static str> {
        self.properties.get(kind).into_iter().flatten().copied()
    }

    /// Names of the types that have properties.
    #[cfg(test)]
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'static str> {
        self.properties.keys().copied()
    }

    /// The type whose values scripts call so, as `market.runners`.
    pub(super) fn host_called(&self, called: &str) -> Option<&'static str> {
        let mut kinds = self.kinds.values();
        kinds
            .find(|(_, known)| *known == called)
            .map(|(name, _)| *name)
    }

    /// How a function is called; empty if there is none of that name.
    pub(super) fn usages(&self, function: &str) -> &[&'static str] {
        self.usages.get(function).map_or(&[], Vec::as_slice)
    }

    /// How a function is called on a value of a host type.
    pub(super) fn usages_of(&self, function: &str, host: &str) -> Vec<&'static str> {
        let of = |usage: &&&str| {
            let called = usage
                .split('(')
                .next()
                .and_then(|head| head.rsplit_once('.'));
            called.and_then(|(called, _)| self.host_called(called)) == Some(host)
        };
        self.usages(function).iter().filter(of).copied().collect()
    }

    /// Records a function with its description.
    pub(super) fn describe(
        &mut self,
        usage: &'static str,
        what: &'static str,
        example: &'static str,
    ) {
        let head = usage.split('(').next().unwrap_or(usage);
        let name = head.rsplit('.').next().unwrap_or(head);
        let usages = self.usages.entry(name).or_default();
        if !usages.contains(&usage) {
            usages.push(usage);
        }
        self.record("", usage, what, example);
    }

    fn record(
        &mut self,
        of: &'static str,
        usage: &'static str,
        what: &'static str,
        example: &'static str,
    ) {
        self.entries.push(Entry {
            group: self.group,
            of,
            usage,
            what,
            example,
        });
    }

    /// All functions.
    pub(super) fn functions(&self) -> impl Iterator<Item = &'static str> {
        self.usages.keys().copied()
    }
}

/// An engine being taught: what is registered is also recorded.
pub(super) struct Api {
    /// The engine.
    pub(super) engine: Engine,
    /// The words recorded.
    pub(super) names: Vocabulary,
    /// Intents the script has made, returned or not.
    pub(super) made: Rc<Cell<u64>>,
    /// What native functions may still do in the present call.
    pub(super) work: Work,
    /// What the present call holds of memory.
    pub(super) memory: Memory,
    /// Properties as callbacks read them.
    pub(super) shortcuts: Shortcuts,
}

impl Api {
    /// Begins a chapter of the reference.
    pub(super) fn group(&mut self, title: &'static str) {
        self.names.group = title;
    }

    /// Gives what was registered last an example, `expression → value`.
    pub(super) fn example(&mut self, example: &'static str) {
        if let Some(entry) = self.names.entries.last_mut() {
            entry.example = example;
        }
    }

    /// Names a host type, and what a script usually calls a value of it.
    pub(super) fn kind<T: Variant + Clone>(&mut self, name: &'static str, called: &'static str) {
        self.engine.register_type_with_name::<T>(name);
        self.names.kinds.insert(type_name::<T>(), (name, called));
    }

    /// A property of a host type.
    pub(super) fn get<T: Variant + Clone, R: Variant + Clone>(
        &mut self,
        name: &'static str,
        what: &'static str,
        read: impl Fn(&T) -> R + 'static,
    ) {
        self.record_property::<T>(name, what);
        let read = Rc::new(read);
        let directly = Rc::clone(&read);
        self.shortcuts
            .add(name, move |value: &T| Some(Dynamic::from(directly(value))));
        self.engine
            .register_get(name, move |value: &mut T| read(value));
    }

    /// A property that may be missing: `()` then.
    pub(super) fn get_option<T: Variant + Clone, R: Into<Dynamic>>(
        &mut self,
        name: &'static str,
        what: &'static str,
        read: impl Fn(&T) -> Option<R> + 'static,
    ) {
        self.get(name, what, move |value: &T| optional(read(value)));
    }

    /// A property that may fail.
    pub(super) fn try_get<T: Variant + Clone, R: Variant + Clone>(
        &mut self,
        name: &'static str,
        what: &'static str,
        read: impl Fn(&T) -> Result<R, Box<EvalAltResult>> + 'static,
    ) {
        self.record_property::<T>(name, what);
        let read = Rc::new(read);
        let directly = Rc::clone(&read);
        self.shortcuts.add(name, move |value: &T| {
            directly(value).ok().map(Dynamic::from)
        });
        self.engine
            .register_get(name, move |value: &mut T| read(value));
    }

    fn record_property<T>(&mut self, name: &'static str, what: &'static str) {
        let known = self.names.kinds.get(type_name::<T>()).copied();
        let (kind, called) = known.unwrap_or(("?", "?"));
        self.names.properties.entry(kind).or_default().insert(name);
        self.names.record(called, name, what, "");
    }

    /// A function or method; `usage` shows how it is called, as in `runner.back_depth(levels)`.
    pub(super) fn function<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        usage: &'static str,
        what: &'static str,
        function: FUNC,
    ) where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
    {
        let head = usage.split('(').next().unwrap_or(usage);
        let name = head.rsplit('.').next().unwrap_or(head);
        self.names.describe(usage, what, "");
        self.engine.register_fn(name, function);
    }
}

/// A value, or `()` where there is none.
pub(super) fn optional<R: Into<Dynamic>>(value: Option<R>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

/// Characters of a word that may be misspelt.
const LONGEST_WORD: usize = 64;

/// The candidate nearest to a misspelt name, if any is near enough to be meant.
pub(super) fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = name.chars().count();
    // Nobody misspells a word of such length, and comparing takes time and room by the product of lengths.
    if length > LONGEST_WORD {
        return None;
    }
    let most = ((length + 1) / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most)
        .map(|candidate| {
            let distance =
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        // Of a name of one letter nothing is left to recognise.
        .filter(|(distance, _)| *distance <= most && *distance < length)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"?` for the nearest candidate.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(name, candidates).map(|near| format!("did you mean \"{near}\"?"))
}

/// Checks that a key is one of those known.
pub(super) fn known_key(what: &str, key: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&key) {
        return Ok(());
    }
    let hint = did_you_mean(key, known.iter().copied())
        .unwrap_or_else(|| format!("known: {}", known.join(", ")));
    Err(format!("{what} has no key \"{key}\"\n{hint}"))
}

/// At most `most` bytes of a value as `Debug` shows it. What is past them is not even written.
pub(super) fn shown(value: &impl fmt::Debug, most: usize) -> String {
    struct Short {
        text: String,
        most: usize,
    }
    impl fmt::Write for Short {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            // One more than fits, so that `bounded` marks the cut.
            let room = (self.most + 1).saturating_sub(self.text.len());
            let ends = part.char_indices().map(|(at, c)| at + c.len_utf8());
            let fits = ends.take_while(|end| *end <= room).last().unwrap_or(0);
            self.text.push_str(&part[..fits]);
            if fits < part.len() {
                Err(fmt::Error)
            } else {
                Ok(())
            }
        }
    }
    let mut short = Short {
        text: String::new(),
        most,
    };
    let is_cut = write!(short, "{value:?}").is_err();
    let text = bounded(&short.text, most);
    if is_cut && !text.ends_with('…') {
        return text + "…";
    }
    text
}

/// At most `most` bytes of a text, cut at a character, with control characters made visible.
pub(super) fn bounded(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for character in text.chars() {
        if out.len() + character.len_utf8() > most {
            out.push('…');
            break;
        }
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_corrected_and_a_stranger_is_not() {
        let words = ["best_back", "best_lay", "name"];
        assert_eq!(closest("best_bak", words), Some("best_back"));
        assert_eq!(closest("Name", words), Some("name"));
        assert_eq!(closest("volume", words), None);
        assert_eq!(closest("name", words), None, "it is not misspelt");
    }

    #[test]
    fn a_bounded_text_has_no_control_characters() {
        assert_eq!(bounded("a\nb\u{1b}[31m", 100), "a\\nb\\u{1b}[31m");
        assert_eq!(bounded("äöü", 4), "äö…");
    }
}
