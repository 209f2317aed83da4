#include "nsd-adapter/nsdconf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "config/problems.h"
#include "nsd-adapter/child.h"

struct conf_reader {
    const struct locum_nsd_settings *settings;
    struct locum_nsd_answers *answers; /* NULL: none */
    struct locum_problems problems;    /* nsd-checkconf prints no positions */
    char output[LOCUM_NSD_OUTPUT_MAX]; /* of nsd-checkconf */
};

static const struct locum_position nowhere;

/* Keep an error, as printf(3) writes it; `self` is the reader. */
#define PROBLEM(...) locum_problems_error(&self->problems, nowhere, __VA_ARGS__)

/* In quotes, with control characters escaped. */
#define QUOTED(string) locum_problems_quote(locum_slice_of(string)).text

static size_t
find_answer(const struct locum_nsd_answers *answers, const char *question)
{
    size_t i = 0;
    while (i < answers->count && strcmp(answers->at[i].question, question) != 0) {
        i++;
    }
    return i;
}

void
locum_nsd_conf_note(struct locum_nsd_answers *self, const char *question, const char *value)
{
    const size_t i = find_answer(self, question);
    if (i == LOCUM_NSD_ANSWERS_MAX || strlen(question) >= sizeof(self->at[0].question) ||
        strlen(value) >= sizeof(self->at[0].value) ||
        (i < self->count && strcmp(self->at[i].value, value) == 0)) {
        return;
    }
    memcpy(self->at[i].question, question, strlen(question) + 1);
    memcpy(self->at[i].value, value, strlen(value) + 1);
    self->count += i == self->count ? 1 : 0;
    self->changed = true;
}

static void
forget(struct locum_nsd_answers *self, const char *question)
{
    const size_t i = find_answer(self, question);
    if (i < self->count) {
        self->at[i] = self->at[--self->count];
        self->changed = true;
    }
}

/* An option of the server, or of a pattern or zone: flag "-p" or "-z", and its name. */
struct option {
    const char *name, *flag, *of;
};

/* How it is called among the answers, without blanks. */
static void
make_question(const struct option *option, char ret[LOCUM_NSD_QUESTION_MAX])
{
    struct locum_text text = locum_text_init(ret, LOCUM_NSD_QUESTION_MAX);
    locum_text_format(&text, "%s%s", option->name, option->flag != NULL ? option->flag : "");
    locum_text_add_char(&text, ':');
    if (option->flag != NULL) {
        locum_text_add_escaped(&text, option->of, strlen(option->of));
    }
}

enum { WORDS_MAX = 8 };

static void
make_command(const struct option *option, const struct locum_nsd_settings *settings,
             const char *ret[WORDS_MAX])
{
    size_t count = 0;
    ret[count++] = LOCUM_NSD_ENV;
    ret[count++] = "nsd-checkconf";
    ret[count++] = "-o";
    ret[count++] = option->name;
    if (option->flag != NULL) {
        ret[count++] = option->flag;
        ret[count++] = option->of;
    }
    ret[count++] = settings->nsd_config;
    ret[count] = NULL;
}

/* The first line of its value. NULL: nsd-checkconf failed, and self->output has its message. */
static char *
read_option(struct conf_reader *self, const char *name, const char *flag, const char *of)
{
    const struct option option = {name, flag, of};
    struct locum_nsd_answers *answers = self->answers;
    char question[LOCUM_NSD_QUESTION_MAX];
    const char *argv[WORDS_MAX];
    make_question(&option, question);
    if (answers != NULL && (answers->kept || answers->closed)) {
        const size_t i = find_answer(answers, question);
        const bool known = i < answers->count;
        (void)locum_text_format_buffer(self->output, sizeof(self->output), "%s",
                                       known ? answers->at[i].value : "it has not said this");
        return known ? self->output : NULL;
    }
    make_command(&option, self->settings, argv);
    if (locum_nsd_child_wait(argv, self->output) != 0) {
        return NULL;
    }
    self->output[strcspn(self->output, "\n")] = '\0';
    if (answers != NULL) {
        locum_nsd_conf_note(answers, question, self->output);
    }
    return self->output;
}

static void
read_path(struct conf_reader *self, const char *option, char *ret, size_t size_bytes)
{
    const char *value = read_option(self, option, NULL, NULL);
    if (value == NULL || locum_slice_copy(locum_slice_of(value), ret, size_bytes) != 0) {
        PROBLEM("cannot read %s with nsd-checkconf -o", option);
    }
}

/* With chroot NSD itself ends both folders with a slash. */
static struct locum_slice
read_folder(struct conf_reader *self, const char *option, char ret[LOCUM_PATH_MAX + 1])
{
    read_path(self, option, ret, LOCUM_PATH_MAX + 1);
    struct locum_slice folder = locum_slice_of(ret);
    while (folder.length > 0 && folder.at[folder.length - 1] == '/') {
        folder.length--;
    }
    return folder;
}

/* Begin the path of a file: NSD and nsd-control(8) change their directory to zonesdir. */
static void
start_path(struct conf_reader *self, const char *written, struct locum_text *path)
{
    char zonesdir[LOCUM_PATH_MAX + 1] = "";
    if (written[0] == '/') {
        return;
    }
    const struct locum_slice folder = read_folder(self, "zonesdir", zonesdir);
    locum_text_add_bytes(path, folder.at, folder.length);
    locum_text_add(path, "/");
    if (zonesdir[0] != '/') {
        PROBLEM("%s is relative and zonesdir is %s, so the file depends on where NSD was started: "
                "write an absolute path",
                QUOTED(written), QUOTED(zonesdir));
    }
}

static void
read_key_file(struct conf_reader *self, const char *option, char ret[LOCUM_PATH_MAX + 1])
{
    char written[LOCUM_PATH_MAX + 1] = "";
    struct locum_text path = locum_text_init(ret, LOCUM_PATH_MAX + 1);
    read_path(self, option, written, sizeof(written));
    start_path(self, written, &path);
    locum_text_add(&path, written);
}

/* Like nsd-control(8), use the first control-interface, and loopback for a wildcard address. */
static void
set_control(struct conf_reader *self, const char *interface, struct locum_nsd_conf *ret)
{
    uint64_t port = 8952;
    if (interface[0] == '/') {
        if (locum_slice_copy(locum_slice_of(interface), ret->socket, sizeof(ret->socket)) != 0) {
            PROBLEM("control-interface %s is too long", QUOTED(interface));
        }
        return;
    }
    struct locum_slice text = locum_slice_of(interface[0] != '\0' ? interface : "127.0.0.1");
    if (locum_slice_is(text, "0.0.0.0")) {
        text = locum_slice_of("127.0.0.1");
    } else if (locum_slice_is(text, "::0") || locum_slice_is(text, "::")) {
        text = locum_slice_of("::1");
    }
    if (locum_address_parse(text, &ret->control) != 0) {
        PROBLEM("control-interface %s is neither a path nor an address: use /run/nsd/nsd.ctl or "
                "127.0.0.1",
                QUOTED(interface));
        return;
    }
    const char *value = read_option(self, "control-port", NULL, NULL);
    if (value == NULL || locum_slice_u64(locum_slice_of(value), UINT16_MAX, &port) != 0) {
        PROBLEM("cannot read control-port with nsd-checkconf -o");
    }
    ret->control.port = (uint16_t)port;
    read_key_file(self, "server-cert-file", ret->server_cert);
    read_key_file(self, "control-cert-file", ret->control_cert);
    read_key_file(self, "control-key-file", ret->control_key);
}

/* The label of a name that is the `last`-th from its end; "." if there are fewer. */
static struct locum_slice
label_from_end(const char *name, unsigned last)
{
    const char *end = name + strlen(name);
    end -= end > name && end[-1] == '.' ? 1 : 0;
    for (;; end--) {
        const char *label = end;
        while (label > name && label[-1] != '.') {
            label--;
        }
        if (--last == 0) {
            return (struct locum_slice){.at = label, .length = (size_t)(end - label)};
        }
        if (label == name) {
            return locum_slice_of(".");
        }
        end = label;
    }
}

/* Replace the letters that nsd.conf(5) has for `zonefile`: %s, %1 to %3, %x to %z. */
static void
expand(struct locum_text *text, const char *value, const char *name)
{
    for (; *value != '\0'; value++) {
        const char letter = *value == '%' ? value[1] : '\0';
        const size_t index = (size_t)(letter - '1');
        struct locum_slice piece = {.at = value, .length = 1};
        if (letter == 's') {
            piece = locum_slice_of(name);
        } else if (letter >= '1' && letter <= '3') {
            piece.at = index < strlen(name) ? name + index : ".";
        } else if (letter >= 'x' && letter <= 'z') {
            piece = label_from_end(name, 'z' - (unsigned)letter + 1);
        } else {
            value--; /* a character that stands for itself */
        }
        value++;
        locum_text_add_bytes(text, piece.at, piece.length);
    }
}

/* The absolute path. With chroot, it may be written as seen from inside or from outside. */
static void
set_path(struct conf_reader *self, const char *name, struct locum_nsd_zonefile *ret)
{
    char chroot[LOCUM_PATH_MAX + 1] = "";
    struct locum_text path = locum_text_init(ret->path, sizeof(ret->path));
    const struct locum_slice folder = read_folder(self, "chroot", chroot);
    start_path(self, ret->written, &path);
    if (path.length == 0 && (strncmp(ret->written, folder.at, folder.length) != 0 ||
                             ret->written[folder.length] != '/')) {
        locum_text_add_bytes(&path, folder.at, folder.length);
    }
    expand(&path, ret->written, name);
    if (path.truncated) {
        PROBLEM("the path of zonefile %s is too long", QUOTED(ret->written));
    }
}

/* Two paths of one file: the same name in the same folder. */
static bool
is_same_file(const char *a, const char *b)
{
    char folders[2][LOCUM_PATH_MAX + 1];
    struct stat at[2];
    const char *const paths[] = {a, b};
    if (strcmp(a, b) == 0) {
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *slash = strrchr(paths[i], '/');
        const size_t length = slash != NULL ? (size_t)(slash - paths[i]) + 1 : 0;
        const struct locum_slice folder = {.at = paths[i], .length = length};
        if (locum_slice_copy(folder, folders[i], sizeof(folders[i])) != 0 ||
            stat(folders[i], &at[i]) != 0) {
            return false;
        }
    }
    return strcmp(strrchr(a, '/'), strrchr(b, '/')) == 0 && at[0].st_dev == at[1].st_dev &&
           at[0].st_ino == at[1].st_ino;
}

int
locum_nsd_conf_zonefile(const struct locum_nsd_settings *settings, const char *plain,
                        struct locum_nsd_answers *answers, locum_problem_fn *report, void *user,
                        struct locum_nsd_zonefile *ret)
{
    struct conf_reader reader = {.settings = settings, .answers = answers};
    struct conf_reader *const self = &reader;
    struct locum_nsd_zonefile found = {.pattern = false};
    char name[LOCUM_DOMAIN_MAX + 1] = ""; /* as NSD's configuration writes it */
    const char *value = read_option(self, "name", "-z", plain);
    if (value != NULL && locum_slice_copy(locum_slice_of(value), name, sizeof(name)) == 0) {
        value = read_option(self, "zonefile", "-z", plain);
    } else {
        found.pattern = true;
        value = read_option(self, "zonefile", "-p", settings->pattern);
    }
    if (value == NULL) {
        PROBLEM("there is neither zone %s nor pattern %s (nsd.pattern): add e.g. `pattern:` with "
                "`name: %s` and `zonefile: /var/lib/locum-nsd/%%s.zone`, and restart NSD",
                plain, QUOTED(settings->pattern), settings->pattern);
    } else if (locum_slice_copy(locum_slice_of(value), found.written, sizeof(found.written)) != 0) {
        PROBLEM("the zonefile of zone %s is too long", plain);
    } else {
        set_path(self, found.pattern ? plain : name, &found);
    }
    if (self->problems.error_count == 0 && settings->zonefile[0] != '\0' &&
        !is_same_file(found.path, settings->zonefile)) {
        PROBLEM("its %s reads %s (zonefile %s), but nsd.zonefile is %s: name the same file, or "
                "leave nsd.zonefile out",
                found.pattern ? "pattern" : "zone", QUOTED(found.path), QUOTED(found.written),
                QUOTED(settings->zonefile));
    }
    locum_problems_report(&self->problems, settings->nsd_config, report, user);
    *ret = found;
    return self->problems.error_count > 0 ? LOCUM_ERR_INVALID : 0;
}

int
locum_nsd_conf_read(const struct locum_nsd_settings *settings, struct locum_nsd_answers *answers,
                    locum_problem_fn *report, void *user, struct locum_nsd_conf *ret)
{
    struct conf_reader reader = {.settings = settings, .answers = answers};
    struct conf_reader *const self = &reader;
    struct locum_nsd_conf conf = {0};
    char interface[LOCUM_PATH_MAX + 1] = "";
    const char *enabled = read_option(self, "control-enable", NULL, NULL);
    if (enabled == NULL) {
        char shown[LOCUM_NSD_OUTPUT_MAX]; /* it may be about a key of nsd.conf */
        struct locum_text text = locum_text_init(shown, sizeof(shown));
        locum_foreign_add(&text, locum_slice_of(self->output), sizeof(shown) / 2);
        PROBLEM("nsd-checkconf fails: %s", QUOTED(shown));
    } else if (strcmp(enabled, "yes") != 0) {
        PROBLEM(
            "control-enable is %s, so NSD cannot reload the zone: set `control-enable: yes` and "
            "`control-interface: /run/nsd/nsd.ctl` in `remote-control:`, and restart NSD",
            QUOTED(enabled));
    } else {
        read_path(self, "control-interface", interface, sizeof(interface));
        set_control(self, interface, &conf);
    }
    locum_problems_report(&self->problems, settings->nsd_config, report, user);
    if (self->problems.error_count > 0) {
        return LOCUM_ERR_INVALID;
    }
    *ret = conf;
    return 0;
}

/* --- while the loop runs -----------------------------------------------------------------------
 */

struct locum_nsd_inquiry {
    struct event_base *base;
    const struct locum_nsd_settings *settings;
    const char *plain;
    struct locum_nsd_answers *answers;
    void (*on_done)(void *user);
    void *user;
    size_t next; /* the option that is asked */
    struct locum_nsd_child *child;
};

/* Of the zone, of the pattern, of the server. The first one tells whether the file is good. */
enum { OPTIONS = 6 };

static struct option
option_of(const struct locum_nsd_inquiry *self)
{
    const struct option options[OPTIONS] = {
        {"control-enable", NULL, NULL},  {"name", "-z", self->plain},
        {"zonefile", "-z", self->plain}, {"zonefile", "-p", self->settings->pattern},
        {"chroot", NULL, NULL},          {"zonesdir", NULL, NULL},
    };
    return options[self->next];
}

static int ask(struct locum_nsd_inquiry *self);

static void
on_answer(void *user, bool ok, const char *output)
{
    struct locum_nsd_inquiry *self = user;
    const struct option option = option_of(self);
    char question[LOCUM_NSD_QUESTION_MAX];
    char value[LOCUM_NSD_OUTPUT_MAX];
    const bool refused = !ok && self->next == 0;
    self->child = NULL;
    make_question(&option, question);
    (void)locum_text_format_buffer(value, sizeof(value), "%.*s", (int)strcspn(output, "\n"),
                                   output);
    if (ok) {
        locum_nsd_conf_note(self->answers, question, value);
    } else if (!refused) {
        forget(self->answers, question);
    }
    self->next++;
    if (refused || self->next == OPTIONS || ask(self) != 0) {
        const struct locum_nsd_inquiry done = *self;
        free(self);
        done.on_done(done.user);
    }
}

static int
ask(struct locum_nsd_inquiry *self)
{
    const struct option option = option_of(self);
    const char *argv[WORDS_MAX];
    make_command(&option, self->settings, argv);
    return locum_nsd_child_start(self->base, argv, on_answer, self, &self->child);
}

int
locum_nsd_conf_inquire(struct event_base *base, const struct locum_nsd_settings *settings,
                       const char *plain, struct locum_nsd_answers *answers,
                       void (*on_done)(void *user), void *user, struct locum_nsd_inquiry **ret)
{
    struct locum_nsd_inquiry *self = malloc(sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_nsd_inquiry){.base = base,
                                       .settings = settings,
                                       .plain = plain,
                                       .answers = answers,
                                       .on_done = on_done,
                                       .user = user};
    const int status = ask(self);
    if (status != 0) {
        free(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_nsd_conf_cancel(struct locum_nsd_inquiry *self)
{
    if (self != NULL) {
        locum_nsd_child_destroy(self->child);
        free(self);
    }
}
