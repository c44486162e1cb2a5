#![no_std]
//! nova-core
