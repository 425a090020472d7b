use treering_store::Role;

/// What somebody may want to see of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// What happened: names, times, tokens, costs, counts.
    Structure,
    /// What was said.
    Content,
    /// Who did what.
    Audit,
}

/// The whole table. Whatever does not stand here is refused.
pub(crate) fn may(role: Role, right: Right) -> bool {
    match role {
        Role::Auditor => right == Right::Audit,
        Role::Viewer => right == Right::Structure,
        Role::Reader => matches!(right, Right::Structure | Right::Content),
        Role::Owner => true,
    }
}
