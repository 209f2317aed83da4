/* confine: what a confined process may not do, and what it still can. Each test has a process of
 * its own, because a filter stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/invariant.h"

/* Of /proc/self/status, e.g. "Seccomp_filters"; -1: Linux before 5.9 does not say. */
static int
status_of(const char *key)
{
    char line[256];
    int found = -1;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
            found = atoi(line + strlen(key) + 1);
        }
    }
    (void)fclose(file);
    return found;
}

/* Run `test` in a child, which prints what fails. */
static void
in_child(bool (*test)(void))
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        const bool good = test();
        (void)fflush(stderr);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static bool
gives(const char *what, long result, int expected)
{
    const int error = result == -1 ? errno : 0;
    if (error != expected) {
        (void)fprintf(stderr, "%s: %s, not %s\n", what, strerror(error), strerror(expected));
    }
    return error == expected;
}

/* Arguments that do no harm where the call is allowed. */
#define CALL(name) gives(#name, syscall(SYS_##name, -1L, -1L, -1L, -1L, -1L, -1L), EPERM)

static bool
calls_are_denied(void)
{
    bool good = true;
    locum_confine();
    good &= CALL(process_vm_readv) && CALL(process_vm_writev) && CALL(mount) && CALL(umount2);
    good &= CALL(pivot_root) && CALL(move_mount) && CALL(fsopen) && CALL(open_by_handle_at);
    good &= CALL(setns) && CALL(bpf) && CALL(perf_event_open) && CALL(userfaultfd);
    good &= CALL(init_module) && CALL(finit_module) && CALL(delete_module);
    good &= CALL(add_key) && CALL(request_key) && CALL(keyctl);
    good &= CALL(kexec_load) && CALL(reboot) && CALL(swapon) && CALL(swapoff);
    good &= CALL(io_uring_setup) && CALL(io_uring_enter) && CALL(io_uring_register);
    good &= gives("unshare", unshare(0), EPERM);
    return good;
}

static void
test_calls_of_an_attacker_are_denied(void **state)
{
    (void)state;
    in_child(calls_are_denied);
}

static bool
ptrace_is_denied(void)
{
    locum_confine();
    return gives("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
}

static void
test_ptrace_is_denied(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
    print_message("SKIP: the leak sanitizer uses ptrace\n");
    skip();
#endif
    in_child(ptrace_is_denied);
}

static bool
namespaces_are_denied(void)
{
    static const long flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                 CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    bool good = true;
    locum_confine();
    for (size_t i = 0; i < LOCUM_COUNT(flags); i++) {
        const long child = syscall(SYS_clone, flags[i] | SIGCHLD, NULL, NULL, NULL, NULL);
        if (child == 0) {
            _exit(0);
        }
        good &= gives("clone", child, EPERM);
    }
    return good && gives("clone3", syscall(SYS_clone3, NULL, 0), ENOSYS);
}

static void
test_a_process_in_a_new_namespace_is_denied(void **state)
{
    (void)state;
    in_child(namespaces_are_denied);
}

static bool
sockets_are_denied(void)
{
    locum_confine();
    /* The kernel takes the lower half of the first argument. */
    return gives("AF_PACKET", socket(AF_PACKET, SOCK_DGRAM, 0), EPERM) &&
           gives("AF_PACKET", syscall(SYS_socket, 0x100000000L + AF_PACKET, SOCK_DGRAM, 0),
                 EPERM) &&
           gives("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0), EPERM) &&
           gives("AF_INET6", socket(AF_INET6, SOCK_DGRAM, 0) >= 0 ? 0 : -1, 0) &&
           gives("AF_UNIX", socket(AF_UNIX, SOCK_DGRAM, 0) >= 0 ? 0 : -1, 0) &&
           gives("AF_NETLINK", socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : -1, 0);
}

static void
test_packet_sockets_are_denied(void **state)
{
    (void)state;
    in_child(sockets_are_denied);
}

static void *
do_nothing(void *user)
{
    return user;
}

/* The exit code of a shell's command; -1: it could not be started. */
static int
shell(const char *command)
{
    char *const argv[] = {"sh", "-c", strdup(command), NULL};
    pid_t pid;
    int status;
    const bool ran = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, NULL) == 0 &&
                     waitpid(pid, &status, 0) == pid && WIFEXITED(status);
    free(argv[2]);
    return ran ? WEXITSTATUS(status) : -1;
}

static bool
threads_and_programs_run(void)
{
    pthread_t thread;
    locum_confine();
    return pthread_create(&thread, NULL, do_nothing, NULL) == 0 &&
           pthread_join(thread, NULL) == 0 && shell("exit 7") == 7 && system("exit 0") == 0;
}

static void
test_threads_and_programs_run(void **state)
{
    (void)state;
    in_child(threads_and_programs_run);
}

static bool
programs_are_confined(void)
{
    locum_confine();
    return shell("unshare --fork true 2>&1 | grep -q 'Operation not permitted'") == 0 &&
           shell("grep -q '^NoNewPrivs:.1' /proc/self/status") == 0;
}

static void
test_programs_that_it_starts_are_confined(void **state)
{
    (void)state;
    in_child(programs_are_confined);
}

#ifdef __x86_64__

/* The signal that ends a child that calls getpid(2) as a 32-bit program does; 0: none. */
static int
end_of_a_32_bit_call(bool confined)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        long number = 20;
        if (confined) {
            locum_confine();
        }
        __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
test_a_32_bit_program_is_killed(void **state)
{
    (void)state;
    if (end_of_a_32_bit_call(false) != 0) {
        print_message("SKIP: this kernel runs no 32-bit programs\n");
        skip();
    }
    assert_int_equal(end_of_a_32_bit_call(true), SIGSYS);
}

#endif

static bool
filters_do_not_pile_up(void)
{
    const int before = status_of("Seccomp_filters");
    locum_confine();
    locum_confine();
    return before < 0 || status_of("Seccomp_filters") == before + 1;
}

static void
test_a_second_time_adds_no_filter(void **state)
{
    (void)state;
    in_child(filters_do_not_pile_up);
}

/* As a kernel without seccomp or a sandbox does: these calls fail. */
static bool
withhold_seccomp(int error, bool with_prctl)
{
    const struct scmp_arg_cmp option = SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    const uint32_t action = SCMP_ACT_ERRNO((uint32_t)error);
    const bool good =
        filter != NULL && seccomp_rule_add_array(filter, action, SCMP_SYS(seccomp), 0, NULL) == 0 &&
        (!with_prctl || seccomp_rule_add_array(filter, action, SCMP_SYS(prctl), 1, &option) == 0) &&
        seccomp_load(filter) == 0;
    seccomp_release(filter);
    return good;
}

static bool
goes_on_without_seccomp(void)
{
    char line[256] = "";
    int ends[2];
    if (!withhold_seccomp(EINVAL, true) || pipe(ends) != 0 || dup2(ends[1], 2) != 2) {
        return false;
    }
    locum_confine();
    return read(ends[0], line, sizeof(line) - 1) > 0 && strstr(line, "not-confined") != NULL &&
           strstr(line, strerror(EINVAL)) != NULL && unshare(0) == 0;
}

static void
test_without_seccomp_it_goes_on_with_a_warning(void **state)
{
    (void)state;
    in_child(goes_on_without_seccomp);
}

/* systemd's @system-service does not contain seccomp(2), only prctl(2). The library remembers what
 * the kernel can do, so another program tries: main(). */
static bool
is_confined_by_prctl(void)
{
    static char *const argv[] = {"test_confine", "confine", NULL};
    return withhold_seccomp(EPERM, false) && execv("/proc/self/exe", argv) == 0;
}

static void
test_it_works_in_the_sandbox_of_a_unit(void **state)
{
    (void)state;
    in_child(is_confined_by_prctl);
}

int
main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        locum_confine();
        return gives("unshare", unshare(0), EPERM) ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_of_an_attacker_are_denied),
        cmocka_unit_test(test_ptrace_is_denied),
        cmocka_unit_test(test_a_process_in_a_new_namespace_is_denied),
        cmocka_unit_test(test_packet_sockets_are_denied),
        cmocka_unit_test(test_threads_and_programs_run),
        cmocka_unit_test(test_programs_that_it_starts_are_confined),
#ifdef __x86_64__
        cmocka_unit_test(test_a_32_bit_program_is_killed),
#endif
        cmocka_unit_test(test_a_second_time_adds_no_filter),
        cmocka_unit_test(test_without_seccomp_it_goes_on_with_a_warning),
        cmocka_unit_test(test_it_works_in_the_sandbox_of_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
