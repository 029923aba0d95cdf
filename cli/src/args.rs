//! The arguments, and their help.
#![expect(
    clippy::doc_markdown,
    reason = "the comments are the help on the terminal, where backticks are read as such"
)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit;
use crate::profile;

/// Reads and edits documents of HTTP APIs, and merges what others changed in the meantime.
///
/// Every write is conditional on the version that was read (If-Match). If another client wrote first, its changes
/// are merged with yours. Only what both sides changed is shown to you.
#[derive(Debug, Parser)]
#[command(name = "ifmatch", version, after_help = exit::TABLE, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of all commands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Global {
    /// The API family, which says where versions are and what refusals mean.
    #[arg(long, global = true, env = "IFMATCH_PROFILE", hide_env_values = true)]
    #[arg(value_name = "NAME", value_parser = profile::names())]
    pub(crate) profile: Option<String>,
    /// Print results on stdout and errors on stderr as JSON objects.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show what would be written, and write nothing.
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// The time limit of one call in seconds, waits included.
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// A file with a bearer token. IFMATCH_TOKEN holds the token itself.
    #[arg(
        long,
        global = true,
        env = "IFMATCH_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// A file with USER:PASSWORD. IFMATCH_BASIC holds them themselves.
    #[arg(
        long,
        global = true,
        env = "IFMATCH_BASIC_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) basic_file: Option<PathBuf>,
    /// A file with a header in each line, as NAME: VALUE. IFMATCH_HEADERS holds such lines themselves.
    #[arg(
        long,
        global = true,
        env = "IFMATCH_HEADER_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) header_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a document, and its version on stderr.
    Get(Get),
    /// Edit a document in your editor, and merge what others changed meanwhile.
    Edit(Edit),
    /// Find out whether an API loses updates.
    Probe(Probe),
    /// Merge three JSON files, also as a merge driver of git.
    Merge(Merge),
    /// Print changes as they come.
    Watch(Watch),
    /// List and decide queued edits that could not be applied.
    Conflicts(Conflicts),
    /// Send what `ifmatch edit --queue` has queued.
    Send(Send),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page of the program, or of one command, for `man -l -`.
    Man {
        /// The command.
        command: Option<String>,
    },
}

/// How bodies are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BodyFormat {
    /// JSON or text, as the response says.
    #[default]
    Auto,
    /// JSON.
    Json,
    /// Text, merged by lines.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The address of the document.
    pub(crate) url: String,
    /// Print the document as it was received, without another indentation.
    #[arg(long)]
    pub(crate) raw: bool,
    /// How the body is read.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: BodyFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The editor is $VISUAL, or $EDITOR, or vi. An unchanged file sends nothing, and an emptied one cancels. A syntax error \
opens the editor again.

If another client wrote meanwhile, its changes are merged with yours. What both sides changed is shown between \
conflict markers in the editor. Solve them and leave the editor, and the result is sent for the version that you were \
shown.

What cannot be sent is kept in a file, and `ifmatch edit URL --from FILE` goes on with it.")]
pub(crate) struct Edit {
    /// The address of the document.
    pub(crate) url: String,
    /// Go on with an edit that was kept in a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Queue the edit instead of sending it. `ifmatch send` sends it. Needs a JSON document.
    #[arg(long, conflicts_with = "from")]
    pub(crate) queue: bool,
    /// How the body is read and written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: BodyFormat,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The address of a collection. A temporary resource is created in it.
    pub(crate) url: String,
    /// The end of the name of the resource, such as .json, for servers that need one.
    #[arg(long)]
    pub(crate) suffix: Option<String>,
    /// Do not ask before the probe starts.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
To merge JSON files in git with it:

    git config merge.json.name 'JSON by its structure'
    git config merge.json.driver 'ifmatch merge %O %A %B --path %P'
    echo '*.json merge=json' >> .gitattributes

Exit codes, as git expects them: 0 merged, 1 conflicts are left between markers in the file, 129 and above for errors, \
after which git stops.")]
pub(crate) struct Merge {
    /// The common ancestor. It is empty if both sides added the file.
    pub(crate) base: PathBuf,
    /// The local side. The result is written to it.
    pub(crate) local: PathBuf,
    /// The remote side.
    pub(crate) remote: PathBuf,
    /// Write the result to this file instead of LOCAL.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the result instead of writing it to LOCAL.
    #[arg(long, conflicts_with = "output")]
    pub(crate) stdout: bool,
    /// The path of the file for messages (git's %P).
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The address of a collection.
    pub(crate) url: String,
    /// The address is that of one resource.
    #[arg(long)]
    pub(crate) resource: bool,
    /// List the collection again after this many seconds (default 30), also if the API has a feed.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) every: Option<Duration>,
    /// Keep the position in this file, and continue from it. Not every API has positions.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Conflicts {
    #[command(subcommand)]
    pub(crate) action: Option<ConflictAction>,
    /// Also list the edits that wait to be sent.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictAction {
    /// Show the sides of an open edit.
    Show {
        /// The id of the edit.
        id: String,
        #[command(flatten)]
        rules: RuleArgs,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Decide an open edit. `ifmatch send` sends the decision.
    Resolve {
        /// The id of the edit.
        id: String,
        #[command(flatten)]
        by: ResolveBy,
        #[command(flatten)]
        rules: RuleArgs,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Try an open edit again as it is, with the next `ifmatch send`.
    Retry {
        /// The id of the edit.
        id: String,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Drop an open edit. The document on the server stays as it is.
    Discard {
        /// The id of the edit.
        id: String,
        #[command(flatten)]
        journal: JournalArgs,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ResolveBy {
    /// Take your change where both sides changed the same place, and merge the rest.
    #[arg(long)]
    pub(crate) local: bool,
    /// Leave the document on the server as it is.
    #[arg(long)]
    pub(crate) remote: bool,
    /// Write the document in this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Send only the edits for the server of this address.
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RuleArgs {
    /// How a place is merged: POINTER=RULE, where RULE is auto, atomic, text, prose, set, counter, sequence, local,
    /// remote, max, min or keyed:MEMBER. In POINTER, * is every key or element.
    #[arg(long = "rule", value_name = "POINTER=RULE")]
    pub(crate) rules: Vec<String>,
    /// A JSON file with such rules: {"/tags": "set", "/items": "keyed:sku"}.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct JournalArgs {
    /// The folder of the queue. Default: $XDG_DATA_HOME/ifmatch/journal.
    #[arg(
        long,
        env = "IFMATCH_JOURNAL",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) journal: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds, such as 30 or 2.5".to_owned())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    let day = Duration::from_secs(24 * 60 * 60);
    if time.is_zero() || time > day {
        return Err("expected more than 0 seconds and at most a day".to_owned());
    }
    Ok(time)
}

/// Whether the arguments are those of `merge`, whose errors have the exit codes that git expects.
pub(crate) fn is_merge(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().skip(1);
    words.find(|word| !word.to_string_lossy().starts_with('-')) == Some(&OsString::from("merge"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_of_the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_limit_is_positive_and_bounded() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2_500)));
        for wrong in ["0", "-1", "soon", "1e9", "nan"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
