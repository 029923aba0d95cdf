//! A unique name, and three reactions if it is taken: choosing another name, joining the existing project, and
//! recognising your own creation.
//!
//! Run it with `cargo run --example unique_name`.

use ifmatch::testing::{LossyProxy, ResourceServer};
use ifmatch::{Answer, BoxError, Client, Merge, Refusal, RefusalHandler, RefusalKind, async_trait};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Project {
    title: String,
    #[merge(set)]
    members: Vec<String>,
}

fn project(title: &str, member: &str) -> Project {
    Project {
        title: title.to_owned(),
        members: vec![member.to_owned()],
    }
}

/// Tries `rocket-2`, then `rocket-3`, and so on, if `rocket` is taken.
struct NextFreeName;

#[async_trait]
impl RefusalHandler<Project> for NextFreeName {
    async fn refused(&self, refusal: &Refusal<Project>) -> Result<Answer<Project>, BoxError> {
        if refusal.kind != RefusalKind::AlreadyExists {
            return Ok(Answer::GiveUp);
        }
        let name = format!("rocket-{}", refusal.attempt + 1);
        let taken = refusal.id.as_deref().unwrap_or_default();
        println!("   {taken} is taken, trying {name}");
        Ok(Answer::Rename(name))
    }
}

/// Joins the existing project, so that the members of both work on it.
struct Join;

#[async_trait]
impl RefusalHandler<Project> for Join {
    async fn refused(&self, refusal: &Refusal<Project>) -> Result<Answer<Project>, BoxError> {
        Ok(match refusal.kind {
            RefusalKind::AlreadyExists => Answer::Adopt,
            _ => Answer::GiveUp,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    for (path, member) in [("/projects/rocket", "Anna"), ("/projects/rocket-2", "Bela")] {
        server.put(path, &serde_json::to_string(&project("Rocket", member))?);
    }
    let proxy = LossyProxy::in_front_of(&server.uri()).await?;
    let projects = Client::new(proxy.uri())?.collection::<Project>("projects");

    println!("1. Without a handler, the caller gets an error with the existing project.");
    let mine = project("Rocket", "Chris");
    let error = projects.create("rocket", &mine).await.err();
    let error = error.ok_or("the name is taken")?;
    println!("   {error}");
    assert!(error.is_already_exists());
    let theirs = error.into_sides::<Project>()?.remote;
    println!(
        "   theirs: {:?}",
        theirs.map(ifmatch::Versioned::into_inner)
    );

    println!("2. Another name, under the same precondition that it must be free.");
    let numbered = projects.clone().on_refusal(NextFreeName);
    let made = numbered.create("rocket", &mine).await?;
    let name = made.snapshot().id().unwrap_or_default().to_owned();
    println!("   created as {name}, {} requests", made.report().requests);
    assert_eq!(name, "rocket-3");

    println!("3. Joining. The existing project is merged with the new one, and no member is lost.");
    let joined = projects
        .clone()
        .on_refusal(Join)
        .create("rocket", &mine)
        .await?;
    println!("   members: {}", joined.members.join(", "));
    for member in ["Anna", "Chris"] {
        assert!(joined.members.iter().any(|joined| joined == member));
    }

    println!(
        "4. The response to a creation is lost. The client finds out that it took the name itself."
    );
    let mine = project("Balloon", "Dora");
    proxy.lose_next_reply();
    let made = projects.create("balloon", &mine).await?;
    println!("   settled: {}", made.report().settled);
    assert!(made.report().settled);
    Ok(())
}
