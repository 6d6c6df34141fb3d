//! What `bea check` finds: a code, how bad it is, where, and what to do.

use std::fmt;

use serde::Serialize;

use super::source::Place;
use crate::strategy::ScriptError;
use crate::strategy::error::Sources;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will fail, or do what cannot be meant.
    Error,
    /// It may be meant, but looks like a slip.
    Warning,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal $severity:ident,)*) => {
        /// What is found, in a word. Codes are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// It cannot be compiled, or not be set up.
    Compile = "compile" Error,
    /// A property that the value does not have.
    UnknownProperty = "unknown-property" Error,
    /// A function that is not there.
    UnknownFunction = "unknown-function" Error,
    /// A setting that `params()` does not declare.
    UnknownParam = "unknown-param" Error,
    /// A table that `tables()` does not declare.
    UnknownTable = "unknown-table" Error,
    /// A function that looks like a callback and is none.
    UnknownCallback = "unknown-callback" Error,
    /// A text that the value compared with never is.
    UnknownValue = "unknown-value" Error,
    /// A function called with too few or too many arguments.
    WrongArity = "wrong-arity" Error,
    /// An argument of the wrong kind, such as a market for a runner.
    WrongArgument = "wrong-argument" Error,
    /// Numbers of different units together, such as a price and a stake.
    Units = "units" Error,
    /// Values compared that are never equal, such as a quote and a number.
    MixedComparison = "mixed-comparison" Error,
    /// An intent that nobody returns.
    DroppedIntent = "dropped-intent" Error,
    /// A callback that returns what is no intent.
    BadReturn = "bad-return" Error,
    /// What cannot be kept in `this`.
    UnsavableState = "unsavable-state" Error,
    /// A loop that never ends.
    EndlessLoop = "endless-loop" Error,
    /// Code that is never reached.
    Unreachable = "unreachable" Warning,
    /// A setting that is declared and not read.
    UnusedParam = "unused-param" Warning,
    /// A variable or constant that is not read.
    UnusedVariable = "unused-variable" Warning,
    /// A function that is never called.
    UnusedFunction = "unused-function" Warning,
    /// An import that is not used.
    UnusedImport = "unused-import" Warning,
    /// A function of the script with the name of one of the API.
    ShadowedFunction = "shadowed-function" Warning,
    /// Calculated prices compared for equality.
    FloatEquality = "float-equality" Warning,
    /// A whole number divided by a whole number.
    IntegerDivision = "integer-division" Warning,
    /// A range that goes one past the last place.
    RangeEnd = "range-end" Warning,
    /// A permission that is not needed, or of a code that is none.
    Allow = "allow" Warning,
}

impl Code {
    /// The code of this name.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// Where, and what to do.
    pub error: ScriptError,
}

impl Finding {
    pub(super) fn at(
        sources: &Sources,
        file: &str,
        place: Place,
        code: Code,
        message: &str,
    ) -> Self {
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let position = match place {
            (0, _) => rhai::Position::NONE,
            (line, column) => rhai::Position::new(number(line), number(column)),
        };
        Self {
            code,
            error: sources.error_at(file, position, message),
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{}[{}]", self.severity().as_str(), self.code.as_str());
        let mut shown = self.error.clone();
        shown.message = format!("{kind}: {}", shown.message);
        fmt::Display::fmt(&shown, f)
    }
}
