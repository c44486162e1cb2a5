//! Tests of the codec.

mod golden;
