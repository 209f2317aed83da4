/*
 * renewal: the compiled configuration that is answered with (names.h), and the thread that makes
 * the signatures of the next one.
 *
 * What needs more signatures than BUDGET_US of time is not compiled by the main thread, because
 * that would be late for its peers, but by a thread of its own, with the same cache of signatures:
 *
 *   before a reload      the old configuration is answered with until the new one is signed
 *   a new window         the old signatures are served until those of the new window are made;
 *                        mostly they are, in the hour before it begins
 *   a start              the thread is at work, and what is signed already is answered with
 *   a change of plan     a plan that may come was signed while there was nothing else to do; one
 *                        that was not is signed by the main thread: some addresses
 *
 * Main thread only. One thread at a time; it borrows configuration and keys, so it is stopped
 * before they are freed.
 */
#ifndef LOCUM_DNS_RENEWAL_H
#define LOCUM_DNS_RENEWAL_H

#include <pthread.h>

#include "core/plan.h"
#include "dns/names.h"
#include "dns/signer.h"

enum { LOCUM_RENEWAL_AHEAD_S = 3600 };

/* A compiled configuration. */
struct locum_renewal_names {
    struct locum_dns_names *names;     /* a reference; NULL: none, or it could not be made */
    const struct locum_signer *signer; /* whose signatures it has; NULL: none was to be made */
    int64_t at_s;                      /* the time that selected their window */
    int64_t until_s;                   /* when that ends; INT64_MAX: no zone is signed */
    int status;                        /* why it could not be made */
};

/* What the thread does. */
struct locum_renewal_work {
    const struct locum_config *config; /* borrowed, as is the signer */
    struct locum_signer *signer;
    int64_t at_s;
    struct locum_dns_names *names; /* a reference; NULL: compile them */
    struct locum_plan *plans;      /* owned: sign their names as well */
    size_t plan_count;
};

struct locum_renewal {
    struct locum_signer *signer;        /* owned; NULL: no zone is signed */
    struct locum_renewal_names serving; /* names NULL: the next publication makes them */
    struct locum_renewal_names next;    /* made by the thread, or before a reload */
    bool plans_are_new;                 /* since the thread was last given plans */
    int status;                         /* why the last names for `signer` could not be made */
    int fd;                             /* eventfd(2): readable when the thread has ended */
    bool running;
    pthread_t thread;
    struct locum_renewal_work work;
    struct locum_dns_names *made; /* by the thread */
    int made_status;
    atomic_bool stop, ended;
};

/* That of the room, borrowed. */
struct locum_dns;
struct locum_renewal *locum_dns_renewal(struct locum_dns *self);

/* 0 or LOCUM_ERR_IO (no descriptor). */
int locum_renewal_init(struct locum_renewal *self) LOCUM_MUST_CHECK;

/* Stop the thread, free all. */
void locum_renewal_fini(struct locum_renewal *self);

/* From now on sign with these keys, which are taken. The next publication compiles. */
void locum_renewal_set_signer(struct locum_renewal *self, struct locum_signer *signer);

/* The next publication compiles. */
void locum_renewal_forget(struct locum_renewal *self);

/*
 * Compile a configuration before it is used, so that nothing is left to sign when it is.
 *
 * signer  of this configuration.
 * plans   whose names are signed as well, copied; 0: they are signed when they are published.
 * Returns 0, LOCUM_ERR_TIMEOUT: the thread is at work; call it again when the descriptor is
 * readable; or an error of locum_dns_compile().
 */
int locum_renewal_prepare(struct locum_renewal *self, const struct locum_config *config,
                          struct locum_signer *signer, const struct locum_plan *plans,
                          size_t plan_count, int64_t now_s) LOCUM_MUST_CHECK;

/* Some signatures have left the cache because they are wrong: the thread compiles again what is
 * served, and what it has made. */
void locum_renewal_sign_again(struct locum_renewal *self);

/* Stop the work for a signer that will not be used. */
void locum_renewal_abandon(struct locum_renewal *self, const struct locum_signer *signer);

/*
 * Let self->serving be what is to be published at this time: the next ones if it is time for them,
 * or those before. The first after locum_renewal_forget() are compiled here, if they were not
 * prepared; what cannot be signed in time is then left out, and the thread begins.
 *
 * 0 or an error of locum_dns_compile().
 */
int locum_renewal_choose(struct locum_renewal *self, const struct locum_config *config,
                         int64_t now_s) LOCUM_MUST_CHECK;

/* Are other names than those in use to be published now? */
bool locum_renewal_is_due(struct locum_renewal *self, int64_t now_s);

/* Has the thread something to do, and time? */
bool locum_renewal_wants(struct locum_renewal *self, int64_t now_s);

/*
 * Begin what there is to do. Without a thread it is tried again at the next call.
 *
 * plans  current or possible ones, copied.
 */
void locum_renewal_begin(struct locum_renewal *self, const struct locum_config *config,
                         const struct locum_plan *plans, size_t plan_count, int64_t now_s);

#endif
