#include "health/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"

/* What the loop and the thread share; the lock is never held over a system call that waits. */
struct locum_run {
    pthread_mutex_t lock;
    pthread_t thread;
    struct locum_config_command command;
    int output; /* the pipe's end for the process; the thread's */
    int ended;
    pid_t group;    /* of the running process; 0: none that may be killed */
    bool killed;    /* asked for */
    bool over;      /* the thread is at its end, and `result` holds */
    bool abandoned; /* nobody waits any more: the thread frees all this */
    struct locum_run_result result;
};

static void
free_run(struct locum_run *self)
{
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

/* What the process is given: descriptors, folder. 0 or errno. */
static int
add_actions(posix_spawn_file_actions_t *actions, int output)
{
    /* In this order, for the pipe itself may be one of the three. */
    int failure = posix_spawn_file_actions_adddup2(actions, output, 1);
    if (failure == 0) {
        failure = posix_spawn_file_actions_adddup2(actions, output, 2);
    }
    if (failure == 0) {
        failure = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    }
    if (failure == 0) {
        failure = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    }
    return failure == 0 ? posix_spawn_file_actions_addchdir_np(actions, "/") : failure;
}

/* A group of its own, and every signal as a program expects it. 0 or errno. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int failure = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failure == 0) {
        failure = posix_spawnattr_setsigmask(attributes, &none);
    }
    return failure == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : failure;
}

/* 0 or errno. posix_spawn(3) copies no memory and stops this thread alone until the exec. */
static int
spawn(const struct locum_run *self, pid_t *ret)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C",
        NULL};
    const char *argv[LOCUM_ARGV_MAX + 1] = {NULL};
    const char *word = self->command.words;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    for (size_t i = 0; i < self->command.count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) {
        return failure;
    }
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        failure = add_actions(&actions, self->output);
        if (failure == 0) {
            failure = set_attributes(&attributes);
        }
        if (failure == 0) {
            failure = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *)argv,
                                  (char *const *)environment);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/*
 * The process has ended and is not waited for yet, so that no other group can have its number.
 * Then those of its group that had this process for a parent (we are process 1 of a container).
 */
static void
bury(struct locum_run *self, pid_t pid)
{
    (void)pthread_mutex_lock(&self->lock);
    self->group = 0;
    (void)pthread_mutex_unlock(&self->lock);
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &self->result.status, 0) < 0 && errno == EINTR) {
    }
    while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR) {
    }
}

static void
see_through(struct locum_run *self, pid_t pid)
{
    siginfo_t info;
    (void)pthread_mutex_lock(&self->lock);
    self->group = pid;
    if (self->killed) {
        (void)kill(-pid, SIGKILL);
    }
    (void)pthread_mutex_unlock(&self->lock);
    int failed = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    while (failed != 0 && errno == EINTR) {
        failed = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    }
    if (failed != 0) { /* somebody else has waited for it */
        self->result.failure = errno;
        (void)pthread_mutex_lock(&self->lock);
        self->group = 0;
        (void)pthread_mutex_unlock(&self->lock);
        return;
    }
    bury(self, pid);
}

static void *
run(void *user)
{
    struct locum_run *self = user;
    pid_t pid = 0;
    (void)pthread_mutex_lock(&self->lock);
    const bool wanted = !self->killed;
    (void)pthread_mutex_unlock(&self->lock);
    self->result.failure = wanted ? spawn(self, &pid) : ECANCELED;
    (void)close(self->output);
    if (self->result.failure == 0) {
        see_through(self, pid);
    }
    (void)pthread_mutex_lock(&self->lock);
    self->over = true;
    const bool abandoned = self->abandoned;
    if (!abandoned) {
        (void)!write(self->ended, &(uint64_t){1}, sizeof(uint64_t));
    }
    (void)pthread_mutex_unlock(&self->lock);
    if (abandoned) {
        free_run(self);
    }
    return NULL;
}

int
locum_run_create(const struct locum_config_command *command, int ended, struct locum_run **ret,
                 int *ret_output)
{
    int ends[2];
    struct locum_run *self = calloc(1, sizeof(*self));
    if (self == NULL || pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        free_run(self);
        return LOCUM_ERR_IO;
    }
    self->command = *command;
    self->ended = ended;
    self->output = ends[1];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
        locum_thread_start(&self->thread, "locum-command", run, self) != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        free_run(self);
        return LOCUM_ERR_IO;
    }
    *ret = self;
    *ret_output = ends[0];
    return 0;
}

void
locum_run_kill(struct locum_run *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->killed = true;
    if (self->group != 0) {
        (void)kill(-self->group, SIGKILL);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

bool
locum_run_result(struct locum_run *self, struct locum_run_result *ret)
{
    (void)pthread_mutex_lock(&self->lock);
    const bool over = self->over;
    if (over) {
        *ret = self->result;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return over;
}

void
locum_run_destroy(struct locum_run *self)
{
    if (self == NULL) {
        return;
    }
    const pthread_t thread = self->thread;
    locum_run_kill(self);
    (void)pthread_mutex_lock(&self->lock);
    const bool over = self->over;
    self->abandoned = !over;
    (void)pthread_mutex_unlock(&self->lock);
    if (over) {
        (void)pthread_join(thread, NULL);
        free_run(self);
    } else {
        (void)pthread_detach(thread);
    }
}
