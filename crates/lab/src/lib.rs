//! Starts real Apache Kafka clusters on loopback.
#![forbid(unsafe_code)]
