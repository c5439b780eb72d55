//! Checksums, hashes and digests.

use sha1::Digest;

use super::{INT, STR, bytes, plain, text, variable, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::facts::Scene;
use crate::sample::{Sample, Type};
use crate::vars::VarName;

use super::base64::{STANDARD, decode};

macro_rules! hash32 {
    ($name:literal, $hash:expr) => {
        with($name, Signature::optional(&[INT]), Type::Bin, Type::Int, unchecked, |s, args, _| {
            let hash: fn(&[u8]) -> u32 = $hash;
            let sum = hash(&bytes(s)?);
            let spread = args.int(0).is_some_and(|n| n != 0);
            Some(Sample::Int(i64::from(if spread { avalanche(sum) } else { sum })))
        })
    };
}

macro_rules! seeded {
    ($name:literal, $hash:expr) => {
        with($name, Signature::optional(&[INT]), Type::Bin, Type::Int, unchecked, |s, args, _| {
            let hash: fn(&[u8], i64) -> i64 = $hash;
            Some(Sample::Int(hash(&bytes(s)?, args.int(0).unwrap_or(0))))
        })
    };
}

/// The converters that hash.
pub static CONVERTERS: &[Converter] = &[
    hash32!("crc32", crc32fast::hash),
    hash32!("crc32c", crc32c::crc32c),
    with("digest", Signature::all(&[STR]), Type::Bin, Type::Bin, check_algorithm, |s, args, _| {
        Some(bin(algorithm(args)?.digest(&bytes(s)?)))
    }),
    hash32!("djb2", djb2),
    with("hmac", Signature::all(&[STR, STR]), Type::Bin, Type::Bin, check_hmac, hmac),
    hash32!("sdbm", sdbm),
    plain("sha1", Type::Bin, Type::Bin, |s, _, _| Some(bin(sum_of::<sha1::Sha1>(&bytes(s)?)))),
    with("sha2", Signature::optional(&[INT]), Type::Bin, Type::Bin, check_bits, |s, args, _| {
        Some(bin(sha2_of(args.int(0).unwrap_or(256))?(&bytes(s)?)))
    }),
    hash32!("wt6", wt6),
    seeded!("xxh3", |bytes, seed| xxhash_rust::xxh3::xxh3_64_with_seed(bytes, seed as u64) as i64),
    seeded!("xxh32", |bytes, seed| i64::from(xxhash_rust::xxh32::xxh32(bytes, seed as u32))),
    seeded!("xxh64", |bytes, seed| xxhash_rust::xxh64::xxh64(bytes, seed as u64) as i64),
];

fn bin(bytes: Vec<u8>) -> Sample<'static> {
    Sample::Bin(bytes.into())
}

/// Spreads each bit over all others: Robert Jenkins's integer hash, then a multiplication by a prime.
pub fn avalanche(hash: u32) -> u32 {
    let a = hash.wrapping_add(0x7ed5_5d16).wrapping_add(hash << 12);
    let a = a ^ 0xc761_c23c ^ (a >> 19);
    let a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    let a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    let a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    let a = a ^ 0xb55a_4f09 ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}

/// Daniel J. Bernstein's hash of strings.
pub fn djb2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte)))
}

/// The hash of the sdbm database library.
pub fn sdbm(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |hash: u32, byte| hash.wrapping_mul(65_599).wrapping_add(u32::from(*byte)))
}

/// WT6: two words that are swapped and rotated by amounts taken from themselves.
pub fn wt6(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut by_low, mut by_high) = (6, 18);
    for byte in bytes {
        let (a, b) = (!(low ^ u32::from(*byte)), !high.wrapping_add(u32::from(*byte)));
        (low, high) = (b.rotate_left(by_low), a.rotate_left(by_high));
        let steps = (low >> 16 ^ high) & 0xffff;
        (by_low, by_high) = (steps & 31, steps >> 11);
    }
    low ^ high
}

/// The checksum of Ethernet and gzip.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

type DigestFn = fn(&[u8]) -> Vec<u8>;

/// A message digest by its name in OpenSSL.
struct Algorithm {
    names: &'static [&'static str],
    /// The length of the blocks that it works on, in bytes.
    block: usize,
    digest: DigestFn,
}

impl Algorithm {
    fn digest(&self, bytes: &[u8]) -> Vec<u8> {
        (self.digest)(bytes)
    }

    /// The authentication code of RFC 2104.
    fn hmac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut block = if key.len() > self.block { self.digest(key) } else { key.to_vec() };
        block.resize(self.block, 0);
        let keyed = |pad: u8, message: &[u8]| {
            let mut input: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
            input.extend_from_slice(message);
            self.digest(&input)
        };
        keyed(0x5c, &keyed(0x36, message))
    }
}

fn sum_of<D: Digest>(bytes: &[u8]) -> Vec<u8> {
    D::digest(bytes).to_vec()
}

macro_rules! algorithm {
    ($block:literal, $digest:expr, $($name:literal),+) => {
        Algorithm { names: &[$($name),+], block: $block, digest: $digest }
    };
}

static ALGORITHMS: &[Algorithm] = &[
    algorithm!(64, sum_of::<md5::Md5>, "md5", "ssl3-md5", "rsa-md5"),
    algorithm!(64, md5_sha1, "md5-sha1"),
    algorithm!(64, sum_of::<sha1::Sha1>, "sha1", "sha-1", "ssl3-sha1", "rsa-sha1"),
    algorithm!(64, sum_of::<sha2::Sha224>, "sha224", "sha-224", "sha2-224", "rsa-sha224"),
    algorithm!(64, sum_of::<sha2::Sha256>, "sha256", "sha-256", "sha2-256", "rsa-sha256"),
    algorithm!(128, sum_of::<sha2::Sha384>, "sha384", "sha-384", "sha2-384", "rsa-sha384"),
    algorithm!(128, sum_of::<sha2::Sha512>, "sha512", "sha-512", "sha2-512", "rsa-sha512"),
    algorithm!(128, sum_of::<sha2::Sha512_224>, "sha512-224", "sha2-512/224", "rsa-sha512/224"),
    algorithm!(128, sum_of::<sha2::Sha512_256>, "sha512-256", "sha2-512/256", "rsa-sha512/256"),
    algorithm!(144, sum_of::<sha3::Sha3_224>, "sha3-224"),
    algorithm!(136, sum_of::<sha3::Sha3_256>, "sha3-256"),
    algorithm!(104, sum_of::<sha3::Sha3_384>, "sha3-384"),
    algorithm!(72, sum_of::<sha3::Sha3_512>, "sha3-512"),
    algorithm!(128, sum_of::<blake2::Blake2b512>, "blake2b512", "blake2b-512"),
    algorithm!(64, sum_of::<blake2::Blake2s256>, "blake2s256", "blake2s-256"),
];

fn md5_sha1(bytes: &[u8]) -> Vec<u8> {
    let mut sums = sum_of::<md5::Md5>(bytes);
    sums.extend(sum_of::<sha1::Sha1>(bytes));
    sums
}

fn check_algorithm(args: &mut Args) -> Result<(), String> {
    let name = text(args, 0).to_ascii_lowercase();
    let place = ALGORITHMS.iter().position(|known| known.names.contains(&name.as_str()));
    args.0[0] = Arg::Choice(place.ok_or("algorithm must be a valid OpenSSL message digest name")?);
    Ok(())
}

fn algorithm(args: &Args) -> Option<&'static Algorithm> {
    ALGORITHMS.get(args.choice(0)?)
}

fn check_hmac(args: &mut Args) -> Result<(), String> {
    check_algorithm(args)?;
    if VarName::parse(text(args, 1)).is_ok() || decode(&STANDARD, args.str(1)).is_some() {
        return Ok(());
    }
    Err("failed to parse key : argument needs to be base64 encoded, and can either be a string or a variable"
        .into())
}

fn hmac<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let key = if VarName::parse(text(args, 1)).is_ok() {
        decode(&STANDARD, &variable(args, 1, scene)?.into_text())?
    } else {
        decode(&STANDARD, args.str(1))?
    };
    Some(bin(algorithm(args)?.hmac(&key, &bytes(s)?)))
}

fn sha2_of(bits: i64) -> Option<DigestFn> {
    Some(match bits {
        224 => sum_of::<sha2::Sha224>,
        256 => sum_of::<sha2::Sha256>,
        384 => sum_of::<sha2::Sha384>,
        512 => sum_of::<sha2::Sha512>,
        _ => return None,
    })
}

fn check_bits(args: &mut Args) -> Result<(), String> {
    match args.int(0) {
        Some(bits) if sha2_of(bits).is_none() => Err(format!("Unsupported number of bits: '{bits}'")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};

    #[test]
    fn hashes_have_their_known_values() {
        expect(&[
            ("str(abc),crc32", "891568578"),
            ("str(abc),crc32(1)", "930845320"),
            ("str(abc),crc32(2)", "930845320"),
            ("str(abc),crc32c", "910901175"),
            ("str(abc),crc32c(1)", "1285784220"),
            ("str(abc),djb2", "193485963"),
            ("str(abc),djb2(1)", "2235766107"),
            ("str(abc),sdbm", "807794786"),
            ("str(abc),sdbm(1)", "659243622"),
            ("str(abc),wt6", "2483038440"),
            ("str(abc),wt6(1)", "266135527"),
            ("str(),wt6", "4187620192"),
            ("str(),djb2", "5381"),
            ("str(abcdefghijklmnopqrstuvwxyz),wt6", "3554310958"),
            ("str(abcdefghijklmnopqrstuvwxyz),djb2", "3927029252"),
            ("str(abcdefghijklmnopqrstuvwxyz),sdbm", "2808699725"),
            ("bin(ff80ff),djb2", "193659171"),
            ("bin(ff80ff),sdbm", "2115080702"),
            ("bin(ff80ff),wt6", "4100632792"),
        ]);
    }

    #[test]
    fn hashes_take_seeds() {
        expect(&[
            ("str(abc),xxh32", "852579327"),
            ("str(abc),xxh32(5)", "1562728233"),
            ("str(abc),xxh64", "4952883123889572249"),
            ("str(abc),xxh64(5)", "-1753195980308443340"),
            ("str(abc),xxh3", "8696274497037089104"),
            ("str(abc),xxh3(5)", "6167986026487092235"),
            ("str(abc),xxh3(-5)", "-6165315974102190573"),
        ]);
    }

    #[test]
    fn digests_are_chosen_by_name() {
        const SHA256: &str = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        expect(&[
            ("str(abc),sha1,hex", "A9993E364706816ABA3E25717850C26C9CD0D89D"),
            ("str(abc),sha2,hex", SHA256),
            ("str(abc),sha2(224),hex", "23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7"),
            ("str(abc),digest(md5),hex", "900150983CD24FB0D6963F7D28E17F72"),
            ("str(abc),digest(SHA256),hex", SHA256),
            ("str(abc),digest(RSA-SHA256),hex", SHA256),
            ("str(abc),digest(sha2-256),hex", SHA256),
            ("str(abc),digest(sha512-224),hex", "4634270F707B6A54DAAE7530460842E20E37ED265CEEE9A43E8924AA"),
            (
                "str(abc),digest(sha3-256),hex",
                "3A985DA74FE225B2045C172D6BD390BD855F086E3E9D525B46BFE24511431532",
            ),
            (
                "str(abc),digest(blake2s256),hex",
                "508C5E8C327C14E2E1A72BA34EEB452F37458B209ED63A294D999B4C86675982",
            ),
            (
                "str(abc),digest(md5-sha1),hex",
                "900150983CD24FB0D6963F7D28E17F72A9993E364706816ABA3E25717850C26C9CD0D89D",
            ),
        ]);
        assert!(error("str(abc),digest(nope)").contains("valid OpenSSL message digest name"));
        assert!(error("str(abc),sha2(100)").contains("Unsupported number of bits: '100'"));
    }

    #[test]
    fn messages_are_authenticated() {
        const SHA1: &str = "4FD0B215276EF12F2B3E4C8ECAC2811498B656FC";
        expect(&[
            (
                "str(abc),hmac(sha256,a2V5),hex",
                "9C196E32DC0175F86F4B1CB89289D6619DE6BEE699E4C378E68309ED97A1A6AB",
            ),
            ("str(abc),hmac(sha1,txn.key),hex", SHA1),
            ("str(abc),hmac(md5,a2V5),hex", "D2FE98063F876B03193AFB49B4979591"),
            (
                "str(abc),hmac(sha3-256,a2V5),hex",
                "09B6DBAB8D11795CA7C8D82F1CF91682013C7CB980ABBB25473BE4AE7F7B5683",
            ),
            (
                "str(abc),hmac(sha512-256,a2V5),hex",
                "F367B7CA80AB2CF85C23E58B73A8FD525A6FA2C66FF105804A2D4CF4DF06E129",
            ),
        ]);
        expect_none(&["str(abc),hmac(sha1,txn.none)"]);
        assert!(error("str(abc),hmac(sha1,k!y)").contains("failed to parse key"));
    }
}
