/*
 * rank: how good a node is to name now, A (best) to F. The three axes (condition, service, admin)
 * meet here and nowhere else. Pure.
 */
#ifndef LOCUM_CORE_RANK_H
#define LOCUM_CORE_RANK_H

#include "core/types.h"

/* Where a node stands for me. I am alive to myself. */
struct locum_standing {
    bool excluded; /* by the operator, here */
    enum locum_condition condition;
    bool silent; /* returning, and not heard */
    enum locum_service service;
    enum locum_admin admin;
};

/* The first line of the table that matches. */
enum locum_rank locum_rank_of(struct locum_standing standing);

#endif
