//! The one internal message: start line, ordered case-preserving headers, body pieces, URI, cookies.
