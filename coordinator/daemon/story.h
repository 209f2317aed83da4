/*
 * story: the last events of this node, for GET /events; and the words of a core edge, the same for
 * log, story and the stream in Redis.
 */
#ifndef LOCUM_DAEMON_STORY_H
#define LOCUM_DAEMON_STORY_H

#include <jansson.h>

#include "base/log.h"
#include "core/step.h"
#include "daemon/vocabulary.h"

enum { LOCUM_STORY_FIELDS_MAX = 12, LOCUM_STORY_BYTES_MAX = 4096 };

/* An event as words; the values live in `buffer` or are static. */
struct locum_words {
    struct locum_field fields[LOCUM_STORY_FIELDS_MAX];
    size_t count;
    struct locum_text text; /* of buffer */
    char buffer[LOCUM_STORY_BYTES_MAX];
};

void locum_words_init(struct locum_words *self);
void locum_words_add(struct locum_words *self, const char *key, const char *value);

/*
 * The words of an edge (core/record), without `node` and `event`, and what they mean for an
 * operator.
 * ret_told  which event it is. Returns the level it is logged at.
 */
enum locum_level locum_words_of_edge(struct locum_words *self,
                                     const struct locum_core_config *config,
                                     const struct locum_event *edge, enum locum_told *ret_told);

struct locum_story;

struct locum_story *locum_story_create(void); /* NULL: out of memory */
void locum_story_destroy(struct locum_story *self);

/* Keep the newest `keep` (1 .. 100000) events from now on. */
void locum_story_keep(struct locum_story *self, size_t keep);

/* Add one; its id is its wall time, or one more than the last. Lack of memory: it is not kept. */
void locum_story_add(struct locum_story *self, locum_ms wall, const struct locum_field *fields,
                     size_t count);

/* Events of one answer: a client that wants all asks again, and holds up the loop in parts. */
enum { LOCUM_STORY_ANSWER_MAX = 1000 };

/*
 * {"events": [..], "next": id, "more": bool, "lost": id} of the first with an id > after;
 * *ret_count of them. next: to ask after for what comes behind them, of which there is some already
 * if `more`; lost: of the newest that is not kept any more, 0 if all are. New reference.
 */
json_t *locum_story_since(const struct locum_story *self, uint64_t after, size_t *ret_count);

#endif
