//! What one file of rules decides, and what several decide together.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use globset::GlobSet;
use treering_step::Kind;

use super::file::{ANY, Error, RuleTable, Types, action, fields, line_of, name, set, word};
use crate::action::Action;
use crate::place::{IDENTITIES, NAMES, NO_SECRETS, SECRETS, globs};

/// The decisions of one file; the first that fits decides.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    rules: Vec<Rule>,
    /// Attributes with other names go.
    pub(super) only: Option<GlobSet>,
    /// Types of findings of which a project may show more than a mark does.
    pub(super) may_show: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Rule {
    target: Target,
    places: Places,
    action: Action,
}

/// What is acted upon.
#[derive(Debug)]
enum Target {
    /// Findings of these types.
    Found(Vec<Arc<str>>),
    /// The whole value, under this name.
    Whole(Arc<str>),
    /// The payload of the step.
    Payload,
}

/// Where. What is not said fits everywhere.
#[derive(Debug, Default)]
struct Places {
    attributes: Option<GlobSet>,
    but: Option<GlobSet>,
    kinds: Vec<Kind>,
    roles: Vec<String>,
}

/// What happens to the whole value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) action: Action,
    pub(crate) name: Arc<str>,
}

/// What whole values are called that no rule gave a name.
const VALUE: &str = "VALUE";
/// What secrets are called that their attribute's name gives away.
const SECRET: &str = "SECRET";
/// The name of a person, in an attribute for it.
const PERSON: &str = "PERSON";

struct Builtin {
    secrets: GlobSet,
    no_secrets: GlobSet,
    identities: GlobSet,
    names: GlobSet,
}

static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| {
    let set = |list: &[&'static str]| {
        globs(list.iter().copied()).expect("the built-in lists compile, as a test shows")
    };
    Builtin {
        secrets: set(SECRETS),
        no_secrets: set(NO_SECRETS),
        identities: set(IDENTITIES),
        names: set(NAMES),
    }
});

impl Layer {
    pub(super) fn builtin() -> Layer {
        let mut layer = Layer::default();
        layer.add_builtin();
        layer
    }

    /// What is on where nobody says otherwise, after all that somebody says.
    pub(super) fn add_builtin(&mut self) {
        let at = |set: &GlobSet| Places { attributes: Some(set.clone()), ..Places::default() };
        let secrets = Places { but: Some(BUILTIN.no_secrets.clone()), ..at(&BUILTIN.secrets) };
        self.rules.extend([
            Rule { target: Target::Whole(SECRET.into()), places: secrets, action: Action::Mark },
            Rule {
                target: Target::Whole(PERSON.into()),
                places: at(&BUILTIN.names),
                action: Action::Pseudonym,
            },
            Rule {
                target: Target::Found(vec![ANY.into()]),
                places: at(&BUILTIN.identities),
                action: Action::Pseudonym,
            },
        ]);
    }

    pub(super) fn add(&mut self, table: &RuleTable, line: usize, types: &Types<'_>) -> Result<(), Error> {
        let toml = types.toml;
        let fault = |fault| Err(Error::Rule { line, fault });
        let action = action(&table.action, toml)?;
        let has_place = !table.attributes.is_empty() || !table.fields.is_empty();
        let target = match (table.find.is_empty(), action) {
            (false, Action::Drop | Action::Withhold) => {
                return fault("attributes are dropped and payloads withheld whole: leave `find` out");
            }
            (false, _) => Target::Found(types.all(&table.find)?),
            (true, Action::Withhold) if has_place || !table.roles.is_empty() => {
                return fault("a payload is withheld whole: name the `kinds` of steps alone");
            }
            (true, Action::Withhold) => Target::Payload,
            (true, _) if !has_place => {
                return fault(
                    "say what is found (`find`), or in which `attributes` or `fields` the whole value goes",
                );
            }
            (true, _) if !table.roles.is_empty() => {
                return fault(
                    "a role says who wrote a message, not whose attribute it is in: name what is found (`find`)",
                );
            }
            (true, _) => {
                let name = table.name.as_ref().map(|given| name(given, toml)).transpose()?;
                Target::Whole(name.unwrap_or_else(|| VALUE.into()))
            }
        };
        if table.name.is_some() && !matches!(target, Target::Whole(_)) {
            return fault("only a rule for whole values has a name; what is found has its type");
        }
        self.rules.push(Rule { target, places: places(table, toml)?, action });
        Ok(())
    }

    /// The names that its rules give to whole values.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rules.iter().filter_map(|rule| match &rule.target {
            Target::Whole(name) => Some(name),
            _ => None,
        })
    }

    pub(crate) fn asks_for_kinds(&self) -> bool {
        self.rules.iter().any(|rule| !rule.places.kinds.is_empty())
    }

    pub(crate) fn asks_for_roles(&self) -> bool {
        self.rules.iter().any(|rule| !rule.places.roles.is_empty())
    }

    fn found(&self, rule: &str, at: &At<'_>) -> Option<Action> {
        let names = |types: &[Arc<str>]| types.iter().any(|known| **known == *rule || **known == *ANY);
        self.rules.iter().find_map(|own| match &own.target {
            Target::Found(types) if names(types) && own.places.hold(at) => Some(own.action),
            // A value that is kept whole is looked through all the same: others may be stricter.
            Target::Whole(_) if own.action == Action::Keep && own.places.hold(at) => Some(Action::Keep),
            _ => None,
        })
    }

    fn whole(&self, at: &At<'_>) -> Option<Whole> {
        if self.only.as_ref().is_some_and(|only| !only.is_match(at.attribute.unwrap_or_default())) {
            return Some(Whole { action: Action::Drop, name: VALUE.into() });
        }
        self.rules.iter().find_map(|own| match &own.target {
            Target::Whole(name) if own.places.hold(at) => {
                Some(Whole { action: own.action, name: name.clone() })
            }
            _ => None,
        })
    }

    fn is_particular(&self, at: &At<'_>) -> bool {
        let decides = |own: &Rule| match own.target {
            Target::Found(_) => true,
            Target::Whole(_) => own.action == Action::Keep,
            Target::Payload => false,
        };
        self.rules.iter().any(|own| decides(own) && own.places.hold_but_for_role(at))
    }

    fn withholds(&self, at: &At<'_>) -> bool {
        self.rules.iter().any(|own| matches!(own.target, Target::Payload) && own.places.hold(at))
    }

    fn lets_show(&self, rule: &str) -> bool {
        self.may_show.iter().any(|known| **known == *rule || **known == *ANY)
    }
}

fn places(table: &RuleTable, toml: &str) -> Result<Places, Error> {
    let written: BTreeSet<&str> = fields(&table.fields, toml)?.into_iter().collect();
    let named = set(&table.attributes, toml)?;
    let attributes = match (table.attributes.is_empty(), written.is_empty()) {
        (true, true) => None,
        (false, true) => Some(named),
        _ => {
            let names = table.attributes.iter().map(|name| name.get_ref().as_str());
            let all = globs(names.chain(written));
            let line = table.fields.first().map_or(1, |field| line_of(field, toml));
            let fault = "there are too many names of attributes; write a second rule";
            Some(all.map_err(|_| Error::Rule { line, fault })?)
        }
    };
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let kinds =
        table.kinds.iter().map(|kind| word(kind, toml, "kind of step", &kinds)).collect::<Result<_, _>>()?;
    let roles = table.roles.iter().map(|role| role.get_ref().to_ascii_lowercase()).collect();
    Ok(Places { attributes, but: None, kinds, roles })
}

impl Places {
    fn hold(&self, at: &At<'_>) -> bool {
        let role = || at.role.is_some_and(|role| self.roles.iter().any(|own| own == role));
        (self.roles.is_empty() || role()) && self.hold_but_for_role(at)
    }

    fn hold_but_for_role(&self, at: &At<'_>) -> bool {
        let named = |set: &GlobSet| at.attribute.is_some_and(|name| set.is_match(name));
        let kind = self.kinds.is_empty() || at.kind.is_some_and(|kind| self.kinds.contains(&kind));
        kind && self.attributes.as_ref().is_none_or(named) && !self.but.as_ref().is_some_and(named)
    }
}

/// Where something stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct At<'a> {
    /// The whole name of the attribute; absent in names, status and trace state.
    pub(crate) attribute: Option<&'a str>,
    /// What the step does; absent in resources and scopes.
    pub(crate) kind: Option<Kind>,
    /// Who wrote the message, in lower case.
    pub(crate) role: Option<&'a str>,
}

/// What several files decide together: the first is that of the collector, the others are those of a project, which may be
/// stricter, and show more only where the first one lets them.
pub(crate) fn found(layers: &[Arc<Layer>], rule: &str, at: &At<'_>) -> Action {
    let Some((first, others)) = layers.split_first() else { return Action::Mark };
    let base = first.found(rule, at);
    let allowed = |action: &Action| base.is_some() || !action.tells() || first.lets_show(rule);
    let said = others.iter().filter_map(|layer| layer.found(rule, at));
    said.map(|action| if allowed(&action) { action } else { Action::Mark })
        .chain(base)
        .max()
        .unwrap_or(Action::Mark)
}

/// The same for the whole value of an attribute; `None` where what is found in it decides.
pub(crate) fn whole(layers: &[Arc<Layer>], at: &At<'_>) -> Option<Whole> {
    let (first, others) = layers.split_first()?;
    let base = first.whole(at);
    let allowed = |whole: &Whole| base.is_some() || !whole.action.tells() || first.lets_show(ANY);
    let said = others.iter().filter_map(|layer| layer.whole(at)).filter(allowed);
    let decided = said.chain(base.clone()).max_by_key(|whole| whole.action);
    decided.filter(|whole| whole.action != Action::Keep)
}

/// Whether any of them decides about findings in this place, whoever wrote the message.
pub(crate) fn is_particular(layers: &[Arc<Layer>], at: &At<'_>) -> bool {
    layers.iter().any(|layer| layer.is_particular(at))
}

/// Whether the payload of such a step goes.
pub(crate) fn withholds(layers: &[Arc<Layer>], kind: Kind) -> bool {
    let at = At { kind: Some(kind), ..At::default() };
    layers.iter().any(|layer| layer.withholds(&at))
}
