#include "cli/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text_format.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/screen.h"
#include "cli/show.h"

enum {
    TARGET_BYTES = 128,
    BAR_BYTES = 160,
    FOLD_COLUMNS = 76,
    WATCH_MS = 1000,
    FOLLOW_WAIT_MS = 3000, /* the longest that the daemon holds a request */
    FOLLOW_PAUSE_MS = 200, /* before the next request, if it answered without any event */
};

/* All output was flushed, so the program can end here. */
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
struct watched {
    const char *socket;
    bool waits;   /* ask again if it cannot be reached */
    char *reason; /* why it cannot be reached, as printed; NULL: it can */
};

/* As locum_client_ask(). *ret_reason: what it prints on a failure; NULL: out of memory. */
static int
ask_quietly(const char *socket, const char *target, json_t **ret_json, char **ret_reason)
{
    size_t size = 0;
    *ret_reason = NULL;
    FILE *errors = open_memstream(ret_reason, &size);
    if (errors == NULL) {
        return LOCUM_EXIT_NOT_FINE;
    }
    const int result = locum_client_ask(socket, target, NULL, errors, ret_json);
    (void)fclose(errors);
    return result;
}

/*
 * As locum_client_ask(), but print only once why the daemon is unreachable, and that this program
 * waits for it.
 */
static int
ask(struct watched *self, const char *target, json_t **ret_json)
{
    char *text;
    const int result = ask_quietly(self->socket, target, ret_json, &text);
    if (text == NULL) {
        (void)fputs("locum: out of memory\n", stderr);
    }
    if (text != NULL && (self->reason == NULL || strcmp(self->reason, text) != 0)) {
        (void)fputs(text, stderr);
        if (result == LOCUM_EXIT_UNREACHABLE && self->waits) {
            (void)fprintf(stderr,
                          "locum: waiting for the daemon to answer at %s; Ctrl-C ends this\n",
                          self->socket);
        }
    }
    free(self->reason);
    self->reason = text;
    return result;
}

static void
print_status(const json_t *status, bool json)
{
    const struct locum_print print = locum_print_stdout();
    if (json) {
        (void)json_dumpf(status, stdout, JSON_COMPACT);
    } else {
        (void)printf("%s\n", locum_text_time(locum_clock_read().wall).text);
        locum_show_status(status, &print);
    }
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

/* One status after the other. */
static int
print_each(const char *socket, bool json)
{
    struct watched daemon = {.socket = socket, .waits = true};
    end_in_order_when_interrupted();
    for (;;) {
        json_t *status = NULL;
        const int result = ask(&daemon, "/status", &status);
        if (result != LOCUM_EXIT_OK && result != LOCUM_EXIT_UNREACHABLE) {
            free(daemon.reason);
            return result;
        }
        if (result == LOCUM_EXIT_OK) {
            print_status(status, json);
            json_decref(status);
        }
        locum_watch_pause(WATCH_MS);
    }
}

/* --- on a terminal ---------------------------------------------------------------------------- */

/* The text of a status; free() it. NULL: out of memory. */
static char *
make_page(const json_t *status)
{
    char *text = NULL;
    size_t size = 0;
    struct locum_print print = locum_print_stdout();
    print.out = open_memstream(&text, &size);
    if (print.out == NULL) {
        return NULL;
    }
    locum_show_status(status, &print);
    (void)fclose(print.out);
    return text;
}

/* A message in lines that fit a small terminal. */
static void
fold(FILE *out, const char *message)
{
    size_t column = 0;
    while (*message != '\0') {
        const size_t length = strcspn(message, " \n");
        const bool wraps = column > 0 && column + 1 + length > FOLD_COLUMNS;
        (void)fprintf(out, "%s%.*s", wraps ? "\n" : column > 0 ? " " : "", (int)length, message);
        column = wraps ? length : column + length + (column > 0 ? 1 : 0);
        message += length + (message[length] != '\0' ? 1 : 0);
    }
    (void)fputc('\n', out);
}

/* Why there is no status now, above the last one. `reason` and `page` may be NULL. */
static char *
make_absent_page(const char *reason, const char *page, const char *time)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    fold(out, reason != NULL ? reason : "out of memory");
    if (page != NULL) {
        (void)fprintf(out, "\nThis is the last status, of %s:\n\n%s", time, page);
    }
    (void)fclose(out);
    return text;
}

/* Ask once and show the answer for a second. False: q was pressed. */
static bool
show_once(const char *socket, char **page, struct locum_text_value *time, int *ret_result,
          char **ret_reason)
{
    static const char keys[] = "q: quit, arrows and Page Up/Down: scroll";
    char bar[BAR_BYTES];
    json_t *status = NULL;
    *ret_result = ask_quietly(socket, "/status", &status, ret_reason);
    if (*ret_result == LOCUM_EXIT_OK) {
        free(*page);
        *page = make_page(status);
        *time = locum_text_time(locum_clock_read().wall);
        json_decref(status);
        (void)locum_text_format_buffer(bar, sizeof(bar), "%s  %s", time->text, keys);
        return locum_screen_show(*page != NULL ? *page : "out of memory", bar, WATCH_MS);
    }
    if (*ret_result != LOCUM_EXIT_UNREACHABLE) {
        return false;
    }
    char *absent = make_absent_page(*ret_reason, *page, time->text);
    (void)locum_text_format_buffer(bar, sizeof(bar), "the daemon does not answer; waiting  %s",
                                   keys);
    const bool goes_on =
        locum_screen_show(absent != NULL ? absent : "out of memory", bar, WATCH_MS);
    free(absent);
    return goes_on;
}

static int
show_on_screen(const char *socket)
{
    struct locum_text_value time;
    char *page = NULL;
    char *reason = NULL;
    int result;
    locum_screen_open();
    while (show_once(socket, &page, &time, &result, &reason)) {
        free(reason);
    }
    locum_screen_close();
    const bool refused = result != LOCUM_EXIT_OK && result != LOCUM_EXIT_UNREACHABLE;
    if (refused) {
        (void)fputs(reason != NULL ? reason : "locum: out of memory\n", stderr);
    }
    free(reason);
    free(page);
    return refused ? result : LOCUM_EXIT_OK;
}

int
locum_watch_status(const char *socket, bool json)
{
    return json || !locum_screen_possible() ? print_each(socket, json) : show_on_screen(socket);
}

/* --- events ----------------------------------------------------------------------------------- */

/* How far the events have been printed. */
struct position {
    json_int_t after; /* id of the last one */
    bool any;         /* the last answer had some */
    bool more;        /* the daemon has more already */
};

/*
 * Print the next events. If the newest event of the daemon is older than the last one printed, it
 * was restarted after its clock was set back: print its events from the beginning.
 */
static int
next_events(struct watched *daemon, struct position *position, int wait_ms)
{
    char buffer[TARGET_BYTES];
    const json_int_t after = position->after;
    json_t *events = NULL;
    (void)locum_text_format_buffer(buffer, sizeof(buffer), "/events?after=%lld&wait=%d",
                                   (long long)after, wait_ms);
    *position = (struct position){.after = after};
    const int result = ask(daemon, buffer, &events);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const struct locum_print print = locum_print_stdout();
    if (after > 0 && json_integer_value(json_object_get(events, "lost")) > after) {
        (void)fputs(
            "locum: events are missing here: the daemon keeps only the newest (events.keep)\n",
            stderr);
    }
    locum_show_events(events, &print);
    (void)fflush(stdout);
    const json_int_t next = json_integer_value(json_object_get(events, "next"));
    position->any = json_array_size(json_object_get(events, "events")) > 0 || next < after;
    position->more = json_is_true(json_object_get(events, "more"));
    position->after = next < after ? 0 : next;
    json_decref(events);
    return LOCUM_EXIT_OK;
}

int
locum_watch_events(const char *socket, bool follow)
{
    struct watched daemon = {.socket = socket, .waits = follow};
    struct position position = {.more = true};
    int result = LOCUM_EXIT_OK;
    end_in_order_when_interrupted();
    while (result == LOCUM_EXIT_OK && position.more) {
        result = next_events(&daemon, &position, 0);
    }
    while (follow && (result == LOCUM_EXIT_OK || result == LOCUM_EXIT_UNREACHABLE)) {
        if (result != LOCUM_EXIT_OK || !position.any) {
            locum_watch_pause(result != LOCUM_EXIT_OK ? WATCH_MS : FOLLOW_PAUSE_MS);
        }
        result = next_events(&daemon, &position, FOLLOW_WAIT_MS);
    }
    free(daemon.reason);
    return result;
}
