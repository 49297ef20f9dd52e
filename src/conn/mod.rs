//! Connections: one task owns one socket.
