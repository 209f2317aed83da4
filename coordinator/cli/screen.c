#include "cli/screen.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/text_format.h"

enum { KEY_BYTES = 64, BAR_BYTES = 512, SHIFT_COLUMNS = 8, SIZE_MAX_CELLS = 10000 };

/* ECMA-48 and xterm: the second screen, without a cursor; and back. */
static const char enter[] = "\033[?1049h\033[?25l";
static const char leave[] = "\033[0m\033[?25h\033[?1049l";

/* The state is global because a signal must be able to put the terminal back. */
static struct termios before;          /* of standard input, if has_keys */
static volatile sig_atomic_t has_keys; /* standard input is a terminal */
static volatile sig_atomic_t is_open;
static sigset_t waiting_mask; /* of signals while keys are waited for */
static size_t rows, columns;  /* of the terminal */
static size_t top, left;      /* the first line and column that are shown */

bool
locum_screen_possible(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

/* --- the terminal and signals ----------------------------------------------------------------- */

static void
put(const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t wrote = write(STDOUT_FILENO, bytes, length);
        if (wrote < 0 && errno != EINTR) {
            return; /* the terminal is gone: reading a key says so */
        }
        bytes += wrote > 0 ? wrote : 0;
        length -= wrote > 0 ? (size_t)wrote : 0;
    }
}

/* For signals too: only calls that are safe there. */
static void
take_terminal(void)
{
    if (has_keys) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    put(enter, sizeof(enter) - 1);
}

static void
give_back(void)
{
    put(leave, sizeof(leave) - 1);
    if (has_keys) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    }
}

static void
on_resize(int signal_number)
{
    (void)signal_number; /* it ends the wait for keys */
}

/* SIGINT ends watching in order. The others then do what they do without this handler. */
static void
on_end(int signal_number)
{
    give_back();
    if (signal_number == SIGINT) {
        _exit(0);
    }
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* Ctrl-Z; here until the shell says `fg`. */
static void
on_stop(int signal_number)
{
    const int error = errno;
    (void)signal_number;
    give_back();
    (void)raise(SIGSTOP);
    take_terminal();
    errno = error;
}

static void
handle(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(signal_number, &action, NULL);
}

void
locum_screen_open(void)
{
    sigset_t resize;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters */
    has_keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
    top = left = 0;
    is_open = 1;
    /* While nothing waits, a new size waits too. */
    (void)sigemptyset(&resize);
    (void)sigaddset(&resize, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &resize, &waiting_mask);
    (void)sigdelset(&waiting_mask, SIGWINCH);
    handle(SIGWINCH, on_resize);
    handle(SIGINT, on_end);
    handle(SIGTERM, on_end);
    handle(SIGHUP, on_end);
    handle(SIGTSTP, on_stop);
    take_terminal();
}

void
locum_screen_close(void)
{
    if (is_open) {
        is_open = 0;
        give_back();
    }
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void
read_size(void)
{
    struct winsize size = {.ws_row = 0};
    const bool known =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    rows = known ? size.ws_row : 24;
    columns = known ? size.ws_col : 80;
    rows = rows < SIZE_MAX_CELLS ? rows : SIZE_MAX_CELLS;
    columns = columns < SIZE_MAX_CELLS ? columns : SIZE_MAX_CELLS;
}

static size_t
count_lines(const char *text)
{
    size_t count = 0;
    for (const char *end = strchr(text, '\n'); end != NULL; end = strchr(text, '\n')) {
        text = end + 1;
        count++;
    }
    return count + (*text != '\0' ? 1 : 0);
}

/* The next character of a line: its bytes, and its columns in *ret_width. */
static size_t
measure(const char *at, size_t left_bytes, size_t *ret_width)
{
    mbstate_t state = {0};
    wchar_t letter;
    if (at[0] == '\033') { /* a colour: up to the m */
        const char *end = memchr(at, 'm', left_bytes);
        *ret_width = 0;
        return end != NULL ? (size_t)(end - at) + 1 : 1;
    }
    const size_t length = mbrtowc(&letter, at, left_bytes, &state);
    const bool whole = length > 0 && length <= left_bytes;
    const int width = whole ? wcwidth(letter) : 1;
    *ret_width = width > 0 ? (size_t)width : 0;
    return whole ? length : 1;
}

/* One line from column `from` on; all colours of it, then none. */
static void
draw_line(FILE *out, const char *line, size_t length, size_t from)
{
    size_t width;
    size_t total = 0;
    size_t column = 0;
    for (size_t at = 0; at < length; total += width) {
        at += measure(line + at, length - at, &width);
    }
    const bool cut = total > from + columns;
    const size_t end = from + columns - (cut ? 1 : 0);
    for (size_t at = 0; at < length; column += width) {
        const size_t bytes = measure(line + at, length - at, &width);
        if (line[at] == '\033' || (column >= from && column + width <= end)) {
            (void)fwrite(line + at, 1, bytes, out);
        }
        at += bytes;
    }
    (void)fputs(cut ? "\033[0m>" : "\033[0m", out);
}

/* Everything, in one write: home, each line with what is right of it erased, the bar. */
static void
draw(const char *text, size_t lines, const char *bar)
{
    char whole[BAR_BYTES];
    const size_t last = top + rows - 1 < lines ? top + rows - 1 : lines;
    char *frame = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&frame, &size);
    if (out == NULL) {
        return;
    }
    (void)fputs("\033[H", out);
    for (size_t i = 0; i < top && *text != '\0'; i++) {
        const char *end = strchr(text, '\n');
        text = end != NULL ? end + 1 : text + strlen(text);
    }
    for (size_t row = 0; row + 1 < rows; row++) {
        const char *end = strchrnul(text, '\n');
        draw_line(out, text, (size_t)(end - text), left);
        (void)fputs("\033[K\r\n", out);
        text = *end == '\n' ? end + 1 : end;
    }
    (void)fputs("\033[7m", out);
    (void)locum_text_format_buffer(whole, sizeof(whole), "lines %zu to %zu of %zu  %s",
                                   lines > 0 ? top + 1 : 0, last, lines, bar);
    draw_line(out, whole, strlen(whole), 0);
    (void)fputs("\033[K", out);
    (void)fclose(out);
    if (frame != NULL) {
        put(frame, size);
    }
    free(frame);
}

/* --- keys ------------------------------------------------------------------------------------- */

enum key {
    KEY_NONE,
    KEY_QUIT,
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END
};

/* What terminals send; the longest first where one begins like another. */
static const struct {
    const char *bytes;
    enum key key;
} keys[] = {
    {"\033[5~", KEY_PAGE_UP}, {"\033[6~", KEY_PAGE_DOWN},
    {"\033[1~", KEY_HOME},    {"\033[4~", KEY_END},
    {"\033[7~", KEY_HOME},    {"\033[8~", KEY_END},
    {"\033[A", KEY_UP},       {"\033[B", KEY_DOWN},
    {"\033[C", KEY_RIGHT},    {"\033[D", KEY_LEFT},
    {"\033[H", KEY_HOME},     {"\033[F", KEY_END},
    {"\033OA", KEY_UP},       {"\033OB", KEY_DOWN},
    {"\033OC", KEY_RIGHT},    {"\033OD", KEY_LEFT},
    {"\033OH", KEY_HOME},     {"\033OF", KEY_END},
    {"q", KEY_QUIT},          {"Q", KEY_QUIT},
    {"j", KEY_DOWN},          {"k", KEY_UP},
    {"h", KEY_LEFT},          {"l", KEY_RIGHT},
    {" ", KEY_PAGE_DOWN},     {"b", KEY_PAGE_UP},
    {"g", KEY_HOME},          {"G", KEY_END},
    {"\n", KEY_DOWN},         {"\r", KEY_DOWN},
};

/* Take the first key off `*rest`. A sequence that is not known is skipped byte by byte. */
static enum key
next_key(const char **rest)
{
    for (size_t i = 0; i < LOCUM_COUNT(keys); i++) {
        const size_t length = strlen(keys[i].bytes);
        if (strncmp(*rest, keys[i].bytes, length) == 0) {
            *rest += length;
            return keys[i].key;
        }
    }
    (*rest)++;
    return KEY_NONE;
}

static void
move(enum key key)
{
    const size_t page = rows > 2 ? rows - 2 : 1;
    switch (key) {
    case KEY_UP: top -= top > 0 ? 1 : 0; break;
    case KEY_DOWN: top++; break;
    case KEY_PAGE_UP: top -= top > page ? page : top; break;
    case KEY_PAGE_DOWN: top += page; break;
    case KEY_HOME: top = left = 0; break;
    case KEY_END: top = SIZE_MAX / 2; break;
    case KEY_LEFT: left -= left > SHIFT_COLUMNS ? SHIFT_COLUMNS : left; break;
    case KEY_RIGHT: left += left < SIZE_MAX_CELLS ? SHIFT_COLUMNS : 0; break;
    case KEY_NONE:
    case KEY_QUIT:
    default: break;
    }
}

/* Wait for keys, a new size or the time. False: q, or the terminal is gone. */
static bool
wait_for_keys(locum_ms ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    struct pollfd input = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    char bytes[KEY_BYTES + 1];
    if (ppoll(&input, 1, &time, &waiting_mask) <= 0) {
        return true;
    }
    const ssize_t got = read(STDIN_FILENO, bytes, KEY_BYTES);
    if (got <= 0) {
        return got < 0 && errno == EINTR;
    }
    bytes[got] = '\0';
    for (const char *rest = bytes; rest < bytes + got;) {
        const enum key key = next_key(&rest);
        if (key == KEY_QUIT) {
            return false;
        }
        move(key);
    }
    return true;
}

bool
locum_screen_show(const char *text, const char *bar, locum_ms ms)
{
    const size_t lines = count_lines(text);
    const locum_ms end = locum_clock_read().mono + ms;
    for (locum_ms left_ms = ms; left_ms > 0; left_ms = end - locum_clock_read().mono) {
        read_size();
        const size_t shown = rows - 1;
        const size_t last = lines > shown ? lines - shown : 0;
        top = top < last ? top : last;
        draw(text, lines, bar);
        if (!wait_for_keys(left_ms)) {
            return false;
        }
    }
    return true;
}
