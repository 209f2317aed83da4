#include "core/rank.h"

/* Its last word was that it cannot, or does not want to, serve. */
static bool
unwilling(struct locum_standing standing)
{
    return standing.service == LOCUM_FAILING || standing.service == LOCUM_PROBATION ||
           standing.admin != LOCUM_READY;
}

enum locum_rank
locum_rank_of(struct locum_standing standing)
{
    const bool unheard = standing.condition == LOCUM_SUSPECT || standing.condition == LOCUM_UNKNOWN;
    const bool returning = standing.condition == LOCUM_RETURNING;
    const bool unproven = standing.service == LOCUM_SERVICE_UNKNOWN;
    if (standing.excluded || standing.condition == LOCUM_DOWN || (returning && standing.silent) ||
        (unheard && unwilling(standing))) {
        return LOCUM_RANK_G;
    }
    if (standing.service == LOCUM_FAILING || standing.admin == LOCUM_MAINT ||
        (standing.admin == LOCUM_DRAIN && unproven) || (returning && unproven)) {
        return LOCUM_RANK_F;
    }
    if (unheard || unproven) {
        return LOCUM_RANK_D; /* may work: keeps what it has */
    }
    if (standing.admin == LOCUM_DRAIN) {
        return LOCUM_RANK_C; /* works, not wanted */
    }
    if (returning || standing.service == LOCUM_PROBATION) {
        return LOCUM_RANK_B; /* works, on trial */
    }
    return LOCUM_RANK_A;
}
