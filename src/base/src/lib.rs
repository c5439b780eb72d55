//! Clock, rates, counters, addresses, terminations, pools of buffers.
