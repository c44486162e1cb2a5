//! Simulated NVIDIA GPUs for nova-core, with a seeded deterministic scheduler and a free-running mode.
