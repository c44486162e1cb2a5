//! What the kernel counts, before and after many rounds of something.

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{debugfs, is_debug};

/// So many objects come and go by themselves; fewer rounds than that show a leak only if each leaves several.
const NOISE: u64 = 32;
/// Looks at the counts: what is freed after a grace period, or by a worker, is still counted before.
const LOOKS: u32 = 5;

/// Objects in use, by cache.
#[derive(Debug)]
pub(crate) struct Count(BTreeMap<String, u64>);

impl Count {
    /// The counts now, without what the kernel keeps although nobody uses it: cached names and inodes, and free objects that
    /// each processor has set aside, which count as used.
    ///
    /// Nothing on the debug kernel, where kmemleak looks: to shrink a cache KASAN searches its quarantine, most of a minute for all of them.
    pub(crate) fn now() -> Result<Self> {
        if is_debug() {
            return Ok(Self(BTreeMap::new()));
        }
        let mut least: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..LOOKS {
            fs::write("/proc/sys/vm/drop_caches", "3").context("drop_caches")?;
            thread::sleep(Duration::from_millis(200));
            for name in counted()?.keys() {
                // One that is an alias or has just gone cannot be shrunk, and need not be.
                let _ = fs::write(Path::new("/sys/kernel/slab").join(name).join("shrink"), "1");
            }
            for (name, count) in counted()? {
                least.entry(name).and_modify(|least| *least = count.min(*least)).or_insert(count);
            }
        }
        ensure!(least.len() > 10, "/proc/slabinfo has no caches");
        Ok(Self(least))
    }

    /// Fails if a cache has grown by an object per round or more: each round has left one. Gives the largest growth.
    pub(crate) fn ensure_no_growth_since(&self, before: &Self, rounds: u32) -> Result<String> {
        if self.0.is_empty() {
            return Ok("not counted".to_owned());
        }
        let grown = |(name, now): (&String, &u64)| {
            let was = before.0.get(name).copied().unwrap_or(0);
            (now.saturating_sub(was), name.clone())
        };
        let (most, cache) = self.0.iter().map(grown).max().unwrap_or_default();
        ensure!(
            most < u64::from(rounds).max(NOISE),
            "after {rounds} rounds the cache {cache} has {most} objects more: at least one is left by each"
        );
        Ok(format!("{cache} +{most}"))
    }
}

/// The caches in /proc/slabinfo.
fn counted() -> Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string("/proc/slabinfo").context("no /proc/slabinfo")?;
    Ok(text.lines().filter_map(cache).collect())
}

/// A line of /proc/slabinfo, if it is one of a cache.
fn cache(line: &str) -> Option<(String, u64)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let active = words.next()?.parse().ok()?;
    (!name.starts_with('#')).then(|| (name.to_owned(), active))
}

/// Has the kernel look for memory that nobody refers to, where it can; fails if it finds some.
pub(crate) fn scan_for_leaks() -> Result<&'static str> {
    let file = debugfs()?.join("kmemleak");
    if !file.exists() {
        return Ok("no kmemleak in this kernel");
    }
    // What was just allocated is reported by the second look only.
    for _ in 0..2 {
        fs::write(&file, "scan").context("kmemleak does not scan")?;
        thread::sleep(Duration::from_millis(200));
    }
    let found = fs::read_to_string(&file)?;
    let ours = found.contains("nova");
    fs::write(&file, "clear")?;
    ensure!(!ours, "kmemleak has found:\n{found}");
    Ok("kmemleak finds nothing of nova's")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: u64) -> Count {
        Count([("kmalloc-64".to_owned(), objects), ("inode_cache".to_owned(), 5)].into())
    }

    #[test]
    fn one_object_per_round_is_a_leak() {
        assert_eq!(of(399).ensure_no_growth_since(&of(100), 300).unwrap(), "kmalloc-64 +299");
        assert!(of(400).ensure_no_growth_since(&of(100), 300).is_err());
        assert!(of(120).ensure_no_growth_since(&of(100), 10).is_ok());
        assert!(of(100).ensure_no_growth_since(&of(200), 1).is_ok());
    }

    #[test]
    fn a_line_of_slabinfo() {
        let line = "kmalloc-64          2150   2368     64   64    1 : tunables    0    0    0 : slabdata     37     37      0";
        assert_eq!(cache(line), Some(("kmalloc-64".to_owned(), 2150)));
        assert_eq!(cache("# name            <active_objs> <num_objs>"), None);
        assert_eq!(cache("slabinfo - version: 2.1"), None);
    }
}
