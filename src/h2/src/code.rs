//! Why a stream or a connection ends (RFC 9113, section 7).

/// An error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// Something here is wrong.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More was sent than was allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// Settings were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(4);
    /// A frame came for a stream that is closed.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame has a size that it cannot have.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// The stream was not processed at all.
    pub const REFUSED_STREAM: Self = Self(7);
    /// The stream is no longer needed.
    pub const CANCEL: Self = Self(8);
    /// Header blocks cannot be understood.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// The connection behind a tunnel broke.
    pub const CONNECT_ERROR: Self = Self(10);
    /// The peer asks for too much.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
    /// The connection is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(12);
    /// The request has to be sent over HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(13);
}
