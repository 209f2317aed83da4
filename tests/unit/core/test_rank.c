/* rank: RANK-G to RANK-A; the first row that matches. */
#include "fixture.h"

enum { no, yes };
#define U LOCUM_SERVICE_UNKNOWN

static const struct {
    struct locum_standing standing;
    enum locum_rank rank;
} table[] = {
    /* RANK-G: excluded by self; down; returning and silent */
    {{yes, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_DOWN, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_DOWN, no, LOCUM_FAILING, LOCUM_MAINT, no}, LOCUM_RANK_G},
    {{no, LOCUM_RETURNING, yes, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_G},
    /* RANK-G: suspect or unknown whose last state was failing, degraded, probation, maint or drain
     */
    {{no, LOCUM_SUSPECT, no, LOCUM_SERVICE_DEGRADED, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_UNKNOWN, no, LOCUM_SERVICE_DEGRADED, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_SUSPECT, no, LOCUM_FAILING, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_UNKNOWN, no, LOCUM_FAILING, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_SUSPECT, no, LOCUM_PROBATION, LOCUM_READY, no}, LOCUM_RANK_G},
    {{no, LOCUM_UNKNOWN, no, LOCUM_UP, LOCUM_MAINT, no}, LOCUM_RANK_G},
    {{no, LOCUM_SUSPECT, no, LOCUM_UP, LOCUM_DRAIN, no}, LOCUM_RANK_G},
    {{no, LOCUM_SUSPECT, no, U, LOCUM_DRAIN, no}, LOCUM_RANK_G},
    /* RANK-F: failing; maint; drain with service unknown; returning with service unknown */
    {{no, LOCUM_ALIVE, no, LOCUM_FAILING, LOCUM_READY, no}, LOCUM_RANK_F},
    {{no, LOCUM_RETURNING, no, LOCUM_FAILING, LOCUM_READY, no}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_MAINT, no}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, U, LOCUM_DRAIN, no}, LOCUM_RANK_F},
    {{no, LOCUM_RETURNING, no, U, LOCUM_READY, no}, LOCUM_RANK_F},
    /* RANK-F: it has lost the family; never in place of a rank that its silence gives it */
    {{no, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_READY, yes}, LOCUM_RANK_F},
    {{no, LOCUM_RETURNING, no, LOCUM_UP, LOCUM_READY, yes}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, LOCUM_PROBATION, LOCUM_READY, yes}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_DRAIN, yes}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, U, LOCUM_READY, yes}, LOCUM_RANK_F},
    {{no, LOCUM_SUSPECT, no, LOCUM_UP, LOCUM_READY, yes}, LOCUM_RANK_E},
    {{no, LOCUM_UNKNOWN, no, LOCUM_UP, LOCUM_READY, yes}, LOCUM_RANK_E},
    {{no, LOCUM_DOWN, no, LOCUM_UP, LOCUM_READY, yes}, LOCUM_RANK_G},
    /* RANK-D: degraded; a failing one, maint or a lost family is worse */
    {{no, LOCUM_ALIVE, no, LOCUM_SERVICE_DEGRADED, LOCUM_READY, no}, LOCUM_RANK_D},
    {{no, LOCUM_ALIVE, no, LOCUM_SERVICE_DEGRADED, LOCUM_DRAIN, no}, LOCUM_RANK_D},
    {{no, LOCUM_RETURNING, no, LOCUM_SERVICE_DEGRADED, LOCUM_READY, no}, LOCUM_RANK_D},
    {{no, LOCUM_ALIVE, no, LOCUM_SERVICE_DEGRADED, LOCUM_MAINT, no}, LOCUM_RANK_F},
    {{no, LOCUM_ALIVE, no, LOCUM_SERVICE_DEGRADED, LOCUM_READY, yes}, LOCUM_RANK_F},
    /* RANK-E: suspect or unknown; service unknown */
    {{no, LOCUM_SUSPECT, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_E},
    {{no, LOCUM_UNKNOWN, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_E},
    {{no, LOCUM_UNKNOWN, no, U, LOCUM_READY, no}, LOCUM_RANK_E},
    {{no, LOCUM_ALIVE, no, U, LOCUM_READY, no}, LOCUM_RANK_E},
    /* RANK-C: admin drain */
    {{no, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_DRAIN, no}, LOCUM_RANK_C},
    {{no, LOCUM_ALIVE, no, LOCUM_PROBATION, LOCUM_DRAIN, no}, LOCUM_RANK_C},
    {{no, LOCUM_RETURNING, no, LOCUM_UP, LOCUM_DRAIN, no}, LOCUM_RANK_C},
    /* RANK-B: returning or probation */
    {{no, LOCUM_RETURNING, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_B},
    {{no, LOCUM_ALIVE, no, LOCUM_PROBATION, LOCUM_READY, no}, LOCUM_RANK_B},
    /* RANK-A: the rest; `silent` matters only for returning */
    {{no, LOCUM_ALIVE, no, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_A},
    {{no, LOCUM_ALIVE, yes, LOCUM_UP, LOCUM_READY, no}, LOCUM_RANK_A},
};

static void
test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (locum_rank_of(table[i].standing) != table[i].rank) {
            fail_msg("row %zu: %s", i, locum_names_rank(locum_rank_of(table[i].standing)));
        }
    }
}

/* The table of the contract, written a second time, agrees for every possible state. */
static enum locum_rank
rank_by_contract(struct locum_standing s)
{
    const bool unheard = s.condition == LOCUM_SUSPECT || s.condition == LOCUM_UNKNOWN;
    const bool returning = s.condition == LOCUM_RETURNING;
    if (s.excluded || s.condition == LOCUM_DOWN || (returning && s.silent)) {
        return LOCUM_RANK_G;
    }
    if (unheard && (s.service > LOCUM_UP || s.admin > LOCUM_READY)) {
        return LOCUM_RANK_G;
    }
    if (s.service == LOCUM_FAILING || s.admin == LOCUM_MAINT) {
        return LOCUM_RANK_F;
    }
    if (s.lost && !unheard) {
        return LOCUM_RANK_F;
    }
    if (s.service == U && (s.admin == LOCUM_DRAIN || returning)) {
        return LOCUM_RANK_F;
    }
    if (s.service == LOCUM_SERVICE_DEGRADED) {
        return LOCUM_RANK_D;
    }
    if (unheard || s.service == U) {
        return LOCUM_RANK_E;
    }
    if (s.admin == LOCUM_DRAIN) {
        return LOCUM_RANK_C;
    }
    return returning || s.service == LOCUM_PROBATION ? LOCUM_RANK_B : LOCUM_RANK_A;
}

static void
test_every_standing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 5 * 2 * LOCUM_SERVICES * 3 * 2; i++) {
        const struct locum_standing standing = {
            .excluded = i % 2,
            .condition = i / 2 % 5,
            .silent = i / 10 % 2,
            .service = i / 20 % LOCUM_SERVICES,
            .admin = i / 100 % 3,
            .lost = i / 300,
        };
        assert_int_equal(locum_rank_of(standing), rank_by_contract(standing));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_standing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
