//! The registry over all rooms' tables, the listing of -dK, spelling suggestions.
