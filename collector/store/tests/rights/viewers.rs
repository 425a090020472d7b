//! Who looks, and what there is to be seen then.

/// Which rows of a table a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// None, and not even the question is allowed.
    Hidden,
    /// Those of projects whose content may be read, by the role that reads content alone.
    Content,
    /// Those of projects that may be looked at.
    Structure,
    /// What was done, in projects of which one reads the audit log; by the role alone that reads no content.
    Audit,
    /// Those of projects that may be looked at, and those of no project.
    Outcomes,
    /// Projects of which the person is a member in whatever role, or that may be chosen.
    Project,
    /// The person, and the memberships.
    Person,
    Member,
    /// The one row that there is, for who may see any project.
    Any,
}

impl Sight {
    /// What tells whose a row is.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Hidden => "'0'",
            Self::Project | Self::Person | Self::Any => "id",
            Self::Content | Self::Structure | Self::Audit | Self::Outcomes | Self::Member => "project",
        }
    }
}

pub(crate) const TABLES: &[(&str, Sight)] = &[
    ("migration", Sight::Hidden),
    ("project", Sight::Project),
    ("project_rules", Sight::Hidden),
    ("api_key", Sight::Hidden),
    ("person", Sight::Person),
    ("member", Sight::Member),
    ("audit", Sight::Audit),
    ("key_use", Sight::Hidden),
    ("client_name", Sight::Hidden),
    ("erasure", Sight::Hidden),
    ("master", Sight::Hidden),
    ("secret", Sight::Content),
    ("change", Sight::Hidden),
    ("outcome", Sight::Outcomes),
    ("receipt", Sight::Structure),
    ("block", Sight::Content),
    ("piece", Sight::Content),
    ("span", Sight::Content),
    ("log", Sight::Content),
    ("words", Sight::Content),
    ("summary", Sight::Structure),
    ("execution", Sight::Structure),
    ("version", Sight::Any),
    ("span_join", Sight::Structure),
    ("process", Sight::Structure),
    ("stale", Sight::Hidden),
    ("unindexed", Sight::Structure),
    ("rewriting", Sight::Hidden),
    ("erased_day", Sight::Hidden),
    ("erased", Sight::Hidden),
    ("reread", Sight::Hidden),
    ("clock", Sight::Hidden),
    ("collector", Sight::Hidden),
    ("work", Sight::Hidden),
];

pub(crate) struct Viewer {
    pub(crate) name: &'static str,
    pub(crate) claims: Option<&'static str>,
    /// The projects whose content may be read, that may be looked at, and whose names are known.
    content: &'static [i64],
    structure: &'static [i64],
    names: &'static [i64],
    /// The projects whose audit log is read.
    audited: &'static [i64],
    person: Option<i64>,
}

impl Viewer {
    const fn auditing(self, audited: &'static [i64]) -> Self {
        Self { audited, ..self }
    }
}

const fn nobody(name: &'static str, claims: &'static str) -> Viewer {
    Viewer {
        name,
        claims: Some(claims),
        content: &[],
        structure: &[],
        names: &[],
        audited: &[],
        person: None,
    }
}

/// Somebody who may see all of these projects, and is no person.
const fn all_of(name: &'static str, claims: &'static str, projects: &'static [i64]) -> Viewer {
    Viewer { content: projects, structure: projects, names: projects, ..nobody(name, claims) }
}

/// Somebody to whom the log-in gives roles: like a person of these, of whom the control data know nothing.
const fn granted(name: &'static str, claims: &'static str, projects: [&'static [i64]; 3]) -> Viewer {
    let [content, structure, names] = projects;
    Viewer { content, structure, names, ..nobody(name, claims) }
}

const fn person(name: &'static str, claims: &'static str, id: i64, projects: [&'static [i64]; 3]) -> Viewer {
    let [content, structure, names] = projects;
    Viewer { content, structure, names, person: Some(id), ..nobody(name, claims) }
}

pub(crate) const VIEWERS: &[Viewer] = &[
    Viewer { claims: None, ..nobody("no claims", "") },
    nobody("empty claims", ""),
    nobody("claims of nothing", "{}"),
    nobody("claims that are no object", r#"["sub", "treering_key"]"#),
    nobody("a stranger", r#"{"sub": "nobody"}"#),
    nobody("a subject of nothing", r#"{"sub": null}"#),
    nobody("an empty subject", r#"{"sub": ""}"#),
    nobody("a subject in other letters", r#"{"sub": "Owner"}"#),
    nobody("a subject as a pattern", r#"{"sub": "%"}"#),
    person("a person without a project", r#"{"sub": "nowhere"}"#, 6, [&[], &[], &[]]),
    person("an auditor", r#"{"sub": "auditor"}"#, 1, [&[], &[], &[1]]).auditing(&[1]),
    person("a viewer", r#"{"sub": "viewer"}"#, 2, [&[], &[1], &[1]]),
    person("a reader", r#"{"sub": "reader"}"#, 3, [&[1], &[1], &[1]]),
    person("an owner", r#"{"sub": "owner"}"#, 4, [&[1], &[1], &[1]]).auditing(&[1]),
    person("a viewer here, a reader there", r#"{"sub": "both"}"#, 5, [&[2], &[1, 2], &[1, 2]]),
    person("a UUID", r#"{"sub": "0b2bd4c3-5a0c-4a49-8d55-d9a0ed43f0a5"}"#, 7, [&[1], &[1], &[1]]),
    nobody("a UUID as another text", r#"{"sub": "0B2BD4C3-5A0C-4A49-8D55-D9A0ED43F0A5"}"#),
    person("an id of Clerk", r#"{"sub": "user_2abcDEF", "role": "service_role"}"#, 8, [&[2], &[2], &[2]]),
    person("a number", r#"{"sub": 12}"#, 9, [&[2], &[2], &[2]]),
    all_of("a key that reads", r#"{"treering_key": 1}"#, &[1]),
    all_of("a key that has not expired", r#"{"treering_key": 2}"#, &[1]),
    nobody("a key that expired", r#"{"treering_key": 3}"#),
    nobody("a key that was revoked", r#"{"treering_key": 4}"#),
    nobody("a key that only sends", r#"{"treering_key": 5}"#),
    all_of("a key of another project", r#"{"treering_key": 6}"#, &[2]),
    nobody("no such key", r#"{"treering_key": 99}"#),
    all_of("the owner of the machine", r#"{"treering_project": 1}"#, &[1]).auditing(&[1]),
    nobody("the project that is none", r#"{"treering_project": 0}"#),
    nobody("no such project", r#"{"treering_project": 99}"#),
    Viewer {
        names: &[1, 2],
        audited: &[0, 1, 2],
        ..nobody("who is still to choose", r#"{"treering_local": true}"#)
    },
    nobody("who must not choose", r#"{"treering_local": false}"#),
    person(
        "a person who claims a project",
        r#"{"sub": "auditor", "treering_project": 2}"#,
        1,
        [&[], &[], &[1]],
    )
    .auditing(&[1]),
    person("a person who claims a key", r#"{"sub": "nowhere", "treering_key": 6}"#, 6, [&[], &[], &[]]),
    person(
        "a person who claims the machine",
        r#"{"sub": "nowhere", "treering_local": true}"#,
        6,
        [&[], &[], &[]],
    ),
    granted("an auditor by claims", r#"{"treering_roles": {"auditor": ["one"]}}"#, [&[], &[], &[1]])
        .auditing(&[1]),
    granted("a viewer by claims", r#"{"treering_roles": {"viewer": ["one"]}}"#, [&[], &[1], &[1]]),
    granted("a reader by claims", r#"{"treering_roles": {"reader": ["one"]}}"#, [&[1], &[1], &[1]]),
    granted("an owner by claims", r#"{"treering_roles": {"owner": ["one"]}}"#, [&[1], &[1], &[1]])
        .auditing(&[1]),
    granted(
        "a viewer here, a reader there, by claims",
        r#"{"treering_roles": {"viewer": ["one"], "reader": ["nowhere", "two"]}}"#,
        [&[2], &[1, 2], &[1, 2]],
    ),
    nobody("no role of ours by claims", r#"{"treering_roles": {"root": ["one"]}}"#),
    nobody("a role in a project of other letters", r#"{"treering_roles": {"owner": ["One"]}}"#),
    nobody("a role by the number of a project", r#"{"treering_roles": {"owner": [1]}}"#),
    nobody("a role in projects as a pattern", r#"{"treering_roles": {"owner": ["%", "o_e", "*"]}}"#),
    nobody("a role in no project", r#"{"treering_roles": {"owner": []}}"#),
    nobody("roles that are none", r#"{"treering_roles": ["owner", "one"]}"#),
    nobody("roles of nothing", r#"{"treering_roles": null}"#),
    person(
        "a person who claims roles",
        r#"{"sub": "nowhere", "treering_roles": {"owner": ["one"]}}"#,
        6,
        [&[], &[], &[]],
    ),
    nobody("a key that claims roles", r#"{"treering_key": 5, "treering_roles": {"owner": ["one"]}}"#),
    nobody("a stranger who claims a project", r#"{"sub": "nobody", "treering_project": 1}"#),
];

/// What a viewer in a role may see of a table; `None` where it may not ask.
pub(crate) fn seen(role: &str, sight: Sight, viewer: &Viewer) -> Option<Vec<i64>> {
    let with_content = match role {
        "treering_reader" => true,
        "treering_structure" => false,
        _ => return None,
    };
    let projects = if with_content { viewer.content } else { viewer.structure };
    Some(match sight {
        Sight::Hidden => return None,
        Sight::Content if !with_content => return None,
        Sight::Audit if with_content => return None,
        Sight::Audit => viewer.audited.to_vec(),
        Sight::Content | Sight::Structure => projects.to_vec(),
        Sight::Outcomes if projects.is_empty() => Vec::new(),
        Sight::Outcomes => [&[0], projects].concat(),
        Sight::Project => viewer.names.to_vec(),
        Sight::Person => viewer.person.into_iter().collect(),
        Sight::Member if viewer.person.is_none() => Vec::new(),
        Sight::Member => viewer.names.to_vec(),
        Sight::Any if viewer.names.is_empty() => Vec::new(),
        Sight::Any => vec![0],
    })
}
