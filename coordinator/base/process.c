#include "base/process.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"

enum {
    CHUNK_BYTES = 4096,
    PIPE_CHUNKS = 16 /* the capacity of a pipe, pipe(7) */,
    STARTING_WAIT_MS = 1
};

/* What loop and thread share. The lock is never held over a system call that waits. */
struct process_run {
    LIST_ENTRY(process_run) entry; /* of own.runs */
    pid_t pid;
    pthread_mutex_t lock;
    pthread_t thread;
    char **argv;
    int output;     /* write end of the pipe; the thread's */
    int input;      /* standard input, not below 3; -1: /dev/null; the thread's */
    int ended_fd;   /* the thread writes to it at its end, unless abandoned */
    pid_t group;    /* the running process; 0: none that may be killed */
    bool killed;    /* the loop asked for it */
    bool cancelled; /* locum_process_hold() has killed it; own.lock */
    bool over;      /* the thread is at its end, and `result` is set */
    bool abandoned; /* the loop no longer waits: the thread frees all this */
    struct locum_process_result result;
};

struct locum_process {
    locum_process_fn *on_end;
    void *user;
    struct process_run *run;
    struct event ended, readable;
    int ended_fd;  /* eventfd(2) */
    int output_fd; /* read end of the pipe */
    size_t length;
    char output[LOCUM_PROCESS_OUTPUT_MAX + 1];
};

/* The processes whose status belongs to a run. The lock is never held over a call that waits. */
static struct {
    pthread_mutex_t lock;
    LIST_HEAD(, process_run) runs; /* their processes may be running, or ended and not reaped */
    size_t starting;               /* processes that exist, but are not in `runs` yet */
    bool held;                     /* none is to be started */
    bool adopts;                   /* the program before this one may have left children */
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
is_own(pid_t pid)
{
    const struct process_run *run = LIST_FIRST(&own.runs);
    while (run != NULL && run->pid != pid) {
        run = LIST_NEXT(run, entry);
    }
    return run != NULL;
}

/*
 * With the lock held. waitid(2) names one ended child after the other. If it names an own one, or
 * one may be starting, the rest must wait: the thread of that run calls this again.
 */
static void
reap_inherited(void)
{
    int subreaper = 0;
    siginfo_t info = {0};
    (void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    while ((getpid() == 1 || subreaper != 0 || own.adopts) && own.starting == 0 &&
           waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
           !is_own(info.si_pid)) {
        (void)waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
}

void
locum_process_reap_inherited(void)
{
    (void)pthread_mutex_lock(&own.lock);
    reap_inherited();
    (void)pthread_mutex_unlock(&own.lock);
}

static void
free_run(struct process_run *self)
{
    (void)pthread_mutex_destroy(&self->lock);
    free(self->argv);
    free(self);
}

/* Descriptors and directory of the new process. False: no memory. */
static bool
add_actions(posix_spawn_file_actions_t *actions, const struct process_run *self)
{
    /* In this order, because the pipe itself may be one of the three. */
    return posix_spawn_file_actions_adddup2(actions, self->output, 1) == 0 &&
           posix_spawn_file_actions_adddup2(actions, self->output, 2) == 0 &&
           (self->input >= 0
                ? posix_spawn_file_actions_adddup2(actions, self->input, 0)
                : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(actions, 3) == 0 &&
           posix_spawn_file_actions_addchdir_np(actions, "/") == 0;
}

/* A group of its own, and every signal as a program expects it. */
static bool
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF) == 0 &&
           posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &all) == 0;
}

/*
 * The new process gets no capability of this one (AmbientCapabilities of a unit), unless root runs
 * both. Capabilities are those of a thread, and this one only waits from here on.
 */
static void
give_up_capabilities(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* 0 or errno. posix_spawn(3) copies no memory and stops only this thread until the exec. */
static int
spawn(const struct process_run *self, pid_t *ret)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C",
        NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = ENOMEM;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return failure;
    }
    if (posix_spawnattr_init(&attributes) == 0) {
        if (add_actions(&actions, self) && set_attributes(&attributes)) {
            failure = posix_spawn(ret, self->argv[0], &actions, &attributes, self->argv,
                                  (char *const *)environment);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Name the group that may be killed; 0: none any more. */
static void
set_group(struct process_run *self, pid_t group)
{
    (void)pthread_mutex_lock(&self->lock);
    self->group = group;
    if (group != 0 && self->killed) {
        (void)kill(-group, SIGKILL);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void
kill_group(struct process_run *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->killed = true;
    if (self->group != 0) {
        (void)kill(-self->group, SIGKILL);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/*
 * The process has ended but is not reaped yet, so no other group can have its number. Kill the
 * rest of the group, then reap the process and those of the group whose parent we are (as process 1
 * of a container we inherit them).
 */
static void
reap_group(struct process_run *self, pid_t pid)
{
    set_group(self, 0);
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &self->result.status, 0) < 0 && errno == EINTR) {
    }
    while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR) {
    }
}

static void
wait_for_exit(struct process_run *self, pid_t pid)
{
    siginfo_t info;
    int failed;
    do {
        failed = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    } while (failed != 0 && errno == EINTR);
    if (failed == 0) {
        reap_group(self, pid);
    } else { /* other code of this program has reaped it */
        self->result.failure = errno;
        set_group(self, 0);
    }
}

/* 0 or errno. */
static int
start_own(struct process_run *self)
{
    (void)pthread_mutex_lock(&own.lock);
    const bool held = own.held;
    own.starting += !held;
    (void)pthread_mutex_unlock(&own.lock);
    if (held) {
        return ECANCELED;
    }
    const int failure = spawn(self, &self->pid);
    (void)pthread_mutex_lock(&own.lock);
    own.starting--;
    if (failure == 0) {
        LIST_INSERT_HEAD(&own.runs, self, entry);
        set_group(self, self->pid);
    }
    reap_inherited();
    (void)pthread_mutex_unlock(&own.lock);
    return failure;
}

static void *
run_process(void *user)
{
    struct process_run *self = user;
    (void)pthread_mutex_lock(&self->lock);
    const bool wanted = !self->killed;
    (void)pthread_mutex_unlock(&self->lock);
    give_up_capabilities();
    self->result.failure = wanted ? start_own(self) : ECANCELED;
    (void)close(self->output);
    if (self->input >= 0) {
        (void)close(self->input);
    }
    if (self->result.failure == 0) {
        wait_for_exit(self, self->pid);
        (void)pthread_mutex_lock(&own.lock);
        LIST_REMOVE(self, entry);
        self->result.failure = self->cancelled ? ECANCELED : self->result.failure;
        reap_inherited();
        (void)pthread_mutex_unlock(&own.lock);
    }
    (void)pthread_mutex_lock(&self->lock);
    self->over = true;
    const bool abandoned = self->abandoned;
    if (!abandoned) {
        (void)!write(self->ended_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    (void)pthread_mutex_unlock(&self->lock);
    if (abandoned) {
        free_run(self);
    }
    return NULL;
}

/* One allocation for pointers and strings. NULL: out of memory. */
static char **
copy_argv(const char *const *argv)
{
    size_t count = 0;
    size_t bytes = 0;
    for (; argv[count] != NULL; count++) {
        bytes += strlen(argv[count]) + 1;
    }
    char **copy = malloc((count + 1) * sizeof(*copy) + bytes);
    if (copy == NULL) {
        return NULL;
    }
    char *at = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = at;
        at = stpcpy(at, argv[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

static struct process_run *
start_run(const char *const *argv, int ended_fd, int output, int input)
{
    struct process_run *self = calloc(1, sizeof(*self));
    if (self == NULL || pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    self->ended_fd = ended_fd;
    self->output = output;
    self->input = input;
    self->argv = copy_argv(argv);
    if (self->argv == NULL ||
        locum_thread_start(&self->thread, "locum-process", run_process, self) != 0) {
        free_run(self);
        return NULL;
    }
    return self;
}

/* Read one chunk. False: there is no more for now, or the pipe has ended. */
static bool
read_chunk(struct locum_process *self)
{
    char chunk[CHUNK_BYTES];
    const ssize_t length = read(self->output_fd, chunk, sizeof(chunk));
    for (ssize_t i = 0; i < length && self->length < LOCUM_PROCESS_OUTPUT_MAX; i++) {
        if (self->length > 0 || chunk[i] != '\n') {
            self->output[self->length++] = chunk[i];
        }
    }
    if (length == 0) {
        (void)event_del(&self->readable);
    }
    return length > 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    (void)read_chunk(user);
}

/* What the process wrote is in the pipe by now; a process outside its group may go on writing. */
static void
on_ended(evutil_socket_t fd, short what, void *user)
{
    struct locum_process *self = user;
    (void)fd, (void)what;
    for (size_t i = 0; i < PIPE_CHUNKS && read_chunk(self); i++) {
    }
    (void)event_del(&self->readable);
    (void)pthread_mutex_lock(&self->run->lock);
    const struct locum_process_result result = self->run->result;
    (void)pthread_mutex_unlock(&self->run->lock);
    self->on_end(self->user, &result);
}

/* input: not below 3, or -1; the run's, if there is one at the end. */
static int
start_process(struct event_base *base, const char *const *argv, int input, locum_process_fn *on_end,
              void *user, struct locum_process **ret)
{
    int ends[2];
    struct locum_process *self = calloc(1, sizeof(*self));
    if (self == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        const bool memory = self == NULL;
        free(self);
        return memory ? LOCUM_ERR_MEMORY : LOCUM_ERR_IO;
    }
    self->on_end = on_end;
    self->user = user;
    self->output_fd = ends[0];
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)event_assign(&self->ended, base, self->ended_fd, EV_READ, on_ended, self);
    (void)event_assign(&self->readable, base, ends[0], EV_READ | EV_PERSIST, on_readable, self);
    if (self->ended_fd >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 &&
        event_add(&self->ended, NULL) == 0 && event_add(&self->readable, NULL) == 0) {
        self->run = start_run(argv, self->ended_fd, ends[1], input);
    }
    if (self->run == NULL) {
        (void)close(ends[1]);
        locum_process_destroy(self);
        return LOCUM_ERR_IO;
    }
    *ret = self;
    return 0;
}

int
locum_process_start(struct event_base *base, const char *const *argv, locum_process_fn *on_end,
                    void *user, struct locum_process **ret)
{
    return start_process(base, argv, -1, on_end, user, ret);
}

/* A file in memory at its beginning, whose number is not 0, 1 or 2; -1: errno. */
static int
open_input(struct locum_slice input)
{
    const int memory = locum_file_memory("locum-input");
    const int fd = memory >= 0 ? fcntl(memory, F_DUPFD_CLOEXEC, 3) : -1;
    if (memory >= 0) {
        (void)close(memory);
    }
    if (fd >= 0 && pwrite(fd, input.at, input.length, 0) != (ssize_t)input.length) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int
locum_process_start_with(struct event_base *base, const char *const *argv, struct locum_slice input,
                         locum_process_fn *on_end, void *user, struct locum_process **ret)
{
    const int fd = open_input(input);
    const int status = fd >= 0 ? start_process(base, argv, fd, on_end, user, ret) : LOCUM_ERR_IO;
    if (status != 0 && fd >= 0) {
        (void)close(fd);
    }
    return status;
}

struct locum_slice
locum_process_output(const struct locum_process *self)
{
    return (struct locum_slice){.at = self->output, .length = self->length};
}

void
locum_process_kill(struct locum_process *self)
{
    kill_group(self->run);
}

void
locum_process_hold(bool held)
{
    struct process_run *run;
    (void)pthread_mutex_lock(&own.lock);
    own.held = held;
    while (held && own.starting > 0) { /* until its posix_spawn(3) has returned */
        (void)pthread_mutex_unlock(&own.lock);
        (void)poll(NULL, 0, STARTING_WAIT_MS);
        (void)pthread_mutex_lock(&own.lock);
    }
    LIST_FOREACH(run, &own.runs, entry)
    {
        if (held) {
            run->cancelled = true;
            kill_group(run);
        }
    }
    (void)pthread_mutex_unlock(&own.lock);
}

void
locum_process_adopt(void)
{
    (void)pthread_mutex_lock(&own.lock);
    own.adopts = true;
    reap_inherited();
    (void)pthread_mutex_unlock(&own.lock);
}

/* The thread may be at its end, or needs its run for longer. */
static void
leave_run(struct process_run *self)
{
    const pthread_t thread = self->thread;
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

void
locum_process_destroy(struct locum_process *self)
{
    if (self == NULL) {
        return;
    }
    if (self->run != NULL) {
        locum_process_kill(self);
        leave_run(self->run);
    }
    (void)event_del(&self->ended);
    (void)event_del(&self->readable);
    (void)close(self->output_fd);
    if (self->ended_fd >= 0) {
        (void)close(self->ended_fd);
    }
    free(self);
}
