//! What configurations say of TLS: the options of `bind` and `server` lines, and their defaults in `global`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::directive::{Arity, Switch};
use config::global::Exposure;
use config::options::ServerOption;
use config::{BindOption, Directive, LineOption, OptionCx, Prefix, Refusal, Section, Setting, Statement};

use lang::converters::jwe;

use crate::acceptor::{Acceptor, Order};
use crate::certificate::{ExtraNames, Extras};
use crate::connector::{Connector, SessionReuse};
use crate::crt_store::Mentioned;
use crate::directory::Strictness;
use crate::issuers::Sent;
use crate::line;
use crate::names::Version;
use crate::ocsp::schedule::Terms;
use crate::pki::error::Ignored;
use crate::profile::{self, Profile};
use crate::session::secrets::Keeping;
use crate::sigalgs::Schemes;
use crate::tickets::{TicketFiles, TicketKeys};
use crate::verify::{Authorities, Verify};

/// A file as it is written, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As it is written.
    pub written: Box<str>,
    /// The name that it is known by.
    pub name: Box<str>,
    /// Where it is.
    pub path: PathBuf,
}

/// The certificates of a `bind` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `crt`: a file, or a directory of files.
    File(Named),
    /// `default-crt`: for those who ask for no name that is here.
    Default(Named),
    /// `crt-list`.
    List(Named),
}

/// The TLS options of a `bind` line.
#[derive(Clone, Debug, Default)]
pub struct BindSettings {
    /// `ssl`.
    pub ssl: Use,
    pub(crate) profile: Profile,
    /// What `global` has said so far.
    pub(crate) defaults: Option<Profile>,
    pub(crate) sources: Vec<Source>,
    pub(crate) authorities: Option<Authorities>,
    /// `ca-verify-file`.
    pub(crate) verify_authorities: Option<Authorities>,
    /// `crl-file`.
    pub(crate) revocations: Option<Authorities>,
    /// `generate-certificates`.
    pub(crate) generate: Use,
    /// `ca-sign-file`.
    pub(crate) signer: Option<Named>,
    /// `ca-sign-pass`.
    pub(crate) signer_password: Option<Box<str>>,
    /// `crt-ignore-err`, `ca-ignore-err`.
    pub(crate) ignored: (Ignored, Ignored),
    pub(crate) names: CaNames,
    pub(crate) verify: Option<Verify>,
    pub(crate) strictness: Option<Strictness>,
    pub(crate) order: Option<Order>,
    /// `tls-ticket-keys`.
    pub(crate) ticket_keys: Option<Arc<TicketKeys>>,
    /// `allow-0rtt`.
    pub(crate) early: Use,
    /// What was made of all this once the whole configuration was read.
    pub acceptor: Option<Arc<Acceptor>>,
}

/// Whether TLS is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// Connections are clear.
    #[default]
    No,
    /// They are encrypted.
    Yes,
}

/// The TLS options of a `server` line.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// `ssl`.
    pub ssl: Use,
    pub(crate) profile: Profile,
    /// What `global` has said so far.
    pub(crate) defaults: Option<Profile>,
    pub(crate) authorities: Option<Authorities>,
    /// `crl-file`.
    pub(crate) revocations: Option<Authorities>,
    pub(crate) verify: Option<Verify>,
    pub(crate) host: Option<Box<str>>,
    pub(crate) certificate: Option<Named>,
    pub(crate) reuse: SessionReuse,
    /// `allow-0rtt`.
    pub(crate) early: Use,
    /// `check-ssl`, `no-check-ssl`.
    pub checks: CheckUse,
    /// Whether a rule of its checks wants an encrypted connection, whatever its options say.
    pub asked: Use,
    /// `check-sni`: the name that the server is told by checks.
    pub check_name: Option<Box<[u8]>>,
    /// `check-sni-auto`: whether it is else told the one that the check's request is for.
    pub check_naming: Naming,
    /// `sni`, or what stands for it.
    pub name: Option<Arc<lang::Expr>>,
    pub(crate) naming: Naming,
    /// What was made of all this once the whole configuration was read.
    pub connector: Option<Arc<Connector>>,
}

/// Whether clients are told the names of the authorities that they have to convince.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CaNames {
    /// They are.
    #[default]
    Told,
    /// `no-ca-names`.
    Kept,
}

/// Whether checks are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckUse {
    /// As the traffic, where they go to the same address.
    #[default]
    AsTraffic,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether a server is told the name that the request is for when no `sni` says another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// `sni-auto`, `check-sni-auto`.
    #[default]
    Auto,
    /// `no-sni-auto`, `no-check-sni-auto`.
    Off,
}

/// What `global` says for all lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) bind: Profile,
    pub(crate) bind_strictness: Strictness,
    pub(crate) bind_order: Order,
    pub(crate) server: Profile,
    pub(crate) server_verify: Option<Verify>,
    pub(crate) certificates: Option<PathBuf>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) extras: Extras,
    /// `issuers-chain-path`.
    pub(crate) chains: Option<PathBuf>,
    /// `ssl-skip-self-issued-ca`.
    pub(crate) sent: Sent,
    pub(crate) cache: Option<usize>,
    pub(crate) capture: usize,
    /// `ocsp-update.*`.
    pub(crate) updates: Terms,
    /// `tune.ssl.lifetime`, in seconds.
    pub(crate) lifetime: Option<u32>,
    /// `tune.ssl.keylog`, or what fetches make of it.
    pub(crate) secrets: Keeping,
    /// How much stands in a record at most: in any, and in those of slow content.
    pub(crate) records: (usize, usize),
    /// How often a peer may change its keys in a second (`tune.ssl.keyupdate-rate-limit`).
    pub(crate) updates_per_second: Option<u32>,
    /// `ssl-passphrase-cmd`, with its arguments.
    pub(crate) passphrase: Vec<String>,
    /// How many certificates that were made are kept (`tune.ssl.ssl-ctx-cache-size`).
    pub(crate) made: Option<usize>,
}

/// How much is taken of what clients send before the end of the handshake: what fits into a buffer.
#[derive(Clone, Copy, Debug)]
pub struct EarlyRoom(pub u32);

impl Default for EarlyRoom {
    fn default() -> Self {
        Self(15 * 1024)
    }
}

impl Setting for EarlyRoom {}
impl Setting for BindSettings {}
impl Setting for ServerSettings {}
impl Setting for Defaults {}
impl Setting for TicketFiles {}

/// Whose line an option stands on.
trait Side: Setting {
    fn profile(&mut self) -> &mut Profile;
}

impl Side for BindSettings {
    fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }
}

impl Side for ServerSettings {
    fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }
}

type Parse = fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>;

const fn bind(name: &'static str, args: usize, parse: Parse) -> BindOption {
    BindOption(LineOption { name, group: "ssl ", args, manual: "5.1", parse })
}

const fn server(name: &'static str, args: usize, parse: Parse) -> ServerOption {
    ServerOption(LineOption { name, group: "", args, manual: "5.2", parse })
}

macro_rules! set {
    ($slot:ty, $field:ident = $value:expr) => {
        |cx| {
            cx.slot::<$slot>().$field = $value;
            Ok(())
        }
    };
}

/// The options of `bind` lines.
pub static BIND_OPTIONS: &[BindOption] = &[
    bind("allow-0rtt", 0, set!(BindSettings, early = Use::Yes)),
    bind("alpn", 1, protocols::<BindSettings>),
    bind("ca-file", 1, |cx| {
        let authorities = authorities(cx)?;
        cx.slot::<BindSettings>().authorities = Some(authorities);
        Ok(())
    }),
    bind("ca-ignore-err", 1, |cx| ignored(cx, |i| &mut i.1)),
    bind("ca-sign-file", 1, |cx| {
        let base = cx.statement.draft.global::<Defaults>().authorities;
        let named = named(cx, base.as_deref())?;
        cx.slot::<BindSettings>().signer = Some(named);
        Ok(())
    }),
    bind("ca-sign-pass", 1, |cx| {
        let password = cx.take()?;
        cx.slot::<BindSettings>().signer_password = Some(password.into());
        Ok(())
    }),
    bind("ca-verify-file", 1, |cx| {
        let authorities = authorities(cx)?;
        cx.slot::<BindSettings>().verify_authorities = Some(authorities);
        Ok(())
    }),
    bind("ciphers", 1, ciphers::<BindSettings>),
    bind("ciphersuites", 1, suites::<BindSettings>),
    bind("client-sigalgs", 1, |cx| signatures::<BindSettings>(cx, |p| &mut p.client_signatures)),
    bind("crl-file", 1, |cx| {
        let revocations = authorities(cx)?;
        cx.slot::<BindSettings>().revocations = Some(revocations);
        Ok(())
    }),
    bind("crt", 1, |cx| source(cx, Source::File)),
    bind("crt-ignore-err", 1, |cx| ignored(cx, |i| &mut i.0)),
    bind("crt-list", 1, |cx| {
        let named = named(cx, None)?;
        cx.slot::<BindSettings>().sources.push(Source::List(named));
        Ok(())
    }),
    bind("curves", 1, curves::<BindSettings>),
    bind("default-crt", 1, |cx| source(cx, Source::Default)),
    // Groups are negotiated; the one curve of old needs no choice.
    bind("ecdhe", 1, |cx| cx.take().map(drop)),
    bind("force-sslv3", 0, |cx| force::<BindSettings>(cx, Version::Ssl3)),
    bind("force-tlsv10", 0, |cx| force::<BindSettings>(cx, Version::Tls10)),
    bind("force-tlsv11", 0, |cx| force::<BindSettings>(cx, Version::Tls11)),
    bind("force-tlsv12", 0, |cx| force::<BindSettings>(cx, Version::Tls12)),
    bind("force-tlsv13", 0, |cx| force::<BindSettings>(cx, Version::Tls13)),
    bind("generate-certificates", 0, set!(BindSettings, generate = Use::Yes)),
    bind("ktls", 1, kernel),
    bind("no-alpn", 0, no_protocols::<BindSettings>),
    bind("no-ca-names", 0, set!(BindSettings, names = CaNames::Kept)),
    bind("no-sslv3", 0, |cx| ban::<BindSettings>(cx, Version::Ssl3)),
    bind("no-strict-sni", 0, set!(BindSettings, strictness = Some(Strictness::Lenient))),
    bind("no-tls-tickets", 0, |cx| tickets::<BindSettings>(cx, Switch::Off)),
    bind("no-tlsv10", 0, |cx| ban::<BindSettings>(cx, Version::Tls10)),
    bind("no-tlsv11", 0, |cx| ban::<BindSettings>(cx, Version::Tls11)),
    bind("no-tlsv12", 0, |cx| ban::<BindSettings>(cx, Version::Tls12)),
    bind("no-tlsv13", 0, |cx| ban::<BindSettings>(cx, Version::Tls13)),
    // An extension that no client speaks any more.
    bind("npn", 1, |cx| cx.take().map(drop)),
    bind("prefer-client-ciphers", 0, set!(BindSettings, order = Some(Order::Clients))),
    bind("sigalgs", 1, |cx| signatures::<BindSettings>(cx, |p| &mut p.signatures)),
    BindOption(LineOption {
        name: "ssl",
        group: "",
        args: 0,
        manual: "5.1",
        parse: |cx| {
            // What `global` says further below is for the lines behind it.
            let defaults = cx.statement.draft.global::<Defaults>().bind;
            let settings = cx.slot::<BindSettings>();
            (settings.ssl, settings.defaults) = (Use::Yes, Some(defaults));
            Ok(())
        },
    }),
    bind("ssl-max-ver", 1, |cx| limit::<BindSettings>(cx, |p| &mut p.max)),
    bind("ssl-min-ver", 1, |cx| limit::<BindSettings>(cx, |p| &mut p.min)),
    bind("strict-sni", 0, set!(BindSettings, strictness = Some(Strictness::Strict))),
    bind("tls-ticket-keys", 1, |cx| {
        let file = cx.take()?;
        let keys = cx.statement.draft.global.get_mut::<TicketFiles>().get(&file);
        let keys = keys.map_err(|why| cx.refuse(format!("'{file}' : {why}")))?;
        cx.slot::<BindSettings>().ticket_keys = Some(keys);
        Ok(())
    }),
    bind("tls-tickets", 0, |cx| tickets::<BindSettings>(cx, Switch::On)),
    bind("verify", 1, |cx| {
        let name = cx.take()?;
        let verify = Verify::of_clients_named(&name).map_err(|why| cx.refuse(why))?;
        cx.slot::<BindSettings>().verify = Some(verify);
        Ok(())
    }),
];

/// The options of `server` lines.
pub static SERVER_OPTIONS: &[ServerOption] = &[
    server("allow-0rtt", 0, set!(ServerSettings, early = Use::Yes)),
    server("alpn", 1, protocols::<ServerSettings>),
    server("ca-file", 1, |cx| {
        let authorities = authorities(cx)?;
        cx.slot::<ServerSettings>().authorities = Some(authorities);
        Ok(())
    }),
    server("check-sni", 1, |cx| {
        let name = cx.take_bytes()?;
        cx.slot::<ServerSettings>().check_name = Some(name.into());
        Ok(())
    }),
    server("check-sni-auto", 0, set!(ServerSettings, check_naming = Naming::Auto)),
    server("check-ssl", 0, set!(ServerSettings, checks = CheckUse::Always)),
    server("ciphers", 1, ciphers::<ServerSettings>),
    server("ciphersuites", 1, suites::<ServerSettings>),
    server("client-sigalgs", 1, |cx| signatures::<ServerSettings>(cx, |p| &mut p.client_signatures)),
    server("crl-file", 1, |cx| {
        let revocations = authorities(cx)?;
        cx.slot::<ServerSettings>().revocations = Some(revocations);
        Ok(())
    }),
    server("crt", 1, |cx| {
        let named = certificate(cx)?;
        cx.slot::<ServerSettings>().certificate = Some(named);
        Ok(())
    }),
    server("curves", 1, curves::<ServerSettings>),
    server("force-sslv3", 0, |cx| force::<ServerSettings>(cx, Version::Ssl3)),
    server("force-tlsv10", 0, |cx| force::<ServerSettings>(cx, Version::Tls10)),
    server("force-tlsv11", 0, |cx| force::<ServerSettings>(cx, Version::Tls11)),
    server("force-tlsv12", 0, |cx| force::<ServerSettings>(cx, Version::Tls12)),
    server("force-tlsv13", 0, |cx| force::<ServerSettings>(cx, Version::Tls13)),
    server("ktls", 1, kernel),
    server("no-check-sni-auto", 0, set!(ServerSettings, check_naming = Naming::Off)),
    server("no-check-ssl", 0, set!(ServerSettings, checks = CheckUse::Never)),
    // There is no renegotiation.
    server("no-renegotiate", 0, |_| Ok(())),
    server("no-ssl", 0, set!(ServerSettings, ssl = Use::No)),
    server("no-ssl-reuse", 0, set!(ServerSettings, reuse = SessionReuse::Off)),
    server("no-sslv3", 0, |cx| ban::<ServerSettings>(cx, Version::Ssl3)),
    server("no-tls-tickets", 0, |cx| tickets::<ServerSettings>(cx, Switch::Off)),
    server("no-tlsv10", 0, |cx| ban::<ServerSettings>(cx, Version::Tls10)),
    server("no-tlsv11", 0, |cx| ban::<ServerSettings>(cx, Version::Tls11)),
    server("no-tlsv12", 0, |cx| ban::<ServerSettings>(cx, Version::Tls12)),
    server("no-tlsv13", 0, |cx| ban::<ServerSettings>(cx, Version::Tls13)),
    server("no-verifyhost", 0, set!(ServerSettings, host = None)),
    server("no-sni-auto", 0, set!(ServerSettings, naming = Naming::Off)),
    server("npn", 1, |cx| cx.take().map(drop)),
    server("sigalgs", 1, |cx| signatures::<ServerSettings>(cx, |p| &mut p.signatures)),
    server("sni", 1, name),
    server("sni-auto", 0, set!(ServerSettings, naming = Naming::Auto)),
    server("ssl", 0, |cx| {
        let defaults = cx.statement.draft.global::<Defaults>().server;
        let settings = cx.slot::<ServerSettings>();
        (settings.ssl, settings.defaults) = (Use::Yes, Some(defaults));
        Ok(())
    }),
    server("ssl-max-ver", 1, |cx| limit::<ServerSettings>(cx, |p| &mut p.max)),
    server("ssl-min-ver", 1, |cx| limit::<ServerSettings>(cx, |p| &mut p.min)),
    server("ssl-reuse", 0, set!(ServerSettings, reuse = SessionReuse::On)),
    server("tls-tickets", 0, |cx| tickets::<ServerSettings>(cx, Switch::On)),
    server("verify", 1, |cx| {
        let text = cx.take()?;
        let verify = server_verify(&text).ok_or_else(|| {
            cx.refuse(format!("unknown verify method '{text}', only 'none' and 'required' are supported"))
        })?;
        cx.slot::<ServerSettings>().verify = Some(verify);
        Ok(())
    }),
    server("verifyhost", 1, |cx| {
        let host = cx.take()?;
        cx.slot::<ServerSettings>().host = Some(host.into());
        Ok(())
    }),
];

fn server_verify(text: &str) -> Option<Verify> {
    match text {
        "none" => Some(Verify::None),
        "required" => Some(Verify::Required),
        _ => None,
    }
}

fn protocols<T: Side>(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let list = cx.take()?;
    let offered = profile::protocols(&list).map_err(|why| cx.refuse(why))?;
    cx.slot::<T>().profile().protocols = Some(offered);
    Ok(())
}

fn no_protocols<T: Side>(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    cx.slot::<T>().profile().protocols = Some(Vec::new());
    Ok(())
}

fn ciphers<T: Side>(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let list = cx.take()?;
    cx.slot::<T>().profile().ciphers = Some(list.into());
    Ok(())
}

fn suites<T: Side>(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let list = cx.take()?;
    cx.slot::<T>().profile().suites = Some(list.into());
    Ok(())
}

fn curves<T: Side>(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let list = cx.take()?;
    cx.slot::<T>().profile().curves = Some(list.into());
    Ok(())
}

fn signatures<T: Side>(
    cx: &mut OptionCx<'_, '_>,
    field: fn(&mut Profile) -> &mut Option<Schemes>,
) -> Result<(), Refusal> {
    let list = cx.take()?;
    let schemes = Schemes::parse(&list).map_err(|why| cx.refuse(format!(": {why}")))?;
    *field(cx.slot::<T>().profile()) = Some(schemes);
    Ok(())
}

/// Whether the kernel may encrypt, where it can. What is said of each record but content, such as tickets that come
/// later, goes past the library then: the process encrypts itself, as it does where the kernel cannot.
fn kernel(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let word = cx.take()?.into_owned();
    line::is_switch(&word).map_err(|why| cx.refuse(why))?;
    Exposure::experimental(cx.statement).map_err(|_| {
        cx.refuse("is experimental: it must be allowed by a global 'expose-experimental-directives'")
    })
}

fn force<T: Side>(cx: &mut OptionCx<'_, '_>, version: Version) -> Result<(), Refusal> {
    let profile = cx.slot::<T>().profile();
    (profile.min, profile.max) = (Some(version), Some(version));
    Ok(())
}

fn ban<T: Side>(cx: &mut OptionCx<'_, '_>, version: Version) -> Result<(), Refusal> {
    cx.slot::<T>().profile().banned.push(version);
    Ok(())
}

fn tickets<T: Side>(cx: &mut OptionCx<'_, '_>, switch: Switch) -> Result<(), Refusal> {
    cx.slot::<T>().profile().tickets = Some(switch);
    Ok(())
}

fn limit<T: Side>(
    cx: &mut OptionCx<'_, '_>,
    field: fn(&mut Profile) -> &mut Option<Version>,
) -> Result<(), Refusal> {
    let name = cx.take()?;
    let version =
        Version::find(&name).ok_or_else(|| cx.refuse(format!("unknown ssl/tls version '{name}'")))?;
    *field(cx.slot::<T>().profile()) = Some(version);
    Ok(())
}

fn name(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let text = cx.take_bytes()?;
    let parsed = lang::Expr::parse(text, cx.statement.registry);
    let expr = parsed.map_err(|e| cx.refuse(format!(": {}", e.message)))?;
    cx.slot::<ServerSettings>().name = Some(Arc::new(expr));
    Ok(())
}

fn ignored(
    cx: &mut OptionCx<'_, '_>,
    which: fn(&mut (Ignored, Ignored)) -> &mut Ignored,
) -> Result<(), Refusal> {
    let list = cx.take()?;
    let errors = Ignored::parse(&list).map_err(|why| cx.refuse(format!(": {why}")))?;
    *which(&mut cx.slot::<BindSettings>().ignored) = errors;
    Ok(())
}

fn source(cx: &mut OptionCx<'_, '_>, make: fn(Named) -> Source) -> Result<(), Refusal> {
    let named = certificate(cx)?;
    cx.slot::<BindSettings>().sources.push(make(named));
    Ok(())
}

fn certificate(cx: &mut OptionCx<'_, '_>) -> Result<Named, Refusal> {
    let base = cx.statement.draft.global::<Defaults>().certificates;
    let named = named(cx, base.as_deref())?;
    cx.statement.draft.global.get_mut::<Mentioned>().0.insert(named.name.clone());
    Ok(named)
}

fn authorities(cx: &mut OptionCx<'_, '_>) -> Result<Authorities, Refusal> {
    let base = cx.statement.draft.global::<Defaults>().authorities;
    Ok(Authorities::named(&cx.take()?, base.as_deref()))
}

/// The next word as a file. Where relative names are looked for may change from line to line.
fn named(cx: &mut OptionCx<'_, '_>, base: Option<&Path>) -> Result<Named, Refusal> {
    let written: Box<str> = cx.take()?.into();
    let name = line::resolved(&written, base);
    let path = line::path_of(&name);
    Ok(Named { written, name, path })
}

const fn global(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    global("ca-base", Arity::Exactly(1), |s| base(s, |d| &mut d.authorities)),
    global("crt-base", Arity::Exactly(1), |s| base(s, |d| &mut d.certificates)),
    global("issuers-chain-path", Arity::Exactly(1), |s| {
        let path = line::path_of(&s.arg(0));
        if !path.is_dir() {
            let text = format!("'{}' : '{}' is not a directory.", s.keyword(), s.arg(0));
            return Err(s.refuse(0, text));
        }
        s.slot::<Defaults>().chains = Some(path);
        Ok(())
    }),
    global("jwt.decrypt_alg_list", Arity::AtLeast(0), |s| taken(s, jwe::take_algorithms)),
    global("jwt.decrypt_enc_list", Arity::AtLeast(0), |s| taken(s, jwe::take_encryptions)),
    global("key-base", Arity::Exactly(1), |s| base(s, |d| &mut d.keys)),
    global("ssl-default-bind-ciphers", Arity::Exactly(1), |s| text(s, |d| &mut d.bind.ciphers)),
    global("ssl-default-bind-ciphersuites", Arity::Exactly(1), |s| text(s, |d| &mut d.bind.suites)),
    global("ssl-default-bind-client-sigalgs", Arity::Exactly(1), |s| {
        schemes(s, |d| &mut d.bind.client_signatures)
    }),
    global("ssl-default-bind-curves", Arity::Exactly(1), |s| text(s, |d| &mut d.bind.curves)),
    global("ssl-default-bind-options", Arity::AtLeast(1), |s| options(s, |d| &mut d.bind)),
    global("ssl-default-bind-sigalgs", Arity::Exactly(1), |s| schemes(s, |d| &mut d.bind.signatures)),
    global("ssl-default-server-ciphers", Arity::Exactly(1), |s| text(s, |d| &mut d.server.ciphers)),
    global("ssl-default-server-ciphersuites", Arity::Exactly(1), |s| text(s, |d| &mut d.server.suites)),
    global("ssl-default-server-client-sigalgs", Arity::Exactly(1), |s| {
        schemes(s, |d| &mut d.server.client_signatures)
    }),
    global("ssl-default-server-curves", Arity::Exactly(1), |s| text(s, |d| &mut d.server.curves)),
    global("ssl-default-server-options", Arity::AtLeast(1), |s| options(s, |d| &mut d.server)),
    global("ssl-default-server-sigalgs", Arity::Exactly(1), |s| schemes(s, |d| &mut d.server.signatures)),
    global("ssl-load-extra-del-ext", Arity::None, |s| {
        s.slot::<Defaults>().extras.naming = ExtraNames::Replaced;
        Ok(())
    }),
    global("ssl-load-extra-files", Arity::AtLeast(1), extra_files),
    global("ssl-passphrase-cmd", Arity::AtLeast(1), |s| {
        let words = (0..s.args()).map(|at| s.arg(at).into_owned()).collect();
        s.slot::<Defaults>().passphrase = words;
        Ok(())
    }),
    global("ssl-server-verify", Arity::Exactly(1), |s| {
        let verify = server_verify(&s.arg(0))
            .ok_or_else(|| s.refuse(0, "'ssl-server-verify' expects 'none' or 'required' as argument."))?;
        s.slot::<Defaults>().server_verify = Some(verify);
        Ok(())
    }),
    global("tune.ssl.capture-buffer-size", Arity::Exactly(1), |s| {
        let size = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Defaults>().capture = size as usize;
        Ok(())
    }),
    global("tune.ssl.capture-cipherlist-size", Arity::Exactly(1), |s| {
        s.warn(
            "'tune.ssl.capture-cipherlist-size' is the old name of 'tune.ssl.capture-buffer-size' and will go.",
        );
        let size = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Defaults>().capture = size as usize;
        Ok(())
    }),
    global("tune.ssl.cachesize", Arity::Exactly(1), |s| {
        let size = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Defaults>().cache = Some(size as usize);
        Ok(())
    }),
    // What a library does on its own is nothing here, as is what it does when it is switched off.
    global("tune.ssl.certificate-compression", Arity::Exactly(1), |s| match s.arg(0).as_ref() {
        "auto" | "off" => Ok(()),
        other => {
            let text =
                format!("'tune.ssl.certificate-compression' expects 'auto' or 'off' but got '{other}'.");
            Err(s.refuse(0, text))
        }
    }),
    // There is no exchange of keys that would need it.
    global("tune.ssl.default-dh-param", Arity::Exactly(1), |s| {
        match s.integer(0, 0..=i64::from(i32::MAX))? {
            1024.. => Ok(()),
            _ => Err(s.refuse(0, "'tune.ssl.default-dh-param' expects a value >= 1024.")),
        }
    }),
    // No process shares its sessions with others.
    global("tune.ssl.force-private-cache", Arity::None, |_| Ok(())),
    global("tune.ssl.hard-maxrecord", Arity::Exactly(1), |s| record(s, |d| &mut d.records.0)),
    global("tune.ssl.keylog", Arity::Exactly(1), |s| {
        let keeping = if s.switch(0)?.is_on() { Keeping::All } else { Keeping::Nothing };
        s.slot::<Defaults>().secrets = keeping;
        Ok(())
    }),
    global("ssl-skip-self-issued-ca", Arity::None, |s| {
        s.slot::<Defaults>().sent = Sent::UpToRoot;
        Ok(())
    }),
    global("tune.ssl.keyupdate-rate-limit", Arity::Exactly(1), |s| {
        let limit = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Defaults>().updates_per_second = Some(limit as u32);
        Ok(())
    }),
    global("tune.ssl.maxrecord", Arity::Exactly(1), |s| record(s, |d| &mut d.records.1)),
    global("tune.ssl.lifetime", Arity::Exactly(1), |s| {
        let lifetime = s.duration(0, grammar::time::Unit::Second)?.as_secs();
        s.slot::<Defaults>().lifetime = Some(u32::try_from(lifetime).unwrap_or(u32::MAX));
        Ok(())
    }),
    global("tune.ssl.ssl-ctx-cache-size", Arity::Exactly(1), |s| {
        let size = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Defaults>().made = Some(size as usize);
        Ok(())
    }),
];

fn base(s: &mut Statement<'_>, field: fn(&mut Defaults) -> &mut Option<PathBuf>) -> Result<(), Refusal> {
    let path = PathBuf::from(s.arg(0).into_owned());
    let path = std::path::absolute(&path).unwrap_or(path);
    *field(s.slot()) = Some(path);
    Ok(())
}

/// A list of algorithms that tokens may be encrypted with.
fn taken(s: &mut Statement<'_>, take: fn(&str) -> Result<(), String>) -> Result<(), Refusal> {
    take(&s.arg(0)).map_err(|name| s.refuse(0, format!("Unknown algorithm/encoding {name}")))
}

fn text(s: &mut Statement<'_>, field: fn(&mut Defaults) -> &mut Option<Box<str>>) -> Result<(), Refusal> {
    let text: Box<str> = s.arg(0).into();
    *field(s.slot()) = Some(text);
    Ok(())
}

fn record(s: &mut Statement<'_>, field: fn(&mut Defaults) -> &mut usize) -> Result<(), Refusal> {
    let most = s.integer(0, 0..=i64::from(i32::MAX))?;
    *field(s.slot()) = most as usize;
    Ok(())
}

fn schemes(s: &mut Statement<'_>, field: fn(&mut Defaults) -> &mut Option<Schemes>) -> Result<(), Refusal> {
    let schemes =
        Schemes::parse(&s.arg(0)).map_err(|why| s.refuse(0, format!("'{}' : {why}.", s.keyword())))?;
    *field(s.slot()) = Some(schemes);
    Ok(())
}

/// The options of lines that may be set for all of them.
fn options(s: &mut Statement<'_>, side: fn(&mut Defaults) -> &mut Profile) -> Result<(), Refusal> {
    let mut at = 0;
    while at < s.args() {
        let word = s.arg(at).into_owned();
        at += 1;
        let version = |word: &str| Version::ALL.into_iter().find(|v| tag(*v) == word);
        if let "ssl-min-ver" | "ssl-max-ver" = word.as_str() {
            let version = Version::find(&s.arg(at));
            let version = version
                .ok_or_else(|| s.refuse(at, format!("'{}' : '{word}' expects a version.", s.keyword())))?;
            let profile = side(s.slot());
            *(if word == "ssl-min-ver" { &mut profile.min } else { &mut profile.max }) = Some(version);
            at += 1;
        } else if let Some(version) = word.strip_prefix("no-").and_then(version) {
            side(s.slot()).banned.push(version);
        } else if let Some(version) = word.strip_prefix("force-").and_then(version) {
            let profile = side(s.slot());
            (profile.min, profile.max) = (Some(version), Some(version));
        } else {
            match word.as_str() {
                "no-tls-tickets" => side(s.slot()).tickets = Some(Switch::Off),
                "tls-tickets" => side(s.slot()).tickets = Some(Switch::On),
                "strict-sni" => s.slot::<Defaults>().bind_strictness = Strictness::Strict,
                "prefer-client-ciphers" => s.slot::<Defaults>().bind_order = Order::Clients,
                _ => return Err(s.refuse(at - 1, format!("'{}' : unknown option '{word}'.", s.keyword()))),
            }
        }
    }
    Ok(())
}

/// What a version is called behind `no-` and `force-`.
fn tag(version: Version) -> &'static str {
    match version {
        Version::Ssl3 => "sslv3",
        Version::Tls10 => "tlsv10",
        Version::Tls11 => "tlsv11",
        Version::Tls12 => "tlsv12",
        Version::Tls13 => "tlsv13",
    }
}

fn extra_files(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut extras = Extras { key: false, ocsp: false, issuer: false, ..s.slot::<Defaults>().extras };
    for at in 0..s.args() {
        match s.arg(at).as_ref() {
            "all" => (extras.key, extras.ocsp, extras.issuer) = (true, true, true),
            "key" => extras.key = true,
            "ocsp" => extras.ocsp = true,
            "issuer" => extras.issuer = true,
            // Several keys for one name are looked for anyway; timestamps of certificates are not sent.
            "none" | "bundle" | "sctl" => {}
            other => return Err(s.refuse(at, format!("'{}' : unknown argument '{other}'.", s.keyword()))),
        }
    }
    s.slot::<Defaults>().extras = extras;
    Ok(())
}
