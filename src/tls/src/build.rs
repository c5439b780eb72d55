//! From what the lines say to what connections need, once the whole configuration is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::registry::Registry;
use config::{Check, Diagnostics, Draft};
use net::BindDrafts;

use crate::acceptor::{self, Acceptor, Filed};
use crate::certificate::{Certificate, Extras, LoadError};
use crate::connector::{self, Connector};
use crate::crt_list;
use crate::pki::chain::Trust;
use crate::pki::store::Store;
use crate::settings::{
    BindSettings, CaNames, CheckUse, Defaults, Named, Naming, ServerSettings, Source, Use,
};
use crate::verify::{Authorities, Verify};

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "certificates", run: check_binds }];

/// Certificates by file: each is read once.
type Loaded = BTreeMap<PathBuf, Result<Arc<Certificate>, LoadError>>;

/// A certificate that a line wants.
struct Wanted {
    path: PathBuf,
    names: Option<Vec<Box<str>>>,
    except: Vec<Box<str>>,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ordinary,
    Default,
}

fn check_binds(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let defaults: Defaults = draft.global();
    let mut lines = Vec::new();
    for (p, proxy) in draft.proxies.iter().enumerate() {
        let Some(binds) = proxy.slots.get::<BindDrafts>() else { continue };
        for (b, bind) in binds.0.iter().enumerate() {
            let Some(settings) = bind.slots.get::<BindSettings>().filter(|s| s.ssl == Use::Yes) else {
                continue;
            };
            match wanted(settings) {
                Ok(wanted) => lines.push((p, b, settings.clone(), wanted)),
                Err(why) => diagnostics.alert_at(&bind.place, title(&bind.written, &why)),
            }
        }
    }
    let paths = lines.iter().flat_map(|(.., wanted)| wanted.iter().map(|w| w.path.clone()));
    let loaded = load(paths.collect(), defaults.extras);
    for (p, b, settings, wanted) in lines {
        let proxy = &mut draft.proxies[p];
        let binds = proxy.slots.get_mut::<BindDrafts>();
        let Some(bind) = binds.0.get_mut(b).and_then(Arc::get_mut) else { continue };
        match acceptor(&settings, &wanted, &loaded, &defaults) {
            Ok(acceptor) => bind.slots.get_mut::<BindSettings>().acceptor = Some(Arc::new(acceptor)),
            Err(why) => diagnostics.alert_at(&bind.place, title(&bind.written, &why)),
        }
    }
}

fn title(written: &str, why: &str) -> String {
    format!("'bind {written}' : {why}.")
}

/// What a line wants to be loaded.
fn wanted(settings: &BindSettings) -> Result<Vec<Wanted>, String> {
    let mut all = Vec::new();
    for source in &settings.sources {
        let plain = |path: PathBuf, role| Wanted { path, names: None, except: Vec::new(), role };
        match source {
            Source::File(named) => {
                let files = files(named).map_err(|why| format!("'crt' : {why}"))?;
                all.extend(files.into_iter().map(|path| plain(path, Role::Ordinary)));
            }
            Source::Default(named) => {
                let files = files(named).map_err(|why| format!("'default-crt' : {why}"))?;
                all.extend(files.into_iter().map(|path| plain(path, Role::Default)));
            }
            Source::List(list) => {
                for entry in crt_list::read(&list.path).map_err(|why| format!("'crt-list' : {why}"))? {
                    let names = (!entry.names.is_empty()).then_some(entry.names);
                    all.push(Wanted { path: entry.path, names, except: entry.except, role: Role::Ordinary });
                }
            }
        }
    }
    if all.is_empty() {
        return Err("No Private Key found, a 'crt' or 'crt-list' is needed with 'ssl'".to_owned());
    }
    Ok(all)
}

/// The endings under which certificates of one name and several kinds of keys are kept.
const BUNDLE: &[&str] = &["rsa", "ecdsa", "dsa"];

/// The files that a word stands for: itself, those in a directory, or a bundle.
fn files(named: &Named) -> Result<Vec<PathBuf>, String> {
    let path = &named.path;
    if path.is_dir() {
        let cannot = |e: std::io::Error| format!("unable to scan directory '{}' ({e})", named.written);
        let entries = std::fs::read_dir(path).map_err(cannot)?;
        let beside = |p: &Path| {
            p.extension().is_some_and(|e| ["key", "ocsp", "issuer", "sctl"].iter().any(|x| e == *x))
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.retain(|p| p.is_file() && !beside(p));
        files.sort();
        return Ok(files);
    }
    if path.exists() {
        return Ok(vec![path.clone()]);
    }
    let with = |ending: &&str| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    let bundle: Vec<_> = BUNDLE.iter().map(with).filter(|p| p.exists()).collect();
    // A file that is not there is an error with its own words.
    Ok(if bundle.is_empty() { vec![path.clone()] } else { bundle })
}

/// Reads certificates, on all processors when there are many.
fn load(mut paths: Vec<PathBuf>, extras: Extras) -> Loaded {
    paths.sort();
    paths.dedup();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len() / 16 + 1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((path.clone(), Certificate::load(path, extras).map(Arc::new)));
        }
        done
    };
    if workers <= 1 {
        return work().into_iter().collect();
    }
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        helpers.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    })
}

fn acceptor(
    settings: &BindSettings,
    wanted: &[Wanted],
    loaded: &Loaded,
    defaults: &Defaults,
) -> Result<Acceptor, String> {
    let mut filed = Vec::with_capacity(wanted.len());
    for one in wanted {
        let certificate = match loaded.get(&one.path) {
            Some(Ok(certificate)) => certificate.clone(),
            Some(Err(e)) => return Err(e.to_string()),
            None => continue,
        };
        let filed_as = Filed { certificate, names: one.names.clone(), except: one.except.clone() };
        // Whoever is the default comes first.
        if one.role == Role::Default { filed.insert(0, filed_as) } else { filed.push(filed_as) }
    }
    let terms = acceptor::Terms {
        profile: settings.profile.or(&defaults.bind),
        verify: settings.verify.unwrap_or(Verify::None),
        clients: clients(settings)?,
        strictness: settings.strictness.unwrap_or(defaults.bind_strictness),
        order: settings.order.unwrap_or(defaults.bind_order),
        capture: defaults.capture,
        cache: defaults.cache.unwrap_or(CACHE),
    };
    Acceptor::new(&terms, &filed)
}

/// What the certificates of a line's clients are held against.
fn clients(settings: &BindSettings) -> Result<acceptor::Clients, String> {
    let told = loaded("ca-file", settings.authorities.as_ref())?;
    let others = loaded("ca-verify-file", settings.verify_authorities.as_ref())?;
    let revocations = loaded("crl-file", settings.revocations.as_ref())?;
    let names = match settings.names {
        CaNames::Told => told.iter().flat_map(|store| store.names()).collect(),
        CaNames::Kept => Vec::new(),
    };
    let trust = Trust { authorities: told.into_iter().chain(others).collect(), revocations };
    Ok(acceptor::Clients { trust, ignored: settings.ignored, names })
}

fn loaded(option: &str, authorities: Option<&Authorities>) -> Result<Option<Arc<Store>>, String> {
    authorities.map(Authorities::load).transpose().map_err(|e| format!("'{option}' : {e}"))
}

/// How many sessions a listener remembers (`tune.ssl.cachesize`).
const CACHE: usize = 20_000;

/// Makes what the connections to servers need.
pub struct ConnectorMaker(Defaults);

impl ConnectorMaker {
    /// By what a configuration says for all servers.
    pub fn of(draft: &Draft) -> Self {
        Self(draft.global())
    }

    /// Completes a server's settings, where its connections are encrypted.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn complete(
        &self,
        settings: &mut ServerSettings,
        http: bool,
        registry: &Registry,
    ) -> Result<(), String> {
        if settings.ssl == Use::No && settings.checks != CheckUse::Always {
            return Ok(());
        }
        settings.connector = Some(Arc::new(connector(settings, &self.0)?));
        if http && settings.name.is_none() && settings.naming == Naming::Auto {
            let host = lang::Expr::parse(b"req.hdr(host),field(1,:)", registry);
            settings.name = host.ok().map(Arc::new);
        }
        Ok(())
    }
}

fn connector(settings: &ServerSettings, defaults: &Defaults) -> Result<Connector, String> {
    let verify = settings.verify.or(defaults.server_verify).unwrap_or(Verify::Required);
    let authorities = loaded("ca-file", settings.authorities.as_ref())?;
    let revocations = loaded("crl-file", settings.revocations.as_ref())?;
    let trust = match (verify, authorities) {
        (Verify::None, _) => None,
        (_, Some(store)) => Some(Trust { authorities: vec![store], revocations }),
        (_, None) => {
            return Err("verify is enabled by default but no CA file specified: give a 'ca-file', or 'verify none' where the server is certain to be the right one, or 'ssl-server-verify none' in the global section for all of them".to_owned());
        }
    };
    let certificate = settings.certificate.as_ref().map(|named| {
        Certificate::load(&named.path, defaults.extras).map(Arc::new).map_err(|e| format!("'crt' : {e}"))
    });
    let terms = connector::Terms {
        profile: settings.profile.or(&defaults.server),
        trust,
        host: settings.host.clone(),
        certificate: certificate.transpose()?,
        reuse: settings.reuse,
    };
    Connector::new(terms)
}
