#include "nsd-adapter/nsdconf.h"

#include <string.h>

#include "base/error.h"
#include "config/problems.h"
#include "nsd-adapter/child.h"

enum { LINE_BYTES = 600 };

struct asked {
    const struct locum_nsd_settings *settings;
    locum_problem_fn *report;
    void *user;
    size_t errors;
    char output[LOCUM_NSD_OUTPUT_MAX];
};

static void
tell(struct asked *self, enum locum_severity severity, const char *before, const char *what,
     const char *after)
{
    char line[LINE_BYTES];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, before);
    locum_text_add(&text, locum_problems_quote(locum_slice_of(what)).text);
    locum_text_add(&text, after);
    const struct locum_problem problem = {
        .severity = severity, .file = self->settings->nsd_config, .text = line};
    self->errors += severity == LOCUM_SEVERITY_ERROR ? 1 : 0;
    self->report(self->user, &problem);
}

/* The first line of an option's value, of the server, or of a pattern or a zone (flag -p or -z).
 * NULL: nsd-checkconf ended with an error, and self->output says which. */
static char *
ask(struct asked *self, const char *option, const char *flag, const char *name)
{
    const char *argv[8] = {"nsd-checkconf", "-o", option};
    size_t count = 3;
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
ask_path(struct asked *self, const char *option, char *ret, size_t size)
{
    const char *value = ask(self, option, NULL, NULL);
    if (value == NULL || locum_slice_copy(locum_slice_of(value), ret, size) != 0) {
        tell(self, LOCUM_SEVERITY_ERROR, "", option, " cannot be read with nsd-checkconf -o");
    }
}

/* nsd-control(8) goes to the first interface, and to the loopback for all of them. */
static void
set_control(struct asked *self, const char *interface, struct locum_nsd_conf *ret)
{
    uint64_t port = 8952;
    if (interface[0] == '/') {
        if (locum_slice_copy(locum_slice_of(interface), ret->socket, sizeof(ret->socket)) != 0) {
            tell(self, LOCUM_SEVERITY_ERROR, "control-interface ", interface, " is too long");
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
        tell(self, LOCUM_SEVERITY_ERROR, "control-interface ", interface,
             " is neither a path nor an address: write /run/nsd/nsd.ctl or 127.0.0.1");
        return;
    }
    const char *value = ask(self, "control-port", NULL, NULL);
    if (value == NULL || locum_slice_u64(locum_slice_of(value), UINT16_MAX, &port) != 0) {
        tell(self, LOCUM_SEVERITY_ERROR, "", "control-port", " cannot be read");
    }
    ret->control.port = (uint16_t)port;
    ask_path(self, "server-cert-file", ret->server_cert, sizeof(ret->server_cert));
    ask_path(self, "control-cert-file", ret->control_cert, sizeof(ret->control_cert));
    ask_path(self, "control-key-file", ret->control_key, sizeof(ret->control_key));
}

/* "%s" stands for the zone; the other letters of nsd.conf(5) are left alone: then it is not said
 * that the file is another one. */
static bool
is_zonefile(const struct asked *self, const char *value, const char *plain)
{
    char path[2 * LOCUM_PATH_MAX];
    struct locum_text text = locum_text_init(path, sizeof(path));
    const char *percent = strchr(value, '%');
    if (percent == NULL || percent[1] != 's' || strchr(percent + 1, '%') != NULL) {
        return percent != NULL || strcmp(value, self->settings->zonefile) == 0;
    }
    locum_text_add_bytes(&text, value, (size_t)(percent - value));
    locum_text_add(&text, plain);
    locum_text_add(&text, percent + 2);
    return strcmp(path, self->settings->zonefile) == 0;
}

/* The zone stands in nsd.conf, or the pattern does, and either reads our file. */
static void
check_zone(struct asked *self)
{
    const struct locum_nsd_settings *settings = self->settings;
    char plain[LOCUM_DOMAIN_MAX + 1];
    locum_nsd_zone_plain(settings->zone, plain);
    const char *value = ask(self, "zonefile", "-z", plain);
    const bool own = value != NULL;
    if (!own) {
        value = ask(self, "zonefile", "-p", settings->pattern);
    }
    if (value == NULL) {
        tell(self, LOCUM_SEVERITY_ERROR, "nsd.pattern: there is no pattern ", settings->pattern,
             " and no such zone either: write, for one, `pattern:` with `name: locum` and "
             "`zonefile:` as in nsd.zonefile");
    } else if (!is_zonefile(self, value, plain)) {
        tell(self, LOCUM_SEVERITY_ERROR, own ? "its zone reads " : "its pattern reads ", value,
             ": nsd.zonefile must be the same file");
    }
}

int
locum_nsd_conf_read(const struct locum_nsd_settings *settings, locum_problem_fn *report, void *user,
                    struct locum_nsd_conf *ret)
{
    struct asked self = {.settings = settings, .report = report, .user = user};
    struct locum_nsd_conf conf = {0};
    const char *enabled = ask(&self, "control-enable", NULL, NULL);
    if (enabled == NULL) {
        tell(&self, LOCUM_SEVERITY_ERROR, "nsd-checkconf says ", self.output, "");
        return LOCUM_ERR_INVALID;
    }
    if (strcmp(enabled, "yes") != 0) {
        tell(&self, LOCUM_SEVERITY_ERROR, "control-enable is ", enabled,
             ": NSD cannot be asked to reload; write `remote-control:` with `control-enable: yes` "
             "and `control-interface: /run/nsd/nsd.ctl`, and restart NSD");
        return LOCUM_ERR_INVALID;
    }
    char interface[LOCUM_PATH_MAX + 1] = "";
    ask_path(&self, "control-interface", interface, sizeof(interface));
    set_control(&self, interface, &conf);
    check_zone(&self);
    if (self.errors > 0) {
        return LOCUM_ERR_INVALID;
    }
    *ret = conf;
    return 0;
}
