//! Data that one user read or wrote never serves another user, whenever the user changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Authenticator, BoxError, Client, Error, ErrorKind, Resource, async_trait};
use serde_json::{Value, json};

/// Who is logged in, and whether the authenticator tells the name.
#[derive(Clone)]
struct Login {
    user: Arc<Mutex<&'static str>>,
    named: bool,
    /// Who comes in when the server says 401.
    next: Option<&'static str>,
}

impl Login {
    fn of(named: bool) -> Self {
        Self {
            user: Arc::new(Mutex::new("one")),
            named,
            next: None,
        }
    }

    fn user(&self) -> &'static str {
        *self.user.lock().unwrap()
    }

    fn switch(&self, to: &'static str) {
        *self.user.lock().unwrap() = to;
    }
}

#[async_trait]
impl Authenticator for Login {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert("authorization", HeaderValue::from_static(self.user()));
        Ok(())
    }

    async fn renew(&self) -> Result<bool, BoxError> {
        if let Some(next) = self.next {
            self.switch(next);
        }
        Ok(true)
    }

    fn identity(&self) -> Option<String> {
        self.named.then(|| self.user().to_owned())
    }
}

/// What the server does to a request, after which another user is logged in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Later,
    Renew,
    Moved,
    CutReply,
    Stale,
}

/// `/me` is another resource for each user, and each counts its own versions from 1.
#[derive(Clone)]
struct Me {
    login: Login,
    of: Arc<Mutex<HashMap<String, (u64, Value)>>>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    seen: Arc<Mutex<Vec<(Method, String, bool)>>>,
}

impl Me {
    fn new(login: &Login) -> Self {
        let of =
            ["one", "two"].map(|user| (user.to_owned(), (1, json!({"secret of": user, "n": 0}))));
        Self {
            login: login.clone(),
            of: Arc::new(Mutex::new(of.into())),
            trouble: Arc::default(),
            seen: Arc::default(),
        }
    }

    fn resource(&self) -> Resource<Value> {
        let client = Client::builder("http://h/")
            .transport(self.clone())
            .auth(self.login.clone());
        client.build().unwrap().resource("me")
    }

    fn value(&self, user: &str) -> Value {
        self.of.lock().unwrap()[user].1.clone()
    }

    fn handle(&self, request: &Request) -> Response {
        let header = |name: &str| request.headers.get(name).and_then(|it| it.to_str().ok());
        let user = header("authorization").unwrap().to_owned();
        let conditional = header("if-none-match").is_some();
        self.seen
            .lock()
            .unwrap()
            .push((request.method.clone(), user.clone(), conditional));
        let mut of = self.of.lock().unwrap();
        let (version, document) = of.get_mut(&user).unwrap();
        let tag = format!("\"{version}\"");
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("etag", tag.parse().unwrap());
        if request.method == Method::GET {
            if header("if-none-match") == Some(&tag) {
                return Response::new(StatusCode::NOT_MODIFIED, headers, "");
            }
            return Response::new(StatusCode::OK, headers, document.to_string());
        }
        if header("if-match") != Some(&tag) {
            headers.remove("etag");
            return Response::new(StatusCode::PRECONDITION_FAILED, headers, "");
        }
        *version += 1;
        headers.insert("etag", format!("\"{version}\"").parse().unwrap());
        *document = serde_json::from_slice(&request.body).unwrap_or_default();
        Response::new(StatusCode::NO_CONTENT, headers, "")
    }
}

#[async_trait]
impl Transport for Me {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let trouble = self.trouble.lock().unwrap().take();
        let Some(trouble) = trouble else {
            return Ok(self.handle(&request));
        };
        let mut headers = HeaderMap::new();
        let status = match trouble {
            Trouble::Later => {
                headers.insert("retry-after", HeaderValue::from_static("5"));
                StatusCode::SERVICE_UNAVAILABLE
            }
            Trouble::Renew => return Ok(Response::new(StatusCode::UNAUTHORIZED, headers, "")),
            Trouble::Moved => {
                headers.insert("location", HeaderValue::from_static("/me"));
                StatusCode::TEMPORARY_REDIRECT
            }
            Trouble::CutReply => {
                self.handle(&request);
                self.login.switch("two");
                return Err(TransportError::new(
                    ifmatch::transport::Fate::Unknown,
                    "the connection was cut",
                ));
            }
            Trouble::Stale => StatusCode::PRECONDITION_FAILED,
        };
        self.login.switch("two");
        Ok(Response::new(status, headers, ""))
    }
}

const TROUBLES: [Trouble; 5] = [
    Trouble::Later,
    Trouble::Renew,
    Trouble::Moved,
    Trouble::CutReply,
    Trouble::Stale,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Get,
    Refresh,
    Update,
    Save,
    Delete,
}

async fn carry_out(me: &Resource<Value>, operation: Operation) -> Result<(), Error> {
    match operation {
        Operation::Get => drop(me.get().await?),
        Operation::Refresh => drop(me.refresh().await?),
        Operation::Update => drop(me.update(|it| it["n"] = 7.into()).await?),
        Operation::Save => {
            let mut read = me.get().await?;
            read["n"] = 7.into();
            drop(me.save(read).await?);
        }
        Operation::Delete => {
            me.delete().await?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_user_who_comes_in_during_a_call_is_shown_and_leaves_nothing_of_another() {
    for named in [true, false] {
        for trouble in TROUBLES {
            for operation in [
                Operation::Get,
                Operation::Refresh,
                Operation::Update,
                Operation::Save,
                Operation::Delete,
            ] {
                for warm in [false, true] {
                    let login = Login {
                        next: Some("two"),
                        ..Login::of(named)
                    };
                    let server = Me::new(&login);
                    let me = server.resource();
                    if warm {
                        me.get().await.unwrap();
                    }
                    if operation == Operation::Save {
                        // Its own read is not the one that is troubled.
                        let mut read = me.get().await.unwrap();
                        read["n"] = 7.into();
                        *server.trouble.lock().unwrap() = Some(trouble);
                        let _ = me.save(read).await;
                    } else {
                        *server.trouble.lock().unwrap() = Some(trouble);
                        let _ = carry_out(&me, operation).await;
                    }
                    let told = format!("{operation:?}, {trouble:?}, named: {named}, warm: {warm}");
                    // Without names, other credentials may be renewed ones, and a write goes on.
                    if named {
                        assert_eq!(
                            server.value("two"),
                            json!({"secret of": "two", "n": 0}),
                            "{told}"
                        );
                    }
                    for user in ["one", "two", "one"] {
                        login.switch(user);
                        let mine = server.value(user);
                        assert_eq!(*me.get().await.unwrap(), mine, "{told}: {user}");
                        assert_eq!(*me.refresh().await.unwrap().value, mine, "{told}: {user}");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_begun_for_a_named_user_ends_when_another_one_comes_in() {
    for (trouble, kind) in [
        (Trouble::Moved, ErrorKind::Config),
        (Trouble::Stale, ErrorKind::Config),
        // The server may have carried it out.
        (Trouble::Later, ErrorKind::OutcomeUnknown),
        (Trouble::CutReply, ErrorKind::OutcomeUnknown),
    ] {
        let login = Login::of(true);
        let server = Me::new(&login);
        let me = server.resource();
        me.get().await.unwrap();
        *server.trouble.lock().unwrap() = Some(trouble);
        let error = me.update(|it| it["n"] = 7.into()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{trouble:?}: {error}");
        let why = &error.report().why;
        let is_told = kind != ErrorKind::Config || error.to_string().contains("user changed");
        assert!(is_told, "{trouble:?}: {error}; {why}");
        let of_another = |seen: &(Method, String, bool)| seen.1 == "two";
        assert!(
            !server.seen.lock().unwrap().iter().any(of_another),
            "{trouble:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn edits_of_two_users_never_go_out_together() {
    let login = Login::of(true);
    let server = Me::new(&login);
    let me = server.resource();
    let mut calls = Vec::new();
    for user in ["one", "two", "one", "two", "one", "two"] {
        login.switch(user);
        let mut call = Box::pin(me.update(move |it| it[user] = true.into()).into_future());
        // It begins as this user's; the first one of each is still under way when the last ones come.
        let begun = tokio::time::timeout(Duration::ZERO, &mut call).await;
        assert!(begun.is_err());
        calls.push((user, call));
    }
    let mut made = 0;
    for (user, call) in calls {
        login.switch(user);
        made += u32::from(call.await.is_ok());
    }
    assert!(made > 0);
    for (user, other) in [("one", "two"), ("two", "one")] {
        let value = server.value(user);
        assert!(value.get(other).is_none(), "{value}");
    }
}

/// A user who changes between the name and the credentials, so that no request is surely anybody's.
struct Flickering(Mutex<u32>);

#[async_trait]
impl Authenticator for Flickering {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert("authorization", HeaderValue::from_static("one"));
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        Some(format!("user {asked}"))
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_filed_for_a_user_who_cannot_be_told() {
    let server = Me::new(&Login::of(false));
    let client = Client::builder("http://h/")
        .transport(server.clone())
        .auth(Flickering(Mutex::new(0)));
    let me = client.build().unwrap().resource::<Value>("me");
    for _ in 0..3 {
        me.get().await.unwrap();
    }
    assert!(
        server
            .seen
            .lock()
            .unwrap()
            .iter()
            .all(|(_, _, conditional)| !conditional)
    );
}
