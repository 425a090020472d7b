use std::sync::Arc;

/// The value of an attribute, for [`Step::set`](crate::Step::set).
///
/// ```
/// use treering_layer::Value;
///
/// assert_eq!(Value::from(u64::MAX), Value::Int(i64::MAX)); // OTLP has no larger integer
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text; JSON travels in it too.
    Text(Arc<str>),
    /// A list of texts.
    Texts(Vec<Arc<str>>),
}

impl Value {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(text) => text.as_ref().into(),
            Self::Texts(texts) => texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().into(),
        }
    }

    /// Bytes of its content on the wire, or a little more.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Int(_) | Self::Float(_) => 10,
            Self::Text(text) => text.len() + 6,
            Self::Texts(texts) => texts.iter().map(|text| text.len() + 12).sum::<usize>() + 12,
        }
    }
}

macro_rules! from {
    ($($variant:ident($value:ident: $($kind:ty),+) => $make:expr;)*) => {
        $($(impl From<$kind> for Value {
            fn from($value: $kind) -> Self {
                Self::$variant($make)
            }
        })+)*
    };
}

from! {
    Bool(value: bool) => value;
    Int(value: i64) => value;
    Int(value: i32, i16, i8, u32, u16, u8) => value.into();
    Int(value: u64, usize, u128) => i64::try_from(value).unwrap_or(i64::MAX);
    Int(value: i128) => i64::try_from(value.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or(i64::MAX);
    Float(value: f64) => value;
    Float(value: f32) => value.into();
    Text(value: Arc<str>) => value;
    Text(value: &str, String) => value.into();
    Texts(value: Vec<String>) => value.into_iter().map(Arc::from).collect();
}
