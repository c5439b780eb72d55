//! Whether a certificate is for a host.

use x509_parser::extensions::GeneralName;

use super::certificate::Cert;

/// Whether one of its names is the host's, or stands for it with a wildcard.
pub(crate) fn is_for(certificate: &Cert<'_>, host: &str) -> bool {
    let other = certificate.alternative_names().iter().any(|name| match name {
        GeneralName::DNSName(name) => matches(name, host),
        _ => false,
    });
    other
        || certificate.parsed.subject().iter_common_name().any(|n| n.as_str().is_ok_and(|n| matches(n, host)))
}

/// Whether a pattern stands for a host. One star in the first label stands for some of its characters; the host's name
/// must then have as many labels as the pattern, and two at least behind the star.
fn matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some((star, pattern)), Some((label, host))) = (pattern.split_once('.'), host.split_once('.')) else {
        return false;
    };
    let Some((front, back)) = star.split_once('*') else { return false };
    if !pattern.contains('.') || !pattern.eq_ignore_ascii_case(host) || label.len() < front.len() + back.len()
    {
        return false;
    }
    let (label, front, back) = (label.as_bytes(), front.as_bytes(), back.as_bytes());
    label[..front.len()].eq_ignore_ascii_case(front)
        && label[label.len() - back.len()..].eq_ignore_ascii_case(back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_one_label() {
        assert!(matches("Www.Example.com", "www.example.COM"));
        assert!(matches("*.example.com", "www.example.com"));
        assert!(matches("w*w.example.com", "www.example.com"));
        assert!(!matches("*.example.com", "a.www.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.com", "example.com"));
        assert!(!matches("www.*.com", "www.example.com"));
        assert!(!matches("wwww*w.example.com", "www.example.com"));
    }
}
