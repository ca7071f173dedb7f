//! Who may what on this node: each request against the table of the contract, and each path against the folders that a key may name.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use aios_control::access::{Concern, Rights, Scope};
use aios_control::{
    CallTool, Caller, ControlError, ErrorKind, EventStream, Events, Fork, Request, Submit, Told,
};
use aios_protocols::SigningIdentity;
use aios_work::content::hex;
use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::names;
use crate::node::Node;

/// What is signed for the name of a goal that came with a key.
const NAMING: &str = "application/vnd.aios.goal-of-key";
/// Characters of a goal's name.
const NAME_MAX: usize = Submit::ID_MAX;

/// The request as it is meant: names that somebody of another tenant gives its goals are that tenant's alone, so whatever name it takes says
/// nothing of anybody else's.
///
/// # Errors
/// When the node's own tenant takes a name that may be a guest's.
pub(crate) fn meant(
    own: &str,
    caller: &Caller,
    mut request: Request,
) -> Result<Request, ControlError> {
    let tenant = caller.principal.tenant();
    if tenant == own {
        let taken = fresh(&mut request).cloned();
        let taken = taken.filter(|name| names::guest(name).is_some());
        return match taken {
            None => Ok(request),
            Some(name) => Err(ControlError::invalid(format!(
                "a goal cannot be called {name:?}: two dots in a row stand behind the name of another tenant"
            ))
            .advise("choose another id")),
        };
    }
    for name in goals(&mut request) {
        let Some(named) = names::of_guest(tenant, name) else {
            let most =
                NAME_MAX.saturating_sub(names::of_guest(tenant, "").map_or(0, |it| it.len()));
            let shown: String = name.chars().take(NAME_MAX).collect();
            return Err(ControlError::invalid(format!(
                "the goal's name {shown:?} has {} characters, {most} are allowed to tenant {tenant}",
                name.len()
            ))
            .advise("choose a shorter id, or none for a fresh one"));
        };
        *name = named;
    }
    Ok(request)
}

/// The name of a goal that was handed in with an idempotency key: of what the owner's key signs, so that nobody who does not have it computes
/// the name, to take it before the goal does or to find out whether it is there. The signature is told to nobody.
pub(crate) fn goal_of_key(owner: &SigningIdentity, key: &[u8; 32]) -> String {
    let signature = owner.sign(NAMING, key);
    format!("k-{}", hex(&Sha256::digest(signature.to_bytes())[..16]))
}

/// A name that a request gives to a goal that may not be there yet.
fn fresh(request: &mut Request) -> Option<&mut String> {
    match request {
        Request::Submit(Submit { goal_id, .. }) => goal_id.as_mut(),
        Request::Fork(Fork { new_id, .. }) | Request::Import { new_id, .. } => new_id.as_mut(),
        _ => None,
    }
}

/// The names of all goals that a request is about.
fn goals(request: &mut Request) -> Vec<&mut String> {
    match request {
        Request::Submit(_) | Request::Import { .. } => fresh(request).into_iter().collect(),
        Request::Fork(Fork {
            goal_id, new_id, ..
        }) => [Some(goal_id), new_id.as_mut()]
            .into_iter()
            .flatten()
            .collect(),
        Request::Diff { goal_id, with } => vec![goal_id, with],
        Request::Cancel { goal_id }
        | Request::Pause { goal_id }
        | Request::Resume { goal_id }
        | Request::Retry { goal_id, .. }
        | Request::Undo { goal_id }
        | Request::Replay { goal_id }
        | Request::Goal { goal_id }
        | Request::Explain { goal_id }
        | Request::GoalPlan { goal_id }
        | Request::Export { goal_id }
        | Request::History(Events { goal_id, .. })
        | Request::Events(Events { goal_id, .. }) => vec![goal_id],
        // Plans have no name, and what else there is is not about one goal, or not for guests.
        _ => Vec::new(),
    }
}

impl Node {
    /// Whether the caller may ask this. Without a key the owner may all and nobody else anything; with one its scope counts, in whosever name
    /// it speaks.
    pub(crate) fn admit(&self, caller: &Caller, request: &Request) -> Result<(), ControlError> {
        let owner = &self.parts.owner_name;
        let principal = &caller.principal;
        let forbidden = |why: String, advice: &str| {
            Err(ControlError::new(ErrorKind::Forbidden, why).advise(advice))
        };
        let Some(rights) = &caller.rights else {
            if principal == owner {
                return Ok(());
            }
            let why = format!("{principal} may not; {owner} may");
            return Err(ControlError::new(ErrorKind::Forbidden, why));
        };
        let (needed, concern) = request.needs();
        if rights.scope < needed {
            let why = format!("{principal} may {}, and this takes {needed}", rights.scope);
            return forbidden(
                why,
                "ask with a key of that scope; `aios key issue` makes one",
            );
        }
        let own = principal.tenant() == owner.tenant();
        if concern == Concern::Node && !own {
            let why = format!(
                "this is about the node, which is {}'s, and {principal} is of another tenant",
                owner.tenant()
            );
            return forbidden(
                why,
                "ask for goals of your own; the node is steered by its own tenant",
            );
        }
        Ok(())
    }

    /// The rights of somebody who may not name any path there is.
    pub(crate) fn confined<'c>(&self, caller: &'c Caller) -> Option<&'c Rights> {
        let rights = caller.rights.as_deref()?;
        let own = caller.principal.tenant() == self.parts.owner_name.tenant();
        (!own || rights.scope != Scope::Admin).then_some(rights)
    }

    /// The request with its paths resolved, where the caller may not name any path there is. A path is looked at where it leads to, so that a
    /// link out of a folder leads nowhere.
    pub(crate) async fn within(
        &self,
        caller: &Caller,
        mut request: Request,
    ) -> Result<Request, ControlError> {
        let Some(rights) = self.confined(caller) else {
            return Ok(request);
        };
        let mut paths: Vec<&mut String> = match &mut request {
            Request::Submit(Submit { data, out, .. }) | Request::Plan(Submit { data, out, .. }) => {
                data.iter_mut().chain([out]).collect()
            }
            Request::CallTool(CallTool { data, out, .. }) => data.iter_mut().chain(out).collect(),
            // It goes on with the files of the other goal, which somebody may have handed in who may name more; what is done with them is
            // what the fork's plan says.
            Request::Fork(fork) => {
                let tenant = caller.principal.tenant();
                let asked = self.parts.goals.asked_of(tenant, &fork.goal_id)?;
                let paths = asked.data.into_iter().chain([asked.out]).collect();
                resolved_aside(rights, paths).await?;
                return Ok(request);
            }
            _ => return Ok(request),
        };
        let asked: Vec<String> = paths.iter().map(|path| (**path).clone()).collect();
        let found = resolved_aside(rights, asked).await?;
        for (path, found) in paths.iter_mut().zip(found) {
            **path = found;
        }
        Ok(request)
    }
}

impl Node {
    /// What happens on the node, without what concerns goals of other tenants than this.
    pub(crate) fn of_tenant(
        &self,
        events: impl EventStream + 'static,
        tenant: &str,
    ) -> Box<dyn EventStream> {
        Box::new(OfTenant {
            events,
            node: self.clone(),
            tenant: tenant.to_owned(),
        })
    }
}

struct OfTenant<S> {
    events: S,
    node: Node,
    tenant: String,
}

#[async_trait]
impl<S: EventStream> EventStream for OfTenant<S> {
    async fn next(&mut self) -> Option<Told> {
        loop {
            let event = self.events.next().await?;
            let goal = event.body["goal_id"].as_str();
            let goals = &self.node.parts.goals;
            if goal.is_none_or(|goal| goals.concerns(&self.tenant, goal)) {
                return Some(event);
            }
        }
    }
}

/// The same off the async threads, because the disk may take its time.
async fn resolved_aside(rights: &Rights, asked: Vec<String>) -> Result<Vec<String>, ControlError> {
    let rights = rights.clone();
    let found = tokio::task::spawn_blocking(move || resolved(&rights, &asked)).await;
    found.map_err(|_| ControlError::new(ErrorKind::Unavailable, "the node is stopping"))?
}

/// Where the paths lead to, all of them inside folders that may be named.
fn resolved(rights: &Rights, asked: &[String]) -> Result<Vec<String>, ControlError> {
    let folders: Vec<PathBuf> = rights
        .folders
        .iter()
        .filter_map(|folder| leads_to(Path::new(folder)))
        .collect();
    let inside = |path: &String| {
        let found = leads_to(Path::new(path))?;
        let granted = folders.iter().any(|folder| found.starts_with(folder));
        // What is not Unicode does not travel.
        granted.then(|| found.to_str().map(str::to_owned))?
    };
    let found = asked.iter().map(|path| {
        inside(path).ok_or_else(|| {
            // Whether there is a file is said to nobody who may not read it.
            let why = format!("the path {path:?} is in none of the folders that this key may name");
            ControlError::new(ErrorKind::Forbidden, why)
                .advise("name a file below one of them; `aios key issue --folder` grants one")
        })
    });
    found.collect()
}

/// Where a path leads to, of which the end may not be there yet.
pub(crate) fn leads_to(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let mut at = path;
    let mut missing = Vec::new();
    loop {
        match fs::canonicalize(at) {
            Ok(mut found) => {
                found.extend(missing.into_iter().rev());
                return Some(found);
            }
            // A link that leads to nothing is there.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(at).is_err() =>
            {
                missing.push(at.file_name()?);
                at = at.parent()?;
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(goal_id: &str) -> Request {
        Request::Goal {
            goal_id: goal_id.to_owned(),
        }
    }

    #[test]
    fn a_guests_goals_have_names_of_its_tenants_alone() {
        use aios_control::Place;
        let caller = |principal: &str| Caller::named(principal.parse().unwrap(), Place::Elsewhere);
        let (own, guest) = (caller("user:owner@local"), caller("user:eve@acme"));
        let key = format!("k-{}", "0".repeat(32));
        let long = caller(&format!("user:eve@{}", "t".repeat(64)));
        let of_long = names::of(&"t".repeat(64)).into_owned();
        for (caller, asked, is) in [
            (&own, "q3", Some("q3".to_owned())),
            (&own, "acme..q3", Some("acme..q3".to_owned())),
            (&guest, "q3", Some("acme..q3".to_owned())),
            (&guest, "acme..q3", Some("acme..q3".to_owned())),
            (&guest, "globex..q3", Some("acme..globex..q3".to_owned())),
            (&own, &key, Some(key.clone())),
            (&guest, &key, Some(format!("acme..{key}"))),
            (&long, &key, Some(format!("{of_long}..{key}"))),
            (&long, "q3", Some(format!("{of_long}..q3"))),
            (&long, &"x".repeat(35), None),
        ] {
            let named = meant("local", caller, goal(asked));
            assert_eq!(named.ok(), is.as_deref().map(goal), "{asked}");
        }
        // No name of the node's own tenant can be a guest's.
        let fork = |new_id: &str| {
            Request::Fork(Fork {
                goal_id: "q3".to_owned(),
                at: "a".to_owned(),
                plan: None,
                new_id: Some(new_id.to_owned()),
            })
        };
        assert!(meant("local", &own, fork("acme..q4")).is_err());
        let Ok(Request::Fork(named)) = meant("local", &guest, fork("q4")) else {
            panic!("it may");
        };
        assert_eq!(
            (named.goal_id.as_str(), named.new_id.as_deref()),
            ("acme..q3", Some("acme..q4"))
        );
    }

    /// Whoever knows the principal and guesses the key still does not know the name, which is the same in each process of a node.
    #[test]
    fn the_name_of_a_goal_that_came_with_a_key_takes_the_owners_secret_to_compute() {
        use aios_protocols::PrincipalId;
        let owner = |seed: u8| {
            let owner: PrincipalId = "user:owner@local".parse().unwrap();
            SigningIdentity::from_seed(owner, [seed; 32])
        };
        let key: [u8; 32] = Sha256::digest(b"user:owner@local\0order-1").into();
        let name = goal_of_key(&owner(1), &key);
        assert!(name.len() == 34 && name.starts_with("k-"), "{name}");
        assert_eq!(name, goal_of_key(&owner(1), &key), "asked again");
        assert_ne!(name, goal_of_key(&owner(2), &key), "of another node");
        assert_ne!(name, goal_of_key(&owner(1), &[0; 32]), "of another key");
        // What can be computed without the secret is another name.
        let public = owner(1).public_key().to_bytes();
        let open: [&[u8]; 3] = [&key, &Sha256::digest(key), &[public, key].concat()];
        for known in open {
            for known in [hex(&known[..16]), hex(&Sha256::digest(known)[..16])] {
                assert_ne!(name, format!("k-{known}"));
            }
        }
    }

    #[test]
    fn a_path_is_named_where_it_leads_and_inside_a_folder_of_the_key() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let (own, other) = (root.join("own"), root.join("other"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(own.join("a.csv"), "a").unwrap();
        fs::write(other.join("b.csv"), "b").unwrap();
        fs::write(root.join("own-not"), "c").unwrap();
        std::os::unix::fs::symlink(other.join("b.csv"), own.join("link")).unwrap();
        std::os::unix::fs::symlink(other.join("none"), own.join("dangling")).unwrap();
        std::os::unix::fs::symlink(&own, root.join("way")).unwrap();
        let rights = Rights {
            scope: Scope::Operate,
            folders: vec![own.to_str().unwrap().to_owned(), "/nowhere/x".to_owned()],
            key: None,
        };
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        for (path, leads) in [
            (own.join("a.csv"), Some(own.join("a.csv"))),
            (root.join("way/a.csv"), Some(own.join("a.csv"))),
            (own.join("out/new"), Some(own.join("out/new"))),
            (own.clone(), Some(own.clone())),
            (other.join("b.csv"), None),
            (own.join("link"), None),
            (own.join("dangling"), None),
            (own.join("dangling/x"), None),
            (own.join("../other/b.csv"), None),
            (own.join("out/../../other"), None),
            (root.join("own-not"), None),
            (PathBuf::from("a.csv"), None),
            (PathBuf::from("/etc/passwd"), None),
            (PathBuf::from(""), None),
        ] {
            let found = resolved(&rights, &[text(path.clone())]);
            let expected = leads.map(|leads| vec![text(leads)]);
            assert_eq!(found.ok(), expected, "{}", path.display());
        }
    }
}
