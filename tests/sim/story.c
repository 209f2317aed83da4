/*
 * story: what an operator would tell, one fault after the other. Their traces are kept in golden/
 * and compared byte for byte.
 *
 * Nodes of a story: the servers dc2, dc3, then the witness ns0 or the Sentinel-only site s0.
 */
#include <string.h>

#include "sim.h"

enum { DC2, DC3, THIRD, STORY_FAULTS_MAX = 8 };

struct story {
    const char *name, *what;
    size_t witnesses, sentinels;
    locum_ms end;
    struct sim_fault fault[STORY_FAULTS_MAX];
};

static const struct story stories[] = {
    {"crash-master",
     "the host with the Redis master dies; the third site has a coordinator",
     1,
     0,
     16000,
     {{5000, SIM_HOST_CRASH, DC2, 0, 0}, {9000, SIM_HOST_BOOT, DC2, 0, 0}}},
    {"crash-sentinel-only",
     "the host with the Redis master dies; the third site has a Sentinel",
     0,
     1,
     18000,
     {{5000, SIM_HOST_CRASH, DC2, 0, 0}, {10000, SIM_HOST_BOOT, DC2, 0, 0}}},
    {"partition",
     "the line between the two servers is cut, the third site reaches both",
     1,
     0,
     16000,
     {{5000, SIM_CUT, DC2, DC3, 0}, {9000, SIM_UNCUT, DC2, DC3, 0}}},
    {"one-way-deaf",
     "nothing reaches dc3 any more, though it can send",
     1,
     0,
     18000,
     {{5000, SIM_CUT_ONE_WAY, DC2, DC3, 0},
      {5000, SIM_CUT_ONE_WAY, THIRD, DC3, 0},
      {9000, SIM_UNCUT_ONE_WAY, DC2, DC3, 0},
      {9000, SIM_UNCUT_ONE_WAY, THIRD, DC3, 0}}},
    {"both-services-fail",
     "both download services fail, then that of dc3 recovers",
     1,
     0,
     14000,
     {{5000, SIM_SERVICE_FAIL, DC2, 0, 1},
      {6000, SIM_SERVICE_FAIL, DC3, 0, 0},
      {9000, SIM_SERVICE_BACK, DC3, 0, 0}}},
    {"restart",
     "the coordinator of dc3 is stopped and started: no takeover",
     1,
     0,
     10000,
     {{5000, SIM_LEAVE, DC3, 0, 0}, {5600, SIM_START, DC3, 0, 0}}},
    {"crash-restart",
     "the coordinator of dc3 dies and is started again after 3 s",
     1,
     0,
     16000,
     {{5000, SIM_CRASH, DC3, 0, 0}, {8000, SIM_START, DC3, 0, 0}}},
    {"restart-while-down",
     "dc3 is dead; the coordinator of dc2 restarts and learns it at once",
     1,
     0,
     12000,
     {{5000, SIM_HOST_CRASH, DC3, 0, 0},
      {8000, SIM_CRASH, DC2, 0, 0},
      {8500, SIM_START, DC2, 0, 0}}},
    {"freeze",
     "the coordinator of dc2 stands still for 4 s",
     1,
     0,
     18000,
     {{5000, SIM_FREEZE, DC2, 0, 4000}}},
};

bool
sim_story(struct sim *sim, const char *name)
{
    for (size_t i = 0; i < LOCUM_COUNT(stories); i++) {
        const struct story *story = &stories[i];
        if (strcmp(story->name, name) != 0) {
            continue;
        }
        sim_world_shape(sim, 1, 2, story->witnesses, story->sentinels);
        sim->end = story->end;
        for (size_t k = 0; k < STORY_FAULTS_MAX && story->fault[k].at > 0; k++) {
            const struct sim_fault *fault = &story->fault[k];
            sim_fault_add(sim, fault->at, fault->kind, fault->a, fault->b, fault->amount);
        }
        fprintf(sim->trace, "# %s\n", story->what);
        return true;
    }
    return false;
}

void
sim_story_list(FILE *out)
{
    for (size_t i = 0; i < LOCUM_COUNT(stories); i++) {
        fprintf(out, "%-20s %s\n", stories[i].name, stories[i].what);
    }
}
