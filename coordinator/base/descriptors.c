#include "base/descriptors.h"

#include <sys/resource.h>

static const uint64_t limit_wanted = LOCUM_DESCRIPTORS_OWN + LOCUM_DESCRIPTORS_CLIENTS;

bool
locum_descriptors_raise(uint64_t *ret_limit)
{
    const rlim_t most = limit_wanted + LOCUM_DESCRIPTORS_PROBES;
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < most) {
        limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    *ret_limit = limit.rlim_cur;
    return limit.rlim_cur >= limit_wanted;
}

size_t
locum_descriptors_share(size_t wanted)
{
    struct rlimit limit = {.rlim_cur = limit_wanted};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= limit_wanted) {
        return wanted;
    }
    const size_t left =
        limit.rlim_cur > LOCUM_DESCRIPTORS_OWN ? (size_t)limit.rlim_cur - LOCUM_DESCRIPTORS_OWN : 0;
    const size_t share = wanted * left / LOCUM_DESCRIPTORS_CLIENTS;
    return share > 0 ? share : 1;
}
