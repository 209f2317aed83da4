#include "core/rank.h"

enum locum_rank
locum_rank_of(struct locum_standing standing)
{
    const bool unheard = standing.condition == LOCUM_SUSPECT || standing.condition == LOCUM_UNKNOWN;
    const bool returning = standing.condition == LOCUM_RETURNING;
    const bool unproven = standing.service == LOCUM_SERVICE_UNKNOWN;
    const bool failing = standing.service == LOCUM_FAILING;
    const bool probation = standing.service == LOCUM_PROBATION;
    const bool degraded = standing.service == LOCUM_SERVICE_DEGRADED;
    const bool unwanted = standing.admin != LOCUM_READY;
    if (standing.excluded || standing.condition == LOCUM_DOWN || (returning && standing.silent) ||
        (unheard && (failing || degraded || probation || unwanted))) { /* RANK-G */
        return LOCUM_RANK_G;
    }
    if (failing || standing.admin == LOCUM_MAINT || (standing.lost && !unheard) ||
        (unproven && (unwanted || returning))) { /* RANK-F */
        return LOCUM_RANK_F;
    }
    if (degraded) { /* RANK-D */
        return LOCUM_RANK_D;
    }
    if (unheard || unproven) { /* RANK-E */
        return LOCUM_RANK_E;
    }
    if (unwanted) { /* RANK-C: drain */
        return LOCUM_RANK_C;
    }
    return returning || probation ? LOCUM_RANK_B : LOCUM_RANK_A; /* RANK-B, RANK-A */
}
