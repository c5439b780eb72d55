//! Writing DER, the form of keys and certificates (ITU-T X.690).

/// An element with this tag and content.
pub fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|b| *b == 0).collect();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
            out.extend(length);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        assert_eq!(encode(4, b"ab"), [4, 2, b'a', b'b']);
        assert_eq!(encode(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(encode(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(encode(4, &[0; 256])[..4], [4, 0x82, 1, 0]);
    }
}
