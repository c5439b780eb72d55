//! The local time zone.

/// Seconds that local time is ahead of UTC at a moment given in seconds since 1970.
pub fn local_offset(unix_seconds: i64) -> i32 {
    i32::try_from(local(unix_seconds).tm_gmtoff).unwrap_or(0)
}

/// The name of local time at a moment given in seconds since 1970, such as `CET`.
pub fn local_zone(unix_seconds: i64) -> String {
    let zone = local(unix_seconds).tm_zone;
    if zone.is_null() {
        return String::new();
    }
    // SAFETY: the name is one of the C library's own, which it keeps.
    unsafe { std::ffi::CStr::from_ptr(zone) }.to_string_lossy().into_owned()
}

fn local(unix_seconds: i64) -> libc::tm {
    // SAFETY: an all-zero structure of integers and a pointer that is not read is valid.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    let seconds: libc::time_t = unix_seconds;
    // SAFETY: both are valid for the call; a moment that has no date leaves the structure as it is.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut local) };
    local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_has_a_name() {
        assert!(!local_zone(1_700_000_000).is_empty());
    }

    #[test]
    fn the_offset_is_one_that_exists() {
        for seconds in [0, 1_700_000_000, i64::MAX] {
            assert!(local_offset(seconds).abs() <= 15 * 3600);
        }
    }
}
