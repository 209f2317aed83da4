#include "nsd-adapter/nsdconf.h"

#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/problems.h"
#include "nsd-adapter/child.h"

struct conf_reader {
    const struct locum_nsd_settings *settings;
    struct locum_problems problems;    /* nsd-checkconf prints no positions */
    char output[LOCUM_NSD_OUTPUT_MAX]; /* of nsd-checkconf */
};

static const struct locum_position nowhere;

/* Keep an error, as printf(3) writes it; `self` is the reader. */
#define PROBLEM(...) locum_problems_error(&self->problems, nowhere, __VA_ARGS__)

/* In quotes, with control characters escaped. */
#define QUOTED(string) locum_problems_quote(locum_slice_of(string)).text

/*
 * The first line of an option's value: of the server, or of a pattern or zone (flag "-p" or "-z",
 * name). NULL: nsd-checkconf failed, and self->output has its message.
 */
static char *
read_option(struct conf_reader *self, const char *option, const char *flag, const char *name)
{
    const char *argv[8] = {LOCUM_NSD_ENV, "nsd-checkconf", "-o", option};
    size_t count = 4;
    if (flag != NULL) {
        argv[count++] = flag;
        argv[count++] = name;
    }
    argv[count] = self->settings->nsd_config;
    if (locum_nsd_child_wait(argv, self->output) != 0) {
        return NULL;
    }
    self->output[strcspn(self->output, "\n")] = '\0';
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
    read_path(self, "server-cert-file", ret->server_cert, sizeof(ret->server_cert));
    read_path(self, "control-cert-file", ret->control_cert, sizeof(ret->control_cert));
    read_path(self, "control-key-file", ret->control_key, sizeof(ret->control_key));
}

/* False: NSD reads another file. "%s" is the zone's name; a value with one of the other letters of
 * nsd.conf(5) is not checked. */
static bool
is_zonefile(const struct conf_reader *self, const char *value)
{
    char path[2 * LOCUM_PATH_MAX];
    const char *percent = strchr(value, '%');
    if (percent == NULL || percent[1] != 's' || strchr(percent + 1, '%') != NULL) {
        return percent != NULL || strcmp(value, self->settings->zonefile) == 0;
    }
    (void)locum_text_format_buffer(path, sizeof(path), "%.*s%s%s", (int)(percent - value), value,
                                   self->settings->plain, percent + 2);
    return strcmp(path, self->settings->zonefile) == 0;
}

/* nsd.conf must have the zone or the pattern, with our file. */
static void
check_zone(struct conf_reader *self)
{
    const struct locum_nsd_settings *settings = self->settings;
    const char *value = read_option(self, "zonefile", "-z", settings->plain);
    const bool own = value != NULL;
    if (!own) {
        value = read_option(self, "zonefile", "-p", settings->pattern);
    }
    if (value == NULL) {
        PROBLEM("there is neither zone %s nor pattern %s (nsd.pattern): add e.g. `pattern:` with "
                "`name: locum` and the `zonefile:` of nsd.zonefile",
                settings->plain, QUOTED(settings->pattern));
    } else if (!is_zonefile(self, value)) {
        PROBLEM("its %s reads %s: nsd.zonefile must be the same file", own ? "zone" : "pattern",
                QUOTED(value));
    }
}

int
locum_nsd_conf_read(const struct locum_nsd_settings *settings, locum_problem_fn *report, void *user,
                    struct locum_nsd_conf *ret)
{
    struct conf_reader reader = {.settings = settings};
    struct conf_reader *const self = &reader;
    struct locum_nsd_conf conf = {0};
    char interface[LOCUM_PATH_MAX + 1] = "";
    const char *enabled = read_option(self, "control-enable", NULL, NULL);
    if (enabled == NULL) {
        PROBLEM("nsd-checkconf fails: %s", QUOTED(self->output));
    } else if (strcmp(enabled, "yes") != 0) {
        PROBLEM(
            "control-enable is %s, so NSD cannot reload the zone: set `control-enable: yes` and "
            "`control-interface: /run/nsd/nsd.ctl` in `remote-control:`, and restart NSD",
            QUOTED(enabled));
    } else {
        read_path(self, "control-interface", interface, sizeof(interface));
        set_control(self, interface, &conf);
        check_zone(self);
    }
    locum_problems_report(&self->problems, settings->nsd_config, report, user);
    if (self->problems.error_count > 0) {
        return LOCUM_ERR_INVALID;
    }
    *ret = conf;
    return 0;
}
