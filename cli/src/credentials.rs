//! Credentials and headers, from the environment or from files, never from arguments.

use std::fs;
use std::path::Path;

use ifmatch::{
    Authenticator, BoxError, ClientBuilder, HeaderMap, HeaderName, HeaderValue, async_trait,
};

use crate::args::Global;
use crate::exit::Failure;

/// No file with credentials is longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What is added to each request.
pub(crate) struct Credentials {
    authorization: Option<Authorization>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The name of the user, to whom queued edits belong. Without a name, they belong to everyone who sends the same headers.
    user: Option<String>,
}

enum Authorization {
    Token(String),
    Basic { user: String, password: String },
}

impl Credentials {
    /// Reads the credentials that the options and the environment name.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let token = either("IFMATCH_TOKEN", global.token_file.as_deref())?;
        let basic = either("IFMATCH_BASIC", global.basic_file.as_deref())?;
        let authorization = match (token, basic) {
            (Some(_), Some(_)) => {
                let why = "there are both a token and a user with a password: set only one of them";
                return Err(Failure::usage(why));
            }
            (Some(token), None) => Some(Authorization::Token(token)),
            (None, Some(basic)) => Some(user_and_password(&basic)?),
            (None, None) => None,
        };
        let lines = either("IFMATCH_HEADERS", global.header_file.as_deref())?.unwrap_or_default();
        let lines = lines.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let headers = lines.map(header).collect::<Result<_, _>>()?;
        let of_basic = match &authorization {
            Some(Authorization::Basic { user, .. }) => Some(user.clone()),
            _ => None,
        };
        Ok(Self {
            authorization,
            headers,
            user: variable("IFMATCH_USER")?.or(of_basic),
        })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.authorization.is_none() && self.headers.is_empty()
    }

    /// Adds them to a client.
    pub(crate) fn add_to(&self, builder: ClientBuilder) -> ClientBuilder {
        let mut builder = match &self.authorization {
            Some(Authorization::Token(token)) => builder.bearer_token(token),
            Some(Authorization::Basic { user, password }) => builder.basic_auth(user, password),
            None => builder,
        };
        for (name, value) in &self.headers {
            builder = builder.default_header(name.clone(), value.clone());
        }
        match &self.user {
            Some(user) => builder.auth(Named(user.clone())),
            None => builder,
        }
    }
}

/// The name of the user, without credentials of its own.
struct Named(String);

#[async_trait]
impl Authenticator for Named {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

fn user_and_password(basic: &str) -> Result<Authorization, Failure> {
    let split = basic.split_once(':');
    let (user, password) = split.ok_or_else(|| {
        Failure::usage("the basic credentials have no colon: expected USER:PASSWORD")
    })?;
    let (user, password) = (user.to_owned(), password.to_owned());
    Ok(Authorization::Basic { user, password })
}

/// Reads one header. A message never contains its value.
fn header(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = || Failure::usage("a header is not of the form NAME: VALUE");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| {
        let why = "contains characters that are not allowed in a header";
        Failure::usage(format!("the header {name} {why}"))
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Returns the value of a variable, or the content of a file. The file counts if both are set.
fn either(name: &str, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else {
        return variable(name);
    };
    let failed = |error: &std::io::Error| Failure::usage(format!("{}: {error}", file.display()));
    let length = fs::metadata(file).map_err(|error| failed(&error))?.len();
    if length > LONGEST {
        let why = format!("{}: longer than {LONGEST} bytes", file.display());
        return Err(Failure::usage(why));
    }
    let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(Failure::usage(format!("{}: empty", file.display())));
    }
    Ok(Some(text))
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{name} is not valid Unicode")))
        }
    }
}
