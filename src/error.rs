//! The public error, built from the private ones of the lower layers.
