//! The command `ifmatch`: reads and edits documents of HTTP APIs, and merges what others changed in the meantime.

mod args;
mod commands;
mod connect;
mod content;
mod credentials;
mod diff;
mod dry_run;
mod editor;
mod exit;
mod format;
mod interrupt;
mod markers;
mod output;
mod places;
mod profile;
mod progress;
mod rules;
mod saved_edit;
mod target;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::connect::Context;
use crate::exit::{Failure, GIT_STOPS, LOCAL};
use crate::output::Output;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, &arguments),
    };
    let context = Context::new(cli.global);
    match run(&context, &cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of stdout has seen enough.
        Err(failure) if failure.code() == 0 => ExitCode::SUCCESS,
        Err(failure) => {
            context.output.failure(&failure);
            failure.code().into()
        }
    }
}

/// Prints the help, or what is wrong with the arguments.
fn unparsed(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // There is no other place to report that it cannot be printed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let code = if args::is_merge(arguments) {
        GIT_STOPS
    } else {
        exit::USAGE
    };
    if arguments.iter().any(|it| it == "--json") {
        let message = error.to_string();
        Output::new(true).failure(&Failure::usage(message.trim()).with_code(code));
    } else {
        let _ = error.print();
    }
    code.into()
}

fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Merge(arguments) => return commands::merge::run(context, arguments),
        Command::Completions { shell } => return commands::generate::completions(*shell),
        Command::Man { command } => return commands::generate::man(command.as_deref()),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(LOCAL, "runtime", error.to_string()))?;
    runtime.block_on(async {
        match command {
            Command::Get(arguments) => {
                interrupt::or(commands::get::run(context, arguments)).await?
            }
            Command::Edit(arguments) => commands::edit::run(context, arguments).await,
            Command::Probe(arguments) => commands::probe::run(context, arguments).await,
            Command::Watch(arguments) => commands::watch::run(context, arguments).await,
            Command::Conflicts(arguments) => commands::conflicts::run(context, arguments).await,
            Command::Send(arguments) => commands::send::run(context, arguments).await,
            Command::Merge(_) | Command::Completions { .. } | Command::Man { .. } => Ok(()),
        }
    })
}
