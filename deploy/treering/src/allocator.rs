//! A frugal allocator for the servers.
//!
//! That of glibc keeps, for each of up to eight times as many arenas as there are processors, tens of megabytes that
//! were freed: after a flood of large requests a process stays several times as large as what it holds. It can be told
//! otherwise, but only by its environment and before the process begins. Other allocators were tried: mimalloc kept
//! more, and each is a program in C to build along.

/// What glibc is told: few arenas, and back to the system what is larger than this or lies at an end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FRUGAL: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "262144"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];

/// Begins this process anew with a frugal allocator, as the same process to whoever watches it; returns where it is
/// frugal already, where somebody tuned it himself, and where there is nothing to tune.
pub(crate) fn make_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        let tuned = |name: &str| std::env::var_os(name).is_some();
        if tuned("GLIBC_TUNABLES") || FRUGAL.iter().any(|(name, _)| tuned(name)) {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        // It returns only where it failed, and then everything goes on as it was.
        drop(std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(FRUGAL).exec());
    }
}
