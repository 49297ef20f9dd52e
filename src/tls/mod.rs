//! TLS: roots of trust, client identities, crypto providers.
