#include "base/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/invariant.h"
#include "base/log.h"

/*
 * The filter answers for itself: it lets prctl(MARK, LIST) fail with EALREADY, where a kernel
 * without it says EINVAL. PR_GET_SECCOMP would not do: a unit or a container has filters of its
 * own. Raise LIST with every change of what is denied, so that a new program adds its own filter.
 */
enum { MARK = 0x4c4f434d, LIST = 1 };

#if defined(__SANITIZE_ADDRESS__)
#define WITH_LEAK_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_LEAK_SANITIZER 1
#endif
#endif

/* The names are looked up when the program runs: a call that the library or the architecture does
 * not know is left out. */
static const char *const denied[] = {
#ifndef WITH_LEAK_SANITIZER /* which stops the threads by it, to look for leaks */
    "ptrace",
#endif
    /* memory and descriptors of other processes */
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    /* mounts, and files by handle, which lead out of a container */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "mount_setattr",
    "open_by_handle_at",
    /* namespaces; see also clone_flags */
    "unshare",
    "setns",
    /* the kernel: programs, modules, keys, another kernel, swap, ports */
    "bpf",
    "perf_event_open",
    "lookup_dcookie",
    "init_module",
    "finit_module",
    "delete_module",
    "add_key",
    "request_key",
    "keyctl",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "iopl",
    "ioperm",
    /* large, often attacked, and not used here */
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "modify_ldt",
};

/* Not CLONE_NEWTIME, which clone(2) does not take. */
static const int clone_flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                  CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

/* Packet sockets, direct access to the kernel's keys and ciphers, and to the host of a virtual
 * machine. */
static const int families[] = {AF_PACKET, AF_KEY, AF_ALG, AF_VSOCK, AF_XDP};

#ifdef __s390__
enum { CLONE_FLAGS = 1 };
#else
enum { CLONE_FLAGS = 0 };
#endif

/* 0 or a negative errno value; so are the results of the library. */
static int
deny(scmp_filter_ctx filter, const char *name, int error)
{
    const int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR
               ? 0
               : seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint32_t)error), number, 0, NULL);
}

/* Only the lower half is compared: the kernel takes an int, whatever is in the upper one. */
static struct scmp_arg_cmp
argument(unsigned index, uint32_t mask, uint32_t value)
{
    return (struct scmp_arg_cmp){
        .arg = index, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int
add_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp mark[] = {argument(0, UINT32_MAX, MARK),
                                        argument(1, UINT32_MAX, LIST)};
    int status = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EALREADY), SCMP_SYS(prctl),
                                        LOCUM_COUNT(mark), mark);
    for (size_t i = 0; status == 0 && i < LOCUM_COUNT(denied); i++) {
        status = deny(filter, denied[i], EPERM);
    }
    for (size_t i = 0; status == 0 && i < LOCUM_COUNT(clone_flags); i++) {
        const uint32_t flag = (uint32_t)clone_flags[i];
        const struct scmp_arg_cmp flags = argument(CLONE_FLAGS, flag, flag);
        status = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &flags);
    }
    /* Where socket(2) is part of socketcall(2), its arguments cannot be seen: EINVAL. */
    for (size_t i = 0; status == 0 && i < LOCUM_COUNT(families); i++) {
        const struct scmp_arg_cmp family = argument(0, UINT32_MAX, (uint32_t)families[i]);
        status = seccomp_rule_add_exact_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                              &family);
        status = status == -EINVAL ? 0 : status;
    }
    /* Its flags are in memory, where no filter sees them. With ENOSYS libc uses clone(2). */
    return status != 0 ? status : deny(filter, "clone3", ENOSYS);
}

/* 0 or a negative errno value. */
static int
install(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return -ENOMEM;
    }
    (void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* the errno of the kernel */
    int status = add_rules(filter);
    if (status == 0) {
        status = seccomp_load(filter); /* sets no_new_privs too */
    }
    seccomp_release(filter);
    return status;
}

static bool
is_confined(void)
{
    return prctl(MARK, LIST, 0, 0, 0) != 0 && errno == EALREADY;
}

/* After each execve(2) again. */
static void
keep_memory_private(void)
{
#ifndef WITH_LEAK_SANITIZER
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void
locum_confine(void)
{
    keep_memory_private();
    const int status = is_confined() ? 0 : install();
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "not-confined", "reason", strerror(-status), "effect",
                  "the program runs without a filter of its system calls");
    }
}
