//! What the guard refuses.

/// A field of a response, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Kafka's name of the field; `tags` for a section of tagged fields.
    pub(crate) field: &'static str,
    pub(crate) fault: Fault,
}

/// What can be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The frame ends before the field does.
    Truncated { left: usize },
    /// A length or a count is larger than the number of bytes left.
    TooLong { got: usize, left: usize },
    /// A length or a count is below -1, which is null.
    Negative { got: i32 },
    /// Null, where the schema has no null.
    Null,
    /// A text is not UTF-8.
    NotUtf8,
    /// A varint does not end within 32 bits.
    VarIntTooLong,
    /// A tagged field that the schema knows has another size than it announces.
    TagSize { announced: usize, left: usize },
    /// Decoding would take more memory than a frame of this size may.
    TooCostly { budget: usize },
}
