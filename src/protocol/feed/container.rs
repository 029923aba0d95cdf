//! A container in Turtle (Linked Data Platform 1.0), which names its resources.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use url::Url;

use super::reader::{LONGEST_ID, id_of};
use crate::protocol::turtle::{Object, Triple, Turtle, TurtleError};

const CONTAINS: &str = "http://www.w3.org/ns/ldp#contains";
/// What says when a resource was changed last.
const TIMES: [&str; 2] = [
    "http://purl.org/dc/terms/modified",
    "http://www.w3.org/ns/posix/stat#mtime",
];

/// A resource that a container names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// A digest of what the container says about it, if that changes with the resource.
    pub(crate) digest: Option<u64>,
}

/// What is said about one address.
#[derive(Default)]
struct Said {
    is_member: bool,
    has_time: bool,
    /// The sum of the digests of all triples, which have no order.
    digest: u64,
}

/// Reads the container at this address. Containers in it are left out.
pub(crate) fn members_of(container: &Url, body: &[u8]) -> Result<Vec<Member>, TurtleError> {
    let mut turtle = Turtle::at(container.clone()).max_statement(body.len());
    let mut of: BTreeMap<String, Said> = BTreeMap::new();
    let mut take = |triple: Triple<'_>| {
        if let Object::Name(name) = triple.object
            && triple.predicate == CONTAINS
            && is_same(triple.subject, container)
        {
            if let Some(id) = member(container, name) {
                of.entry(id).or_default().is_member = true;
            }
            return;
        }
        let Some(id) = member(container, triple.subject) else {
            return;
        };
        let said = of.entry(id).or_default();
        said.has_time |= TIMES.contains(&triple.predicate);
        said.digest = said.digest.wrapping_add(digest(triple));
    };
    // A line break ends a number before the last dot.
    for mut rest in [body, b"\n"] {
        while turtle.decode(&mut rest, &mut take)? {}
    }
    if !turtle.is_whole() {
        return Err(TurtleError::Invalid("its end is missing"));
    }
    let members = of.into_iter().filter(|(_, said)| said.is_member);
    let members = members.map(|(id, said)| Member {
        id,
        digest: said.has_time.then_some(said.digest),
    });
    Ok(members.collect())
}

/// Returns the id of a resource directly in a container.
fn member(container: &Url, address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let inside = url.path().strip_prefix(container.path())?;
    let is_direct =
        url.origin() == container.origin() && !inside.is_empty() && !inside.contains('/');
    let id = id_of(url.path().to_owned()).filter(|_| is_direct)?;
    (id.len() <= LONGEST_ID).then_some(id)
}

fn is_same(address: &str, container: &Url) -> bool {
    let is_container =
        |url: Url| url.origin() == container.origin() && url.path() == container.path();
    Url::parse(address).is_ok_and(is_container)
}

/// It lives in memory only, so it needs no stable algorithm.
fn digest(triple: Triple<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    triple.predicate.hash(&mut hasher);
    match triple.object {
        Object::Name(value) | Object::Text(value) => value.hash(&mut hasher),
        Object::Nested => {}
    }
    hasher.finish()
}
