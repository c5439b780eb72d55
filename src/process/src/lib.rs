//! Command line, start-up, workers, signals, reload.
