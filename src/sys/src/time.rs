//! The local time zone.

/// Seconds that local time is ahead of UTC at a moment given in seconds since 1970.
pub fn local_offset(unix_seconds: i64) -> i32 {
    // SAFETY: an all-zero structure of integers and a pointer that is not read is valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    let seconds: libc::time_t = unix_seconds;
    // SAFETY: both are valid for the call; a moment that has no date leaves the structure as it is.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut local) };
    i32::try_from(local.tm_gmtoff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_one_that_exists() {
        for seconds in [0, 1_700_000_000, i64::MAX] {
            assert!(local_offset(seconds).abs() <= 15 * 3600);
        }
    }
}
