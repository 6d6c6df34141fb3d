//! The sandbox: a script engine with chosen packages, every limit set, and nothing that reaches outside.
//!
//! No clock, files, network, randomness, `sleep`, `eval` or `exit`; imports come from memory. Time is limited by the
//! number of operations, so that a call that is too long is too long on every machine.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Once;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{
    AST, ASTFlags, ASTNode, Engine, EvalAltResult, Expr, Module, Position, Scope, Stmt, Token,
};

use super::budget::{Memory, MemoryLimits, Work};
use super::context::{self, Log};
use super::error::{ScriptError, Sources};
use super::names::{Api, Vocabulary};
use super::shortcut::Shortcuts;
use super::{costs, depth, library, propose, sorting, table, view};

// Together these limits keep the worst call under 50 ms: an operation costs up to 1 µs where it walks the largest
// array or text, and what copies them runs into the limit of memory first. tests/hostile measures it.

/// Operations of one call.
pub(super) const OPERATIONS: u64 = 100_000;
/// Steps of native maths in one call.
const WORK: u64 = 2_000_000;
/// Memory of one call.
const MEMORY: MemoryLimits = MemoryLimits {
    held: 4 << 20,
    allocated: 16 << 20,
};
/// Operations between two looks at the memory. What one makes is bounded by the limits on data, so a few cannot make much.
const WEIGHED_EVERY: u64 = 8;
/// Calls that one test may be worth.
const TESTS: u64 = 50;
/// What a test may hold, as it makes the markets it looks at.
const TEST_MEMORY: u64 = 32 << 20;
/// Script functions that may be active at once.
pub(super) const CALL_LEVELS: usize = 16;
/// Nesting of expressions.
const EXPRESSION_DEPTH: usize = 32;
/// Bytes of a string, or of all strings in a value.
const STRING_BYTES: usize = 2048;
/// Elements of an array, nested ones included.
const ARRAY_ITEMS: usize = 1000;
/// Entries of a map, nested ones included.
const MAP_ENTRIES: usize = 500;
const VARIABLES: usize = 128;
const FUNCTIONS: usize = 128;
/// Libraries of a script, those its libraries import included.
pub(super) const MODULES: usize = 16;
/// Bytes of a script, and of each library file.
pub(super) const SOURCE_BYTES: usize = 64 * 1024;

/// What an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To run.
    Run,
    /// To run the script's own tests.
    Test,
}

/// The limits on data, for messages.
pub(super) fn data_limits() -> String {
    format!(
        "at most {ARRAY_ITEMS} array items, {MAP_ENTRIES} map entries and {STRING_BYTES} bytes of text in a value"
    )
}

/// What a library is called in messages.
pub(super) fn library_file(name: &str) -> String {
    format!("lib/{name}.rhai")
}

/// An engine that knows the script API.
pub(super) fn engine(purpose: Purpose, log: &Log) -> Api {
    // Function hashes must not differ between processes.
    static SEED: Once = Once::new();
    SEED.call_once(|| {
        let _already_set =
            rhai::config::hashing::set_hashing_seed(Some([0x62, 0x65, 0x61, 0x73_74_72_61]));
    });
    let mut api = Api {
        engine: Engine::new_raw(),
        names: Vocabulary::default(),
        made: Rc::default(),
        shortcuts: Shortcuts::default(),
        work: Work::new(match purpose {
            Purpose::Run => WORK,
            Purpose::Test => TESTS * WORK,
        }),
        memory: Memory::new(match purpose {
            Purpose::Run => MEMORY,
            Purpose::Test => MemoryLimits {
                held: TEST_MEMORY,
                allocated: TESTS * MEMORY.allocated,
            },
        }),
    };
    load_packages(&mut api.engine);
    set_limits(&mut api.engine, purpose);
    let memory = api.memory.clone();
    let weighed = Cell::new(0);
    api.engine.on_progress(move |operations| {
        let now = operations / WEIGHED_EVERY;
        if weighed.replace(now) == now {
            return None;
        }
        memory.exceeded().map(|limit| limit.message().into())
    });
    let (print, debug) = (log.clone(), log.clone());
    api.engine.on_print(move |text| print.add(&text));
    api.engine.on_debug(move |text, _, _| debug.add(&text));
    // Rhai reserves this word and gives it no meaning; params() wants it as a key.
    #[allow(deprecated)]
    api.engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "default" => Token::Identifier(word),
        other => other,
    });
    costs::register(&mut api);
    sorting::register(&mut api);
    view::register(&mut api);
    depth::register(&mut api);
    context::register(&mut api);
    table::register(&mut api);
    propose::register(&mut api);
    library::register(&mut api);
    api.shortcuts.register(&mut api.engine);
    api
}

fn load_packages(engine: &mut Engine) {
    ArithmeticPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicIteratorPackage::new().register_into_engine(engine);
    BasicStringPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
    BasicFnPackage::new().register_into_engine(engine);
}

fn set_limits(engine: &mut Engine, purpose: Purpose) {
    let operations = match purpose {
        Purpose::Run => OPERATIONS,
        Purpose::Test => TESTS * OPERATIONS,
    };
    engine
        .set_max_operations(operations)
        // The call itself counts as one more.
        .set_max_call_levels(CALL_LEVELS + 1)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_string_size(STRING_BYTES)
        .set_max_array_size(ARRAY_ITEMS)
        .set_max_map_size(MAP_ENTRIES)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .set_max_modules(MODULES)
        .set_max_strings_interned(64)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .disable_symbol("eval")
        .set_module_resolver(StaticModuleResolver::new());
}

/// Parses one source and checks that nothing but functions, constants and imports stands outside functions.
pub(super) fn parse(
    engine: &Engine,
    names: &Vocabulary,
    sources: &Sources,
    file: &str,
) -> Result<AST, ScriptError> {
    let text = sources.texts.get(file).map_or("", String::as_str);
    let parsed = catch_unwind(AssertUnwindSafe(|| engine.compile(text)))
        .map_err(|_panic| ScriptError::of_file(file, "the parser failed on this source"))?;
    let mut ast = parsed.map_err(|error| {
        let rhai::ParseError(kind, position) = error;
        let in_file = Sources {
            main: file.to_owned(),
            ..sources.clone()
        };
        in_file.explain(rhai::EvalAltResult::ErrorParsing(*kind, position), names)
    })?;
    ast.set_source(file);
    for statement in ast.statements() {
        let allowed = match statement {
            Stmt::Noop(_) | Stmt::Import(..) => true,
            Stmt::Var(_, flags, _) => flags.intersects(ASTFlags::CONSTANT),
            _ => false,
        };
        if !allowed {
            return Err(sources.error_at(
                file,
                statement.position(),
                "only functions, constants and imports may stand outside a function\nput it into fn on_odds(market, ctx)",
            ));
        }
    }
    Ok(ast)
}

/// Runs script code as one call, of a function if it is one: within a budget of its own, and a panic of the script
/// engine is an error of it.
pub(super) fn guard<T>(
    api: &Api,
    sources: &Sources,
    function: Option<&str>,
    run: impl FnOnce(&Engine) -> Result<T, Box<EvalAltResult>>,
) -> Result<T, ScriptError> {
    let place = || function.map_or(Position::NONE, |name| sources.place_of_function(name));
    let of_call = |message: &str| sources.error_at(&sources.main, place(), message);
    if !api.memory.is_counted() {
        return Err(of_call(
            "the allocator of this build counts nothing, so the memory of scripts would have no limit",
        ));
    }
    api.work.renew();
    api.memory.renew();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&api.engine)));
    match outcome {
        // The last operation may have been the one too many.
        Ok(Ok(value)) => match api.memory.exceeded() {
            Some(limit) => Err(of_call(&limit.message())),
            None => Ok(value),
        },
        Ok(Err(error)) => Err(match function {
            Some(name) => sources.explain_call(name, *error, &api.names),
            None => sources.explain(*error, &api.names),
        }),
        Err(_panic) => Err(of_call("the script engine failed inside this call")),
    }
}

/// Names of the libraries that a parsed source imports, with the place of each import.
pub(super) fn imports(
    ast: &AST,
    sources: &Sources,
    file: &str,
) -> Result<Vec<(String, Position)>, ScriptError> {
    let mut found = Vec::new();
    let mut problem = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
            let outside = ast.statements().iter().any(|statement| {
                matches!(statement, Stmt::Import(..)) && statement.position() == *position
            });
            match &import.0 {
                Expr::StringConstant(name, ..) if outside && is_library_name(name) => {
                    found.push((name.to_string(), *position));
                }
                _ => {
                    let message = "an import stands outside functions and names a file of lib/ by a plain name\nwrite it as import \"stats\" as stats;";
                    problem = Some(sources.error_at(file, *position, message));
                }
            }
        }
        problem.is_none()
    });
    problem.map_or(Ok(found), Err)
}

fn is_library_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}

/// Compiles the libraries into the engine, each after those it imports.
pub(super) fn load_libraries(
    api: &mut Api,
    sources: &Sources,
    wanted: &[(String, Position)],
) -> Result<(), ScriptError> {
    let mut loaded = StaticModuleResolver::new();
    let mut open = Vec::new();
    for (name, _) in wanted {
        load_library(api, sources, name, &mut open, &mut loaded)?;
    }
    api.engine.set_module_resolver(loaded);
    Ok(())
}

fn load_library(
    api: &mut Api,
    sources: &Sources,
    name: &str,
    open: &mut Vec<String>,
    loaded: &mut StaticModuleResolver,
) -> Result<(), ScriptError> {
    if loaded.contains_path(name) {
        return Ok(());
    }
    let file = library_file(name);
    let ast = parse(&api.engine, &api.names, sources, &file)?;
    open.push(name.to_owned());
    for (inner, position) in imports(&ast, sources, &file)? {
        if open.contains(&inner) {
            let message = format!("lib/{inner}.rhai imports itself, directly or through others");
            return Err(sources.error_at(&file, position, &message));
        }
        load_library(api, sources, &inner, open, loaded)?;
    }
    open.pop();
    api.engine.set_module_resolver(loaded.clone());
    let module = guard(api, sources, None, |engine| {
        Module::eval_ast_as_new(Scope::new(), &ast, engine)
    })?;
    loaded.insert(name, module);
    Ok(())
}
