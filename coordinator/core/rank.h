/*
 * rank: how good it is to name a node now, A (best) to G. Condition, service and admin are combined
 * here and nowhere else. Pure.
 */
#ifndef LOCUM_CORE_RANK_H
#define LOCUM_CORE_RANK_H

#include "core/types.h"

/* The state of a node as this one sees it; it is alive to itself. */
struct locum_standing {
    bool excluded; /* by the operator, here */
    enum locum_condition condition;
    bool silent; /* COND-10 */
    enum locum_service service;
    enum locum_admin admin;
    bool lost; /* in this address family: FAMILY-4 */
};

/* Its rank in one address family: the first row of the table (RANK-G to RANK-A) that matches. */
enum locum_rank locum_rank_of(struct locum_standing standing);

#endif
