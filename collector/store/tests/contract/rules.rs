//! The redaction rules of projects, and how collectors learn of changes.

use treering_store::{ApiKey, Error, Keep, Role, Scopes};

use crate::support::Store;

const ONE: &str = "[[pattern]]\nname = 'TICKET'\nregex = 'ACME-[0-9]{4}'\n";
const TWO: &str = "builtin = false\n[[word]]\nname = 'SHIP'\nwords = ['Beagle']\n[[word]]\nname = 'NAME'\nwords = ['Ада']\n";

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_project_has_rules_of_its_own_until_they_are_taken_away() {
    let store = Store::new().await;
    let (keeper, keys) = (&store.handles.keeper, &store.handles.keys);
    let other = keeper.ensure_project("other").await.unwrap().id;
    let project = store.project.id;
    assert_eq!(keeper.rules(project).await.unwrap(), None);
    assert!(!keeper.set_rules(project, None).await.unwrap());
    assert!(keeper.set_rules(project, text(ONE)).await.unwrap());
    assert!(!keeper.set_rules(project, text(ONE)).await.unwrap());
    assert!(keeper.set_rules(other, text(TWO)).await.unwrap());
    let both = [(project, ONE.to_owned()), (other, TWO.to_owned())];
    assert_eq!(keys.admission().await.unwrap().rules, both);
    assert_eq!(keeper.rules(other).await.unwrap().as_deref(), Some(TWO));
    assert!(keeper.set_rules(project, text(TWO)).await.unwrap());
    assert_eq!(keeper.rules(project).await.unwrap().as_deref(), Some(TWO));
    assert!(keeper.set_rules(project, None).await.unwrap());
    assert_eq!(keys.admission().await.unwrap().rules, both[1..]);
}

#[tokio::test]
async fn rules_with_a_fault_are_refused_with_its_line() {
    let store = Store::new().await;
    let keeper = &store.handles.keeper;
    let refused =
        keeper.set_rules(store.project.id, text(&format!("{ONE}\n[[pattern]]\nname = 'low'\n"))).await;
    let Err(error @ Error::Rules(_)) = refused else { panic!("{refused:?}") };
    let cause = std::error::Error::source(&error).unwrap();
    let whole = format!("{cause}: {}", cause.source().map(ToString::to_string).unwrap_or_default());
    assert!(whole.contains("line 5"), "{whole}");
    let long = "#".repeat((1 << 20) + 1);
    let refused = keeper.set_rules(store.project.id, text(&long)).await;
    assert!(matches!(refused, Err(Error::RulesTooLong { .. })));
    assert_eq!(keeper.rules(store.project.id).await.unwrap(), None);
    assert!(keeper.set_rules(treering_store::ProjectId::from_i64(99), text(ONE)).await.is_err());
}

#[tokio::test]
async fn the_audit_log_says_which_rules_and_not_what_they_are() {
    let store = Store::new().await;
    let keeper = store.handles.keeper.acting_as("cli:ada");
    keeper.set_rules(store.project.id, text(TWO)).await.unwrap();
    keeper.set_rules(store.project.id, None).await.unwrap();
    keeper.set_rules(store.project.id, None).await.unwrap();
    let rows = store.handles.audit.page(None, 2).await.unwrap();
    let told = rows.iter().map(|row| (row.actor.as_str(), row.action.as_str(), row.subject.as_deref()));
    assert!(told.eq([("cli:ada", "rules.change", Some("default")); 2]));
    let details: Vec<_> = rows.iter().map(|row| row.detail.as_deref().unwrap()).collect();
    assert_eq!(details[0], "no rules of its own");
    assert!(details[1].starts_with("rules 2, blake3 ") && !details[1].contains("Beagle"), "{}", details[1]);
    assert!(store.handles.audit.verify(vec![]).await.unwrap().broken.is_none());
}

#[tokio::test]
async fn a_number_grows_with_each_change_and_with_nothing_else() {
    let store = Store::new().await;
    let (keeper, keys, project) = (&store.handles.keeper, &store.handles.keys, store.project.id);
    let mut before = keys.change().await.unwrap();
    assert_eq!(keys.admission().await.unwrap().change, before);
    let mut grew = async || {
        let now = keys.change().await.unwrap();
        std::mem::replace(&mut before, now) < now
    };
    assert!(!grew().await);
    let key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: true, read: false };
    let id = keeper.create_key(store.project.clone(), &key, scopes).await.unwrap().id;
    assert!(grew().await);
    assert_eq!(keys.admission().await.unwrap().keys.len(), 1);
    keeper.revoke_key(id).await.unwrap();
    assert!(grew().await);
    keeper.revoke_key(id).await.unwrap();
    assert!(!grew().await);
    keeper.set_rules(project, text(ONE)).await.unwrap();
    assert!(grew().await);
    keeper.set_rules(project, text("no rules")).await.unwrap_err();
    assert!(!grew().await);
    keeper.put_member(project, "ada", Role::Reader).await.unwrap();
    assert!(grew().await);
    keeper.set_retention(project, Some(Keep::Days(3)), None).await.unwrap();
    assert!(grew().await);
    keeper.ensure_project("default").await.unwrap();
    assert!(!grew().await);
}
