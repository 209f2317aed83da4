/*
 * fuzz_api: bytes on the control socket of a whole daemon, through evhttp to the real handlers.
 * No input causes status 500, and an answer with the type JSON is JSON.
 */
#include "fuzz.h"

#include "../unit/daemon/fixture.h"

#include "daemon/act.h"

#include <sys/socket.h>
#include <sys/un.h>

const unsigned fuzz_mutations = 1500;

enum { REQUEST_BYTES_MAX = 100 * 1024, TURNS = 12 };

static char answer[1024 * 1024];
static size_t length;

static void
end(void)
{
    (void)teardown(NULL);
}

static void
begin(void)
{
    (void)setup(NULL); /* its folder becomes the working folder */
    write_config("", "");
    start();
    (void)dup2(stderr_kept, STDERR_FILENO);
    REQUIRE(atexit(end) == 0);
}

static int
dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", folder);
    REQUIRE(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* Runs the loop and reads until the daemon closes. Returns false if it does not. */
static bool
finish(int fd)
{
    for (int i = 0; i < TURNS; i++) {
        (void)event_base_loop(locum_daemon_loop(daemon_), EVLOOP_NONBLOCK);
        const ssize_t got = recv(fd, answer + length, sizeof(answer) - 1 - length, 0);
        if (got > 0) {
            length += (size_t)got;
        } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            return true;
        }
    }
    return false;
}

static void
check_answer(void)
{
    answer[length] = '\0';
    const char *body = strstr(answer, "\r\n\r\n");
    if (body == NULL) {
        return;
    }
    REQUIRE(strncmp(answer, "HTTP/", 5) == 0 && strncmp(strchr(answer, ' '), " 500", 4) != 0);
    const char *json = strstr(answer, "Content-Type: application/json");
    if (json != NULL && json < body) {
        json_t *value = json_loads(body + 4, 0, NULL);
        REQUIRE(json_is_object(value));
        json_decref(value);
    }
}

/* End all waiting requests, so that no place stays in use. */
static void
let_go(void)
{
    (void)locum_daemon_loop_now(daemon_);
    locum_daemon_act_publish(daemon_);
    locum_daemon_act_emit(daemon_, LOCUM_EVENT_RELOAD, "fuzz", NULL, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > REQUEST_BYTES_MAX) {
        return 0;
    }
    if (daemon_ == NULL) {
        begin();
    }
    const int fd = dial();
    length = 0;
    REQUIRE(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
    if (!finish(fd)) {
        let_go();
        (void)shutdown(fd, SHUT_WR);
        (void)finish(fd);
    }
    check_answer();
    (void)close(fd);
    (void)event_base_loop(locum_daemon_loop(daemon_), EVLOOP_NONBLOCK);
    return 0;
}
