//! Match methods, and the lists of patterns that ACLs and maps share (configuration manual, sections 2.7 and 7.1).

mod address;
mod cache;
pub mod file;
mod index;
mod integer;
mod item;
mod list;
mod map;
mod matcher;
mod reference;
mod references;
mod rewrite;
mod short;
mod text;
mod tree;

pub use address::{Found, HostNames, Network};
pub use cache::set_cache_size;
pub use integer::{Range, plain_versions};
pub use item::{Columns, Item};
pub use map::{CONVERTERS, FINISHES};
pub use matcher::{BuildError, FromFile, Matcher, Patterns, Recipe};
pub use reference::{Entries, Finding, Hit, Reference, Refused, Role, Use, Values};
pub use references::References;
pub use rewrite::Rewriter;
pub use text::Case;

use lang::Type;

/// How a sample is compared with a pattern (`-m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `found`: the sample exists; patterns are ignored.
    Found,
    /// `bool`: it is true.
    Bool,
    /// `int`: it lies in a range, or compares with a number.
    Int,
    /// `ip`: it lies in a network.
    Ip,
    /// `bin`: its bytes are the pattern's, which is written in hexadecimal.
    Bin,
    /// `len`: its length lies in a range.
    Len,
    /// `str`: it is the pattern.
    Str,
    /// `sub`: it contains the pattern.
    Sub,
    /// `reg`: it matches the regular expression.
    Reg,
    /// `regm`: the same, and the groups are filled into the value (`map_regm`).
    Regm,
    /// `beg`: it begins with the pattern.
    Beg,
    /// `end`: it ends with the pattern.
    End,
    /// `dir`: one of its parts between slashes is the pattern.
    Dir,
    /// `dom`: one of its parts between dots (and slashes, question marks, colons) is the pattern.
    Dom,
}

impl Method {
    /// The method of a name given to `-m`.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "found" => Self::Found,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "ip" => Self::Ip,
            "bin" => Self::Bin,
            "len" => Self::Len,
            "str" => Self::Str,
            "sub" => Self::Sub,
            "reg" => Self::Reg,
            "beg" => Self::Beg,
            "end" => Self::End,
            "dir" => Self::Dir,
            "dom" => Self::Dom,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Ip => "ip",
            Self::Bin => "bin",
            Self::Len => "len",
            Self::Str => "str",
            Self::Sub => "sub",
            Self::Reg => "reg",
            Self::Regm => "regm",
            Self::Beg => "beg",
            Self::End => "end",
            Self::Dir => "dir",
            Self::Dom => "dom",
        }
    }

    /// The method that an ACL uses when it names none: the one that suits its sample.
    pub fn default_for(kind: Type) -> Option<Self> {
        match kind {
            Type::Bool => Some(Self::Bool),
            Type::Int => Some(Self::Int),
            Type::Addr | Type::Ipv4 | Type::Ipv6 => Some(Self::Ip),
            Type::Str | Type::Method => Some(Self::Str),
            // Bytes compare as bytes or as text: that has to be said.
            Type::Bin | Type::Any | Type::Same => None,
        }
    }

    /// The type to which a sample is cast before it is compared.
    pub fn wants(self) -> Type {
        match self {
            Self::Found => Type::Any,
            // What is not 0 is true, an IPv4 address, too.
            Self::Bool | Self::Int => Type::Int,
            Self::Ip => Type::Addr,
            Self::Bin => Type::Bin,
            _ => Type::Str,
        }
    }

    /// Whether patterns must follow.
    pub fn needs_patterns(self) -> bool {
        !matches!(self, Self::Found | Self::Bool)
    }
}
