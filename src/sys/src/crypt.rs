//! Encrypted passwords, as the system's `crypt(3)` knows them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

#[link(name = "crypt")]
unsafe extern "C" {
    fn crypt_r(key: *const c_char, salt: *const c_char, data: *mut c_void) -> *mut c_char;
}

/// At least what any C library wants to work in, in units of eight bytes.
const ROOM: usize = 1 << 15;

/// Encrypts a password the way that an encrypted one shows; none if the system does not know it.
pub fn encrypt(password: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let (key, salt) = (CString::new(password).ok()?, CString::new(encrypted).ok()?);
    let mut room = vec![0u64; ROOM];
    // SAFETY: both texts end with a NUL, and the room is zeroed, aligned, and larger than the structure of any
    // library that is known. It outlives the result, which is copied.
    let result = unsafe {
        let result = crypt_r(key.as_ptr(), salt.as_ptr(), room.as_mut_ptr().cast::<c_void>());
        if result.is_null() { None } else { Some(CStr::from_ptr(result).to_bytes().to_vec()) }
    };
    // What cannot be encrypted begins with an asterisk.
    result.filter(|text| !text.starts_with(b"*"))
}

const _: () = assert!(size_of::<c_int>() <= size_of::<u64>(), "the room is aligned for what stands in it");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_methods_are_recognised() {
        // Made with `openssl passwd`.
        let md5 = b"$1$abcdefgh$G//4keteveJp0qb8z2DxG/";
        assert_eq!(encrypt(b"password", md5).as_deref(), Some(&md5[..]));
        assert_ne!(encrypt(b"passwort", md5).as_deref(), Some(&md5[..]));
        let sha = encrypt(b"secret", b"$5$rounds=1000$salt$").unwrap();
        assert!(sha.starts_with(b"$5$rounds=1000$salt$"));
        assert_eq!(encrypt(b"secret", &sha), Some(sha));
    }

    #[test]
    fn what_is_no_encrypted_password_matches_nothing() {
        assert_eq!(encrypt(b"a", b"$nosuch$x"), None);
        assert_eq!(encrypt(b"a\0b", b"$1$abc$"), None);
    }
}
