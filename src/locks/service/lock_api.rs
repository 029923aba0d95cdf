//! Leases on the resources of an API that locks them, by its description.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::shown;
use crate::address;
use crate::client::Collection;
use crate::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
use crate::locks::Leases;
use crate::locks::lock_api::{LockApi, LockPlace, LockRequest, LockValue, rfc3339};
use crate::operations::PlainResponse;
use crate::value::{Error, ErrorKind};

/// The time limit of a request that belongs to no lease.
const LOOK: Duration = Duration::from_secs(10);
/// The time limit of a request for a lock that lasts longer.
const LONGEST: Duration = Duration::from_secs(30);

impl Leases {
    /// Uses the locks of the API itself, as described.
    ///
    /// Name the collection with [`on`](Self::on), and acquire a lease by the id of a resource. The server checks each write
    /// under the lease, if the description says how a write shows it. If a lock API has no fencing tokens, do not use
    /// [`fenced`](crate::Collection::fenced).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::transport::{Request, Response, Transport, TransportError};
    /// use ifmatch::{Client, HeaderMap, Leases, LockApi, StatusCode, async_trait};
    /// use serde_json::Value;
    ///
    /// /// A server that grants every lock.
    /// struct Server;
    ///
    /// #[async_trait]
    /// impl Transport for Server {
    ///     async fn send(&self, request: Request) -> Result<Response, TransportError> {
    ///         assert_eq!(request.headers["x-wopi-override"].to_str().is_ok(), true);
    ///         Ok(Response::new(StatusCode::OK, HeaderMap::new(), ""))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let client = Client::builder("https://host.example.com/wopi").transport(Server).build()?;
    /// let leases = Leases::resource(LockApi::wopi()).on(&client.collection::<Value>("files"));
    /// let held = leases.acquire("7").await?;
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn resource(api: LockApi) -> Self {
        Self::made_for(move |resources| {
            let api = api.clone();
            std::sync::Arc::new(Locked { api, resources })
        })
    }
}

struct Locked {
    api: LockApi,
    resources: Collection<Value>,
}

/// What the values of a request stand for.
struct Values<'a> {
    name: &'a str,
    id: &'a str,
    owner: Option<&'a str>,
    ttl: Duration,
}

impl<'a> Values<'a> {
    fn wanted(want: &'a LeaseRequest, id: &'a str) -> Self {
        Self {
            name: &want.name,
            id,
            owner: want.owner.as_deref(),
            ttl: want.ttl,
        }
    }

    fn of(lease: &'a Granted) -> Self {
        Self {
            name: &lease.name,
            id: &lease.id,
            owner: None,
            ttl: lease.ttl,
        }
    }

    fn json(&self, value: &LockValue) -> Value {
        match value {
            LockValue::Seconds => self.seconds().into(),
            LockValue::Millis => self.millis().into(),
            text => self.text(text).into(),
        }
    }

    fn text(&self, value: &LockValue) -> String {
        match value {
            LockValue::Text(text) => text.clone(),
            LockValue::Id => self.id.to_owned(),
            LockValue::Owner => {
                let unnamed = || self.id.split('-').next().unwrap_or_default();
                self.owner.unwrap_or_else(unnamed).to_owned()
            }
            LockValue::Name => self.name.to_owned(),
            LockValue::Seconds => self.seconds().to_string(),
            LockValue::Millis => self.millis().to_string(),
            LockValue::Now => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                rfc3339(now.unwrap_or_default())
            }
        }
    }

    fn seconds(&self) -> u64 {
        self.ttl.as_secs() + u64::from(self.ttl.subsec_nanos() > 0)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Locked {
    fn url(&self, name: &str) -> Result<Url, Error> {
        let url = self.resources.url_of(name);
        url.ok_or_else(|| Error::config(format!("`{name}` is no id of a resource")))
    }

    async fn send(
        &self,
        request: &LockRequest,
        values: Values<'_>,
    ) -> Result<PlainResponse, Error> {
        let url = self.url(values.name)?;
        let url = address::below(&url, &request.segments, false)?;
        let mut call = self.resources.plain(request.method.clone(), &url);
        call = call.timeout(values.ttl.min(LONGEST));
        for (name, value) in &request.query {
            call = call.query(name, values.text(value));
        }
        for (name, value) in &request.headers {
            let value = header(&values.text(value))?;
            call = call.header(name.clone(), value);
        }
        if !request.members.is_empty() {
            let members = request.members.iter();
            let body: Map<_, _> = members
                .map(|(name, value)| (name.clone(), values.json(value)))
                .collect();
            let json = HeaderValue::from_static("application/json");
            call = call.body(json, Value::Object(body).to_string());
        }
        call.await
    }

    /// Returns who holds the lock, as a refusal says.
    fn holder(&self, refusal: &PlainResponse) -> Option<String> {
        let holder = match &self.api.holder {
            Some(place) => text_at(place, refusal),
            None => refusal.problem().lock_owner().map(str::to_owned),
        };
        holder.as_deref().map(shown)
    }

    /// Returns the id of the lock that is held, as a refusal says.
    fn held_id(&self, refusal: &PlainResponse) -> Option<String> {
        text_at(self.api.id.as_ref()?, refusal)
    }

    fn granted(
        &self,
        name: &str,
        id: &str,
        ttl: Duration,
        response: &PlainResponse,
        token: u64,
    ) -> Granted {
        let at = |place: &Option<LockPlace>| number_at(place.as_ref()?, response);
        let seconds = at(&self.api.granted_seconds).map(Duration::from_secs);
        let ttl = seconds.or(self.api.lasts).unwrap_or(ttl);
        let token = at(&self.api.token).unwrap_or(token);
        Granted::new(name, id, token, ttl)
    }

    /// Takes a lock that is ours by an earlier request, whose response was lost. Its time began then, so it is renewed.
    async fn already_ours(
        &self,
        want: &LeaseRequest,
        refusal: &PlainResponse,
    ) -> Result<Granted, NotGranted> {
        let own = self.granted(&want.name, &want.session, want.ttl, refusal, 0);
        if self.api.renew.is_none() && !self.api.has_no_end() {
            // The next attempt gets one whose time is known.
            self.release(&own).await?;
            return Err(NotGranted::held(None, Some(Duration::ZERO)));
        }
        match self.renew(&own, want).await {
            Err(NotGranted::Lost { by }) => Err(NotGranted::held(by, None)),
            renewed => renewed,
        }
    }

    async fn try_acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let values = Values::wanted(want, &want.session);
        let response = self.send(&self.api.acquire, values).await;
        let response = response.map_err(NotGranted::Failed)?;
        if self.api.held.contains(&response.status()) {
            if self.held_id(&response).as_ref() == Some(&want.session) {
                return self.already_ours(want, &response).await;
            }
            return Err(NotGranted::held(self.holder(&response), None));
        }
        let response = success(response)?;
        let id = match &self.api.granted_id {
            None => want.session.clone(),
            Some(place) => text_at(place, &response).ok_or_else(|| {
                let why = "the response that grants the lock does not have its id";
                NotGranted::Failed(Error::new(ErrorKind::Decode, why))
            })?,
        };
        Ok(self.granted(&want.name, &id, want.ttl, &response, 0))
    }
}

fn success(response: PlainResponse) -> Result<PlainResponse, NotGranted> {
    response.error_for_status().map_err(NotGranted::Failed)
}

/// Whether the request may have been carried out.
fn is_lost(error: &NotGranted) -> bool {
    matches!(error, NotGranted::Failed(error) if error.kind() == ErrorKind::OutcomeUnknown)
}

/// Makes the value of a header. It may be a secret.
fn header(text: &str) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(text).map_err(|error| {
        let why = "a value of the lock API is no header value";
        Error::config(why).with_source(error)
    });
    value.map(|mut value| {
        value.set_sensitive(true);
        value
    })
}

/// Returns the text at a place, if it is not empty.
fn text_at(place: &LockPlace, response: &PlainResponse) -> Option<String> {
    let text = match place {
        LockPlace::Header(name) => response.headers().get(name)?.to_str().ok()?.to_owned(),
        LockPlace::Member(pointer) => {
            let body: Value = response.json().ok()?;
            match body.pointer(pointer)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            }
        }
    };
    (!text.is_empty()).then_some(text)
}

fn number_at(place: &LockPlace, response: &PlainResponse) -> Option<u64> {
    text_at(place, response)?.trim().parse().ok()
}

#[async_trait]
impl LeaseService for Locked {
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        match self.try_acquire(want).await {
            Err(lost) if is_lost(&lost) && self.api.granted_id.is_none() => {
                // If it was carried out, the lock has our id.
                self.try_acquire(want).await
            }
            Err(NotGranted::Failed(error)) if error.kind() == ErrorKind::OutcomeUnknown => {
                Err(NotGranted::Unknown(error))
            }
            tried => tried,
        }
    }

    async fn renew(&self, lease: &Granted, want: &LeaseRequest) -> Result<Granted, NotGranted> {
        let Some(request) = &self.api.renew else {
            if self.api.has_no_end() {
                return Ok(lease.clone());
            }
            let why = "the description of the lock API has no request that renews a lock";
            return Err(NotGranted::Failed(Error::config(why)));
        };
        let response = self.send(request, Values::wanted(want, &lease.id)).await;
        let response = response.map_err(NotGranted::Failed)?;
        if self.api.lost.contains(&response.status()) {
            let by = self.holder(&response);
            return Err(NotGranted::Lost { by });
        }
        let response = success(response)?;
        Ok(self.granted(&lease.name, &lease.id, want.ttl, &response, lease.token))
    }

    async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
        let mut released = self.send(&self.api.release, Values::of(lease)).await;
        let first = released.as_ref().map_err(Error::kind).err();
        if let Some(ErrorKind::OutcomeUnknown | ErrorKind::Transport) = first {
            released = self.send(&self.api.release, Values::of(lease)).await;
        }
        let response = released.map_err(NotGranted::Failed)?;
        if !self.api.lost.contains(&response.status()) {
            return success(response).map(drop);
        }
        // The lock was within its time, so it was ended by the request whose response was lost.
        if first == Some(ErrorKind::OutcomeUnknown) {
            return Ok(());
        }
        let by = self.holder(&response);
        Err(NotGranted::Lost { by })
    }

    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
        let Some(request) = &self.api.look else {
            let why = "the description of the lock API has no request that asks who holds a lock";
            return Err(NotGranted::Failed(Error::config(why)));
        };
        let values = Values {
            name,
            id: "",
            owner: None,
            ttl: LOOK,
        };
        let response = self.send(request, values).await;
        let response = response.map_err(NotGranted::Failed)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = success(response)?;
        let token = self.api.token.as_ref();
        let token = token.and_then(|place| number_at(place, &response));
        let held = self.held_id(&response);
        Ok(held.map(|_| LeaseHolder::new(self.holder(&response), token)))
    }

    fn stamp(&self, lease: &Granted, headers: &mut HeaderMap) {
        if let Some(name) = &self.api.write_header
            && let Ok(value) = header(&lease.id)
        {
            headers.insert(name, value);
        }
    }

    fn stamp_url(&self, lease: &Granted, url: &mut Url) {
        if let Some(name) = &self.api.write_query {
            url.query_pairs_mut().append_pair(name, &lease.id);
        }
    }

    fn is_enforced(&self) -> bool {
        self.api.write_header.is_some() || self.api.write_query.is_some()
    }

    fn protects(&self, lease: &Granted) -> Option<Url> {
        let is_anywhere = self.api.writes_elsewhere;
        let url = self.url(&lease.name).ok();
        url.filter(|_| !is_anywhere)
    }
}
