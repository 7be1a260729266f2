//! The walls around the compiler: whoever takes it over through a hostile module can use memory and threads, read
//! standard input and write standard output and error, and nothing else.

use crate::failure::Failure;
use crate::limits::Limits;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::io;

/// The newest Landlock whose rights are all asked for; an older kernel enforces those it knows.
const LANDLOCK: ABI = ABI::V6;
const FIRST_CLOSED: libc::c_uint = 3;

/// How far the kernel went along. Without the system-call filter there is no lock-down at all.
#[derive(Debug, PartialEq)]
pub enum Files {
    /// By the filter and by Landlock.
    TwiceDenied,
    /// By the filter: this kernel has no Landlock, or it is switched off.
    Denied,
}

/// For this thread and those it starts later, for ever. Call before there are others, and before reading any input.
pub fn lock_down(limits: &Limits) -> Result<Files, Failure> {
    close_other_descriptors()?;
    forbid_core_dumps()?;
    // Landlock needs a descriptor, the limits leave none.
    let files = forbid_files().map_err(|e| cannot_confine("Landlock", &e))?;
    limits.apply()?;
    install_filter().map_err(|e| cannot_confine("the system-call filter", &*e))?;
    Ok(files)
}

fn cannot_confine(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Io(format!(
        "this machine cannot confine the compiler: {what}: {error}"
    ))
}

fn close_other_descriptors() -> Result<(), Failure> {
    // SAFETY: nobody in this process owns a descriptor above the standard ones yet.
    if unsafe { libc::syscall(libc::SYS_close_range, FIRST_CLOSED, libc::c_uint::MAX, 0) } != 0 {
        return Err(cannot_confine("close_range", &io::Error::last_os_error()));
    }
    Ok(())
}

/// A limit of 0 does not stop dumps that go to a program; this does.
fn forbid_core_dumps() -> Result<(), Failure> {
    // SAFETY: this prctl takes no pointers.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(cannot_confine(
            "PR_SET_DUMPABLE",
            &io::Error::last_os_error(),
        ));
    }
    Ok(())
}

fn forbid_files() -> Result<Files, landlock::RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Files::TwiceDenied,
        RulesetStatus::NotEnforced => Files::Denied,
    })
}

fn install_filter() -> Result<(), Box<dyn std::error::Error>> {
    let filter = SeccompFilter::new(
        allowed_calls()?,
        // What an older kernel says to a call it does not know: libraries have a way around that.
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// No call that names a file, a socket, another process or a new limit is among them.
fn allowed_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let unconditional = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_restart_syscall,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getrandom,
    ];
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = unconditional
        .into_iter()
        .map(|call| (call, Vec::new()))
        .collect();
    // Shared and stack-like mappings are not counted as data; nothing that is compiled is run here.
    let flags = (libc::MAP_TYPE | libc::MAP_GROWSDOWN) as u64;
    let private_data = vec![
        masked(2, libc::PROT_EXEC as u64, 0)?,
        masked(3, flags, libc::MAP_PRIVATE as u64)?,
    ];
    calls.insert(libc::SYS_mmap, vec![SeccompRule::new(private_data)?]);
    let not_executable = masked(2, libc::PROT_EXEC as u64, 0)?;
    calls.insert(
        libc::SYS_mprotect,
        vec![SeccompRule::new(vec![not_executable])?],
    );
    // Threads, not processes. The newer clone3 hides its flags from filters; glibc does without it.
    let thread = masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?;
    calls.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    let own_name = equal(0, libc::PR_SET_NAME as u64)?;
    calls.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![own_name])?]);
    // abort() signals its own thread.
    let own_process = equal(0, u64::from(std::process::id()))?;
    calls.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own_process])?]);
    Ok(calls)
}

fn masked(
    argument: u8,
    mask: u64,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own, since there is no way back.
    #[test]
    fn landlock_alone_denies_files() {
        let outcome = std::thread::spawn(|| {
            let files = forbid_files().unwrap();
            (files, std::fs::File::open("/etc/hostname").map(drop))
        });
        let (files, opened) = outcome.join().unwrap();
        if files == Files::TwiceDenied {
            assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
