//! A compiled script as a strategy of the engine: calls on a copy of the state, commits on success.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, FnArgsVec, FuncArgs, Map, Scope,
};
use serde_json::Value;

use super::context::{ContextView, Log, OrderView, ParamsView};
use super::error::{ScriptError, Sources};
use super::filter;
use super::names::{Api, closest};
use super::params::{self, Misfit, Param};
use super::propose::read_intents;
use super::sandbox::{self, Purpose};
use super::script::Script;
use super::shortcut::Body;
use super::state;
use super::table::TablesView;
use super::testing;
use super::view::MarketView;
use crate::engine::{Answer, Fault, Moment, Strategy};
use crate::market::{MarketFilter, Order, Settlement};

/// What a script may define, with how many parameters.
pub(super) const CALLBACKS: [(&str, &[usize], &str); 6] = [
    ("params", &[0], "params()"),
    ("markets", &[0, 1], "markets() or markets(params)"),
    ("tables", &[0], "tables()"),
    ("on_odds", &[2], "on_odds(market, ctx)"),
    ("on_order", &[2], "on_order(order, ctx)"),
    ("on_settled", &[2], "on_settled(market, ctx)"),
];

/// Those that are called again and again.
const SHORTENED: [&str; 3] = ["on_odds", "on_order", "on_settled"];

/// A script with the engine that runs it.
pub(super) struct Program {
    api: Api,
    ast: AST,
    sources: Sources,
    /// Lines logged in the present call.
    pub(super) log: Log,
    /// Its parameters.
    pub(super) params: Vec<Param>,
    /// Its lookup tables.
    pub(super) tables: TablesView,
    /// Which markets and moments it wants.
    pub(super) filter: MarketFilter,
    /// The body holds constants or imports, which each call needs.
    has_body: bool,
    /// The callbacks' bodies as they run.
    bodies: BTreeMap<&'static str, Body>,
    /// Which functions were found so far.
    caches: RefCell<Caches>,
    /// Operations of the last call.
    operations: Cell<u64>,
}

impl Program {
    /// Compiles and checks a script.
    pub(super) fn load(script: &Script, purpose: Purpose) -> Result<Self, ScriptError> {
        let log = Log::default();
        let mut api = sandbox::engine(purpose, &log);
        if purpose == Purpose::Test {
            testing::register(&mut api);
        }
        let sources = script.sources.clone();
        let ast = sandbox::parse(&api.engine, &api.names, &sources, &sources.main)?;
        let imports = sandbox::imports(&ast, &sources, &sources.main)?;
        sandbox::load_libraries(&mut api, &sources, &imports)?;
        let mut program = Self {
            has_body: !ast.statements().is_empty(),
            bodies: SHORTENED
                .iter()
                .filter_map(|name| Some((*name, api.shortcuts.body(&ast, name, 2)?)))
                .collect(),
            caches: RefCell::default(),
            operations: Cell::default(),
            api,
            ast,
            sources,
            log,
            params: Vec::new(),
            tables: TablesView::new(script.tables.clone()),
            filter: MarketFilter::default(),
        };
        program.check_callbacks()?;
        program.params = program.read_params(script)?;
        program.filter = program.read_filter()?;
        Ok(program)
    }

    /// Whether the script defines a function.
    pub(super) fn defines(&self, name: &str, parameters: usize) -> bool {
        self.ast
            .shared_lib()
            .get_script_fn(name, parameters)
            .is_some()
    }

    /// Names of the script's tests in the order they stand.
    pub(super) fn tests(&self) -> Vec<(String, Option<usize>)> {
        let mut tests: Vec<_> = self
            .ast
            .iter_functions()
            .filter(|function| function.name.starts_with("test_"))
            .map(|function| {
                let line = self.sources.place_of_function(function.name).line();
                (line, function.name.to_owned())
            })
            .collect();
        tests.sort();
        tests.into_iter().map(|(line, name)| (name, line)).collect()
    }

    /// Calls a function of the script.
    pub(super) fn call(
        &self,
        name: &str,
        this: Option<&mut Dynamic>,
        arguments: impl FuncArgs,
    ) -> Result<Dynamic, ScriptError> {
        let mut values = FnArgsVec::new();
        arguments.parse(&mut values);
        let mut arguments: FnArgsVec<&mut Dynamic> = values.iter_mut().collect();
        let is_method = this.is_some();
        if let Some(this) = this {
            arguments.insert(0, this);
        }
        // After a call that failed or panicked they are made anew.
        let mut caches = self.caches.take();
        let outcome = sandbox::guard(&self.api, &self.sources, Some(name), |engine| {
            self.evaluate(engine, &mut caches, name, is_method, &mut arguments)
                .map_err(|error| match *error {
                    // What `guard` says of the call itself.
                    EvalAltResult::ErrorInFunctionCall(of, _, inner, _) if of == name => inner,
                    _ => error,
                })
        })?;
        self.caches.replace(caches);
        Ok(outcome)
    }

    /// As `Engine::call_fn` does, but for the caches: which function a name and the types of its arguments mean is found
    /// once, not in every call.
    fn evaluate(
        &self,
        engine: &Engine,
        caches: &mut Caches,
        name: &str,
        is_method: bool,
        arguments: &mut [&mut Dynamic],
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut global = engine.new_global_runtime_state();
        global.lib.push(self.ast.shared_lib().clone());
        global.source = self.ast.source().map(Into::into);
        let mut scope = Scope::new();
        if self.has_body {
            #[allow(deprecated)]
            let _constants = engine.eval_statements_raw(
                &mut global,
                caches,
                &mut scope,
                self.ast.statements(),
            )?;
            scope.rewind(0);
        }
        let value = match (self.bodies.get(name), arguments) {
            (Some(body), [this, arguments @ ..]) if is_method => {
                let this = Some(&mut **this);
                let context = EvalContext::new(engine, &mut global, caches, &mut scope, this);
                body.run(context, arguments)
            }
            (Some(body), arguments) => {
                let context = EvalContext::new(engine, &mut global, caches, &mut scope, None);
                body.run(context, arguments)
            }
            (None, arguments) => EvalContext::new(engine, &mut global, caches, &mut scope, None)
                .call_fn_raw(name, is_method, is_method, arguments),
        };
        self.operations.set(global.num_operations);
        value
    }

    /// An error of the script without a place.
    pub(super) fn wrong(&self, message: &str) -> ScriptError {
        self.sources.error_of(&self.sources.main, message)
    }

    /// An error of one of the script's functions, where there is such.
    fn wrong_in(&self, function: &str, message: &str) -> ScriptError {
        let place = self.sources.place_of_function(function);
        self.sources.error_at(&self.sources.main, place, message)
    }

    fn check_callbacks(&self) -> Result<(), ScriptError> {
        for function in self.ast.iter_functions() {
            let (name, count) = (function.name, function.params.len());
            let wrong = |message: String| Err(self.wrong_in(name, &message));
            if let Some((_, counts, usage)) = CALLBACKS.iter().find(|(known, ..)| *known == name) {
                if !counts.contains(&count) {
                    return wrong(format!("{name} takes other parameters\nuse fn {usage}"));
                }
            } else if name.starts_with("test_") && count != 1 {
                return wrong(format!("{name} takes other parameters\nuse fn {name}(t)"));
            } else if let Some(meant) = meant_callback(name, count) {
                return wrong(format!("{name} is never called\ndid you mean \"{meant}\"?"));
            }
        }
        if self.defines("on_odds", 2) {
            return Ok(());
        }
        Err(self.wrong("there is no fn on_odds(market, ctx), so it would never bet\nadd: fn on_odds(market, ctx) { [] }"))
    }

    fn read_params(&self, script: &Script) -> Result<Vec<Param>, ScriptError> {
        let declared = if self.defines("params", 0) {
            self.call("params", None, ())?
        } else {
            Dynamic::from(Map::new())
        };
        params::read(declared, &script.overrides).map_err(|wrong| self.misfits(&wrong))
    }

    /// What is wrong with parameters, each where it is declared.
    fn misfits(&self, wrong: &[Misfit]) -> ScriptError {
        let error = |wrong: &Misfit| {
            let place = match self.sources.place_of_param(&wrong.param) {
                place if place.is_none() => self.sources.place_of_function("params"),
                place => place,
            };
            self.sources
                .error_at(&self.sources.main, place, &wrong.problem)
        };
        if let [only] = wrong {
            return error(only);
        }
        let message = format!("{} parameters are wrong", wrong.len());
        let lines = wrong.iter().map(error).map(|error| {
            let hint = error.hint.as_ref().map(|hint| format!("; {hint}"));
            format!("  {}{}", error.summary(), hint.unwrap_or_default())
        });
        let hint = lines.collect::<Vec<_>>().join("\n");
        ScriptError {
            hint: Some(hint),
            ..self.wrong_in("params", &message)
        }
    }

    fn read_filter(&self) -> Result<MarketFilter, ScriptError> {
        let wanted = if self.defines("markets", 1) {
            let params = ParamsView(Rc::new(params::values(&self.params)));
            self.call("markets", None, (params,))?
        } else if self.defines("markets", 0) {
            self.call("markets", None, ())?
        } else {
            return Ok(MarketFilter::default());
        };
        filter::read(wanted).map_err(|message| self.wrong_in("markets", &message))
    }
}

/// The callback that a function's name nearly is.
fn meant_callback(name: &str, count: usize) -> Option<&'static str> {
    let fitting = CALLBACKS
        .iter()
        .filter(|(callback, counts, _)| callback.starts_with("on_") && counts.contains(&count))
        .map(|(callback, ..)| *callback);
    closest(name, fitting)
}

/// A strategy written in Rhai. Lives on one thread.
pub struct RhaiStrategy {
    name: String,
    hash: String,
    program: Program,
    params: ParamsView,
    state: Dynamic,
    /// No source names `this`, so there is no state to copy.
    is_stateless: bool,
    /// It was told that intents count only if returned.
    was_told_to_return: bool,
}

impl RhaiStrategy {
    pub(super) fn new(script: &Script, program: Program) -> Self {
        Self {
            name: script.name().to_owned(),
            hash: script.hash().to_owned(),
            params: ParamsView(Rc::new(params::values(&program.params))),
            state: Dynamic::from(Map::new()),
            is_stateless: !names_this(&script.sources),
            was_told_to_return: false,
            program,
        }
    }

    /// The same with every callback called as Rhai does.
    #[cfg(test)]
    pub(super) fn by_rhai_alone(mut self) -> Self {
        self.program.bodies.clear();
        self
    }

    /// Its parameters and their values in this run.
    #[must_use]
    pub fn params(&self) -> &[Param] {
        &self.program.params
    }

    /// The most memory that was seen held in a call so far, in bytes, beyond what was held before it: seen after every eighth
    /// operation and at the end.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.program.api.memory.peak()
    }

    fn call(
        &mut self,
        callback: &str,
        subject: Dynamic,
        moment: &Moment<'_>,
        answer: &mut Answer,
    ) -> Result<(), Fault> {
        let before = answer.intents.len();
        let value = self.run(callback, subject, moment, answer)?;
        read_intents(value, answer);
        if answer.intents.len() == before {
            self.remind_to_return(callback, answer);
        }
        Ok(())
    }

    /// Runs a callback; its lines go to the log whether it fails or not.
    fn run(
        &mut self,
        callback: &str,
        subject: Dynamic,
        moment: &Moment<'_>,
        answer: &mut Answer,
    ) -> Result<Dynamic, Fault> {
        let context = ContextView::new(
            moment,
            &self.params,
            &self.program.tables,
            &self.program.log,
        );
        self.program.api.made.set(0);
        let outcome = if self.is_stateless {
            self.program.call(callback, None, (subject, context))
        } else {
            self.call_on_copy(callback, subject, context)
        };
        self.program.log.drain_into(&mut answer.log);
        answer.operations = self.program.operations.get();
        Ok(outcome?)
    }

    /// The slip everybody makes once: `back(…);` instead of returning what it gives.
    fn remind_to_return(&mut self, callback: &str, answer: &mut Answer) {
        if self.program.api.made.get() > 0 && !self.was_told_to_return {
            self.was_told_to_return = true;
            answer.log.push(format!(
                "{callback} made an intent and returned none: only what is returned counts"
            ));
        }
    }

    /// Runs the call on a copy of the state, which takes the state's place only if all went well.
    fn call_on_copy(
        &mut self,
        callback: &str,
        subject: Dynamic,
        context: ContextView,
    ) -> Result<Dynamic, ScriptError> {
        let mut state = self.state.clone();
        let value = self
            .program
            .call(callback, Some(&mut state), (subject, context))?;
        state::check(&state).map_err(|message| self.program.wrong(&message))?;
        self.state = state;
        Ok(value)
    }
}

fn names_this(sources: &Sources) -> bool {
    sources.texts.values().any(|text| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .any(|word| word == "this")
    })
}

impl Strategy for RhaiStrategy {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn filter(&self) -> &MarketFilter {
        &self.program.filter
    }

    fn on_odds(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        let market = Dynamic::from(MarketView(moment.market.clone()));
        self.call("on_odds", market, moment, answer)
    }

    fn on_order(
        &mut self,
        order: &Order,
        moment: &Moment<'_>,
        answer: &mut Answer,
    ) -> Result<(), Fault> {
        if !self.program.defines("on_order", 2) {
            return Ok(());
        }
        let order = Dynamic::from(OrderView::new(order, moment.holding, moment.now));
        self.call("on_order", order, moment, answer)
    }

    fn on_settled(
        &mut self,
        _settlement: &Settlement,
        moment: &Moment<'_>,
        answer: &mut Answer,
    ) -> Result<(), Fault> {
        if !self.program.defines("on_settled", 2) {
            return Ok(());
        }
        let market = Dynamic::from(MarketView(moment.market.clone()));
        // There is nothing left to bet on, so what it returns means nothing.
        self.run("on_settled", market, moment, answer).map(drop)
    }

    fn state(&self) -> Value {
        // What is in `state` was checked when it was committed.
        state::to_json(&self.state).unwrap_or(Value::Null)
    }

    fn restore(&mut self, state: &Value) -> Result<(), Fault> {
        let restored = match state {
            Value::Null => Dynamic::from(Map::new()),
            Value::Object(_) => state::from_json(state),
            other => {
                let message = format!("a state is a map: {} is not", kind_of(other));
                return Err(self.program.wrong(&message).into());
            }
        };
        state::check(&restored).map_err(|message| self.program.wrong(&message))?;
        self.state = restored;
        Ok(())
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "a map",
    }
}

impl std::fmt::Debug for RhaiStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RhaiStrategy")
            .field("name", &self.name)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
