//! Projects, people and what is written down of them.

use treering_store::{Error, Joined, Keep, Retention, Role};

use crate::support::{Store, master};

#[tokio::test]
async fn a_project_keeps_for_ever_until_it_is_told_otherwise() {
    let store = Store::new().await;
    let keeper = &store.handles.keeper;
    let (record, made) = keeper.create_project("checkout").await.unwrap();
    assert!(made);
    assert_eq!(record.retention, Retention { steps: Keep::Forever, content: Keep::Forever });
    assert_eq!(keeper.create_project("checkout").await.unwrap(), (record.clone(), false));
    let id = record.project.id;
    let days = |days| Some(Keep::Days(days));
    keeper.set_retention(id, days(30), days(7)).await.unwrap();
    keeper.set_retention(id, days(20), None).await.unwrap();
    let kept = keeper.project("checkout").await.unwrap().unwrap().retention;
    assert_eq!(kept, Retention { steps: Keep::Days(20), content: Keep::Days(7) });
    let refused = keeper.set_retention(id, None, days(21)).await;
    assert!(matches!(refused, Err(Error::ContentOutlives { steps: 20, content: 21 })));
    let kept = keeper.set_retention(id, Some(Keep::Forever), Some(Keep::Forever)).await.unwrap();
    assert_eq!(kept, record);
}

#[tokio::test]
async fn a_name_that_would_hide_in_a_table_is_refused() {
    let store = Store::new().await;
    let keeper = &store.handles.keeper;
    let long = "x".repeat(101);
    for name in ["", " ", " a", "a\n", "a\u{1b}[2J", long.as_str()] {
        assert!(matches!(keeper.ensure_project(name).await, Err(Error::ProjectName)), "{name:?}");
    }
    let project = keeper.ensure_project("a").await.unwrap();
    assert!(matches!(keeper.put_member(project.id, "a\tb", Role::Owner).await, Err(Error::Subject)));
}

#[tokio::test]
async fn a_person_has_one_role_a_project() {
    let store = Store::new().await;
    let keeper = store.handles.keeper.acting_as("cli:ada");
    let [one, two] = ["one", "two"].map(|name| keeper.ensure_project(name));
    let (one, two) = (one.await.unwrap().id, two.await.unwrap().id);
    assert_eq!(keeper.put_member(one, "auth0|1", Role::Viewer).await.unwrap(), Joined::Added);
    assert_eq!(keeper.put_member(two, "auth0|1", Role::Auditor).await.unwrap(), Joined::Added);
    let changed = keeper.put_member(one, "auth0|1", Role::Owner).await.unwrap();
    assert_eq!(changed, Joined::Changed(Role::Viewer));
    assert_eq!(keeper.put_member(one, "auth0|1", Role::Owner).await.unwrap(), Joined::Already);
    let roles = |members: Vec<treering_store::Member>| -> Vec<_> {
        members.into_iter().map(|member| (member.project.name, member.role)).collect()
    };
    let all = [("one".to_owned(), Role::Owner), ("two".to_owned(), Role::Auditor)];
    assert_eq!(roles(keeper.members(None).await.unwrap()), all);
    assert_eq!(roles(keeper.members(Some(two)).await.unwrap()), all[1..]);
    assert!(keeper.remove_member(one, "auth0|1").await.unwrap());
    assert!(!keeper.remove_member(one, "auth0|1").await.unwrap());
    assert!(!keeper.remove_member(one, "nobody").await.unwrap());
    assert_eq!(roles(keeper.members(None).await.unwrap()), all[1..]);
    let rows = store.handles.audit.page(None, 100).await.unwrap();
    let done: Vec<_> = rows.iter().take(4).map(|row| (row.action.as_str(), row.detail.as_deref())).collect();
    assert_eq!(
        done,
        [
            ("member.remove", None),
            ("member.change", Some("owner, before viewer")),
            ("member.add", Some("auditor")),
            ("member.add", Some("viewer")),
        ]
    );
    assert!(
        rows.iter().take(4).all(|row| row.actor == "cli:ada" && row.subject.as_deref() == Some("auth0|1"))
    );
}

#[tokio::test]
async fn reading_control_data_needs_no_master_key_and_changing_it_does() {
    let store = Store::new().await;
    let nowhere = treering_store::MasterSource::File("/nowhere/master.key".into());
    let control = treering_store::open_control(&store.url, nowhere).await.unwrap();
    let before = control.keeper.projects().await.unwrap().len();
    assert!(matches!(control.keeper.create_project("other").await, Err(Error::MasterFile { .. })));
    assert_eq!(control.keeper.projects().await.unwrap().len(), before);
    let control = treering_store::open_control(&store.url, master()).await.unwrap();
    control.keeper.create_project("other").await.unwrap();
    assert!(store.handles.audit.verify(vec![]).await.unwrap().broken.is_none());
}

#[tokio::test]
async fn a_store_whose_keys_are_lost_is_not_given_new_ones() {
    let store = Store::new().await;
    let treering_store::StoreUrl::Sqlite(path) = &store.url else { return };
    let keys = treering_store::vault_path(path);
    for lost in [true, false] {
        if lost {
            std::fs::remove_file(&keys).unwrap()
        } else {
            std::fs::write(&keys, "").unwrap()
        }
        let opened = treering_store::open(&store.url, master()).await;
        assert!(matches!(opened, Err(Error::KeysLost { .. })));
        assert!(
            treering_store::open_control(&store.url, master())
                .await
                .unwrap()
                .audit
                .verify(vec![])
                .await
                .is_err()
        );
    }
}
