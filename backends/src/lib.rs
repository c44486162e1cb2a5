#![no_std]
//! nova-backends
