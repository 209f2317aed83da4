/*
 * ahead: the signatures of the next window, made in small slices before it begins.
 *
 * All signatures are replaced at one moment, the same on all nodes. Made at that moment, those of
 * large zones or RSA keys would stop the main thread for longer than peers wait for heartbeats. So
 * they are put into the signer's cache in the hours before, and then only the SOA is left to sign.
 */
#ifndef LOCUM_DNS_AHEAD_H
#define LOCUM_DNS_AHEAD_H

#include "dns/signer.h"

enum { LOCUM_AHEAD_S = 6 * 3600 };

/* How far it is; all zero: nothing is signed. */
struct locum_ahead {
    int64_t until_s; /* the beginning of the next window */
    size_t zone, set;
};

/*
 * Once a second: sign for about 3 ms, one RRset at least, if the window ends within LOCUM_AHEAD_S.
 * What fails is signed when the window begins, and reported then.
 *
 * until_s  when the window of the published signatures ends; INT64_MAX: nothing is signed.
 */
void locum_ahead_step(struct locum_ahead *self, struct locum_signer *signer,
                      const struct locum_config *config, const struct locum_plan *plan,
                      int64_t until_s, int64_t now_s);

#endif
