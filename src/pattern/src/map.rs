//! The `map` converters (configuration manual, section 7.3.1).

use std::fmt;
use std::sync::Arc;

use base::registry::Registry;
use lang::expr::{Finish, Outlook, unchecked};
use lang::{Arg, ArgKind, Args, Converter, Sample, Scene, Signature, Type};

use crate::Method;
use crate::address::HostNames;
use crate::index::Subject;
use crate::item::{Columns, Item};
use crate::matcher::in_file;
use crate::reference::{Expression, Role, Use, Values};
use crate::references::References;
use crate::text::Case;

/// What a map gives for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Text,
    Integer,
    Address,
    Key,
    /// The value with the groups of the regular expression filled in.
    Filled,
}

/// A use of a map.
struct Map {
    method: Method,
    output: Output,
    list: Arc<Expression>,
    default: Option<Sample<'static>>,
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({:?}, {:?})", self.method, self.output)
    }
}

impl Map {
    fn look_up(&self, sample: Sample<'_>) -> Option<Sample<'static>> {
        let subject = Subject::of(self.method, sample)?;
        match self.output {
            Output::Filled => self.list.expand(&subject).map(Sample::owned),
            Output::Key => self.list.find(self.method, &subject, |item| Sample::owned(item.key().to_vec())),
            Output::Text | Output::Integer | Output::Address => {
                let value = |item: &Item| self.list.values.sample(item.value()?);
                self.list.find(self.method, &subject, value)?
            }
        }
    }
}

fn convert<'a>(sample: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let map: &Map = args.made(0)?;
    map.look_up(sample).or_else(|| map.default.as_ref().map(Sample::borrowed))
}

fn finish(method: Method, output: Output, args: &mut Args, registry: &Registry) -> Result<(), String> {
    let name = String::from_utf8_lossy(args.str(0)).into_owned();
    let default = default_value(output, args)?;
    let all = registry.layer::<References>();
    let (file, line) = registry.place();
    let reference = all.named(&name, Columns::KeyAndValue, Use { role: Role::Map, file, line })?;
    let values = match output {
        Output::Integer => Values::Integers,
        Output::Address => Values::Addresses,
        Output::Text | Output::Key | Output::Filled => Values::Texts,
    };
    let list = reference
        .expression(method, Case::Sensitive, values, HostNames::Refused)
        .map_err(|(line, wrong)| in_file(&wrong, line, reference.name()))?;
    args.0[0] = Arg::made(Map { method, output, list, default });
    Ok(())
}

fn default_value(output: Output, args: &Args) -> Result<Option<Sample<'static>>, String> {
    Ok(match (output, args.0.get(1)) {
        (_, None) => None,
        (Output::Integer, _) => args.int(1).map(Sample::Int),
        (Output::Address, _) => {
            let text = String::from_utf8_lossy(args.str(1));
            let address = text.parse().map_err(|_| format!("cannot parse default ip <{text}>"))?;
            Some(Sample::ip(address))
        }
        _ => Some(Sample::owned(args.str(1).to_vec())),
    })
}

const WITH_TEXT: Signature = Signature::some(1, &[ArgKind::Str, ArgKind::Str]);
const WITH_INTEGER: Signature = Signature::some(1, &[ArgKind::Str, ArgKind::Int]);
const ALONE: Signature = Signature::all(&[ArgKind::Str]);

const fn converter(name: &'static str, args: Signature, input: Type, out: Type) -> Converter {
    Converter {
        name,
        args,
        input,
        out,
        manual: "7.3.1",
        outlook: Outlook::AsInput,
        check: unchecked,
        eval: convert,
    }
}

/// The converters and what finishes their arguments, for each method the four outputs.
macro_rules! maps {
    ($($input:ident $method:ident: $text:literal $integer:literal $address:literal $key:literal;)+) => {
        /// The `map` converters.
        pub static CONVERTERS: &[Converter] = &[
            converter("map", WITH_TEXT, Type::Str, Type::Str),
            converter("map_regm", WITH_TEXT, Type::Str, Type::Str),
            $(
                converter($text, WITH_TEXT, Type::$input, Type::Str),
                converter($integer, WITH_INTEGER, Type::$input, Type::Int),
                converter($address, WITH_TEXT, Type::$input, Type::Addr),
                converter($key, ALONE, Type::$input, Type::Str),
            )+
        ];

        /// What makes maps of the names of lists.
        pub static FINISHES: &[Finish] = &[
            Finish { name: "map", make: |a, r| finish(Method::Str, Output::Text, a, r) },
            Finish { name: "map_regm", make: |a, r| finish(Method::Regm, Output::Filled, a, r) },
            $(
                Finish { name: $text, make: |a, r| finish(Method::$method, Output::Text, a, r) },
                Finish { name: $integer, make: |a, r| finish(Method::$method, Output::Integer, a, r) },
                Finish { name: $address, make: |a, r| finish(Method::$method, Output::Address, a, r) },
                Finish { name: $key, make: |a, r| finish(Method::$method, Output::Key, a, r) },
            )+
        ];
    };
}

maps! {
    Str Str: "map_str" "map_str_int" "map_str_ip" "map_str_key";
    Str Beg: "map_beg" "map_beg_int" "map_beg_ip" "map_beg_key";
    Str Sub: "map_sub" "map_sub_int" "map_sub_ip" "map_sub_key";
    Str Dir: "map_dir" "map_dir_int" "map_dir_ip" "map_dir_key";
    Str Dom: "map_dom" "map_dom_int" "map_dom_ip" "map_dom_key";
    Str End: "map_end" "map_end_int" "map_end_ip" "map_end_key";
    Str Reg: "map_reg" "map_reg_int" "map_reg_ip" "map_reg_key";
    Int Int: "map_int" "map_int_int" "map_int_ip" "map_int_key";
    Addr Ip: "map_ip" "map_ip_int" "map_ip_ip" "map_ip_key";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.add(CONVERTERS);
        registry.add(FINISHES);
        registry
    }

    /// What the converter with these arguments gives for a text, once the list holds these entries.
    fn mapped(call: &str, entries: &[(&str, &str)], text: &str) -> Result<Option<String>, String> {
        let registry = registry();
        let (name, arguments) = call.split_once('(').unwrap();
        let written: Vec<&[u8]> = arguments.trim_end_matches(')').split(',').map(str::as_bytes).collect();
        let converter = registry.find::<Converter>(name).unwrap();
        let mut args = Args::parse(&converter.args, &written).map_err(|e| e.message)?;
        (registry.find::<Finish>(name).unwrap().make)(&mut args, &registry)?;
        let list = registry.layer::<References>().get("virt@m").unwrap();
        for (key, value) in entries {
            list.add(None, key.as_bytes(), Some(value.as_bytes())).map_err(|e| format!("{e:?}"))?;
        }
        let map: &Map = args.made(0).unwrap();
        let input = Sample::text(text.as_bytes()).cast(converter.input);
        let found = input.and_then(|s| map.look_up(s)).or_else(|| map.default.clone());
        Ok(found.map(|s| format!("{} {}", s.kind().name(), String::from_utf8_lossy(&s.into_text()))))
    }

    fn some(text: &str) -> Result<Option<String>, String> {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn values_keys_and_defaults_are_given() {
        let entries = [("/a", "1"), ("/ab", "2")];
        assert_eq!(mapped("map(virt@m)", &entries, "/ab"), some("str 2"));
        assert_eq!(mapped("map_beg_int(virt@m)", &entries, "/abc"), some("sint 2"));
        assert_eq!(mapped("map_sub_key(virt@m)", &entries, "x/abc"), some("str /a"));
        assert_eq!(mapped("map_str(virt@m)", &entries, "x"), Ok(None));
        assert_eq!(mapped("map_str(virt@m,none)", &entries, "x"), some("str none"));
        assert_eq!(mapped("map_end_int(virt@m,7)", &entries, "x"), some("sint 7"));
        assert_eq!(mapped("map_str_ip(virt@m,::1)", &[], "x"), some("ipv6 ::1"));
        assert_eq!(mapped("map_int_ip(virt@m)", &[("5:9", "192.0.2.1")], "7"), some("ipv4 192.0.2.1"));
        assert_eq!(mapped("map_ip(virt@m)", &[("192.0.2.0/24", "net")], "192.0.2.9"), some("str net"));
        let regm = [(r"^(.*)\.org", r"\1!")];
        assert_eq!(mapped("map_regm(virt@m)", &regm, "example.org"), some("str example!"));
        assert_eq!(mapped("map_reg(virt@m)", &regm, "example.org"), some(r"str \1!"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = mapped("map_str_ip(virt@m,localhost)", &[], "x").unwrap_err();
        assert_eq!(error, "cannot parse default ip <localhost>");
        let error = mapped("map(/nonexistent/map)", &[], "x").unwrap_err();
        assert_eq!(error, "failed to open pattern file </nonexistent/map>");
        assert!(mapped("map_str_key(virt@m,x)", &[], "x").is_err());
    }

    #[test]
    fn every_converter_is_finished() {
        let registry = registry();
        assert!(CONVERTERS.iter().all(|c| registry.find::<Finish>(c.name).is_some()));
        assert_eq!(CONVERTERS.len(), 38);
    }
}
