//! `completions` and `man`, from the definitions of the arguments.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Failure;
use crate::output;

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ifmatch", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// Prints the page of the program, or of one of its commands.
pub(crate) fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let unknown = || Failure::usage(format!("there is no command {name:?}"));
            found.ok_or_else(unknown)?
        }
    };
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(page).render(&mut text);
    rendered.map_err(|error| Failure::new(crate::exit::LOCAL, "output", error.to_string()))?;
    output::print(&String::from_utf8_lossy(&text))
}
