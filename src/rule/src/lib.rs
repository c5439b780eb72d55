//! Rule sets, conditions, actions, verdicts.
