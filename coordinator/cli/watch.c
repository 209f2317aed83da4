#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/show.h"

enum {
    TARGET_BYTES = 128,
    WATCH_MS = 1000,
    FOLLOW_WAIT_MS = 3000, /* the longest that the daemon holds a request */
    FOLLOW_PAUSE_MS = 200, /* between two questions, should it answer at once with nothing */
};

static const char redraw[] = "\033[H\033[J"; /* home, and nothing left of the last time */

/* Everything printed so far was flushed: there is nothing left to do. */
static void
on_interrupt(int signal_number)
{
    (void)signal_number;
    if (isatty(STDOUT_FILENO) == 1) {
        (void)!write(STDOUT_FILENO, "\n", 1);
    }
    _exit(LOCUM_EXIT_OK);
}

static void
end_in_order_when_interrupted(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

void
locum_watch_pause(locum_ms ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* A daemon that may go away and come back. */
struct daemon {
    const char *socket;
    char *trouble; /* why it cannot be reached, as told; NULL: it can */
};

/* Say once why it cannot be reached; takes the text. */
static void
tell_trouble(struct daemon *self, char *text)
{
    if (self->trouble == NULL || text == NULL || strcmp(self->trouble, text) != 0) {
        (void)fputs(text != NULL ? text : "", stderr);
    }
    free(self->trouble);
    self->trouble = text;
}

/* As locum_client_ask(), but that why a daemon is unreachable is told once. */
static int
ask(struct daemon *self, const char *target, json_t **ret_json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *errors = open_memstream(&text, &size);
    const int result =
        locum_client_ask(self->socket, target, NULL, errors != NULL ? errors : stderr, ret_json);
    if (errors != NULL) {
        (void)fclose(errors);
    }
    if (result == LOCUM_EXIT_UNREACHABLE) {
        tell_trouble(self, text);
        return result;
    }
    if (result != LOCUM_EXIT_OK && text != NULL) {
        (void)fputs(text, stderr);
    }
    free(text);
    free(self->trouble);
    self->trouble = NULL;
    return result;
}

static void
draw_status(const json_t *status, bool json)
{
    char now[32];
    struct locum_text text = locum_text_init(now, sizeof(now));
    const struct locum_print print = locum_print_stdout();
    if (json) {
        (void)json_dumpf(status, stdout, JSON_COMPACT);
    } else {
        locum_text_add_time(&text, locum_now_read().wall);
        (void)printf("%s%s\n", isatty(STDOUT_FILENO) == 1 ? redraw : "", now);
        locum_show_status(status, &print);
    }
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

int
locum_watch_status(const char *socket, bool json)
{
    struct daemon daemon = {.socket = socket};
    end_in_order_when_interrupted();
    for (;;) {
        json_t *status = NULL;
        const int result = ask(&daemon, "/status", &status);
        if (result != LOCUM_EXIT_OK && result != LOCUM_EXIT_UNREACHABLE) {
            return result;
        }
        if (result == LOCUM_EXIT_OK) {
            draw_status(status, json);
            json_decref(status);
        }
        locum_watch_pause(WATCH_MS);
    }
}

static json_int_t
integer_of(const json_t *events, const char *key)
{
    return json_integer_value(json_object_get(events, key));
}

/* Is something missing between the event `after` and these? */
static void
tell_missing(const json_t *events, json_int_t after)
{
    if (after > 0 && integer_of(events, "lost") > after) {
        (void)fputs("locum: some events before these are missing: more came than the daemon keeps "
                    "(events.keep)\n",
                    stderr);
    }
}

/* How far the events have been printed. */
struct progress {
    json_int_t after; /* id of the last one */
    bool any;         /* the last answer brought some */
    bool more;        /* and did not hold all that there are */
};

/*
 * Print the next events. A daemon that knows of no event as late as the last one has been restarted
 * after its clock was set back: from its beginning, then.
 */
static int
next_events(struct daemon *daemon, struct progress *progress, int wait_ms)
{
    char buffer[TARGET_BYTES];
    struct locum_text target = locum_text_init(buffer, sizeof(buffer));
    const json_int_t after = progress->after;
    json_t *events = NULL;
    locum_text_add(&target, "/events?after=");
    locum_text_add_i64(&target, after);
    locum_text_add(&target, "&wait=");
    locum_text_add_i64(&target, wait_ms);
    *progress = (struct progress){.after = after};
    const int result = ask(daemon, buffer, &events);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const struct locum_print print = locum_print_stdout();
    tell_missing(events, after);
    locum_show_events(events, &print);
    (void)fflush(stdout);
    const json_int_t next = integer_of(events, "next");
    progress->any = json_array_size(json_object_get(events, "events")) > 0 || next < after;
    progress->more = json_is_true(json_object_get(events, "more"));
    progress->after = next < after ? 0 : next;
    json_decref(events);
    return LOCUM_EXIT_OK;
}

int
locum_watch_events(const char *socket, bool follow)
{
    struct daemon daemon = {.socket = socket};
    struct progress progress = {.more = true};
    int result = LOCUM_EXIT_OK;
    end_in_order_when_interrupted();
    while (result == LOCUM_EXIT_OK && progress.more) {
        result = next_events(&daemon, &progress, 0);
    }
    while (follow && (result == LOCUM_EXIT_OK || result == LOCUM_EXIT_UNREACHABLE)) {
        if (result != LOCUM_EXIT_OK) {
            locum_watch_pause(WATCH_MS);
        } else if (!progress.any) {
            locum_watch_pause(FOLLOW_PAUSE_MS);
        }
        result = next_events(&daemon, &progress, FOLLOW_WAIT_MS);
    }
    free(daemon.trouble);
    return result;
}
