//! Closed lists of words: the same in files, databases, interfaces and on Chinese pages.

macro_rules! worded {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal, $zh:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$case,)*];

            /// The word of files, databases and interfaces.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$case => $word,)* }
            }

            /// The word on Chinese pages.
            pub const fn zh(self) -> &'static str {
                match self { $($name::$case => $zh,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word::WordError;
            fn from_str(text: &str) -> Result<$name, Self::Err> {
                let found = $name::ALL.iter().copied().find(|case| case.as_str() == text);
                let known = $name::ALL.iter().map(|case| case.as_str());
                found.ok_or_else(|| $crate::word::WordError::new(text, known))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(from)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use worded;

/// A word that is not one of a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not known here; known: {known}")]
pub struct WordError {
    text: String,
    known: String,
}

impl WordError {
    pub(crate) fn new(text: &str, known: impl IntoIterator<Item = &'static str>) -> WordError {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        WordError { text: text.to_owned(), known }
    }
}
