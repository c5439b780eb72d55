//! The HTTP/1 codec, free of I/O.
