//! Which calls are trapped, as a program for the kernel's filter, and how a child installs it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::abi::{HOST, Machine};

// Instructions of classic BPF (linux/bpf_common.h).
/// BPF_LD | BPF_W | BPF_ABS
const LOAD: u16 = 0x20;
/// BPF_JMP | BPF_JEQ | BPF_K
const IF_EQUAL: u16 = 0x15;
/// BPF_JMP | BPF_JGE | BPF_K
const IF_AT_LEAST: u16 = 0x35;
/// BPF_JMP | BPF_JSET | BPF_K
const IF_ANY_BIT: u16 = 0x45;
/// BPF_RET | BPF_K
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const ERRNO: u32 = 0x0005_0000;

// Where things are in `struct seccomp_data`.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;

/// Sends data with the first packet of a connection, which nobody asks `connect` for.
const MSG_FASTOPEN: u32 = 0x2000_0000;
const AF_VSOCK: u32 = 40;

const SECCOMP_SET_MODE_FILTER: libc::c_ulong = 1;
const NEW_LISTENER: libc::c_ulong = 1 << 3;
/// While its call is being answered, a caller hears no signal but SIGKILL. Since Linux 5.19;
/// without it a signal interrupts calls that were carried out already.
const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;

/// A program for the kernel, ready to be installed between fork and exec.
#[derive(Clone, Debug)]
pub struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// The filter for this machine. An error: nobody has written one.
    pub fn new() -> io::Result<Filter> {
        let unknown = || io::Error::new(io::ErrorKind::Unsupported, "only x86-64 and aarch64");
        Ok(Filter(program(&HOST.ok_or_else(unknown)?)))
    }

    /// Installs it in the calling thread, for good, and gives back the descriptor on which its
    /// calls are heard. From then on the first trapped call waits until somebody hears.
    ///
    /// It may be called between fork and exec: it makes two system calls and allocates nothing.
    pub fn install(&self) -> io::Result<OwnedFd> {
        let program =
            libc::sock_fprog { len: self.0.len() as u16, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: prctl with numbers alone. seccomp reads `program` and the instructions behind it,
        // which live as long as `self`, and writes nothing. What it returns is a descriptor that
        // nobody else has.
        unsafe {
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
                return Err(io::Error::last_os_error());
            }
            let flags = NEW_LISTENER | WAIT_KILLABLE_RECV;
            let listener = libc::syscall(
                libc::SYS_seccomp,
                SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const program,
            );
            if listener < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(OwnedFd::from_raw_fd(listener as i32))
        }
    }
}

fn argument(number: u32) -> u32 {
    16 + 8 * number
}

fn step(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes on behind the next `skip` instructions where the test fails.
fn unless(code: u16, k: u32, skip: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: skip, k }
}

fn program(machine: &Machine) -> Vec<libc::sock_filter> {
    let refuse = |errno: i32| step(RETURN, ERRNO | errno as u32);
    let mut program = vec![
        step(LOAD, MACHINE),
        libc::sock_filter { code: IF_EQUAL, jt: 1, jf: 0, k: machine.audit },
        // Another ABI has other numbers for the same calls.
        refuse(libc::ENOSYS),
        step(LOAD, NUMBER),
    ];
    if let Some(first) = machine.second_abi {
        program.extend([unless(IF_AT_LEAST, first, 1), refuse(libc::ENOSYS)]);
    }
    for call in [machine.connect, machine.bind, machine.getpeername] {
        program.extend([unless(IF_EQUAL, call, 1), step(RETURN, NOTIFY)]);
    }
    // What it carries out is seen by no filter. Programs do without where it is missing.
    for call in machine.io_uring {
        program.extend([unless(IF_EQUAL, call, 1), refuse(libc::ENOSYS)]);
    }
    let flags = [(machine.sendto, 3), (machine.sendmsg, 2), (machine.sendmmsg, 3)];
    for (call, at) in flags {
        program.extend([
            unless(IF_EQUAL, call, 4),
            step(LOAD, argument(at)),
            unless(IF_ANY_BIT, MSG_FASTOPEN, 1),
            refuse(libc::EOPNOTSUPP),
            step(LOAD, NUMBER),
        ]);
    }
    // Datagrams to an address: they pass, and are seen.
    let (low, high) = (argument(4), argument(4) + 4);
    program.extend([
        unless(IF_EQUAL, machine.sendto, 6),
        step(LOAD, low),
        unless(IF_EQUAL, 0, 2),
        step(LOAD, high),
        libc::sock_filter { code: IF_EQUAL, jt: 1, jf: 0, k: 0 },
        step(RETURN, NOTIFY),
        step(RETURN, ALLOW),
    ]);
    program.extend([
        unless(IF_EQUAL, machine.socket, 4),
        step(LOAD, argument(0)),
        unless(IF_EQUAL, AF_VSOCK, 1),
        refuse(libc::EAFNOSUPPORT),
        step(RETURN, ALLOW),
        step(RETURN, ALLOW),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{AARCH64, X86_64};

    /// What the kernel would do, with its own rules for these five instructions.
    fn run(program: &[libc::sock_filter], machine: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(number.to_le_bytes());
        data.extend(machine.to_le_bytes());
        data.extend(0u64.to_le_bytes());
        data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
        let (mut at, mut accumulator) = (0, 0u32);
        loop {
            let now = program[at];
            at += 1;
            let holds = match now.code {
                LOAD => {
                    let word = data[now.k as usize..][..4].try_into().unwrap();
                    accumulator = u32::from_le_bytes(word);
                    continue;
                }
                RETURN => return now.k,
                IF_EQUAL => accumulator == now.k,
                IF_AT_LEAST => accumulator >= now.k,
                IF_ANY_BIT => accumulator & now.k != 0,
                other => panic!("no such instruction: {other:#x}"),
            };
            at += usize::from(if holds { now.jt } else { now.jf });
        }
    }

    #[test]
    fn each_call_meets_what_it_should_on_both_machines() {
        for machine in [X86_64, AARCH64] {
            let program = program(&machine);
            let check = |number: u32, arguments: [u64; 6], expected: u32| {
                let found = run(&program, machine.audit, number, arguments);
                assert_eq!(found, expected, "call {number} with {arguments:x?}");
            };
            let refused = |errno: i32| ERRNO | errno as u32;
            for call in [machine.connect, machine.bind, machine.getpeername] {
                check(call, [3, 0, 16, 0, 0, 0], NOTIFY);
            }
            for call in machine.io_uring {
                check(call, [0; 6], refused(libc::ENOSYS));
            }
            let fast = u64::from(MSG_FASTOPEN) | 0x4000;
            check(machine.sendto, [3, 0, 1, fast, 9, 16], refused(libc::EOPNOTSUPP));
            check(machine.sendmsg, [3, 0, fast, 0, 0, 0], refused(libc::EOPNOTSUPP));
            check(machine.sendmmsg, [3, 0, 1, fast, 0, 0], refused(libc::EOPNOTSUPP));
            check(machine.sendto, [3, 0, 1, 0x4000, 0, 0], ALLOW);
            check(machine.sendto, [3, 0, 1, 0, 9, 16], NOTIFY);
            // Only the upper half of the pointer is set.
            check(machine.sendto, [3, 0, 1, 0, 1 << 32, 16], NOTIFY);
            check(machine.sendmsg, [3, 9, 0x4000, 0, 0, 0], ALLOW);
            check(
                machine.socket,
                [u64::from(AF_VSOCK), 1, 0, 0, 0, 0],
                refused(libc::EAFNOSUPPORT),
            );
            check(machine.socket, [2, 1, 0, 0, 0, 0], ALLOW);
            check(0, [0; 6], ALLOW);
            check(500, [0; 6], ALLOW);
            let foreign = run(&program, 0x4000_0003, machine.connect, [0; 6]);
            assert_eq!(foreign, refused(libc::ENOSYS), "32-bit code");
        }
        let x32 = run(&program(&X86_64), X86_64.audit, 0x4000_002a, [0; 6]);
        assert_eq!(x32, ERRNO | libc::ENOSYS as u32);
    }
}
