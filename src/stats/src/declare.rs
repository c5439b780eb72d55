//! The declaration of tables of figures.

/// Declares an enumeration of figures and the table that describes them, in one list.
macro_rules! declare {
    (
        $(#[$doc:meta])*
        $enum:ident, $table:ident:
        $($variant:ident = $name:literal, $tags:literal, $about:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum $enum {
            $(#[doc = $about] $variant,)*
        }

        impl $enum {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
        }

        /// What each figure is, in the order in which they are shown.
        pub static $table: &[Field] = &[
            $(Field { name: $name, tags: Tags(*$tags), about: $about },)*
        ];
    };
}

pub(crate) use declare;
