/*
 * fallback: a start whose files are refused has what took effect last. So NSD follows the
 * coordinator also after a restart with a bad file.
 *
 * What is kept for that (base/kept.h, in `state-dir`) is the text of locum-nsd.yaml, and what
 * nsd-checkconf said of NSD's configuration.
 */
#ifndef LOCUM_NSD_ADAPTER_FALLBACK_H
#define LOCUM_NSD_ADAPTER_FALLBACK_H

#include "nsd-adapter/nsdconf.h"

/* Why a run has something kept, for people; "": it has not. */
struct locum_nsd_fallback {
    char reason[500];
};

/*
 * locum-nsd.yaml was refused: take the kept text of it. 0, or an error that was logged; then ret is
 * untouched.
 */
int locum_nsd_fallback_settings(const char *path, struct locum_nsd_settings *ret,
                                struct locum_nsd_fallback *ret_why) LOCUM_MUST_CHECK;

/*
 * nsd-checkconf fails: take what it said of the same file before, into `ret`, which then is not
 * asked again. 0, or an error that was logged.
 */
int locum_nsd_fallback_answers(const struct locum_nsd_settings *settings,
                               struct locum_nsd_answers *ret,
                               struct locum_nsd_fallback *ret_why) LOCUM_MUST_CHECK;

/* Keep both for a later start; a failure is logged. */
void locum_nsd_fallback_keep(const struct locum_nsd_settings *settings,
                             const struct locum_nsd_answers *answers);

#endif
