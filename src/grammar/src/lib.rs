//! The pest grammars of the configuration and of the runtime API, with spans on everything.
