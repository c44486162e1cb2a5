//! Tests of the codec.

mod golden;
mod refused;
mod version_data;
