//! `bea completions` and `bea man`: what shells and manual readers want to know of the command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, Shared, exit, output};

/// Print a script that completes bea's commands in a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea completions bash > /etc/bash_completion.d/bea
  bea completions zsh > ~/.zfunc/_bea")]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

/// Print the manual page, or write those of all commands to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea man > bea.1
  bea man man1                  one page a command")]
pub(super) struct Man {
    /// The folder
    folder: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "bea", &mut script);
        show(&script)
    }
}

impl Man {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let Some(folder) = &self.folder else {
            return show(&page(Cli::command())?);
        };
        fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
        let count = write_all(folder, Cli::command(), "bea")?;
        output::remark(
            shared,
            format_args!("wrote {count} pages to {}", folder.display()),
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the pages of a command and of those below it.
fn write_all(folder: &Path, command: Command, name: &str) -> Result<usize, Failure> {
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    let file = folder.join(format!("{name}.1"));
    // Clap wants a name that lives as long as the program; there are a few dozen, once.
    let command = command.name(name.to_owned().leak() as &'static str);
    fs::write(&file, page(command)?).map_err(|error| Failure::io("write it", &file, &error))?;
    let mut count = 1;
    for command in below.into_iter().filter(|c| c.get_name() != "help") {
        let name = format!("{name}-{}", command.get_name());
        count += write_all(folder, command, &name)?;
    }
    Ok(count)
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new(exit::INTERNAL, format!("no page can be made: {error}")))?;
    Ok(page)
}

fn show(text: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            exit::INTERNAL,
            format!("the result cannot be printed: {error}"),
        )),
        _ => Ok(ExitCode::SUCCESS),
    }
}
