/// Why something could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("this is not a master key; it has 64 hexadecimal digits, as `treering seal create` prints them")]
    NotAKey,
    #[error("what is sealed was damaged or put in another's place, or this is not its key")]
    NotOpened,
    #[error("what is sealed has a form that this version does not know")]
    UnknownForm,
    #[error("the system's generator of random numbers does not answer")]
    Random,
}
