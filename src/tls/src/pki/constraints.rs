//! The names that an authority may issue certificates for (RFC 5280, section 4.2.1.10).

use x509_parser::extensions::{GeneralName, NameConstraints};

use super::certificate::Cert;
use super::chain::{Depth, Examination, Refused};
use super::error::Code;

impl Examination<'_> {
    /// Looks whether each issuer may issue the names below it.
    pub(super) fn check_names(&mut self, chain: &[Cert<'_>]) -> Result<(), Refused> {
        for (depth, certificate) in chain.iter().enumerate() {
            if depth > 0 && certificate.is_self_issued() {
                continue;
            }
            for issuer in &chain[depth + 1..] {
                if let Some(constraints) = issuer.constraints()
                    && let Err(code) = permits(constraints, certificate, depth == 0)
                {
                    self.report(Depth(depth), code)?;
                }
            }
        }
        Ok(())
    }
}

fn permits(constraints: &NameConstraints<'_>, certificate: &Cert<'_>, is_leaf: bool) -> Result<(), Code> {
    let subject = certificate.parsed.subject();
    if subject.iter().next().is_some() {
        permits_name(constraints, &GeneralName::DirectoryName(subject.clone()))?;
    }
    for name in certificate.alternative_names() {
        permits_name(constraints, name)?;
    }
    // Without names of its own kind a host is named by the common name.
    let hosts = |n: &GeneralName<'_>| matches!(n, GeneralName::DNSName(_));
    if is_leaf && !certificate.alternative_names().iter().any(hosts) {
        let common = subject.iter_common_name().filter_map(|n| n.as_str().ok());
        for name in common.filter(|n| n.contains('.') && !n.contains(' ')) {
            permits_name(constraints, &GeneralName::DNSName(name))?;
        }
    }
    Ok(())
}

fn permits_name(constraints: &NameConstraints<'_>, name: &GeneralName<'_>) -> Result<(), Code> {
    let of_kind = |base: &GeneralName<'_>| std::mem::discriminant(base) == std::mem::discriminant(name);
    let mut listed = false;
    let mut permitted = false;
    for subtree in constraints.permitted_subtrees.iter().flatten().filter(|s| of_kind(&s.base)) {
        listed = true;
        permitted |= is_within(name, &subtree.base)?;
    }
    if listed && !permitted {
        return Err(Code::NOT_PERMITTED);
    }
    for subtree in constraints.excluded_subtrees.iter().flatten().filter(|s| of_kind(&s.base)) {
        if is_within(name, &subtree.base)? {
            return Err(Code::EXCLUDED);
        }
    }
    Ok(())
}

/// Whether a name is in the part of all names of its kind that a constraint is about.
fn is_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> Result<bool, Code> {
    Ok(match (name, base) {
        (GeneralName::DNSName(name), GeneralName::DNSName(base)) => is_below(name, base),
        (GeneralName::RFC822Name(name), GeneralName::RFC822Name(base)) => match base.split_once('@') {
            Some(_) => name.eq_ignore_ascii_case(base),
            None => name.rsplit_once('@').is_some_and(|(_, host)| is_host_of(host, base)),
        },
        (GeneralName::URI(name), GeneralName::URI(base)) => {
            let host = name.split_once("://").map_or(*name, |(_, rest)| rest);
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            is_host_of(host.split(':').next().unwrap_or_default(), base)
        }
        (GeneralName::IPAddress(address), GeneralName::IPAddress(base)) => is_in_network(address, base),
        (GeneralName::DirectoryName(name), GeneralName::DirectoryName(base)) => {
            let mut parts = name.iter();
            base.iter().all(|wanted| parts.next().is_some_and(|part| part == wanted))
        }
        _ => return Err(Code::CONSTRAINT_TYPE),
    })
}

/// Whether a host is this one or below it.
fn is_below(name: &str, base: &str) -> bool {
    let base = base.strip_prefix('.').unwrap_or(base);
    if base.is_empty() || name.eq_ignore_ascii_case(base) {
        return true;
    }
    ends_with(name, base) && name.as_bytes()[name.len() - base.len() - 1] == b'.'
}

/// Whether a host is this one; with a dot in front, whether it is below it.
fn is_host_of(host: &str, base: &str) -> bool {
    if base.starts_with('.') { ends_with(host, base) } else { host.eq_ignore_ascii_case(base) }
}

/// Whether something comes before an ending.
fn ends_with(name: &str, end: &str) -> bool {
    name.len() > end.len() && name.as_bytes()[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

fn is_in_network(address: &[u8], base: &[u8]) -> bool {
    if base.len() != 2 * address.len() {
        return false;
    }
    let (network, mask) = base.split_at(address.len());
    address.iter().zip(network).zip(mask).all(|((a, n), m)| a & m == n & m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_below_their_domains() {
        assert!(is_below("www.example.com", "example.com") && is_below("example.com", "Example.com"));
        assert!(is_below("www.example.com", ".example.com") && is_below("any", ""));
        assert!(!is_below("badexample.com", "example.com") && !is_below("com", "example.com"));
        assert!(is_host_of("example.com", "example.com") && !is_host_of("a.example.com", "example.com"));
        assert!(is_host_of("a.example.com", ".example.com") && !is_host_of("example.com", ".example.com"));
    }

    #[test]
    fn addresses_are_in_networks() {
        assert!(is_in_network(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_in_network(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_in_network(&[0; 16], &[10, 0, 0, 0, 255, 0, 0, 0]));
    }
}
