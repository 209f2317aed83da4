#include "tests/bench/queries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIX_MAX = 32 };

struct mix {
    unsigned weight, type, rcode, answers;
    char name[128];
};

static struct mix mixes[MIX_MAX];
static uint32_t weights; /* their sum */
static uint32_t random_state = 1;

static uint32_t
random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

static void
make_query(struct query *query, const struct mix *mix, bool edns, bool dnssec, size_t cookie_length)
{
    uint8_t *at = query->bytes + 12;
    *query = (struct query){.rcode = mix->rcode, .answers = mix->answers};
    query->bytes[5] = 1;
    for (const char *label = mix->name; *label != 0;) {
        const size_t length = strcspn(label, ".");
        *at++ = (uint8_t)length;
        for (size_t i = 0; i < length; i++) {
            *at++ = (uint8_t)(label[i] == '?' ? 'a' + (int)random_below(26) : label[i]);
        }
        label += length + (label[length] == '.');
    }
    queries_put_u16(at + 1, mix->type);
    queries_put_u16(at + 3, 1);
    at += 5;
    query->question_length = (size_t)(at - query->bytes) - 12;
    if (edns) {
        enum { DO_AT = 7 };
        static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
        memcpy(at, opt, sizeof(opt));
        at[DO_AT] = dnssec ? 0x80 : 0;
        query->bytes[11] = 1;
        at += sizeof(opt);
    }
    if (cookie_length > 0) {
        at[-1] = (uint8_t)(4 + cookie_length);
        queries_put_u16(at, 10);
        queries_put_u16(at + 2, cookie_length);
        at += 4 + cookie_length;
    }
    query->length = (size_t)(at - query->bytes);
}

static int
by_length(const void *a, const void *b)
{
    const struct query *left = a, *right = b;
    return (left->length > right->length) - (left->length < right->length);
}

bool
queries_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    for (struct mix *mix = mixes; mix < mixes + MIX_MAX; mix++) {
        if (fscanf(file, "%u %99s %u %u %u", &mix->weight, mix->name, &mix->type, &mix->rcode,
                   &mix->answers) != 5) {
            break;
        }
        weights += mix->weight;
    }
    const bool whole = feof(file) != 0;
    (void)fclose(file);
    errno = EINVAL;
    return whole && weights > 0;
}

void
queries_make(struct query *ret, size_t count, bool edns, bool dnssec, size_t cookie_length,
             bool runs)
{
    for (size_t i = 0; i < count; i++) {
        const struct mix *mix = mixes;
        for (uint32_t drawn = count > 1 ? random_below(weights) : 0; drawn >= mix->weight; mix++) {
            drawn -= mix->weight;
        }
        make_query(&ret[i], mix, edns, dnssec, cookie_length);
    }
    for (size_t i = 0; runs && i + QUERIES_SHUFFLED <= count; i += QUERIES_SHUFFLED) {
        qsort(ret + i, QUERIES_SHUFFLED, sizeof(*ret), by_length);
    }
}
