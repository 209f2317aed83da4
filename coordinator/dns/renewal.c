#include "dns/renewal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "dns/compile.h"
#include "dns/table.h"

enum { BUDGET_US = 3000 };

int
locum_renewal_init(struct locum_renewal *self)
{
    *self = (struct locum_renewal){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    return self->fd < 0 ? LOCUM_ERR_IO : 0;
}

static void
drop(struct locum_renewal_names *self)
{
    locum_dns_names_release(self->names);
    *self = (struct locum_renewal_names){0};
}

static void *
run(void *argument)
{
    struct locum_renewal *self = argument;
    const struct locum_renewal_work *work = &self->work;
    struct locum_sign_budget budget = {.left_us = INT64_MAX, .stop = &self->stop};
    const uint64_t one = 1;
    int status = 0;
    if (work->names == NULL) {
        status = locum_dns_compile(work->config, work->signer, work->at_s, &budget, &self->made);
    }
    struct locum_dns_names *names = work->names == NULL ? self->made : work->names;
    for (size_t i = 0; i < work->plan_count && status == 0; i++) {
        status = locum_dns_table_sign_ahead(names, work->config, &work->plans[i], work->signer,
                                            work->at_s, &budget);
    }
    self->made_status = status;
    atomic_store_explicit(&self->ended, true, memory_order_release);
    (void)!write(self->fd, &one, sizeof(one));
    return NULL;
}

/* Wait for the end of the thread, and take what it has made. */
static void
join(struct locum_renewal *self)
{
    struct locum_renewal_work *work = &self->work;
    uint64_t count;
    const int failed = pthread_join(self->thread, NULL);
    LOCUM_INVARIANT(failed == 0);
    (void)!read(self->fd, &count, sizeof(count));
    if (work->names == NULL && !atomic_load_explicit(&self->stop, memory_order_relaxed)) {
        const int status = self->made == NULL ? self->made_status : 0;
        self->status = work->signer == self->signer ? status : self->status;
        drop(&self->next);
        self->next =
            (struct locum_renewal_names){.names = self->made,
                                         .signer = work->signer,
                                         .at_s = work->at_s,
                                         .until_s = locum_signer_until(work->signer, work->at_s),
                                         .status = status};
        self->made = NULL;
    }
    locum_dns_names_release(self->made);
    self->made = NULL;
    locum_dns_names_release(work->names);
    free(work->plans);
    *work = (struct locum_renewal_work){0};
    self->running = false;
}

/* Is the thread at work? If it has ended, take what it has made. */
static bool
is_busy(struct locum_renewal *self)
{
    if (self->running && atomic_load_explicit(&self->ended, memory_order_acquire)) {
        join(self);
    }
    return self->running;
}

/* It ends after the signature that it is making. */
static void
cancel(struct locum_renewal *self)
{
    if (self->running) {
        atomic_store_explicit(&self->stop, true, memory_order_relaxed);
        join(self);
    }
}

/* Start the thread. Its plans and names are taken. */
static int
start(struct locum_renewal *self, const struct locum_renewal_work *work)
{
    self->work = *work;
    self->made = NULL;
    atomic_store_explicit(&self->stop, false, memory_order_relaxed);
    atomic_store_explicit(&self->ended, false, memory_order_relaxed);
    const int status = locum_thread_start(&self->thread, "locum-signing", run, self);
    self->running = status == 0;
    if (status != 0) {
        locum_dns_names_release(self->work.names);
        free(self->work.plans);
        self->work = (struct locum_renewal_work){0};
    }
    return status;
}

void
locum_renewal_fini(struct locum_renewal *self)
{
    cancel(self);
    drop(&self->serving);
    drop(&self->next);
    locum_signer_destroy(self->signer);
    if (self->fd >= 0) {
        (void)close(self->fd);
    }
}

void
locum_renewal_forget(struct locum_renewal *self)
{
    drop(&self->serving);
}

void
locum_renewal_set_signer(struct locum_renewal *self, struct locum_signer *signer)
{
    cancel(self);
    locum_signer_share(signer, self->signer);
    locum_signer_destroy(self->signer);
    self->signer = signer;
    self->status = 0;
    drop(&self->serving);
    if (self->next.signer != signer) {
        drop(&self->next);
    }
}

void
locum_renewal_sign_again(struct locum_renewal *self)
{
    if (self->work.signer == self->signer) {
        cancel(self);
    }
    if (self->next.signer == self->signer) {
        drop(&self->next);
    }
    if (self->serving.until_s != INT64_MAX) {
        self->serving.until_s = INT64_MIN;
    }
}

/* Compile with what can be signed in time; if that is not all, LOCUM_ERR_TIMEOUT or `partly`. */
static int
compile(const struct locum_config *config, struct locum_signer *signer, int64_t now_s,
        struct locum_sign_budget *budget, struct locum_renewal_names *ret)
{
    *ret = (struct locum_renewal_names){
        .signer = signer, .at_s = now_s, .until_s = locum_signer_until(signer, now_s)};
    return locum_dns_compile(config, signer, now_s, budget, &ret->names);
}

/* The plans are copied; without the memory for that they are signed when they are used. */
static void
give_plans(struct locum_renewal_work *work, const struct locum_plan *plans, size_t plan_count)
{
    work->plans = plan_count > 0 ? malloc(plan_count * sizeof(*plans)) : NULL;
    if (work->plans != NULL) {
        memcpy(work->plans, plans, plan_count * sizeof(*plans));
        work->plan_count = plan_count;
    }
}

/* Compile self->next and sign for the plans here, if there is time for all. */
static int
prepare_here(struct locum_renewal *self, const struct locum_config *config,
             struct locum_signer *signer, const struct locum_plan *plans, size_t plan_count,
             int64_t now_s)
{
    struct locum_sign_budget budget = {.left_us = BUDGET_US};
    int status = compile(config, signer, now_s, &budget, &self->next);
    for (size_t i = 0; i < plan_count && status == 0; i++) {
        status =
            locum_dns_table_sign_ahead(self->next.names, config, &plans[i], signer, now_s, &budget);
    }
    if (status != 0) {
        drop(&self->next);
    }
    return status;
}

int
locum_renewal_prepare(struct locum_renewal *self, const struct locum_config *config,
                      struct locum_signer *signer, const struct locum_plan *plans,
                      size_t plan_count, int64_t now_s)
{
    const bool busy = is_busy(self);
    if (busy && self->work.signer == signer) {
        return LOCUM_ERR_TIMEOUT;
    }
    if (self->next.signer == signer) {
        return self->next.status;
    }
    cancel(self);
    locum_signer_share(signer, self->signer);
    if (locum_signer_until(signer, now_s) == INT64_MAX) {
        return 0;
    }
    drop(&self->next);
    const int status = prepare_here(self, config, signer, plans, plan_count, now_s);
    if (status != LOCUM_ERR_TIMEOUT) {
        return status;
    }
    struct locum_renewal_work work = {.config = config, .signer = signer, .at_s = now_s};
    give_plans(&work, plans, plan_count);
    const int failed = start(self, &work);
    return failed != 0 ? failed : LOCUM_ERR_TIMEOUT;
}

void
locum_renewal_abandon(struct locum_renewal *self, const struct locum_signer *signer)
{
    if (self->running && self->work.signer == signer) {
        cancel(self);
    }
    if (self->next.signer == signer) {
        drop(&self->next);
    }
}

/* Has the thread made what these keys sign with at this time? */
static bool
has_next(const struct locum_renewal *self, int64_t until_s)
{
    return self->next.names != NULL && self->next.signer == self->signer &&
           self->next.until_s == until_s;
}

int
locum_renewal_choose(struct locum_renewal *self, const struct locum_config *config, int64_t now_s)
{
    const bool busy = is_busy(self);
    const int64_t until_s = locum_signer_until(self->signer, now_s);
    self->plans_are_new = true;
    if (has_next(self, until_s) ||
        (self->serving.names == NULL && has_next(self, self->next.until_s))) {
        drop(&self->serving);
        self->serving = self->next;
        self->next = (struct locum_renewal_names){0};
    }
    if (self->serving.names != NULL) {
        return 0;
    }
    struct locum_sign_budget budget = {.left_us = BUDGET_US, .partly = true};
    const int status = compile(config, self->signer, now_s, &budget, &self->serving);
    if (status == 0 && self->serving.names->incomplete && !busy) {
        locum_renewal_begin(self, config, NULL, 0, now_s);
    }
    return status;
}

/* What is served is signed for this time. */
static bool
is_whole(const struct locum_renewal *self, int64_t until_s)
{
    return self->serving.names != NULL && !self->serving.names->incomplete &&
           self->serving.until_s == until_s;
}

bool
locum_renewal_is_due(struct locum_renewal *self, int64_t now_s)
{
    const int64_t until_s = locum_signer_until(self->signer, now_s);
    (void)is_busy(self);
    return !is_whole(self, until_s) && has_next(self, until_s);
}

/* What there is to do, without its plans. False: nothing. */
static bool
find_work(const struct locum_renewal *self, int64_t now_s, struct locum_renewal_work *ret)
{
    const int64_t until_s = locum_signer_until(self->signer, now_s);
    *ret = (struct locum_renewal_work){.signer = self->signer, .at_s = now_s};
    if (until_s == INT64_MAX || self->serving.names == NULL) {
        return false;
    }
    if (!is_whole(self, until_s)) {
        return !has_next(self, until_s);
    }
    if (until_s - now_s <= LOCUM_RENEWAL_AHEAD_S &&
        !has_next(self, locum_signer_until(self->signer, until_s))) {
        ret->at_s = until_s;
        return true;
    }
    ret->at_s = self->serving.at_s;
    ret->names = self->serving.names;
    return self->plans_are_new;
}

bool
locum_renewal_wants(struct locum_renewal *self, int64_t now_s)
{
    struct locum_renewal_work work;
    return !is_busy(self) && find_work(self, now_s, &work);
}

void
locum_renewal_begin(struct locum_renewal *self, const struct locum_config *config,
                    const struct locum_plan *plans, size_t plan_count, int64_t now_s)
{
    struct locum_renewal_work work;
    if (is_busy(self) || !find_work(self, now_s, &work)) {
        return;
    }
    work.config = config;
    give_plans(&work, plans, plan_count);
    locum_dns_names_hold(work.names);
    if (start(self, &work) == 0 && plan_count > 0) {
        self->plans_are_new = false;
    }
}
