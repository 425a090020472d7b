//! What a token says beyond the standard, and the roles in it.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use treering_store::Role;

/// All claims of a token that OpenID Connect does not name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

impl Claims {
    /// The first second at which it is good; never, where that is no time.
    pub(crate) fn not_before(&self) -> Option<f64> {
        self.others.get("nbf").map(|time| time.as_f64().unwrap_or(f64::INFINITY))
    }

    /// The roles that the claim of this name gives: `{"shop": "reader"}`, or `["shop:reader"]`. What is no role gives
    /// none. Names with a point lie deeper, as `app_metadata.treering` of Supabase does.
    pub(crate) fn roles(&self, name: Option<&str>) -> Vec<(String, Role)> {
        let Some(claim) = name.and_then(|name| self.find(name)) else { return Vec::new() };
        let role = |project: &str, word: &str| Some((project.to_owned(), Role::from_word(word)?));
        match claim {
            Value::Object(roles) => {
                roles.iter().filter_map(|(project, word)| role(project, word.as_str()?)).collect()
            }
            Value::Array(roles) => {
                let pairs = roles.iter().filter_map(|pair| pair.as_str()?.rsplit_once(':'));
                pairs.filter_map(|(project, word)| role(project, word)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// As a whole name first: those of Auth0 are addresses, with points in them.
    fn find(&self, name: &str) -> Option<&Value> {
        let deeper = || {
            let mut parts = name.split('.');
            let first = self.others.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        };
        self.others.get(name).or_else(deeper)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roles(claims: Value, name: &str) -> Vec<(String, Role)> {
        serde_json::from_value::<Claims>(claims).unwrap().roles(Some(name))
    }

    #[test]
    fn roles_stand_in_a_claim_by_project() {
        let both = [("bank".to_owned(), Role::Auditor), ("shop".to_owned(), Role::Reader)];
        assert_eq!(roles(json!({"treering": {"bank": "auditor", "shop": "reader"}}), "treering"), both);
        assert_eq!(roles(json!({"t": ["bank:auditor", "shop:reader"]}), "t"), both);
        assert_eq!(
            roles(json!({"app_metadata": {"t": ["bank:auditor", "shop:reader"]}}), "app_metadata.t"),
            both
        );
        assert_eq!(roles(json!({"https://t.example/r": {"a:b": "viewer"}}), "https://t.example/r").len(), 1);
        for nothing in
            [json!("shop:reader"), json!(7), json!({"shop": "root"}), json!(["reader"]), json!([1])]
        {
            assert_eq!(roles(json!({"t": nothing}), "t"), [], "{nothing}");
        }
    }
}
