//! Codecs of the small protocols: PROXY, SOCKS4, NetScaler client IP.
