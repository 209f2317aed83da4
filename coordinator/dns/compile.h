/*
 * compile: a configuration -> what it fixes of the answers (names.h).
 *
 * Once for each configuration and, if a zone is signed, each time its signatures are replaced. By
 * any thread.
 */
#ifndef LOCUM_DNS_COMPILE_H
#define LOCUM_DNS_COMPILE_H

#include "dns/names.h"
#include "dns/signer.h"

/*
 * config  checked by locum_dns_check(); not needed afterwards.
 * signer  of this configuration; NULL: no zone is signed.
 * now_s   the wall clock, seconds since 1970: it selects the validity of the signatures, which hold
 *         until locum_signer_until().
 * budget  NULL: sign all. If it is used up, and budget->partly is true, the rest is left out, and
 *         ret->incomplete is true; but DNSKEY, CDS, CDNSKEY and the NSEC records of the plan's
 *         names are signed always.
 * ret     with one reference, which is the caller's.
 * Returns 0, LOCUM_ERR_MEMORY, LOCUM_ERR_INVALID (a static record that does not parse),
 * LOCUM_ERR_SPACE (records of one owner and type that no message can hold), LOCUM_ERR_IO (a key
 * cannot sign) or LOCUM_ERR_TIMEOUT (the budget is used up).
 */
int locum_dns_compile(const struct locum_config *config, struct locum_signer *signer, int64_t now_s,
                      struct locum_sign_budget *budget,
                      struct locum_dns_names **ret) LOCUM_MUST_CHECK;

#endif
