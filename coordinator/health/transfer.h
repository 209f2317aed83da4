/*
 * transfer: the libcurl handle of a check (http.c, tls.c), its authorities, and what a failure
 * means. Used inside health/ only.
 */
#ifndef LOCUM_HEALTH_TRANSFER_H
#define LOCUM_HEALTH_TRANSFER_H

#include <curl/curl.h>

#include "health/probe.h"

/* A transfer has ended. Another may be started from here. */
typedef void locum_transfer_fn(void *check, CURLcode result);

struct locum_transfer {
    const struct locum_probe *probe;
    const char *ca_file; /* the only authorities; "": the system's; borrowed */
    locum_transfer_fn *on_end;
    void *check; /* for on_end */
    CURL *easy;
    int ca_fd;                   /* the ca-file, open as long as the check; -1: not yet */
    int lack;                    /* errno: this transfer got no socket; 0 */
    char error[CURL_ERROR_SIZE]; /* libcurl's message for the last failure */
};

/* Make the handle, with the options of every transfer. False: no memory; fini is needed anyway. */
bool locum_transfer_init(struct locum_transfer *self, const struct locum_probe *probe,
                         const char *ca_file, locum_transfer_fn *on_end,
                         void *check) LOCUM_MUST_CHECK;

/* After the transfer has ended or was removed. */
void locum_transfer_fini(struct locum_transfer *self);

/*
 * Begin a probe: trust only the authorities of ca-file. The first probe reads it, and again after a
 * reload. LOCUM_SAMPLE_PASS, or the outcome of this probe and its text.
 */
enum locum_sample locum_transfer_open(struct locum_transfer *self, char why[LOCUM_PROBE_TEXT_MAX]);

/* Start the transfer; one that cannot be started ends at once. */
void locum_transfer_start(struct locum_transfer *self, long timeout_ms);

/* locum_fetch_done_fn of the loop of all transfers. */
void locum_transfer_done(void *transfer, CURLcode result);

/* errno: why this machine could not make the request that ended so; 0: it was made. */
int locum_transfer_lack(const struct locum_transfer *self, CURLcode result);

/* errno: this process can open nothing more; 0: it can. */
int locum_transfer_lack_of_descriptors(void);

/* What a failure of the service means; appends the text. */
enum locum_sample locum_transfer_judge(const struct locum_transfer *self, CURLcode result,
                                       struct locum_text *text);

#endif
