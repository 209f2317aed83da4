/*
 * nsdconf: what the adapter needs of NSD's configuration: where and how NSD is controlled, and
 * which files it reads the zones from. nsd-checkconf(8) -o prints it, so whatever nsd.conf(5) may
 * contain is read as NSD reads it.
 *
 * Before the loop runs, the functions below wait for the program. While it runs, they know only the
 * answers that locum_nsd_conf_inquire() has brought.
 */
#ifndef LOCUM_NSD_ADAPTER_NSDCONF_H
#define LOCUM_NSD_ADAPTER_NSDCONF_H

#include <event2/event.h>

#include "nsd-adapter/settings.h"

struct locum_nsd_conf {
    char socket[108];             /* path of the control socket; "": TLS to `control` */
    struct locum_address control; /* with its port */
    char server_cert[LOCUM_PATH_MAX + 1];
    char control_cert[LOCUM_PATH_MAX + 1], control_key[LOCUM_PATH_MAX + 1];
};

/* What nsd-checkconf has said: the values of options, of the server or of a zone or pattern. */
enum { LOCUM_NSD_ANSWERS_MAX = 40, LOCUM_NSD_QUESTION_MAX = LOCUM_DOMAIN_MAX + 64 };
struct locum_nsd_answers {
    struct {
        char question[LOCUM_NSD_QUESTION_MAX]; /* without blanks */
        char value[LOCUM_PATH_MAX + 1];
    } at[LOCUM_NSD_ANSWERS_MAX];
    size_t count;
    bool kept;    /* of an earlier run: nsd-checkconf is not asked at all */
    bool closed;  /* the loop runs: it is asked by locum_nsd_conf_inquire() alone */
    bool changed; /* since the caller has cleared it */
};

/* Note a value. What does not fit is left out. */
void locum_nsd_conf_note(struct locum_nsd_answers *self, const char *question, const char *value);

/*
 * Read how NSD is controlled.
 *
 * answers what nsd-checkconf says is noted here; if they are kept or closed, it is taken from here.
 *         NULL: neither.
 * report  called for each problem, with settings->nsd_config as the file.
 * Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_conf_read(const struct locum_nsd_settings *settings,
                        struct locum_nsd_answers *answers, locum_problem_fn *report, void *user,
                        struct locum_nsd_conf *ret) LOCUM_MUST_CHECK;

/* Where NSD reads a zone from. */
struct locum_nsd_zonefile {
    char path[LOCUM_PATH_MAX - 16 + 1]; /* absolute */
    char written[LOCUM_PATH_MAX + 1];   /* `zonefile:` in NSD's configuration */
    bool pattern;                       /* it is that of the pattern: NSD does not know the zone */
};

/*
 * Find the file of a zone: `zonefile:` of its own or of the pattern, with `zonesdir` and `chroot`.
 * If settings->zonefile names another file, or there is neither zone nor pattern, that is a
 * problem.
 *
 * plain            the zone, without its last dot.
 * answers, report  as above. Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_conf_zonefile(const struct locum_nsd_settings *settings, const char *plain,
                            struct locum_nsd_answers *answers, locum_problem_fn *report, void *user,
                            struct locum_nsd_zonefile *ret) LOCUM_MUST_CHECK;

/*
 * Ask all that locum_nsd_conf_zonefile() wants to know of a zone, without waiting. An answer that
 * was noted before is forgotten if it holds no more; if the whole file is refused, all of them
 * stay.
 *
 * plain    borrowed until the end.
 * on_done  called later, from the loop; the inquiry is destroyed already.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO.
 */
struct locum_nsd_inquiry;
int locum_nsd_conf_inquire(struct event_base *base, const struct locum_nsd_settings *settings,
                           const char *plain, struct locum_nsd_answers *answers,
                           void (*on_done)(void *user), void *user,
                           struct locum_nsd_inquiry **ret) LOCUM_MUST_CHECK;

/* Do not call on_done. NULL is fine. */
void locum_nsd_conf_cancel(struct locum_nsd_inquiry *self);

#endif
